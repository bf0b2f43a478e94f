/* db_pg.c - the conversation with one PostgreSQL server: sending, waiting, results
 *
 * What this room is for: libpq without blocking. It reads and writes when it is told to; this file knows when, and nothing above it waits.
 * What flows through:    bytes between libpq's buffers and the socket; PGresults to whoever asked.
 * What must hold:
 *  (1) epoll tells edges: after PQconsumeInput the socket may hold more (it reads a buffer's worth), so the next wait first asks the kernel
 *      how much is there. With TLS a record may lie decrypted in OpenSSL where no edge will ever tell of it: two looks more.
 *  (2) reading goes on while we write: a server that cannot get rid of its answers stops reading.
 *  (3) what libpq does with OpenSSL runs on the loop's deep stack.
 *  (4) the socket is libpq's: it is taken out of the poll table before libpq closes it. */
#include "io/db/db_pg.h"
#include "io/errand.h"
#include "rt/loop.h"
#include <errno.h>
#include <hocket/fd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void pg_begin(struct pg *p, bool lasting)
{
	ASSERT(!p->streaming && !p->copying);
	p->lasting = lasting;
	p->asked = false;
	p->unread = false;
}

/* ---- waiting ------------------------------------------------------------------------------------------------- */

struct turn {
	struct pg *pg;
	bool read;
};

/* On the deep stack: one look at the socket in each direction. */
static int take_turn(void *arg)
{
	const struct turn *t = arg;

	for (int looks = t->read ? (t->pg->tls ? 3 : 1) : 0; looks > 0; looks--)
		(void)pq.PQconsumeInput(t->pg->conn); /* a failure is told by the next result */
	return pq.PQflush(t->pg->conn);
}

static int turn(struct pg *p, bool read)
{
	struct turn t = { p, read };

	if (read)
		p->unread = true;
	p->asked = true;
	return p->tls ? hk_bigstack(take_turn, &t) : take_turn(&t);
}

