/* hocket/sql.h - PostgreSQL and SQLite without blocking: pools, queries, rows, transactions, COPY
 *
 * What this room is for: thousands of queries in flight over a few connections, each in its own task. PostgreSQL is spoken by libpq, opened when
 *   the first postgres:// URL is (no program depends on it before); SQLite's calls run on the pool for blocking calls (offload.h).
 * Life cycle: one pool a database, opened in a task, shared by all tasks of its loop. A connection is acquired, first come, first served, used by
 *   one task at a time, released; rows belong to their owner until hk_sql_rows_done. Short forms (hk_sql_fetch) do all of it.
 *
 *   struct hk_sql_rows rows;
 *   int r = hk_sql_fetch(pool, "SELECT name FROM people WHERE id = $1", HK_SQL_WITH(hk_sql_int(7)), &rows, &error);
 *   for (size_t i = 0; r == 0 && i < rows.n; i++)
 *       puts(hk_sql_text_at(&rows, i, "name"));
 *   hk_sql_rows_done(&rows);
 *
 * What must hold: (1) values are bound, never part of a statement; one text is one statement. (2) a connection goes back to its pool only when it
 *   is idle: no rows left, no transaction open, nothing unanswered; else it is closed. No answer can reach another query. (3) a task that is
 *   cancelled leaves at once: its connection is given up, the server is told to stop. (4) nothing is tried twice, except what
 *   hk_sql_transaction is asked to. (5) error.sent says when the database may have acted and the answer was lost: after a COMMIT, look before
 *   you repeat. (6) no message has a password in it. (7) < 0 always comes with *error; the number is the one beside the fault's name. */
#ifndef HOCKET_SQL_H
#define HOCKET_SQL_H
#include <hocket/types.h>

HK_BEGIN

/* ---- what went wrong ---- */

enum hk_sql_fault {
	HK_SQL_OK,
	HK_SQL_CANCELLED, /* -ECANCELED: the task, or its scope's deadline passed */
	HK_SQL_STATEMENT, /* -EREMOTEIO: the database refused: state and code say why */
	HK_SQL_BAD_VALUE, /* -EINVAL: a value that cannot be bound */
	HK_SQL_CONFIG, /* -EINVAL: URL, a missing library or file, number of values, two columns of one name */
	HK_SQL_NO_CONNECTION,   /* -EBUSY: none became free within acquire_ns */
	HK_SQL_DNS,             /* -EHOSTUNREACH */
	HK_SQL_REFUSED,         /* -ECONNREFUSED: nobody listens there */
	HK_SQL_CONNECT_TIMEOUT, /* -ETIMEDOUT */
	HK_SQL_TLS,             /* -EPROTO */
	HK_SQL_CERTIFICATE,     /* -EKEYREJECTED */
	HK_SQL_RESET,           /* -ECONNRESET: the connection was lost */
	HK_SQL_TOO_LARGE,       /* -EMSGSIZE: more than max_bytes */
	HK_SQL_LOCAL            /* -EIO: our own memory, disk, descriptors */
};
const char *hk_sql_fault_name(enum hk_sql_fault); /* "no_connection" */

struct hk_sql_error {
	enum hk_sql_fault fault;
	/* SQLSTATE, PostgreSQL's: "23505"; "" for SQLite and all that is no statement's fault */
	char state[6];
	int code;  /* SQLite's extended result code; 0 for PostgreSQL */
	bool sent; /* the database may have acted on it */
	size_t at; /* of a batch or COPY: which query or line was at fault, from 1; 0: not known */
	/* Names the database; a mistake in a statement with its place. For a person */
	char text[480];
};
/* Serialization failure, deadlock (40001, 40P01), a SQLite database that was locked: the whole transaction may succeed the next time. */
bool hk_sql_may_repeat(const struct hk_sql_error *);

/* ---- values ---- */

/* What is bound. Borrows: text and bytes live until the call returns. Made by the functions below; a zeroed one is NULL. */
struct hk_sql_value {
	const void *p_;
	size_t n_;
	int64_t int_;
	double real_;
	int kind_;
};
struct hk_sql_value hk_sql_null(void);
struct hk_sql_value hk_sql_int(int64_t);
struct hk_sql_value hk_sql_real(double); /* NaN and infinity: NULL for SQLite */
struct hk_sql_value hk_sql_bool(bool);   /* SQLite: 1 or 0 */
/* UTF-8; NULL: null. Read as the parameter's type: dates, uuids, numerics too */
struct hk_sql_value hk_sql_text(const char *);
struct hk_sql_value hk_sql_text_n(const char *, size_t n);
struct hk_sql_value hk_sql_bytes(const void *, size_t n); /* bytea, BLOB */
/* JSON text: for json and jsonb as it is, a JSON array for an array type as {a,b}. Not JSON: HK_SQL_BAD_VALUE. */
struct hk_sql_value hk_sql_json(const char *);

