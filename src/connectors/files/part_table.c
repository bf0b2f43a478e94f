/* part_table.c - series and their parts: found by name, opened within a limit, named on disk
 *
 * What this room is for: the table of parts.h, and the few descriptors that thousands of parts share.
 * What flows through:    names in, parts out; descriptors that come and go.
 * What must hold:
 *  (1) a part's name on disk is its series' key with its number before the extension; a table is never asked by that name.
 *  (2) who closes a part with unsynced bytes syncs it first: a later sync of the same file would not tell of a failed write. */
#include "base/banned.h"
#include "base/hash.h"
#include "io/beneath.h"
#include "connectors/files/parts.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A disk gathers what is asked of it at once; below a few files threads are not worth it. */
enum { SYNC_THREADS = 16, SYNC_FEW = 24 };

bool parts_direct(const struct parts *ps)
{
	return (ps->mode == PART_APPEND || ps->endless) && !ps->rotated && !ps->staged;
}

int parts_fault(struct parts *ps, const struct part *p, int why, const char *doing, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	ps->failed = p;
	if (part_put_name(p, &name) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return fail_errno(err, FAULT_IO, why, "cannot %s '%s/%s'", doing, ps->folder, name.p);
}

/* ---- series ---------------------------------------------------------------------------------- */

static uint64_t hash_of(struct slice key)
{
	return hash_end(hash_add(HASH_START, key));
}

static void grow_table(struct parts *ps)
{
	size_t n = ps->slot_count ? ps->slot_count * 2 : 256;
	struct series **slots = xcalloc(n, sizeof(struct series *));
	for (size_t i = 0; i < ps->slot_count; i++)
		for (struct series *s = ps->slots[i], *next; s; s = next) {
			next = s->next_in_slot;
			struct series **slot = &slots[hash_of(slice_str(s->key)) % n];
			s->next_in_slot = *slot;
			*slot = s;
		}
	free(ps->slots);
	ps->slots = slots;
	ps->slot_count = n;
}

struct series *parts_find(const struct parts *ps, struct slice key)
{
	struct series *s = ps->slot_count ? ps->slots[hash_of(key) % ps->slot_count] : NULL;
	while (s && !slice_eq_str(key, s->key))
		s = s->next_in_slot;
	return s;
}

struct series *parts_series(struct parts *ps, struct slice key)
{
	struct series *s = parts_find(ps, key);
	if (s || ps->series_count >= PARTS_MOST)
		return s;
	if (ps->series_count >= ps->slot_count)
		grow_table(ps);
	struct series **slot = &ps->slots[hash_of(key) % ps->slot_count];
	s = xcalloc(1, sizeof(*s));
	*s = (struct series){ .key = xstrndup(key.p, key.n), .next_in_slot = *slot };
	ps->series_count++;
	return *slot = s;
}

struct part *series_add(struct series *s, uint32_t number)
{
	struct part *p = xcalloc(1, sizeof(*p)), **last = &s->first;
	*p = (struct part){ .of = s, .number = number, .fd = -1 };
	while (*last)
		last = &(*last)->next;
	return *last = p;
}

void parts_note_begun(struct parts *ps, struct part *p)
{
	p->begun = true;
	p->id = (uint32_t)ps->n;
	if (ps->n == ps->cap) {
		ps->cap = ps->cap ? ps->cap * 2 : 64;
		ps->all = xrealloc(ps->all, ps->cap, sizeof(struct part *));
	}
	ps->all[ps->n++] = p;
}

static void series_free(struct series *s)
{
	for (struct part *p = s->first, *next; p; p = next) {
		next = p->next;
		if (p->fd >= 0)
			(void)close(p->fd); /* all that counts was synced */
		free(p);
	}
	free(s->key);
	free(s);
}

void parts_free_table(struct parts *ps)
{
	for (size_t i = 0; i < ps->slot_count; i++)
		for (struct series *s = ps->slots[i], *next; s; s = next) {
			next = s->next_in_slot;
			series_free(s);
		}
	free(take(ps->slots));
	free(take(ps->all));
	ps->slot_count = ps->series_count = ps->n = ps->cap = ps->open_count = 0;
	ps->newest = ps->oldest = ps->touched = NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Where the extension begins: ".jsonl", ".csv.gz". */
static size_t stem_of(const char *key)
{
	size_t head = beneath_head(key), n = strlen(key), end = n;
	if (slice_ends(slice_str(key), S(".gz")))
		end = n - 3;
	for (size_t i = end; i-- > head + 1;)
		if (key[i] == '.')
			return i;
	return end > head ? end : n;
}

int part_put_name(const struct part *p, struct buf *out)
{
	const char *key = p->of->key;
	size_t stem = stem_of(key);
	if (p->number == 0)
		return buf_printf(out, "%s", key);
	return buf_printf(out, "%.*s-%05" PRIu32 "%s", (int)stem, key, p->number, key + stem);
}

bool part_number_of(const char *key, const char *file, uint32_t *ret)
{
	size_t head = beneath_head(key), stem = stem_of(key) - head;
	struct slice name = slice_str(file);
	uint64_t number = 0;
	if (slice_ends(name, S(".part")))
		name.n -= 5;
	if (name.n < stem + 6 || memcmp(file, key + head, stem) != 0 || file[stem] != '-' ||
	    !slice_ends(name, slice_str(key + head + stem)))
		return false;
	for (size_t i = stem + 1; i < name.n - strlen(key + head + stem); i++) {
		if (file[i] < '0' || file[i] > '9' || number > UINT32_MAX / 10)
			return false;
		number = number * 10 + (uint64_t)(file[i] - '0');
	}
	*ret = (uint32_t)number;
	return true;
}

int part_folder(struct parts *ps, const struct part *p, bool final, struct buf *name,
		const char **ret_file)
{
	buf_clear(name);
	int r = part_put_name(p, name);
	if (r == 0 && !final && !parts_direct(ps))
		r = buf_add(name, S(".part"));
	return r < 0 ? r : beneath_folder(ps->root, name->p, !p->begun, ret_file);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void unlist(struct parts *ps, struct part *p)
{
	*(p->newer ? &p->newer->older : &ps->newest) = p->older;
	*(p->older ? &p->older->newer : &ps->oldest) = p->newer;
	p->newer = p->older = NULL;
}

static void list_newest(struct parts *ps, struct part *p)
{
	p->older = ps->newest;
	*(ps->newest ? &ps->newest->newer : &ps->oldest) = p;
	ps->newest = p;
}

int part_sync(struct parts *ps, struct part *p, struct err *err)
{
	if (p->dirty && fsync(p->fd) < 0)
		return parts_fault(ps, p, -errno, "write to", err);
	p->dirty = false;
	return 0;
}

struct syncing { /* of many parts, by a few threads */
	struct part *parts[PARTS_OPEN];
	int results[PARTS_OPEN];
	size_t n;
	atomic_size_t next;
};

static void *sync_some(void *arg)
{
	struct syncing *s = arg;
	for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->n;)
		s->results[i] = fsync(s->parts[i]->fd) < 0 ? -errno : 0;
	return NULL;
}

static void sync_by_threads(struct syncing *s)
{
	pthread_t threads[SYNC_THREADS];
	size_t n = 0;
	while (s->n >= SYNC_FEW && n < SYNC_THREADS &&
	       pthread_create(&threads[n], NULL, sync_some, s) == 0)
		n++;
	(void)sync_some(s);
	while (n)
		(void)pthread_join(threads[--n], NULL); /* it was made, and is nobody else's */
}

int parts_sync_open(struct parts *ps, struct err *err)
{
	struct syncing s = { .n = 0 };
	int r = 0;
	for (struct part *p = ps->newest; p; p = p->older)
		if (p->dirty)
			s.parts[s.n++] = p;
	ASSERT(s.n <= PARTS_OPEN);
	sync_by_threads(&s);
	for (size_t i = 0; i < s.n; i++) {
		s.parts[i]->dirty = false;
		if (s.results[i] < 0 && r == 0)
			r = parts_fault(ps, s.parts[i], s.results[i], "write to", err);
	}
	return r;
}

int part_close(struct parts *ps, struct part *p, struct err *err)
{
	if (p->fd < 0)
		return 0;
	int r = part_sync(ps, p, err);
	unlist(ps, p);
	ps->open_count--;
	if (close(p->fd) < 0 && r == 0)
		r = parts_fault(ps, p, -errno, "write to", err);
	p->fd = -1;
	return r;
}

/* Not one by one: what is synced together waits for the disk together. */
static int make_room(struct parts *ps, struct err *err)
{
	if (parts_sync_open(ps, err) < 0)
		return -1;
	while (ps->open_count > PARTS_OPEN / 2)
		if (part_close(ps, ps->oldest, err) < 0)
			return -1;
	return 0;
}

int part_open_file(struct parts *ps, struct part *p, int flags, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	const char *file;
	if (p->fd >= 0) {
		unlist(ps, p);
		list_newest(ps, p);
		return 0;
	}
	if (ps->open_count >= PARTS_OPEN && make_room(ps, err) < 0)
		return -1;
	int folder = part_folder(ps, p, false, &name, &file);
	if (folder < 0)
		return parts_fault(ps, p, folder, "write to", err);
	p->fd = openat(folder, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
	int why = errno;
	(void)close(folder); /* only looked into */
	if (p->fd < 0)
		return parts_fault(ps, p, -why, "write to", err);
	ps->open_count++;
	list_newest(ps, p);
	return 0;
}

int parts_open_text(struct parts *ps, const struct part *p)
{
	AUTO(buf_done) struct buf name = { 0 };
	const char *file;
	int folder = part_folder(ps, p, false, &name, &file);
	int fd = folder < 0 ? -1 : openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = folder < 0 ? folder : fd < 0 ? -errno : fd;
	if (folder >= 0)
		(void)close(folder); /* only looked into */
	return r;
}
