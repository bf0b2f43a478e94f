/* banned.h - the functions of libc that this house does not use
 *
 * What this room is for: turning STYLE.md's list into compile errors. Each of them is unbounded, keeps hidden
 *   state, or swallows errors: buf_printf, units_int, base/rand.h, clock_put_utc and hk_signal_open replace them.
 * How it gets there:     lang.h includes it, so every file has it. The system headers that declare the banned names
 *   come first, here, so that poisoning cannot hurt them.
 * What must hold:        names that are also ordinary nouns (struct rand, a field called signal) stay usable: for those
 *   only the call is an error. alloca and VLAs are refused by -Walloca and -Wvla: libfyaml's macros mention alloca. */
#pragma once
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With _FORTIFY_SOURCE and on some systems these are macros. */
#undef strcpy
#undef strcat
#undef sprintf
#undef strncpy
#pragma GCC poison strcpy strcat sprintf strncpy strtok atoi strtol gets localtime gmtime ctime

#undef rand
#undef signal
#undef system
#define rand(...)   banned_use_base_rand_h
#define signal(...) banned_use_hk_signal_open
#define system(...) banned_use_an_argv
