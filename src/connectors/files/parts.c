/* parts.c - rounds of an output of many files: begin, enter, write, sync; and its end
 *
 * What this room is for: see parts.h. Each call is one off-loaded call, however many files it touches.
 * What flows through:    text in pieces, each for one part; a receipt out of each sync.
 * What must hold:
 *  (1) `have` changes when all of a round is synced, parts and manifest; until then `then` is what will be.
 *  (2) the table is touched by one side at a time: by the loop, or by an off-loaded call while the loop's task waits for it.
 *  (3) what depends on a saved receipt (publishing a part, removing a manifest) waits until the engine says that it is. */
#include "connectors/files/parts.h"
#include "base/banned.h"
#include "base/hash.h"
#include "io/beneath.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/offload.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void parts_init(struct parts *ps, const struct files_name *files, enum part_mode mode, bool rotated)
{
	const char *end = files->path + files->folder;
	if (!files->name)
		end = strrchr(files->path, '/');
	uint64_t hash = hash_end(hash_add(HASH_START, slice_str(end)));
	*ps = (struct parts){ .mode = mode, .rotated = rotated, .root = -1, .fd = -1 };
	ps->folder = xstrndup(files->path, (size_t)(end - files->path));
	ps->family = (uint32_t)(hash ^ hash >> 32);
	ps->publishes = rotated && mode != PART_REPLACE;
	ps->header = (struct buf){ .max = 1u << 20 };
	ps->lines = (struct buf){ .max = 256u << 20 };
}

void parts_done(struct parts *ps)
{
	parts_free_table(ps);
	if (ps->folder && ps->root >= 0)
		(void)close(ps->root);
	if (ps->folder && ps->fd >= 0)
		(void)close(ps->fd); /* all that counts was synced */
	free(take(ps->folder));
	free(take(ps->ripe));
	buf_done(&ps->header);
	buf_done(&ps->lines);
	*ps = (struct parts){ .root = -1, .fd = -1 };
}

struct job {
	struct parts *ps;
	struct err *err;
	struct series *first;
	struct part *one;
	struct slice text;
	const struct parts_piece *pieces;
	size_t n;
	struct buf *receipt;
	bool saved;
};

int parts_off(int (*fn)(void *), void *job, struct parts *ps, struct err *own, struct err *ret)
{
	int r = hk_offload(fn, job);
	if (r < 0 && own->fault == FAULT_NONE)
		r = fail_errno(own, FAULT_IO, r, "cannot write to '%s'", ps->folder);
	if (ret && r < 0)
		*ret = *own;
	return r < 0 ? -1 : 0;
}

/* 0; -1 with *err: the job's own, or that it never ran. */
static int off(int (*fn)(void *), struct job *job) SUSPENDS
{
	struct err own = { 0 }, *err = job->err;
	job->err = &own;
	return parts_off(fn, job, job->ps, &own, err);
}

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

/* ---- each folder is synced once -------------------------------------------------------------- */

struct folders { /* of these parts */
	const struct part **parts;
	size_t n, cap;
};

static void folder_add(struct folders *f, const struct part *p)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->parts = xrealloc(f->parts, f->cap, sizeof(struct part *));
	}
	f->parts[f->n++] = p;
}

static struct slice folder_of(const struct part *p)
{
	return (struct slice){ p->of->key, beneath_head(p->of->key) };
}

static int by_folder(const void *a, const void *b)
{
	return slice_cmp(folder_of(*(const struct part *const *)a),
			 folder_of(*(const struct part *const *)b));
}

static int sync_folder(struct parts *ps, const struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	const char *file;
	int fd = part_folder(ps, p, true, &name, &file);
	int r = fd < 0 ? fd : fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		(void)close(fd); /* synced */
	if (r == -ENOENT && p->place == PART_HANDED)
		return 0; /* taken away, with its folder */
	return r < 0 ? parts_fault(ps, p, r, "make durable the name of", err) : 0;
}

static int folders_sync(struct parts *ps, struct folders *f, struct err *err)
{
	int r = 0;
	if (f->n)
		qsort(f->parts, f->n, sizeof(struct part *), by_folder);
	for (size_t i = 0; i < f->n && r == 0; i++)
		if (i == 0 || by_folder(&f->parts[i - 1], &f->parts[i]) != 0)
			r = sync_folder(ps, f->parts[i], err);
	return r;
}

static void folders_done(struct folders *f)
{
	free(f->parts);
}

/* ---- a part is made -------------------------------------------------------------------------- */

