/* switch.h - leaving one stack for another: the only assembly of the house
 *
 * What this room is for: a context is code that is not running; all that is left of it is a stack pointer, its
 *   registers lie on its stack. context_switch() puts the caller into that form and takes another out of it.
 * What must hold: (1) only the registers that a called function must keep are saved. (2) rounding mode and FP
 *   exception masks belong to the thread, not to the fiber: who changes them puts them back before it suspends. */
#pragma once
#include "base/lang.h"

/* Leaves the caller's context in *save and goes on in `to`. Returns when somebody switches to *save. */
void context_switch(void **save, void *to);

/* A context that calls entry(arg) on the stack that ends at top (16-byte aligned). entry never returns. */
void *context_make(char *top, void (*entry)(void *arg), void *arg);

/* Calls fn(arg) on the caller's stack in such a way that an unwinder which climbs out of it finds not the caller but the
 * context that was left at sp, as if that had called fn. How the calls of a parked fiber are listed without running it. */
void context_walk(const void *sp, void (*fn)(void *arg), void *arg);

/* Where the stack ends here and now: whatever lies below is dead, however the compiler has merged functions. */
__attribute__((always_inline)) static inline void *context_stack_end(void)
{
	void *sp;
#if defined(__x86_64__)
	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#elif defined(__aarch64__)
	__asm__ volatile("mov %0, sp" : "=r"(sp));
#endif
	return sp;
}

bool context_is_new(const void *sp); /* made, and nobody has switched to it yet */
