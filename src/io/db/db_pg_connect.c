/* db_pg_connect.c - a connection to a PostgreSQL server, without blocking
 *
 * What this room is for: libpq's PQconnectPoll on the loop, and before it the names of hosts: libpq asks getaddrinfo(), which blocks.
 * What flows through:    the URL as libpq reads it, once a pool; for each connection its hosts, each with its addresses, in order; one
 *                        PGconn out, with the session's settings made.
 *
 *     host,host --dns--> (host, address, port)... --PQconnectStart--> poll, poll --OK--> SET ... --> ready
 *                                 ^-------- refused, silent, starting up: the next --------'
 *
 * What must hold:
 *  (1) `host` stays beside `hostaddr`: certificates are checked against the name.
 *  (2) each address gets its share of what is left of connect_ns, so that a silent one does not use it up.
 *  (3) libpq closes and opens sockets while it connects; a new one may have the number of the old. So each wait registers anew.
 *  (4) wrong passwords and databases are final: asking the next host would only lock the account there as well. */
#include "io/db/db_pg.h"
#include "rt/loop.h"
#include <errno.h>
#include <hocket/fd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 16, WORDS = 64 };

struct place { /* where a server may be */
	char host[DNS_NAME_MAX + 1], address[64], port[8];
};
struct places {
	struct place at[PLACES];
	size_t n;
};

/* ---- the URL ------------------------------------------------------------------------------------------------- */

/* libpq repeats what it cannot read, and that may be the password: what stands between the quotes is left out. */
static int fail_url(char *said, struct err *err)
{
	struct slice s = slice_trim(slice_str(said)), tail = { 0 };
	const char *first = s.n ? memchr(s.p, '"', s.n) : NULL;
	const char *last = s.n ? memrchr(s.p, '"', s.n) : NULL;

	if (first && last) {
		tail = slice_from(s, (size_t)(last - s.p));
		s.n = (size_t)(first - s.p) + 1;
	}
	fail(err, FAULT_CONFIG, "not a PostgreSQL URL: %.*s%s%.*s", SLICE(s), tail.n ? "..." : "",
	     SLICE(tail));
	if (said)
		pq.PQfreemem(said);
	return -1;
}

/* An '@' behind the one that ends the password, or behind the host: libpq would take a part of the password for the host, which is
 * looked up and stands in messages. */
static bool is_unescaped(struct slice url)
{
	struct slice scheme, rest, before;
	size_t i = 0;

	if (!slice_starts(url, S("postgres://")) && !slice_starts(url, S("postgresql://")))
		return false;
	(void)slice_cut(url, ':', &scheme, &rest);
	rest = slice_from(rest, 2);
	while (i < rest.n && rest.p[i] != '@' && rest.p[i] != '/')
		i++;
	rest = slice_from(rest, i + (i < rest.n));
	(void)slice_cut(rest, '?', &before, &rest);
	return before.n && memchr(before.p, '@', before.n);
}

static const char *word(const struct pg_pool *shared, const char *name)
{
	for (const PQconninfoOption *o = shared->info; o && o->keyword; o++)
		if (strcmp(o->keyword, name) == 0)
			return o->val && o->val[0] ? o->val : NULL;
	return NULL;
}

int pg_pool_open(struct db_pool *pool, struct err *err)
{
	struct pg_pool *shared = xcalloc(1, sizeof(*shared));
	char *said = NULL;

	pool->own = shared;
	if (pq_open(err) < 0)
		return -1;
	if (is_unescaped(slice_str(pool->url)))
		return fail(err, FAULT_CONFIG,
			    "not a PostgreSQL URL: there is an '@' that ends nothing; in a user, "
			    "password or database write %%40 for it, and %%2F for '/'");
	shared->dns = dns_new();
	shared->info = pq.PQconninfoParse(pool->url, &said);
	return shared->info ? 0 : fail_url(said, err);
}

void pg_pool_done(struct db_pool *pool)
{
	struct pg_pool *shared = pool->own;

	if (!shared)
		return;
	if (shared->info)
		pq.PQconninfoFree(shared->info);
	dns_free(shared->dns);
	pg_types_done(&shared->types);
	pg_statements_done(&shared->shapes);
	free(shared);
}

/* ---- where servers may be ---------------------------------------------------------------------------------------- */

/* The i-th of a list with commas; a list of one counts for all. */
static struct slice nth(const char *list, size_t i)
{
	struct slice rest = slice_str(list), one;

	if (!list || !strchr(list, ','))
		return rest;
	do
		(void)slice_cut(rest, ',', &one, &rest);
	while (i-- > 0);
	return one;
}

static size_t count(const char *list)
{
	size_t n = 1;

	for (; list && *list; list++)
		n += *list == ',';
	return n;
}

