/* mark.c - low-water marks to JSON and back
 *
 * What this room is for: the one place that knows how a checkpoint is written down.
 * What flows through:    splits and counts of the ledger.
 * What must hold:
 *  (1) a mark is computed on clones: if the commit that carries it fails, the ledger has not moved.
 *  (2) what mark_put wrote, mark_read reads back to the same splits. */
#include "engine/run/mark.h"

#include "base/json.h"
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *key;
	size_t offset;
} count_fields[] = {
	{ "admitted", offsetof(struct counts, admitted) },
	{ "spawned", offsetof(struct counts, spawned) },
	{ "delivered", offsetof(struct counts, delivered) },
	{ "filtered", offsetof(struct counts, filtered) },
	{ "duplicate", offsetof(struct counts, duplicate) },
	{ "dead", offsetof(struct counts, dead) },
	{ "expanded", offsetof(struct counts, expanded) },
	{ "merged", offsetof(struct counts, merged) },
};

static void write_counts(struct json_writer *w, const struct counts *c)
{
	json_open(w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(count_fields); i++) {
		json_key(w, count_fields[i].key);
		json_put_int(w, *(const int64_t *)(const void *)((const char *)c +
								 count_fields[i].offset));
	}
	json_close(w, '}');
}

int counts_put(const struct counts *c, struct buf *out)
{
	struct json_writer w = json_writer(out);
	write_counts(&w, c);
	return json_writer_end(&w);
}

static void write_name_and_low(struct json_writer *w, const struct split *s)
{
	json_key(w, "name");
	json_put_string(w, slice_str(s->name));
	json_key(w, "low");
	json_put_int(w, (int64_t)s->low);
}

static void write_position(struct json_writer *w, const struct position *p)
{
	json_key(w, "base");
	json_put_string(w, text_slice(p->base));
	json_key(w, "offset");
	json_put_int(w, (int64_t)p->offset);
}

/* 7, or [7, 30] */
static void write_range(struct json_writer *w, uint64_t first, uint64_t last)
{
	if (first == last) {
		json_put_int(w, (int64_t)first);
		return;
	}
	json_open(w, '[');
	json_put_int(w, (int64_t)first);
	json_put_int(w, (int64_t)last);
	json_close(w, ']');
}

static void write_done(struct json_writer *w, const struct split *s)
{
	json_key(w, "done");
	json_open(w, '[');
	for (size_t i = 0; i < s->passed_count; i++)
		write_range(w, s->passed[i].first, s->passed[i].first + s->passed[i].n - 1);
	json_close(w, ']');
}

/* What is done above is so many numbers; what they are numbers of is told by this. */
static void write_reach(struct json_writer *w, const struct split *s)
{
	const struct position *reach = split_reach(s);
	if (!reach)
		return;
	json_key(w, "reach");
	json_open(w, '{');
	write_position(w, reach);
	json_close(w, '}');
}

/* Only those that are so are written down. */
static void write_flag(struct json_writer *w, const char *key, bool on)
{
	if (!on)
		return;
	json_key(w, key);
	json_put_bool(w, true);
}

static void write_split(struct json_writer *w, const struct split *s)
{
	json_open(w, '{');
	write_name_and_low(w, s);
	json_key(w, "line");
	json_put_int(w, (int64_t)s->low_line);
	write_position(w, &s->from);
	write_done(w, s);
	write_reach(w, s);
	if (s->end) {
		json_key(w, "end");
		json_put_string(w, text_slice(s->end));
		json_key(w, "end_at");
		json_put_int(w, (int64_t)s->end_at);
	}
	if (s->onward) {
		json_key(w, "onward");
		json_put_string(w, text_slice(s->onward));
	}
	if (s->gaps) {
		json_key(w, "gaps");
		json_put_int(w, (int64_t)s->gaps);
	}
	write_flag(w, "anew", s->anew);
	write_flag(w, "made", s->made);
	write_flag(w, "gone", s->gone);
	json_close(w, '}');
}

