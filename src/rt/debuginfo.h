/* debuginfo.h - what an address of code is called, and which line of source it is
 *
 * Life cycle: open for one report, close behind it: what was read is given back, and libraries loaded later are seen.
 * What must hold: without libdw, or without debug information, names come from the dynamic symbols and lines are missing. */
#pragma once
#include "base/buf.h"

struct debuginfo;
struct debuginfo *debuginfo_open(void); /* NULL: no libdw here; the others accept it */
void debuginfo_close(struct debuginfo *);
void debuginfo_closep(struct debuginfo **);

/* One function at an address. */
struct code_place {
	const char *function; /* NULL: unknown */
	const char
		*file; /* NULL: unknown, then offset says where in the function, or in the object */
	int line;
	const char *object; /* when the function is unknown; NULL: that too */
	size_t offset;
};

/* The function that holds the instruction, after those that the compiler has put into it (inlined), the innermost first: at
 * least one. For a return address, give the byte before it. Borrows, until close. */
size_t debuginfo_places(struct debuginfo *, const void *code, struct code_place *ret, size_t most);
/* "fetch_page (pages.c:33)", "fetch_page+0x1a", "libc.so.6+0x8c123", "0x7f00" */
MUST int code_place_put(struct buf *, const struct code_place *);
