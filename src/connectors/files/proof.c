/* proof.c - lengths and tails of files
 *
 * What this room is for: see proof.h.
 * What flows through:    the last 4 KiB of a file in, a length and a hash out, and both as members of a JSON object.
 * What must hold:        nothing is read but those bytes: a proof of a large file costs as little as one of a small file, and does
 *   not see what was changed in its middle. */
#include "connectors/files/proof.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/units.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES 4096u

static int read_back(int fd, char *to, size_t n, uint64_t at)
{
	size_t have = 0;
	while (have < n) {
		ssize_t got = pread(fd, to + have, n - have, (off_t)(at + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		have += (size_t)got;
	}
	return 0;
}

int proof_of(int fd, uint64_t length, struct part_proof *ret)
{
	char tail[TAIL_BYTES];
	size_t n = length < sizeof(tail) ? (size_t)length : sizeof(tail);
	int r = read_back(fd, tail, n, length - n);
	if (r < 0)
		return r;
	uint64_t hash = hash_end(hash_add(HASH_START, (struct slice){ tail, n }));
	*ret = (struct part_proof){ .known = true, .hashed = true, .length = length, .tail = hash };
	return 0;
}

int proof_at(int folder, const char *path, struct part_proof *ret)
{
	struct stat st;
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENODATA;
	r = r < 0 ? r : proof_of(fd, (uint64_t)st.st_size, ret);
	(void)close(fd); /* only read */
	return r;
}

bool proof_same(const struct part_proof *a, const struct part_proof *b)
{
	return a->known && b->known && a->length == b->length &&
	       (!a->hashed || !b->hashed || a->tail == b->tail);
}

void proof_tell_other(const char *name, const struct part_proof *was, const struct part_proof *now,
		      struct err *why)
{
	if (!now->known)
		fail(why, FAULT_CONFIG, "'%s' is not a file any more", name);
	else if (now->length != was->length)
		fail(why, FAULT_CONFIG,
		     "'%s' is not as the last run left it (%" PRIu64 " bytes, and it had %" PRIu64
		     ")",
		     name, now->length, was->length);
	else
		fail(why, FAULT_CONFIG,
		     "'%s' is not as the last run left it (as long as it was, with another end)",
		     name);
}

int proof_put(const struct part_proof *p, struct buf *out)
{
	return buf_printf(out, "\"length\":%" PRIu64 ",\"tail\":\"%016" PRIx64 "\"", p->length,
			  p->tail);
}

bool proof_number(struct slice object, const char *key, uint64_t *ret)
{
	struct slice raw;
	int64_t n;
	if (!json_field(object, slice_str(key), &raw) || units_int(raw, &n) < 0 || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

bool proof_get(struct slice object, struct part_proof *ret)
{
	AUTO(buf_done) struct buf text = { .max = 64 };
	struct slice raw;
	if (!proof_number(object, "length", &ret->length))
		return false;
	ret->known = true;
	ret->hashed = json_field(object, S("tail"), &raw);
	if (!ret->hashed)
		return true;
	if (json_type(raw) != JSON_STRING || json_unquote(raw, &text) < 0 || text.n != 16)
		return false;
	ret->tail = strtoull(text.p, NULL, 16);
	return true;
}
