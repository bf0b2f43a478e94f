/* db_pg_statement.c - statements: prepared once a connection, described, remembered
 *
 * What this room is for: a parameter can only be written when its type is known, a row only read when its columns' are. So each text is parsed
 *   and described by the server first, and what that says is kept: with the connection, where the prepared statement lives; or, behind a
 *   pooler that lends connections by the transaction, with the pool, and every call parses anew.
 * What flows through:    texts in; parameter types, column names and types out, in one round trip for all texts that are new.
 * What must hold:
 *  (1) at most PG_STATEMENTS are remembered; the one unused longest goes first, and on the server too. One in use never goes.
 *  (2) a statement that the server refused is not remembered.
 *  (3) keys are made once: a row is written by copying them and its values. */
#include "io/db/db_pg.h"
#include "base/hash.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ---------------------------------------------------------------------------------------------- */

static void unlink_statement(struct pg_statements *all, struct pg_statement *s)
{
	ASSERT(all->n > 0);
	*(s->newer ? &s->newer->older : &all->newest) = s->older;
	*(s->older ? &s->older->newer : &all->oldest) = s->newer;
	s->newer = s->older = NULL;
	all->n--;
}

static void put_first(struct pg_statements *all, struct pg_statement *s)
{
	s->newer = NULL;
	s->older = all->newest;
	*(all->newest ? &all->newest->newer : &all->oldest) = s;
	all->newest = s;
	all->n++;
}

static void statement_free(struct pg_statement *s)
{
	ASSERT(s->users == 0);
	free(s->text);
	free(s->params);
	free(s->columns);
	free(s->key_ends);
	buf_done(&s->keys);
	free(s);
}

void pg_statements_done(struct pg_statements *all)
{
	while (all->newest) {
		struct pg_statement *s = all->newest;
		unlink_statement(all, s);
		statement_free(s);
	}
}

static struct pg_statements *list_of(struct pg *p)
{
	return pg_no_prepare(p) ? &p->shared->shapes : &p->own;
}

static struct pg_statement *find(struct pg_statements *all, struct slice text, uint64_t hash)
{
	struct pg_statement *s = all->newest;

	while (s && !(!s->stale && s->hash == hash &&
		      slice_eq((struct slice){ s->text, s->text_n }, text)))
		s = s->older;
	if (s && s != all->newest) {
		unlink_statement(all, s);
		put_first(all, s);
	}
	return s;
}

static struct pg_statement *oldest_unused(struct pg_statements *all)
{
	struct pg_statement *s = all->oldest;

	while (s && s->users > 0)
		s = s->newer;
	return s;
}

void pg_statements_put(struct pg_statement **all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ASSERT(!all[i] || all[i]->users > 0);
		if (all[i])
			all[i]->users--;
		all[i] = NULL;
	}
}

/* ---- what a statement gives ---------------------------------------------------------------------------------- */

static bool stands_before(const PGresult *res, int column)
{
	const char *name = pq.PQfname(res, column);

	for (int i = 0; i < column; i++)
		if (strcmp(pq.PQfname(res, i), name) == 0)
			return true;
	return false;
}

static uint64_t hash_names(const PGresult *res)
{
	uint64_t h = HASH_START;

	for (int i = 0; i < pq.PQnfields(res); i++) {
		h = hash_add(h, slice_str(pq.PQfname(res, i)));
		h = hash_add(h, (struct slice){ "", 1 });
	}
	return hash_end(h);
}

bool pg_statement_fits(struct pg_statement *s, const PGresult *res)
{
	if (!s->name[0] && hash_names(res) != s->names)
		s->stale = true;
	return !s->stale;
}

static int read_columns(struct pg_statement *s, const PGresult *res)
{
	int n = pq.PQnfields(res), r = 0;

	s->column_count = (size_t)n;
	s->names = hash_names(res);
	s->columns = xcalloc(s->column_count, sizeof(*s->columns));
	s->key_ends = xcalloc(s->column_count, sizeof(*s->key_ends));
	for (int i = 0; r == 0 && i < n; i++) {
		s->columns[i] = pq.PQftype(res, i);
		if (!s->twice && stands_before(res, i))
			s->twice = i + 1;
		r = buf_add_char(&s->keys, i ? ',' : '{');
		if (r == 0)
			r = json_quote(slice_str(pq.PQfname(res, i)), &s->keys);
		if (r == 0)
			r = buf_add_char(&s->keys, ':');
		s->key_ends[i] = s->keys.n;
	}
	return r;
}

