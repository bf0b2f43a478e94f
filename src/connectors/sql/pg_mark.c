/* pg_mark.c - reading, locking and moving the checkpoint row
 *
 * What this room is for: see pg_mark.h.
 * What flows through:    the engine's marks, as text.
 * What must hold:
 *  (1) a missing right is told with the ways out of it. (2) two that make the tables at once wait for each other: CREATE ... IF NOT EXISTS
 *      alone would fail one of them. */
#include "connectors/sql/pg_mark.h"
#include "base/banned.h"
#include "base/json.h"

#define ROW_MAX (320u << 20)

static const char here[] = "SELECT to_regclass('hocket_mark') IS NOT NULL AS mark,"
			   " to_regclass('hocket_made') IS NOT NULL AS made,"
			   " has_table_privilege(to_regclass('hocket_mark')::oid, 'SELECT') AND"
			   " has_table_privilege(to_regclass('hocket_mark')::oid, 'INSERT') AND"
			   " has_table_privilege(to_regclass('hocket_mark')::oid, 'UPDATE') AND"
			   " has_table_privilege(to_regclass('hocket_made')::oid, 'SELECT') AS may";
/* The number is "hocket" in letters' places; it only has to be nobody else's. */
static const char tables[] =
	"BEGIN; SELECT pg_advisory_xact_lock(815311052020);"
	"CREATE TABLE IF NOT EXISTS hocket_mark(pipeline text, place text, mark text NOT NULL,"
	" PRIMARY KEY (pipeline, place));"
	"CREATE TABLE IF NOT EXISTS hocket_made(name text PRIMARY KEY); COMMIT";

void pg_mark_done(struct pg_mark *m)
{
	buf_done(&m->known);
}

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

static bool is_true(struct slice row, struct slice field)
{
	struct slice value;
	return json_field(row, field, &value) && json_type(value) == JSON_TRUE;
}

/* One row, as JSON, into ret; empty: there is none. */
static int ask(struct db *db, struct db_call *call, struct buf *ret, struct err *err) SUSPENDS
{
	struct slice row = { NULL, 0 };
	int r = db_run(db, call, 1, ROW_MAX, err);
	ret->max = ROW_MAX;
	if (r == 0 && json_index(buf_slice(&call->rows), 0, &row) && buf_add(ret, row) < 0)
		r = fail_memory(err);
	buf_done(&call->rows);
	return r;
}

/* Rights are the only thing that is missing. */
static int explain(struct err *err)
{
	bool rights = err && err->fault == FAULT_SQL &&
		      (strncmp(err->state, "42501", 5) == 0 || strncmp(err->state, "3F", 2) == 0 ||
		       strcmp(err->state, "25006") == 0);
	if (!rights)
		return -1;
	AUTO(buf_done) struct buf said = { .max = 200 };
	if (buf_printf(&said, "%.*s", (int)strcspn(err->text, "\n"), err->text) < 0)
		buf_clear(&said);
	return fail(err, FAULT_CONFIG,
		    "the checkpoint's tables hocket_mark and hocket_made cannot be made (SQLSTATE "
		    "%s, %.*s): "
		    "GRANT CREATE ON SCHEMA ... TO the user, or keep the checkpoint beside the "
		    "pipeline with `checkpoint: state`",
		    err->state, SLICE(buf_slice(&said)));
}

static int refuse_rights(struct err *err)
{
	return fail(
		err, FAULT_CONFIG,
		"the checkpoint's tables hocket_mark and hocket_made belong to another user: GRANT "
		"SELECT, INSERT, UPDATE ON hocket_mark, hocket_made TO this one, or keep the "
		"checkpoint beside the pipeline with `checkpoint: state`");
}

int pg_mark_open(struct pg_mark *m, struct db *db, struct err *err)
{
	AUTO(buf_done) struct buf row = { 0 };
	struct db_call call = { .text = S(here) };
	if (ask(db, &call, &row, err) < 0)
		return -1;
	m->made = true;
	if (is_true(buf_slice(&row), S("mark")) && is_true(buf_slice(&row), S("made")))
		return is_true(buf_slice(&row), S("may")) ? 0 : refuse_rights(err);
	if (db_exec(db, S(tables), err) == 0)
		return 0;
	if (db_exec(db, S("ROLLBACK"), NULL) < 0)
		return explain(err); /* what it failed of is told already: db_give closes it */
	return explain(err);
}

/* The row's name, as parameters 1 and 2. */
struct name {
	struct buf pipeline, place;
	struct slice params[3];
};

