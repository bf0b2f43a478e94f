/* journal.c - group commit: one sync for all who wait
 *
 * What this room is for: a synced commit takes milliseconds, and calls come by the thousand. As in databases, the first that comes
 *   is the writer for all who are there when it begins.
 *
 *   put --> waiting list --> [nobody writes: be the writer] --> gather --> one commit --> wake all of it
 *                  ^------- [somebody writes: wait] <-- the first of those who came meanwhile is the next writer
 *
 * What flows through:    entries on their callers' stacks; what they point to is borrowed until the commit is over.
 * What must hold:
 *  (1) at most one writes; while somebody waits, somebody writes or is woken to. (2) an entry is in the list or in the group that is
 *      being written until its caller returns: therefore all waiting here is shielded from cancellation. (3) gathering ends after 2 ms
 *      at most, and there is none when the last commit had nobody but its writer and nobody else waits now. (4) a commit that
 *      fails fails for all of its group, and only for those. */
#include "engine/call/journal.h"

#include "base/hash.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_MAX_NS (2 * HK_MS)

enum { GROUP_MAX = 1024 };

struct journal_entry {
	struct journal_entry *next;
	struct state_note note;            /* step NULL: none */
	const struct state_answer *answer; /* NULL: none */
	bool over;
	int result;
	struct err *err;
	struct hk_event wake; /* it is over, or its turn to write */
};

/* ---- who was noted ---- */
static uint64_t name_of(uint64_t split_hash, uint64_t ordinal)
{
	return hash_end(split_hash + ordinal);
}

