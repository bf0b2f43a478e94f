/* memory.h - how much memory our own code holds: now, and at most since it was asked
 *
 * What must hold: counted are malloc and its kin in everything linked statically here, that is, in the product and the tests; not
 *   what OpenSSL and zlib take for themselves, which is bounded by how many of their streams there are. */
#pragma once
#include <stddef.h>

void memory_watch(void);  /* from here on */
size_t memory_peak(void); /* bytes above what was held when the watch began */
