/* db_pg_error.c - what PostgreSQL and libpq say, as a failure of ours
 *
 * What this room is for: SQLSTATE and the server's sentence, the place in the statement under the line it stands in, and for lost connections
 *   the class that the engine knows.
 * What flows through:    PGresults and libpq's last words in, struct err out.
 * What must hold:
 *  (1) `sent`: the server may have acted. Not when it said ERROR: that undid the transaction; nor when a transaction was open that nothing
 *      would have committed. FATAL and silence prove nothing else.
 *  (2) the password stands in no message: libpq's sentences have host, user and database; the URL is never repeated. */
#include "io/db/db_pg.h"
#include "io/db/db_place.h"
#include <string.h>

/* ---- a statement that failed ------------------------------------------------------------------------------------ */

static struct slice field(const PGresult *res, int code)
{
	return slice_str(pq.PQresultErrorField(res, code));
}

static size_t number(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && i < 9 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + (size_t)(s.p[i] - '0');
	return n;
}

static int put_story(const PGresult *res, struct slice text, struct buf *out)
{
	struct slice detail = field(res, PG_DIAG_MESSAGE_DETAIL),
		     hint = field(res, PG_DIAG_MESSAGE_HINT);
	struct slice context = field(res, PG_DIAG_CONTEXT), rest;
	size_t position = number(field(res, PG_DIAG_STATEMENT_POSITION));
	int r = buf_add(out, field(res, PG_DIAG_MESSAGE_PRIMARY));

	if (r == 0 && detail.n)
		r = buf_printf(out, " (%.*s)", SLICE(detail));
	if (r == 0 && slice_starts(context, S("COPY "))) {
		(void)slice_cut(context, '\n', &context, &rest);
		r = buf_printf(out, "; %.*s", SLICE(context));
	}
	if (r == 0 && hint.n)
		r = buf_printf(out, "; hint: %.*s", SLICE(hint));
	if (r == 0 && position > 0 && text.n > 0)
		r = db_put_place(text, db_byte_of(text, position - 1), out);
	return r;
}

/* "COPY people, line 17, column age: ..." */
static size_t copy_line(const PGresult *res)
{
	struct slice context = field(res, PG_DIAG_CONTEXT);
	const char *at = context.n ? strstr(context.p, ", line ") : NULL;

	return at && slice_starts(context, S("COPY ")) ? number(slice_str(at + 7)) : 0;
}

static int fail_sql(struct pg *p, const PGresult *res, struct slice state, struct slice text,
		    struct err *err)
{
	AUTO(buf_done) struct buf story = { 0 };
	struct slice severity = field(res, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (!severity.n) /* a pooler's own */
		severity = field(res, PG_DIAG_SEVERITY);
	if (!slice_eq(severity, S("ERROR"))) /* FATAL, PANIC: the server ends the conversation */
		p->db.broken = true;
	if (!err)
		return -1;
	memset(err->state, 0, sizeof(err->state));
	memcpy(err->state, state.p, state.n < 5 ? state.n : 5);
	err->sent = pg_in_doubt(p) && p->db.broken;
	err->row = copy_line(res);
	if (put_story(res, text, &story) < 0)
		return fail(err, FAULT_SQL, "%s: %s", p->db.pool->door, err->state);
	return fail(err, FAULT_SQL, "%s: %.*s", p->db.pool->door, SLICE(buf_slice(&story)));
}

/* ---- a connection that is lost ------------------------------------------------------------------------------------- */

/* The first line of what libpq said, without its line end. */
static struct slice first_line(const char *said)
{
	struct slice line, rest;

	(void)slice_cut(slice_trim(slice_str(said)), '\n', &line, &rest);
	return slice_trim(line);
}

int pg_fail(struct pg *p, const PGresult *res, struct slice text, struct err *err)
{
	struct slice state = res ? field(res, PG_DIAG_SQLSTATE) : (struct slice){ 0 };
	struct slice said =
		first_line(res ? pq.PQresultErrorMessage(res) : pq.PQerrorMessage(p->conn));

	if (state.n)
		return fail_sql(p, res, state, text, err);
	pg_abandon(p);
	if (err)
		err->sent = pg_in_doubt(p);
	return fail(err, FAULT_RESET, "%s: the connection was lost (%.*s)", p->db.pool->door,
		    SLICE(said));
}

bool pg_is_stale(const PGresult *res)
{
	struct slice state = field(res, PG_DIAG_SQLSTATE);
	struct slice said = field(res, PG_DIAG_MESSAGE_PRIMARY);

	if (slice_eq(state, S("26000")))
		return true;
	return slice_eq(state, S("0A000")) && slice_starts(said, S("cached plan must not"));
}

int pg_fail_stale(struct pg *p, struct err *err)
{
	pg_abandon(p);
	if (err)
		*err = (struct err){ 0 };
	return fail(err, FAULT_RESET,
		    "%s: a prepared statement is out of date, because a table was changed: it is "
		    "prepared anew the next time",
		    p->db.pool->door);
}

/* ---- a connection that was not made ---------------------------------------------------------------------------------- */

static bool says(const char *said, const char *word)
{
	return strstr(said, word) != NULL;
}

/* libpq keeps the SQLSTATE of a refused connection to itself; the sentences of the server stand behind "FATAL:  ". */
static const char *state_of(const char *said)
{
	static const struct {
		const char *words, *state;
	} known[] = {
		{ "the database system is", "57P03" }, /* starting up, shutting down, in recovery */
		{ "terminating connection", "57P01" },
		{ "too many clients", "53300" },
		{ "too many connections", "53300" },
		{ "remaining connection slots", "53300" },
		{ "no more connections allowed", "53300" },
		{ "password authentication failed", "28P01" },
		{ "authentication failed", "28000" },
		{ "pg_hba.conf", "28000" },
		{ "role \"", "28000" },
		{ "no such user", "28000" },
		{ "no such database", "3D000" },
		{ "database \"", "3D000" },
		{ "no password supplied", "28P01" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (says(said, known[i].words))
			return known[i].state;
	return NULL;
}

static enum fault fault_of(const char *said)
{
	if (says(said, "certificate verify failed") || says(said, "server certificate for") ||
	    says(said, "root certificate file"))
		return FAULT_CERTIFICATE;
	if (says(said, "SSL"))
		return FAULT_TLS;
	if (says(said, "Connection refused") || says(said, "No such file or directory"))
		return FAULT_REFUSED;
	if (says(said, "timeout expired") || says(said, "timed out"))
		return FAULT_CONNECT_TIMEOUT;
	return FAULT_RESET;
}

int pg_fail_connect(const struct db_pool *pool, PGconn *conn, struct err *err)
{
	const char *said = pq.PQerrorMessage(conn), *fatal = strstr(said, "FATAL:  ");
	const char *state = state_of(said);
	struct slice line = first_line(fatal ? fatal + 8 : said);

	if (err && state)
		memcpy(err->state, state, 6);
	return fail(err, state ? FAULT_SQL : fault_of(said), "%s: %.*s", pool->door, SLICE(line));
}
