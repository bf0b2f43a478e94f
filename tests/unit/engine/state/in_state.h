/* in_state.h - tests with a state file of their own, in a folder that is gone afterwards
 *
 *   TEST_IN_STATE(a_note_is_found) { CHECK_INT(state_put_notes(t->state, ...), 0); }
 *
 * reopen(t) closes the file and opens it again, as the next process would. */
#pragma once
#include "engine/state/state.h"
#include "rt/in_loop.h"
#include <sqlite3.h>

struct in_state {
	char folder[64], path[96];
	struct state *state;
	struct err err;
};

static inline void reopen(struct in_state *t)
{
	state_close(take(t->state));
	CHECK_INT(state_open(t->path, &t->state, &t->err), 0);
}

static inline void begin_run(struct in_state *t, const char *id, const char *kind)
{
	const struct state_start start = {
		.pipeline = "p", .kind = kind, .continues = "", .mark = S("{}")
	};
	CHECK_INT(state_begin(t->state, id, &start, &t->err), 0);
}

static inline void put_mark(struct in_state *t, const char *id, const char *mark)
{
	CHECK_INT(state_put_mark(t->state, id, slice_str(mark), NULL, 0, &t->err), 0);
}

/* The first column of a query's only row, asked beside the open state. */
static inline int64_t ask_int(const struct in_state *t, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	int64_t n = -1;
	if (sqlite3_open_v2(t->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static inline void in_state_open(struct in_state *t)
{
	static const char folder[] = "/tmp/hocket-state-XXXXXX";
	memcpy(t->folder, folder, sizeof folder);
	ASSERT(mkdtemp(t->folder));
	snprintf(t->path, sizeof t->path, "%s/p.db", t->folder);
	CHECK_INT(state_open(t->path, &t->state, &t->err), 0);
}

static inline void in_state_close(struct in_state *t)
{
	char command[128];
	state_close(take(t->state));
	if (t->err.fault != FAULT_NONE)
		printf("# %s\n", t->err.text);
	snprintf(command, sizeof command, "rm -rf '%s'", t->folder);
	CHECK_INT(system(command), 0);
}

#define TEST_IN_STATE(name)                           \
	static void name##_with_(struct in_state *t); \
	TEST_IN_LOOP(name)                            \
	{                                             \
		struct in_state t = { 0 };            \
		in_state_open(&t);                    \
		name##_with_(&t);                     \
		in_state_close(&t);                   \
	}                                             \
	static void name##_with_(struct in_state *t)
