/* records.c - records as parts of a call, and the parts of its answer as answers
 *
 * What this room is for: the one meaning that parts have between hocket and a worker, for one record as for two hundred.
 * What flows through:    {"records":[{"blobs":["image"]}]} and parts out; {"records":[{}, {"blob":"application/pdf"},
 *   {"error":"...","class":"error","excerpt":"..."}]} and parts in; {"whole":{"error":...}} when none of them was done.
 * What must hold:
 *  (1) each record has a verdict of its own; what a worker says of one does not touch the others. (2) nothing that a worker says is
 *      believed: counts, names, JSON and sizes are checked. */
#include "connectors/workers/records.h"
#include "base/banned.h"
#include "base/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_MOST = 16 << 20, ROOM_FROM = 256 << 10 };

struct record_parts {
	struct hk_part *parts; /* owns the array; they borrow from the records, and from head */
	size_t n, room;
	struct buf head;
};

/* ---- out ------------------------------------------------------------------------------------------------- */

static void add_part(struct record_parts *p, struct slice bytes)
{
	if (p->n == p->room) {
		p->room = p->room ? p->room * 2 : 8;
		p->parts = xrealloc(p->parts, p->room, sizeof(*p->parts));
	}
	p->parts[p->n++] = (struct hk_part){ bytes.p, bytes.n };
}

/* Of two blobs with one name the last is meant, also when it is looked up by name. */
static void put_record(const struct rec *rec, struct json_writer *w, struct record_parts *p)
{
	const struct blob *blob;
	const char *name;
	json_open(w, '{');
	add_part(p, rec_json(rec));
	for (size_t i = 0; (blob = rec_blob_at(rec, i, &name)); i++) {
		if (i == 0) {
			json_key(w, "blobs");
			json_open(w, '[');
		}
		json_put_string(w, slice_str(name));
		add_part(p, blob->bytes);
	}
	if (rec_blob_at(rec, 0, &name))
		json_close(w, ']');
	json_close(w, '}');
}

/* Borrows from the records. */
static int put_records(struct call *const *calls, size_t n, struct record_parts *ret,
		       struct err *err)
{
	*ret = (struct record_parts){ .head = { .max = HEAD_MOST } };
	struct json_writer w = json_writer(&ret->head);
	add_part(ret, S(""));
	json_open(&w, '{');
	json_key(&w, "records");
	json_open(&w, '[');
	for (size_t i = 0; i < n; i++)
		put_record(calls[i]->rec, &w, ret);
	json_close(&w, ']');
	json_close(&w, '}');
	int r = json_writer_end(&w);
	ret->parts[0] = (struct hk_part){ ret->head.p, ret->head.n };
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r,
				  "the names of the records' blobs do not fit")
		     : 0;
}

static void record_parts_done(struct record_parts *p)
{
	free(p->parts);
	buf_done(&p->head);
	*p = (struct record_parts){ 0 };
}

/* ---- in -------------------------------------------------------------------------------------------------- */

/* The parts of an answer, one after the other. */
struct taking {
	const struct hk_part *at, *end;
};

static bool next_part(struct taking *t, struct slice *ret)
{
	if (t->at == t->end)
		return false;
	*ret = (struct slice){ t->at->bytes, t->at->n };
	t->at++;
	return true;
}

static int too_few(struct err *err)
{
	return fail(err, FAULT_WORKER_OUTPUT,
		    "the worker's answer has fewer parts than its head names");
}

/* A string of the head, in the call's arena. Empty: it is not there, or is none. */
static struct slice text_of(struct slice about, const char *key, struct arena *arena)
{
	AUTO(buf_done) struct buf text = { .max = HEAD_MOST };
	struct slice raw;
	if (!json_field(about, slice_str(key), &raw) || json_type(raw) != JSON_STRING ||
	    json_unquote(raw, &text) < 0)
		return (struct slice){ 0 };
	return arena_copy(arena, buf_slice(&text));
}

static enum fault class_of(struct slice word)
{
	if (slice_eq(word, S("output")))
		return FAULT_WORKER_OUTPUT;
	return slice_eq(word, S("oom")) ? FAULT_WORKER_OOM : FAULT_WORKER_ERROR;
}

