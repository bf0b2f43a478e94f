/* tidy.c - what only records on their way need goes when they have arrived
 *
 * What this room is for: notes, pages and the batch are there for a crash. Below the mark nobody asks for them again; they go in the
 *   commit that moves the mark, so that the file stays as small as what is on the way.
 * What flows through:    the mark, read for each split's low and base.
 * What must hold:
 *  (1) nothing of a record above the mark goes. (2) the page that the mark's position names stays, and every page after it, those
 *      without records, too: a resumed run reads the same pages in the same order. (3) a state that keeps nothing of the kind
 *      is not even looked at. */
#include "base/json.h"
#include "base/units.h"
#include "engine/state/sql.h"

static const char doing[] = "tidying";

int tidy_look(const struct sql_job *j)
{
	struct state *s = j->s;
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(j,
			"SELECT EXISTS(SELECT 1 FROM note), EXISTS(SELECT 1 FROM inbox),"
			" EXISTS(SELECT 1 FROM batch), EXISTS(SELECT 1 FROM held)",
			&q) < 0 ||
	    sql_step_row(j, q, doing) < 0)
		return -1;
	s->has_notes = sqlite3_column_int(q, 0) != 0;
	s->has_pages = sqlite3_column_int(q, 1) != 0;
	s->has_batch = sqlite3_column_int(q, 2) != 0;
	s->has_held = sqlite3_column_int(q, 3) != 0;
	return 0;
}

/* ---- below a mark ---- */
struct below { /* of one split, as the mark says */
	struct buf name, base;
	int64_t low;
};

static void below_done(struct below *b)
{
	buf_done(&b->name);
	buf_done(&b->base);
}

static int read_below(const struct sql_job *j, struct slice split, struct below *ret)
{
	struct slice name, base, low;
	bool good = json_field(split, S("name"), &name) && json_field(split, S("base"), &base) &&
		    json_field(split, S("low"), &low) && json_unquote(name, &ret->name) == 0 &&
		    json_unquote(base, &ret->base) == 0 && units_int(low, &ret->low) == 0;
	return good ? 0
		    : fail(j->err, FAULT_BROKEN, "the checkpoint makes no sense: %.*s",
			   SLICE(slice_head(split, 200)));
}

/* Windows all of whose records are below: the members first, because the windows tell which. */
static const char *const held_below[] = {
	"DELETE FROM held WHERE run = ?1 AND fold = ?2 AND first IN (SELECT number FROM held_window"
	" WHERE run = ?1 AND fold = ?2 AND first < ?3 AND first + gives <= ?3)",
	"DELETE FROM held_window WHERE run = ?1 AND fold = ?2 AND first < ?3 AND first + gives <= "
	"?3",
};

static int drop_held_below(const struct sql_job *j, const char *run_id, const struct below *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(held_below) && j->s->has_held; i++) {
		AUTO(sql_finalize) sqlite3_stmt *q = NULL;
		if (sql_prepare(j, held_below[i], &q) < 0)
			return -1;
		sql_bind_str(q, 1, run_id);
		sql_bind_text(q, 2, buf_slice(&b->name));
		sqlite3_bind_int64(q, 3, b->low);
		if (sql_step_done(j, q, doing) < 0)
			return -1;
	}
	return 0;
}

static int drop_below(const struct sql_job *j, sqlite3_stmt *q, const char *run_id,
		      const struct below *b)
{
	if (!q)
		return 0;
	sql_bind_str(q, 1, run_id);
	sql_bind_text(q, 2, buf_slice(&b->name));
	sqlite3_bind_int64(q, 3, b->low);
	sql_bind_text(q, 4, buf_slice(&b->base));
	return sql_step_done(j, q, doing);
}

static int tidy_splits(const struct sql_job *j, const char *run_id, struct slice mark)
{
	AUTO(sql_finalize) sqlite3_stmt *notes = NULL;
	AUTO(sql_finalize) sqlite3_stmt *pages = NULL;
	struct slice splits, key, split;
	int r = 0;
	if (!json_field(mark, S("splits"), &splits))
		return 0;
	if (j->s->has_notes)
		r = sql_prepare(j, "DELETE FROM note WHERE run = ? AND split = ? AND ordinal < ?",
				&notes);
	if (r == 0 && j->s->has_pages)
		r = sql_prepare(j,
				"DELETE FROM inbox WHERE run = ?1 AND split = ?2 AND until <= ?3"
				" AND rowid < (SELECT rowid FROM inbox"
				" WHERE run = ?1 AND split = ?2 AND base = ?4)",
				&pages);
	struct json_iter it = json_iter(splits);
	while (r == 0 && json_next(&it, &key, &split)) {
		AUTO(below_done) struct below b = { 0 };
		r = read_below(j, split, &b);
		if (r == 0)
			r = drop_below(j, notes, run_id, &b);
		if (r == 0)
			r = drop_below(j, pages, run_id, &b);
		if (r == 0)
			r = drop_held_below(j, run_id, &b);
	}
	return r;
}

