/* hook_box.c - where deliveries wait
 *
 * What this room is for: many senders, one disk, one pipeline.
 *
 *   connection --put--> waiting --keeper: one page, one sync--> pages --admit--> the run
 *   connection --put--> waiting --'     |                        ^
 *                   200 <---------------'          inbox of an earlier run
 *
 * What flows through:    records, from the connections' tasks to the source's.
 * What must hold:
 *  (1) a delivery lies on its connection's stack until the keeper has told it: nobody leaves before, cancelled or not.
 *  (2) a page's number is used once, by a page that was kept: there is no gap in the inbox.
 *  (3) what an earlier run has left is read page by page when its turn comes: it may be more than memory holds.
 *  (4) a full disk may have room again: who waits is refused, and the next is tried. Any other failure of the disk ends the run. */
#include "connectors/hooks/hook_box.h"
#include "base/banned.h"
#include "base/units.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	PAGE_RECORDS = 10000, /* in one commit */
	PAGE_BYTES = 4 << 20,
	BEHIND_MIN =
		100000, /* records behind the oldest that is not done: each is a word in the checkpoint */
};

struct hook_waiting { /* a delivery, on its connection's stack */
	struct hook_waiting *next;
	struct hook_records *records;
	struct hk_event told;
	bool kept;
};

/* ---- counting ---------------------------------------------------------------------------------------- */

static void count_bytes(struct hook_box *b, uint64_t more, uint64_t less)
{
	ASSERT(b->bytes + more >= less);
	b->bytes += more - less;
	intake_hold(b->intake, b->bytes);
}

bool hook_box_full(struct hook_box *b, int64_t *ret_after_s)
{
	struct backlog kept = intake_backlog(b->intake, b->split);
	uint64_t not_done = b->waiting + kept.records;
	hook_pace_look(&b->pace, hk_now_ns(), not_done, b->taken - (int64_t)kept.records);
	if (kept.since_oldest < b->most_behind && not_done < b->most && b->bytes < b->most_bytes)
		return false;
	*ret_after_s = hook_pace_after_s(&b->pace, not_done);
	return true;
}

uint64_t hook_box_left(const struct hook_box *b)
{
	return b->split ? intake_backlog(b->intake, b->split).unread : 0;
}

/* ---- keeping ----------------------------------------------------------------------------------------- */

int hook_box_put(struct hook_box *b, struct hook_records *gives)
{
	struct hook_waiting w = { .records = gives };
	struct hk_scope until_told;
	if (b->closed || b->err.fault)
		return -1;
	*b->last = &w;
	b->last = &w.next;
	b->waiting += gives->n;
	count_bytes(b, gives->bytes, 0);
	hk_event_set(&b->came);
	hk_scope_open_shield(&until_told, HK_FOREVER);
	int r = hk_event_wait(&w.told);
	r = hk_scope_close(&until_told, r);
	ASSERT(r == 0); /* nothing can cancel it */
	return w.kept ? 0 : -1;
}

/* Of those that wait, as many as go into one page; they leave the line. */
static struct hook_waiting *take_some(struct hook_box *b, struct hook_records *all, size_t *n)
{
	struct hook_waiting *first = b->first, **end = &b->first;
	*n = 0;
	while (*end && (all->n == 0 || (all->n < PAGE_RECORDS && all->bytes < PAGE_BYTES))) {
		struct hook_waiting *w = *end;
		*n += w->records->n;
		hook_records_join(all, w->records);
		end = &w->next;
	}
	b->first = *end;
	*end = NULL;
	if (!b->first)
		b->last = &b->first;
	return first;
}

static void tell(struct hook_waiting *w, bool kept)
{
	while (w) {
		struct hook_waiting *next = w->next; /* it is gone once it is told */
		w->kept = kept;
		hk_event_set(&w->told);
		w = next;
	}
}

static int keep_page(struct hook_box *b, const struct hook_page *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { 0 }, value = { .max = SIZE_MAX / 2 };
	char base[32];
	snprintf(base, sizeof base, "%" PRIu64, p->number);
	int r = hook_page_put(&p->records, p->number, p->keeper.p, b->teller, &about, &value);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "keeping %zu records", p->records.n);
	return intake_keep(b->intake, b->split, slice_str(base), p->records.n, buf_slice(&about),
			   buf_slice(&value), err);
}