static bool has_more(int fd)
{
	int n = 0;
	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* What the socket is ready for, by waiting if need be. */
static int wait_ready(struct pg *p, bool unsent) SUSPENDS
{
	int fd = pq.PQsocket(p->conn);

	if (fd < 0)
		return HK_READ; /* lost: the result will say so */
	if (p->unread && has_more(fd)) {
		int r = hk_yield(); /* a server that is always ahead must not keep the others from running */
		return r < 0 ? r : HK_READ;
	}
	p->unread = false;
	return hk_fd_wait(fd, unsent ? HK_READ | HK_WRITE : HK_READ);
}

static int say_left(struct pg *p, int r, struct err *err)
{
	pg_abandon(p);
	if (err)
		err->sent = pg_in_doubt(p);
	return fail_errno(err, FAULT_RESET, r, "%s: waiting for an answer", p->db.pool->door);
}

/* Sends what is left, takes what came; parks until one of them is possible. -1: cancelled. A lost connection is no error here: the
 * result that follows tells it. */
static int wait_turn(struct pg *p, struct err *err) SUSPENDS
{
	int unsent = turn(p, false);
	int r = wait_ready(p, unsent == 1);

	if (r < 0)
		return say_left(p, r, err);
	if (r & HK_READ)
		(void)turn(p, true);
	return 0;
}

bool pg_look(struct pg *p)
{
	(void)turn(p, true);
	return pq.PQstatus(p->conn) == CONNECTION_OK;
}

int pg_send_all(struct pg *p, struct err *err)
{
	while (turn(p, false) == 1) {
		int r = wait_ready(p, true);
		if (r < 0)
			return say_left(p, r, err);
		if (r & HK_READ)
			(void)turn(p, true);
	}
	return 0;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

void pg_result_clear(PGresult **r)
{
	pq.PQclear(*r);
	*r = NULL;
}

int pg_result(struct pg *p, PGresult **ret, struct err *err)
{
	*ret = NULL;
	while (pq.PQisBusy(p->conn))
		if (wait_turn(p, err) < 0)
			return -1;
	*ret = pq.PQgetResult(p->conn);
	return 0;
}

uint64_t pg_affected(const PGresult *r)
{
	const char *n = pq.PQcmdTuples((PGresult *)(uintptr_t)r);
	uint64_t count = 0;

	for (; *n >= '0' && *n <= '9'; n++)
		count = count * 10 + (uint64_t)(*n - '0');
	return count;
}

static bool commits(struct slice text)
{
	text = slice_trim(text);
	return slice_eq_nocase(slice_head(text, 6), S("commit")) ||
	       slice_eq_nocase(slice_head(text, 3), S("end")) ||
	       slice_eq_nocase(slice_head(text, 7), S("prepare"));
}

/* What begins or undoes: there is nothing of it that could last. */
static bool is_idle_word(struct slice text)
{
	static const char *const words[] = { "begin", "start",     "rollback",
					     "abort", "savepoint", "set" };

	text = slice_trim(text);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_nocase(slice_head(text, strlen(words[i])), slice_str(words[i])))
			return true;
	return false;
}

/* Of several statements any may be the COMMIT. */
bool pg_lasts(const struct pg *p, struct slice text)
{
	struct slice first, rest;

	if (slice_cut(text, ';', &first, &rest) && slice_trim(rest).n > 0)
		return true;
	if (pq.PQtransactionStatus(p->conn) == PQTRANS_IDLE)
		return !is_idle_word(text);
	return commits(text);
}

/* A COMMIT of a transaction that had failed is answered with ROLLBACK, and that is no error to the server. */
static int check_commit(struct pg *p, PGresult *res, struct slice text, struct err *err)
{
	if (!commits(text) || !slice_eq_str(S("ROLLBACK"), pq.PQcmdStatus(res)))
		return 0;
	if (err)
		memcpy(err->state, "25P02", 6);
	return fail(err, FAULT_SQL,
		    "%s: the transaction was rolled back, because a statement in it had failed",
		    p->db.pool->door);
}

static int look_at(struct pg *p, PGresult *res, struct slice text, uint64_t *affected,
		   struct err *err)
{
	switch (pq.PQresultStatus(res)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		if (affected)
			*affected = pg_affected(res);
		return check_commit(p, res, text, err);
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		pg_abandon(p);
		return fail(err, FAULT_CONFIG, "%s: COPY is not possible here", p->db.pool->door);
	default:
		return pg_fail(p, res, text, err);
	}
}

int pg_finish(struct pg *p, struct slice text, uint64_t *affected, struct err *err)
{
	int failed = 0;

	while (!p->db.broken) {
		AUTO(pg_result_clear) PGresult *res = NULL;
		if (pg_result(p, &res, failed ? NULL : err) < 0)
			return -1;
		if (!res)
			return failed;
		if (look_at(p, res, text, affected, failed ? NULL : err) < 0)
			failed = -1;
	}
	return -1;
}

void pg_skip(struct pg *p)
{
	while (!p->db.broken) {
		AUTO(pg_result_clear) PGresult *res = NULL;
		if (pg_result(p, &res, NULL) < 0 || !res)
			return;
	}
}

int pg_exec(struct db *d, struct slice text, struct err *err)
{
	struct pg *p = pg_of(d);
	AUTO(freep) char *query = xstrndup(text.p, text.n);

	pg_begin(p, pg_lasts(p, text));
	if (!pq.PQsendQuery(p->conn, query))
		return pg_fail(p, NULL, text, err);
	return pg_finish(p, text, NULL, err);
}

/* ---- pipeline mode ------------------------------------------------------------------------------------------------ */

int pg_pipeline_begin(struct pg *p, struct err *err)
{
	return pq.PQenterPipelineMode(p->conn) ? 0 : pg_fail(p, NULL, S(""), err);
}

void pg_pipeline_end(struct pg *p)
{
	if (!p->db.broken && !pq.PQexitPipelineMode(p->conn))
		pg_abandon(p);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------- */

/* PQcancel has no clock, and threads are few: where nobody answers, two are lost to it at most, and the other queries end when their server
 * notices that we are gone. */
enum { TELLING_MAX = 2 };
static atomic_uint telling; /* threads that are about it */

static int tell_server(void *arg)
{
	char said[256];

	(void)pq.PQcancel(arg, said, sizeof(said)); /* whether it helps or not: nobody waits */
	pq.PQfreeCancel(arg);
	atomic_fetch_sub(&telling, 1);
	return 0;
}

void pg_abandon(struct pg *p)
{
	PGcancel *cancel;

	if (p->db.broken)
		return;
	p->db.broken = true;
	if (pq.PQstatus(p->conn) != CONNECTION_OK ||
	    pq.PQtransactionStatus(p->conn) != PQTRANS_ACTIVE)
		return;
	cancel = atomic_fetch_add(&telling, 1) < TELLING_MAX ? pq.PQgetCancel(p->conn) : NULL;
	if (cancel)
		errand_send(tell_server, cancel, "cancelling a query");
	else
		atomic_fetch_sub(&telling, 1);
}

static int finish(void *conn)
{
	pq.PQfinish(conn);
	return 0;
}

static void pg_close(struct db *d)
{
	struct pg *p = pg_of(d);
	struct hk_loop *loop = loop_self();
	int fd = pq.PQsocket(p->conn);

	if (pq.PQstatus(p->conn) == CONNECTION_OK &&
	    pq.PQtransactionStatus(p->conn) == PQTRANS_ACTIVE)
		pg_abandon(p);
	if (loop && fd >= 0)
		poll_forget(&loop->poll, fd);
	hk_bigstack(finish, p->conn);
	pg_statements_done(&p->own);
	free(p);
}

static bool pg_is_idle(const struct db *d)
{
	const struct pg *p = pg_of(d);

	return !p->streaming && !p->copying && pq.PQstatus(p->conn) == CONNECTION_OK &&
	       pq.PQtransactionStatus(p->conn) == PQTRANS_IDLE &&
	       pq.PQpipelineStatus(p->conn) == PQ_PIPELINE_OFF;
}

static bool pg_is_quiet(const struct db *d)
{
	return hk_socket_idle(pq.PQsocket(pg_of(d)->conn));
}

int db_postgres_is_available(struct err *err)
{
	return pq_open(err);
}

const struct db_ops db_postgres = {
	.pool_begin = pg_pool_open,
	.pool_end = pg_pool_done,
	.connect = pg_connect,
	.hang_up = pg_close,
	.is_idle = pg_is_idle,
	.is_quiet = pg_is_quiet,
	.run = pg_run,
	.exec = pg_exec,
	.ask_shape = pg_describe,
	.stream_open = pg_stream_open,
	.stream_next = pg_stream_next,
	.stream_free = pg_stream_free,
	.copy_begin = pg_copy_begin,
	.copy_put = pg_copy_put,
	.copy_end = pg_copy_end,
	.copy_give_up = pg_copy_give_up,
};
