/* parts_disk.c - the manifest on disk, renames, and what a crash left behind
 *
 * What this room is for: generations of manifests: a run begins its own, a resumed run begins one of what was committed, and a long
 *   run begins one when the last has become long. Receipts name the generation.
 * What flows through:    lines into .hocket-HASH-N.parts; parts between NAME.part and NAME.
 * What must hold:
 *  (1) a generation is whole and synced, name and all, before a receipt speaks of it; an older one stays until that receipt is saved.
 *  (2) who writes an output holds its manifest's lock. */
#include "base/banned.h"
#include "base/json.h"
#include "io/beneath.h"
#include "connectors/files/parts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- names ----------------------------------------------------------------------------------- */

int parts_put_manifest_name(const struct parts *ps, unsigned generation, struct buf *out)
{
	buf_clear(out);
	return buf_printf(out, ".hocket-%08" PRIx32 "-%u.parts", ps->family, generation);
}

static bool is_of_family(const struct parts *ps, const char *file, unsigned *ret)
{
	char head[40];
	int n = snprintf(head, sizeof(head), ".hocket-%08" PRIx32 "-", ps->family);
	struct slice s = slice_str(file);
	*ret = 0;
	if (!slice_starts(s, slice_str(head)) || !slice_ends(s, S(".parts")))
		return false;
	for (const char *p = file + n; *p >= '0' && *p <= '9' && *ret < 100000000; p++)
		*ret = *ret * 10 + (unsigned)(*p - '0');
	return *ret > 0;
}

static int fail_folder(const struct parts *ps, int why, const char *doing, struct err *err)
{
	return fail_errno(err, FAULT_IO, why, "cannot %s '%s'", doing, ps->folder);
}

