/* parquet.c - columns found, values checked, files made
 *
 * What this room is for: see parquet.h.
 * What flows through:    lines of staged JSON, cut into cells of text; DuckDB casts each cell to its column's type and writes.
 * What must hold:
 *  (1) a cell is the value's own text: 64-bit integers, digits of decimals and nested values come out as they went in, or the value
 *      was refused when it came (parquet_check), not when it is too late.
 *  (2) a part costs one line and DuckDB's row group of memory, however long it is.
 *  (3) nothing is read of a part behind what is committed. */
#include "connectors/files/parquet.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/files/shape.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES (65u << 20) /* a record, and its end */
#define BLOCK          (256u << 10)

struct column {
	struct buf name;
	const char *given; /* borrows: of `types` */
	bool raw;          /* the cell is JSON */
};
struct parquet {
	const struct parquet_options *options; /* borrows */
	struct duck *duck;
	struct shape *shape;
	struct column *columns;
	size_t n;
	struct buf select; /* the columns as SQL, of hocket_rows() */
	struct slice *cells;
	struct buf text; /* the row's unquoted strings */
};

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

static void drop_columns(struct parquet *q)
{
	for (size_t i = 0; i < q->n; i++)
		buf_done(&q->columns[i].name);
	free(take(q->columns));
	free(take(q->cells));
	q->n = 0;
}

struct parquet *parquet_new(const struct parquet_options *options)
{
	struct parquet *q = xcalloc(1, sizeof(*q));
	*q = (struct parquet){ .options = options, .text = { .max = LINE_MAX_BYTES } };
	return q;
}

void parquet_free(struct parquet *q)
{
	if (!q)
		return;
	duck_close(&q->duck);
	shape_free(q->shape);
	drop_columns(q);
	buf_done(&q->select);
	buf_done(&q->text);
	free(q);
}

/* ---- lines of a part ------------------------------------------------------------------------- */

struct lines {
	struct parquet *parquet;
	int fd;
	uint64_t at, end; /* read up to; committed */
	struct buf block; /* from `from` on: not given yet */
	size_t from;
};

/* 1: a line, without its end; 0: no more; a negative errno. */
static int next_line(struct lines *l, struct slice *ret)
{
	for (size_t looked = l->from;;) {
		char *end = looked < l->block.n
				    ? memchr(l->block.p + looked, '\n', l->block.n - looked)
				    : NULL;
		if (end) {
			*ret = (struct slice){ l->block.p + l->from,
					       (size_t)(end - l->block.p) - l->from };
			l->from = (size_t)(end - l->block.p) + 1;
			return 1;
		}
		if (l->at == l->end)
			return 0;
		buf_consume(&l->block, l->from);
		looked = l->block.n;
		l->from = 0;
		uint64_t left = l->end - l->at;
		int r = buf_reserve(&l->block, BLOCK);
		ssize_t n = r < 0 ? r
				  : pread(l->fd, l->block.p + l->block.n,
					  left < BLOCK ? left : BLOCK, (off_t)l->at);
		if (n <= 0)
			return r < 0 ? r : n < 0 ? -errno : -ENODATA;
		buf_added(&l->block, (size_t)n);
		l->at += (uint64_t)n;
	}
}

static int open_lines(struct parts *ps, const struct part *p, struct lines *l, struct err *err)
{
	*l = (struct lines){ .parquet = ps->stage, .end = p->have.length };
	l->block = (struct buf){ .max = 2 * LINE_MAX_BYTES };
	l->fd = parts_open_text(ps, p);
	return l->fd < 0 ? parts_fault(ps, p, l->fd, "read", err) : 0;
}

static void close_lines(struct lines *l)
{
	if (l->fd >= 0)
		(void)close(l->fd); /* only read */
	buf_done(&l->block);
}

/* ---- columns --------------------------------------------------------------------------------- */

static const char *given_type(const struct parquet *q, struct slice name)
{
	const char *const *types = q->options->types.v;
	for (size_t i = 0; i < q->options->types.n; i++)
		if (slice_eq_str(name, q->options->types.keys[i]))
			return types[i];
	return NULL;
}

static bool is_raw(const char *type)
{
	struct slice s = slice_str(type);
	return strchr(type, '[') || slice_eq_nocase(slice_head(s, 6), S("struct")) ||
	       slice_eq_nocase(slice_head(s, 4), S("json")) ||
	       slice_eq_nocase(slice_head(s, 3), S("map"));
}

