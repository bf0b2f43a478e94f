/* sqlite_table.c - making, growing and filling one table
 *
 * What this room is for: from a record's keys to an INSERT that fits the table.
 * What flows through:    records (borrowed) into bound statements.
 * What must hold:
 *  (1) column names compare as SQLite does: ASCII without case. Two keys of one record that differ only in case are refused.
 *  (2) a statement is prepared once per set of keys; records of one source mostly share one.
 *  (3) with a key, a row is INSERT ... ON CONFLICT DO UPDATE of the record's own fields: what it does not name stays. */
#include "connectors/sql/sqlite_table.h"
#include "base/banned.h"
#include "base/utf8.h"
#include <stdlib.h>

#define KEYS_MAX 2000 /* SQLite's own limit of columns */

/* ---- errors ------------------------------------------------------------------------------------ */

static enum fault fault_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return FAULT_SQL;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return FAULT_BAD_VALUE;
	case SQLITE_NOTADB:
	case SQLITE_ERROR:
	case SQLITE_AUTH:
	case SQLITE_SCHEMA:
		return FAULT_CONFIG;
	default:
		return FAULT_IO; /* full, read-only, unreadable, corrupt, out of memory */
	}
}

/* What a failed sync did not write can still be read: it must not go from the log into the database. */
static void leave_log(sqlite3 *db)
{
	sqlite3_wal_autocheckpoint(db, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

int sqlite_fail(sqlite3 *db, const char *file, const char *table, struct err *err)
{
	int code = sqlite3_extended_errcode(db);
	enum fault fault = fault_of(code);
	const char *words = sqlite3_errmsg(db);
	if ((code & 0xff) == SQLITE_IOERR)
		leave_log(db);
	if (err) {
		err->code = code;
		err->whole = fault == FAULT_BAD_VALUE;
	}
	if (fault == FAULT_SQL)
		return fail(err, fault, "database '%s' is locked by another process (waited 5 s)",
			    file);
	if (fault == FAULT_BAD_VALUE && table)
		return fail(err, fault, "table '%s' in '%s' does not take the record: %s", table,
			    file, words);
	if ((code & 0xff) == SQLITE_NOTADB)
		return fail(err, fault, "'%s' is not a SQLite database", file);
	return fail(err, fault, "cannot write to '%s'%s%s%s: %s", file, table ? ", table '" : "",
		    table ? table : "", table ? "'" : "", words);
}

int sqlite_run(sqlite3 *db, const char *file, const char *table, struct err *err, const char *fmt,
	       ...)
{
	va_list args;
	va_start(args, fmt);
	char *sql = sqlite3_vmprintf(fmt, args);
	va_end(args);
	if (!sql)
		return fail(err, FAULT_IO, "out of memory");
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return rc == SQLITE_OK ? 0 : sqlite_fail(db, file, table, err);
}

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory for a row");
}

static int fail_record(struct err *err, const char *fmt, ...) PRINTF(2, 3);
static int fail_record(struct err *err, const char *fmt, ...)
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

/* ---- columns ----------------------------------------------------------------------------------- */

static void drop_columns(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->columns[i].name);
	free(take(t->columns));
	t->n = 0;
}

static void drop_shape(struct table_shape *s)
{
	sqlite3_finalize(s->insert);
	buf_done(&s->keys);
	free(s->columns);
	free(s->at);
	*s = (struct table_shape){ 0 };
}

static void drop_shapes(struct table *t)
{
	for (size_t i = 0; i < t->shape_count; i++)
		drop_shape(&t->shapes[i]);
	t->shape_count = 0;
}

static bool is_key(const struct table *t, struct slice name)
{
	const char *const *keys = t->key->v;
	for (size_t i = 0; i < t->key->n; i++)
		if (slice_eq_nocase(name, slice_str(keys[i])))
			return true;
	return false;
}

static void add_column(struct table *t, struct slice name, enum affinity affinity)
{
	t->columns = xrealloc(t->columns, t->n + 1, sizeof(*t->columns));
	t->columns[t->n++] =
		(struct table_column){ xstrndup(name.p, name.n), affinity, is_key(t, name) };
}

/* t->n: none. */
static size_t find_column(const struct table *t, struct slice name)
{
	for (size_t i = 0; i < t->n; i++)
		if (slice_eq_nocase(slice_str(t->columns[i].name), name))
			return i;
	return t->n;
}

