/* parts_resume.c - going on with an output of many files: what is committed stays, what is not is removed
 *
 * What this room is for: after a kill, a stop, a finished run, or for the first time: the table is made from the manifest that the
 *   receipt names, each part is cut back to what is committed, and what was begun and never committed goes.
 * What flows through:    a receipt and manifests in; parts as the receipt knows them, and a new generation of the manifest.
 * What must hold:
 *  (1) only what a manifest names is removed, and only as NAME.part, or as a NAME that we made and had not committed to.
 *  (2) a crash in the middle of this is resumed by the same receipt: its manifest stays until the next receipt is saved.
 *  (3) a part that is shorter than committed, or ends otherwise, was changed by somebody else: refused. */
#include "base/banned.h"
#include "base/json.h"
#include "io/beneath.h"
#include "connectors/files/parts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hocket/offload.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX (1u << 30)

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

/* ---- reading a manifest ---------------------------------------------------------------------- */

struct was { /* a receipt */
	uint64_t generation;
	struct part_proof manifest;
};

static int read_receipt(const struct parts *ps, struct slice text, struct was *ret, struct err *err)
{
	*ret = (struct was){ 0 };
	if (json_check(text, NULL) == 0 && proof_number(text, "manifest", &ret->generation) &&
	    proof_get(text, &ret->manifest) && ret->generation <= UINT32_MAX)
		return 0;
	return fail(err, FAULT_CONFIG,
		    "the state's receipt for '%s' makes no sense: '%.*s'; --fresh starts over",
		    ps->folder, SLICE(slice_head(text, 80)));
}

static int read_text(int fd, struct buf *ret)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	int r = buf_reserve(ret, (size_t)st.st_size);
	while (r == 0 && ret->n < (size_t)st.st_size) {
		ssize_t n = pread(fd, ret->p + ret->n, (size_t)st.st_size - ret->n, (off_t)ret->n);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buf_added(ret, (size_t)n);
	}
	return r;
}

