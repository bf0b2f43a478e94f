/* spill.c - records that rest go to files when memory gets short
 *
 * What this room is for: one task that is woken when more than half of the budget is used and something rests. It walks the
 *   unsettled records from the newest back, takes what rests until it has a file's worth, has it written off the loop, and
 *   puts the mapped bytes in the place of those in memory.
 *
 *   rests in memory --collect--> parcel --write, map--> arrived: the item has the record in the file
 *                                   |                                ^ nothing else changed
 *                                   `-- the item went on meanwhile --'  let go: it keeps what it has
 *
 * What flows through:    records, shared while they are written.
 * What must hold:
 *  (1) a file has no name from the start (O_TMPFILE) or loses it at once, and no descriptor once it is mapped: there is
 *      nothing to tidy up, whatever ends the process.
 *  (2) between collecting and arriving items may go on: they let go of their parcels first (track_let_go).
 *  (3) one file a time, at most FILE_BYTES and one record more. */
#include "engine/run/spill.h"

#include "engine/run/memory.h"
#include "engine/run/running.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/offload.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	FILE_BYTES = 4 << 20,
	FILES_MAX = 16384,      /* mappings at once: a process may have 65,530 */
	PARCEL_MIN = 256,       /* bytes: for less it is not worth it */
	QUEUED_MIN = 256 << 10, /* of what will soon be worked on */
};

/* ---- writing ---- */
struct job {
	const char *folder;
	const struct parcel *parcels;
	size_t n, bytes;
	void *at;
};

static int open_nameless(const char *folder)
{
	char name[4096];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd < 0 ? -errno : fd;
	int n = snprintf(name, sizeof name, "%s/.spill-XXXXXX", folder);
	if (n < 0 || (size_t)n >= sizeof name)
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC); /* 0600 */
	if (fd < 0 || unlink(name) == 0)
		return fd < 0 ? -errno : fd;
	int error = errno;
	(void)close(fd);
	return -error;
}

static int write_part(int fd, struct slice part, size_t at)
{
	while (part.n > 0) {
		ssize_t n = pwrite(fd, part.p, part.n, (off_t)at);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		part = slice_from(part, (size_t)n);
		at += (size_t)n;
	}
	return 0;
}

static int write_parcels(int fd, const struct job *job)
{
	size_t at = 0;
	for (size_t i = 0; i < job->n; i++) {
		const struct rec *rec = job->parcels[i].rec;
		for (size_t k = 0; k < rec_part_count(rec); k++) {
			struct slice part = rec_part(rec, k);
			int r = write_part(fd, part, at);
			if (r < 0)
				return r;
			at += part.n;
		}
	}
	return 0;
}

/* In a thread. */
static int write_and_map(void *arg)
{
	struct job *job = arg;
	int fd = open_nameless(job->folder);
	if (fd < 0)
		return fd;
	int r = write_parcels(fd, job);
	if (r == 0) {
		job->at = mmap(NULL, job->bytes, PROT_READ, MAP_SHARED, fd, 0);
		r = job->at == MAP_FAILED ? -errno : 0;
	}
	if (close(fd) < 0 && r == 0 && errno != EINTR) { /* some file systems say it only now */
		r = -errno;
		(void)munmap(job->at, job->bytes);
	}
	return r;
}

static size_t parts_bytes(const struct rec *rec)
{
	size_t n = 0;
	for (size_t i = 0; i < rec_part_count(rec); i++)
		n += rec_part(rec, i).n;
	return n;
}

int spill_write(const char *folder, const struct parcel *parcels, size_t n, struct shelf *shelf,
		struct pages **ret)
{
	struct job job = { .folder = folder, .parcels = parcels, .n = n };
	for (size_t i = 0; i < n; i++)
		job.bytes += parts_bytes(parcels[i].rec);
	int r = hk_offload(write_and_map, &job);
	if (r == 0)
		*ret = pages_new(job.at, job.bytes, shelf);
	return r;
}

/* ---- what rests ---- */
struct parcels {
	/* Those of a track beside each other; behind the last is one without a track */
	struct parcel *v;
	size_t n, cap, bytes;
};

static void parcels_done(struct parcels *p)
{
	for (size_t i = 0; i < p->n; i++)
		rec_unref(p->v[i].rec);
	free(p->v);
}