/* A message is one line, and moves no cursor. */
static struct slice one_line(struct slice text, struct arena *arena)
{
	char *out = (char *)(uintptr_t)arena_copy(arena, text).p; /* our own copy */
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)out[i],
			      next = i + 1 < text.n ? (unsigned char)out[i + 1] : 0;
		if (c < ' ' || c == 0x7f)
			out[i] = ' ';
		else if (c == 0xc2 && next < 0xa0)
			out[i] = out[i + 1] = '?';
	}
	return (struct slice){ out, text.n };
}

/* {"error":"ValueError: ...","class":"error","excerpt":"Traceback..."} */
static int take_error(struct slice about, struct call *c, struct err *err)
{
	struct slice text = one_line(text_of(about, "error", c->arena), c->arena);
	err->sent = true;
	c->excerpt = text_of(about, "excerpt", c->arena);
	return fail(err, class_of(text_of(about, "class", c->arena)), "%.*s", SLICE(text));
}

static int take_room(struct call *c, enum body kind, size_t text, size_t all,
		     struct err *err) SUSPENDS
{
	int r = all < ROOM_FROM ? 0 : call_room(c, kind, text, all);
	return r < 0 ? fail_errno(err, FAULT_CANCELLED, -ECANCELED, "there is no room") : 0;
}

/* One part is the whole answer. */
static int take_bytes(struct call *c, enum body kind, struct taking *t, struct err *err) SUSPENDS
{
	struct slice bytes;
	if (!next_part(t, &bytes))
		return too_few(err);
	if (take_room(c, kind, bytes.n, bytes.n, err) < 0)
		return -1;
	c->answer.body = kind;
	c->answer.value.max = bytes.n + 1;
	return buf_add(&c->answer.value, bytes) < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
}

/* As rec_put_blobs puts them. */
static int put_blob(struct slice name, struct slice bytes, struct buf *out)
{
	const uint64_t head[2] = { name.n, bytes.n };
	int r = buf_add(out, (struct slice){ (const char *)head, sizeof(head) });
	r = r < 0 ? r : buf_add(out, name);
	return r < 0 ? r : buf_add(out, bytes);
}

static size_t bytes_of(struct slice names, const struct taking *t)
{
	struct json_iter it = json_iter(names);
	struct slice key, name;
	size_t n = 0;
	for (const struct hk_part *p = t->at; p < t->end && json_next(&it, &key, &name); p++)
		n += 16 + name.n + p->n;
	return n;
}

static int take_blobs(struct call *c, struct slice names, struct taking *t, struct err *err)
{
	struct json_iter it = json_iter(names);
	struct slice key, raw, bytes;
	c->answer.text_n = c->answer.value.n;
	while (json_next(&it, &key, &raw)) {
		AUTO(buf_done) struct buf name = { .max = 1u << 16 };
		if (json_type(raw) != JSON_STRING || json_unquote(raw, &name) < 0 || name.n == 0)
			return fail(err, FAULT_WORKER_OUTPUT, "a blob's name is a text");
		if (!next_part(t, &bytes))
			return too_few(err);
		if (put_blob(buf_slice(&name), bytes, &c->answer.value) < 0)
			return fail(err, FAULT_IO, "out of memory");
	}
	return 0;
}

static int take_json(struct call *c, struct slice about, struct taking *t, struct err *err) SUSPENDS
{
	struct slice text, names = S("[]");
	struct json_error where;
	if (!next_part(t, &text))
		return too_few(err);
	if (json_field(about, S("blobs"), &names) && json_type(names) != JSON_ARRAY)
		return fail(err, FAULT_WORKER_OUTPUT, "`blobs` is a list of names");
	size_t all = text.n + bytes_of(names, t);
	if (take_room(c, BODY_JSON, text.n, all, err) < 0)
		return -1;
	c->answer.value.max = all + 64;
	if (json_compact(text, &c->answer.value, &where) < 0)
		return fail(err, FAULT_WORKER_OUTPUT,
			    "the worker's answer is not JSON: %s at byte %zu: %.*s", where.what,
			    where.offset, SLICE(utf8_head(text, 80)));
	c->answer.body = BODY_JSON;
	c->answer.checked = true;
	return slice_eq(names, S("[]")) ? 0 : take_blobs(c, names, t, err);
}