void table_init(struct table *t, sqlite3 *db, const char *file, const char *name,
		const struct opt_list *key)
{
	*t = (struct table){ .db = db, .file = file, .name = name, .key = key };
	t->text.max = SIZE_MAX / 2; /* a record's size, which has its own ceiling */
}

void table_done(struct table *t)
{
	drop_shapes(t);
	drop_columns(t);
	free(take(t->keys));
	free(take(t->values));
	buf_done(&t->text);
}

void table_forget(struct table *t)
{
	if (!t->changed)
		return;
	drop_shapes(t);
	drop_columns(t);
	t->changed = t->loaded = false;
}

void table_committed(struct table *t)
{
	t->changed = false;
	t->proved = true;
}

/* ---- loading ------------------------------------------------------------------------------------ */

static int load_columns(struct table *t, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(t->db, "SELECT name, type FROM pragma_table_xinfo(?1)", -1, &q,
				    NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 1, t->name, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(q);
		if (rc == SQLITE_ROW)
			add_column(t, slice_str((const char *)sqlite3_column_text(q, 0)),
				   affinity_of((const char *)sqlite3_column_text(q, 1)));
	}
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? 0 : sqlite_fail(t->db, t->file, t->name, err);
}

static int load_ours(struct table *t, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(
		t->db, "SELECT 1 FROM hocket_made WHERE name = ?1 COLLATE NOCASE", -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 1, t->name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	sqlite3_finalize(q);
	t->ours = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0
						     : sqlite_fail(t->db, t->file, t->name, err);
}

static void put_key_list(const struct table *t, sqlite3_str *sql)
{
	const char *const *keys = t->key->v;
	for (size_t i = 0; i < t->key->n; i++)
		sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "", keys[i]);
}

static char *key_list(const struct table *t)
{
	sqlite3_str *sql = sqlite3_str_new(t->db);
	put_key_list(t, sql);
	return sqlite3_str_finish(sql);
}

static int make_key_index(struct table *t, const char *list, struct err *err)
{
	if (sqlite_run(t->db, t->file, t->name, err,
		       "CREATE UNIQUE INDEX \"hocket_key_%w\" ON \"%w\"(%s)", t->name, t->name,
		       list) == 0)
		return 0;
	if (err && err->fault == FAULT_BAD_VALUE) {
		err->whole = false;
		return fail(err, FAULT_CONFIG,
			    "table '%s' in '%s' has several rows with the same key (%s); remove "
			    "them, or leave out `key`",
			    t->name, t->file, list);
	}
	return -1;
}

/* ON CONFLICT wants a unique index over exactly these columns; whether there is one, SQLite knows best. */
static int check_key(struct table *t, struct err *err)
{
	const char *const *keys = t->key->v;
	for (size_t i = 0; i < t->key->n; i++)
		if (find_column(t, slice_str(keys[i])) == t->n)
			return fail(err, FAULT_CONFIG,
				    "table '%s' in '%s' has no column '%s', which `key` names",
				    t->name, t->file, keys[i]);
	char *list = key_list(t);
	char *sql = list ? sqlite3_mprintf("INSERT INTO \"%w\"(%s) SELECT %s FROM \"%w\" WHERE 0 "
					   "ON CONFLICT(%s) DO NOTHING",
					   t->name, list, list, t->name, list)
			 : NULL;
	sqlite3_stmt *probe = NULL;
	int r = sql ? 0 : fail_memory(err);
	if (r == 0 && sqlite3_prepare_v2(t->db, sql, -1, &probe, NULL) != SQLITE_OK)
		r = make_key_index(t, list, err);
	sqlite3_finalize(probe);
	sqlite3_free(sql);
	sqlite3_free(list);
	return r;
}

int table_load(struct table *t, struct err *err)
{
	if (t->loaded)
		return 0;
	drop_columns(t);
	if (load_columns(t, err) < 0 || load_ours(t, err) < 0)
		return -1;
	t->exists = t->n > 0;
	if (t->exists && t->key->n && check_key(t, err) < 0)
		return -1;
	t->loaded = true;
	return 0;
}

/* ---- making and growing -------------------------------------------------------------------------- */

struct kinds { /* the columns that a batch asks for */
	struct buf *names;
	unsigned *seen;
	size_t n;
};

static void kinds_done(struct kinds *k)
{
	for (size_t i = 0; i < k->n; i++)
		buf_done(&k->names[i]);
	free(k->names);
	free(k->seen);
}

