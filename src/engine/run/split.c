/* split.c - low-water mark and what is settled above it
 *
 * What this room is for: the checkpoint's arithmetic, apart from tracks so that a mark can be computed on a clone.
 * What flows through:    ordinals and positions; positions are shared by count.
 * What must hold:
 *  (1) passed is ascending, without duplicates, all above low. What lies behind one record that takes its time is one of them, however
 *      much it is: the mark stays small.
 *  (2) whatever the order of settling, the mark ends where the longest settled prefix ends. */
#include "engine/run/split.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct split *split_new(const char *name)
{
	struct split *s = xcalloc(1, sizeof *s);
	s->name = xstrndup(name, strlen(name));
	s->name_hash = hash_add(HASH_START, slice_str(name));
	return s;
}

static void drop_passed(struct split *s, size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		text_unref(s->passed[i].position.base);
	s->passed_count -= n;
	memmove(s->passed, s->passed + n, s->passed_count * sizeof *s->passed);
}

void split_free(struct split *s)
{
	drop_passed(s, s->passed_count);
	text_unref(s->from.base);
	text_unref(s->admitted.base);
	text_unref(s->reach.base);
	text_unref(s->end);
	text_unref(s->onward);
	free(s->passed);
	free(s->name);
	free(s);
}

static struct position share(struct position p)
{
	return (struct position){ text_ref(p.base), p.offset };
}

static void position_set(struct position *to, struct position shares)
{
	struct text *old = to->base;
	*to = share(shares);
	text_unref(old);
}

struct split *split_clone(const struct split *s)
{
	struct split *c = split_new(s->name);
	char *name = c->name;
	*c = *s;
	c->name = name;
	c->next = NULL;
	c->origin = s;
	c->from = share(s->from);
	c->admitted = share(s->admitted);
	c->reach = share(s->reach);
	c->end = text_ref(s->end);
	c->onward = text_ref(s->onward);
	c->passed_cap = s->passed_count;
	c->passed = xcalloc(c->passed_cap + 1, sizeof *c->passed);
	for (size_t i = 0; i < s->passed_count; i++) {
		c->passed[i] = s->passed[i];
		c->passed[i].position = share(s->passed[i].position);
	}
	return c;
}

/* The first of passed that does not end before the ordinal. */
static size_t find(const struct split *s, uint64_t ordinal)
{
	size_t low = 0, high = s->passed_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->passed[mid].first + s->passed[mid].n <= ordinal)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool passed_at(const struct split *s, size_t i, uint64_t ordinal)
{
	return i < s->passed_count && s->passed[i].first <= ordinal;
}

bool split_is_done(const struct split *s, uint64_t ordinal)
{
	return ordinal < s->low || passed_at(s, find(s, ordinal), ordinal);
}

static bool has_all(const struct split *s, uint64_t first, uint64_t end)
{
	while (first < end && split_is_done(s, first)) {
		size_t i = find(s, first);
		first = first < s->low ? s->low : s->passed[i].first + s->passed[i].n;
	}
	return first >= end;
}

bool split_covers(const struct split *s, const struct split *other)
{
	if (!has_all(s, 0, other->low))
		return false;
	for (size_t i = 0; i < other->passed_count; i++) {
		const struct passed *p = &other->passed[i];
		if (!has_all(s, p->first, p->first + p->n))
			return false;
	}
	return true;
}

uint64_t split_passed(const struct split *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->passed_count; i++)
		n += s->passed[i].n;
	return n;
}

static void raise_low(struct split *s, const struct passed *past)
{
	position_set(&s->from, past->position);
	s->anew = false;
	s->low_line = past->line;
	s->has_from = true;
	s->low = past->first + past->n;
}

static void advance(struct split *s)
{
	size_t n = 0;
	for (; passed_at(s, n, s->low) && s->passed[n].known; n++)
		raise_low(s, &s->passed[n]);
	drop_passed(s, n);
}

/* ---- ordinals into passed ---- */
static void put_at(struct split *s, size_t i, struct passed takes)
{
	if (s->passed_count == s->passed_cap) {
		s->passed_cap = s->passed_cap ? s->passed_cap * 2 : 16;
		s->passed = xrealloc(s->passed, s->passed_cap, sizeof *s->passed);
	}
	memmove(s->passed + i + 1, s->passed + i, (s->passed_count++ - i) * sizeof *s->passed);
	s->passed[i] = takes;
}

static void drop_at(struct split *s, size_t i)
{
	text_unref(s->passed[i].position.base);
	memmove(s->passed + i, s->passed + i + 1, (--s->passed_count - i) * sizeof *s->passed);
}

/* The one at i and the one behind it become one, if they may. */
static void join_at(struct split *s, size_t i)
{
	struct passed *p = &s->passed[i], *next = p + 1;
	if (i + 1 >= s->passed_count || p->first + p->n != next->first || p->known != next->known)
		return;
	next->first = p->first;
	next->n += p->n;
	drop_at(s, i);
}

static void insert(struct split *s, struct passed takes)
{
	size_t i = find(s, takes.first);
	put_at(s, i, takes);
	join_at(s, i);
	if (i > 0)
		join_at(s, i - 1);
}