/* Those of the splits that the batch has something of, as they will be behind it; by their numbers. */
static struct split **splits_after(const struct ledger *l, const struct track *batch,
				   const struct track *end)
{
	size_t n = 0;
	for (const struct split *s = l->splits; s; s = s->next)
		n++;
	const struct split **now = xcalloc(n + 1, sizeof *now);
	struct split **will = xcalloc(n + 1, sizeof *will);
	for (const struct split *s = l->splits; s; s = s->next)
		now[s->number] = s;
	for (const struct track *t = batch; t != end; t = t->next_ready) {
		size_t i = t->split->number;
		ASSERT(i < n && (now[i] == t->split || now[i]->origin == t->split));
		if (!will[i])
			will[i] = split_clone(now[i]);
		split_settle(will[i], t->ordinal, t->position, t->line);
	}
	free(now);
	return will;
}

static void write_splits(struct json_writer *w, const struct ledger *l, const struct track *batch,
			 const struct track *end)
{
	struct split **will = splits_after(l, batch, end);
	json_open(w, '[');
	for (const struct split *s = l->splits; s; s = s->next) {
		struct split *after = will[s->number];
		write_split(w, after ? after : s);
		if (after)
			split_free(after);
	}
	json_close(w, ']');
	free(will);
}

static void write_round(struct json_writer *w, const struct round *r)
{
	json_key(w, "round");
	json_open(w, '{');
	json_key(w, "number");
	json_put_int(w, (int64_t)r->number);
	json_key(w, "began");
	json_put_int(w, r->began_ns);
	json_key(w, "over");
	json_put_bool(w, r->over);
	json_close(w, '}');
}