static int refuse_part(struct parts *ps, const struct part *p, enum fault fault, const char *why,
		       struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	ps->failed = p;
	if (part_put_name(p, &name) < 0)
		return fail_memory(err);
	return fail(err, fault, "'%s/%s' %s", ps->folder, name.p, why);
}

/* "a" cannot be a file when "a/b" is one. */
static bool is_beneath_part(struct parts *ps, const char *key)
{
	for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/'))
		if (parts_find(ps, (struct slice){ key, (size_t)(slash - key) }))
			return true;
	return false;
}

static int look_at_end(struct parts *ps, struct part *p, int folder, const char *file,
		       struct err *err)
{
	char last = '\n';
	if (ps->packed || p->base == 0)
		return 0;
	int fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : pread(fd, &last, 1, (off_t)p->base - 1);
	int why = errno;
	if (fd >= 0)
		(void)close(fd); /* only read */
	p->newline = last != '\n';
	return n < 0 ? parts_fault(ps, p, -why, "read", err) : 0;
}

/* What stands at NAME, before anything is made there. */
static int look_in(struct parts *ps, struct part *p, int folder, const char *file, struct err *err)
{
	struct stat st;
	bool there = fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && errno != ENOENT)
		return parts_fault(ps, p, -errno, "look at", err);
	if (there && S_ISDIR(st.st_mode))
		return refuse_part(ps, p, FAULT_BAD_VALUE, "is a folder", err);
	if (there && !S_ISREG(st.st_mode) && (!S_ISLNK(st.st_mode) || parts_direct(ps)))
		return refuse_part(ps, p, FAULT_BAD_VALUE, "is not a regular file", err);
	if (there && ps->mode == PART_NEW && !ps->beside)
		return refuse_part(
			ps, p, FAULT_CONFIG,
			"exists already; `mode: replace` or `mode: append` would write to it", err);
	p->direct = parts_direct(ps);
	p->made = parts_direct(ps) && !there;
	p->base = parts_direct(ps) && there ? (uint64_t)st.st_size : 0;
	bool added_to = ps->beside || (ps->staged && ps->mode == PART_APPEND);
	p->copied = there && added_to && !parts_direct(ps);
	return look_at_end(ps, p, folder, file, err);
}

static int look_at_part(struct parts *ps, struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	const char *file;
	if (is_beneath_part(ps, p->of->key))
		return refuse_part(ps, p, FAULT_BAD_VALUE,
				   "would stand in a folder that is a file of this output", err);
	int folder = part_folder(ps, p, true, &name, &file);
	if (folder == -ENOTDIR || folder == -ELOOP || folder == -ENAMETOOLONG)
		return refuse_part(ps, p, FAULT_BAD_VALUE,
				   "cannot be there: a part of its path is a file, or a link", err);
	if (folder < 0)
		return parts_fault(ps, p, folder, "make the folder of", err);
	int r = look_in(ps, p, folder, file, err);
	(void)close(folder); /* only looked into */
	return r;
}

/* A full one is not written to any more. */
static bool needs_entering(const struct part *p)
{
	return p->place != PART_OPEN && !p->full;
}

/* Its line goes to the manifest first. */
static int announce(struct parts *ps, struct part *p, struct err *err)
{
	int r = 0;
	if (!needs_entering(p))
		return 0;
	if (p->place == PART_NONE && !p->begun) {
		if (look_at_part(ps, p, err) < 0)
			return -1;
		parts_note_begun(ps, p);
		r = manifest_put_part(p, &ps->lines);
	} else if (p->place == PART_KEPT && !p->opened) {
		r = manifest_put_word(p, "opened", &ps->lines);
		p->opened = true;
	}
	return r < 0 ? fail_memory(err) : 0;
}

static int copy_all(int from, int to, uint64_t *length)
{
	AUTO(freep) char *block = xmalloc(1u << 20);
	for (uint64_t at = 0; at < *length;) {
		uint64_t left = *length - at;
		ssize_t n = pread(from, block, left < 1u << 20 ? left : 1u << 20, (off_t)at);
		if (n == 0)
			*length = at;
		ssize_t put = n > 0 ? pwrite(to, block, (size_t)n, (off_t)at) : n;
		if (put < 0)
			return -errno;
		at += (uint64_t)put;
	}
	return fsync(to) < 0 ? -errno : 0;
}