static int take_one(struct call *c, struct slice about, struct taking *t, struct err *err) SUSPENDS
{
	struct slice raw;
	if (json_type(about) != JSON_OBJECT)
		return fail(err, FAULT_WORKER_OUTPUT,
			    "what the worker says of an answer is no object");
	if (json_field(about, S("error"), &raw))
		return take_error(about, c, err);
	if (json_field(about, S("text"), &raw) && json_type(raw) == JSON_TRUE)
		return take_bytes(c, BODY_TEXT, t, err);
	c->answer.type = text_of(about, "blob", c->arena);
	return c->answer.type.n ? take_bytes(c, BODY_BLOB, t, err) : take_json(c, about, t, err);
}

/* How many parts belong to it, so that what is wrong with one does not shift the others. */
static size_t parts_of(struct slice about)
{
	struct slice raw, key, name;
	size_t n = 1;
	if (json_type(about) != JSON_OBJECT || json_field(about, S("error"), &raw))
		return 0;
	if (!json_field(about, S("blobs"), &raw) || json_type(raw) != JSON_ARRAY)
		return 1;
	for (struct json_iter it = json_iter(raw); json_next(&it, &key, &name);)
		n++;
	return n;
}

static void give_one(struct call *c, struct slice about, struct taking *t) SUSPENDS
{
	size_t n = parts_of(about), left = (size_t)(t->end - t->at);
	struct taking own = { t->at, t->at + (n < left ? n : left) };
	t->at = own.end;
	c->verdict = VERDICT_ANSWER;
	if (take_one(c, about, &own, &c->err) == 0)
		return;
	buf_done(&c->answer.value);
	c->answer = (struct answer){ 0 };
	c->verdict = VERDICT_FAULT;
	c->err.sent = true;
}

static size_t count_of(struct slice list)
{
	struct json_iter it = json_iter(list);
	struct slice key, value;
	size_t n = 0;
	while (json_next(&it, &key, &value))
		n++;
	return n;
}

/* A part that says nothing of answers is the answer, when there is one record: all that a small worker has to know. */
static bool is_bare(const struct hk_answer *a, size_t n)
{
	struct slice text, raw;
	if (n != 1 || a->parts_n != 1)
		return false;
	text = json_trim((struct slice){ a->parts[0].bytes, a->parts[0].n });
	if (json_check(text, NULL) < 0)
		return false;
	return json_type(text) != JSON_OBJECT ||
	       (!json_field(text, S("records"), &raw) && !json_field(text, S("whole"), &raw));
}

/* What is no answer to these calls at all: -1, and no verdicts were given. */
static int take_records(struct call *const *calls, size_t n, const struct hk_answer *a,
			struct err *err) SUSPENDS
{
	struct taking t = { a->parts, a->parts + a->parts_n };
	struct slice head, list, key, about;
	err->sent = true;
	if (is_bare(a, n)) {
		give_one(calls[0], S("{}"), &t);
		return 0;
	}
	if (!next_part(&t, &head) || json_check(head, NULL) < 0 ||
	    json_type(head = json_trim(head)) != JSON_OBJECT)
		return fail(err, FAULT_WORKER_OUTPUT,
			    "the worker's answer does not begin with what it is: "
			    "{\"records\": [...]}");
	if (json_field(head, S("whole"), &about))
		return take_error(about, calls[0], err);
	if (!json_field(head, S("records"), &list) || json_type(list) != JSON_ARRAY ||
	    count_of(list) != n)
		return fail(err, FAULT_WORKER_OUTPUT,
			    "the worker has answers for %zu of %zu records",
			    json_field(head, S("records"), &list) ? count_of(list) : 0, n);
	struct json_iter it = json_iter(list);
	for (size_t i = 0; i < n && json_next(&it, &key, &about); i++)
		give_one(calls[i], about, &t);
	return 0;
}

int records_work(struct work *w, struct call *const *calls, size_t n, struct err *err)
{
	AUTO(record_parts_done) struct record_parts parts = { 0 };
	AUTO(hk_answer_done) struct hk_answer answer = { 0 };
	if (put_records(calls, n, &parts, err) < 0 ||
	    work_call(w, parts.parts, parts.n, &answer, err) < 0)
		return -1;
	return take_records(calls, n, &answer, err);
}
