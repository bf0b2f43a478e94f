/* sheet.c - a record becomes a document
 *
 * What this room is for: running a sheet's program and writing what it gives.
 * What flows through:    numbers of parts, and behind a value's number what its expression gave.
 * What must hold:
 *  (1) a value is written as the place where it stands wants it; one that is null, none, or several are faults that name the
 *      template's line.
 *  (2) big records are rendered in a thread, all of it at once (jq_far.c). */
#include "base/json.h"
#include "engine/language/sheet_part.h"

#include "base/banned.h"

struct render {
	const struct sheet *sheet;
	const struct env *env;
	bool blank;
	struct buf *out;
	struct err *err;
	const struct sheet_part *last; /* reached so far */
	bool value;                    /* what comes next is the last part's */
	bool words;                    /* *err is about what a value is */
	int result;
};

/* ---- one value ---------------------------------------------------------------------------------------------- */

static int refuse(struct render *r, enum fault fault, const char *words)
{
	r->words = true;
	return fail(r->err, fault, "%s", words);
}

static int put_one(struct render *r, struct slice value)
{
	const struct sheet_part *part = r->last;
	if (json_type(value) == JSON_NULL && part->how != ESCAPE_JSON) {
		if (r->blank)
			return 0;
		return refuse(r, FAULT_BAD_VALUE,
			      "is null: write (... // \"\") if it may be missing, or `missing: "
			      "empty`");
	}
	r->words = true;
	if (escape_put(part->how, value, r->out, r->err) < 0)
		return -1;
	r->words = false;
	return 0;
}

/* json: the value, or a list of which one item is wanted. */
static int put_value(struct render *r, struct slice json)
{
	const struct sheet_part *part = r->last;
	struct json_iter it = json_iter(json);
	struct slice key, value = json, more;
	if (part->single)
		return put_one(r, json);
	if (!json_next(&it, &key, &value))
		return refuse(r, FAULT_JQ, "gave no value");
	if (json_next(&it, &key, &more))
		return refuse(r, FAULT_JQ,
			      "gave 2 values where one is wanted: repeat a line with "
			      "\\for, or join them");
	return put_one(r, value);
}

static int put_text(struct render *r, struct slice text)
{
	int error = buf_add(r->out, text);
	return error ? fail(r->err, FAULT_TOO_LARGE, "the document is larger than 100 MB") : 0;
}

/* ---- the program's values -------------------------------------------------------------------------------------- */

static const struct sheet_part *part_of(const struct sheet *s, struct slice number)
{
	size_t k = 0;
	for (size_t i = 0; i < number.n; i++) {
		ASSERT(number.p[i] >= '0' && number.p[i] <= '9');
		k = k * 10 + (size_t)(number.p[i] - '0');
		ASSERT(k < s->count);
	}
	return s->parts[k];
}

static int take_value(void *arg, struct slice value, struct err *err)
{
	struct render *r = arg;
	r->err = err;
	if (r->value) {
		r->value = false;
		return put_value(r, value);
	}
	r->last = part_of(r->sheet, value);
	r->value = r->last->kind == PART_VALUE;
	return r->last->kind == PART_TEXT ? put_text(r, r->last->text) : 0;
}

static int run(void *arg)
{
	struct render *r = arg;
	r->result = near_each(r->sheet->jq, r->env, take_value, r, r->err);
	return 0;
}

int sheet_render(const struct sheet *s, const struct env *env, bool blank, struct buf *out,
		 struct err *err)
{
	struct render r = { .sheet = s, .env = env, .blank = blank, .out = out, .err = err };
	size_t start = out->n;
	if (!jq_run_far(s->jq, env, run, &r))
		(void)run(&r);
	if (r.result == 0)
		return 0;
	buf_truncate(out, start);
	if (!r.last || r.last->kind == PART_TEXT)
		return err_wrap(err, "%s: ", s->name);
	return err_wrap(err, "%s:%u: %.*s%s ", s->name, r.last->line,
			SLICE(utf8_head(r.last->text, 160)), r.words ? "" : ":");
}

void sheet_free(struct sheet *s)
{
	if (!s)
		return;
	jq_free(s->jq);
	free(s->parts);
	free(s);
}

enum sheet_kind sheet_kind(const struct sheet *s)
{
	return s->kind;
}
