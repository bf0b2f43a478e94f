/* duckdb.h - DuckDB's library, found at run time: text rows of ours in, SQL over them
 *
 * What this room is for: Parquet is written by those who write it best. The library is optional: HOCKET_DUCKDB names it, else
 *   libduckdb.so is looked for where the system looks.
 * What flows through:    rows as cells of text (or NULL), pulled by SQL as the table function hocket_rows(), columns c0, c1 ...
 * What must hold: (1) all calls but duckdb_find block: they are for off-loaded calls. (2) a session is in memory: DuckDB writes
 *   what COPY names and nothing else, installs nothing, loads nothing. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* Is it there? -1 with FAULT_CONFIG, which says how to get it. */
MUST int duckdb_find(struct err *);

struct duck;
MUST int duck_open(uint64_t memory_bytes, struct duck **ret, struct err *);
void duck_close(struct duck **); /* accepts NULL */

struct duck_rows {
	/* The next row: its cells, p NULL for NULL, good until the next call. 1; 0: no more; -1 with *err. */
	int (*next)(void *arg, const struct slice **ret_cells, struct err *);
	void *arg;
	size_t columns;
};
/* One statement; rows NULL: it asks for none. -1 with FAULT_CONFIG and DuckDB's words, or what next() raised. */
MUST int duck_run(struct duck *, const char *sql, const struct duck_rows *, struct err *);
