/* beneath.h - files whose names come from data: beneath their folder, whatever the data says
 *
 * What this room is for: `out/\(.day).jsonl` lets a record name a file. The name is relative, goes down only, and no link on its
 *   way is followed: as openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), one folder after the other, on every kernel.
 * What must hold: (1) beneath_check touches no world. (2) the other calls block: they are for off-loaded calls. (3) a folder that was
 *   made is durable when the call returns. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* Is it a name that may be used? -1 with FAULT_BAD_VALUE. `room`: bytes that are put behind it. */
MUST int beneath_check(struct slice name, size_t room, struct err *);
/* The folder itself, and all above it that is missing. A descriptor, or a negative errno. */
MUST int beneath_open(const char *folder);
/* Opens the folder in which `name` stands; *ret_last: what is left of the name there. A descriptor to close, or a negative errno;
 * -ENOTDIR, -ELOOP: something on the way is a file or a link. */
MUST int beneath_folder(int root, const char *name, bool make, const char **ret_last);
/* How much of the name is folders, with the last '/'. */
size_t beneath_head(const char *name);