static int add_place(struct places *all, struct slice host, struct slice address, struct slice port)
{
	struct place *p;

	if (all->n == PLACES)
		return 0;
	p = &all->at[all->n++];
	if (snprintf(p->host, sizeof(p->host), "%.*s", SLICE(host)) >= (int)sizeof(p->host) ||
	    snprintf(p->address, sizeof(p->address), "%.*s", SLICE(address)) >=
		    (int)sizeof(p->address) ||
	    snprintf(p->port, sizeof(p->port), "%.*s", SLICE(port)) >= (int)sizeof(p->port))
		return -1;
	return 0;
}

static int look_up(struct db_pool *pool, struct slice host, struct slice port, struct places *all,
		   struct err *err) SUSPENDS
{
	struct dns_answer answer;
	const char *why = NULL;
	int r = dns_lookup(pg_pool_of(pool)->dns, host, &answer, &why);

	if (r == -ECANCELED)
		return fail_errno(err, FAULT_DNS, r, "%s", pool->door);
	if (r < 0)
		return fail(err, FAULT_DNS, "%s: %.*s: %s", pool->door, SLICE(host), why);
	for (unsigned i = 0; i < answer.n; i++) {
		char text[64];
		(void)dns_address_text(&answer.at[i], text);
		(void)add_place(all, host, slice_str(text), port);
	}
	return 0;
}

/* Paths are sockets of this machine; '@' begins an abstract one. */
static bool is_local(struct slice host)
{
	return host.n == 0 || host.p[0] == '/' || host.p[0] == '@';
}

/* Hosts whose names are unknown are passed over when others are not. */
static int find_places(struct db_pool *pool, struct places *all, struct err *err) SUSPENDS
{
	const struct pg_pool *shared = pool->own;
	const char *host = word(shared, "host"), *address = word(shared, "hostaddr");
	const char *port = word(shared, "port");
	size_t n;

	if (!host && !address && !word(shared, "service")) {
		host = getenv("PGHOST");
		address = getenv("PGHOSTADDR");
	}
	n = count(address ? address : host);
	for (size_t i = 0; i < n; i++) {
		struct slice name = host ? nth(host, i) : S("");
		if (address || is_local(name)) {
			if (add_place(all, name, address ? nth(address, i) : S(""), nth(port, i)) <
			    0)
				return fail(err, FAULT_CONFIG, "%s: a host name is too long",
					    pool->door);
		} else if (look_up(pool, name, nth(port, i), all, err) < 0 &&
			   (n == 1 || (err && err->fault == FAULT_CANCELLED))) {
			return -1;
		}
	}
	return all->n > 0 ? 0 : -1;
}

/* ---- one attempt ----------------------------------------------------------------------------------------------------- */

struct start {
	const char *words[WORDS], *values[WORDS];
	size_t n;
	PGconn *conn;
	PostgresPollingStatusType status;
};

static void add_word(struct start *s, const char *name, const char *value)
{
	ASSERT(s->n + 1 < WORDS);
	if (!value || !value[0])
		return;
	s->words[s->n] = name;
	s->values[s->n++] = value;
}

static bool is_ours(const char *name)
{
	return strcmp(name, "host") == 0 || strcmp(name, "hostaddr") == 0 ||
	       strcmp(name, "port") == 0;
}

/* Else libpq writes what a server says in passing to stderr: as soon as a connection begins, for a server may go down while it does. */
static void ignore_notice(void *arg, const char *text)
{
}

static int start_on_deep_stack(void *arg)
{
	struct start *s = arg;

	s->conn = pq.PQconnectStartParams(s->words, s->values, 0);
	if (s->conn)
		(void)pq.PQsetNoticeProcessor(s->conn, ignore_notice, NULL);
	return 0;
}

static int poll_on_deep_stack(void *arg)
{
	struct start *s = arg;

	s->status = pq.PQconnectPoll(s->conn);
	return 0;
}

static void forget_socket(PGconn *conn)
{
	int fd = pq.PQsocket(conn);

	if (fd >= 0)
		poll_forget(&loop_self()->poll, fd);
}

/* Registered anew, as a socket that is still connecting: whatever it is ready for already, epoll announces again. */
static int wait_socket(PGconn *conn, bool for_write) SUSPENDS
{
	int fd = pq.PQsocket(conn);
	int r = fd < 0 ? -EBADF : poll_register(&loop_self()->poll, fd, POLL_CONNECTING);

	if (r == 0)
		r = hk_fd_wait(fd, for_write ? HK_WRITE : HK_READ);
	forget_socket(conn);
	return r;
}

/* 0: connected; 1: refused, the connection knows why; -errno. */
static int drive(struct start *s) SUSPENDS
{
	s->status = PGRES_POLLING_WRITING;
	if (pq.PQstatus(s->conn) == CONNECTION_BAD)
		return 1;
	while (s->status == PGRES_POLLING_READING || s->status == PGRES_POLLING_WRITING) {
		int r = wait_socket(s->conn, s->status == PGRES_POLLING_WRITING);
		if (r < 0)
			return r;
		hk_bigstack(poll_on_deep_stack, s);
	}
	return s->status == PGRES_POLLING_OK ? 0 : 1;
}

