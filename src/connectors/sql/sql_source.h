/* sql_source.h - a query as a source, for PostgreSQL and SQLite alike
 *
 * What this room is for: the words `query args after start lag` and what they promise.
 * Life cycle: sql_source_plan in plan(); sql_source_open asks the database what the query gives, before anything is touched; sql_source_run; sql_source_close.
 * What must hold:
 *  (1) with `after` (class R) a position is the cursor columns' values of its row; the query goes on behind them, wherever it is
 *      asked again. A row that has no place in that order, or shares it with another, ends the run with a sentence: none is passed over.
 *  (2) without (class J) the whole result is kept in the state before its first record is admitted (sql_spool.h). */
#pragma once
#include "engine/port.h"
#include "io/db.h"

struct sql_options {
	const char *query;
	struct opt_list args;  /* struct jq *[] */
	struct opt_list after; /* const char *[] */
	const char *start;
	int64_t lag_ns;
};
#define SQL_OPTIONS(T, member)                                                                     \
	OPT("query", T, member.query, OPT_STRING, const char *, .required = true,                  \
	    .doc = "one statement that gives rows; $1, $2 ... stand for `args`"),                  \
		OPT("args", T, member.args, OPT_LIST, struct opt_list, .of = OPT_JQ,               \
		    .at_plan = true, .doc = "values for $1, $2 ...: [$vars.since, 100]"),          \
		OPT("after", T, member.after, OPT_LIST, struct opt_list, .of = OPT_STRING,         \
		    .doc = "cursor columns, the last of them unique: [updated_at, id]. Rows come " \
			   "in their order, and a later run goes on behind the last one"),         \
		OPT("start", T, member.start, OPT_STRING, const char *,                            \
		    .doc = "the first run begins where the first cursor column is this or more"),  \
		OPT("lag", T, member.lag_ns, OPT_DURATION, int64_t, .tuning = true,                \
		    .doc = "rows whose first cursor column, a time, is younger wait for the next " \
			   "run: 5m. Longer than the longest transaction that writes them")

struct sql_source { /* of a site, zeroed before sql_source_open */
	struct db_pool *pool;
	struct buf args_text;
	struct slice *args; /* JSON texts in args_text; room for the cursor behind them */
	size_t arg_count;
	struct db_shape shape;                          /* of the query */
	struct buf query, first, onward, strays, twins; /* statements */
};
void sql_source_plan(const struct sql_options *, struct facts *, struct diag *);
/* Takes the pool, also when it fails. */
MUST int sql_source_open(struct sql_source *, const struct sql_options *, struct db_pool *takes,
			 struct err *) SUSPENDS;
void sql_source_close(struct sql_source *) SUSPENDS;
MUST int sql_source_run(struct sql_source *, const struct sql_options *, struct site *,
			struct intake *, struct err *) SUSPENDS;