static void add_noted(void *arg, const char *split, uint64_t ordinal)
{
	struct journal *j = arg;
	if (j->noted_count == j->noted_cap) {
		j->noted_cap = j->noted_cap ? j->noted_cap * 2 : 64;
		j->noted = xrealloc(j->noted, j->noted_cap, sizeof *j->noted);
	}
	j->noted[j->noted_count++] = name_of(hash_add(HASH_START, slice_str(split)), ordinal);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

int journal_open(struct journal *j, struct state *state, const char *run_id, const char *earlier,
		 struct err *err)
{
	*j = (struct journal){ .state = state, .run_id = run_id };
	if (!earlier)
		return 0;
	if (state_each_noted(state, earlier, add_noted, j, err) < 0)
		return -1;
	if (j->noted_count)
		qsort(j->noted, j->noted_count, sizeof *j->noted, by_number);
	return 0;
}

void journal_done(struct journal *j)
{
	ASSERT(!j->first && !j->writing);
	free(j->noted);
	*j = (struct journal){ 0 };
}

/* Two names alike would only mean a look that finds nothing. */
bool journal_knows(const struct journal *j, const struct item *it)
{
	if (j->noted_count == 0)
		return false;
	uint64_t name = name_of(it->track->split->name_hash, it->track->ordinal);
	return bsearch(&name, j->noted, j->noted_count, sizeof name, by_number) != NULL;
}

/* ---- one commit ---- */
struct group {
	struct journal_entry *first;
	struct state_note *notes;
	struct state_answer *answers;
	size_t n, note_count, answer_count;
};

static struct group take_group(struct journal *j)
{
	struct group g = { .first = j->first };
	struct journal_entry **at = &j->first;
	for (; *at && g.n < GROUP_MAX; at = &(*at)->next)
		g.n++;
	struct journal_entry *rest = *at;
	*at = NULL;
	j->first = rest;
	j->last = rest ? j->last : NULL;
	ASSERT(j->waiting >= g.n);
	j->waiting -= g.n;
	g.notes = xcalloc(g.n, sizeof *g.notes);
	g.answers = xcalloc(g.n, sizeof *g.answers);
	for (const struct journal_entry *e = g.first; e; e = e->next) {
		if (e->note.step)
			g.notes[g.note_count++] = e->note;
		if (e->answer)
			g.answers[g.answer_count++] = *e->answer;
	}
	return g;
}

/* The entries are gone with their callers as soon as these are woken. */
static void end_group(struct group *g, int result, const struct err *err)
{
	for (struct journal_entry *e = g->first, *next; e; e = next) {
		next = e->next;
		e->over = true;
		e->result = result;
		if (result < 0)
			*e->err = *err;
		hk_event_set(&e->wake);
	}
	free(g->notes);
	free(g->answers);
}

/* Others are on their way, if they were the last time: a little later one commit does for all. */
static void gather(struct journal *j) SUSPENDS
{
	if (j->last_count <= 1 && j->waiting <= 1)
		return;
	int64_t most = j->last_ns < GATHER_MAX_NS ? j->last_ns : GATHER_MAX_NS;
	if (j->waiting >= j->last_count)
		return;
	hk_event_clear(&j->next);
	int r = hk_event_wait_for(&j->next, most);
	ASSERT(r == 0 || r == -ETIMEDOUT); /* complete, or not: both are good */
}

static void write_group(struct journal *j) SUSPENDS
{
	struct err err = { 0 };
	ASSERT(!j->writing && j->first);
	j->writing = true;
	gather(j);
	struct group g = take_group(j);
	int64_t from = hk_now_exact_ns();
	int r = state_put_notes(j->state, j->run_id, g.notes, g.note_count, g.answers,
				g.answer_count, &err);
	j->last_ns = hk_now_exact_ns() - from;
	j->last_count = g.n;
	j->commits++;
	j->entries += g.n;
	j->writing = false;
	end_group(&g, r, &err);
	if (j->first)
		hk_event_set(&j->first->wake); /* writes next */
}

static void put_and_wait(struct journal *j, struct journal_entry *e) SUSPENDS
{
	struct hk_scope shield;
	*(j->last ? &j->last->next : &j->first) = e;
	j->last = e;
	j->waiting++;
	if (j->writing && j->waiting >= j->last_count)
		hk_event_set(&j->next);
	hk_scope_open_shield(&shield, HK_FOREVER);
	while (!e->over) {
		if (!j->writing && j->first == e) {
			write_group(j);
			continue;
		}
		hk_event_clear(&e->wake);
		int r = hk_event_wait(&e->wake);
		ASSERT(r == 0); /* shielded */
	}
	(void)hk_scope_close(&shield, 0);
}

/* ---- notes ---- */
static int note_of(const struct journal_place *at, enum note_kind kind, struct buf *path,
		   struct state_note *ret, struct err *err)
{
	const struct track *t = at->item->track;
	if (item_put_path(at->item, path) < 0)
		return fail(err, FAULT_IO, "the path of a child is too long");
	*ret = (struct state_note){ .split = t->split->name,
				    .step = at->step,
				    .ordinal = t->ordinal,
				    .path = buf_slice(path),
				    .kind = kind };
	return 0;
}

int journal_put(struct journal *j, const struct journal_place *at, enum note_kind kind,
		struct slice about, struct slice value, const struct state_answer *answer,
		struct err *err)
{
	AUTO(buf_done) struct buf path = { .max = 4096 };
	struct journal_entry e = { .answer = answer, .err = err };
	if (at && note_of(at, kind, &path, &e.note, err) < 0)
		return -1;
	ASSERT(at || answer);
	e.note.about = about;
	e.note.value = value;
	put_and_wait(j, &e);
	return e.result;
}

int journal_get(struct journal *j, const struct journal_place *at, enum note_kind kind,
		struct buf *about, struct buf *value, struct err *err)
{
	AUTO(buf_done) struct buf path = { .max = 4096 };
	struct state_note key;
	bool found = false;
	if (!journal_knows(j, at->item))
		return 0;
	if (note_of(at, kind, &path, &key, err) < 0 ||
	    state_get_note(j->state, j->run_id, &key, about, value, &found, err) < 0)
		return -1;
	return found;
}