static void page_free(struct hook_page *p)
{
	hook_records_done(&p->records);
	buf_done(&p->keeper);
	free(p);
}

static struct hook_page *page_new(struct hook_box *b)
{
	struct hook_page *p = xcalloc(1, sizeof(*p));
	int r = buf_printf(&p->keeper, "%s", site_run_id(b->site));
	ASSERT(r == 0); /* a run's name is short */
	p->number = b->number;
	return p;
}

static void say_stuck(struct hook_box *b, const struct err *err)
{
	if (!b->stuck)
		site_warnf(b->site, "%s: deliveries are answered 503 until there is room again",
			   err->text);
	b->stuck = true;
}

static bool has_kept(struct hook_box *b, struct hook_page *p)
{
	b->number++;
	b->taken += (int64_t)p->records.n;
	b->stuck = false;
	*b->last_page = p;
	b->last_page = &p->next;
	hk_event_set(&b->kept);
	return true;
}

static bool has_not_kept(struct hook_box *b, struct hook_page *p, const struct err *err)
{
	count_bytes(b, 0, p->records.bytes);
	page_free(p);
	if (err->code == ENOSPC && !b->teller) /* who tells cannot be asked to come again */
		say_stuck(b, err);
	else
		hook_box_fail(b, err);
	return false;
}

static void keep_some(struct hook_box *b) SUSPENDS
{
	struct err err = { 0 };
	struct hook_page *p = page_new(b);
	size_t n;
	struct hook_waiting *whose = take_some(b, &p->records, &n);
	int r = b->err.fault ? -1 : keep_page(b, p, &err);
	b->waiting -= n;
	tell(whose, r < 0 ? has_not_kept(b, p, b->err.fault ? &b->err : &err) : has_kept(b, p));
}

/* Shielded: those who wait are told in any case. It ends because the box is closed, which is done behind the last connection. */
int hook_box_keeper(void *arg)
{
	struct hook_box *b = arg;
	struct hk_scope to_the_end;
	hk_scope_open_shield(&to_the_end, HK_FOREVER);
	int r = 0;
	while (r == 0 && !(b->closed && !b->first)) {
		hk_event_clear(&b->came);
		if (b->first)
			keep_some(b);
		else
			r = hk_event_wait(&b->came);
	}
	return hk_scope_close(&to_the_end, r);
}

void hook_box_fail(struct hook_box *b, const struct err *err)
{
	if (!b->err.fault)
		b->err = *err;
	hk_event_set(&b->kept);
}

void hook_box_close(struct hook_box *b)
{
	b->closed = true;
	hk_event_set(&b->came);
}

/* ---- admitting --------------------------------------------------------------------------------------- */

/* A record's name is where it was kept first: it stays when another run takes the inbox over. */
static int admit_record(struct hook_box *b, struct hook_page *p, struct text *base, size_t i,
			struct err *err) SUSPENDS
{
	struct hook_record *r = &p->records.v[i];
	char id[128];
	int n = snprintf(id, sizeof id, "%.60s %" PRIu64 " %zu", p->keeper.p, p->number, i);
	return admit(b->intake,
		     &(struct arrival){
			     .rec = take(r->rec),
			     .split = b->split,
			     .next = { base, i + 1 },
			     .id = { id, (size_t)n },
			     .line = ++b->line,
			     .fault = r->fault,
		     },
		     err);
}

static int admit_page(struct hook_box *b, struct hook_page *p, uint64_t skip,
		      struct err *err) SUSPENDS
{
	char number[32];
	snprintf(number, sizeof number, "%" PRIu64, p->number);
	struct text *base = text_new(slice_str(number));
	int r = 0;
	for (size_t i = 0; i < p->records.n && r == 0; i++) {
		uint64_t bytes = rec_bytes(p->records.v[i].rec);
		count_bytes(b, 0, bytes);
		p->records.bytes -= bytes;
		if (i >= skip)
			r = admit_record(b, p, base, i, err);
	}
	text_unref(base);
	return r;
}