/* The values of a call, in place, with their number; in C++ pass an array and its length. None: NULL, 0. */
#ifdef __cplusplus
#else
#define HK_SQL_WITH(...)                                \
	((const struct hk_sql_value[]){ __VA_ARGS__ }), \
		(sizeof((struct hk_sql_value[]){ __VA_ARGS__ }) / sizeof(struct hk_sql_value))
#endif

/* ---- pools ---- */

struct hk_sql_pool;
struct hk_sql_pool_options {
	unsigned most;      /* connections at once; 0: 4. asyncpg: max_size */
	int64_t connect_ns; /* 0: 10 s */
	int64_t idle_ns; /* an idle connection is closed after it; 0: 60 s. asyncpg: max_inactive_connection_lifetime */
	int64_t acquire_ns; /* who waits longer for a connection gets HK_SQL_NO_CONNECTION; 0: until its scope ends */
	bool no_prepare; /* PostgreSQL behind a pooler that lends by the transaction (pgbouncer). asyncpg: statement_cache_size=0 */
	bool read_only;
	bool create; /* SQLite: the file, when it is missing */
};
/* url: postgres://... or libpq's "host=... dbname=..." with all its options (sslmode=verify-full for TLS with a checked name), sqlite:PATH or a
 * path. Connects nowhere yet. options and error may be NULL everywhere. 0, < 0. In a task. asyncpg.create_pool, psycopg_pool.AsyncConnectionPool */
HK_MUST int hk_sql_pool_open(const char *url, const struct hk_sql_pool_options *,
			     struct hk_sql_pool **ret, struct hk_sql_error *);
/* Every connection was released; accepts NULL. */
void hk_sql_pool_free(struct hk_sql_pool *) HK_SUSPENDS;

struct hk_sql; /* a connection */
/* The longest waiting task gets the next free one; an idle one, else a new one. asyncpg: Pool.acquire */
HK_MUST int hk_sql_acquire(struct hk_sql_pool *, struct hk_sql **ret,
			   struct hk_sql_error *) HK_SUSPENDS;
void hk_sql_release(struct hk_sql *); /* never waits; accepts NULL */

/* ---- queries ---- */

/* What a statement gave: n rows, each a JSON object text, as {"id":1,"name":"a"}; numeric keeps its digits, times are ISO 8601 with T, bytea and
 * BLOB are base64, arrays JSON arrays. json[i] ends with 0. Lives until done. */
struct hk_sql_rows {
	size_t n;
	const char *const *json;
	uint64_t affected; /* rows changed, or returned */
	void *storage_;
};
void hk_sql_rows_done(struct hk_sql_rows *); /* accepts a zeroed one */

/* One statement with $1, $2 ... (SQLite: also ?1). 0 with rows, which may be none; < 0 with rows zeroed. At most 64 MiB of rows: more by
 * a cursor. asyncpg: Connection.fetch */
HK_MUST int hk_sql_query(struct hk_sql *, const char *text, const struct hk_sql_value *, size_t n,
			 struct hk_sql_rows *ret, struct hk_sql_error *) HK_SUSPENDS;
/* Acquires, asks, releases. asyncpg: Pool.fetch */
HK_MUST int hk_sql_fetch(struct hk_sql_pool *, const char *text, const struct hk_sql_value *,
			 size_t n, struct hk_sql_rows *ret, struct hk_sql_error *) HK_SUSPENDS;
/* Statements without values and rows; several are allowed here only. asyncpg: Connection.execute */
HK_MUST int hk_sql_exec(struct hk_sql *, const char *text, struct hk_sql_error *) HK_SUSPENDS;

struct hk_sql_call {
	const char *text;
	const struct hk_sql_value *values;
	size_t n;
	struct hk_sql_rows rows; /* filled; done by the caller, also after a failure */
};
/* Many statements in one round trip and one transaction: all, or none of them; error.at names the one at fault where that is known.
 * psycopg: AsyncConnection.pipeline; asyncpg: executemany */