static size_t kinds_find(const struct kinds *k, struct slice name)
{
	for (size_t i = 0; i < k->n; i++)
		if (slice_eq_nocase(buf_slice(&k->names[i]), name))
			return i;
	return k->n;
}

static int kinds_add(struct kinds *k, const struct rec *rec, struct slice raw_key,
		     struct slice value)
{
	AUTO(buf_done) struct buf name = { 0 };
	int r = json_unquote(raw_key, &name);
	if (r < 0)
		return r;
	size_t i = kinds_find(k, buf_slice(&name));
	if (i == k->n) {
		k->names = xrealloc(k->names, k->n + 1, sizeof(*k->names));
		k->seen = xrealloc(k->seen, k->n + 1, sizeof(*k->seen));
		k->names[k->n] = buf_take(&name);
		k->seen[k->n++] = 0;
	}
	k->seen[i] |= value_kind(rec, value);
	return 0;
}

static int kinds_of(struct kinds *k, struct rec *const *recs, size_t n, struct err *err)
{
	for (size_t i = 0; i < n && k->n < KEYS_MAX; i++) {
		struct json_iter it = json_iter(rec_json(recs[i]));
		struct slice key, value;
		while (json_next(&it, &key, &value))
			if (kinds_add(k, recs[i], key, value) < 0)
				return fail_memory(err);
	}
	return 0;
}

static int check_new_key(const struct table *t, const struct kinds *k, struct err *err)
{
	const char *const *keys = t->key->v;
	for (size_t i = 0; i < t->key->n; i++)
		if (kinds_find(k, slice_str(keys[i])) == k->n)
			return fail_record(
				err,
				"the record has no field '%s', which `key` names for table '%s'",
				keys[i], t->name);
	return k->n ? 0
		    : fail_record(err, "a record without fields cannot make table '%s'", t->name);
}

static char *create_sql(const struct table *t, const struct kinds *k)
{
	sqlite3_str *sql = sqlite3_str_new(t->db);
	sqlite3_str_appendf(sql, "CREATE TABLE \"%w\"(", t->name);
	for (size_t i = 0; i < k->n; i++) {
		const char *type = type_for_kinds(k->seen[i]);
		sqlite3_str_appendf(sql, "%s\"%w\"%s%s", i ? ", " : "",
				    k->names[i].n ? k->names[i].p : "", *type ? " " : "", type);
	}
	if (t->key->n) {
		sqlite3_str_appendf(sql, ", PRIMARY KEY(");
		put_key_list(t, sql);
		sqlite3_str_appendf(sql, ")");
	}
	sqlite3_str_appendf(sql, ")");
	return sqlite3_str_finish(sql);
}

int table_make(struct table *t, struct rec *const *recs, size_t n, struct err *err)
{
	AUTO(kinds_done) struct kinds k = { 0 };
	ASSERT(t->loaded && !t->exists && n > 0);
	if (kinds_of(&k, recs, n, err) < 0 || check_new_key(t, &k, err) < 0)
		return -1;
	char *sql = create_sql(t, &k);
	if (!sql)
		return fail_memory(err);
	t->changed = true;
	int r = sqlite_run(t->db, t->file, t->name, err, "%s", sql);
	sqlite3_free(sql);
	if (r == 0)
		r = sqlite_run(t->db, t->file, t->name, err,
			       "INSERT OR REPLACE INTO hocket_made(name) VALUES (%Q)", t->name);
	t->loaded = false;
	return r < 0 ? -1 : table_load(t, err);
}

static int fail_no_column(const struct table *t, struct slice name, struct err *err)
{
	AUTO(buf_done) struct buf list = { .max = 200 };
	for (size_t i = 0; i < t->n; i++)
		if (buf_printf(&list, "%s%s", i ? ", " : "", t->columns[i].name) < 0)
			break;
	if (t->proved)
		return fail_record(err, "table '%s' in '%s' has no column '%.*s' (it has %.*s)",
				   t->name, t->file, SLICE(name), SLICE(buf_slice(&list)));
	return fail(err, FAULT_CONFIG,
		    "table '%s' in '%s' has no column '%.*s' (it has %.*s); hocket did not make "
		    "this table and does not "
		    "change it: add the column, or leave the field out with `map`",
		    t->name, t->file, SLICE(name), SLICE(buf_slice(&list)));
}

