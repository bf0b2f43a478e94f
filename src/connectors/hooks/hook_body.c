/* hook_body.c - a delivery's body as records, and records as a page of the inbox
 *
 * What this room is for: what a sender posts becomes records before it is answered: what is no JSON can still be refused, and how many
 *   records there are must be known when they are kept, because they get numbers then.
 * What flows through:    bytes in, records out; records in, a page's text out, and back.
 * What must hold:
 *  (1) a page holds the records, not the body: whoever reads it again needs no `each`, which may be another one by then.
 *  (2) a page's records are those that were kept, in their order, each on a line; a fault is in `about`, by its record's place.
 *      Blobs stand behind the lines, in the same order, and `about` says whose they are.
 *  (3) whose fault it is decides: a body that is no JSON is the sender's, who is told; a value that is no record is the pipeline's,
 *      and ends as a dead letter with all that came. */
#include "connectors/hooks/hook_body.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include "connectors/files/lines.h"
#include "connectors/http/http_headers.h"
#include "connectors/value.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ----------------------------------------------------------------------------------------- */

void hook_records_done(struct hook_records *r)
{
	for (size_t i = 0; i < r->n; i++) {
		rec_unref(r->v[i].rec);
		free(r->v[i].fault);
	}
	free(r->v);
	*r = (struct hook_records){ 0 };
}

static void add(struct hook_records *r, struct hook_record takes)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 1;
		r->v = xrealloc(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->n++] = takes;
	r->bytes += rec_bytes(takes.rec);
}

void hook_records_join(struct hook_records *to, struct hook_records *gives)
{
	for (size_t i = 0; i < gives->n; i++)
		add(to, gives->v[i]);
	gives->n = 0;
	hook_records_done(gives);
}

void hook_records_add(struct hook_records *r, struct rec *gives)
{
	add(r, (struct hook_record){ gives, NULL });
}

void hook_records_add_fault(struct hook_records *r, struct rec *gives, const struct err *why)
{
	struct err *fault = xcalloc(1, sizeof(*fault));
	*fault = *why;
	add(r, (struct hook_record){ gives, fault });
}

static void add_fault(struct hook_records *r, struct slice value, const struct err *why)
{
	bool object = json_type(value) == JSON_OBJECT;
	hook_records_add_fault(r, object ? rec_new(value) : lines_evidence(value), why);
}

/* ---- a body ------------------------------------------------------------------------------------------ */

struct reading {
	struct hook_records *records;
	uint64_t most;
};

static int collect(void *arg, struct slice value, struct err *err)
{
	struct reading *r = arg;
	struct err why = { 0 };
	if (value_check_object(value, "each", &why) == 0)
		hook_records_add(r->records, rec_new(value));
	else
		add_fault(r->records, value, &why);
	return r->records->bytes <= r->most
		       ? 0
		       : fail(err, FAULT_TOO_LARGE, "`each` makes more of it than memory allows");
}

static int collect_plain(struct reading *r, struct slice body, struct err *why)
{
	struct slice key, value;
	struct json_iter it = json_iter(body);
	bool list = json_type(body) == JSON_ARRAY;
	if (!list && value_check_object(body, "the body", why) < 0)
		return -1;
	if (!list)
		return collect(r, body, why);
	while (json_next(&it, &key, &value))
		if (value_check_object(value, "the body's list", why) < 0 ||
		    collect(r, value, why) < 0)
			return -1;
	return 0;
}

static int put_about(const struct hook_about *about, struct buf *out)
{
	const struct http_response as_answer = { .headers = (struct http_header *)about->headers,
						 .header_count = about->header_count };
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, ":method");
	json_put_string(&w, about->method);
	json_key(&w, ":path");
	json_put_string(&w, about->path);
	json_key(&w, ":query");
	json_put_string(&w, about->query);
	int r = json_writer_end(&w);
	if (r < 0 || about->header_count == 0)
		return r < 0 ? r : buf_add_char(out, '}');
	size_t at = out->n;
	r = headers_put_json(&as_answer, out);
	if (r == 0)
		out->p[at] = ','; /* one object of two */
	return r;
}

static int collect_each(const struct jq *each, const struct hook_about *about, struct reading *r,
			struct slice body, struct err *why) SUSPENDS
{
	AUTO(buf_done) struct buf headers = { .max = 1u << 20 };
	if (jq_wants_about(each) && put_about(about, &headers) < 0)
		return fail(why, FAULT_TOO_LARGE, "the headers are too large");
	const struct env_response res = { .status = 200,
					  .headers = headers.n ? buf_slice(&headers) : S("{}"),
					  .body = body };
	const struct env env = { .record = body, .res = &res };
	if (jq_each(each, &env, collect, r, why) == 0)
		return 0;
	if (why->fault != FAULT_JQ)
		return -1;
	hook_records_done(r->records); /* what it gave before is not all that it would have given */
	add_fault(r->records, body, why);
	return 0;
}