static void parcels_add(struct parcels *p, struct item *it, struct rec *shares, bool original)
{
	if (p->n + 1 >= p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->v = xrealloc(p->v, p->cap, sizeof *p->v);
	}
	p->v[p->n++] = (struct parcel){ it->track, it, rec_ref(shares), original };
	p->v[p->n] = (struct parcel){ 0 };
	p->bytes += parts_bytes(shares);
}

static void collect_rec(struct parcels *p, struct item *it, struct rec *rec, bool original)
{
	size_t least = it->state == ITEM_MOVING ? QUEUED_MIN : PARCEL_MIN;
	if (rec && parts_bytes(rec) >= least)
		parcels_add(p, it, rec, original);
}

static void collect_item(struct parcels *p, struct item *it)
{
	struct rec *original = it->parent ? NULL : it->track->original;
	if (it->state == ITEM_MOVING && !it->resting)
		return;
	collect_rec(p, it, original, true);
	if (it->rec != original)
		collect_rec(p, it, it->rec, false);
}

static void collect(const struct ledger *l, struct parcels *p)
{
	for (struct track *t = l->last; t && t != l->first && p->bytes < FILE_BYTES; t = t->prev) {
		if (t->ready)
			continue;
		struct item *it = &t->root;
		for (; it && p->bytes < FILE_BYTES; it = item_next(it))
			collect_item(p, it);
	}
	/* Only now: adding moves them. */
	for (size_t i = p->n; i-- > 0;)
		p->v[i].track->parcel = &p->v[i];
}

/* ---- from memory to the file ---- */
static void arrive(struct ledger *l, struct parcels *p, struct pages *pages)
{
	size_t at = 0;
	for (size_t i = 0; i < p->n; i++) {
		struct parcel *one = &p->v[i];
		size_t n = parts_bytes(one->rec);
		if (one->item) {
			one->track->parcel = NULL;
			parcel_arrived(l, one, rec_moved(one->rec, pages, at));
		}
		at += n;
	}
}

static void let_go(struct parcels *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].item)
			track_let_go(p->v[i].track);
}

/* 1: a file was written, 0: nothing rests, -1 with *err. */
static int spill_some(struct run *run, struct err *err) SUSPENDS
{
	AUTO(parcels_done) struct parcels p = { 0 };
	struct spill *s = &run->spill;
	struct pages *pages = NULL;
	s->rested = 0;
	if (s->now.files >= (s->no_more_files ? s->files_max : FILES_MAX))
		return 0;
	collect(&run->ledger, &p);
	if (p.n == 0)
		return 0;
	int r = spill_write(s->folder, p.v, p.n, &s->now, &pages);
	if (r < 0) {
		let_go(&p);
		s->no_more_files |= r == -ENOMEM; /* or mappings: it stays in memory */
		s->files_max = s->now.files;
		if (r == -ECANCELED || r == -ENOMEM)
			return 0;
		return fail_errno(err, FAULT_IO, r,
				  "'%s': cannot write what memory has no room for", s->folder);
	}
	arrive(&run->ledger, &p, pages);
	pages_unref(pages);
	if (p.bytes >= FILE_BYTES)
		s->rested += 1; /* there may be more */
	s->bytes += p.bytes;
	s->files++;
	return 1;
}

static bool is_short(const struct run *run)
{
	return run->ledger.bytes > run->memory.most / 2;
}

static void spill_all(struct run *run) SUSPENDS
{
	struct err err = { 0 };
	int r = 1;
	run->spill.busy = true;
	while (r > 0 && is_short(run) && !run->work_ended) {
		r = spill_some(run, &err);
		memory_look(run);
		run_wake_source(run);
	}
	run->spill.busy = false;
	if (r < 0)
		run_abort(run, RUN_FAILED, &err);
	memory_look(run);
}

int spill_main(void *arg)
{
	struct run *run = arg;
	while (!run->work_ended) {
		if (hk_event_wait(&run->spill.look) < 0)
			return 0;
		hk_event_clear(&run->spill.look);
		spill_all(run);
	}
	return 0;
}

/* ---- when ---- */
bool spill_helps(struct run *run)
{
	struct spill *s = &run->spill;
	if (s->busy)
		return true;
	if (s->rested == 0 || !is_short(run) || run->work_ended)
		return false;
	s->busy = true; /* from now on: nobody is to think that nothing moves */
	hk_event_set(&s->look);
	return true;
}

void spill_rested(struct run *run, const struct item *it)
{
	struct spill *s = &run->spill;
	s->rested += it->charged;
	if (s->rested > run->memory.most / 64 && is_short(run))
		(void)spill_helps(run);
}