static int read_old(struct hook_box *b, struct slice base, struct hook_page *ret,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { .max = SIZE_MAX / 2 }, value = { .max = SIZE_MAX / 2 };
	int found = intake_kept(b->intake, b->split, base, &about, &value, err);
	if (found == 0)
		return fail(err, FAULT_BROKEN, "page '%.*s' of what was kept is not there",
			    SLICE(base));
	if (found > 0 && hook_page_read(buf_slice(&about), buf_slice(&value), &ret->number,
					&ret->keeper, &ret->records) < 0)
		return fail(err, FAULT_BROKEN, "what was kept makes no sense: %.*s",
			    SLICE(slice_head(buf_slice(&about), 200)));
	count_bytes(b, ret->records.bytes, 0);
	return found < 0 ? -1 : 0;
}

/* One page, the first that is there if base is empty; *next is the number behind it. */
static int admit_old_page(struct hook_box *b, struct slice base, uint64_t skip, uint64_t *next,
			  struct err *err) SUSPENDS
{
	struct hook_page *p = xcalloc(1, sizeof(*p));
	int r = read_old(b, base, p, err);
	if (r == 0)
		r = admit_page(b, p, skip, err);
	*next = p->number + 1;
	count_bytes(b, 0, p->records.bytes);
	page_free(p);
	hk_event_set(&b->room);
	return r;
}

/* What an earlier run has left, from where its records are done. */
static int admit_old(struct hook_box *b, struct err *err) SUSPENDS
{
	const struct position *from = split_from(b->split);
	AUTO(buf_done) struct buf base = { .max = 64 };
	uint64_t next = 0, skip = from ? from->offset : 0;
	int r = buf_add(&base, from ? text_slice(from->base) : S(""));
	while (r == 0 && next < b->old) {
		r = admit_old_page(b, buf_slice(&base), skip, &next, err);
		skip = 0;
		buf_clear(&base);
		if (r == 0)
			r = buf_printf(&base, "%" PRIu64, next);
	}
	return r;
}

static int admit_next(struct hook_box *b, struct err *err) SUSPENDS
{
	struct hook_page *p = b->pages;
	hk_event_clear(&b->kept);
	if (!p && b->err.fault) {
		*err = b->err;
		return -1;
	}
	if (!p)
		return hk_event_wait(&b->kept) < 0 ? fail(err, FAULT_CANCELLED, "stopped") : 0;
	b->pages = p->next;
	if (!b->pages)
		b->last_page = &b->pages;
	int r = admit_page(b, p, 0, err);
	count_bytes(b, 0, p->records.bytes);
	page_free(p);
	hk_event_set(&b->room);
	return r;
}

int hook_box_admit(struct hook_box *b, struct err *err)
{
	int r = admit_old(b, err);
	while (r == 0)
		r = admit_next(b, err);
	return r;
}

/* ---- life -------------------------------------------------------------------------------------------- */

int hook_box_open(struct hook_box *b, struct site *site, struct intake *intake, const char *split,
		  uint64_t most, struct err *err)
{
	AUTO(buf_done) struct buf base = { .max = 64 };
	int64_t number = -1;
	*b = (struct hook_box){ .site = site, .intake = intake };
	b->last = &b->first;
	b->last_page = &b->pages;
	b->most = most;
	b->most_bytes = 2 * site_text_max(site);
	b->most_behind = most > BEHIND_MIN ? most : BEHIND_MIN;
	b->split = intake_split(intake, split);
	b->line = split_line(b->split);
	int found = intake_kept_last(intake, b->split, &base, err);
	if (found < 0)
		return -1;
	if (found && (units_int(buf_slice(&base), &number) < 0 || number < 0))
		return fail(err, FAULT_BROKEN, "what was kept makes no sense: '%.*s'",
			    SLICE(buf_slice(&base)));
	b->old = b->number = (uint64_t)(number + 1);
	return 0;
}

void hook_box_done(struct hook_box *b)
{
	ASSERT(!b->first);
	while (b->pages) {
		struct hook_page *p = b->pages;
		b->pages = p->next;
		page_free(p);
	}
	if (b->intake)
		intake_hold(b->intake, 0);
	*b = (struct hook_box){ 0 };
}