/* Opened and locked, all of it appended. A descriptor, -1 with *err. */
static int open_manifest(struct parts *ps, const char *file, struct buf *text, struct err *err)
{
	int fd = openat(ps->root, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail_errno(err, errno == ENOENT ? FAULT_CONFIG : FAULT_IO, -errno,
				  "cannot open '%s/%s', which lists the files of an earlier run "
				  "(put it back, or start over with --fresh)",
				  ps->folder, file);
	int r = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
	r = r < 0 ? r : read_text(fd, text);
	if (r == 0)
		return fd;
	(void)close(fd); /* only read */
	if (r == -EBUSY)
		return fail(err, FAULT_CONFIG,
			    "the files in '%s' are being written by another program", ps->folder);
	return fail_errno(err, FAULT_IO, r, "cannot read '%s/%s'", ps->folder, file);
}

/* The manifest as the receipt knows it: the table of ps. The descriptor becomes ps->fd. */
static int read_committed(struct parts *ps, const struct was *was, struct buf *text,
			  struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct part_proof now = { 0 };
	if (parts_put_manifest_name(ps, (unsigned)was->generation, &name) < 0)
		return fail_memory(err);
	ps->fd = open_manifest(ps, name.p, text, err);
	if (ps->fd < 0)
		return -1;
	int r = proof_of(ps->fd, was->manifest.length, &now);
	if (r < 0 || !proof_same(&now, &was->manifest))
		return fail(err, FAULT_IO,
			    "'%s/%s' is not as the last run left it; somebody has changed it. "
			    "--fresh starts over",
			    ps->folder, name.p);
	if (manifest_read(ps, slice_head(buf_slice(text), was->manifest.length), true, err) < 0)
		return -1;
	ps->header_told = ps->header.n > 0;
	manifest_read_results(ps, slice_from(buf_slice(text), was->manifest.length));
	return 0;
}

static void like(const struct parts *ps, struct parts *ret)
{
	*ret = (struct parts){ .folder = ps->folder,
			       .mode = ps->mode,
			       .rotated = ps->rotated,
			       .staged = ps->staged,
			       .endless = ps->endless,
			       .root = ps->root,
			       .fd = -1 };
	ret->header = (struct buf){ .max = ps->header.max };
}

static void unlike(struct parts *other)
{
	parts_free_table(other);
	buf_done(&other->header);
}

/* ---- what was never committed ---------------------------------------------------------------- */

static struct part *find_part(const struct parts *ps, const struct part *like)
{
	struct series *s = parts_find(ps, slice_str(like->of->key));
	struct part *p = s ? s->first : NULL;
	while (p && p->number != like->number)
		p = p->next;
	return p;
}

/* Directly: what was begun at the end of somebody's file is cut off. */
static int cut_stray(struct parts *ps, struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	const char *file;
	if (p->place == PART_KEPT)
		return 0; /* whole */
	if (p->made)
		return parts_unlink(ps, p, err);
	int folder = part_folder(ps, p, true, &name, &file);
	int fd = folder < 0 ? -1 : openat(folder, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int r = folder < 0 ? folder : fd < 0 ? -errno : 0;
	struct stat st;
	if (r == 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size > p->base)
		r = ftruncate(fd, (off_t)p->base) < 0 ? -errno : 0;
	if (fd >= 0)
		(void)close(fd); /* cut again when that gets lost */
	if (folder >= 0)
		(void)close(folder); /* only looked into */
	return r < 0 && r != -ENOENT ? parts_fault(ps, p, r, "cut", err) : 0;
}

/* known: what is committed of the same output; NULL: nothing is. */
static int drop_strays(struct parts *ps, struct slice text, const struct parts *known, bool stopped,
		       struct err *err)
{
	AUTO(unlike) struct parts all;
	int r = 0;
	like(ps, &all);
	if (manifest_read(&all, text, false, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n && r == 0; i++) {
		const struct part *p = known ? find_part(known, all.all[i]) : NULL;
		bool has_part = p && p->committed && p->place != PART_KEPT;
		all.endless = all.all[i]->direct; /* as it was then */
		if (!has_part && !parts_direct(&all))
			r = parts_unlink(&all, all.all[i], err);
		else if (!has_part && known && !stopped)
			r = cut_stray(&all, all.all[i], err);
	}
	return r;
}

struct others {
	uint64_t but; /* the generation that is gone on with */
	unsigned highest;
};

/* A run that nobody goes on with. */
static int drop_abandoned(struct parts *ps, const char *file, unsigned generation, void *arg,
			  struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = MANIFEST_MAX };
	struct others *o = arg;
	o->highest = generation > o->highest ? generation : o->highest;
	if (generation == o->but)
		return 0;
	int fd = open_manifest(ps, file, &text, err);
	if (fd < 0)
		return -1;
	(void)close(fd); /* only read */
	return drop_strays(ps, buf_slice(&text), ps, true, err);
}

/* ---- what is committed ----------------------------------------------------------------------- */

static int refuse(struct parts *ps, const struct part *p, enum fault fault, const char *why,
		  struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (part_put_name(p, &name) < 0)
		return fail_memory(err);
	return fail(err, fault, "'%s/%s%s' %s; --fresh starts over", ps->folder, name.p,
		    parts_direct(ps) ? "" : ".part", why);
}

/* Its .part is gone: finish renamed it before a crash, or somebody took it away. */
static int find_whole(struct parts *ps, struct part *p, bool optional, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct part_proof now = { 0 };
	const char *file;
	int folder = part_folder(ps, p, true, &name, &file);
	const struct part_proof *want = ps->staged ? &p->result : &p->proof;
	bool ours = folder >= 0 && proof_at(folder, file, &now) == 0 && proof_same(&now, want);
	if (folder >= 0)
		(void)close(folder); /* only looked into */
	if (!ours && optional)
		return 0;
	if (!ours)
		return refuse(ps, p, FAULT_CONFIG, "which an unfinished run was writing, is gone",
			      err);
	p->place = ps->staged ? PART_KEPT : PART_WHOLE;
	p->fresh = true;
	p->proof = *want;
	return 0;
}

/* What others have appended since we stopped in order. */
static int leave_theirs(struct parts *ps, struct part *p, uint64_t size, struct err *err)
{
	char last = '\n';
	int r = pread(p->fd, &last, 1, (off_t)size - 1) < 0 ? -errno : 0;
	r = r < 0 ? r : proof_of(p->fd, size, &p->proof);
	p->newline = !ps->packed && last != '\n';
	p->base = p->have.length = p->highest = size;
	p->then = p->have;
	return r < 0 ? parts_fault(ps, p, r, "read", err) : 0;
}

static int cut_back(struct parts *ps, struct part *p, bool stopped, struct err *err)
{
	struct part_proof now = { 0 };
	struct stat st;
	if (fstat(p->fd, &st) < 0)
		return parts_fault(ps, p, -errno, "look at", err);
	uint64_t size = (uint64_t)st.st_size;
	if (size < p->have.length)
		return refuse(ps, p, FAULT_IO,
			      "is shorter than what was committed; somebody has cut it", err);
	int r = proof_of(p->fd, p->have.length, &now);
	if (r < 0)
		return parts_fault(ps, p, r, "read", err);
	if (!proof_same(&now, &p->proof))
		return refuse(ps, p, FAULT_IO,
			      "is not as the unfinished run left it; somebody has changed it", err);
	if (stopped && (p->direct || parts_direct(ps)) && size > p->have.length)
		return leave_theirs(ps, p, size, err);
	if (size > p->have.length && ftruncate(p->fd, (off_t)p->have.length) < 0)
		return parts_fault(ps, p, -errno, "cut", err);
	p->then = p->have;
	p->highest = p->have.length;
	return 0;
}

/* The run had an end to come to when it began this: its NAME.part gets its name now, if finish has not given it. */
static int take_name(struct parts *ps, struct part *p, struct err *err)
{
	if (!parts_direct(ps) || p->direct || ps->mode == PART_APPEND)
		return 0;
	p->fresh = true;
	if (part_rename(ps, p, NULL, err) < 0 && err->code != ENOENT)
		return -1;
	*err = (struct err){ 0 };
	return 0;
}

/* It had none, and has one now. What is as it should be stays where it is. */
static int give_name_back(struct parts *ps, struct part *p, bool stopped, struct err *err)
{
	if (find_whole(ps, p, true, err) < 0)
		return -1;
	if (p->place != PART_OPEN)
		return 0;
	p->fresh = true;
	if (part_take_back(ps, p, err) < 0 || part_open_file(ps, p, 0, err) < 0)
		return -1;
	return cut_back(ps, p, stopped, err);
}

static int settle_open(struct parts *ps, struct part *p, bool stopped, struct err *err)
{
	if (take_name(ps, p, err) < 0)
		return -1;
	if (part_open_file(ps, p, 0, err) == 0)
		return cut_back(ps, p, stopped, err);
	if (err->code != ENOENT || parts_direct(ps))
		return -1;
	*err = (struct err){ 0 };
	return p->direct ? give_name_back(ps, p, stopped, err) : find_whole(ps, p, false, err);
}

/* Published, as the manifest says: unless a crash came between. */
static int settle_handed(struct parts *ps, struct part *p, struct err *err)
{
	p->fresh = true;
	if (part_rename(ps, p, NULL, err) < 0 && err->code != ENOENT)
		return -1;
	*err = (struct err){ 0 };
	return 0;
}

static int settle(struct parts *ps, struct part *p, bool stopped, struct err *err)
{
	if (p->place == PART_HANDED)
		return settle_handed(ps, p, err);
	if (p->place == PART_KEPT &&
	    parts_direct(ps)) { /* what a run made that had an end is written on */
		p->place = PART_OPEN;
		p->direct = true;
		return settle_open(ps, p, true, err);
	}
	if (p->place != PART_OPEN)
		return 0;
	/* Made of its .part and renamed already: only that is left to be removed. */
	if (ps->staged && p->result.known && find_whole(ps, p, true, err) < 0)
		return -1;
	if (p->place == PART_KEPT)
		return parts_unlink(ps, p, err);
	if (settle_open(ps, p, stopped, err) < 0)
		return -1;
	if (p->full && ps->publishes && p->place == PART_OPEN) {
		ps->ripe = xrealloc(ps->ripe, ps->ripe_count + 1, sizeof(struct part *));
		ps->ripe[ps->ripe_count++] = p;
	}
	return 0;
}

/* What is not committed begins anew: its line is not taken over into the next generation. */
static void forget_uncommitted(struct parts *ps)
{
	size_t n = 0;
	for (size_t i = 0; i < ps->n; i++) {
		struct part *p = ps->all[i];
		p->begun = p->committed;
		p->opened = false;
		p->of->stable = p->committed || p == p->of->first ? p : p->of->stable;
		p->of->now = p->of->stable;
		if (!p->committed)
			continue;
		p->id = (uint32_t)n;
		ps->all[n++] = p;
	}
	ps->n = n;
}

static void keep_finished(struct parts *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct part *p = ps->all[i];
		if (p->place != PART_HANDED)
			p->place = parts_direct(ps) ? PART_OPEN : PART_KEPT;
		p->direct = parts_direct(ps);
		p->then = p->have;
		p->highest = p->have.length;
		p->over = (struct part_proof){ 0 };
		p->proof = ps->staged ? p->result : p->proof;
	}
}

/* ---- resume ---------------------------------------------------------------------------------- */

struct job {
	struct parts *ps;
	struct resumption *r;
	struct slice receipt;
	struct err *err;
	int stands;
};

static int resume_again(struct parts *ps, const struct was *was, bool stopped, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = MANIFEST_MAX };
	if (read_committed(ps, was, &text, err) < 0)
		return -1;
	forget_uncommitted(ps);
	if (drop_strays(ps, buf_slice(&text), ps, stopped, err) < 0)
		return -1;
	for (size_t i = 0; i < ps->n; i++) {
		if (settle(ps, ps->all[i], stopped, err) < 0)
			return -1;
		ps->all[i]->direct = parts_direct(ps);
	}
	return 0;
}