/* NAME becomes the beginning of NAME.part; readers of NAME see nothing of it until the end. */
static int copy_part(struct parts *ps, struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct part_proof now = { 0 };
	const char *file;
	int folder = part_folder(ps, p, true, &name, &file);
	int from = folder < 0 ? -1 : openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = folder < 0 ? folder : from < 0 ? -errno : proof_at(folder, file, &now);
	uint64_t length = now.length;
	if (r == 0 && p->place == PART_KEPT && !proof_same(&now, &p->proof))
		r = refuse_part(ps, p, FAULT_IO,
				"is not as the last run left it; --fresh starts over", err);
	else
		r = r < 0 || ps->staged ? r : copy_all(from, p->fd, &length);
	if (from >= 0)
		(void)close(from); /* only read */
	if (folder >= 0)
		(void)close(folder); /* only looked into */
	if (r < 0)
		return err->fault ? -1 : parts_fault(ps, p, r, "copy", err);
	p->over = now;
	if (ps->staged)
		length = 0; /* what is staged is what comes in addition */
	p->have.length = p->then.length = p->highest = length;
	return 0;
}

static int make_part(struct parts *ps, struct part *p, struct err *err)
{
	bool existing = parts_direct(ps) && !p->made;
	bool copied = p->copied || p->place == PART_KEPT;
	if (!needs_entering(p))
		return 0;
	if (p->place == PART_WHOLE) {
		p->place = PART_OPEN;
		return part_take_back(ps, p, err);
	}
	if (part_open_file(ps, p, existing ? 0 : O_CREAT | O_EXCL, err) < 0) {
		if (err->code == EEXIST)
			refuse_part(ps, p, FAULT_CONFIG,
				    "cannot be written: its .part is there already, and is not of "
				    "this output; move it away",
				    err);
		return -1;
	}
	p->fresh = true;
	p->have.length = p->then.length = p->highest = p->base;
	if (copied && copy_part(ps, p, err) < 0)
		return -1;
	p->place = PART_OPEN;
	return 0;
}

static int name_first(struct parts *ps, struct series *s, struct err *err)
{
	uint32_t number = ps->rotated ? 1 : 0;
	bool behind = ps->rotated && (ps->mode == PART_APPEND || ps->beside);
	if (s->now)
		return 0;
	if (behind && parts_next_number(ps, s->key, &number, err) < 0)
		return -1;
	s->now = s->stable = series_add(s, number);
	return 0;
}

static int enter_job(void *arg)
{
	struct job *job = arg;
	struct parts *ps = job->ps;
	for (struct series *s = job->first; s; s = s->next_this_round)
		if (name_first(ps, s, job->err) < 0)
			return -1;
	for (struct series *s = job->first; s; s = s->next_this_round)
		if (announce(ps, s->now, job->err) < 0)
			return -1;
	if (parts_write_lines(ps, job->err) < 0)
		return -1;
	for (struct series *s = job->first; s; s = s->next_this_round)
		if (make_part(ps, s->now, job->err) < 0)
			return -1;
	return 0;
}

int parts_enter(struct parts *ps, struct series *first, struct err *err)
{
	struct job job = { .ps = ps, .first = first, .err = err };
	bool todo = false;
	for (struct series *s = first; s; s = s->next_this_round)
		todo |= !s->now || needs_entering(s->now);
	return todo ? off(enter_job, &job) : 0;
}

static int next_job(void *arg)
{
	struct job *job = arg;
	struct part *p = job->one;
	if (announce(job->ps, p, job->err) < 0 || parts_write_lines(job->ps, job->err) < 0)
		return -1;
	return make_part(job->ps, p, job->err);
}

int parts_next(struct parts *ps, struct series *s, struct err *err)
{
	ASSERT(ps->rotated && s->now);
	struct job job = { .ps = ps, .one = s->now->next, .err = err };
	if (!job.one)
		job.one = series_add(s, s->now->number + 1);
	if (job.one->place != PART_OPEN && off(next_job, &job) < 0)
		return -1;
	s->now = job.one;
	return 0;
}

/* ---- a round --------------------------------------------------------------------------------- */

/* What an earlier round wrote and did not sync is cut off. */
static int undo(struct parts *ps, struct err *err)
{
	for (struct part *p; (p = ps->touched);) {
		if (p->highest > p->have.length) {
			if (part_open_file(ps, p, 0, err) < 0)
				return -1;
			if (ftruncate(p->fd, (off_t)p->have.length) < 0)
				return parts_fault(ps, p, -errno, "cut", err);
		}
		p->then = p->have;
		p->highest = p->have.length;
		p->of->now = p->of->stable;
		p->full = p->touched = false;
		ps->touched = p->next_touched;
	}
	return 0;
}

