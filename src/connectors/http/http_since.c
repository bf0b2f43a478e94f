/* http_since.c - what came since the last run, and what of it is known
 *
 * What this room is for: an API that is asked "what changed since T?" gives what lies at T again, and with a lag all that lies within
 *   it. Those that did not change must not be taken twice, and of those that did none may be missed.
 *
 *     run 1   |----a---b---c--d|             takes a b c d; the largest cursor is d's; with the lag, c and d are remembered
 *     run 2            asks from |--c'-d--e  c' is another content: taken. d is known: dropped. e is new.
 *
 * What flows through:    items in; new or known. Digests of 96 bits of their SHA-256: enough to tell ten thousand apart for ever.
 * What must hold:        see http_since.h. `before` is sorted by digest, and each of it drops one item; `fresh` is in the order of arrival. */
#include "connectors/http/http_since.h"
#include "base/banned.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/http/http_cursor.h"
#include "connectors/http/http_query.h"
#include "connectors/value.h"
#include "io/digest.h"
#include <errno.h>
#include <stdlib.h>

enum { KNOWN_DIGITS = 24, TRIM_FROM = 256 };

static const char *const older_words[] = { "error", "drop", "take", NULL };

const struct opt since_option_table[] = {
	OPT("query", struct since_options, query, OPT_STRING, const char *, .required = true,
	    .doc = "the parameter that takes the cursor: updated_after"),
	OPT("from", struct since_options, from, OPT_JQ, struct jq *, .required = true,
	    .doc = "where a record holds its cursor, a time or a number that grows: .updated_at"),
	OPT("start", struct since_options, start, OPT_STRING, const char *,
	    .doc = "what the first run asks from; without it, for everything"),
	OPT("lag", struct since_options, lag_ns, OPT_DURATION, int64_t, .tuning = true, .min = 0,
	    .fallback = "0s",
	    .doc = "ask from so long before the largest cursor: for what shows up late"),
	OPT("value", struct since_options, value, OPT_JQ, struct jq *,
	    .doc = "how the cursor is written in the query, where `.` is the cursor: '.[:10]'"),
	OPT("older", struct since_options, older, OPT_ENUM, int, .tuning = true,
	    .words = older_words, .fallback = "error",
	    .doc = "a record from before what was asked for: a mistake, as the API does not heed "
		   "`query` (error), a duplicate (drop), or taken again (take)"),
	OPT_END,
};

void since_check(const struct since_options *o, struct diag *diag)
{
	if (o && o->query[0] == 0)
		diag_error(diag, "since.query", "the name of the parameter is empty");
	if (o && o->start && o->start[0] == 0)
		diag_error(diag, "since.start",
			   "'start' is empty; leave it out to ask for everything");
}

/* ---- what is known ------------------------------------------------------------------------------- */

struct known { /* an item that was taken */
	char digest[KNOWN_DIGITS + 1];
	bool met; /* of `before`: it came again */
	struct cursor at;
};
struct known_list {
	struct known *v;
	size_t n, cap;
};
struct since {
	const struct since_options *o;
	struct cursor largest;
	struct cursor low;   /* what is asked from next, as it is written there, to the second */
	struct cursor asked; /* what this run asked from, likewise */
	struct known_list before, fresh;
	size_t trim_at;
	int64_t now_ns; /* when it began */
};

static struct known *list_add(struct known_list *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = xrealloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n] = (struct known){ 0 };
	return &l->v[l->n++];
}

static void list_done(struct known_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		cursor_done(&l->v[i].at);
	free(l->v);
	*l = (struct known_list){ 0 };
}

struct since *since_new(const struct since_options *o)
{
	struct since *s = xcalloc(1, sizeof(*s));
	s->o = o;
	s->trim_at = TRIM_FROM;
	s->now_ns = clock_wall_ns();
	return s;
}

void since_free(struct since *s)
{
	if (!s)
		return;
	cursor_done(&s->largest);
	cursor_done(&s->low);
	cursor_done(&s->asked);
	list_done(&s->before);
	list_done(&s->fresh);
	free(s);
}