static int grow(struct table *t, struct slice name, unsigned kind, struct err *err)
{
	AUTO(freep) char *text = xstrndup(name.p, name.n);
	const char *type = type_for_kinds(kind);
	if (!t->ours)
		return fail_no_column(t, name, err);
	t->changed = true;
	if (sqlite_run(t->db, t->file, t->name, err, "ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s",
		       t->name, text, type) < 0)
		return -1;
	add_column(t, name, affinity_of(type));
	return 0;
}

/* ---- statements ----------------------------------------------------------------------------------- */

/* Members into t->keys and t->values. */
static int split_record(struct table *t, const struct rec *rec, size_t *ret, struct err *err)
{
	struct json_iter it = json_iter(rec_json(rec));
	struct slice key, value;
	size_t n = 0;
	while (json_next(&it, &key, &value)) {
		if (n == KEYS_MAX)
			return fail_record(err, "the record has more than %d fields", KEYS_MAX);
		if (n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : 16;
			t->keys = xrealloc(t->keys, t->cap, sizeof(*t->keys));
			t->values = xrealloc(t->values, t->cap, sizeof(*t->values));
		}
		t->keys[n] = key;
		t->values[n++] = value;
	}
	*ret = n;
	return 0;
}

/* JSON strings end themselves: keys that are equal one behind the other are equal one by one. */
static bool shape_fits(const struct table_shape *s, const struct slice *keys, size_t n)
{
	size_t at = 0;
	if (s->n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (keys[i].n > s->keys.n - at || memcmp(s->keys.p + at, keys[i].p, keys[i].n) != 0)
			return false;
		at += keys[i].n;
	}
	return at == s->keys.n;
}

static struct table_shape *find_shape(struct table *t, size_t n)
{
	for (size_t i = 0; i < t->shape_count; i++) {
		if (!shape_fits(&t->shapes[i], t->keys, n))
			continue;
		t->shapes[i].used = ++t->clock;
		return &t->shapes[i];
	}
	return NULL;
}

static struct table_shape *free_shape(struct table *t)
{
	if (t->shape_count < TABLE_SHAPES)
		return &t->shapes[t->shape_count++];
	struct table_shape *oldest = &t->shapes[0];
	for (size_t i = 1; i < TABLE_SHAPES; i++)
		if (t->shapes[i].used < oldest->used)
			oldest = &t->shapes[i];
	drop_shape(oldest);
	return oldest;
}

static int place_key(struct table *t, struct table_shape *s, size_t i, const struct rec *rec,
		     struct err *err)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (json_unquote(t->keys[i], &name) < 0)
		return fail_memory(err);
	struct slice text = buf_slice(&name);
	if (memchr(text.p ? text.p : "", 0, text.n))
		return fail_record(
			err,
			"a field's name contains a zero byte; it cannot be a column of table '%s'",
			t->name);
	size_t column = find_column(t, text);
	if (column == t->n && grow(t, text, value_kind(rec, t->values[i]), err) < 0)
		return -1;
	s->columns[i] = column;
	for (size_t k = 0; k < i; k++)
		if (s->columns[k] == column && !slice_eq(t->keys[k], t->keys[i]))
			return fail_record(err,
					   "fields %.*s and %.*s are the same column of table '%s'",
					   SLICE(t->keys[k]), SLICE(t->keys[i]), t->name);
	return 0;
}

/* A key that is named twice has one parameter, so that its last value counts. */
static void number_parameters(struct table_shape *s, size_t n)
{
	int next = 1;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < i && s->columns[k] != s->columns[i])
			k++;
		s->at[i] = k < i ? s->at[k] : next++;
	}
}

static void put_columns(const struct table *t, const struct table_shape *s, sqlite3_str *sql)
{
	int last = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (s->at[i] <= last)
			continue;
		sqlite3_str_appendf(sql, "%s\"%w\"", last ? ", " : "",
				    t->columns[s->columns[i]].name);
		last = s->at[i];
	}
	sqlite3_str_appendf(sql, ") VALUES (");
	for (int i = 1; i <= last; i++)
		sqlite3_str_appendf(sql, "%s?%d", i > 1 ? ", " : "", i);
	sqlite3_str_appendf(sql, ")");
}

