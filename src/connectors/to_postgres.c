/* to_postgres.c - write records to a table of PostgreSQL; rows and checkpoint in one transaction
 *
 * What this room is for: the sink with the strongest promise, over a wire that may break at any moment.
 * What flows through:    batches of records; each is one transaction: BEGIN, lock the mark, COPY (and with a key INSERT ... ON CONFLICT), mark,
 *                        COMMIT.
 * What must hold:
 *  (1) rows and mark change together (pg_mark.h). A COMMIT whose answer is lost is decided when the batch comes again: its mark is there, or
 *      the one before it.
 *  (2) `checkpoint: state`: there is no mark; a lost COMMIT is decided by the transaction's number, as long as this process lives.
 *  (3) nothing outlives a transaction: no prepared statement, no temporary table, no setting. A pooler may stand between.
 *  (4) a transaction that nobody ends is ended by the server: it would hold the mark. */
#include "base/banned.h"
#include "connectors/sql/database.h"
#include "connectors/sql/pg_lots.h"
#include "connectors/sql/pg_mark.h"
#include <hocket/scope.h>
#include <hocket/types.h>

#define CLOSE_BUDGET (10 * HK_SEC)
#define SMALL_MAX    (1u << 20)
#define COPY_CHUNK   (256u << 10)

enum checkpoint { CHECKPOINT_TABLE, CHECKPOINT_STATE };
struct postgres_sink {
	struct database_option database;
	const char *table;
	struct opt_list key;  /* const char *[] */
	struct opt_map types; /* const char *[] */
	int checkpoint;
	struct database_retry *retry;
};
struct postgres_writer {
	struct db_pool *pool;
	struct db *db; /* NULL: lost */
	struct pg_table table;
	struct pg_mark mark;
	struct pg_lots lots;
	/* `checkpoint: state`: the transaction whose COMMIT got no answer, and what it wrote */
	struct buf doubt; /* its number, JSON; empty: there is none */
	const void *doubt_recs;
};

static const char *const checkpoint_words[] = { "table", "state", NULL };
static const struct opt options[] = {
	DATABASE_OPTION("postgres", struct postgres_sink, database),
	OPT("table", struct postgres_sink, table, OPT_STRING, const char *, .required = true,
	    .doc = "table to write to, or SCHEMA.TABLE; made from the first records when missing"),
	OPT("key", struct postgres_sink, key, OPT_LIST, struct opt_list, .of = OPT_STRING,
	    .doc = "columns that identify a row: a record with the same key updates it"),
	OPT("types", struct postgres_sink, types, OPT_MAP, struct opt_map, .of = OPT_STRING,
	    .doc = "types of columns that hocket makes: {at: timestamptz, total: 'numeric(12,2)'}"),
	OPT("checkpoint", struct postgres_sink, checkpoint, OPT_ENUM, int,
	    .words = checkpoint_words, .fallback = "table",
	    .doc = "table: in hocket_mark beside the rows; state: in the state beside the "
		   "pipeline, where tables may not be made"),
	DATABASE_RETRY_OPTION(struct postgres_sink, retry, "1h"),
	OPT_END,
};

/* ---- what the file says --------------------------------------------------------------------------------------- */

static bool is_type(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_ (),.[]\"";
	return *text && text[strspn(text, good)] == 0;
}

static void check_table(const struct postgres_sink *o, struct diag *diag)
{
	struct slice schema, name;
	bool both = slice_cut(slice_str(o->table), '.', &schema, &name);
	if (!both)
		name = slice_str(o->table);
	if (name.n == 0 || (both && schema.n == 0))
		diag_error(diag, "table", "a table has a name: orders, or sales.orders");
	else if (memchr(name.p, '.', name.n) && both)
		diag_error(diag, "table", "'%s' has more than one dot: write SCHEMA.TABLE",
			   o->table);
	else if (slice_eq(name, S("hocket_mark")) || slice_eq(name, S("hocket_made")))
		diag_error(diag, "table", "'%s' is a table that hocket needs itself", o->table);
}