static struct column *add_column(struct parquet *q, struct slice name)
{
	q->columns = xrealloc(q->columns, q->n + 1, sizeof(*q->columns));
	q->cells = xrealloc(q->cells, q->n + 2, sizeof(*q->cells));
	struct column *c = &q->columns[q->n++];
	*c = (struct column){ .given = given_type(q, name) };
	c->raw = c->given && is_raw(c->given);
	return buf_add(&c->name, name) < 0 ? NULL : c;
}

/* SQL does not tell "a" from "A", and wants a name. */
static int put_column_name(struct parquet *q, size_t at, struct buf *out)
{
	struct slice name = buf_slice(&q->columns[at].name);
	unsigned like = 0;
	for (size_t i = 0; i < at; i++)
		like += slice_eq_nocase(buf_slice(&q->columns[i].name), name);
	int r = buf_add(out, S(" AS \""));
	for (size_t i = 0; i < name.n && r == 0; i++) {
		r = name.p[i] == '"' ? buf_add_char(out, '"') : 0;
		r = r < 0 ? r : buf_add_char(out, name.p[i]);
	}
	if (r == 0 && name.n == 0)
		r = buf_add_char(out, '_');
	if (r == 0 && like)
		r = buf_printf(out, "_%u", like);
	return r < 0 ? r : buf_add_char(out, '"');
}

static int put_text(struct slice text, struct buf *out) /* of SQL */
{
	int r = buf_add_char(out, '\'');
	for (size_t i = 0; i < text.n && r == 0; i++) {
		r = text.p[i] == '\'' ? buf_add_char(out, '\'') : 0;
		r = r < 0 ? r : buf_add_char(out, text.p[i]);
	}
	return r < 0 ? r : buf_add_char(out, '\'');
}

/* CAST(c0 AS BIGINT) AS "id" */
static int put_select(struct parquet *q, size_t at, const struct shape *shape, struct buf *out)
{
	AUTO(buf_done) struct buf type = { 0 };
	struct column *c = &q->columns[at];
	enum shape_kind kind = SHAPE_PLAIN;
	int r = at ? buf_add(out, S(", ")) : 0;
	if (!c->given)
		r = r < 0 ? r : shape_put_type(shape, &kind, &type);
	c->raw |= kind != SHAPE_PLAIN;
	if (r < 0)
		return r;
	if (kind == SHAPE_NESTED) {
		r = buf_printf(out, "json_transform(CAST(c%zu AS JSON), ", at);
		r = r < 0 ? r : put_text(buf_slice(&type), out);
		r = r < 0 ? r : buf_add_char(out, ')');
	} else if (c->raw) {
		r = buf_printf(out, "CAST(CAST(c%zu AS JSON) AS %s)", at,
			       c->given ? c->given : "JSON");
	} else {
		r = buf_printf(out, "CAST(c%zu AS %s)", at, c->given ? c->given : type.p);
	}
	return r < 0 ? r : put_column_name(q, at, out);
}

static size_t find_column(const struct parquet *q, struct slice name, size_t guess)
{
	if (guess < q->n && slice_eq(buf_slice(&q->columns[guess].name), name))
		return guess;
	for (size_t i = 0; i < q->n; i++)
		if (slice_eq(buf_slice(&q->columns[i].name), name))
			return i;
	return q->n;
}

static int need_column(struct parquet *q, struct slice name)
{
	return find_column(q, name, 0) < q->n || add_column(q, name) ? 0 : -ENOMEM;
}

static int find_columns(struct parquet *q)
{
	drop_columns(q);
	buf_clear(&q->select);
	for (size_t i = 0; i < shape_count(q->shape); i++)
		if (!add_column(q, shape_name(q->shape, i)))
			return -ENOMEM;
	const char *const *fields = q->options->fields.v;
	for (size_t i = 0; i < q->options->fields.n; i++)
		if (need_column(q, slice_str(fields[i])) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < q->options->types.n; i++)
		if (need_column(q, slice_str(q->options->types.keys[i])) < 0)
			return -ENOMEM;
	if (q->n == 0 &&
	    !add_column(q, S("_"))) /* records without fields are counted all the same */
		return -ENOMEM;
	AUTO(shape_freep) struct shape *none = shape_new();
	int r = 0;
	for (size_t i = 0; i < q->n && r == 0; i++) {
		bool seen = i < shape_count(q->shape);
		r = put_select(q, i, seen ? shape_field(q->shape, i) : none, &q->select);
	}
	return r;
}