static int read_description(struct pg_statement *s, const PGresult *res)
{
	s->param_count = (size_t)pq.PQnparams(res);
	s->params = xcalloc(s->param_count, sizeof(*s->params));
	for (size_t i = 0; i < s->param_count; i++)
		s->params[i] = pq.PQparamtype(res, (int)i);
	return read_columns(s, res);
}

static int put_cell(struct pg *p, const struct pg_statement *s, const PGresult *res, int row,
		    size_t i, struct buf *out)
{
	size_t from = i ? s->key_ends[i - 1] : 0;
	struct slice value = { pq.PQgetvalue(res, row, (int)i),
			       (size_t)pq.PQgetlength(res, row, (int)i) };
	int r = buf_add(out, (struct slice){ s->keys.p + from, s->key_ends[i] - from });

	if (r < 0)
		return r;
	if (pq.PQgetisnull(res, row, (int)i))
		return buf_add(out, S("null"));
	return pg_put_value(pg_type_of(&p->shared->types, pq.PQftype(res, (int)i)), value, out);
}

int pg_put_row(struct pg *p, const struct pg_statement *s, const PGresult *res, int row,
	       struct buf *out)
{
	int r = s->column_count ? 0 : buf_add_char(out, '{');

	if ((size_t)pq.PQnfields(res) != s->column_count)
		return -EBADMSG; /* an unnamed statement's table has changed meanwhile */
	for (size_t i = 0; r == 0 && i < s->column_count; i++)
		r = put_cell(p, s, res, row, i, out);
	return r < 0 ? r : buf_add_char(out, '}');
}

/* ---- preparing: one pipeline for all that are new ---------------------------------------------------------------- */

struct fresh { /* one that is being prepared */
	struct pg_statement *s;
	size_t at;  /* in the caller's texts */
	bool drops; /* a DEALLOCATE stands before it */
};

static struct pg_statement *statement_new(struct pg *p, struct slice text, uint64_t hash)
{
	struct pg_statement *s = xcalloc(1, sizeof(*s));

	s->hash = hash;
	s->text = xstrndup(text.p, text.n);
	s->text_n = text.n;
	if (!pg_no_prepare(p))
		(void)snprintf(s->name, sizeof(s->name), "hk_%u", p->own.serial++);
	return s;
}

/* Room for one more; on the server too. */
static bool drop_oldest(struct pg *p, struct pg_statements *all)
{
	struct pg_statement *old = all->n < PG_STATEMENTS ? NULL : oldest_unused(all);
	char text[64];
	bool sent = false;

	if (!old)
		return false;
	if (old->name[0]) {
		(void)snprintf(text, sizeof(text), "DEALLOCATE %s", old->name);
		sent = pq.PQsendQueryParams(p->conn, text, 0, NULL, NULL, NULL, NULL, 0);
	}
	unlink_statement(all, old);
	statement_free(old);
	return sent;
}

static int send_fresh(struct pg *p, struct fresh *f)
{
	f->drops = drop_oldest(p, list_of(p));
	return pq.PQsendPrepare(p->conn, f->s->name, f->s->text, 0, NULL) &&
			       pq.PQsendDescribePrepared(p->conn, f->s->name)
		       ? 0
		       : -1;
}

/* The results of one command in a pipeline: the one that counts, and the NULL behind it. */
static int one_result(struct pg *p, PGresult **ret, struct err *err) SUSPENDS
{
	PGresult *end = NULL;

	if (pg_result(p, ret, err) < 0 || (*ret && pg_result(p, &end, err) < 0)) {
		pg_result_clear(ret);
		return -1;
	}
	if (!*ret || end || p->db.broken) {
		pg_result_clear(&end);
		return pg_fail(p, NULL, S(""), err);
	}
	return 0;
}

static int command_done(struct pg *p, struct fresh *f, bool described, struct err *err) SUSPENDS
{
	AUTO(pg_result_clear) PGresult *res = NULL;

	if (one_result(p, &res, err) < 0)
		return -1;
	if (pq.PQresultStatus(res) != PGRES_COMMAND_OK)
		return pg_fail(p, res, (struct slice){ f->s->text, f->s->text_n }, err);
	if (!described || read_description(f->s, res) == 0)
		return 0;
	return fail(err, FAULT_TOO_LARGE, "%s: the statement has too many columns",
		    p->db.pool->door);
}

static int take_fresh(struct pg *p, struct fresh *f, struct err *err) SUSPENDS
{
	if (f->drops && command_done(p, f, false, err) < 0)
		return -1;
	if (command_done(p, f, false, err) < 0 || command_done(p, f, true, err) < 0) {
		if (err && !p->db.broken)
			err->row = f->at + 1;
		return -1;
	}
	return 0;
}

