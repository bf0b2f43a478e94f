/* sqlite_value.c - kinds, affinities and binding
 *
 * What this room is for: the mapping between JSON's types and SQLite's, in one place.
 * What flows through:    raw JSON values (borrowed); bound parameters.
 * What must hold:
 *  (1) integers up to 64 bits are INTEGER, other numbers REAL; larger integers stay text, digit for digit.
 *  (2) true and false are 1 and 0; in a TEXT column they are the words.
 *  (3) arrays and objects are their JSON text; a reference to a blob is the blob's bytes. */
#include "connectors/sql/sqlite_value.h"
#include "base/banned.h"
#include "base/units.h"
#include "connectors/files/literal.h"
#include <math.h>
#include <stdlib.h>

#define EXACT_DIGITS 15 /* every decimal number with so many digits survives a double */
#define EXACT_INT    (INT64_C(1) << 53)

/* datatype3.html, 3.1: the first rule that fits. */
enum affinity affinity_of(const char *type)
{
	if (!type || !*type)
		return AFFINITY_NONE;
	if (strcasestr(type, "int"))
		return AFFINITY_INTEGER;
	if (strcasestr(type, "char") || strcasestr(type, "clob") || strcasestr(type, "text"))
		return AFFINITY_TEXT;
	if (strcasestr(type, "blob"))
		return AFFINITY_NONE;
	if (strcasestr(type, "real") || strcasestr(type, "floa") || strcasestr(type, "doub"))
		return AFFINITY_REAL;
	return AFFINITY_NUMERIC;
}

static bool integer_text(struct slice number)
{
	for (size_t i = 0; i < number.n; i++)
		if (number.p[i] == '.' || number.p[i] == 'e' || number.p[i] == 'E')
			return false;
	return true;
}

static bool read_double(struct slice number, double *ret)
{
	char text[64];
	if (number.n >= sizeof(text))
		return false;
	memcpy(text, number.p, number.n);
	text[number.n] = 0;
	*ret = strtod(text, NULL);
	return isfinite(*ret);
}

unsigned value_kind(const struct rec *rec, struct slice value)
{
	int64_t n;
	double d;
	switch (json_type(value)) {
	case JSON_NULL:
		return 0;
	case JSON_FALSE:
	case JSON_TRUE:
		return KIND_INTEGER;
	case JSON_NUMBER:
		if (integer_text(value))
			return units_int(value, &n) == 0 ? KIND_INTEGER : KIND_BIG;
		return read_double(value, &d) ? KIND_REAL : KIND_BIG;
	case JSON_OBJECT:
		return rec_blob(rec, value) ? KIND_BLOB : KIND_TEXT;
	default:
		return KIND_TEXT;
	}
}

const char *type_for_kinds(unsigned kinds)
{
	switch (kinds) {
	case KIND_INTEGER:
		return "INTEGER";
	case KIND_REAL:
	case KIND_REAL | KIND_INTEGER:
		return "REAL";
	case KIND_BIG:
	case KIND_BIG | KIND_INTEGER:
	case KIND_TEXT:
		return "TEXT";
	case KIND_BLOB:
		return "BLOB";
	default:
		return ""; /* no affinity: each value is kept as it comes */
	}
}

/* ---- text into a column of numbers ------------------------------------------------------------- */

static const char *refuse_text(enum affinity affinity, struct slice text)
{
	struct literal l;
	int64_t n;
	if (affinity < AFFINITY_INTEGER || !literal_read(text, &l))
		return NULL;
	if (l.leading_zeros || !l.plain)
		return "would be stored as a number, without its leading zeros, sign or blanks";
	if (!l.fraction && !l.exponent && affinity != AFFINITY_REAL)
		return units_int(text, &n) == 0 ? NULL
						: "has more digits than a number there can keep";
	if (l.digits > EXACT_DIGITS)
		return "has more digits than a number there can keep";
	if (l.exponent && affinity != AFFINITY_REAL)
		return "would be stored as a number, written in another way";
	return NULL;
}

/* ---- binding ----------------------------------------------------------------------------------- */

static int bound(int rc)
{
	return rc == SQLITE_OK ? 0 : -2;
}

static int bind_text(sqlite3_stmt *s, int at, struct slice text)
{
	return bound(sqlite3_bind_text64(s, at, text.n ? text.p : "", text.n, SQLITE_STATIC,
					 SQLITE_UTF8));
}

static int bind_number(sqlite3_stmt *s, int at, enum affinity affinity, struct slice value,
		       const char **why)
{
	int64_t n;
	double d;
	if (affinity == AFFINITY_TEXT)
		return bind_text(s, at, value);
	if (integer_text(value) && units_int(value, &n) == 0) {
		if (affinity != AFFINITY_REAL || (n <= EXACT_INT && n >= -EXACT_INT))
			return bound(sqlite3_bind_int64(s, at, n));
	} else if (!integer_text(value) && read_double(value, &d)) {
		return bound(sqlite3_bind_double(s, at, d));
	} else if (affinity == AFFINITY_NONE) {
		return bind_text(s, at, value);
	}
	*why = "has more digits than a number there can keep";
	return -1;
}

static int bind_string(sqlite3_stmt *s, int at, enum affinity affinity, struct slice value,
		       struct buf *room, const char **why)
{
	struct slice text = { value.p + 1, value.n - 2 };
	if (memchr(text.p, '\\', text.n)) {
		size_t from = room->n;
		const char *before = room->p;
		if (json_unquote(value, room) < 0)
			return -2;
		ASSERT(room->p == before);
		text = (struct slice){ room->p + from, room->n - from };
	}
	*why = refuse_text(affinity, text);
	return *why ? -1 : bind_text(s, at, text);
}

int value_bind(sqlite3_stmt *s, int at, enum affinity affinity, const struct rec *rec,
	       struct slice value, struct buf *room, const char **why)
{
	enum json_type type = json_type(value);
	const struct blob *blob;
	switch (type) {
	case JSON_NULL:
		return bound(sqlite3_bind_null(s, at));
	case JSON_FALSE:
	case JSON_TRUE:
		if (affinity == AFFINITY_TEXT)
			return bind_text(s, at, value);
		return bound(sqlite3_bind_int(s, at, type == JSON_TRUE));
	case JSON_NUMBER:
		return bind_number(s, at, affinity, value, why);
	case JSON_STRING:
		return bind_string(s, at, affinity, value, room, why);
	default:
		blob = type == JSON_OBJECT ? rec_blob(rec, value) : NULL;
		if (!blob)
			return bind_text(s, at, value);
		return bound(sqlite3_bind_blob64(s, at, blob->bytes.n ? blob->bytes.p : "",
						 blob->bytes.n, SQLITE_STATIC));
	}
}
