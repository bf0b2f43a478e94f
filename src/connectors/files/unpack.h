/* unpack.h - a compressed file, read as the text in it
 *
 * What this room is for: gzip and zstd files as input: text at an offset, as if the file were not compressed.
 * What must hold: (1) an offset of the text gives the same bytes each time; going back begins at the file's beginning. (2) members
 *   that follow each other (cat a.gz b.gz) are one text. (3) a file that is damaged, cut off, or has other bytes behind its
 *   end is never read as if it were whole. (4) a frame of zstd that needs a window above 8 MiB is refused. */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <sys/types.h>

enum packing { PACKING_AUTO, PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };
extern const char *const packing_words[]; /* for an OPT_ENUM */

/* What the name or the first bytes say; NONE: neither does. */
enum packing packing_of_name(struct slice path);
enum packing packing_of_head(struct slice head);

struct unpack;
struct unpack *unpack_new(int fd, enum packing); /* borrows fd; GZIP or ZSTD; NULL: out of memory */
void unpack_free(struct unpack *);               /* accepts NULL */
/* How much of the file was decoded: behind the end of the text, its length as it was then. */
uint64_t unpack_taken(const struct unpack *);
/* Text from an offset on: n bytes, fewer only at the end, 0 there. -1 with *err, after all text before the damage was read;
 * `path` is for the message. */
ssize_t unpack_read(struct unpack *, void *to, size_t n, uint64_t at, const char *path,
		    struct err *) SUSPENDS;
