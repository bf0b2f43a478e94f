/* db_pg_bind.c - parameters: JSON as the text that PostgreSQL reads a value of a type from
 *
 * What this room is for: the type of each parameter is known from the server; how a JSON value is spelled for it is decided here.
 * What flows through:    checked JSON in; text in one buffer, each value ended by NUL, out.
 * What must hold:        nothing is converted that could lose something: a number is its digits, and whether they fit is the server's to say.
 *                        A string with a NUL character, which PostgreSQL's text has not, is refused here, with the parameter's number. */
#include "io/db/db_array.h"
#include "io/db/db_base64.h"
#include "io/db/db_pg.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void pg_values_done(struct pg_values *v)
{
	buf_done(&v->text);
	free(v->at);
	free(v->all);
	*v = (struct pg_values){ 0 };
}

static int put_hex(struct slice s, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	int r = buf_add(out, S("\\x"));

	for (size_t i = 0; r == 0 && i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		r = buf_add(out, (struct slice){ (char[]){ digits[c >> 4], digits[c & 15] }, 2 });
	}
	return r;
}

/* What a string of a call is. */
enum spelled { TEXT, BASE64 };

static int put_string(struct slice raw, enum spelled as, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = { .max = out->max };
	size_t before = out->n;
	int r = json_unquote(raw, out);

	if (r < 0)
		return r;
	if (as == TEXT)
		return memchr(out->p + before, 0, out->n - before) ? -EINVAL : 0;
	r = db_base64_read((struct slice){ out->p + before, out->n - before }, &bytes);
	buf_truncate(out, before);
	return r < 0 ? -EILSEQ : put_hex(buf_slice(&bytes), out);
}

static enum spelled spelling(const struct pg_type *t, const struct db_call *c, size_t i)
{
	bool bytes = c->blob_params && t->class == PG_BYTES && !t->array;
	return bytes || (c->blobs && c->blobs[i]) ? BASE64 : TEXT;
}

static int put_value(const struct pg_type *t, struct slice value, enum spelled as, struct buf *out)
{
	enum json_type json = json_type(value);

	if (as == BASE64 && json == JSON_STRING)
		return put_string(value, as, out);
	if (t->array && json == JSON_ARRAY)
		return db_array_write(value, t->class == PG_JSON, out);
	if (t->class == PG_JSON && !t->array)
		return buf_add(out, value);
	return json == JSON_STRING ? put_string(value, as, out) : buf_add(out, value);
}

static int fail_value(int r, size_t i, const struct pg *p, struct err *err)
{
	const char *door = p->db.pool->door;

	switch (r) {
	case -EINVAL:
		return fail(err, FAULT_BAD_VALUE,
			    "%s: $%zu has a NUL character, which PostgreSQL's text cannot hold",
			    door, i + 1);
	case -EILSEQ:
		return fail(err, FAULT_BAD_VALUE, "%s: $%zu is for bytea, and not base64", door,
			    i + 1);
	case -EBADMSG:
		return fail(err, FAULT_BAD_VALUE,
			    "%s: $%zu is nested deeper than the %d dimensions of an array", door,
			    i + 1, DB_ARRAY_DEPTH);
	default:
		return fail_errno(err, FAULT_TOO_LARGE, r, "%s: $%zu", door, i + 1);
	}
}

int pg_values_add(struct pg_values *v, const struct pg *p, const struct pg_statement *s,
		  const struct db_call *c, struct err *err)
{
	if (c->n != s->param_count)
		return fail(err, FAULT_CONFIG,
			    "%s: the statement has %zu parameter%s, and %zu %s given",
			    p->db.pool->door, s->param_count, s->param_count == 1 ? "" : "s", c->n,
			    c->n == 1 ? "was" : "were");
	if (v->n + c->n > v->room) {
		v->room = v->room * 2 + c->n + 16;
		v->at = xrealloc(v->at, v->room, sizeof(*v->at));
	}
	for (size_t i = 0; i < c->n; i++) {
		struct slice value = json_trim(c->params[i]);
		bool null = value.n == 0 || json_type(value) == JSON_NULL;
		const struct pg_type *t = pg_type_of(&p->shared->types, s->params[i]);
		int r = 0;
		v->at[v->n++] = null ? SIZE_MAX : v->text.n;
		if (!null)
			r = put_value(t, value, spelling(t, c, i), &v->text);
		if (r == 0 && !null)
			r = buf_add_char(&v->text, 0);
		if (r < 0)
			return fail_value(r, i, p, err);
	}
	return 0;
}

void pg_values_end(struct pg_values *v)
{
	ASSERT(!v->all);
	v->all = xcalloc(v->n + 1, sizeof(*v->all));
	for (size_t i = 0; i < v->n; i++)
		v->all[i] = v->at[i] == SIZE_MAX ? NULL : v->text.p + v->at[i];
}
