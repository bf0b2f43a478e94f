/* step_sql.c - one statement for each record, many of them in one round trip
 *
 * What this room is for: look something up for each record, or write something down, in PostgreSQL or SQLite. Who meets in a call, how often
 *   it is tried, what becomes of the rows: the engine. How a statement is spoken: io/db.
 * What flows through:    the values of `args` as JSON text, bound, never part of the statement; rows as a JSON array.
 * What must hold:
 *  (1) the statement is described by the database before any record is read: what is wrong with it, is told then.
 *  (2) a statement taken for a reader can only read, where the database can be told so: asking twice is then harmless indeed.
 *  (3) one call is one transaction: all of it or nothing, so that a record that is refused has cost the others nothing. */
#include "base/banned.h"
#include "base/json.h"
#include "connectors/sql/sql_text.h"
#include "engine/port.h"
#include "io/db.h"
#include "io/digest.h"
#include "io/http.h"

struct sql_step {
	const char *text;
	struct tpl *db;
	struct opt_list args; /* struct jq *[] */
	bool idempotent, writes, pooler;
	/* set by plan */
	bool changes;
	char door[288], shown[120];
};
struct sql_shared {
	struct db_pool *pool;
	char *door; /* owns: the lane; NULL: a file */
};
struct request {
	const struct slice *params;
};

static const struct opt options[] = {
	OPT("sql", struct sql_step, text, OPT_STRING, const char *, .verb = true, .required = true,
	    .doc = "one statement; $1, $2 ... stand for the values of `args`"),
	OPT("db", struct sql_step, db, OPT_TEMPLATE, struct tpl *, .required = true, .secret = true,
	    .at_plan = true,
	    .doc = "the database: postgres://user@host/name, often $secret.PG_URL, or the path of "
		   "a SQLite file"),
	OPT("args", struct sql_step, args, OPT_LIST, struct opt_list, .of = OPT_JQ,
	    .doc = "values for $1, $2 ...: [.id, .tags]; a list fits an array, anything fits json"),
	OPT("idempotent", struct sql_step, idempotent, OPT_BOOL, bool,
	    .doc = "the statement writes, and running it twice for a record changes nothing more "
		   "(an upsert, a DELETE): it is tried again also when its outcome is unknown"),
	OPT("writes", struct sql_step, writes, OPT_BOOL, bool,
	    .doc = "the statement writes although it looks like a query: SELECT charge($1)"),
	OPT("pooler", struct sql_step, pooler, OPT_BOOL, bool, .tuning = true,
	    .doc = "a pooler that lends connections by the transaction stands between (pgbouncer): "
		   "nothing outlives a transaction"),
	OPT_END,
};

/* ---- the file ------------------------------------------------------------------------------------ */
static struct slice text_of(const struct sql_step *o)
{
	return sql_text_trim(slice_str(o->text));
}

static void check_text(const struct sql_step *o, const struct sql_text *t, struct diag *diag)
{
	bool sqlite = !tpl_constant(o->db) || db_kind_of(tpl_head(o->db)) == DB_SQLITE;
	if (text_of(o).n == 0)
		diag_error(diag, NULL, "there is no statement");
	else if (t->templated)
		diag_error(diag, NULL,
			   "values are never made part of a statement: write $1 where \\( stands, "
			   "and the value under `args`");
	else if (t->second)
		diag_error(diag, NULL,
			   "two statements: a step has one, the other is a step of its "
			   "own");
	else if (t->params != o->args.n && !(sqlite && memchr(o->text, '?', strlen(o->text))))
		diag_error(diag, o->args.n ? "args" : NULL,
			   "the statement takes %u value%s, and `args` has %zu", t->params,
			   t->params == 1 ? "" : "s", o->args.n);
}

static void show_door(struct sql_step *o, struct facts *facts)
{
	AUTO(buf_done) struct buf door = { .max = sizeof(o->door) - 1 };
	o->door[0] = 0;
	if (tpl_constant(o->db) && tpl_head(o->db).n && db_put_door(tpl_head(o->db), &door) == 0 &&
	    door.n)
		memcpy(o->door, door.p, door.n + 1);
	facts->door = slice_str(o->door);
}

static int sql_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct sql_step *o = of;
	AUTO(buf_done) struct buf shown = { .max = sizeof(o->shown) - 1 };
	struct sql_text t;
	sql_text_read(text_of(o), &t);
	check_text(o, &t, diag);
	o->changes = t.writes || o->writes || o->idempotent;
	o->shown[0] = 0;
	if (sql_text_put_shown(text_of(o), sizeof(o->shown) - 8, &shown) == 0 && shown.n)
		memcpy(o->shown, shown.p, shown.n + 1);
	show_door(o, facts);
	facts->effect = o->changes ? EFFECT_WRITES : EFFECT_READS;
	facts->guarantee = o->idempotent ? IDEMPOTENT : APPEND_ONLY;
	facts->keyless = true;
	facts->concurrency = 4;
	return 0;
}

