/* db_pg.h - one PostgreSQL connection, for the rooms that make it up
 *
 * What this room is for: db_pg.c (waiting and results), db_pg_connect.c, db_pg_statement.c (prepared statements), db_pg_type.c (types, rows as
 *   JSON), db_pg_bind.c (parameters), db_pg_run.c, db_pg_stream.c, db_pg_copy.c, db_pg_error.c share these words.
 * What must hold: (1) every wait goes through pg_wait. (2) who leaves a conversation before its end marks the connection broken by pg_abandon.
 *   (3) libpq buffers what is sent; pg_result sends it and waits. */
#pragma once
#include "base/json.h"
#include "io/db/db_.h"
#include "io/dns.h"
#include "io/db/pq.h"

enum { PG_STATEMENTS = 200, PG_NAME = 24 };

/* ---- types (db_pg_type.c) ---- */
enum pg_class {
	PG_TEXT,
	PG_NUMBER,
	PG_FLOAT,
	PG_BOOL,
	PG_JSON,
	PG_BYTES,
	PG_TIME,
	PG_TIME_TZ,
	PG_INTERVAL
};
struct pg_type {
	Oid oid;
	enum pg_class class; /* of the value, of an array's elements */
	bool array;
	char delimiter;
	char *name; /* owns; as format_type has it */
};
struct pg_types { /* what a pool knows beyond the built-in ones */
	struct pg_type *all;
	size_t n;
};
struct pg;
/* The type, or text's in place of what is not known. */
const struct pg_type *pg_type_of(const struct pg_types *, Oid);
/* Asks the server for those of the oids that are not known. Not in pipeline mode. */
MUST int pg_types_learn(struct pg *, const Oid *, size_t n, struct err *) SUSPENDS;
void pg_types_done(struct pg_types *);
/* A value in text format as JSON. */
MUST int pg_put_value(const struct pg_type *, struct slice text, struct buf *out);

/* ---- statements (db_pg_statement.c) ---- */
struct pg_statement {
	struct pg_statement *newer, *older;
	uint64_t hash;
	unsigned users;
	char name[PG_NAME]; /* "": the unnamed one */
	char *text;         /* owns, ends with NUL */
	size_t text_n;
	Oid *params, *columns; /* own */
	size_t param_count, column_count;
	struct buf keys; /* "name": of each column, one after the other */
	size_t *key_ends;
	int twice;      /* the column, from 1, whose name another one has as well; 0: none */
	uint64_t names; /* of the columns, hashed */
	bool stale;     /* it gives something else by now: not to be found any more */
};
struct pg_statements { /* the youngest first */
	struct pg_statement *newest, *oldest;
	size_t n;
	unsigned serial;
};
/* Gives statements for texts[0..n), prepared and described; each is given back by pg_statement_put. err.row: the text at fault. */
MUST int pg_statements_get(struct pg *, const struct slice *texts, size_t n,
			   struct pg_statement **ret, struct err *) SUSPENDS;
void pg_statements_put(struct pg_statement **, size_t n);
void pg_statements_done(struct pg_statements *);
/* Is this what the statement gave when it was described? An unnamed one is parsed anew each time, and its tables may have changed: if not, it
 * is not found again. */
MUST bool pg_statement_fits(struct pg_statement *, const PGresult *);
/* One row of the result as an object. */
MUST int pg_put_row(struct pg *, const struct pg_statement *, const PGresult *, int row,
		    struct buf *out);

/* ---- parameters (db_pg_bind.c) ---- */
struct pg_values {
	struct buf text;  /* the values, each ends with NUL */
	size_t *at;       /* owns; of each value in text; SIZE_MAX: NULL */
	const char **all; /* owns; made by pg_values_end */
	size_t n, room;
};
/* Adds the parameters of one call. */
MUST int pg_values_add(struct pg_values *, const struct pg *, const struct pg_statement *,
		       const struct db_call *, struct err *);
void pg_values_end(struct pg_values *);
void pg_values_done(struct pg_values *);