static void name_done(struct name *n)
{
	buf_done(&n->pipeline);
	buf_done(&n->place);
}

static int name_make(const struct pg_mark *m, const char *pipeline, struct name *n, struct err *err)
{
	if (json_quote(slice_str(pipeline), &n->pipeline) < 0 ||
	    json_quote(slice_str(m->place), &n->place) < 0)
		return fail_memory(err);
	n->params[0] = buf_slice(&n->pipeline);
	n->params[1] = buf_slice(&n->place);
	return 0;
}

/* The mark under its row's lock. A commit that is acknowledged before it is on disk is none: synchronous_commit is not off. */
static int lock(const struct pg_mark *m, struct db *db, const char *pipeline, struct buf *ret,
		bool *found, struct err *err) SUSPENDS
{
	static const char text[] =
		"SELECT mark, set_config('synchronous_commit', CASE "
		"current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE "
		"current_setting('synchronous_commit') END, true) AS sync FROM hocket_mark WHERE "
		"pipeline = $1 AND place = $2 FOR UPDATE";
	AUTO(name_done) struct name name = { 0 };
	AUTO(buf_done) struct buf row = { 0 };
	struct slice mark;
	if (name_make(m, pipeline, &name, err) < 0)
		return -1;
	struct db_call call = { .text = S(text), .params = name.params, .n = 2 };
	if (ask(db, &call, &row, err) < 0)
		return err_wrap(err, "table 'hocket_mark'");
	*found = json_field(buf_slice(&row), S("mark"), &mark);
	ret->max = ROW_MAX;
	return *found && json_unquote(mark, ret) < 0 ? fail_memory(err) : 0;
}

static int make_row(const struct pg_mark *m, struct db *db, const char *pipeline,
		    struct err *err) SUSPENDS
{
	AUTO(name_done) struct name name = { 0 };
	if (name_make(m, pipeline, &name, err) < 0)
		return -1;
	struct db_call call = { .text = S("INSERT INTO hocket_mark(pipeline, place, mark) VALUES "
					  "($1, $2, '') ON CONFLICT DO NOTHING"),
				.params = name.params,
				.n = 2 };
	int r = db_run(db, &call, 1, ROW_MAX, err);
	buf_done(&call.rows);
	return r < 0 ? err_wrap(err, "table 'hocket_mark'") : 0;
}

int pg_mark_read(struct pg_mark *m, struct db *db, const char *pipeline, struct err *err)
{
	bool found;
	buf_clear(&m->known);
	return make_row(m, db, pipeline, err) < 0 ? -1
						  : lock(m, db, pipeline, &m->known, &found, err);
}

int pg_mark_lock(struct pg_mark *m, struct db *db, const char *pipeline, struct slice next,
		 struct err *err)
{
	AUTO(buf_done) struct buf there = { 0 };
	bool found;
	if (lock(m, db, pipeline, &there, &found, err) < 0)
		return -1;
	if (found && slice_eq(buf_slice(&there), buf_slice(&m->known)))
		return 0;
	if (found && slice_eq(buf_slice(&there), next))
		return 1;
	return fail(
		err, FAULT_CONFIG,
		"somebody else has %s this pipeline's row '%s' in hocket_mark, another run of a "
		"pipeline named '%s' perhaps: nothing was written",
		found ? "changed" : "deleted", m->place, pipeline);
}

int pg_mark_put(struct pg_mark *m, struct db *db, const char *pipeline, struct slice next,
		struct err *err)
{
	AUTO(name_done) struct name name = { 0 };
	AUTO(buf_done) struct buf mark = { .max = ROW_MAX };
	if (name_make(m, pipeline, &name, err) < 0)
		return -1;
	if (json_quote(next, &mark) < 0)
		return fail_memory(err);
	name.params[2] = buf_slice(&mark);
	struct db_call call = {
		.text = S("UPDATE hocket_mark SET mark = $3 WHERE pipeline = $1 AND place = $2"),
		.params = name.params,
		.n = 3
	};
	int r = db_run(db, &call, 1, ROW_MAX, err);
	buf_done(&call.rows);
	if (r < 0 && err)
		err->whole = false; /* no record can be blamed for it */
	return r < 0 ? err_wrap(err, "table 'hocket_mark'") : 0;
}

int pg_mark_committed(struct pg_mark *m, struct slice next, struct err *err)
{
	buf_clear(&m->known);
	m->known.max = ROW_MAX;
	return buf_add(&m->known, next) < 0 ? fail_memory(err) : 0;
}