/* ---- the door -------------------------------------------------------------------------------------- */
/* A file counts from the pipeline's folder. */
static int put_url(const struct sql_step *o, struct site *site, struct buf *out,
		   struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf url = { .max = 8192 };
	const struct env env = { .record = S("null") };
	if (tpl_text(o->db, &env, &url, err) < 0)
		return -1;
	struct slice path = slice_trim(buf_slice(&url));
	if (!path.n)
		return fail(err, FAULT_CONFIG, "`db` is empty: which database?");
	if (db_kind_of(path) == DB_SQLITE && slice_starts(path, S("sqlite:")))
		path = slice_from(path, 7);
	else if (db_kind_of(path) == DB_POSTGRES)
		return buf_add(out, path) < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
	int r = path.p[0] == '/'
			? buf_printf(out, "sqlite:%.*s", SLICE(path))
			: buf_printf(out, "sqlite:%s/%.*s", site_folder(site), SLICE(path));
	return r < 0 ? fail(err, FAULT_CONFIG, "the file's name is too long") : 0;
}

/* A writer of a SQLite file has it alone, so that its own calls never find it busy. */
static int open_pool(const struct sql_step *o, struct site *site, struct sql_shared *shared,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf url = { .max = 16384 }, door = { .max = 16384 };
	if (put_url(o, site, &url, err) < 0)
		return -1;
	enum db_kind kind = db_kind_of(buf_slice(&url));
	const struct db_pool_options pool = {
		.most = kind == DB_SQLITE && o->changes ? 1 : site->concurrency,
		.connect_ns = site->clocks ? site->clocks->connect_ns : 0,
		.no_prepare = o->pooler,
		.read_only = !o->changes,
	};
	if (db_is_available(kind, err) < 0 ||
	    db_pool_open(buf_slice(&url), &pool, &shared->pool, err) < 0)
		return -1;
	if (kind == DB_POSTGRES && db_put_door(buf_slice(&url), &door) == 0)
		shared->door = xstrndup(door.p, door.n);
	return 0;
}

/* A mistake in the file that only the database could find. */
static int wrong(struct err *err)
{
	if (err->fault == FAULT_CONFIG)
		err->fault = FAULT_SQL;
	if (err->fault == FAULT_SQL && err->state[0] == 0)
		memcpy(err->state, "42000", sizeof err->state);
	return -1;
}

static int describe(const struct sql_step *o, struct db *db, struct err *err) SUSPENDS
{
	struct db_shape shape = { 0 };
	if (db_describe(db, text_of(o), &shape, err) < 0)
		return wrong(err);
	size_t n = shape.param_count;
	db_shape_done(&shape);
	if (n == o->args.n)
		return 0;
	fail(err, FAULT_SQL, "the statement takes %zu value%s, and `args` has %zu", n,
	     n == 1 ? "" : "s", o->args.n);
	return wrong(err);
}

static int sql_open(struct site *site, struct err *err) SUSPENDS
{
	const struct sql_step *o = site->options;
	struct sql_shared *shared = site->shared;
	struct db *db = NULL;
	if (open_pool(o, site, shared, err) < 0 || db_take(shared->pool, &db, err) < 0)
		return -1;
	int r = describe(o, db, err);
	db_give(db);
	return r;
}

static void sql_close(struct site *site) SUSPENDS
{
	struct sql_shared *shared = site->shared;
	db_pool_free(take(shared->pool));
	free(take(shared->door));
}

/* ---- the request ----------------------------------------------------------------------------------- */
static int ask_digest(const struct sql_step *o, const struct sql_shared *shared, struct call *c,
		      struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct request *q = c->request;
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket sql 1"));
	digest_add(&d, slice_str(shared->door ? shared->door : o->door));
	digest_add(&d, text_of(o));
	for (size_t i = 0; i < o->args.n; i++)
		digest_add(&d, q->params[i]);
	digest_end(&d, c->asked);
	return 0;
}

static int ask_params(const struct sql_step *o, struct call *c, struct err *err) SUSPENDS
{
	struct request *q = arena_zero(c->arena, sizeof *q);
	struct slice *params = arena_zero(c->arena, (o->args.n + 1) * sizeof *params);
	AUTO(buf_done) struct buf value = { .max = 64u << 20 };
	for (size_t i = 0; i < o->args.n; i++) {
		buf_clear(&value);
		int n = jq_one(((struct jq *const *)o->args.v)[i], c->env, &value, err);
		if (n < 0)
			return err->fault == FAULT_CANCELLED ? -1
							     : err_wrap(err, "args: $%zu: ", i + 1);
		params[i] = n == 0 ? S("null") : arena_copy(c->arena, buf_slice(&value));
	}
	q->params = params;
	c->request = q;
	return 0;
}