static int publish_all(struct parts *ps, struct err *err)
{
	AUTO(folders_done) struct folders f = { 0 };
	int r = 0;
	for (size_t i = 0; i < ps->ripe_count && r == 0; i++)
		r = manifest_put_word(ps->ripe[i], "published", &ps->lines);
	if (r < 0)
		return fail_memory(err);
	r = parts_write_lines(ps, err);
	for (size_t i = 0; i < ps->ripe_count && r == 0; i++) {
		r = part_close(ps, ps->ripe[i], err);
		r = r < 0 ? r : part_rename(ps, ps->ripe[i], NULL, err);
		folder_add(&f, ps->ripe[i]);
		ps->ripe[i]->place = PART_HANDED;
	}
	ps->ripe_count = r < 0 ? ps->ripe_count : 0;
	return r < 0 ? r : folders_sync(ps, &f, err);
}

static int drop_superseded(struct parts *ps, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (parts_put_manifest_name(ps, ps->superseded, &name) < 0)
		return fail_memory(err);
	if (unlinkat(ps->root, name.p, 0) < 0 && errno != ENOENT)
		return fail_errno(err, FAULT_IO, -errno, "cannot remove '%s/%s'", ps->folder,
				  name.p);
	ps->superseded = 0;
	return 0;
}

static int begin_job(void *arg)
{
	struct job *job = arg;
	struct parts *ps = job->ps;
	if (undo(ps, job->err) < 0)
		return -1;
	if (!job->saved)
		return 0;
	if (ps->ripe_count && publish_all(ps, job->err) < 0)
		return -1;
	if (ps->superseded && ps->named && drop_superseded(ps, job->err) < 0)
		return -1;
	/* Each part has a line for each commit that touched it; now and then they are too many. */
	if (!ps->superseded && ps->length > 4 * ps->compact + (4u << 20))
		return parts_begin_manifest(ps, job->err);
	return 0;
}

int parts_begin(struct parts *ps, bool saved, struct err *err)
{
	struct job job = { .ps = ps, .saved = saved, .err = err };
	bool due = saved &&
		   (ps->ripe_count || ps->superseded || ps->length > 4 * ps->compact + (4u << 20));
	ASSERT(ps->fd >= 0);
	ps->round++;
	ps->failed = NULL;
	return ps->touched || due ? off(begin_job, &job) : 0;
}

void parts_touch(struct parts *ps, struct part *p)
{
	if (p->touched)
		return;
	p->touched = true;
	p->next_touched = ps->touched;
	ps->touched = p;
}