/* ---- a pool's own, and a connection ---- */
struct pg_pool {
	PQconninfoOption *info; /* owns; as libpq reads the URL */
	struct dns *dns;
	struct pg_types types;
	struct pg_statements shapes; /* no_prepare: what statements take and give, whoever asked */
};
struct pg {
	struct db db;
	PGconn *conn;
	struct pg_pool *shared;
	struct pg_statements own;
	bool tls;
	bool unread; /* the socket was read, and perhaps not to its end */
	bool asked,
		lasting; /* something was sent in this conversation; what that does may outlive the connection */
	bool streaming, copying, copy_lasts; /* copy_lasts: no transaction is open around it */
	bool swept;                          /* a statement of ours may be gone: prepare anew */
};
static inline struct pg *pg_of(const struct db *d)
{
	return container_of(d, struct pg, db);
}
static inline struct pg_pool *pg_pool_of(const struct db_pool *p)
{
	return p->own;
}
static inline bool pg_no_prepare(const struct pg *p)
{
	return p->db.pool->options.no_prepare;
}

/* ---- connecting (db_pg_connect.c) ---- */
int pg_pool_open(struct db_pool *, struct err *);
void pg_pool_done(struct db_pool *);
struct db *pg_connect(struct db_pool *, struct err *) SUSPENDS;

/* ---- waiting and results (db_pg.c) ---- */
/* A conversation begins: forgets what was known of the last one. lasting: what is sent may outlive the connection, so that its loss leaves a
 * doubt. Not so where nothing is changed, or a transaction is open and will stay so. */
void pg_begin(struct pg *, bool lasting);
/* Would this statement's work last if the connection were lost behind it? */
bool pg_lasts(const struct pg *, struct slice text);
/* For err.sent. */
static inline bool pg_in_doubt(const struct pg *p)
{
	return p->asked && p->lasting;
}
/* Takes what came, without waiting. false: the connection is lost. libpq drops silently what it cannot send. */
MUST bool pg_look(struct pg *);
/* Waits until everything is sent. */
MUST int pg_send_all(struct pg *, struct err *) SUSPENDS;
/* The next result as PQgetResult has it, NULL at the end of one query. -1: cancelled; the connection is broken then. */
MUST int pg_result(struct pg *, PGresult **ret, struct err *) SUSPENDS;
void pg_result_clear(PGresult **); /* AUTO */
/* Takes results until the query's end; the first failure stands in *err: -1. affected may be NULL. */
MUST int pg_finish(struct pg *, struct slice text, uint64_t *affected, struct err *) SUSPENDS;
/* After a failure: whatever else the query brings is dropped. */
void pg_skip(struct pg *) SUSPENDS;
/* In mid-conversation and nobody will wait for its end: the server is told, the connection is closed when given back. */
void pg_abandon(struct pg *);
uint64_t pg_affected(const PGresult *);
MUST int pg_pipeline_begin(struct pg *, struct err *);
void pg_pipeline_end(struct pg *);
int pg_exec(struct db *, struct slice text, struct err *) SUSPENDS;

/* ---- failures (db_pg_error.c) ---- */
/* A result that is an error, or the connection's last words (res NULL): all of *err but row and whole. Marks the connection broken if it is
 * lost. text: the statement, for the caret; empty: none. -1. */
int pg_fail(struct pg *, const PGresult *res, struct slice text, struct err *);
/* A connection that could not be made. -1 */
int pg_fail_connect(const struct db_pool *, PGconn *, struct err *);
/* "cached plan must not change result type", "prepared statement does not exist": what we prepared is out of date. */
bool pg_is_stale(const PGresult *);
/* The same where it cannot be prepared anew: the connection is given up, which undoes its transaction. -1: to be tried again. */
int pg_fail_stale(struct pg *, struct err *);

/* ---- the rest of the operations ---- */
int pg_run(struct db *, struct db_call *, size_t n, uint64_t max_bytes, struct err *) SUSPENDS;
int pg_describe(struct db *, struct slice text, struct db_shape *ret, struct err *) SUSPENDS;
int pg_stream_open(struct db *, struct slice text, const struct slice *params, size_t n,
		   struct db_stream **ret, struct err *) SUSPENDS;
int pg_stream_next(struct db_stream *, struct buf *out, struct err *) SUSPENDS;
void pg_stream_free(struct db_stream *);
int pg_copy_begin(struct db *, struct slice text, struct err *) SUSPENDS;
int pg_copy_put(struct db *, struct slice data, struct err *) SUSPENDS;
int pg_copy_end(struct db *, uint64_t *rows, struct err *) SUSPENDS;
void pg_copy_give_up(struct db *) SUSPENDS;