static int resume_more(struct parts *ps, const struct was *was, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = MANIFEST_MAX };
	if (read_committed(ps, was, &text, err) < 0)
		return -1;
	(void)close(ps->fd); /* only read */
	ps->fd = -1;
	forget_uncommitted(ps);
	keep_finished(ps);
	return 0;
}

static int resume_job(void *arg)
{
	struct job *job = arg;
	struct parts *ps = job->ps;
	const struct resumption *r = job->r;
	bool last = r->receipt.n && r->more; /* the last run's; else this run's own */
	bool again = r->receipt.n && (last ? r->beside && r->stopped : !r->first);
	bool more = last && !again && ps->mode != PART_APPEND;
	struct was was = { 0 };
	ps->beside = r->beside;
	ps->root = beneath_open(ps->folder);
	if (ps->root < 0)
		return fail_errno(job->err, FAULT_IO, ps->root, "cannot open the folder '%s'",
				  ps->folder);
	if ((again || more) && read_receipt(ps, buf_slice(&r->receipt), &was, job->err) < 0)
		return -1;
	if (again && resume_again(ps, &was, r->stopped, job->err) < 0)
		return -1;
	if (more && resume_more(ps, &was, job->err) < 0)
		return -1;
	struct others others = { .but = again ? was.generation : 0 };
	if (parts_each_manifest(ps, drop_abandoned, &others, job->err) < 0)
		return -1;
	ps->generation = others.highest;
	if (parts_begin_manifest(ps, job->err) < 0)
		return -1;
	ps->superseded = again && !last ? (unsigned)was.generation : 0;
	ps->named = true; /* the receipt is saved before the first round begins */
	return parts_put_receipt(ps, &job->r->receipt, job->err);
}