HK_MUST int hk_sql_batch(struct hk_sql *, struct hk_sql_call *, size_t n,
			 struct hk_sql_error *) HK_SUSPENDS;

/* ---- typed access ---- */

/* Of a row and a column by its name. The getters return 0; -ENOENT: no such row or column; -ENODATA: null; -EINVAL: not of this type;
 * -ERANGE: does not fit. */
HK_MUST int hk_sql_get_int(const struct hk_sql_rows *, size_t row, const char *column,
			   int64_t *ret);
HK_MUST int hk_sql_get_real(const struct hk_sql_rows *, size_t row, const char *column,
			    double *ret); /* reads "NaN" and "Infinity" */
HK_MUST int hk_sql_get_bool(const struct hk_sql_rows *, size_t row, const char *column,
			    bool *ret); /* SQLite: any integer */
/* A string as it is, anything else as its JSON text; ends with 0; lives as long as the rows. */
HK_MUST int hk_sql_get_text(const struct hk_sql_rows *, size_t row, const char *column,
			    const char **ret, size_t *n);
HK_MUST int hk_sql_get_bytes(const struct hk_sql_rows *, size_t row, const char *column,
			     const void **ret, size_t *n);
/* The text, or NULL where there is none or it is null. */
const char *hk_sql_text_at(const struct hk_sql_rows *, size_t row, const char *column);

/* ---- rows that do not fit into memory ---- */

/* One row at a time; the server waits for its reader. The connection is the cursor's until it is freed; freed before its end, a PostgreSQL
 * connection is closed when it is released. asyncpg: Connection.cursor; psycopg: AsyncCursor.stream */
struct hk_sql_cursor;
HK_MUST int hk_sql_cursor_open(struct hk_sql *, const char *text, const struct hk_sql_value *,
			       size_t n, struct hk_sql_cursor **ret,
			       struct hk_sql_error *) HK_SUSPENDS;
/* 1: *row has one row, until the next call or hk_sql_cursor_free; 0: there are no more; < 0 */
HK_MUST int hk_sql_cursor_next(struct hk_sql_cursor *, struct hk_sql_rows *row,
			       struct hk_sql_error *) HK_SUSPENDS;
void hk_sql_cursor_free(struct hk_sql_cursor *); /* accepts NULL; the row ends with it */

/* ---- transactions ---- */

/* The work of a transaction; runs again when the transaction does, so that it must only change what is in the database. < 0: roll back, and
 * that is what hk_sql_transaction returns. */
typedef int hk_sql_work(struct hk_sql *, void *arg, struct hk_sql_error *) HK_SUSPENDS;
struct hk_sql_transaction_options {
	/* NULL: "BEGIN", for SQLite "BEGIN IMMEDIATE"; "BEGIN ISOLATION LEVEL SERIALIZABLE" */
	const char *begin;
	/* How often more after a failure that hk_sql_may_repeat, each time later: 10 ms, doubled, with jitter; 0: never */
	unsigned repeats;
};
/* Acquires, begins, works, commits, releases. 0: committed. error.sent after a failure: the COMMIT's answer was lost, and only the database knows.
 * asyncpg: Connection.transaction */
HK_MUST int hk_sql_transaction(struct hk_sql_pool *, hk_sql_work *, void *arg,
			       const struct hk_sql_transaction_options *,
			       struct hk_sql_error *) HK_SUSPENDS;

/* ---- COPY (PostgreSQL) ---- */

/* The fastest way in: "COPY people (id, name) FROM STDIN". Until hk_sql_copy_end no row is there. asyncpg: copy_records_to_table */
HK_MUST int hk_sql_copy_begin(struct hk_sql *, const char *text, struct hk_sql_error *) HK_SUSPENDS;
/* Rows are gathered and sent in pieces. An array column takes hk_sql_text("{a,b}"). */
HK_MUST int hk_sql_copy_row(struct hk_sql *, const struct hk_sql_value *, size_t n,
			    struct hk_sql_error *) HK_SUSPENDS;
/* error.at: the line at fault. rows may be NULL. After any failure nothing of the COPY is there. */
HK_MUST int hk_sql_copy_end(struct hk_sql *, uint64_t *rows, struct hk_sql_error *) HK_SUSPENDS;

HK_END
#endif