static int write_at_end(struct parts *ps, struct part *p, struct slice bytes, struct err *err)
{
	if (part_open_file(ps, p, 0, err) < 0)
		return -1;
	p->dirty = true;
	while (bytes.n) {
		uint64_t end = p->then.length + bytes.n;
		p->highest = end > p->highest ? end : p->highest;
		ssize_t n = pwrite(p->fd, bytes.p, bytes.n, (off_t)p->then.length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return parts_fault(ps, p, -errno, "write to", err);
		p->then.length += (uint64_t)n;
		bytes = slice_from(bytes, (size_t)n);
	}
	return 0;
}

static int write_job(void *arg)
{
	struct job *job = arg;
	for (size_t i = 0; i < job->n; i++) {
		const struct parts_piece *piece = &job->pieces[i];
		struct part *p = piece->part;
		struct slice bytes = slice_head(slice_from(job->text, piece->from), piece->n);
		bool first = p->newline && p->then.length == p->base;
		ASSERT(p->touched);
		if ((first && write_at_end(job->ps, p, S("\n"), job->err) < 0) ||
		    write_at_end(job->ps, p, bytes, job->err) < 0)
			return -1;
	}
	return 0;
}

int parts_write(struct parts *ps, struct slice text, const struct parts_piece *pieces, size_t n,
		struct err *err)
{
	struct job job = { .ps = ps, .text = text, .pieces = pieces, .n = n, .err = err };
	return n ? off(write_job, &job) : 0;
}

/* ---- sync ------------------------------------------------------------------------------------ */

static int sync_part(struct parts *ps, struct part *p, struct err *err)
{
	if (part_open_file(ps, p, 0, err) < 0)
		return -1;
	ASSERT(p->highest == p->then.length);
	if (part_sync(ps, p, err) < 0)
		return -1;
	int r = proof_of(p->fd, p->then.length, &p->proof);
	if (r < 0)
		return parts_fault(ps, p, r, "read back from", err);
	return manifest_put_counts(p, &ps->lines) < 0 ? fail_memory(err) : 0;
}

static void keep_round(struct parts *ps)
{
	for (struct part *p; (p = ps->touched); ps->touched = p->next_touched) {
		p->touched = p->fresh = false;
		p->committed = true;
		p->have = p->then;
		p->of->stable = p->of->now;
		if (!p->full || !ps->publishes)
			continue;
		ps->ripe = xrealloc(ps->ripe, ps->ripe_count + 1, sizeof(struct part *));
		ps->ripe[ps->ripe_count++] = p;
	}
}

static int sync_touched(struct parts *ps, struct err *err)
{
	AUTO(folders_done) struct folders f = { 0 };
	int r = parts_sync_open(ps, err);
	for (struct part *p = ps->touched; p && r == 0; p = p->next_touched) {
		r = sync_part(ps, p, err);
		if (p->fresh)
			folder_add(&f, p);
	}
	return r < 0 ? r : folders_sync(ps, &f, err);
}

static int sync_job(void *arg)
{
	struct job *job = arg;
	struct parts *ps = job->ps;
	ASSERT(ps->lines.n == 0);
	bool header = ps->header.n && !ps->header_told;
	if (header && manifest_put_header(buf_slice(&ps->header), &ps->lines) < 0)
		return fail_memory(job->err);
	if (sync_touched(ps, job->err) < 0 || parts_write_lines(ps, job->err) < 0) {
		buf_clear(&ps->lines);
		return -1;
	}
	ps->length = ps->end;
	ps->header_told |= header;
	ps->named = true;
	keep_round(ps);
	return parts_put_receipt(ps, job->receipt, job->err);
}

int parts_sync(struct parts *ps, struct buf *receipt, struct err *err)
{
	struct job job = { .ps = ps, .receipt = receipt, .err = err };
	return off(sync_job, &job);
}

/* ---- the end --------------------------------------------------------------------------------- */

static int check_base(struct parts *ps, struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct part_proof now = { 0 };
	const char *file;
	int folder = part_folder(ps, p, true, &name, &file);
	bool same = folder >= 0 && proof_at(folder, file, &now) == 0 && proof_same(&now, &p->over);
	if (folder >= 0)
		(void)close(folder); /* only looked into */
	return same ? 0
		    : refuse_part(ps, p, FAULT_CONFIG,
				  "was changed by somebody else meanwhile; --fresh starts over",
				  err);
}

/* NAME.part.new is made, known by a line, renamed to NAME, and NAME.part goes: a crash at any place between is finished later, and
 * nothing is made of the same text twice. */
static int make_staged(struct parts *ps, struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 }, path = { 0 };
	if (part_put_name(p, &name) < 0 ||
	    buf_printf(&path, "%s/%s.part.new", ps->folder, name.p) < 0)
		return fail_memory(err);
	if (p->over.known && check_base(ps, p, err) < 0)
		return -1;
	if (ps->staged(ps, p, path.p, err) < 0)
		return -1;
	int r = proof_at(AT_FDCWD, path.p, &p->result);
	if (r < 0)
		return parts_fault(ps, p, r, "read back what was made of", err);
	if (manifest_put_result(p, &ps->lines) < 0)
		return fail_memory(err);
	if (parts_write_lines(ps, err) < 0 || part_rename(ps, p, ".part.new", err) < 0)
		return -1;
	p->proof = p->result;
	return parts_unlink(ps, p, err);
}

/* Also taken back: it is as far as the commits went, and no further. */
static int finish_part(struct parts *ps, struct part *p, struct folders *f, struct err *err)
{
	bool committed = p->committed || p->over.known;
	if (p->place != PART_OPEN && p->fresh) /* renamed before a crash, and not synced */
		folder_add(f, p);
	if (p->place != PART_OPEN)
		return 0;
	if (part_close(ps, p, err) < 0)
		return -1;
	if (!committed && (!parts_direct(ps) || p->made)) {
		p->place = PART_NONE;
		return parts_unlink(ps, p, err);
	}
	if (parts_direct(ps))
		return 0;
	if ((ps->staged ? make_staged(ps, p, err) : part_rename(ps, p, NULL, err)) < 0)
		return -1;
	p->place = ps->staged ? PART_KEPT : PART_WHOLE;
	folder_add(f, p);
	return 0;
}

static int finish_job(void *arg)
{
	struct job *job = arg;
	struct parts *ps = job->ps;
	AUTO(folders_done) struct folders f = { 0 };
	int r = undo(ps, job->err);
	for (size_t i = 0; i < ps->n && r == 0; i++)
		r = finish_part(ps, ps->all[i], &f, job->err);
	r = r < 0 ? r : folders_sync(ps, &f, job->err);
	if (r == 0 && ps->rotated && ps->mode == PART_REPLACE && !ps->beside)
		r = parts_drop_leftovers(ps, job->err);
	return r < 0 ? r : parts_drop_manifests(ps, job->err);
}

int parts_finish(struct parts *ps, struct err *err)
{
	struct job job = { .ps = ps, .err = err };
	return off(finish_job, &job);
}