static int postgres_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct postgres_sink *o = of;
	const char *const *keys = o->key.v, *const *types = o->types.v;
	check_table(o, diag);
	for (size_t i = 0; i < o->key.n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(keys[i], keys[k]) == 0)
				diag_error(diag, "key", "'%s' is named twice", keys[i]);
	for (size_t i = 0; i < o->types.n; i++)
		if (!is_type(types[i]))
			diag_error(diag, "types", "'%s' is no type", types[i]);
	facts->own_mark = o->checkpoint == CHECKPOINT_TABLE;
	facts->guarantee = facts->own_mark ? TRANSACTIONAL : o->key.n ? IDEMPOTENT : APPEND_ONLY;
	facts->effect = EFFECT_WRITES;
	facts->within_ns = o->retry ? o->retry->within_ns : DATABASE_WITHIN;
	database_plan(&o->database, facts, diag);
	return 0;
}

/* ---- the connection --------------------------------------------------------------------------------------------- */

static bool own_mark(const struct site *site)
{
	const struct postgres_sink *o = site->options;
	return o->checkpoint == CHECKPOINT_TABLE;
}

static void let_go(struct postgres_writer *w)
{
	db_give(take(w->db));
}

static int connect(struct postgres_writer *w, struct err *err) SUSPENDS
{
	if (w->db && db_is_broken(w->db))
		let_go(w);
	if (w->db || db_take(w->pool, &w->db, err) == 0)
		return 0;
	return database_blame(err, "connecting");
}

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

static int postgres_open(struct site *site, struct err *err) SUSPENDS
{
	const struct postgres_sink *o = site->options;
	struct postgres_writer *w = site->shared;
	const struct db_pool_options pool = { .most = 1, .no_prepare = true };
	w->mark.place = o->table;
	if (pg_table_init(&w->table, o->table, &o->key, &o->types, err) < 0 ||
	    database_open(&o->database, &pool, &w->pool, err) < 0 || connect(w, err) < 0)
		return -1;
	if (own_mark(site) && pg_mark_open(&w->mark, w->db, err) < 0)
		return -1;
	w->table.may_make = w->mark.made;
	return pg_table_load(&w->table, w->db, err);
}

static void postgres_close(struct site *site) SUSPENDS
{
	struct postgres_writer *w = site->shared;
	struct hk_scope shield;
	pg_lots_clear(&w->lots);
	pg_table_done(&w->table);
	pg_mark_done(&w->mark);
	buf_done(&w->doubt);
	let_go(w);
	if (!w->pool)
		return;
	hk_scope_open_shield(&shield, CLOSE_BUDGET);
	db_pool_free(take(w->pool));
	(void)hk_scope_close(&shield, 0);
}

/* ---- a transaction ------------------------------------------------------------------------------------------------ */

static int begin(struct postgres_writer *w, struct err *err) SUSPENDS
{
	return db_exec(w->db,
		       S("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
			 "SET LOCAL lock_timeout = '30s';"
			 "SET LOCAL idle_in_transaction_session_timeout = '60s'"),
		       err);
}

/* Everything that was begun is undone, and what was learnt from it forgotten. */
static int roll_back(struct postgres_writer *w) SUSPENDS
{
	if (db_is_broken(w->db) || db_exec(w->db, S("ROLLBACK"), NULL) < 0)
		let_go(w);
	pg_table_forget(&w->table);
	return -1;
}

static int put_names(const struct pg_table *t, const struct pg_lot *l, const char *form,
		     struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = i ? buf_add(out, S(", ")) : 0;
		r = r < 0 ? r : db_put_name(slice_str(t->columns[l->columns[i]].name), out);
		if (r == 0 && form) {
			r = buf_printf(out, " = %s", form);
			r = r < 0 ? r : db_put_name(slice_str(t->columns[l->columns[i]].name), out);
		}
	}
	return r;
}

/* The server names a line; which record that is, the lot knows. */
static int fail_lot(const struct pg_table *t, const struct pg_lot *l, struct err *err)
{
	if (err && err->row)
		err->row = err->row <= l->count ? l->rows[err->row - 1] + 1 : 0;
	return pg_table_fail(t, err);
}