int mark_put(const struct ledger *l, const char *run_id, const struct track *batch,
	     const struct track *end, struct buf *out)
{
	struct counts counts = l->settled;
	for (const struct track *t = batch; t != end; t = t->next_ready)
		counts_add(&counts, &t->counts);
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "run");
	json_put_string(&w, slice_str(run_id));
	json_key(&w, "counts");
	write_counts(&w, &counts);
	if (l->round.number > 0)
		write_round(&w, &l->round);
	json_key(&w, "splits");
	write_splits(&w, l, batch, end);
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* ---- reading ---- */
static bool field_count(struct slice object, const char *key, uint64_t *ret)
{
	struct slice raw;
	int64_t n;
	if (!json_field(object, slice_str(key), &raw) || units_int(raw, &n) < 0 || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool field_text(struct slice object, const char *key, struct buf *ret)
{
	struct slice raw;
	return json_field(object, slice_str(key), &raw) && json_type(raw) == JSON_STRING &&
	       json_unquote(raw, ret) == 0;
}

static bool read_range(struct slice value, int64_t ret[static 2])
{
	struct slice key, one;
	size_t n = 0;
	if (json_type(value) != JSON_ARRAY) {
		n = 2;
		if (units_int(value, &ret[0]) < 0)
			return false;
		ret[1] = ret[0];
	}
	struct json_iter it = json_iter(value);
	while (n < 2 && json_next(&it, &key, &one))
		if (units_int(one, &ret[n++]) < 0)
			return false;
	return n == 2 && ret[0] >= 0 && ret[0] <= ret[1] && ret[1] < INT64_MAX;
}

static bool read_done(struct split *s, struct slice list)
{
	struct slice key, value;
	struct json_iter it = json_iter(list);
	while (json_next(&it, &key, &value)) {
		int64_t range[2];
		if (!read_range(value, range))
			return false;
		split_pass(s, (uint64_t)range[0], (uint64_t)(range[1] - range[0]) + 1);
	}
	return true;
}

/* Marks of earlier versions have none. */
static bool read_reach(struct split *s, struct slice object)
{
	AUTO(buf_done) struct buf base = { 0 };
	struct slice reach;
	if (!json_field(object, S("reach"), &reach))
		return true;
	if (!field_text(reach, "base", &base) || !field_count(reach, "offset", &s->reach.offset))
		return false;
	text_unref(s->reach.base);
	s->reach.base = text_new(buf_slice(&base));
	return true;
}

/* Files have it, when they were read to their end. */
static bool read_end(struct split *s, struct slice object)
{
	AUTO(buf_done) struct buf proof = { 0 };
	struct slice raw;
	if (!json_field(object, S("end"), &raw))
		return true;
	if (!field_text(object, "end", &proof) || !field_count(object, "end_at", &s->end_at))
		return false;
	text_unref(s->end);
	s->end = text_new(buf_slice(&proof));
	s->gone = s->gone_told = json_field(object, S("gone"), &raw);
	return true;
}

/* Sources that can be asked for what came since. */
static bool read_onward(struct split *s, struct slice object)
{
	AUTO(buf_done) struct buf base = { 0 };
	struct slice raw;
	if (!json_field(object, S("onward"), &raw))
		return true;
	if (!field_text(object, "onward", &base))
		return false;
	split_set_onward(s, buf_slice(&base));
	return true;
}

static bool read_split(struct ledger *l, struct slice object)
{
	AUTO(buf_done) struct buf name = { 0 };
	AUTO(buf_done) struct buf base = { 0 };
	struct slice done, made, anew, gaps;
	if (!field_text(object, "name", &name) || !field_text(object, "base", &base))
		return false;
	struct split *s = ledger_split(l, name.p ? name.p : "");
	if (!field_count(object, "low", &s->low) || !field_count(object, "line", &s->low_line) ||
	    !field_count(object, "offset", &s->from.offset) ||
	    !json_field(object, S("done"), &done))
		return false;
	if (json_field(object, S("gaps"), &gaps) && !field_count(object, "gaps", &s->gaps))
		return false;
	s->has_from = base.n > 0 || s->from.offset > 0;
	text_unref(s->from.base);
	s->from.base = base.n ? text_new(buf_slice(&base)) : NULL;
	s->anew = json_field(object, S("anew"), &anew);
	split_begin_behind_mark(s);
	s->made |= json_field(object, S("made"), &made);
	return read_done(s, done) && read_reach(s, object) && read_end(s, object) &&
	       read_onward(s, object);
}

bool counts_read(struct slice object, struct counts *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(count_fields); i++)
		if (!field_count(object, count_fields[i].key,
				 (uint64_t *)(void *)((char *)c + count_fields[i].offset)))
			return false;
	return true;
}

static int fail_mark(struct slice mark, struct err *err)
{
	return fail(err, FAULT_BROKEN, "the checkpoint makes no sense: %.*s",
		    SLICE(slice_head(mark, 200)));
}

/* Of a source with `every`. */
static bool read_round(struct slice mark, struct round *ret)
{
	struct slice object, over;
	uint64_t began;
	*ret = (struct round){ 0 };
	if (!json_field(mark, S("round"), &object))
		return true;
	if (!field_count(object, "number", &ret->number) || !field_count(object, "began", &began) ||
	    !json_field(object, S("over"), &over))
		return false;
	ret->began_ns = (int64_t)began;
	ret->over = json_type(over) == JSON_TRUE;
	return true;
}

bool mark_has_rounds(struct slice mark)
{
	struct round r;
	return read_round(mark, &r) && r.number > 0;
}

int mark_round_cmp(struct slice mark, struct slice other)
{
	struct round a, b;
	if (!read_round(mark, &a) || !read_round(other, &b))
		return 0;
	if (a.number != b.number)
		return a.number < b.number ? -1 : 1;
	return (int)a.over - (int)b.over;
}

int mark_read(struct ledger *l, struct slice mark, struct err *err)
{
	struct slice counts, splits, key, value;
	bool good = json_check(mark, NULL) == 0 && json_field(mark, S("counts"), &counts) &&
		    json_field(mark, S("splits"), &splits) && counts_read(counts, &l->settled) &&
		    read_round(mark, &l->round);
	if (good) {
		struct json_iter it = json_iter(splits);
		while (good && json_next(&it, &key, &value))
			good = read_split(l, value);
	}
	l->live = l->settled;
	if (good && counts_balance(&l->settled, 0))
		return 0;
	return fail_mark(mark, err);
}

int mark_read_split(struct ledger *l, struct slice mark, struct slice name, struct err *err)
{
	struct slice splits, key, value;
	if (json_check(mark, NULL) < 0 || !json_field(mark, S("splits"), &splits))
		return fail_mark(mark, err);
	struct json_iter it = json_iter(splits);
	while (json_next(&it, &key, &value)) {
		AUTO(buf_done) struct buf its = { 0 };
		if (!field_text(value, "name", &its))
			return fail_mark(mark, err);
		if (slice_eq(buf_slice(&its), name))
			return read_split(l, value) ? 0 : fail_mark(mark, err);
	}
	return 0;
}

bool mark_run_id(struct slice mark, struct buf *ret)
{
	return json_check(mark, NULL) == 0 && field_text(mark, "run", ret);
}
