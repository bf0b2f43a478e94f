/* duckdb.c - DuckDB's C interface behind a few words
 *
 * What this room is for: see duckdb.h.
 * What flows through:    statements; rows through a table function that DuckDB pulls chunk by chunk.
 * What must hold:
 *  (1) the types below are those of DuckDB's C interface (duckdb.h of its 1.x), which is kept stable; a library that lacks one of
 *      the calls is not used at all.
 *  (2) the rows are pulled by one thread at a time and in order: the function says that it is not parallel. */
#include "connectors/files/duckdb.h"
#include "base/banned.h"
#include "base/buf.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t idx;
struct result { /* duckdb_result: opaque to us, with room to spare */
	void *words[12];
};
#define TYPE_VARCHAR 17

/* name, result, arguments */
#define CALLS(CALL)                                                                    \
	CALL(create_config, int, (void **))                                            \
	CALL(set_config, int, (void *, const char *, const char *))                    \
	CALL(destroy_config, void, (void **))                                          \
	CALL(open_ext, int, (const char *, void **, void *, char **))                  \
	CALL(close, void, (void **))                                                   \
	CALL(connect, int, (void *, void **))                                          \
	CALL(disconnect, void, (void **))                                              \
	CALL(query, int, (void *, const char *, struct result *))                      \
	CALL(result_error, const char *, (struct result *))                            \
	CALL(destroy_result, void, (struct result *))                                  \
	CALL(free, void, (void *))                                                     \
	CALL(create_logical_type, void *, (int))                                       \
	CALL(destroy_logical_type, void, (void **))                                    \
	CALL(create_table_function, void *, (void))                                    \
	CALL(destroy_table_function, void, (void **))                                  \
	CALL(table_function_set_name, void, (void *, const char *))                    \
	CALL(table_function_set_extra_info, void, (void *, void *, void (*)(void *)))  \
	CALL(table_function_set_bind, void, (void *, void (*)(void *)))                \
	CALL(table_function_set_init, void, (void *, void (*)(void *)))                \
	CALL(table_function_set_function, void, (void *, void (*)(void *, void *)))    \
	CALL(register_table_function, int, (void *, void *))                           \
	CALL(bind_get_extra_info, void *, (void *))                                    \
	CALL(bind_add_result_column, void, (void *, const char *, void *))             \
	CALL(init_set_max_threads, void, (void *, idx))                                \
	CALL(function_get_extra_info, void *, (void *))                                \
	CALL(function_set_error, void, (void *, const char *))                         \
	CALL(data_chunk_get_vector, void *, (void *, idx))                             \
	CALL(data_chunk_set_size, void, (void *, idx))                                 \
	CALL(vector_size, idx, (void))                                                 \
	CALL(vector_assign_string_element_len, void, (void *, idx, const char *, idx)) \
	CALL(vector_ensure_validity_writable, void, (void *))                          \
	CALL(vector_get_validity, uint64_t *, (void *))                                \
	CALL(validity_set_row_invalid, void, (uint64_t *, idx))

static struct {
#define CALL(name, returns, arguments) returns(*duckdb_##name) arguments;
	CALLS(CALL)
#undef CALL
} db;

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define CALL(name, returns, arguments) { "duckdb_" #name, offsetof(__typeof__(db), duckdb_##name) },
	CALLS(CALL)
#undef CALL
};

/* ---- finding it ------------------------------------------------------------------------------ */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char missing[300]; /* "": all is there */

