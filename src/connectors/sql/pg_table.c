/* pg_table.c - knowing, making and growing one table
 *
 * What this room is for: see pg_table.h.
 * What flows through:    records (borrowed) into columns.
 * What must hold:
 *  (1) the catalog is asked once, and again after a rollback. (2) everything runs in the transaction that the sink opened: what is made
 *      for a batch goes with it.
 *  (3) ON CONFLICT needs a unique index over exactly the key's columns; that there is one is known before the first row. */
#include "connectors/sql/pg_table.h"
#include "base/banned.h"
#include <errno.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 63   /* PostgreSQL cuts longer ones off */
#define COLUMNS_MAX    1600 /* its own limit */
#define CATALOG_MAX    (4u << 20)

/* ---- errors ------------------------------------------------------------------------------------------------ */

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

int pg_record_fail(struct err *err, const char *fmt, ...)
{
	AUTO(buf_done) struct buf text = { 0 };
	va_list args;
	va_start(args, fmt);
	int r = buf_vprintf(&text, fmt, args);
	va_end(args);
	if (err)
		err->whole = true;
	return r < 0 ? fail_memory(err) : fail(err, FAULT_BAD_VALUE, "%s", text.p);
}

static bool state_is(const struct err *err, const char *start)
{
	return strncmp(err->state, start, strlen(start)) == 0;
}

/* The statement itself: a name, a right, a session that only reads. No row is to blame. */
static bool blames_schema(const struct err *err)
{
	static const char *const starts[] = { "42", "0A", "25006", "3F", "26", "34" };
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (state_is(err, starts[i]))
			return true;
	return false;
}

static bool blames_server(const struct err *err)
{
	return state_is(err, "XX") || state_is(err, "58") || state_is(err, "F0");
}

int pg_table_fail(const struct pg_table *t, struct err *err)
{
	if (!err || err->fault != FAULT_SQL || fault_policy(err) != POLICY_DEAD)
		return -1;
	if (blames_schema(err) || blames_server(err)) {
		err->fault = blames_schema(err) ? FAULT_CONFIG : FAULT_IO;
		err->whole = false;
		err->row = 0;
	} else {
		err->whole = true;
	}
	return err_wrap(err, "table '%s' (SQLSTATE %s)", t->shown, err->state);
}

/* ---- its name ------------------------------------------------------------------------------------------------ */

int pg_table_init(struct pg_table *t, const char *shown, const struct opt_list *key,
		  const struct opt_map *types, struct err *err)
{
	struct slice schema, name;
	*t = (struct pg_table){ .shown = shown, .key = key, .types = types };
	int r = 0;
	if (slice_cut(slice_str(shown), '.', &schema, &name)) {
		r = db_put_name(schema, &t->name);
		r = r < 0 ? r : buf_add_char(&t->name, '.');
	} else {
		name = slice_str(shown);
	}
	r = r < 0 ? r : db_put_name(name, &t->name);
	return r < 0 ? fail_memory(err) : 0;
}

static void drop_columns(struct pg_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->columns[i].name);
		free(t->columns[i].type);
	}
	free(take(t->columns));
	t->n = 0;
}

void pg_table_done(struct pg_table *t)
{
	drop_columns(t);
	buf_done(&t->name);
}

void pg_table_forget(struct pg_table *t)
{
	drop_columns(t);
	t->changed = t->loaded = false;
}

void pg_table_committed(struct pg_table *t)
{
	t->changed = false;
	t->proved = true;
}

static const char *key_at(const struct pg_table *t, size_t i)
{
	return ((const char *const *)t->key->v)[i];
}

static bool is_key(const struct pg_table *t, const char *name)
{
	for (size_t i = 0; i < t->key->n; i++)
		if (strcmp(key_at(t, i), name) == 0)
			return true;
	return false;
}

int pg_table_put_key(const struct pg_table *t, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < t->key->n; i++) {
		r = i ? buf_add(out, S(", ")) : 0;
		r = r < 0 ? r : db_put_name(slice_str(key_at(t, i)), out);
	}
	return r;
}

/* t->n: there is none. */
static size_t find_column(const struct pg_table *t, struct slice name)
{
	for (size_t i = 0; i < t->n; i++)
		if (slice_eq_str(name, t->columns[i].name))
			return i;
	return t->n;
}

