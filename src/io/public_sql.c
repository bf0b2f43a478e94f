/* public_sql.c - pools, queries, cursors, transactions and COPY of <hocket/sql.h>
 *
 * What this room is for: io/db.h for programs that have C values and no buffers of ours.
 * What flows through:    values in, spelled as JSON; rows out, in the buffer they were written into.
 * What must hold:
 *  (1) a failed call leaves empty rows and a filled error.
 *  (2) a pool is not freed under a connection: that stops with a sentence.
 *  (3) a transaction is repeated only after its ROLLBACK, or the end of its connection, and never when its COMMIT is in doubt. */
#include "io/public_sql.h"
#include "rt/fiber.h"
#include "rt/report.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20, COPY_BYTES = 64 << 10 };

struct hk_sql_pool {
	struct db_pool *inner; /* owns */
	size_t users;          /* who have a connection, or wait for one */
};

struct hk_sql_cursor {
	struct hk_sql *sql;
	struct db_stream *inner; /* owns */
	struct hk_sql_rows row;
};

/* ---- pools ------------------------------------------------------------------------------------------------- */

int hk_sql_pool_open(const char *url, const struct hk_sql_pool_options *o, struct hk_sql_pool **ret,
		     struct hk_sql_error *error)
{
	static const struct hk_sql_pool_options none;
	struct err err = { 0 };
	struct db_pool *inner;

	(void)fiber_self_of(__func__); /* says so when this is no task */
	if (!o)
		o = &none;
	*ret = NULL;
	if (db_pool_open(slice_str(url),
			 &(struct db_pool_options){ .most = o->most,
						    .connect_ns = o->connect_ns,
						    .idle_ns = o->idle_ns,
						    .take_ns = o->acquire_ns,
						    .no_prepare = o->no_prepare,
						    .read_only = o->read_only,
						    .create = o->create },
			 &inner, &err) < 0)
		return public_sql_error(&err, error);
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->inner = inner;
	return public_sql_ok(error);
}

void hk_sql_pool_free(struct hk_sql_pool *p)
{
	if (!p)
		return;
	if (p->users > 0)
		misuse("hk_sql_pool_free with %zu connections acquired or waited for: close the "
		       "group of "
		       "their tasks first",
		       p->users);
	db_pool_free(p->inner);
	free(p);
}

int hk_sql_acquire(struct hk_sql_pool *p, struct hk_sql **ret, struct hk_sql_error *error)
{
	struct err err = { 0 };
	struct db *db;

	*ret = NULL;
	p->users++;
	if (db_take(p->inner, &db, &err) < 0) {
		p->users--;
		return public_sql_error(&err, error);
	}
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->pool = p;
	(*ret)->db = db;
	return public_sql_ok(error);
}

void hk_sql_release(struct hk_sql *q)
{
	if (!q)
		return;
	ASSERT(q->pool->users > 0);
	q->pool->users--;
	db_give(q->db);
	buf_done(&q->copy);
	free(q);
}

static bool is_sqlite(const struct hk_sql *q)
{
	return db_pool_kind(q->pool->inner) == DB_SQLITE;
}

/* ---- queries ------------------------------------------------------------------------------------------------- */

static int spell(const struct hk_sql_call *calls, size_t n, struct public_values *values,
		 struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (public_values_add(values, calls[i].values, calls[i].n, err) < 0) {
			err->row = i + 1;
			return -1;
		}
	}
	public_values_end(values);
	return 0;
}

static int run(struct hk_sql *q, const struct hk_sql_call *calls, size_t n, struct db_call *inner,
	       struct err *err) SUSPENDS
{
	AUTO(public_values_done) struct public_values values = { .sqlite = is_sqlite(q) };

	if (spell(calls, n, &values, err) < 0)
		return -1;
	for (size_t i = 0, from = 0; i < n; from += calls[i++].n)
		inner[i] = (struct db_call){ .text = slice_str(calls[i].text),
					     .params = calls[i].n ? values.json + from : NULL,
					     .blobs = calls[i].n ? values.blobs + from : NULL,
					     .n = calls[i].n };
	return db_run(q->db, inner, n, MOST_BYTES, err);
}