int parts_resume(struct parts *ps, struct resumption *r, struct err *err)
{
	struct err own = { 0 };
	struct job job = { .ps = ps, .r = r, .err = &own };
	return parts_off(resume_job, &job, ps, &own, err);
}

/* ---- does it still stand? -------------------------------------------------------------------- */

static int stand_part(struct parts *ps, const struct part *p, struct err *why)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct part_proof now = { 0 };
	const char *file;
	if (p->place == PART_HANDED || !p->committed)
		return 1;
	int folder = part_folder(ps, p, true, &name, &file);
	int r = folder < 0 ? folder : proof_at(folder, file, &now);
	if (folder >= 0)
		(void)close(folder); /* only looked into */
	if (r < 0 && r != -ENOENT && r != -ENODATA && r != -ENOTDIR)
		return fail_errno(why, FAULT_IO, r, "cannot read '%s/%s'", ps->folder, name.p);
	const struct part_proof *want = ps->staged ? &p->result : &p->proof;
	if (r == 0 && (p->have.length == 0 || proof_same(&now, want)))
		return 1;
	if (r == -ENOENT || r == -ENOTDIR)
		fail(why, FAULT_CONFIG, "'%s' is gone", name.p);
	else
		proof_tell_other(name.p, want, &now, why);
	return 0;
}