int hook_records_read(const struct jq *each, const struct hook_about *about, struct slice body,
		      uint64_t most_bytes, struct hook_records *ret, struct err *why)
{
	AUTO(buf_done) struct buf json = { .max = body.n + 1 };
	struct reading r = { ret, most_bytes };
	struct json_error where = { 0 };
	*ret = (struct hook_records){ 0 };
	int done = json_compact(body, &json, &where);
	if (done == -EBADMSG)
		return fail(why, FAULT_INVALID_JSON, "the body is not JSON: %s at byte %zu",
			    where.what ? where.what : "nonsense", where.offset);
	if (done < 0)
		return fail_errno(why, FAULT_TOO_LARGE, done, "the body");
	done = each ? collect_each(each, about, &r, buf_slice(&json), why)
		    : collect_plain(&r, buf_slice(&json), why);
	if (done < 0)
		hook_records_done(ret);
	return done;
}

/* ---- pages ------------------------------------------------------------------------------------------- */

static void put_faults(struct json_writer *w, const struct hook_records *r)
{
	json_key(w, "faults");
	json_open(w, '[');
	for (size_t i = 0; i < r->n; i++) {
		const struct err *fault = r->v[i].fault;
		if (!fault)
			continue;
		json_open(w, '{');
		json_key(w, "at");
		json_put_int(w, (int64_t)i);
		json_key(w, "class");
		json_put_string(w, slice_str(fault_name(fault->fault)));
		json_key(w, "text");
		json_put_string(w, slice_str(fault->text));
		json_close(w, '}');
	}
	json_close(w, ']');
}

static int put_lines(const struct hook_records *r, struct buf *value)
{
	int done = 0;
	for (size_t i = 0; i < r->n && done == 0; i++) {
		done = buf_add(value, rec_json(r->v[i].rec));
		done = done < 0 ? done : buf_add_char(value, '\n');
	}
	return done;
}

static int put_blobs(struct json_writer *w, const struct hook_records *r, struct buf *value)
{
	const char *name;
	int done = 0;
	json_key(w, "lines");
	json_put_int(w, (int64_t)value->n);
	json_key(w, "blobs");
	json_open(w, '[');
	for (size_t i = 0; i < r->n && done == 0; i++) {
		size_t before = value->n;
		if (!rec_blob_at(r->v[i].rec, 0, &name))
			continue;
		done = rec_put_blobs(r->v[i].rec, value);
		json_open(w, '{');
		json_key(w, "at");
		json_put_int(w, (int64_t)i);
		json_key(w, "bytes");
		json_put_int(w, (int64_t)(value->n - before));
		json_close(w, '}');
	}
	json_close(w, ']');
	return done;
}

struct rec *hook_records_last(const struct hook_records *r)
{
	for (size_t i = r->n; i-- > 0;)
		if (!r->v[i].fault)
			return r->v[i].rec;
	return NULL;
}

/* A page without a good record names the one before it, whose page goes when this one stands. */
static void put_teller(struct json_writer *w, const struct hook_teller *t,
		       const struct hook_records *r)
{
	json_key(w, "teller");
	json_put_string(w, t->name);
	if (t->last.n > 0 && !hook_records_last(r)) {
		json_key(w, "last");
		json_put_raw(w, t->last);
	}
}

int hook_page_put(const struct hook_records *r, uint64_t number, const char *keeper,
		  const struct hook_teller *teller, struct buf *about, struct buf *value)
{
	struct json_writer w = json_writer(about);
	int done = put_lines(r, value);
	json_open(&w, '{');
	json_key(&w, "number");
	json_put_int(&w, (int64_t)number);
	json_key(&w, "keeper");
	json_put_string(&w, slice_str(keeper));
	if (teller)
		put_teller(&w, teller, r);
	done = done < 0 ? done : put_blobs(&w, r, value);
	put_faults(&w, r);
	json_close(&w, '}');
	int end = json_writer_end(&w);
	return done < 0 ? done : end;
}

static enum fault fault_named(struct slice raw)
{
	AUTO(buf_done) struct buf name = { .max = 256 };
	if (json_unquote(raw, &name) < 0)
		return FAULT_NONE;
	for (int f = FAULT_NONE + 1; f < FAULT_COUNT; f++)
		if (slice_eq_str(buf_slice(&name), fault_name((enum fault)f)))
			return (enum fault)f;
	return FAULT_NONE;
}

