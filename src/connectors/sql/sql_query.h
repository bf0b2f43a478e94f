/* sql_query.h - the statements that are made of a query and its cursor columns
 *
 * What this room is for: nobody has to write WHERE and ORDER BY for `after`: the query stands in brackets, and they stand behind it.
 * What must hold: (1) values are parameters, names are quoted. (2) the query's own parameters come first; the cursor's follow. */
#pragma once
#include "connectors/sql/sql_source.h"

struct sql_query {
	const struct sql_options *o;
	const struct db_shape *shape; /* of the query by itself */
	enum db_kind kind;
	size_t args;
};
struct slice sql_query_text(const char *query); /* without blanks and semicolons behind it */
/* Index of a column of the shape; shape->column_count: there is none. */
size_t sql_query_column(const struct db_shape *, const char *name);

/* All of it, from `start` on; what lies behind the cursor. */
MUST int sql_query_put_first(const struct sql_query *, struct buf *out);
MUST int sql_query_put_onward(const struct sql_query *, struct buf *out);
/* A row that has no place in the order: a cursor column is NULL, or no time. */
MUST int sql_query_put_strays(const struct sql_query *, struct buf *out);
/* How many rows stand at the cursor, as column n: 0, 1, or 2 for more. */
MUST int sql_query_put_twins(const struct sql_query *, struct buf *out);