/* A run's rows of a table; one parameter. */
static int drop_of(const struct sql_job *j, const char *sql, const char *name)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (sql_prepare(j, sql, &q) < 0)
		return -1;
	sql_bind_str(q, 1, name);
	return sql_step_done(j, q, doing);
}

int tidy_batch(const struct sql_job *j, const char *run_id)
{
	return drop_of(j, "DELETE FROM batch_row WHERE run = ?", run_id) < 0
		       ? -1
		       : drop_of(j, "DELETE FROM batch WHERE run = ?", run_id);
}

int tidy_below(const struct sql_job *j, const char *run_id, struct slice mark)
{
	const struct state *s = j->s;
	if (!s->has_notes && !s->has_pages && !s->has_batch && !s->has_held)
		return 0;
	if ((s->has_notes || s->has_pages || s->has_held) && tidy_splits(j, run_id, mark) < 0)
		return -1;
	if (s->has_batch && tidy_batch(j, run_id) < 0)
		return -1;
	return tidy_look(j);
}

/* ---- whole runs ---- */
int tidy_run(const struct sql_job *j, const char *run_id)
{
	const struct state *s = j->s;
	if (s->has_notes && drop_of(j, "DELETE FROM note WHERE run = ?", run_id) < 0)
		return -1;
	if (s->has_pages && drop_of(j, "DELETE FROM inbox WHERE run = ?", run_id) < 0)
		return -1;
	if (s->has_held && (drop_of(j, "DELETE FROM held WHERE run = ?", run_id) < 0 ||
			    drop_of(j, "DELETE FROM held_window WHERE run = ?", run_id) < 0))
		return -1;
	return s->has_batch ? tidy_batch(j, run_id) : 0;
}

int tidy_take_over(const struct sql_job *j, const char *run_id, const char *of)
{
	static const char *const all[] = { "UPDATE note SET run = ? WHERE run = ?",
					   "UPDATE inbox SET run = ? WHERE run = ?",
					   "UPDATE held SET run = ? WHERE run = ?",
					   "UPDATE held_window SET run = ? WHERE run = ?" };
	if (!j->s->has_notes && !j->s->has_pages && !j->s->has_held)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(sql_finalize) sqlite3_stmt *q = NULL;
		if (sql_prepare(j, all[i], &q) < 0)
			return -1;
		sql_bind_str(q, 1, run_id);
		sql_bind_str(q, 2, of);
		if (sql_step_done(j, q, doing) < 0)
			return -1;
	}
	return 0;
}

int tidy_adopt(const struct sql_job *j, const char *run_id, const char *of)
{
	/* Children were made by steps that may be others now; requests are compared when their answers are wanted. */
	static const char *const all[] = {
		"DELETE FROM note WHERE kind = 'children' AND run = ?",
		"UPDATE note SET about = '{\"adopted\":true,' || substr(about, 2) WHERE run = ?",
	};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (j->s->has_notes && drop_of(j, all[i], of) < 0)
			return -1;
	return tidy_take_over(j, run_id, of);
}

int tidy_inherit(const struct sql_job *j, const char *run_id, const char *of, struct slice split)
{
	AUTO(sql_finalize) sqlite3_stmt *q = NULL;
	if (!j->s->has_pages)
		return 0;
	if (sql_prepare(j, "UPDATE inbox SET run = ? WHERE run = ? AND split = ?", &q) < 0)
		return -1;
	sql_bind_str(q, 1, run_id);
	sql_bind_str(q, 2, of);
	sql_bind_text(q, 3, split);
	return sql_step_done(j, q, doing);
}

#define OTHERS \
	" WHERE run IN (SELECT id FROM run WHERE pipeline = ?1 AND kind = 'run' AND id <> ?2)"

int tidy_others(const struct sql_job *j, const char *run_id, const char *pipeline)
{
	static const char *const all[] = {
		"DELETE FROM note" OTHERS,  "DELETE FROM inbox" OTHERS,
		"DELETE FROM batch" OTHERS, "DELETE FROM batch_row" OTHERS,
		"DELETE FROM held" OTHERS,  "DELETE FROM held_window" OTHERS,
	};
	const struct state *s = j->s;
	if (!s->has_notes && !s->has_pages && !s->has_batch && !s->has_held)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(sql_finalize) sqlite3_stmt *q = NULL;
		if (sql_prepare(j, all[i], &q) < 0)
			return -1;
		sql_bind_str(q, 1, pipeline);
		sql_bind_str(q, 2, run_id);
		if (sql_step_done(j, q, doing) < 0)
			return -1;
	}
	return tidy_look(j);
}
