/* media.h - what kind of thing a file is, by its name */
#pragma once
#include "base/slice.h"

/* "application/pdf" of "a/b.pdf"; empty: the ending says nothing. */
struct slice media_of_name(struct slice name);