static int look_at_part(struct parquet *q, struct parts *ps, const struct part *p, struct err *err)
{
	AUTO(close_lines) struct lines lines = { .fd = -1 };
	struct slice line;
	int r;
	if (open_lines(ps, p, &lines, err) < 0)
		return -1;
	while ((r = next_line(&lines, &line)) > 0)
		shape_add(q->shape, line);
	return r < 0 ? parts_fault(ps, p, r, "read", err) : 0;
}

int parquet_look(struct parquet *q, struct parts *ps, struct err *err)
{
	shape_free(q->shape);
	q->shape = shape_new();
	for (size_t i = 0; i < ps->n; i++)
		if (ps->all[i]->place == PART_OPEN && ps->all[i]->committed &&
		    look_at_part(q, ps, ps->all[i], err) < 0)
			return -1;
	return find_columns(q) < 0 ? fail_memory(err) : 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* A string's text, in q->text, which was given its room before: it does not move. */
static int put_cell(struct parquet *q, size_t at, struct slice value)
{
	struct slice inner = { value.p + 1, value.n - 2 };
	size_t from = q->text.n;
	q->cells[at] = value;
	if (json_type(value) == JSON_NULL) {
		q->cells[at] = (struct slice){ 0 };
	} else if (json_type(value) == JSON_STRING && !q->columns[at].raw) {
		q->cells[at] = inner;
		if (memchr(inner.p, '\\', inner.n)) {
			int r = json_unquote(value, &q->text);
			q->cells[at] = (struct slice){ q->text.p + from, q->text.n - from };
			return r;
		}
	}
	return 0;
}

static int cut_row(struct parquet *q, struct slice record, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	struct json_iter it = json_iter(record);
	struct slice key, value;
	size_t at = 0;
	buf_clear(&q->text);
	if (buf_reserve(&q->text, record.n) < 0)
		return fail_memory(err);
	for (size_t i = 0; i < q->n; i++)
		q->cells[i] = (struct slice){ 0 };
	for (size_t guess = 0; json_next(&it, &key, &value); guess = at + 1) {
		buf_clear(&name);
		if (json_unquote(key, &name) < 0)
			return fail_memory(err);
		at = find_column(q, buf_slice(&name), guess);
		if (at < q->n && put_cell(q, at, value) < 0)
			return fail_memory(err);
	}
	return 0;
}

static int next_of_part(void *arg, const struct slice **ret, struct err *err)
{
	struct lines *l = arg;
	struct slice line;
	int r = next_line(l, &line);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot read what is staged");
	*ret = l->parquet->cells;
	return r > 0 && cut_row(l->parquet, line, err) < 0 ? -1 : r;
}

static int open_duck(struct parquet *q, struct err *err)
{
	return q->duck ? 0 : duck_open(q->options->memory_bytes, &q->duck, err);
}

static int put_copy(struct parquet *q, struct parts *ps, const struct part *p, const char *to,
		    struct buf *sql)
{
	AUTO(buf_done) struct buf name = { 0 }, base = { 0 };
	int r = part_put_name(p, &name);
	r = r < 0 ? r : buf_printf(&base, "%s/%s", ps->folder, name.p);
	r = r < 0 ? r : buf_add(sql, S("COPY ("));
	if (p->over.known) {
		r = r < 0 ? r : buf_add(sql, S("SELECT * FROM read_parquet("));
		r = r < 0 ? r : put_text(buf_slice(&base), sql);
		r = r < 0 ? r : buf_add(sql, S(") UNION ALL BY NAME "));
	}
	r = r < 0 ? r : buf_add(sql, S("SELECT "));
	r = r < 0 ? r : buf_add(sql, buf_slice(&q->select));
	r = r < 0 ? r : buf_add(sql, S(" FROM hocket_rows()) TO "));
	r = r < 0 ? r : put_text(slice_str(to), sql);
	return r < 0 ? r
		     : buf_printf(sql,
				  " (FORMAT parquet, COMPRESSION %s, ROW_GROUP_SIZE %" PRId64 ")",
				  q->options->codec, q->options->row_group);
}

static int sync_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int r = fd < 0 ? -errno : fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		(void)close(fd); /* synced */
	return r;
}

