/* rendering.c - records as JSON lines or CSV rows
 *
 * What this room is for: choosing fields, finding columns, quoting cells: what a text sink does before its bytes go anywhere.
 * What flows through:    checked JSON text of records in (borrowed), lines out.
 * What must hold:
 *  (1) JSON without `fields` is copied byte for byte.
 *  (2) CSV: null and a missing field are an empty cell, an empty string is "", nested values are JSON text.
 *  (3) CSV without `fields`: a record with a key that is no column is refused, never written without it; err.whole lets the
 *      engine find that record, and the others of its batch are written. */
#include "connectors/files/rendering.h"
#include "base/banned.h"
#include "base/json.h"
#include <limits.h>
#include <stdlib.h>

const char *const render_formats[] = { "jsonl", "csv", NULL };

/* ---- options --------------------------------------------------------------------------------- */

void render_check(const struct render_options *o, struct diag *diag)
{
	const char *const *names = o->fields.v;
	if (csv_delimiter(o->delimiter) == 0)
		diag_error(diag, "delimiter", "'%s' is not one plain character; `tab` is a tab",
			   o->delimiter);
	for (size_t i = 0; i < o->fields.n; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_eq_str(slice_str(names[i]), names[k]))
				diag_error(diag, "fields", "'%s' is named twice", names[i]);
}

/* ---- columns --------------------------------------------------------------------------------- */

static void drop_columns(struct rendering *r)
{
	for (size_t i = 0; i < r->n; i++)
		buf_done(&r->columns[i]);
	free(take(r->columns));
	free(take(r->values));
	r->n = 0;
}

static int add_column(struct rendering *r, struct slice name)
{
	r->columns = xrealloc(r->columns, r->n + 1, sizeof(*r->columns));
	r->values = xrealloc(r->values, r->n + 1, sizeof(*r->values));
	r->columns[r->n] = (struct buf){ 0 };
	return buf_add(&r->columns[r->n++], name);
}

static int columns_of_options(struct rendering *r)
{
	const char *const *names = r->options->fields.v;
	int done = 0;
	drop_columns(r);
	for (size_t i = 0; i < r->options->fields.n && done == 0; i++)
		done = add_column(r, slice_str(names[i]));
	return done;
}

static size_t find_column(const struct rendering *r, struct slice name)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_eq(buf_slice(&r->columns[i]), name))
			return i;
	return r->n;
}

static int columns_of_record(struct rendering *r, struct slice record)
{
	struct json_iter it = json_iter(record);
	struct slice key, value;
	int done = 0;
	drop_columns(r);
	while (done == 0 && json_next(&it, &key, &value)) {
		AUTO(buf_done) struct buf name = { 0 };
		done = json_unquote(key, &name);
		if (done == 0 && find_column(r, buf_slice(&name)) == r->n)
			done = add_column(r, buf_slice(&name));
	}
	return done;
}

void rendering_init(struct rendering *r, struct site *site, enum render_format format,
		    const struct render_options *o)
{
	*r = (struct rendering){ .options = o, .format = format, .site = site };
	r->dialect = (struct csv_dialect){ csv_delimiter(o->delimiter), '"' };
}

void rendering_done(struct rendering *r)
{
	drop_columns(r);
}