/* ---- loading -------------------------------------------------------------------------------------------------- */

static const char catalog[] =
	"SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,"
	" coalesce(b.typname, t.typname)::text AS base, t.typcategory::text AS category,"
	" a.atthasdef OR a.attidentity <> '' AS fills,"
	" NOT c.relkind IN ('r', 'p', 'f') AS odd,"
	" EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique"
	"  AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
	"  AND (SELECT array_agg(k.attname::text ORDER BY k.attname::text COLLATE \"C\")"
	"   FROM pg_attribute k WHERE k.attrelid = c.oid"
	"   AND k.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))"
	"  = (SELECT array_agg(w ORDER BY w COLLATE \"C\") FROM unnest($2::text[]) w)) AS keyed"
	" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
	" JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = "
	"nullif(t.typbasetype, 0)"
	" WHERE c.oid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped"
	" ORDER BY a.attnum";

static char *text_of(struct slice row, const char *field)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct slice raw;
	if (!json_field(row, slice_str(field), &raw) || json_type(raw) != JSON_STRING ||
	    json_unquote(raw, &text) < 0)
		return xstrndup("", 0);
	return xstrndup(text.n ? text.p : "", text.n);
}

static bool truth_of(struct slice row, const char *field)
{
	struct slice raw;
	return json_field(row, slice_str(field), &raw) && json_type(raw) == JSON_TRUE;
}

static void add_column(struct pg_table *t, struct pg_column gives)
{
	gives.key = is_key(t, gives.name);
	t->columns = xrealloc(t->columns, t->n + 1, sizeof(*t->columns));
	t->columns[t->n++] = gives;
}

static void read_column(struct pg_table *t, struct slice row)
{
	AUTO(freep) char *base = text_of(row, "base");
	AUTO(freep) char *category = text_of(row, "category");
	add_column(t, (struct pg_column){
			      .name = text_of(row, "name"),
			      .type = text_of(row, "type"),
			      .class = pg_class_of(slice_str(base), slice_str(category)),
			      .fills_itself = truth_of(row, "fills"),
		      });
}

static int put_keys_json(const struct pg_table *t, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '[');
	for (size_t i = 0; i < t->key->n; i++)
		json_put_string(&w, slice_str(key_at(t, i)));
	json_close(&w, ']');
	return json_writer_end(&w);
}

static int ask_catalog(const struct pg_table *t, struct db *db, struct buf *rows,
		       struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf name = { 0 }, keys = { 0 };
	if (json_quote(buf_slice(&t->name), &name) < 0 || put_keys_json(t, &keys) < 0)
		return fail_memory(err);
	const struct slice params[] = { buf_slice(&name), buf_slice(&keys) };
	struct db_call call = { .text = S(catalog), .params = params, .n = ARRAY_SIZE(params) };
	int r = db_run(db, &call, 1, CATALOG_MAX, err);
	*rows = buf_take(&call.rows);
	return r < 0 ? pg_table_fail(t, err) : 0;
}

static int ask_ours(struct pg_table *t, struct db *db, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf name = { 0 };
	if (json_quote(slice_str(t->shown), &name) < 0)
		return fail_memory(err);
	const struct slice params[] = { buf_slice(&name) };
	struct db_call call = { .text = S("SELECT 1 AS one FROM hocket_made WHERE name = $1"),
				.params = params,
				.n = 1 };
	int r = db_run(db, &call, 1, CATALOG_MAX, err);
	t->ours = r == 0 && call.affected > 0;
	buf_done(&call.rows);
	return r < 0 ? pg_table_fail(t, err) : 0;
}

static int fail_no_key_column(const struct pg_table *t, const char *key, struct err *err)
{
	return fail(err, FAULT_CONFIG, "table '%s' has no column '%s', which `key` names", t->shown,
		    key);
}