/* ---- cursors as they are asked by -------------------------------------------------------------------- */

/* `value` of it. */
static int written(const struct since *s, struct slice json, struct cursor *ret,
		   struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf out = { 0 };
	const struct env env = { .record = json };
	int n = s->o->value ? jq_one(s->o->value, &env, &out, err) : 0;
	if (n < 0)
		return err_wrap(err, "since.value");
	struct slice text = s->o->value ? buf_slice(&out) : json;
	if ((n > 0 || !s->o->value) && cursor_read(text, ret) == 0)
		return 0;
	return fail(err, FAULT_BAD_VALUE, "since.value gave %s for %.*s, not a text or a number",
		    n ? value_type_name(json_trim(text)) : "nothing", SLICE(utf8_head(json, 80)));
}

/* One record with a clock of its own must not hide all that comes until then: a time that is still to come is taken for now. */
static int not_ahead(const struct since *s, struct cursor *ret)
{
	const struct cursor *c = &s->largest;
	return c->kind == CURSOR_TIME && c->ns > s->now_ns
		       ? cursor_before(c, c->ns - s->now_ns, ret)
		       : cursor_copy(c, ret);
}

static int step_back(const struct since *s, struct cursor *ret, struct err *err)
{
	AUTO(cursor_done) struct cursor from = { 0 };
	int r = not_ahead(s, &from);
	r = r < 0 ? r : cursor_before(&from, s->o->lag_ns, ret);
	if (r == -EINVAL)
		return fail(err, FAULT_BAD_VALUE,
			    "`lag` wants times like 2026-01-31T12:30:00Z or whole numbers, not "
			    "%.*s (write since.from so that it gives one)",
			    SLICE(utf8_head(buf_slice(&s->largest.json), 80)));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the cursor is too long") : 0;
}

/* As it is written, to the second. */
static int set_whole(const struct since *s, const struct cursor *from, struct cursor *ret,
		     struct err *err) SUSPENDS
{
	AUTO(cursor_done) struct cursor whole = { 0 };
	int r = cursor_floor(from, &whole);
	cursor_done(ret);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the cursor is too long")
		     : written(s, buf_slice(&whole.json), ret, err);
}

static int set_low(struct since *s, struct err *err) SUSPENDS
{
	AUTO(cursor_done) struct cursor back = { 0 };
	return step_back(s, &back, err) < 0 ? -1 : set_whole(s, &back, &s->low, err);
}

int since_put_query(struct since *s, struct buf *url, struct err *err)
{
	AUTO(cursor_done) struct cursor from = { 0 }, asked = { 0 };
	AUTO(buf_done) struct buf text = { 0 }, start = { 0 }, next = { 0 };
	int r = 0;
	if (s->largest.kind == CURSOR_NONE && !s->o->start)
		return 0;
	if (s->largest.kind == CURSOR_NONE) {
		r = json_quote(slice_str(s->o->start), &start);
		r = r < 0 ? r : cursor_read(buf_slice(&start), &from);
	} else if (step_back(s, &from, err) < 0) {
		return -1;
	}
	if (r == 0 && (written(s, buf_slice(&from.json), &asked, err) < 0 ||
		       set_whole(s, &from, &s->asked, err) < 0))
		return -1;
	r = r < 0 ? r : cursor_put_text(&asked, &text);
	r = r < 0 ? r : query_set(buf_slice(url), slice_str(s->o->query), buf_slice(&text), &next);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the URL does not fit");
	buf_done(url);
	*url = buf_take(&next);
	return 0;
}

/* ---- what is worth remembering ------------------------------------------------------------------------ */

/* Values that cannot be compared are not: `value` may give texts for some and numbers for others. */
static bool is_below(const struct cursor *low, const struct cursor *at)
{
	return at->kind == low->kind && at->kind != CURSOR_NONE && cursor_compare(at, low) < 0;
}

