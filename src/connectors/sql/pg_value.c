/* pg_value.c - kinds, types and fields
 *
 * What this room is for: the mapping between JSON's types and PostgreSQL's, in one place.
 * What flows through:    raw JSON values (borrowed); text of COPY.
 * What must hold:
 *  (1) numbers are never converted by us: their digits are what the server reads. (2) text that a column of numbers would keep without
 *      its zeros, sign or blanks is refused. (3) everything else that a type does not take is the server's to refuse: it knows best. */
#include "connectors/sql/pg_value.h"
#include "base/banned.h"
#include "base/units.h"
#include "connectors/files/literal.h"
#include "io/db.h"
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define DOUBLE_DIGITS 17                 /* with so many every double is written in full */
#define EXACT_INT     (INT64_C(1) << 53) /* whole numbers that a double keeps */

/* Digits that count: not the zeros before them, not those of the exponent. */
static size_t significant(struct slice value)
{
	size_t n = 0;
	for (size_t i = 0; i < value.n && value.p[i] != 'e' && value.p[i] != 'E'; i++)
		n += value.p[i] >= (n ? '0' : '1') && value.p[i] <= '9';
	return n;
}

static bool fits_double(struct slice value)
{
	char text[64];
	size_t digits = significant(value);
	if (digits > DOUBLE_DIGITS || value.n >= sizeof(text))
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = 0;
	double d = strtod(text, NULL);
	return isfinite(d) && (digits == 0 || fabs(d) >= DBL_MIN);
}

static unsigned number_seen(struct slice value)
{
	struct literal l;
	int64_t n;
	if (!literal_read(value, &l))
		return PG_SEEN_BIG;
	if (!l.fraction && !l.exponent)
		return units_int(value, &n) == 0 ? PG_SEEN_INTEGER : PG_SEEN_BIG;
	return fits_double(value) ? PG_SEEN_REAL : PG_SEEN_BIG;
}

unsigned pg_value_seen(const struct rec *rec, struct slice value)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return 0;
	case JSON_FALSE:
	case JSON_TRUE:
		return PG_SEEN_BOOLEAN;
	case JSON_NUMBER:
		return number_seen(value);
	case JSON_OBJECT:
		return rec_blob(rec, value) ? PG_SEEN_BYTES : PG_SEEN_JSON;
	case JSON_ARRAY:
		return PG_SEEN_JSON;
	case JSON_STRING:
		break;
	}
	return PG_SEEN_TEXT;
}

const char *pg_type_for(unsigned seen)
{
	switch (seen) {
	case PG_SEEN_INTEGER:
		return "bigint";
	case PG_SEEN_REAL:
	case PG_SEEN_REAL | PG_SEEN_INTEGER:
		return "double precision";
	case PG_SEEN_BIG:
	case PG_SEEN_BIG | PG_SEEN_INTEGER:
	case PG_SEEN_BIG | PG_SEEN_REAL:
	case PG_SEEN_BIG | PG_SEEN_REAL | PG_SEEN_INTEGER:
		return "numeric";
	case PG_SEEN_BOOLEAN:
		return "boolean";
	case PG_SEEN_BYTES:
		return "bytea";
	default:
		return seen & PG_SEEN_JSON ? "jsonb" : "text";
	}
}

enum pg_class pg_class_of(struct slice typname, struct slice category)
{
	static const struct {
		const char *name;
		enum pg_class class;
	} names[] = {
		{ "int2", PG_INTEGER }, { "int4", PG_INTEGER }, { "int8", PG_INTEGER },
		{ "float4", PG_FLOAT }, { "float8", PG_FLOAT }, { "numeric", PG_NUMERIC },
		{ "json", PG_JSON },    { "jsonb", PG_JSON },   { "text", PG_TEXT },
		{ "varchar", PG_TEXT }, { "bpchar", PG_TEXT },  { "bytea", PG_BYTES },
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_str(typname, names[i].name))
			return names[i].class;
	return slice_eq(category, S("A")) ? PG_ARRAY : PG_OTHER;
}

/* ---- fields --------------------------------------------------------------------------------------------- */

/* -EINVAL: the server would take it, and keep something else. */
static int check_text(enum pg_class class, struct slice raw, const char **why)
{
	struct slice text = { raw.p + 1, raw.n - 2 };
	struct literal l;
	if (class != PG_INTEGER && class != PG_FLOAT && class != PG_NUMERIC)
		return 0;
	if (!literal_read(text, &l) || (l.plain && !l.leading_zeros))
		return 0;
	*why = "would be stored as a number, without its leading zeros, sign or blanks";
	return -EINVAL;
}

static int check_number(enum pg_class class, struct slice value, const char **why)
{
	struct literal l;
	int64_t n;
	if (class != PG_FLOAT || !literal_read(value, &l) || l.fraction || l.exponent)
		return 0;
	if (units_int(value, &n) == 0 && n <= EXACT_INT && n >= -EXACT_INT)
		return 0;
	*why = "has more digits than a number there can keep";
	return -EINVAL;
}

/* Text is a value of its own in a json column: with its quotes. */
static int put_json_string(struct slice raw, struct buf *out)
{
	AUTO(buf_done) struct buf quoted = { 0 };
	int r = json_quote(raw, &quoted);
	return r < 0 ? r : db_put_copy_field(buf_slice(&quoted), false, out);
}

/* \x of bytea, its backslash escaped for COPY. */
static int put_bytes(struct slice bytes, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	if (bytes.n > SIZE_MAX / 2 - 4 || buf_reserve(out, bytes.n * 2 + 4) < 0)
		return -EMSGSIZE;
	int r = buf_add(out, S("\\\\x"));
	for (size_t i = 0; r == 0 && i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		r = buf_add(out, (struct slice){ (char[]){ hex[c >> 4], hex[c & 15] }, 2 });
	}
	return r;
}

int pg_value_put(enum pg_class class, const struct rec *rec, struct slice value, struct buf *out,
		 const char **why)
{
	enum json_type type = json_type(value);
	const struct blob *blob =
		class == PG_BYTES && type == JSON_OBJECT ? rec_blob(rec, value) : NULL;
	int r = 0;
	if (blob)
		return put_bytes(blob->bytes, out);
	if (type == JSON_STRING && class == PG_JSON)
		return put_json_string(value, out);
	if (type == JSON_STRING)
		r = check_text(class, value, why);
	else if (type == JSON_NUMBER)
		r = check_number(class, value, why);
	if (r == 0)
		r = db_put_copy_field(value, class == PG_ARRAY, out);
	if (r == -EINVAL && !*why)
		*why = "has a zero character, which no text there can have";
	return r;
}