static bool read_fault(struct slice object, struct hook_records *r)
{
	AUTO(buf_done) struct buf words = { .max = 4096 };
	struct slice raw, class, text;
	int64_t at;
	if (!json_field(object, S("at"), &raw) || units_int(raw, &at) < 0 || at < 0 ||
	    (uint64_t)at >= r->n || !json_field(object, S("class"), &class) ||
	    !json_field(object, S("text"), &text) || json_unquote(text, &words) < 0 ||
	    fault_named(class) == FAULT_NONE)
		return false;
	struct err *fault = xcalloc(1, sizeof(*fault));
	(void)fail(fault, fault_named(class), "%.*s", SLICE(buf_slice(&words)));
	free(r->v[at].fault);
	r->v[at].fault = fault;
	return true;
}

static bool read_lines(struct slice value, struct hook_records *r)
{
	struct slice line;
	while (value.n > 0) {
		(void)slice_cut(value, '\n', &line, &value);
		if (json_check(line, NULL) < 0)
			return false;
		add(r, (struct hook_record){ rec_new(line), NULL });
	}
	return true;
}

/* The blobs of one record, from the front of *rest. */
static bool read_blobs(struct slice object, struct slice *rest, struct hook_records *r)
{
	struct slice raw;
	int64_t at, bytes;
	if (!json_field(object, S("at"), &raw) || units_int(raw, &at) < 0 || at < 0 ||
	    (uint64_t)at >= r->n || !json_field(object, S("bytes"), &raw) ||
	    units_int(raw, &bytes) < 0 || bytes < 0 || (uint64_t)bytes > rest->n)
		return false;
	struct rec *bare = r->v[at].rec;
	struct rec *whole = rec_restore(rec_json(bare), slice_head(*rest, (size_t)bytes));
	*rest = slice_from(*rest, (size_t)bytes);
	if (!whole)
		return false;
	r->bytes += rec_bytes(whole) - rec_bytes(bare);
	r->v[at].rec = whole;
	rec_unref(bare);
	return true;
}

/* Cuts what is behind the lines off; pages of before had nothing there. */
static bool find_lines(struct slice about, struct slice *value, struct slice *rest)
{
	struct slice raw;
	int64_t n;
	*rest = (struct slice){ 0 };
	if (!json_field(about, S("lines"), &raw))
		return true;
	if (units_int(raw, &n) < 0 || n < 0 || (uint64_t)n > value->n)
		return false;
	*rest = slice_from(*value, (size_t)n);
	*value = slice_head(*value, (size_t)n);
	return true;
}

static bool read_all_blobs(struct slice about, struct slice rest, struct hook_records *r)
{
	struct slice list, key, blob;
	if (!json_field(about, S("blobs"), &list))
		return true;
	struct json_iter it = json_iter(list);
	while (json_next(&it, &key, &blob))
		if (!read_blobs(blob, &rest, r))
			return false;
	return true;
}

static bool read_about(struct slice about, uint64_t *number, struct buf *keeper,
		       struct hook_records *r)
{
	struct slice raw, who, faults, key, fault;
	int64_t n;
	if (!json_field(about, S("number"), &raw) || units_int(raw, &n) < 0 || n < 0 ||
	    !json_field(about, S("keeper"), &who) || json_unquote(who, keeper) < 0 ||
	    !json_field(about, S("faults"), &faults))
		return false;
	*number = (uint64_t)n;
	struct json_iter it = json_iter(faults);
	while (json_next(&it, &key, &fault))
		if (!read_fault(fault, r))
			return false;
	return true;
}

int hook_page_read(struct slice about, struct slice value, uint64_t *number, struct buf *keeper,
		   struct hook_records *ret)
{
	struct slice rest;
	*ret = (struct hook_records){ 0 };
	if (json_check(about, NULL) == 0 && find_lines(about, &value, &rest) &&
	    read_lines(value, ret) && read_all_blobs(about, rest, ret) &&
	    read_about(about, number, keeper, ret))
		return 0;
	hook_records_done(ret);
	return -EBADMSG;
}

struct rec *hook_page_last(struct slice about, const struct hook_records *r, struct slice teller)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct rec *last = hook_records_last(r);
	struct slice raw;
	if (!json_field(about, S("teller"), &raw) || json_unquote(raw, &name) < 0 ||
	    !slice_eq(buf_slice(&name), teller))
		return NULL;
	if (last)
		return rec_ref(last);
	return json_field(about, S("last"), &raw) ? rec_new(raw) : NULL;
}