static int check_key(const struct pg_table *t, bool keyed, struct err *err)
{
	AUTO(buf_done) struct buf list = { .max = 300 };
	for (size_t i = 0; i < t->key->n; i++)
		if (find_column(t, slice_str(key_at(t, i))) == t->n)
			return fail_no_key_column(t, key_at(t, i), err);
	if (keyed || t->key->n == 0)
		return 0;
	if (pg_table_put_key(t, &list) < 0)
		buf_clear(&list);
	return fail(err, FAULT_CONFIG,
		    "table '%s' has no unique index over its key: CREATE UNIQUE INDEX ON %.*s "
		    "(%.*s), or leave out `key`",
		    t->shown, SLICE(buf_slice(&t->name)), SLICE(buf_slice(&list)));
}

int pg_table_load(struct pg_table *t, struct db *db, struct err *err)
{
	AUTO(buf_done) struct buf rows = { 0 };
	struct slice key, row;
	bool keyed = false, odd = false;
	if (t->loaded)
		return 0;
	drop_columns(t);
	if (ask_catalog(t, db, &rows, err) < 0)
		return -1;
	struct json_iter it = json_iter(buf_slice(&rows));
	while (json_next(&it, &key, &row)) {
		read_column(t, row);
		keyed = truth_of(row, "keyed");
		odd = truth_of(row, "odd");
	}
	t->exists = t->n > 0;
	if (odd)
		return fail(err, FAULT_CONFIG, "'%s' is no table that rows can be loaded into",
			    t->shown);
	if (t->exists && check_key(t, keyed, err) < 0)
		return -1;
	if (t->exists && t->may_make && ask_ours(t, db, err) < 0)
		return -1;
	t->loaded = true;
	return 0;
}

/* ---- making and growing ------------------------------------------------------------------------------------------ */

struct wanted { /* the columns that a batch asks for */
	char **names;
	unsigned *seen;
	size_t n;
};

static void wanted_done(struct wanted *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->names[i]);
	free(w->names);
	free(w->seen);
}

static int check_name(const struct pg_table *t, struct slice name, struct err *err)
{
	if (name.n && name.n <= NAME_MAX_BYTES && !memchr(name.p, 0, name.n))
		return 0;
	return pg_record_fail(err, "a field's name is %s; it cannot be a column of table '%s'",
			      name.n == 0               ? "empty"
			      : name.n > NAME_MAX_BYTES ? "longer than 63 bytes"
							: "not text",
			      t->shown);
}

static int want(const struct pg_table *t, struct wanted *w, const struct rec *rec,
		struct slice raw_key, struct slice value, struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (json_unquote(raw_key, &name) < 0)
		return fail_memory(err);
	if (check_name(t, buf_slice(&name), err) < 0)
		return -1;
	size_t i = 0;
	while (i < w->n && !slice_eq_str(buf_slice(&name), w->names[i]))
		i++;
	if (i == w->n) {
		w->names = xrealloc(w->names, w->n + 1, sizeof(*w->names));
		w->seen = xrealloc(w->seen, w->n + 1, sizeof(*w->seen));
		w->names[w->n] = xstrndup(name.p, name.n);
		w->seen[w->n++] = 0;
	}
	w->seen[i] |= pg_value_seen(rec, value);
	return 0;
}

static int want_all(const struct pg_table *t, struct wanted *w, struct rec *const *recs, size_t n,
		    struct err *err)
{
	for (size_t i = 0; i < n && w->n < COLUMNS_MAX; i++) {
		struct json_iter it = json_iter(rec_json(recs[i]));
		struct slice key, value;
		while (json_next(&it, &key, &value))
			if (want(t, w, recs[i], key, value, err) < 0) {
				if (err)
					err->row = i + 1;
				return -1;
			}
	}
	return 0;
}

static int check_new_key(const struct pg_table *t, const struct wanted *w, struct err *err)
{
	for (size_t k = 0; k < t->key->n; k++) {
		size_t i = 0;
		while (i < w->n && strcmp(w->names[i], key_at(t, k)) != 0)
			i++;
		if (i == w->n)
			return pg_record_fail(
				err,
				"the record has no field '%s', which `key` names for table '%s'",
				key_at(t, k), t->shown);
	}
	return w->n ? 0
		    : pg_record_fail(err, "a record without fields cannot make table '%s'",
				     t->shown);
}

/* What `types` says, else what was seen. */
static const char *type_of(const struct pg_table *t, const char *name, unsigned seen)
{
	const char *const *types = t->types->v;
	for (size_t i = 0; i < t->types->n; i++)
		if (strcmp(t->types->keys[i], name) == 0)
			return types[i];
	return pg_type_for(seen);
}