static int copy(struct postgres_writer *w, const struct pg_lot *l, struct slice sql,
		struct err *err) SUSPENDS
{
	uint64_t rows = 0;
	struct slice rest = buf_slice(&l->text);
	if (db_copy_begin(w->db, sql, err) < 0)
		return pg_table_fail(&w->table, err);
	while (rest.n) {
		struct slice chunk = slice_head(rest, COPY_CHUNK);
		if (db_copy_put(w->db, chunk, err) < 0)
			return fail_lot(&w->table, l, err);
		rest = slice_from(rest, chunk.n);
	}
	if (db_copy_end(w->db, &rows, err) < 0)
		return fail_lot(&w->table, l, err);
	return 0;
}

/* Rows of nothing but defaults: COPY has no words for them. */
static int insert_defaults(struct postgres_writer *w, const struct pg_lot *l,
			   struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf sql = { 0 };
	if (buf_printf(&sql, "INSERT INTO %.*s DEFAULT VALUES", SLICE(buf_slice(&w->table.name))) <
	    0)
		return fail_memory(err);
	for (size_t i = 0; i < l->count; i++)
		if (db_exec(w->db, buf_slice(&sql), err) < 0)
			return pg_table_fail(&w->table, err);
	return 0;
}

static int load_plain(struct postgres_writer *w, const struct pg_lot *l, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf sql = { 0 };
	const struct pg_table *t = &w->table;
	if (l->n == 0)
		return insert_defaults(w, l, err);
	int r = buf_printf(&sql, "COPY %.*s (", SLICE(buf_slice(&t->name)));
	r = r < 0 ? r : put_names(t, l, NULL, &sql);
	r = r < 0 ? r : buf_add(&sql, S(") FROM STDIN"));
	return r < 0 ? fail_memory(err) : copy(w, l, buf_slice(&sql), err);
}

/* ---- with a key: into a table of this transaction, and from there over the rows that are there ------------------------ */

#define LOT "pg_temp.\"hocket lot\""

static int put_lot_table(const struct pg_table *t, const struct pg_lot *l, struct buf *sql)
{
	int r = buf_add(sql, S("CREATE TEMP TABLE \"hocket lot\" ON COMMIT DROP AS SELECT "));
	r = r < 0 ? r : put_names(t, l, NULL, sql);
	return r < 0 ? r
		     : buf_printf(sql, ", 0::bigint AS \"hocket row\" FROM %.*s WITH NO DATA",
				  SLICE(buf_slice(&t->name)));
}

static int put_lot_copy(const struct pg_table *t, const struct pg_lot *l, struct buf *sql)
{
	int r = buf_add(sql, S("COPY " LOT " ("));
	r = r < 0 ? r : put_names(t, l, NULL, sql);
	return r < 0 ? r : buf_add(sql, S(", \"hocket row\") FROM STDIN"));
}

static int put_update(const struct pg_table *t, const struct pg_lot *l, struct buf *sql)
{
	struct pg_lot rest = { .columns = xcalloc(l->n + 1, sizeof(size_t)) };
	for (size_t i = 0; i < l->n; i++)
		if (!t->columns[l->columns[i]].key)
			rest.columns[rest.n++] = l->columns[i];
	int r = buf_add(sql, rest.n ? S("UPDATE SET ") : S("NOTHING"));
	r = r < 0 ? r : put_names(t, &rest, "excluded.", sql);
	freep(&rest.columns);
	return r;
}

/* Of several rows with one key the last in the batch counts. */
static int put_upsert(const struct pg_table *t, const struct pg_lot *l, struct buf *sql)
{
	AUTO(buf_done) struct buf key = { 0 }, names = { 0 };
	if (pg_table_put_key(t, &key) < 0 || put_names(t, l, NULL, &names) < 0)
		return -1;
	int r = buf_printf(
		sql,
		"INSERT INTO %.*s (%s) SELECT %s FROM (SELECT DISTINCT ON (%s) * FROM " LOT
		" ORDER BY %s, \"hocket row\" DESC) AS l ON CONFLICT (%s) DO ",
		SLICE(buf_slice(&t->name)), names.p, names.p, key.p, key.p, key.p);
	r = r < 0 ? r : put_update(t, l, sql);
	return r < 0 ? r : buf_add(sql, S("; DROP TABLE " LOT));
}