/* After a failure, whatever is left: until the pipeline's end. */
static int drain(struct pg *p, struct err *err) SUSPENDS
{
	for (;;) {
		AUTO(pg_result_clear) PGresult *res = NULL;
		if (p->db.broken || pg_result(p, &res, err) < 0)
			return -1;
		if (res && pq.PQresultStatus(res) == PGRES_PIPELINE_SYNC)
			return 0;
		if (!res && pq.PQstatus(p->conn) != CONNECTION_OK)
			return pg_fail(p, NULL, S(""), err);
	}
}

static int prepare(struct pg *p, struct fresh *all, size_t n, struct err *err) SUSPENDS
{
	int r = 0;

	pg_begin(p, false); /* parsing does nothing */
	if (pg_pipeline_begin(p, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = send_fresh(p, &all[i]);
	if (r < 0 || !pq.PQpipelineSync(p->conn))
		r = pg_fail(p, NULL, S(""), err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_fresh(p, &all[i], err);
	if (!p->db.broken && drain(p, r < 0 ? NULL : err) < 0)
		r = -1;
	pg_pipeline_end(p);
	return r;
}

static int learn_types(struct pg *p, const struct fresh *all, size_t n, struct err *err) SUSPENDS
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = pg_types_learn(p, all[i].s->params, all[i].s->param_count, err);
		if (r == 0)
			r = pg_types_learn(p, all[i].s->columns, all[i].s->column_count, err);
	}
	return r;
}

/* ---- getting -------------------------------------------------------------------------------------------------------- */

static struct pg_statement *among(const struct fresh *all, size_t n, struct slice text,
				  uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].s->hash == hash &&
		    slice_eq((struct slice){ all[i].s->text, all[i].s->text_n }, text))
			return all[i].s;
	return NULL;
}

static struct pg_statement *find_or_make(struct pg *p, struct slice text, size_t at,
					 struct fresh **fresh, size_t *count)
{
	uint64_t hash = hash_end(hash_add(HASH_START, text));
	struct pg_statement *s = find(list_of(p), text, hash);

	if (!s)
		s = among(*fresh, *count, text, hash);
	if (s)
		return s;
	s = statement_new(p, text, hash);
	*fresh = xrealloc(*fresh, *count + 1, sizeof(**fresh));
	(*fresh)[(*count)++] = (struct fresh){ .s = s, .at = at };
	return s;
}

/* Fills ret with what is known and what has to be prepared: the number of those. A batch is mostly of one text. */
static size_t collect(struct pg *p, const struct slice *texts, size_t n, struct pg_statement **ret,
		      struct fresh **fresh)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		bool same = i > 0 && texts[i].p == texts[i - 1].p && texts[i].n == texts[i - 1].n;
		ret[i] = same ? ret[i - 1] : find_or_make(p, texts[i], i, fresh, &count);
		ret[i]->users++;
	}
	return count;
}

/* They are not to be trusted any more. */
static void forget_all(struct pg *p)
{
	struct pg_statements *all = list_of(p);
	struct pg_statement *s = all->newest;

	while (s) {
		struct pg_statement *older = s->older;
		if (s->users == 0) {
			unlink_statement(all, s);
			statement_free(s);
		}
		s = older;
	}
	p->swept = false;
}

static int refuse_twice(struct pg *p, const struct fresh *f, struct err *err)
{
	const struct pg_statement *s = f->s;
	size_t from, to;

	if (!s->twice)
		return 0;
	from = s->key_ends[s->twice - 2] + 1; /* it has one before it */
	to = s->key_ends[s->twice - 1] - 1;
	if (err)
		err->row = f->at + 1;
	return fail(err, FAULT_CONFIG, "%s: two columns are called %.*s: name one of them with AS",
		    p->db.pool->door, (int)(to - from), s->keys.p + from);
}

int pg_statements_get(struct pg *p, const struct slice *texts, size_t n, struct pg_statement **ret,
		      struct err *err)
{
	AUTO(freep) struct fresh *fresh = NULL;
	size_t count;
	int r = 0;

	if (p->swept)
		forget_all(p);
	count = collect(p, texts, n, ret, &fresh);
	if (count > 0)
		r = prepare(p, fresh, count, err);
	if (r == 0)
		r = learn_types(p, fresh, count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = refuse_twice(p, &fresh[i], err);
	if (r < 0)
		pg_statements_put(ret, n);
	for (size_t i = 0; i < count; i++) {
		if (r < 0)
			statement_free(fresh[i].s);
		else
			put_first(list_of(p), fresh[i].s);
	}
	return r;
}