/* Out of those at i, where it is. */
static void take_out(struct split *s, size_t i, uint64_t ordinal)
{
	struct passed *p = &s->passed[i];
	uint64_t before = ordinal - p->first, behind = p->n - before - 1;
	ASSERT(!p->known && !p->position.base);
	*p = (struct passed){ .first = ordinal + 1, .n = behind };
	if (behind == 0)
		drop_at(s, i);
	if (before > 0)
		put_at(s, i, (struct passed){ .first = ordinal - before, .n = before });
}

void split_admitted(struct split *s, struct position shares, uint64_t line)
{
	position_set(&s->admitted, shares);
	s->has_admitted = true;
	s->line = line;
	s->ordinal++;
}

void split_skip(struct split *s, struct position shares, uint64_t line)
{
	uint64_t ordinal = s->ordinal;
	size_t i = find(s, ordinal);
	ASSERT(split_is_done(s, ordinal));
	if (passed_at(s, i, ordinal) && !s->passed[i].known) {
		take_out(s, i, ordinal);
		insert(s, (struct passed){ ordinal, 1, line, share(shares), true });
		advance(s);
	}
	split_admitted(s, shares, line);
}

void split_settle(struct split *s, uint64_t ordinal, struct position shares, uint64_t line)
{
	ASSERT(!split_is_done(s, ordinal)); /* I2: one committed outcome per record, ever */
	struct passed takes = { ordinal, 1, line, shares, true };
	if (ordinal == s->low) {
		raise_low(s, &takes); /* in order: most are */
	} else {
		takes.position = share(shares);
		insert(s, takes);
	}
	advance(s);
}

void split_pass(struct split *s, uint64_t first, uint64_t n)
{
	uint64_t end = first + n;
	first = first > s->low ? first : s->low;
	while (first < end) {
		size_t i = find(s, first);
		const struct passed *next = i < s->passed_count ? &s->passed[i] : NULL;
		uint64_t until = next && next->first < end ? next->first : end;
		uint64_t behind = until < end ? next->first + next->n : end;
		if (first < until)
			insert(s, (struct passed){ .first = first, .n = until - first });
		first = behind;
	}
}

void split_begin_behind_mark(struct split *s)
{
	ASSERT(!s->has_admitted);
	s->ordinal = s->has_from || s->anew ? s->low : 0;
	s->line = s->has_from ? s->low_line : 0;
}

void split_rewind(struct split *s, uint64_t low)
{
	drop_passed(s, s->passed_count);
	text_unref(s->from.base);
	s->from = (struct position){ 0 };
	s->has_from = s->anew = false;
	text_unref(take(s->end));
	text_unref(take(s->onward));
	s->low = low;
	s->gaps = 0;
	s->low_line = 0;
	split_begin_behind_mark(s);
}

/* What is above the mark and did not come again will not: nobody else may be taken for it. */
static void forget_positions(struct split *s, uint64_t line)
{
	uint64_t low = s->ordinal > s->low ? s->ordinal : s->low;
	const struct passed *last = s->passed_count ? &s->passed[s->passed_count - 1] : NULL;
	if (last && last->first + last->n > low)
		low = last->first + last->n;
	s->gaps += low - s->low - split_passed(s);
	drop_passed(s, s->passed_count);
	position_set(&s->from, (struct position){ 0 });
	position_set(&s->admitted, (struct position){ 0 });
	s->has_from = s->has_admitted = false;
	s->low = s->ordinal = low;
	s->low_line = s->line = line;
	text_unref(take(s->end));
}

void split_start_anew(struct split *s)
{
	forget_positions(s, 0);
	text_unref(take(s->onward));
	s->anew = true;
}

bool split_start_onward(struct split *s)
{
	if (!s->onward)
		return false;
	forget_positions(s, s->line);
	s->from = (struct position){ take(s->onward), 0 };
	s->has_from = true;
	s->anew = false;
	return true;
}

const struct position *split_from(const struct split *s)
{
	return s->has_admitted ? &s->admitted : s->has_from ? &s->from : NULL;
}

const struct position *split_reach(const struct split *s)
{
	const struct passed *last = s->passed_count ? &s->passed[s->passed_count - 1] : NULL;
	const struct position *p = last && last->known ? &last->position : &s->reach;
	return last && p->base ? p : NULL;
}

void split_set_end(struct split *s, struct slice proof)
{
	text_unref(s->end);
	s->end = text_new(proof);
	s->end_at = s->ordinal;
}

void split_set_onward(struct split *s, struct slice base)
{
	text_unref(s->onward);
	s->onward = text_new(base);
}

void split_go_onward(struct split *s)
{
	ASSERT(!s->has_admitted);
	if (!s->onward)
		return;
	text_unref(s->from.base);
	s->from = (struct position){ take(s->onward), 0 };
	s->has_from = true;
	split_begin_behind_mark(s);
}

struct slice split_end(const struct split *s)
{
	return s->end && s->ordinal == s->end_at ? text_slice(s->end) : (struct slice){ 0 };
}

uint64_t split_line(const struct split *s)
{
	return s->line;
}