static int fail_manifest(const struct parts *ps, unsigned generation, int why, const char *doing,
			 struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (parts_put_manifest_name(ps, generation, &name) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return fail_errno(err, FAULT_IO, why, "cannot %s '%s/%s'", doing, ps->folder, name.p);
}

int parts_each_manifest(struct parts *ps, parts_manifest_fn *fn, void *arg, struct err *err)
{
	unsigned generation;
	int r = 0, fd = openat(ps->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return fail_folder(ps, -errno, "list", err);
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (is_of_family(ps, e->d_name, &generation))
			r = fn(ps, e->d_name, generation, arg, err);
	closedir(dir);
	return r;
}

static int drop_other(struct parts *ps, const char *file, unsigned generation, void *arg,
		      struct err *err)
{
	(void)arg;
	if (generation != ps->generation && unlinkat(ps->root, file, 0) < 0 && errno != ENOENT)
		return fail_errno(err, FAULT_IO, -errno, "cannot remove '%s/%s'", ps->folder, file);
	return 0;
}

int parts_drop_manifests(struct parts *ps, struct err *err)
{
	return parts_each_manifest(ps, drop_other, NULL, err);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int write_all(int fd, struct slice bytes, uint64_t at)
{
	while (bytes.n) {
		ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (uint64_t)n;
		bytes = slice_from(bytes, (size_t)n);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int parts_write_lines(struct parts *ps, struct err *err)
{
	if (ps->lines.n == 0)
		return 0;
	int r = write_all(ps->fd, buf_slice(&ps->lines), ps->end);
	if (r < 0)
		return fail_manifest(ps, ps->generation, r, "write to", err);
	ps->end += ps->lines.n;
	buf_clear(&ps->lines);
	return 0;
}

static int put_committed(struct parts *ps, struct buf *out)
{
	int r = manifest_put_head(out);
	if (ps->header_told)
		r = r < 0 ? r : manifest_put_header(buf_slice(&ps->header), out);
	for (size_t i = 0; i < ps->n && r == 0; i++) {
		struct part *p = ps->all[i];
		r = manifest_put_part(p, out);
		if (p->committed)
			r = r < 0 ? r : manifest_put_counts(p, out);
		if (p->opened || p->place == PART_HANDED)
			r = r < 0 ? r
				  : manifest_put_word(p, p->opened ? "opened" : "published", out);
	}
	return r;
}

static int open_generation(struct parts *ps, unsigned generation, int *ret, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (parts_put_manifest_name(ps, generation, &name) < 0)
		return fail(err, FAULT_IO, "out of memory");
	int fd =
		openat(ps->root, name.p, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return fail_manifest(ps, generation, -errno, "write to", err);
	*ret = fd;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	(void)close(fd); /* nothing was written */
	return fail(err, FAULT_CONFIG, "the files in '%s' are being written by another program",
		    ps->folder);
}

int parts_begin_manifest(struct parts *ps, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = 1u << 30 };
	int fd = -1;
	if (put_committed(ps, &text) < 0)
		return fail(err, FAULT_IO, "the manifest of '%s' is too large", ps->folder);
	if (open_generation(ps, ps->generation + 1, &fd, err) < 0)
		return -1;
	int r = write_all(fd, buf_slice(&text), 0);
	r = r == 0 && fsync(ps->root) < 0 ? -errno : r;
	if (r < 0) {
		(void)close(fd); /* of no use */
		return fail_manifest(ps, ps->generation + 1, r, "write to", err);
	}
	if (ps->fd >= 0)
		(void)close(ps->fd); /* all that counts was synced */
	ps->superseded = ps->fd >= 0 ? ps->generation : 0;
	ps->fd = fd;
	ps->generation++;
	ps->length = ps->end = ps->compact = text.n;
	ps->named = false;
	return 0;
}

int parts_put_receipt(struct parts *ps, struct buf *out, struct err *err)
{
	struct part_proof proof;
	int r = proof_of(ps->fd, ps->length, &proof);
	if (r < 0)
		return fail_manifest(ps, ps->generation, r, "read back", err);
	buf_clear(out);
	r = buf_printf(out, "{\"manifest\":%u,\"parts\":%zu,", ps->generation, ps->n);
	r = r < 0 ? r : proof_put(&proof, out);
	r = r < 0 ? r : buf_add_char(out, '}');
	return r < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
}

/* ---- renames --------------------------------------------------------------------------------- */

/* `new` must not lose a race for the name; file systems without RENAME_NOREPLACE were checked before. */
static int rename_there(int folder, const char *from, const char *to, bool over)
{
	if (!over && renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!over && errno != EINVAL && errno != ENOSYS)
		return -errno;
	return renameat(folder, from, folder, to) < 0 ? -errno : 0;
}

static bool may_replace(const struct parts *ps, const struct part *p, int folder, const char *file)
{
	struct part_proof now;
	if (ps->mode == PART_REPLACE)
		return true;
	/* After a power cut a renamed file may have both names. */
	return proof_at(folder, file, &now) == 0 &&
	       (proof_same(&now, &p->over) || (p->committed && proof_same(&now, &p->proof)));
}

static int rename_part(struct parts *ps, struct part *p, const char *suffix, bool back,
		       struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 }, part = { 0 };
	const char *file;
	int folder = part_folder(ps, p, true, &name, &file);
	if (folder < 0)
		return parts_fault(ps, p, folder, "rename", err);
	int r = buf_printf(&part, "%s%s", file, suffix ? suffix : ".part");
	if (r == 0 && back)
		r = rename_there(folder, file, part.p, true);
	else if (r == 0)
		r = rename_there(folder, part.p, file, may_replace(ps, p, folder, file));
	(void)close(folder); /* only looked into */
	if (r == -EEXIST)
		return fail(err, FAULT_CONFIG,
			    "'%s/%s' was made by somebody else meanwhile; the output is '%s' there",
			    ps->folder, name.p, part.p);
	return r < 0 ? parts_fault(ps, p, r, "rename", err) : 0;
}

int part_rename(struct parts *ps, struct part *p, const char *suffix, struct err *err)
{
	return rename_part(ps, p, suffix, false, err);
}

int part_take_back(struct parts *ps, struct part *p, struct err *err)
{
	return rename_part(ps, p, NULL, true, err);
}

int parts_unlink(struct parts *ps, const struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	const char *file;
	int folder = part_folder(ps, p, false, &name, &file);
	if (folder == -ENOENT)
		return 0;
	if (folder < 0)
		return parts_fault(ps, p, folder, "remove", err);
	int r = unlinkat(folder, file, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (ps->staged && r == 0 && (r = buf_add(&name, S(".new"))) == 0)
		r = unlinkat(folder, name.p + beneath_head(name.p), 0) < 0 && errno != ENOENT
			    ? -errno
			    : 0;
	(void)close(folder); /* only looked into */
	return r < 0 ? parts_fault(ps, p, r, "remove", err) : 0;
}