static void find_calls(void)
{
	const char *path = getenv("HOCKET_DUCKDB");
	bool named = path && path[0];
	void *library = dlopen(named ? path : "libduckdb.so", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		snprintf(missing, sizeof(missing), "'%.200s' cannot be loaded",
			 named ? path : "libduckdb.so");
	for (size_t i = 0; library && i < ARRAY_SIZE(calls); i++) {
		void *found = dlsym(library, calls[i].name);
		if (!found)
			snprintf(missing, sizeof(missing), "'%.200s' has no %s: it is too old",
				 named ? path : "libduckdb.so", calls[i].name);
		memcpy((char *)&db + calls[i].at, &found, sizeof(found));
	}
}

int duckdb_find(struct err *err)
{
	int r = pthread_once(&once, find_calls);
	ASSERT(r == 0);
	if (!missing[0])
		return 0;
	return fail(err, FAULT_CONFIG,
		    "Parquet needs DuckDB's library, and %s: unpack libduckdb.so from "
		    "libduckdb-linux-amd64.zip (or -arm64) of DuckDB's releases, and set "
		    "HOCKET_DUCKDB=/path/to/libduckdb.so",
		    missing);
}

/* ---- sessions -------------------------------------------------------------------------------- */

struct duck {
	void *database, *connection;
	bool has_function;
	const struct duck_rows *rows; /* of the statement that runs */
	bool ended;
	struct err err; /* what next() raised */
};

static int configure(void *config, uint64_t memory_bytes)
{
	char memory[32];
	snprintf(memory, sizeof(memory), "%" PRIu64 "MiB", memory_bytes >> 20);
	const char *const settings[][2] = {
		{ "memory_limit", memory },
		{ "temp_directory", "" },
		{ "autoinstall_known_extensions", "false" },
		{ "autoload_known_extensions", "false" },
		{ "preserve_insertion_order", "true" },
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(settings) && r == 0; i++)
		r = db.duckdb_set_config(config, settings[i][0], settings[i][1]);
	return r;
}

int duck_open(uint64_t memory_bytes, struct duck **ret, struct err *err)
{
	void *config = NULL;
	char *why = NULL;
	if (duckdb_find(err) < 0)
		return -1;
	struct duck *d = xcalloc(1, sizeof(*d));
	int r = db.duckdb_create_config(&config);
	r = r ? r : configure(config, memory_bytes);
	r = r ? r : db.duckdb_open_ext(NULL, &d->database, config, &why);
	r = r ? r : db.duckdb_connect(d->database, &d->connection);
	db.duckdb_destroy_config(&config);
	if (r)
		fail(err, FAULT_IO, "DuckDB does not start: %s", why ? why : "no reason given");
	if (why)
		db.duckdb_free(why);
	if (r)
		duck_close(&d);
	*ret = d;
	return r ? -1 : 0;
}

void duck_close(struct duck **dp)
{
	struct duck *d = take(*dp);
	if (!d)
		return;
	if (d->connection)
		db.duckdb_disconnect(&d->connection);
	if (d->database)
		db.duckdb_close(&d->database);
	free(d);
}

/* ---- the table function ---------------------------------------------------------------------- */

static void bind_rows(void *info)
{
	const struct duck *d = db.duckdb_bind_get_extra_info(info);
	void *text = db.duckdb_create_logical_type(TYPE_VARCHAR);
	char name[24];
	for (size_t i = 0; d->rows && i < d->rows->columns; i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		db.duckdb_bind_add_result_column(info, name, text);
	}
	db.duckdb_destroy_logical_type(&text);
}

static void begin_rows(void *info)
{
	db.duckdb_init_set_max_threads(info, 1);
}

static void put_row(void *chunk, size_t columns, const struct slice *cells, idx at)
{
	for (size_t i = 0; i < columns; i++) {
		void *vector = db.duckdb_data_chunk_get_vector(chunk, i);
		if (cells[i].p) {
			db.duckdb_vector_assign_string_element_len(vector, at, cells[i].p,
								   cells[i].n);
			continue;
		}
		db.duckdb_vector_ensure_validity_writable(vector);
		db.duckdb_validity_set_row_invalid(db.duckdb_vector_get_validity(vector), at);
	}
}

static void give_rows(void *info, void *chunk)
{
	struct duck *d = db.duckdb_function_get_extra_info(info);
	const struct slice *cells;
	idx n = 0, most = db.duckdb_vector_size();
	int r = 1;
	while (n < most && !d->ended && (r = d->rows->next(d->rows->arg, &cells, &d->err)) > 0)
		put_row(chunk, d->rows->columns, cells, n++);
	d->ended |= r <= 0;
	if (r < 0)
		db.duckdb_function_set_error(info, d->err.text);
	db.duckdb_data_chunk_set_size(chunk, n);
}

static int add_function(struct duck *d, struct err *err)
{
	if (d->has_function)
		return 0;
	void *function = db.duckdb_create_table_function();
	db.duckdb_table_function_set_name(function, "hocket_rows");
	db.duckdb_table_function_set_extra_info(function, d, NULL);
	db.duckdb_table_function_set_bind(function, bind_rows);
	db.duckdb_table_function_set_init(function, begin_rows);
	db.duckdb_table_function_set_function(function, give_rows);
	int r = db.duckdb_register_table_function(d->connection, function);
	db.duckdb_destroy_table_function(&function);
	d->has_function = r == 0;
	return r ? fail(err, FAULT_IO, "DuckDB takes no table function") : 0;
}

int duck_run(struct duck *d, const char *sql, const struct duck_rows *rows, struct err *err)
{
	struct result result = { 0 };
	if (rows && add_function(d, err) < 0)
		return -1;
	d->rows = rows;
	d->ended = false;
	d->err = (struct err){ 0 };
	int r = db.duckdb_query(d->connection, sql, &result);
	const char *why = r ? db.duckdb_result_error(&result) : NULL;
	if (d->err.fault && err)
		*err = d->err;
	else if (r)
		fail(err, FAULT_CONFIG, "%s", why ? why : "DuckDB gives no reason");
	db.duckdb_destroy_result(&result);
	d->rows = NULL;
	return r ? -1 : 0;
}