static int load_keyed(struct postgres_writer *w, const struct pg_lot *l, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf make = { 0 }, fill = { 0 }, merge = { 0 };
	const struct pg_table *t = &w->table;
	if (put_lot_table(t, l, &make) < 0 || put_lot_copy(t, l, &fill) < 0 ||
	    put_upsert(t, l, &merge) < 0)
		return fail_memory(err);
	if (db_exec(w->db, buf_slice(&make), err) < 0)
		return pg_table_fail(t, err);
	if (copy(w, l, buf_slice(&fill), err) < 0)
		return -1;
	return db_exec(w->db, buf_slice(&merge), err) < 0 ? pg_table_fail(t, err) : 0;
}

static int put_rows(struct postgres_writer *w, const struct batch *b, struct err *err) SUSPENDS
{
	struct pg_table *t = &w->table;
	if (!t->exists)
		pg_table_forget(t); /* another sink may have made it meanwhile */
	if (pg_table_load(t, w->db, err) < 0)
		return -1;
	if (!t->exists && b->n && pg_table_make(t, w->db, b->recs, b->n, err) < 0)
		return -1;
	int r = pg_lots_fill(&w->lots, t, w->db, b->recs, b->n, err);
	for (size_t i = 0; r == 0 && i < w->lots.n; i++)
		r = t->key->n ? load_keyed(w, &w->lots.v[i], err)
			      : load_plain(w, &w->lots.v[i], err);
	pg_lots_clear(&w->lots);
	return r;
}

/* ---- without a mark: the transaction's number decides ------------------------------------------------------------------ */

static int ask_value(struct postgres_writer *w, struct slice text, const struct slice *params,
		     size_t n, struct buf *ret, struct err *err) SUSPENDS
{
	struct db_call call = { .text = text, .params = params, .n = n };
	struct slice row, value;
	int r = db_run(w->db, &call, 1, SMALL_MAX, err);
	if (r == 0 && json_index(buf_slice(&call.rows), 0, &row) &&
	    json_field(row, S("v"), &value) && buf_add(ret, value) < 0)
		r = fail_memory(err);
	buf_done(&call.rows);
	return r;
}

/* 1: the batch was committed; 0: it was not, or nothing is in doubt */
static int decide(struct postgres_writer *w, const struct batch *b, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf status = { 0 };
	const struct slice number = buf_slice(&w->doubt);
	if (number.n == 0 || w->doubt_recs != b->recs)
		return 0;
	if (ask_value(w, S("SELECT txid_status($1::bigint) AS v"), &number, 1, &status, err) < 0)
		return -1;
	if (slice_eq(buf_slice(&status), S("\"in progress\""))) {
		if (err)
			memcpy(err->state, "55P03", 6);
		return fail(err, FAULT_SQL,
			    "the transaction whose answer was lost is not over yet (55P03)");
	}
	buf_clear(&w->doubt);
	return slice_eq(buf_slice(&status), S("\"committed\""));
}

static int note_number(struct postgres_writer *w, const struct batch *b, struct err *err) SUSPENDS
{
	buf_clear(&w->doubt);
	w->doubt_recs = b->recs;
	return ask_value(w,
			 S("SELECT txid_current() AS v, set_config('synchronous_commit', CASE "
			   "current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE "
			   "current_setting('synchronous_commit') END, true) AS sync"),
			 NULL, 0, &w->doubt, err);
}

/* ---- commit ------------------------------------------------------------------------------------------------------------- */

static int commit_rows(struct site *site, const struct batch *b, struct err *err) SUSPENDS
{
	struct postgres_writer *w = site->shared;
	bool mark = own_mark(site);
	int done = mark ? pg_mark_lock(&w->mark, w->db, b->pipeline, b->mark, err)
			: note_number(w, b, err);
	if (done != 0)
		return done;
	if (put_rows(w, b, err) < 0)
		return -1;
	return mark ? pg_mark_put(&w->mark, w->db, b->pipeline, b->mark, err) : 0;
}