/* [1,"Ana"]: what $1, $2... are. */
static int show_params(const struct sql_step *o, struct call *c, struct err *err)
{
	AUTO(buf_done) struct buf all = { .max = 64u << 20 };
	const struct request *q = c->request;
	int r = buf_add_char(&all, '[');
	for (size_t i = 0; r == 0 && i < o->args.n; i++) {
		r = i > 0 ? buf_add_char(&all, ',') : 0;
		r = r < 0 ? r : buf_add(&all, q->params[i]);
	}
	r = r < 0 ? r : buf_add_char(&all, ']');
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the values of `args` do not fit");
	c->sends = arena_copy(c->arena, buf_slice(&all));
	return 0;
}

static int sql_ask(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct sql_step *o = site->options;
	const struct sql_shared *shared = site->shared;
	c->shown = slice_str(o->shown);
	if (shared->door)
		c->lane = slice_str(shared->door);
	c->safety = !o->changes ? SAFE : o->idempotent || c->retry_unsafe ? KEYED : UNSAFE;
	if (ask_params(o, c, err) < 0)
		return -1;
	if (c->wants_sends && o->args.n > 0 && show_params(o, c, err) < 0)
		return -1;
	return c->wants_asked ? ask_digest(o, shared, c, err) : 0;
}

/* ---- the call ---------------------------------------------------------------------------------------- */
static void give_fault(struct call *const *calls, size_t n, const struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		calls[i]->verdict = VERDICT_FAULT;
		calls[i]->err = *err;
	}
}

static void give_rows(struct call *const *calls, struct db_call *asked, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		calls[i]->verdict = VERDICT_ANSWER;
		calls[i]->answer.body = BODY_JSON;
		calls[i]->answer.checked = true;
		calls[i]->answer.value = buf_take(&asked[i].rows);
	}
}

/* What the file could say to make this good. */
static void give_hint(const struct sql_step *o, struct err *err)
{
	bool strange = strcmp(err->state, "26000") == 0 || strcmp(err->state, "42P05") == 0;
	if (strange && !o->pooler) /* another session's statement, under the same name */
		err_wrap(err, "a pooler stands between, it seems: say `pooler: true`");
	if (strcmp(err->state, "25006") == 0 && !o->changes)
		err_wrap(err, "it writes, and looks like a query: say `writes: true`");
}

static int run(struct site *site, struct db_call *asked, size_t n, struct err *err) SUSPENDS
{
	const struct sql_shared *shared = site->shared;
	struct db *db = NULL;
	if (db_take(shared->pool, &db, err) < 0)
		return -1;
	int r = db_run(db, asked, n, site_text_max(site) / n, err);
	db_give(db);
	return r;
}

static void sql_call_many(struct site *site, struct call *const *calls, size_t n) SUSPENDS
{
	const struct sql_step *o = site->options;
	struct db_call *asked = arena_zero(calls[0]->arena, n * sizeof *asked);
	struct err err = { 0 };
	for (size_t i = 0; i < n; i++) {
		const struct request *q = calls[i]->request;
		asked[i] =
			(struct db_call){ .text = text_of(o), .params = q->params, .n = o->args.n };
	}
	if (run(site, asked, n, &err) == 0) {
		give_rows(calls, asked, n);
	} else {
		give_hint(o, &err);
		/* With fewer in the call there is more room for each. */
		if (err.fault == FAULT_TOO_LARGE)
			err.row = 0;
		err.whole = err.row == 0;
		give_fault(calls, n, &err);
	}
	for (size_t i = 0; i < n; i++)
		buf_done(&asked[i].rows);
}

static void sql_call(struct site *site, struct call *c) SUSPENDS
{
	sql_call_many(site, &c, 1);
}

const struct port step_sql = {
	.name = "sql",
	.doc = "one SQL statement for each record, in PostgreSQL or SQLite",
	.more = "The record's values are bound to $1, $2 ... and never become part of the "
		"statement. With `batch` many records share\n"
		"one round trip and one transaction; each gets its own rows, and one that the "
		"database refuses is dead alone. The\n"
		"rows are $rows, an array of objects; without `into`, `result` or `emit` the "
		"record "
		"stays as it was. Statements that\n"
		"write are made at most once unless they are `idempotent`.\n"
		"\n"
		"    steps:\n"
		"      - sql: SELECT id, email FROM readers WHERE topics && $1\n"
		"        db: $secret.PG_URL\n"
		"        args: [.topics]\n"
		"        batch: 200\n"
		"        emit: '$rows[] as $r | {reader: $r, title}'\n",
	.roles = ROLE_STEP,
	.rows = true,
	.options = options,
	.options_size = sizeof(struct sql_step),
	.shared_size = sizeof(struct sql_shared),
	.plan = sql_plan,
	.open = sql_open,
	.close = sql_close,
	.ask = sql_ask,
	.call = sql_call,
	.call_many = sql_call_many,
};
