/* answer.c - what the far side said: is it good, and where does it go
 *
 * What this room is for: `as`, `accept`, `into`, `result`, `emit`: the same for every connector that calls out.
 * What flows through:    an answer's bytes become checked, compact JSON text, then part of the record by splicing.
 * What must hold:
 *  (1) nothing unchecked enters a record. (2) the record's own bytes are copied, never re-written.
 *  (3) after -1 the record is untouched. */
#include "engine/run/running.h"

#include "base/json.h"
#include "engine/language/jq_val.h"
#include <errno.h>
#include <math.h>
#include <string.h>

enum { EXCERPT = 160 };

enum body answer_kind(const struct step *s, enum body by_type)
{
	switch ((enum as)s->place->common.as) {
	case AS_JSON:
		return BODY_JSON;
	case AS_TEXT:
		return BODY_TEXT;
	case AS_BLOB:
		return BODY_BLOB;
	case AS_BY_TYPE:
		break;
	}
	return by_type;
}

/* The beginning of a body, on one line, for a message. */
static void excerpt(struct slice body, char out[static EXCERPT + 8])
{
	size_t n = 0;
	body = slice_trim(body);
	for (size_t i = 0; i < body.n && n < EXCERPT; i++) {
		unsigned char c = (unsigned char)body.p[i];
		bool blank = c <= ' ' || c == 127;
		if (blank && n > 0 && out[n - 1] == ' ')
			continue;
		out[n++] = blank ? ' ' : (char)c;
	}
	while (n > 0 && !utf8_valid((struct slice){ out, n }))
		n--;
	memcpy(out + n, body.n > EXCERPT ? "..." : "", body.n > EXCERPT ? 4 : 1);
}

static int bad_status(const struct answer *a, struct err *err)
{
	if (err->fault) /* who answered has said why */
		return -1;
	char text[EXCERPT + 8];
	int64_t retry_after_ns = err->retry_after_ns;
	if (retry_after_ns == 0 && a->quota_left == 0)
		retry_after_ns = a->quota_reset_ns;
	excerpt(buf_slice(&a->value), text);
	/* 403 with nothing left of the quota: that is how GitHub and others say 429. */
	bool spent = a->status == 403 && a->quota_reset_ns > 0 && a->quota_left == 0;
	fail(err, a->status == 429 || spent ? FAULT_RATE_LIMITED : FAULT_STATUS, "answered %d%s%s",
	     a->status, text[0] ? ": " : "", text);
	err->code = a->status;
	err->sent = true;
	err->retry_after_ns = retry_after_ns;
	return -1;
}

/* Without the blobs that may stand behind it. */
static struct slice text_of(const struct answer *a)
{
	return slice_head(buf_slice(&a->value), a->text_n ? a->text_n : a->value.n);
}

static void replace_value(struct answer *a, struct buf *taken)
{
	if (a->keep_raw && !a->converted)
		a->raw = buf_take(&a->value);
	a->converted = true;
	buf_done(&a->value);
	a->value = buf_take(taken);
}

static int compact(struct answer *a, struct err *err)
{
	struct json_error where;
	AUTO(buf_done) struct buf json = { .max = a->value.n + 16 };
	int r = json_compact(buf_slice(&a->value), &json, &where);
	if (r == -EBADMSG) {
		char text[EXCERPT + 8];
		excerpt(buf_slice(&a->value), text);
		return fail(err, FAULT_INVALID_JSON, "the answer is not JSON: %s at byte %zu: %s",
			    where.what, where.offset, text);
	}
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "cannot keep the answer");
	replace_value(a, &json);
	return 0;
}

static int quote(struct answer *a, struct err *err)
{
	AUTO(buf_done) struct buf json = { .max = 256u << 20 };
	int r = json_quote(buf_slice(&a->value), &json);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "cannot keep the answer");
	replace_value(a, &json);
	return 0;
}

/* The body as JSON text in a->value; a blob's bytes stay as they are. */
static int convert(const struct step *s, struct answer *a, bool lenient, struct err *err)
{
	if (!a->checked)
		a->body = answer_kind(s, a->body);
	if (a->body != BODY_BLOB && text_of(a).n > memory_text_max(s->run))
		return memory_fail_text(s->run, err);
	if (a->value.n == 0 && a->body != BODY_BLOB && a->body != BODY_TEXT) {
		if (a->body == BODY_JSON && s->place->common.as == AS_JSON)
			return fail(err, FAULT_INVALID_JSON, "the answer is empty, not JSON");
		a->body = BODY_JSON;
		a->converted = true;
		return buf_add(&a->value, S("null")) < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
	}
	if (a->checked)
		return 0;
	if (a->body == BODY_JSON && lenient && json_check(buf_slice(&a->value), NULL) < 0)
		a->body = BODY_TEXT;
	return a->body == BODY_JSON ? compact(a, err) : a->body == BODY_TEXT ? quote(a, err) : 0;
}

