/* parquet.h - staged JSON lines become Parquet files
 *
 * What this room is for: what parts.h asks of who stages: all the text of a part, and what stood there before, as one file of another
 *   format. The columns and their types are those of all parts together, so that the files of one output can be read as one table.
 * What must hold: all calls block: they are for off-loaded calls. */
#pragma once
#include "connectors/files/duckdb.h"
#include "connectors/files/parts.h"

struct parquet;
struct parquet_options {
	struct opt_list fields; /* const char *[]: columns that are there without rows, too */
	struct opt_map types;   /* const char *[]: SQL types by column; they are there as well */
	const char *codec;
	int64_t row_group;
	uint64_t memory_bytes;
};
struct parquet *parquet_new(const struct parquet_options *); /* borrows */
void parquet_free(struct parquet *);                         /* accepts NULL */
/* Do the rows fit the types? FAULT_BAD_VALUE with err.row. */
MUST int parquet_check(struct parquet *, const struct batch *, struct err *);
/* What columns are there? Before the first parquet_make. */
MUST int parquet_look(struct parquet *, struct parts *, struct err *);
/* parts.staged; stage is the struct parquet. */
MUST int parquet_make(struct parts *, struct part *, const char *to, struct err *);