static void list_trim(const struct since *s, struct known_list *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (is_below(&s->low, &l->v[i].at))
			cursor_done(&l->v[i].at);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
	size_t over = n > SINCE_KNOWN_MAX ? n - SINCE_KNOWN_MAX : 0;
	for (size_t i = 0; i < over; i++)
		cursor_done(&l->v[i].at);
	if (over)
		memmove(l->v, l->v + over, (n - over) * sizeof(*l->v));
	l->n -= over;
}

static void trim(struct since *s)
{
	list_trim(s, &s->fresh);
	s->trim_at = s->fresh.n * 2 > TRIM_FROM ? s->fresh.n * 2 : TRIM_FROM;
}

static int digest_of(struct slice item, char ret[KNOWN_DIGITS + 1])
{
	AUTO(digest_done) struct digest d;
	AUTO(buf_done) struct buf hex = { 0 };
	uint8_t bytes[DIGEST_BYTES];
	int r = digest_init(&d);
	if (r < 0)
		return r;
	digest_add(&d, item);
	digest_end(&d, bytes);
	if ((r = digest_put_hex(bytes, &hex)) < 0)
		return r;
	memcpy(ret, hex.p, KNOWN_DIGITS);
	ret[KNOWN_DIGITS] = 0;
	return 0;
}

static int compare_known(const void *a, const void *b)
{
	const struct known *one = a, *other = b;
	return strcmp(one->digest, other->digest);
}

/* One of the same content that was not met yet. */
static struct known *find_before(struct since *s, const char *digest)
{
	size_t low = 0, high = s->before.n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(s->before.v[mid].digest, digest) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->before.n && strcmp(s->before.v[low].digest, digest) == 0; low++)
		if (!s->before.v[low].met)
			return &s->before.v[low];
	return NULL;
}

/* ---- an item ---------------------------------------------------------------------------------------------- */

static int read_cursor(const struct since *s, struct slice item, struct cursor *ret,
		       struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { 0 };
	const struct env env = { .record = item };
	int n = jq_one(s->o->from, &env, &value, err);
	if (n < 0)
		return err_wrap(err, "since.from");
	struct slice json = n ? json_trim(buf_slice(&value)) : S("null");
	if (cursor_read(json, ret) < 0)
		return fail(
			err, FAULT_BAD_VALUE,
			"since.from gave %s, not a time, a text or a number: every record needs "
			"its cursor (where some lack it: '.updated_at // .created_at')",
			n ? value_type_name(json) : "nothing");
	if (s->largest.kind == CURSOR_NONE || s->largest.kind == ret->kind)
		return 0;
	return fail(err, FAULT_BAD_VALUE, "since.from gave %s, %.*s, where others have %s, %.*s",
		    cursor_kind_name(ret->kind), SLICE(utf8_head(json, 60)),
		    cursor_kind_name(s->largest.kind),
		    SLICE(utf8_head(buf_slice(&s->largest.json), 60)));
}

static int raise_largest(struct since *s, const struct cursor *to, struct err *err) SUSPENDS
{
	cursor_done(&s->largest);
	int r = cursor_copy(to, &s->largest);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the cursor is too long")
		     : set_low(s, err);
}

/* An API that does not heed the parameter gives everything, each time. */
static int judge_older(const struct since *s, const struct cursor *at, struct err *err)
{
	if (s->o->older != OLDER_ERROR)
		return s->o->older == OLDER_TAKE;
	return fail(err, FAULT_CONFIG,
		    "asked for what came since %.*s, the API gave a record of %.*s: does it heed "
		    "'%s'? (`older: drop` leaves such records out, `older: take` takes them again)",
		    SLICE(utf8_head(buf_slice(&s->asked.json), 60)),
		    SLICE(utf8_head(buf_slice(&at->json), 60)), s->o->query);
}

static void remember(struct since *s, const char *digest, struct cursor *takes)
{
	struct known *k = list_add(&s->fresh);
	memcpy(k->digest, digest, KNOWN_DIGITS + 1);
	k->at = *takes;
	*takes = (struct cursor){ 0 };
	if (s->fresh.n >= s->trim_at)
		trim(s);
}