static struct env_response response(const struct answer *a)
{
	return (struct env_response){ .status = a->status,
				      .headers = buf_slice(&a->headers),
				      .body = a->body == BODY_BLOB ? S("null") : text_of(a) };
}

/* What programs see then: $res, or $rows. */
static struct env with_answer(const struct step *s, const struct env *env, const struct answer *a,
			      struct env_response *res)
{
	struct env with = *env;
	*res = response(a);
	if (s->place->port->rows)
		with.rows = res->body;
	else
		with.res = res;
	return with;
}

int answer_judge(struct step *s, const struct env *env, struct answer *a, struct err *err)
{
	const struct jq *accept = s->place->common.accept;
	bool ok = a->status == 0 || (a->status >= 200 && a->status < 300);
	if (!accept && !ok)
		return bad_status(a, err);
	int64_t retry_after_ns = err->retry_after_ns;
	if (convert(s, a, !ok, err) < 0) {
		err->sent = true;
		return -1;
	}
	if (!accept)
		return 0;
	struct env_response res;
	struct env with = with_answer(s, env, a, &res);
	int yes = jq_truth(accept, &with, err);
	if (yes > 0) {
		err->fault = FAULT_NONE; /* what was told of its status */
		return 0;
	}
	err->retry_after_ns = retry_after_ns;
	if (yes < 0)
		return err_wrap(err, "accept: ");
	if (!ok)
		return bad_status(a, err);
	char text[EXCERPT + 8];
	excerpt(buf_slice(&a->value), text);
	err->sent = true;
	if (s->place->port->rows)
		return fail(err, FAULT_NOT_ACCEPTED, "the rows are not what accept wants: %s",
			    text);
	return fail(err, FAULT_NOT_ACCEPTED, "the answer (status %d) is not what accept wants: %s",
		    a->status, text);
}

/* ---- what it cost ---- */
int answer_cost(const struct jq *program, const struct env *env, int64_t *ret, struct err *err)
{
	AUTO(buf_done) struct buf value = { .max = 4096 };
	int n = jq_one(program, env, &value, err);
	if (n < 0)
		return -1;
	struct slice text = json_trim(buf_slice(&value));
	double cost = n > 0 && json_type(text) == JSON_NUMBER ? number_parse(text) : -1;
	if (!(cost >= 0 && cost < 1e15))
		return fail(err, FAULT_BAD_VALUE, "wants a number of 0 or more, not %.*s",
			    SLICE(slice_head(text, 80)));
	*ret = (int64_t)ceil(cost);
	return 0;
}

bool answer_used(const struct step *s, const struct env *env, const struct answer *a, int64_t *ret)
{
	struct env_response res = response(a);
	struct env with = *env;
	struct err ignored = { 0 }; /* the guess stands */
	with.res = &res;
	return answer_cost(s->place->common.rate.used, &with, ret, &ignored) == 0;
}

/* ---- placing ---- */
static int splice(struct slice record, const struct field_path *to, struct slice value,
		  struct buf *out, struct err *err)
{
	int r = json_splice(record, to->keys, to->n, value, out);
	if (r == -ENOTDIR)
		return fail(
			err, FAULT_BAD_VALUE,
			"cannot put the answer at .%.*s: something on the way there is no object",
			SLICE(to->keys[0]));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r,
				  "the record with the answer is too large")
		     : 0;
}

/* A version of the record that has the blob, and the text that stands for it. */
static struct rec *with_blob(const struct rec *of, const struct field_path *to, struct answer *a,
			     struct buf *ref)
{
	AUTO(buf_done) struct buf copy = { 0 };
	struct slice type = a->type.n ? a->type : S("application/octet-stream");
	if (buf_add(&copy, rec_json(of)) < 0)
		return NULL;
	struct rec *r = rec_next(of, &copy);
	if (rec_add_blob(r, to->keys[to->n - 1], type, &a->value, ref) < 0) {
		rec_unref(r);
		return NULL;
	}
	return r;
}

/* A version of the record that has the blobs which the answer's text names, too. */
static struct rec *with_blobs(const struct rec *of, const struct answer *a, struct err *err)
{
	struct slice blobs = slice_from(buf_slice(&a->value), a->text_n);
	struct rec *r = a->text_n ? rec_with_blobs(of, blobs) : rec_ref((struct rec *)of);
	if (!r)
		fail(err, FAULT_BROKEN, "the answer's blobs make no sense");
	return r;
}