static void put_upsert(const struct table *t, const struct table_shape *s, sqlite3_str *sql)
{
	int last = 0;
	bool any = false;
	sqlite3_str_appendf(sql, " ON CONFLICT(");
	put_key_list(t, sql);
	sqlite3_str_appendf(sql, ") DO ");
	for (size_t i = 0; i < s->n; i++) {
		const struct table_column *c = &t->columns[s->columns[i]];
		if (s->at[i] <= last)
			continue;
		last = s->at[i];
		if (c->key)
			continue;
		sqlite3_str_appendf(sql, "%s\"%w\" = excluded.\"%w\"", any ? ", " : "UPDATE SET ",
				    c->name, c->name);
		any = true;
	}
	if (!any)
		sqlite3_str_appendf(sql, "NOTHING");
}

static int prepare(struct table *t, struct table_shape *s, struct err *err)
{
	sqlite3_str *text = sqlite3_str_new(t->db);
	sqlite3_str_appendf(text, "INSERT INTO \"%w\"", t->name);
	if (s->n) {
		sqlite3_str_appendf(text, "(");
		put_columns(t, s, text);
	} else {
		sqlite3_str_appendf(text, " DEFAULT VALUES");
	}
	if (t->key->n)
		put_upsert(t, s, text);
	char *sql = sqlite3_str_finish(text);
	if (!sql)
		return fail_memory(err);
	int rc = sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->insert, NULL);
	sqlite3_free(sql);
	return rc == SQLITE_OK ? 0 : sqlite_fail(t->db, t->file, t->name, err);
}

static int check_shape_key(const struct table *t, const struct table_shape *s, struct err *err)
{
	const char *const *keys = t->key->v;
	for (size_t i = 0; i < t->key->n; i++) {
		size_t column = find_column(t, slice_str(keys[i])), k = 0;
		while (k < s->n && s->columns[k] != column)
			k++;
		if (k == s->n)
			return fail_record(
				err,
				"the record has no field '%s', which `key` names for table '%s'",
				keys[i], t->name);
	}
	return 0;
}

static int fill_shape(struct table *t, struct table_shape *s, size_t n, const struct rec *rec,
		      struct err *err)
{
	s->columns = xcalloc(n + 1, sizeof(*s->columns));
	s->at = xcalloc(n + 1, sizeof(*s->at));
	for (size_t i = 0; i < n; i++) {
		if (buf_add(&s->keys, t->keys[i]) < 0)
			return fail_memory(err);
		if (place_key(t, s, i, rec, err) < 0)
			return -1;
	}
	s->n = n;
	number_parameters(s, n);
	return check_shape_key(t, s, err) < 0 ? -1 : prepare(t, s, err);
}

static int make_shape(struct table *t, size_t n, const struct rec *rec, struct table_shape **ret,
		      struct err *err)
{
	struct table_shape *s = free_shape(t);
	s->used = ++t->clock;
	if (fill_shape(t, s, n, rec, err) == 0) {
		*ret = s;
		return 0;
	}
	drop_shape(s);
	s->n = SIZE_MAX; /* fits no record; used is 0: the first to be dropped */
	return -1;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static int bind_row(struct table *t, const struct table_shape *s, const struct rec *rec,
		    struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct table_column *c = &t->columns[s->columns[i]];
		const char *why = NULL;
		if (c->key && json_type(t->values[i]) == JSON_NULL)
			return fail_record(err,
					   "the record's '%s' is null; it is the key of table '%s'",
					   c->name, t->name);
		int r = value_bind(s->insert, s->at[i], c->affinity, rec, t->values[i], &t->text,
				   &why);
		if (r == -1)
			return fail_record(err,
					   "column '%s' of table '%s' holds numbers: %.*s %s; make "
					   "the column TEXT",
					   c->name, t->name, SLICE(utf8_head(t->values[i], 60)),
					   why);
		if (r < 0)
			return fail_memory(err);
	}
	return 0;
}

int table_put(struct table *t, const struct rec *rec, struct err *err)
{
	size_t n = 0;
	ASSERT(t->loaded && t->exists);
	if (split_record(t, rec, &n, err) < 0)
		return -1;
	struct table_shape *s = find_shape(t, n);
	if (!s && make_shape(t, n, rec, &s, err) < 0)
		return -1;
	buf_clear(&t->text);
	if (buf_reserve(&t->text, rec_json(rec).n) < 0)
		return fail_memory(err);
	int r = bind_row(t, s, rec, err);
	if (r == 0 && sqlite3_step(s->insert) != SQLITE_DONE)
		r = sqlite_fail(t->db, t->file, t->name, err);
	sqlite3_reset(s->insert);
	return r;
}