static int stand_job(void *arg)
{
	struct job *job = arg;
	struct parts *ps = job->ps;
	AUTO(buf_done) struct buf text = { .max = MANIFEST_MAX };
	struct was was;
	job->stands = 0;
	ps->root = open(ps->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ps->root < 0)
		return fail(job->err, FAULT_CONFIG, "the folder '%s' is gone", ps->folder), 0;
	if (read_receipt(ps, job->receipt, &was, job->err) < 0 ||
	    read_committed(ps, &was, &text, job->err) < 0)
		return 0;
	job->stands = 1;
	for (size_t i = 0; i < ps->n && job->stands > 0; i++)
		job->stands = stand_part(ps, ps->all[i], job->err);
	return 0;
}

int parts_stand(struct parts *ps, struct slice receipt, struct err *why)
{
	struct parts look;
	struct job job = { .ps = &look, .receipt = receipt, .err = why };
	if (ps->mode == PART_APPEND)
		return 1;
	like(ps, &look);
	look.family = ps->family;
	look.root = -1;
	int r = hk_offload(stand_job, &job);
	if (look.root >= 0)
		(void)close(look.root); /* only looked into */
	if (look.fd >= 0)
		(void)close(look.fd); /* only read */
	unlike(&look);
	return r < 0 ? fail_errno(why, FAULT_IO, r, "cannot look into '%s'", ps->folder)
		     : job.stands;
}

/* ---- numbers --------------------------------------------------------------------------------- */

int parts_next_number(struct parts *ps, const char *key, uint32_t *ret, struct err *err)
{
	const char *last;
	uint32_t number;
	int fd = beneath_folder(ps->root, key, true, &last);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	*ret = 1;
	if (!dir)
		return fail_errno(err, fd < 0 ? FAULT_BAD_VALUE : FAULT_IO, fd < 0 ? fd : -errno,
				  "cannot list the folder of '%s/%s'", ps->folder, key);
	for (struct dirent *e; (e = readdir(dir));)
		if (part_number_of(key, e->d_name, &number) && number >= *ret)
			*ret = number + 1;
	closedir(dir);
	return 0;
}

static int drop_leftover(struct parts *ps, struct part *p, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct part_proof now = { 0 };
	const char *file;
	int folder = part_folder(ps, p, true, &name, &file);
	if (folder < 0)
		return 0;
	bool ours = proof_at(folder, file, &now) == 0 && proof_same(&now, &p->proof);
	int r = ours && unlinkat(folder, file, 0) < 0 ? -errno : 0;
	(void)close(folder); /* only looked into */
	return r < 0 ? parts_fault(ps, p, r, "remove", err) : 0;
}

static int drop_left_of(struct parts *ps, const char *file, unsigned generation, void *arg,
			struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = MANIFEST_MAX };
	AUTO(unlike) struct parts other;
	int r = 0;
	(void)arg;
	like(ps, &other);
	if (generation == ps->generation)
		return 0;
	int fd = open_manifest(ps, file, &text, err);
	if (fd < 0)
		return -1;
	(void)close(fd); /* only read */
	if (manifest_read(&other, buf_slice(&text), false, err) < 0)
		return -1;
	for (size_t i = 0; i < other.n && r == 0; i++) {
		struct part *p = other.all[i];
		if (p->committed && parts_find(ps, slice_str(p->of->key)) && !find_part(ps, p))
			r = drop_leftover(&other, p, err);
	}
	return r;
}

int parts_drop_leftovers(struct parts *ps, struct err *err)
{
	return parts_each_manifest(ps, drop_left_of, NULL, err);
}