int hk_sql_batch(struct hk_sql *q, struct hk_sql_call *calls, size_t n, struct hk_sql_error *error)
{
	AUTO(freep) struct db_call *inner = xcalloc(n, sizeof(*inner));
	struct err err = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		calls[i].rows = (struct hk_sql_rows){ 0 };
	r = run(q, calls, n, inner, &err);
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			public_rows_set(&calls[i].rows, &inner[i].rows, inner[i].affected);
		buf_done(&inner[i].rows);
	}
	return r < 0 ? public_sql_error(&err, error) : public_sql_ok(error);
}

int hk_sql_query(struct hk_sql *q, const char *text, const struct hk_sql_value *values, size_t n,
		 struct hk_sql_rows *ret, struct hk_sql_error *error)
{
	struct hk_sql_call call = { .text = text, .values = values, .n = n };
	int r = hk_sql_batch(q, &call, 1, error);

	*ret = call.rows;
	return r;
}

int hk_sql_fetch(struct hk_sql_pool *p, const char *text, const struct hk_sql_value *values,
		 size_t n, struct hk_sql_rows *ret, struct hk_sql_error *error)
{
	struct hk_sql *q;
	int r = hk_sql_acquire(p, &q, error);

	*ret = (struct hk_sql_rows){ 0 };
	if (r == 0)
		r = hk_sql_query(q, text, values, n, ret, error);
	hk_sql_release(q);
	return r;
}

int hk_sql_exec(struct hk_sql *q, const char *text, struct hk_sql_error *error)
{
	struct err err = { 0 };

	return db_exec(q->db, slice_str(text), &err) < 0 ? public_sql_error(&err, error)
							 : public_sql_ok(error);
}

/* ---- cursors ---------------------------------------------------------------------------------------------------- */

static int refuse_blobs(const struct public_values *v, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (v->blobs[i])
			return fail(err, FAULT_BAD_VALUE,
				    "value %zu: a cursor of SQLite takes no bytes", i + 1);
	return 0;
}

int hk_sql_cursor_open(struct hk_sql *q, const char *text, const struct hk_sql_value *values,
		       size_t n, struct hk_sql_cursor **ret, struct hk_sql_error *error)
{
	AUTO(public_values_done) struct public_values spelled = { .sqlite = is_sqlite(q) };
	struct db_stream *inner = NULL;
	struct err err = { 0 };

	*ret = NULL;
	if (public_values_add(&spelled, values, n, &err) < 0 || refuse_blobs(&spelled, n, &err) < 0)
		return public_sql_error(&err, error);
	public_values_end(&spelled);
	if (db_stream_open(q->db, slice_str(text), spelled.json, n, &inner, &err) < 0)
		return public_sql_error(&err, error);
	*ret = xcalloc(1, sizeof(**ret));
	**ret = (struct hk_sql_cursor){ .sql = q, .inner = inner };
	return public_sql_ok(error);
}

int hk_sql_cursor_next(struct hk_sql_cursor *c, struct hk_sql_rows *row, struct hk_sql_error *error)
{
	AUTO(buf_done) struct buf text = { .max = MOST_BYTES };
	struct err err = { 0 };
	int r;

	hk_sql_rows_done(&c->row);
	*row = (struct hk_sql_rows){ 0 };
	r = buf_add_char(&text, '[');
	if (r == 0)
		r = db_stream_next(c->inner, &text, &err);
	if (r < 0)
		return public_sql_error(&err, error);
	if (r == 1 && buf_add_char(&text, ']') < 0) {
		fail(&err, FAULT_TOO_LARGE, "a row needs more than 64 MiB");
		return public_sql_error(&err, error);
	}
	if (r == 1)
		public_rows_set(&c->row, &text, 1);
	*row = c->row;
	return public_sql_ok(error) < 0 ? -EIO : r;
}

void hk_sql_cursor_free(struct hk_sql_cursor *c)
{
	if (!c)
		return;
	hk_sql_rows_done(&c->row);
	db_stream_free(c->inner);
	free(c);
}

/* ---- transactions ------------------------------------------------------------------------------------------------- */

#define FIRST_WAIT_NS (10 * HK_MS)
#define MOST_WAIT_NS  (2 * HK_SEC)
#define UNDO_NS       (2 * HK_SEC)

/* Also when the task was cancelled: a shield, for a moment. What cannot be undone in time is closed when it is released. */
static void undo(struct hk_sql *q) SUSPENDS
{
	struct hk_scope shield;

	if (db_is_broken(q->db))
		return;
	hk_scope_open_shield(&shield, UNDO_NS);
	(void)hk_scope_close(&shield, hk_sql_exec(q, "ROLLBACK", NULL));
}