static int finish(void *conn)
{
	pq.PQfinish(conn);
	return 0;
}

static int fail_start(struct db_pool *pool, struct start *s, int r, struct err *err)
{
	if (r == -ETIMEDOUT)
		fail(err, FAULT_CONNECT_TIMEOUT, "%s: the server does not answer", pool->door);
	else if (r < 0)
		fail_errno(err, FAULT_RESET, r, "%s", pool->door);
	else
		pg_fail_connect(pool, s->conn, err);
	hk_bigstack(finish, s->conn);
	return -1;
}

static PGconn *connect_to(struct db_pool *pool, const struct place *at, int64_t timeout_ns,
			  struct err *err) SUSPENDS
{
	const struct pg_pool *shared = pool->own;
	struct start s = { 0 };
	struct hk_scope scope;
	int r;

	add_word(&s, "gssencmode", word(shared, "gssencmode") ? NULL : "disable");
	add_word(&s, "fallback_application_name", "hocket");
	add_word(&s, "client_encoding", "UTF8");
	for (const PQconninfoOption *o = shared->info; o->keyword && s.n + 4 < WORDS; o++)
		if (!is_ours(o->keyword) && strcmp(o->keyword, "client_encoding") != 0)
			add_word(&s, o->keyword, o->val);
	add_word(&s, "host", at->host);
	add_word(&s, "hostaddr", at->address);
	add_word(&s, "port", at->port);
	hk_bigstack(start_on_deep_stack, &s);
	if (!s.conn) {
		fail(err, FAULT_IO, "%s: no memory for a connection", pool->door);
		return NULL;
	}
	hk_scope_open(&scope, timeout_ns);
	r = hk_scope_close(&scope, drive(&s));
	if (r != 0)
		return fail_start(pool, &s, r, err), NULL;
	return s.conn;
}

/* ---- the session ---------------------------------------------------------------------------------------------------------- */

/* What makes rows read as JSON should have them. A pooler that lends connections by the transaction keeps the first two for its client
 * (they are reported parameters) and would leak the rest to others. */
static int set_session(struct pg *p, struct err *err) SUSPENDS
{
	const struct db_pool_options *o = &p->db.pool->options;
	AUTO(buf_done) struct buf text = { 0 };
	int r = buf_printf(
		&text, "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'%s%s",
		o->no_prepare ? ""
			      : "; SET IntervalStyle = iso_8601; SET extra_float_digits = 1; SET "
				"bytea_output = hex",
		o->read_only && !o->no_prepare ? "; SET default_transaction_read_only = on" : "");

	ASSERT(r == 0);
	return pg_exec(&p->db, buf_slice(&text), err);
}

static struct pg *pg_new(struct db_pool *pool, PGconn *conn)
{
	struct pg *p = xcalloc(1, sizeof(*p));

	*p = (struct pg){ .db = { .ops = &db_postgres, .pool = pool },
			  .conn = conn,
			  .shared = pool->own,
			  .tls = pq.PQsslInUse(conn) };
	ASSERT(pq.PQsetnonblocking(conn, 1) == 0);
	return p;
}

static struct pg *try_place(struct db_pool *pool, const struct place *at, int64_t timeout_ns,
			    struct err *err) SUSPENDS
{
	int64_t until_ns = hk_now_ns() + timeout_ns;
	PGconn *conn = connect_to(pool, at, timeout_ns, err);
	struct hk_scope scope;
	struct pg *p;
	int r;

	if (!conn)
		return NULL;
	p = pg_new(pool, conn);
	hk_scope_open(&scope, until_ns - hk_now_ns());
	r = set_session(p, err);
	if (hk_scope_close(&scope, r < 0 && hk_scope_cancelled(&scope) ? -ECANCELED : r) ==
	    -ETIMEDOUT)
		fail(err, FAULT_CONNECT_TIMEOUT, "%s: the server does not answer", pool->door);
	if (r == 0)
		return p;
	if (err)
		err->sent = false;
	p->db.ops->hang_up(&p->db);
	return NULL;
}

/* Would another host say something else? */
static bool is_final(const struct err *err)
{
	return err->fault == FAULT_CANCELLED || fault_policy(err) == POLICY_STOP;
}

struct db *pg_connect(struct db_pool *pool, struct err *err)
{
	struct places all = { 0 };
	struct err last = { 0 };
	int64_t until_ns = hk_now_ns() + pool->options.connect_ns;
	struct pg *p = NULL;

	if (find_places(pool, &all, &last) == 0)
		for (size_t i = 0; i < all.n && !p && !is_final(&last); i++) {
			int64_t left_ns = until_ns - hk_now_ns();
			p = try_place(pool, &all.at[i], left_ns / (int64_t)(all.n - i), &last);
		}
	if (p)
		return &p->db;
	if (err)
		*err = last;
	return NULL;
}
