/* db_.h - what a pool and the two databases behind it share
 *
 * What this room is for: the line between db.c, which knows turns, time and names, and db_pg*.c / db_sqlite*.c, which know one database.
 * What must hold: (1) a struct db is lent to one task at a time. (2) `broken` is never taken back. (3) the operations are called with a
 *   connection of their own kind that is not broken; only hang_up takes any. */
#pragma once
#include "io/db.h"
#include <hocket/sync.h>

struct db_ops {
	/* What can be known without asking the world: library, form of the URL. *own: what the kind keeps for a pool. */
	int (*pool_begin)(struct db_pool *, struct err *);
	void (*pool_end)(struct db_pool *);
	struct db *(*connect)(struct db_pool *, struct err *)SUSPENDS; /* NULL: *err */
	void (*hang_up)(struct db *);                                  /* frees it; never waits */
	bool (*is_idle)(const struct db *);  /* nothing open, nothing unanswered */
	bool (*is_quiet)(const struct db *); /* an idle one: still there, as far as can be seen */
	int (*run)(struct db *, struct db_call *, size_t n, uint64_t max_bytes,
		   struct err *) SUSPENDS;
	int (*exec)(struct db *, struct slice text, struct err *) SUSPENDS;
	int (*ask_shape)(struct db *, struct slice text, struct db_shape *ret,
			 struct err *) SUSPENDS;
	int (*stream_open)(struct db *, struct slice text, const struct slice *params, size_t n,
			   struct db_stream **ret, struct err *) SUSPENDS;
	int (*stream_next)(struct db_stream *, struct buf *out, struct err *) SUSPENDS;
	void (*stream_free)(struct db_stream *);
	/* PostgreSQL only; NULL: there is no such thing */
	int (*copy_begin)(struct db *, struct slice text, struct err *) SUSPENDS;
	int (*copy_put)(struct db *, struct slice data, struct err *) SUSPENDS;
	int (*copy_end)(struct db *, uint64_t *rows, struct err *) SUSPENDS;
	void (*copy_give_up)(struct db *) SUSPENDS;
};

struct db {
	const struct db_ops *ops;
	struct db_pool *pool;
	struct db *next; /* of the idle ones: the one that was given back before it */
	int64_t idle_since_ns;
	bool broken, lent;
};

struct db_stream {
	struct db *db;
};

struct db_pool {
	const struct db_ops *ops;
	enum db_kind kind;
	struct db_pool_options options; /* without zeros, but for take_ns */
	char *url;                      /* owns; with the password: never into messages */
	char *door;                     /* owns; for messages */
	struct hk_sem free;             /* connections that nobody holds, open or not */
	struct db *idle;                /* the youngest first */
	unsigned lent;
	void *own; /* the kind's */
};

extern const struct db_ops db_postgres, db_sqlite;
MUST int db_postgres_is_available(struct err *);
