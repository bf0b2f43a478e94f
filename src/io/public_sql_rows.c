/* public_sql_rows.c - rows of <hocket/sql.h> as C values
 *
 * What this room is for: a row is JSON text; who wants an int64_t or bytes gets them by the column's name.
 * What flows through:    the buffer that the rows were written into, cut into C strings in its place; decoded values, made when asked for.
 * What must hold:        all that a getter gives lives until the rows are done; asking twice gives the same value. */
#include "base/arena.h"
#include "base/json.h"
#include "base/units.h"
#include "io/db/db_base64.h"
#include "io/public_sql.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct storage {
	struct buf text;     /* owns */
	struct arena *arena; /* owns; NULL: nothing was decoded yet */
	const char *json[];
};

static size_t count_rows(struct slice array)
{
	struct json_iter it = json_iter(array);
	struct slice key, value;
	size_t n = 0;

	while (json_next(&it, &key, &value))
		n++;
	return n;
}

void public_rows_set(struct hk_sql_rows *rows, struct buf *text, uint64_t affected)
{
	size_t n = count_rows(buf_slice(text)), i = 0;
	struct storage *s = xcalloc(1, sizeof(*s) + n * sizeof(s->json[0]));
	struct json_iter it = json_iter(buf_slice(text));
	struct slice key, value, last = { 0 };

	s->text = buf_take(text);
	while (json_next(&it, &key, &value)) {
		if (last.n)
			((char *)(uintptr_t)last.p)[last.n] = 0; /* in place of the comma */
		s->json[i++] = value.p;
		last = value;
	}
	if (last.n)
		((char *)(uintptr_t)last.p)[last.n] = 0; /* in place of the bracket */
	ASSERT(i == n);
	*rows = (struct hk_sql_rows){
		.n = n, .json = s->json, .affected = affected, .storage_ = s
	};
}

void hk_sql_rows_done(struct hk_sql_rows *rows)
{
	struct storage *s = rows->storage_;

	if (s) {
		buf_done(&s->text);
		arena_free(s->arena);
		free(s);
	}
	*rows = (struct hk_sql_rows){ 0 };
}

static int find(const struct hk_sql_rows *rows, size_t row, const char *column, struct slice *ret)
{
	if (row >= rows->n || !json_field(slice_str(rows->json[row]), slice_str(column), ret))
		return -ENOENT;
	return json_type(*ret) == JSON_NULL ? -ENODATA : 0;
}

static struct arena *arena_of(const struct hk_sql_rows *rows)
{
	struct storage *s = rows->storage_;

	if (!s->arena)
		s->arena = arena_new();
	return s->arena;
}

int hk_sql_get_int(const struct hk_sql_rows *rows, size_t row, const char *column, int64_t *ret)
{
	struct slice value;
	int r = find(rows, row, column, &value);

	*ret = 0;
	return r < 0 ? r : units_int(value, ret);
}

static int word_real(struct slice value, double *ret)
{
	if (slice_eq(value, S("\"NaN\"")))
		*ret = NAN;
	else if (slice_eq(value, S("\"Infinity\"")))
		*ret = INFINITY;
	else if (slice_eq(value, S("\"-Infinity\"")))
		*ret = -INFINITY;
	else
		return -EINVAL;
	return 0;
}

int hk_sql_get_real(const struct hk_sql_rows *rows, size_t row, const char *column, double *ret)
{
	struct slice value;
	int r = find(rows, row, column, &value);

	*ret = 0;
	if (r < 0)
		return r;
	if (json_type(value) != JSON_NUMBER)
		return word_real(value, ret);
	*ret = strtod(value.p, NULL); /* the row goes on behind it, and ends with 0 */
	return isfinite(*ret) ? 0 : -ERANGE;
}

int hk_sql_get_bool(const struct hk_sql_rows *rows, size_t row, const char *column, bool *ret)
{
	struct slice value;
	int64_t n = 0;
	int r = find(rows, row, column, &value);

	*ret = false;
	if (r < 0)
		return r;
	if (json_type(value) == JSON_NUMBER)
		r = units_int(value, &n);
	else if (json_type(value) != JSON_TRUE && json_type(value) != JSON_FALSE)
		r = -EINVAL;
	*ret = r == 0 && (n != 0 || json_type(value) == JSON_TRUE);
	return r;
}

int hk_sql_get_text(const struct hk_sql_rows *rows, size_t row, const char *column,
		    const char **ret, size_t *n)
{
	AUTO(buf_done) struct buf text = { .max = SIZE_MAX };
	struct slice value;
	int r = find(rows, row, column, &value);

	*ret = NULL;
	if (n)
		*n = 0;
	if (r == 0 && json_type(value) == JSON_STRING) {
		r = json_unquote(value, &text);
		value = buf_slice(&text);
	}
	if (r < 0)
		return r;
	*ret = arena_str(arena_of(rows), value);
	if (n)
		*n = value.n;
	return 0;
}

const char *hk_sql_text_at(const struct hk_sql_rows *rows, size_t row, const char *column)
{
	const char *text;

	return hk_sql_get_text(rows, row, column, &text, NULL) < 0 ? NULL : text;
}

int hk_sql_get_bytes(const struct hk_sql_rows *rows, size_t row, const char *column,
		     const void **ret, size_t *n)
{
	AUTO(buf_done) struct buf bytes = { .max = SIZE_MAX };
	struct slice value;
	int r = find(rows, row, column, &value);

	*ret = NULL;
	*n = 0;
	if (r < 0)
		return r;
	if (json_type(value) != JSON_STRING ||
	    db_base64_read((struct slice){ value.p + 1, value.n - 2 }, &bytes) < 0)
		return -EINVAL;
	*ret = arena_str(arena_of(rows), buf_slice(&bytes));
	*n = bytes.n;
	return 0;
}