int rendering_columns(struct rendering *r, struct slice header, const char *file, struct err *err)
{
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct csv_end end;
	const char *const *names = r->options->fields.v;
	if (csv_parse(&r->dialect, header, true, &row, &end) != CSV_ROW)
		return fail(err, FAULT_CONFIG, "'%s' does not begin with a CSV header", file);
	drop_columns(r);
	for (size_t i = 0; i < row.n; i++)
		if (add_column(r, row.fields[i]) < 0)
			return fail(err, FAULT_IO, "out of memory");
	bool same = r->options->fields.n == 0 || r->options->fields.n == r->n;
	for (size_t i = 0; same && i < r->options->fields.n; i++)
		same = slice_eq_str(row.fields[i], names[i]);
	if (!same)
		return fail(err, FAULT_CONFIG, "'%s' has other columns than `fields` names: %.*s",
			    file, SLICE(slice_head(slice_trim(header), 200)));
	return 0;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static int fail_memory(struct err *err, int why)
{
	return fail_errno(err, FAULT_IO, why, "cannot hold the batch's text");
}

static int put_header(struct rendering *r, struct buf *out)
{
	int done = 0;
	for (size_t i = 0; i < r->n && done == 0; i++) {
		done = i ? buf_add_char(out, r->dialect.delimiter) : 0;
		done = done < 0 ? done : csv_put(&r->dialect, buf_slice(&r->columns[i]), out);
	}
	return done < 0 ? done : buf_add_char(out, '\n');
}

int rendering_header(struct rendering *r, struct buf *out, struct err *err)
{
	if (r->format != RENDER_CSV || r->options->fields.n == 0)
		return 0;
	int done = columns_of_options(r);
	done = done < 0 ? done : put_header(r, out);
	return done < 0 ? fail_memory(err, done) : 0;
}

static int fail_columns(const struct rendering *r, struct slice name, struct err *err)
{
	AUTO(buf_done) struct buf list = { .max = 300 };
	for (size_t i = 0; i < r->n; i++)
		if (buf_printf(&list, "%s%s", i ? ", " : "",
			       r->columns[i].n ? r->columns[i].p : "") < 0)
			break;
	if (err)
		err->whole = true;
	return fail(err, FAULT_BAD_VALUE,
		    "the record's field '%.*s' is not a column of the CSV (%.*s); name the columns "
		    "with `fields`",
		    SLICE(name), SLICE(buf_slice(&list)));
}

static bool key_is(struct slice raw_key, const struct buf *name)
{
	return raw_key.n == name->n + 2 &&
	       memcmp(raw_key.p + 1, name->p ? name->p : "", name->n) == 0;
}

/* The column of a key; r->n: none. Keys mostly stand in the columns' order, so the search begins behind the last one. */
static int place_key(const struct rendering *r, struct slice raw_key, size_t guess, size_t *ret,
		     struct err *err)
{
	if (guess < r->n && key_is(raw_key, &r->columns[guess])) {
		*ret = guess;
		return 0;
	}
	AUTO(buf_done) struct buf name = { 0 };
	int done = json_unquote(raw_key, &name);
	if (done < 0)
		return fail_memory(err, done);
	*ret = find_column(r, buf_slice(&name));
	if (*ret == r->n && r->options->fields.n == 0)
		return fail_columns(r, buf_slice(&name), err);
	return 0;
}

static int find_cells(struct rendering *r, struct slice record, struct err *err)
{
	struct json_iter it = json_iter(record);
	struct slice key, value;
	size_t at = 0;
	for (size_t i = 0; i < r->n; i++)
		r->values[i] = (struct slice){ 0 };
	for (size_t guess = 0; json_next(&it, &key, &value); guess = at + 1) {
		if (place_key(r, key, guess, &at, err) < 0)
			return -1;
		if (at < r->n)
			r->values[at] = value;
	}
	return 0;
}

static int put_cell(const struct rendering *r, struct slice value, struct buf *out)
{
	if (value.n == 0 || json_type(value) == JSON_NULL)
		return 0;
	if (json_type(value) != JSON_STRING)
		return csv_put(&r->dialect, value, out);
	struct slice inner = { value.p + 1, value.n - 2 };
	if (!memchr(inner.p, '\\', inner.n))
		return csv_put(&r->dialect, inner, out);
	AUTO(buf_done) struct buf text = { 0 };
	int done = json_unquote(value, &text);
	return done < 0 ? done : csv_put(&r->dialect, buf_slice(&text), out);
}

static int put_row(struct rendering *r, struct slice record, struct buf *out, struct err *err)
{
	size_t start = out->n;
	int done = 0;
	if (find_cells(r, record, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n && done == 0; i++) {
		done = i ? buf_add_char(out, r->dialect.delimiter) : 0;
		done = done < 0 ? done : put_cell(r, r->values[i], out);
	}
	/* A row of one empty cell would be an empty line, which readers skip. */
	if (done == 0 && out->n == start)
		done = buf_add(out, S("\"\""));
	done = done < 0 ? done : buf_add_char(out, '\n');
	return done < 0 ? fail_memory(err, done) : 0;
}

/* ---- JSON lines ------------------------------------------------------------------------------ */

static int put_fields(const struct rendering *r, struct slice record, struct buf *out)
{
	const char *const *names = r->options->fields.v;
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	for (size_t i = 0; i < r->options->fields.n; i++) {
		struct slice value;
		json_key(&w, names[i]);
		json_put_raw(&w,
			     json_field(record, slice_str(names[i]), &value) ? value : S("null"));
	}
	json_close(&w, '}');
	return json_writer_end(&w);
}

static int put_line(const struct rendering *r, struct slice record, struct buf *out,
		    struct err *err)
{
	int done = r->options->fields.n ? put_fields(r, record, out) : buf_add(out, record);
	done = done < 0 ? done : buf_add_char(out, '\n');
	return done < 0 ? fail_memory(err, done) : 0;
}

/* ---- batches --------------------------------------------------------------------------------- */

int rendering_begin(struct rendering *r, const struct batch *b, struct buf *out, struct err *err)
{
	if (r->format != RENDER_CSV)
		return 0;
	if (r->options->fields.n)
		return rendering_header(r, out, err);
	if (b->n == 0)
		return 0;
	int done = columns_of_record(r, rec_json(b->recs[0]));
	done = done < 0 ? done : put_header(r, out);
	return done < 0 ? fail_memory(err, done) : 0;
}

static void tell_blob(struct rendering *r, const struct rec *rec, struct slice line)
{
	if (r->told || rec_part_count(rec) == 1 || !memmem(line.p, line.n, "$blob", 5))
		return;
	r->told = true;
	site_warn(
		r->site,
		S("a blob's bytes do not go into a file of lines, only what it is: send them to a "
		  "bucket or folder with `upload:`, or leave its field out with `fields:`"));
}

int rendering_line(struct rendering *r, const struct rec *rec, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int done = r->format == RENDER_CSV ? put_row(r, rec_json(rec), out, err)
					   : put_line(r, rec_json(rec), out, err);
	if (done == 0)
		tell_blob(r, rec, slice_from(buf_slice(out), before));
	return done;
}

int rendering_put(struct rendering *r, const struct batch *b, size_t from, bool header,
		  size_t enough, struct buf *out, struct err *err)
{
	ASSERT(from <= b->n && b->n <= INT_MAX);
	if (header && from == 0 && rendering_begin(r, b, out, err) < 0)
		return -1;
	size_t i = from;
	for (; i < b->n && out->n < enough; i++) {
		if (rendering_line(r, b->recs[i], out, err) < 0) {
			if (err)
				err->row = i + 1;
			return -1;
		}
	}
	return (int)i;
}
