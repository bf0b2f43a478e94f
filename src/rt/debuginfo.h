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

/* "fetch_page" of an address inside of it; NULL: unknown. Borrows, until close. */
const char *debuginfo_function(struct debuginfo *, const void *code);
/* "fetch_page (pages.c:33)", "fetch_page+0x1a", "libc.so.6+0x8c123". For a return address, give the byte before it. */
MUST int debuginfo_put(struct buf *, struct debuginfo *, const void *code);