static int put_column(const struct pg_table *t, const char *name, unsigned seen, struct buf *sql)
{
	int r = db_put_name(slice_str(name), sql);
	return r < 0 ? r : buf_printf(sql, " %s", type_of(t, name, seen));
}

static int put_create(const struct pg_table *t, const struct wanted *w, struct buf *sql)
{
	int r = buf_printf(sql, "CREATE TABLE %.*s (", SLICE(buf_slice(&t->name)));
	for (size_t i = 0; r == 0 && i < w->n; i++) {
		r = i ? buf_add(sql, S(", ")) : 0;
		r = r < 0 ? r : put_column(t, w->names[i], w->seen[i], sql);
	}
	if (r == 0 && t->key->n) {
		r = buf_add(sql, S(", PRIMARY KEY ("));
		r = r < 0 ? r : pg_table_put_key(t, sql);
		r = r < 0 ? r : buf_add_char(sql, ')');
	}
	r = r < 0 ? r : buf_add(sql, S("); INSERT INTO hocket_made(name) VALUES ("));
	r = r < 0 ? r : db_put_literal(slice_str(t->shown), sql);
	return r < 0 ? r : buf_add(sql, S(") ON CONFLICT DO NOTHING"));
}

int pg_table_make(struct pg_table *t, struct db *db, struct rec *const *recs, size_t n,
		  struct err *err)
{
	AUTO(wanted_done) struct wanted w = { 0 };
	AUTO(buf_done) struct buf sql = { 0 };
	ASSERT(t->loaded && !t->exists && n > 0);
	if (!t->may_make)
		return fail(
			err, FAULT_CONFIG,
			"there is no table '%s', and with `checkpoint: state` hocket makes none",
			t->shown);
	if (want_all(t, &w, recs, n, err) < 0 || check_new_key(t, &w, err) < 0)
		return -1;
	if (put_create(t, &w, &sql) < 0)
		return fail_memory(err);
	t->changed = true;
	if (db_exec(db, buf_slice(&sql), err) < 0)
		return pg_table_fail(t, err);
	t->loaded = false;
	return pg_table_load(t, db, err);
}

static int fail_no_column(const struct pg_table *t, struct slice name, struct err *err)
{
	AUTO(buf_done) struct buf list = { .max = 160 };
	for (size_t i = 0; i < t->n; i++)
		if (buf_printf(&list, "%s%s", i ? ", " : "", t->columns[i].name) < 0)
			break;
	if (t->proved)
		return pg_record_fail(err, "table '%s' has no column '%.*s' (it has %.*s)",
				      t->shown, SLICE(name), SLICE(buf_slice(&list)));
	return fail(err, FAULT_CONFIG,
		    "table '%s' has no column '%.*s' (it has %.*s); hocket did not make this table "
		    "and does not change it: add the column, or leave the field out with `map`",
		    t->shown, SLICE(name), SLICE(buf_slice(&list)));
}

static int grow(struct pg_table *t, struct db *db, struct slice name, unsigned seen,
		struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf sql = { 0 };
	AUTO(freep) char *text = xstrndup(name.p, name.n);
	if (!t->ours)
		return fail_no_column(t, name, err);
	int r = buf_printf(&sql, "ALTER TABLE %.*s ADD COLUMN ", SLICE(buf_slice(&t->name)));
	r = r < 0 ? r : put_column(t, text, seen, &sql);
	if (r < 0)
		return fail_memory(err);
	t->changed = true;
	if (db_exec(db, buf_slice(&sql), err) < 0)
		return pg_table_fail(t, err);
	t->loaded = false;
	return pg_table_load(t, db, err);
}

int pg_table_column(struct pg_table *t, struct db *db, struct slice field, const struct rec *rec,
		    struct slice value, size_t *ret, struct err *err)
{
	*ret = find_column(t, field);
	if (*ret < t->n)
		return 0;
	if (check_name(t, field, err) < 0 || grow(t, db, field, pg_value_seen(rec, value), err) < 0)
		return -1;
	*ret = find_column(t, field);
	ASSERT(*ret < t->n);
	return 0;
}