/* One transaction; 0 also when the one before it turns out to have done it. */
static int transact(struct site *site, const struct batch *b, struct err *err) SUSPENDS
{
	struct postgres_writer *w = site->shared;
	if (begin(w, err) < 0)
		return roll_back(w);
	int done = commit_rows(site, b, err);
	if (done < 0) {
		buf_clear(&w->doubt);
		return roll_back(w);
	}
	if (done > 0)
		pg_table_forget(&w->table); /* it may have been made or altered */
	if (db_exec(w->db, S("COMMIT"), err) < 0)
		return roll_back(w);
	buf_clear(&w->doubt);
	return own_mark(site) ? pg_mark_committed(&w->mark, b->mark, err) : 0;
}

static int postgres_commit(struct site *site, const struct batch *batch, struct buf *receipt,
			   struct err *err) SUSPENDS
{
	struct postgres_writer *w = site->shared;
	if (connect(w, err) < 0)
		return -1;
	int done = own_mark(site) ? 0 : decide(w, batch, err);
	if (done < 0 || (done == 0 && transact(site, batch, err) < 0))
		return -1;
	if (batch->n) {
		w->table.exists = true;
		pg_table_committed(&w->table);
	}
	return w->table.exists && buf_add(receipt, S("{\"table\":true}")) < 0 ? fail_memory(err)
									      : 0;
}

/* ---- going on ------------------------------------------------------------------------------------------------------------ */

static int postgres_resume(struct site *site, struct resumption *r, struct err *err) SUSPENDS
{
	const struct postgres_sink *o = site->options;
	struct postgres_writer *w = site->shared;
	/* What it held would be missing, and nobody would say so. */
	if (r->receipt.n && !w->table.exists)
		return fail(
			err, FAULT_CONFIG,
			"table '%s', which the run has written to, is gone; --fresh starts over",
			o->table);
	if (!own_mark(site))
		return 0;
	if (connect(w, err) < 0 || pg_mark_read(&w->mark, w->db, r->pipeline, err) < 0)
		return -1;
	buf_clear(&r->mark);
	r->mark.max = w->mark.known.max;
	return buf_add(&r->mark, buf_slice(&w->mark.known)) < 0 ? fail_memory(err) : 0;
}

static int postgres_stands(struct site *site, const char *pipeline, struct slice receipt,
			   struct err *why) SUSPENDS
{
	const struct postgres_sink *o = site->options;
	struct postgres_writer *w = site->shared;
	if (receipt.n == 0)
		return 1; /* there was no row */
	if (!w->table.exists) {
		fail(why, FAULT_CONFIG, "table '%s' is gone", o->table);
		return 0;
	}
	if (!own_mark(site))
		return 1;
	if (connect(w, why) < 0 || pg_mark_read(&w->mark, w->db, pipeline, why) < 0)
		return -1;
	if (w->mark.known.n)
		return 1;
	fail(why, FAULT_CONFIG, "the database knows nothing of this pipeline any more");
	return 0;
}

const struct port to_postgres = {
	.name = "postgres",
	.doc = "write records to a table of PostgreSQL",
	.more = "A missing table is made from the first records: bigint, double precision, "
		"numeric, boolean, text, jsonb or bytea by\n"
		"what they hold, or as `types` says. A table that hocket made gets a column when a "
		"new field appears; another one is\n"
		"never changed. With `key` a record updates the row that has the same key, without "
		"it every record is a new row.\n"
		"Rows and checkpoint are one transaction; a server that is restarted is waited "
		"for.\n"
		"\n"
		"    to: {postgres: $secret.PG_URL, table: orders, key: id}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct postgres_sink),
	.shared_size = sizeof(struct postgres_writer),
	.plan = postgres_plan,
	.open = postgres_open,
	.close = postgres_close,
	.resume = postgres_resume,
	.commit = postgres_commit,
	.stands = postgres_stands,
};