int parquet_make(struct parts *ps, struct part *p, const char *to, struct err *err)
{
	AUTO(buf_done) struct buf sql = { 0 };
	AUTO(close_lines) struct lines lines = { .fd = -1 };
	struct parquet *q = ps->stage;
	if (open_duck(q, err) < 0 || open_lines(ps, p, &lines, err) < 0)
		return -1;
	if (put_copy(q, ps, p, to, &sql) < 0)
		return fail_memory(err);
	const struct duck_rows rows = { next_of_part, &lines, q->n };
	if (duck_run(q->duck, sql.p, &rows, err) < 0)
		return err_wrap(err, "cannot make '%s'", to);
	int r = sync_file(to);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot make '%s' durable", to) : 0;
}

/* ---- values that must fit ---------------------------------------------------------------------- */

struct rows {
	struct parquet *parquet;
	const struct batch *batch;
	size_t next;
	char number[24];
};

static int next_of_batch(void *arg, const struct slice **ret, struct err *err)
{
	struct rows *r = arg;
	struct parquet *q = r->parquet;
	if (r->next == r->batch->n)
		return 0;
	if (cut_row(q, rec_json(r->batch->recs[r->next]), err) < 0)
		return -1;
	AUTO(buf_done) struct buf text = { .max = sizeof(r->number) };
	if (buf_printf(&text, "%zu", ++r->next) < 0)
		return fail_memory(err);
	memcpy(r->number, text.p, text.n + 1);
	q->cells[q->n] = slice_str(r->number);
	*ret = q->cells;
	return 1;
}

/* Raises an error in SQL that says which row and column it is. */
static int put_check(struct parquet *q, struct buf *sql)
{
	int r = buf_add(sql, S("SELECT count(*) FROM hocket_rows() WHERE CASE"));
	for (size_t i = 0; i < q->n && r == 0; i++) {
		AUTO(buf_done) struct buf cell = { 0 };
		r = buf_printf(&cell, q->columns[i].raw ? "CAST(c%zu AS JSON)" : "c%zu", i);
		r = r < 0 ? r
			  : buf_printf(sql,
				       " WHEN c%zu IS NOT NULL AND TRY_CAST(%s AS %s) IS NULL THEN "
				       "CAST(error('hocket-row:' || c%zu || ':%zu:') AS BOOLEAN)",
				       i, cell.p, q->columns[i].given, q->n, i);
	}
	return r < 0 ? r : buf_add(sql, S(" ELSE true END"));
}

static int tell_row(struct parquet *q, const struct batch *b, struct err *err)
{
	const char *at = strstr(err->text, "hocket-row:");
	char *end = NULL;
	size_t row = at ? strtoull(at + 11, &end, 10) : 0;
	size_t column = end && *end == ':' ? strtoull(end + 1, NULL, 10) : SIZE_MAX;
	if (row == 0 || row > b->n || column >= q->n)
		return -1;
	struct err own = { 0 };
	if (cut_row(q, rec_json(b->recs[row - 1]), &own) < 0)
		return -1;
	*err = (struct err){ .row = row };
	return fail(err, FAULT_BAD_VALUE, "%.*s: '%.*s' is no %s",
		    SLICE(buf_slice(&q->columns[column].name)),
		    SLICE(slice_head(q->cells[column], 80)), q->columns[column].given);
}

int parquet_check(struct parquet *q, const struct batch *b, struct err *err)
{
	AUTO(buf_done) struct buf sql = { 0 };
	struct err own = { 0 };
	drop_columns(q);
	for (size_t i = 0; i < q->options->types.n; i++)
		if (!add_column(q, slice_str(q->options->types.keys[i])))
			return fail_memory(err);
	if (put_check(q, &sql) < 0)
		return fail_memory(err);
	struct rows rows = { .parquet = q, .batch = b };
	const struct duck_rows pulled = { next_of_batch, &rows, q->n + 1 };
	if (open_duck(q, err) < 0)
		return -1;
	if (duck_run(q->duck, sql.p, &pulled, &own) == 0)
		return 0;
	(void)tell_row(q, b, &own);
	if (err)
		*err = own;
	return -1;
}