static int work_once(struct hk_sql *q, hk_sql_work *work, void *arg,
		     const struct hk_sql_transaction_options *o,
		     struct hk_sql_error *error) SUSPENDS
{
	const char *begin = o->begin ? o->begin : is_sqlite(q) ? "BEGIN IMMEDIATE" : "BEGIN";
	int r = hk_sql_exec(q, begin, error);

	if (r < 0)
		return r;
	r = work(q, arg, error);
	if (r >= 0)
		return hk_sql_exec(q, "COMMIT", error);
	if (error)
		error->sent = false; /* no COMMIT was: nothing of it stays */
	undo(q);
	return r;
}

/* Between half and all of a time that doubles. */
static int wait_a_little(unsigned times) SUSPENDS
{
	int64_t ns = times < 8 ? FIRST_WAIT_NS << times : MOST_WAIT_NS;

	ns = ns < MOST_WAIT_NS ? ns : MOST_WAIT_NS;
	return hk_sleep(ns / 2 + (int64_t)(hk_random() % (uint64_t)(ns / 2)));
}

int hk_sql_transaction(struct hk_sql_pool *p, hk_sql_work *work, void *arg,
		       const struct hk_sql_transaction_options *options, struct hk_sql_error *error)
{
	struct hk_sql_transaction_options o =
		options ? *options : (struct hk_sql_transaction_options){ 0 };
	struct hk_sql_error own, *e = error ? error : &own;
	int r = -EIO;

	for (unsigned times = 0; times <= o.repeats; times++) {
		struct hk_sql *q;
		r = hk_sql_acquire(p, &q, e);
		if (r < 0)
			return r;
		r = work_once(q, work, arg, &o, e);
		hk_sql_release(q);
		if (r >= 0 || e->sent || !hk_sql_may_repeat(e) || times == o.repeats ||
		    wait_a_little(times) < 0)
			break;
	}
	return r >= 0 ? public_sql_ok(e) : r;
}

/* ---- COPY ------------------------------------------------------------------------------------------------------------- */

int hk_sql_copy_begin(struct hk_sql *q, const char *text, struct hk_sql_error *error)
{
	struct err err = { 0 };

	if (db_copy_begin(q->db, slice_str(text), &err) < 0)
		return public_sql_error(&err, error);
	q->copying = true;
	q->copy.max = SIZE_MAX;
	buf_clear(&q->copy);
	return public_sql_ok(error);
}

/* None of it stays, and the connection is as it was, if it can be. */
static int give_up(struct hk_sql *q, const struct err *err, struct hk_sql_error *error) SUSPENDS
{
	q->copying = false;
	db_copy_give_up(q->db);
	return public_sql_error(err, error);
}

static int send_rows(struct hk_sql *q, struct err *err) SUSPENDS
{
	int r = db_copy_put(q->db, buf_slice(&q->copy), err);

	buf_clear(&q->copy);
	return r;
}

int hk_sql_copy_row(struct hk_sql *q, const struct hk_sql_value *values, size_t n,
		    struct hk_sql_error *error)
{
	struct err err = { 0 };

	if (!q->copying)
		misuse("hk_sql_copy_row without hk_sql_copy_begin, or after it had failed");
	for (size_t i = 0; i < n; i++) {
		if ((i > 0 && buf_add_char(&q->copy, '\t') < 0) ||
		    public_put_copy(&values[i], &q->copy, &err) < 0)
			return give_up(q, &err, error);
	}
	if (buf_add_char(&q->copy, '\n') < 0 || (q->copy.n >= COPY_BYTES && send_rows(q, &err) < 0))
		return give_up(q, &err, error);
	return public_sql_ok(error);
}

int hk_sql_copy_end(struct hk_sql *q, uint64_t *rows, struct hk_sql_error *error)
{
	struct err err = { 0 };
	uint64_t n = 0;

	if (!q->copying)
		misuse("hk_sql_copy_end without hk_sql_copy_begin, or after it had failed");
	if (send_rows(q, &err) < 0)
		return give_up(q, &err, error);
	q->copying = false;
	if (db_copy_end(q->db, &n, &err) < 0)
		return public_sql_error(&err, error);
	if (rows)
		*rows = n;
	return public_sql_ok(error);
}
