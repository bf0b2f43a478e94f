/* io/db.h - PostgreSQL and SQLite on the loop: pools, statements, rows, transactions, COPY
 *
 * What this room is for: the two databases behind one set of words, for connectors and for <hocket/sql.h>. PostgreSQL is spoken by libpq,
 *   non-blocking, opened at run time (nobody who does not name a database pays for it); SQLite runs on the pool of blocking threads.
 * What flows through:    parameters in and rows out as JSON text: that is what records are made of, and digits stay as they are.
 * Life cycle: a pool is opened (nothing is asked yet); db_take lends a connection, first come, first served; db_give takes it back.
 * What must hold:
 *  (1) a connection is lent again only when it is idle: no rows left, no transaction open, nothing unanswered. Else it is closed.
 *  (2) a call that is cancelled in the middle gives up its connection; the server is told (PQcancel) without waiting.
 *  (3) nothing here retries. err says what the engine needs: SQLSTATE in err.state, the class by it, `sent` when the far side may have acted
 *      (a COMMIT without an answer), `row` when one of many is known to be at fault, else `whole`.
 *  (4) parameters are bound, names are quoted; no value ever becomes part of a statement. One text is one statement.
 *  (5) messages name the database without its password; a mistake in a statement shows its place under the line it stands in. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/lang.h"

/* ---- which database ---- */
enum db_kind { DB_POSTGRES = 1, DB_SQLITE };
/* "postgres://..." or "postgresql://..." (libpq's URI, hosts, options and all) or "host=... dbname=..." is PostgreSQL; "sqlite:PATH" or a path
 * is SQLite. Looks at the text only. */
enum db_kind db_kind_of(struct slice url);
/* Can this kind be used here? 0; -1: a library is missing, and *err says which package brings it. */
MUST int db_is_available(enum db_kind, struct err *);
/* For messages, lanes and `check`: "postgres://host:5432/db" without user, password and options; a path as it is. */
MUST int db_put_door(struct slice url, struct buf *out);

/* ---- pools ---- */
struct db_pool;
struct db_pool_options {
	unsigned most;      /* connections at once; 0: 4 */
	int64_t connect_ns; /* 0: 10 s */
	int64_t idle_ns;    /* an idle connection is closed after it; 0: 60 s */
	int64_t take_ns;    /* a taker waits no longer; 0: until its scope ends */
	bool no_prepare; /* nothing of ours may outlive a transaction: a pooler in transaction mode */
	bool read_only; /* SQLite: opened so; PostgreSQL: default_transaction_read_only */
	bool create;    /* SQLite: made when missing */
};
MUST int db_pool_open(struct slice url, const struct db_pool_options *, struct db_pool **ret,
		      struct err *);
void db_pool_free(struct db_pool *) SUSPENDS; /* everything was given back; accepts NULL */
enum db_kind db_pool_kind(const struct db_pool *);

/* ---- connections ---- */
struct db;
MUST int db_take(struct db_pool *, struct db **ret, struct err *) SUSPENDS;
void db_give(struct db *);            /* accepts NULL; never waits: what is not idle is closed */
bool db_is_broken(const struct db *); /* lost, or in the middle of something */

/* ---- statements ---- */
/* A value to be bound: JSON text. PostgreSQL asks the server for the parameter's type first (once a statement and connection, kept prepared):
 * a string is its text, a number its digits, null NULL, an array for an array type becomes {a,b}, everything else for json and jsonb is the
 * JSON text itself; what cannot be that type is the server's to refuse. SQLite: text, integer, real, NULL, JSON text for the rest. */
struct db_call {
	struct slice text; /* one statement with $1.. (SQLite: also ?1, :name is refused) */
	const struct slice *params; /* JSON texts, borrowed */
	size_t n;
	bool blob_params; /* PostgreSQL: a string parameter for bytea is base64 (SQLite's parameters have no type: blobs) */
	const bool *
		blobs; /* NULL, or of each parameter: it is a base64 string, whatever type it is for */
	struct buf
		rows; /* gives: JSON array text of row objects, column -> value, in the statement's order; "[]": none */
	uint64_t affected; /* rows changed, or returned */
};
/* One after the other in one round trip (pipeline mode) and in one implicit transaction: all, or -1 and nothing. err.row names the call at fault, from
 * 1, when the server says so, else err.whole is set (a constraint checked at COMMIT). `rows` of one call stays under max_bytes. */
MUST int db_run(struct db *, struct db_call *calls, size_t n, uint64_t max_bytes,
		struct err *) SUSPENDS;
/* For words without parameters and rows: BEGIN, COMMIT, CREATE TABLE. Several statements are allowed here only. */
MUST int db_exec(struct db *, struct slice text, struct err *) SUSPENDS;
/* What a statement would take and give, asked of the server without running it. Names and types as the database calls them; arena-free: freed by
 * db_shape_done. A mistake in the statement is told here, with its place. Two statements in one text are refused. */
struct db_column {
	char *name, *type;
};
struct db_shape {
	struct db_column *columns;
	size_t column_count;
	char **param_types; /* SQLite: NULLs */
	size_t param_count;
};
MUST int db_describe(struct db *, struct slice text, struct db_shape *ret, struct err *) SUSPENDS;
void db_shape_done(struct db_shape *);

/* ---- rows that do not fit into memory ---- */
/* Rows come one by one; only what is on its way is in memory, the server waits for us. The connection belongs to the stream until its end; giving it
 * back earlier closes it. */
struct db_stream;
MUST int db_stream_open(struct db *, struct slice text, const struct slice *params, size_t n,
			struct db_stream **ret, struct err *) SUSPENDS;
/* 1: a row, as a JSON object appended to out; 0: there are no more; -1 */
MUST int db_stream_next(struct db_stream *, struct buf *out, struct err *) SUSPENDS;
void db_stream_free(struct db_stream *); /* accepts NULL */

/* ---- COPY ... FROM STDIN (PostgreSQL) ---- */
MUST int db_copy_begin(struct db *, struct slice text, struct err *) SUSPENDS;
MUST int db_copy_put(struct db *, struct slice data, struct err *) SUSPENDS;
/* The server's verdict; err.row when it names a line. *rows: how many. */
MUST int db_copy_end(struct db *, uint64_t *rows, struct err *) SUSPENDS;
void db_copy_give_up(struct db *) SUSPENDS; /* nothing of it happens */

/* ---- text ---- */
MUST int db_put_name(struct slice name, struct buf *out); /* "quoted", inner quotes doubled */
MUST int db_put_literal(struct slice text,
			struct buf *out); /* 'quoted', as standard_conforming_strings has it */
/* One field of COPY's text format: \N, tabs, line ends and backslashes escaped. `value` is JSON text; `array`: the column is an array. */
MUST int db_put_copy_field(struct slice value, bool array, struct buf *out);
