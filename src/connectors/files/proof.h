/* proof.h - what a file is known by, wherever it has been meanwhile: its length and a hash of its last bytes
 *
 * What this room is for: receipts name what was committed; a proof tells whether it still is that. Not the inode: a backup, a move
 *   or a power cut gives a file another one.
 * What must hold: the calls on descriptors and folders block: they are for off-loaded calls. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct part_proof {
	bool known, hashed; /* receipts of early versions have no hash */
	uint64_t length, tail;
};
/* Of a file's first `length` bytes. 0, or a negative errno; -ENODATA: it is shorter. */
MUST int proof_of(int fd, uint64_t length, struct part_proof *ret);
/* Of all that stands at a path; what is no regular file is -ENODATA, too. */
MUST int proof_at(int folder, const char *path, struct part_proof *ret);
bool proof_same(const struct part_proof *, const struct part_proof *);
/* "'NAME' is not as the last run left it", and what tells. */
void proof_tell_other(const char *name, const struct part_proof *was, const struct part_proof *now,
		      struct err *why);
/* "length":N,"tail":"H" */
MUST int proof_put(const struct part_proof *, struct buf *out);
bool proof_get(struct slice object, struct part_proof *ret);
/* A member of an object that is a number >= 0. */
bool proof_number(struct slice object, const char *key, uint64_t *ret);
