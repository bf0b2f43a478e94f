/* media.h - what kind of thing a file is, by its name */
#pragma once
#include "base/slice.h"

/* "application/pdf" of "a/b.pdf"; empty: the ending says nothing. */
struct slice media_of_name(struct slice name);
/* "pdf" of "application/pdf", of several the longest: "html"; empty: none is known. */
struct slice media_ending(struct slice type);
/* The type itself, unless it says no more than that there are bytes: then what the name says, which may be nothing. */
struct slice media_or_name(struct slice type, struct slice name);