int since_look(struct since *s, struct slice item, struct err *err)
{
	AUTO(cursor_done) struct cursor at = { 0 }, asked = { 0 };
	char digest[KNOWN_DIGITS + 1];
	if (read_cursor(s, item, &at, err) < 0)
		return -1;
	if ((s->largest.kind == CURSOR_NONE || cursor_compare(&at, &s->largest) > 0) &&
	    raise_largest(s, &at, err) < 0)
		return -1;
	if (written(s, buf_slice(&at.json), &asked, err) < 0)
		return -1;
	int r = digest_of(item, digest);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "no digest can be made");
	struct known *was = find_before(s, digest);
	if (was)
		was->met = true;
	if (!was && is_below(&s->asked, &asked))
		return judge_older(s, &at, err);
	if (!is_below(&s->low, &asked))
		remember(s, digest, &asked);
	return !was;
}

/* ---- as text -------------------------------------------------------------------------------------------------- */

static void write_list(struct json_writer *w, const struct known_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].met)
			continue;
		json_open(w, '[');
		json_put_string(w, slice_str(l->v[i].digest));
		json_put_raw(w, buf_slice(&l->v[i].at.json));
		json_close(w, ']');
	}
}

static void write_largest(struct json_writer *w, const struct since *s)
{
	json_open(w, '{');
	json_key(w, "since");
	json_put_raw(w, s->largest.json.n ? buf_slice(&s->largest.json) : S("null"));
	json_key(w, "before");
	json_open(w, '[');
}

int since_put(struct since *s, struct buf *out)
{
	struct json_writer w = json_writer(out);
	trim(s);
	write_largest(&w, s);
	write_list(&w, &s->before);
	json_close(&w, ']');
	if (s->asked.kind != CURSOR_NONE) {
		json_key(&w, "asked");
		json_put_raw(&w, buf_slice(&s->asked.json));
	}
	json_key(&w, "fresh");
	json_open(&w, '[');
	write_list(&w, &s->fresh);
	json_close(&w, ']');
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* What was not met again may come later still. */
int since_put_end(struct since *s, struct buf *out)
{
	struct json_writer w = json_writer(out);
	trim(s);
	list_trim(s, &s->before);
	write_largest(&w, s);
	write_list(&w, &s->before);
	write_list(&w, &s->fresh);
	json_close(&w, ']');
	json_close(&w, '}');
	return json_writer_end(&w);
}

static bool read_list(struct slice object, const char *key, struct known_list *l)
{
	struct slice list, pair, none, digest, at;
	if (!json_field(object, slice_str(key), &list))
		return true;
	struct json_iter it = json_iter(list);
	while (json_next(&it, &none, &pair)) {
		if (!json_index(pair, 0, &digest) || !json_index(pair, 1, &at) ||
		    digest.n != KNOWN_DIGITS + 2)
			return false;
		struct known *k = list_add(l);
		memcpy(k->digest, digest.p + 1, KNOWN_DIGITS);
		if (cursor_read(at, &k->at) < 0)
			return false;
	}
	return true;
}

int since_read(struct since *s, struct slice text, struct err *err)
{
	struct slice largest, asked;
	list_done(&s->before);
	list_done(&s->fresh);
	cursor_done(&s->largest);
	cursor_done(&s->asked);
	bool good = json_check(text, NULL) == 0 && json_field(text, S("since"), &largest) &&
		    (json_type(largest) == JSON_NULL || cursor_read(largest, &s->largest) == 0) &&
		    (!json_field(text, S("asked"), &asked) || cursor_read(asked, &s->asked) == 0) &&
		    read_list(text, "before", &s->before) && read_list(text, "fresh", &s->fresh);
	if (!good)
		return fail(err, FAULT_BROKEN, "what is known of the last run makes no sense: %.*s",
			    SLICE(utf8_head(text, 200)));
	if (s->before.n)
		qsort(s->before.v, s->before.n, sizeof(*s->before.v), compare_known);
	return s->largest.kind == CURSOR_NONE ? 0 : set_low(s, err);
}

bool since_is_text(struct slice base)
{
	return slice_starts(base, S("{\"since\":"));
}