/* Both make a version of *rec (owned) with the answer in it, and put it there. */
static int place_into(const struct step *s, struct answer *a, struct rec **rec, struct err *err)
{
	const struct field_path *to = &s->place->common.into;
	AUTO(buf_done) struct buf json = { .max = 256u << 20 };
	AUTO(buf_done) struct buf ref = { 0 };
	AUTO(rec_unrefp) struct rec *base = NULL;
	if (a->body == BODY_BLOB) {
		base = with_blob(*rec, to, a, &ref);
		if (!base)
			return fail(err, FAULT_TOO_LARGE, "no room for the answer's bytes");
	} else {
		base = with_blobs(*rec, a, err);
		if (!base)
			return -1;
	}
	struct slice value = a->body == BODY_BLOB ? buf_slice(&ref) : text_of(a);
	if (splice(rec_json(base), to, value, &json, err) < 0)
		return -1;
	rec_unref(*rec);
	*rec = rec_next(base, &json);
	return 0;
}

static int place_result(const struct step *s, const struct env *env, struct rec **rec,
			struct err *err) SUSPENDS
{
	const struct assignment *set = &s->place->common.result;
	AUTO(buf_done) struct buf value = { .max = 256u << 20 };
	AUTO(buf_done) struct buf json = { .max = 256u << 20 };
	int n = jq_one(set->value, env, &value, err);
	if (n < 0)
		return err_wrap(err, "result: ");
	if (n == 0 && buf_add(&value, S("null")) < 0)
		return fail(err, FAULT_IO, "out of memory");
	if (splice(rec_json(*rec), &set->to, buf_slice(&value), &json, err) < 0)
		return -1;
	struct rec *next = rec_next(*rec, &json);
	rec_unref(*rec);
	*rec = next;
	return 0;
}

/* A record of this text. It has the blobs only if it names one. */
static struct rec *version(const struct rec *of, struct slice text)
{
	AUTO(buf_done) struct buf copy = { 0 };
	const char *name;
	if (!rec_blob_at(of, 0, &name) || !memmem(text.p, text.n, "\"$blob\"", 7))
		return rec_new(text);
	return buf_add(&copy, text) < 0 ? NULL : rec_next(of, &copy);
}

struct emitting {
	const struct rec *of; /* whose blobs a child's text may name */
	struct out *out;
};

static int child(void *arg, struct slice value, struct err *err)
{
	struct emitting *e = arg;
	struct rec *made = version(e->of, value);
	return made ? out_put(e->out, made, err) : fail(err, FAULT_IO, "out of memory");
}

static int emit(const struct step *s, const struct env *with, const struct rec *rec,
		const struct answer *a, struct out *out, struct err *err) SUSPENDS
{
	AUTO(rec_unrefp) struct rec *of = with_blobs(rec, a, err);
	struct emitting e = { of, out };
	if (!of)
		return -1;
	return jq_each(s->place->common.emit, with, child, &e, err) < 0 ? err_wrap(err, "emit: ")
									: 0;
}

static int put_children(const struct rec *of, struct slice list, struct out *out, struct err *err)
{
	struct json_iter it = json_iter(list);
	struct slice key, value;
	out->children = true;
	while (json_next(&it, &key, &value)) {
		struct rec *made = version(of, value);
		if (!made)
			return fail(err, FAULT_IO, "out of memory");
		if (out_put(out, made, err) < 0)
			return -1;
	}
	return 0;
}

/* Nothing says where it goes: it is what the record becomes. */
static int replace(const struct rec *of, const struct answer *a, struct rec **next, struct out *out,
		   struct err *err)
{
	struct slice text = json_trim(text_of(a));
	if (a->body == BODY_BLOB)
		return fail(err, FAULT_BAD_VALUE,
			    "the answer is bytes, and a record is an object: say where they go, "
			    "`into: .field`");
	if (json_type(text) != JSON_OBJECT && json_type(text) != JSON_ARRAY)
		return fail(err, FAULT_BAD_VALUE,
			    "the answer is no object, so the record cannot become it: say where it "
			    "goes, `into: .field`: %.*s",
			    SLICE(utf8_head(text, EXCERPT)));
	AUTO(rec_unrefp) struct rec *with = with_blobs(of, a, err);
	if (!with)
		return -1;
	if (json_type(text) == JSON_ARRAY)
		return put_children(with, text, out, err);
	*next = version(with, text);
	return *next ? 0 : fail(err, FAULT_IO, "out of memory");
}

int answer_place(struct step *s, const struct env *env, struct item *it, struct answer *a,
		 struct rec **next, struct out *out, struct err *err)
{
	const struct common *o = &s->place->common;
	struct env_response res;
	struct env with = with_answer(s, env, a, &res);
	if (o->emit)
		return emit(s, &with, it->rec, a, out, err);
	if (!o->into.n && !o->result.value && s->place->facts.replaces)
		return replace(it->rec, a, next, out, err);
	if (!o->into.n && !o->result.value)
		return 0;
	/* result first: into may take a blob's bytes away. */
	AUTO(rec_unrefp) struct rec *rec = rec_ref(it->rec);
	if (o->result.value && place_result(s, &with, &rec, err) < 0)
		return -1;
	if (o->into.n && place_into(s, a, &rec, err) < 0)
		return -1;
	*next = take(rec);
	return 0;
}
