/* library.h - a library that is opened when it is wanted, not linked
 *
 * What this room is for: who reads no feed needs no libxml2, who names no PostgreSQL no libpq. Whoever uses one has a table of its
 *   functions, and this fills it: once a process, under the caller's pthread_once; a library is never closed.
 * What must hold: a library that lacks one of the calls is not used at all. */
#pragma once
#include <stddef.h>

struct library_call {
	const char *name;
	size_t at; /* its pointer's place in the table */
};
/* "libpq.so.5". NULL: the table is full. Else why not, to be put behind "libpq, which": static text, or `old`, which says it of a
 * library that has not all of them. */
const char *library_find(const char *file, const struct library_call *, size_t n, void *table,
			 const char *old);
