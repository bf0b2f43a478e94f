/* crc32c.h - the checksum of object stores (Castagnoli's polynomial; RFC 3720 appendix B.4, x-goog-hash, x-amz-checksum-crc32c)
 *
 * What must hold: both ways of computing it, the processor's and the table's, give the same; which one is chosen is nobody's business. */
#pragma once
#include "base/buf.h"

enum { CRC32C_BYTES = 4 };

/* Of all that was added so far, 0 at first: crc32c(crc32c(0, a), b) is that of a and b in a row. */
uint32_t crc32c(uint32_t so_far, struct slice);
/* Without the processor's help, for machines that have none, and for the test that holds them against each other. */
uint32_t crc32c_by_table(uint32_t so_far, struct slice);
/* The whole at once: of much data on a thread, so that the loop goes on. 0, -ECANCELED. */
MUST int crc32c_whole(struct slice, uint32_t *ret) SUSPENDS;

/* Eight lower-case digits; base64 of the four bytes, the highest first, as the services write it. */
MUST int crc32c_put_hex(uint32_t, struct buf *out);
MUST int crc32c_put_base64(uint32_t, struct buf *out);
