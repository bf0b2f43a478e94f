/* PostgreSQL when somebody leaves in the middle: tasks that are cancelled, servers that are killed. What counts is what the server has then. */
#include "db_server.h"
#include "base/json.h"
#include "base/units.h"
#include <errno.h>
#include <netinet/in.h>

/* ---- cancelled tasks --------------------------------------------------------------------------------------------- */

struct asking {
	struct db_pool *pool;
	unsigned asked, answered, crossed, number;
};

/* What comes back is the own number or nothing at all. */
static void ask_once(struct asking *a, struct db *d) SUSPENDS
{
	char text[16], want[64];
	struct db_call calls[3];
	struct slice value;
	struct err err = { 0 };

	(void)snprintf(text, sizeof(text), "%u", ++a->number);
	value = slice_str(text);
	for (int i = 0; i < 3; i++)
		calls[i] = (struct db_call){
			.text = S("SELECT $1::int AS n FROM (SELECT pg_sleep(0.0003)) s"),
			.params = &value,
			.n = 1
		};
	(void)snprintf(want, sizeof(want), "[{\"n\":%s}]", text);
	a->asked++;
	if (db_run(d, calls, 3, 1000, &err) == 0) {
		a->answered++;
		for (int i = 0; i < 3; i++)
			a->crossed += !slice_eq(buf_slice(&calls[i].rows), slice_str(want));
	} else {
		CHECK_INT(err.fault, FAULT_CANCELLED);
		CHECK(db_is_broken(d));
	}
	for (int i = 0; i < 3; i++)
		buf_done(&calls[i].rows);
}

static int ask_and_be_cancelled(void *arg) SUSPENDS
{
	struct asking *a = arg;

	for (int i = 0; i < 150; i++) {
		struct hk_scope scope;
		struct err err = { 0 };
		struct db *d = NULL;
		if (db_take(a->pool, &d, &err) < 0)
			return -EIO;
		hk_scope_open(&scope, (int64_t)(hk_random() % 10000000));
		ask_once(a, d);
		db_give(d);
		(void)hk_scope_close(&scope, 0);
	}
	return 0;
}

TEST_WITH_SERVER(a_cancelled_task_never_leaves_its_answer_to_another)
{
	struct asking a = { .pool = pool_at(server_url, &(struct db_pool_options){ .most = 4 }) };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 6; i++)
		CHECK_INT(hk_spawn(&g, ask_and_be_cancelled, &a), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a.crossed, 0);
	CHECK(a.answered > 0 && a.answered < a.asked);
	printf("# %u asked, %u answered, the others cancelled\n", a.asked, a.answered);
	db_pool_free(a.pool);
}

TEST_WITH_SERVER(who_is_cancelled_while_connecting_leaves_at_once)
{
	struct db_pool *p = pool_at(server_url, &(struct db_pool_options){ .most = 8 });

	for (int i = 0; i < 60; i++) {
		struct hk_scope scope;
		struct err err = { 0 };
		struct db *d = NULL;
		hk_scope_open(&scope, i * 200 * HK_US);
		if (db_take(p, &d, &err) < 0)
			CHECK_INT(err.fault, FAULT_CANCELLED);
		(void)hk_scope_close(&scope, 0);
		db_give(d);
	}
	db_give(take_from(p));
	db_pool_free(p);
}

TEST_WITH_SERVER(a_cancelled_query_ends_on_the_server_too)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p), *other = take_from(p);
	struct db_call slow = { .text = S("SELECT pg_sleep(600) AS slept") };
	struct db_call look = {
		.text = S("SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%slept' "
			  "AND state = 'active' AND pid <> pg_backend_pid()")
	};
	struct hk_scope scope;
	struct err err = { 0 };
	int64_t until_ns = hk_now_ns() + 20 * HK_SEC;

	hk_scope_open(&scope, 50 * HK_MS);
	CHECK_INT(db_run(d, &slow, 1, 1000, &err), -1);
	CHECK_INT(hk_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
	CHECK(err.sent);
	db_give(d);
	do {
		CHECK_INT(hk_sleep(5 * HK_MS), 0);
		CHECK_INT(db_run(other, &look, 1, 1000, &err), 0);
	} while (!slice_eq(buf_slice(&look.rows), S("[{\"n\":0}]")) && hk_now_ns() < until_ns);
	CHECK_STR(look.rows.p, "[{\"n\":0}]");
	db_give(other);
	buf_done(&slow.rows);
	buf_done(&look.rows);
	db_pool_free(p);
}

/* ---- killed servers -------------------------------------------------------------------------------------------------- */

/* As the engine does: again, as long as the class says that it passes. */
static struct db *take_again(struct db_pool *p) SUSPENDS
{
	int64_t until_ns = hk_now_ns() + 60 * HK_SEC;

	while (hk_now_ns() < until_ns) {
		struct err err = { 0 };
		struct db *d = NULL;
		if (db_take(p, &d, &err) == 0)
			return d;
		CHECK_INT(fault_policy(&err), POLICY_RETRY);
		CHECK(!err.sent);
		if (fault_policy(&err) != POLICY_RETRY) {
			printf("# %s\n", err.text);
			break;
		}
		if (hk_sleep(20 * HK_MS) < 0)
			break;
	}
	return NULL;
}

static void check_lost(const struct db *d, const struct err *err, bool sent)
{
	if (fault_policy(err) != POLICY_RETRY || err->sent != sent)
		printf("# [%s] %s\n", err->state, err->text);
	CHECK_INT(fault_policy(err), POLICY_RETRY);
	CHECK_INT(err->sent, sent);
	CHECK(db_is_broken(d));
}

struct killing {
	int64_t after_ns;
	unsigned times;
};

static int kill_server(void *arg) SUSPENDS
{
	const struct killing *k = arg;

	for (unsigned i = 0; i < k->times; i++) {
		CHECK_INT(hk_sleep(k->after_ns), 0);
		server_restart("immediate");
	}
	return 0;
}

TEST_WITH_SERVER(a_server_killed_in_mid_query)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *idle = take_from(p), *d = take_from(p);
	struct db_call slow = { .text = S("SELECT pg_sleep(600)") };
	struct killing k = { 50 * HK_MS, 1 };
	struct hk_group g;
	struct err err = { 0 };

	db_give(idle);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, kill_server, &k), 0);
	CHECK_INT(db_run(d, &slow, 1, 1000, &err), -1);
	check_lost(d, &err, true);
	CHECK_INT(hk_group_close(&g, 0), 0);
	err = (struct err){ 0 };
	CHECK_INT(db_run(d, &slow, 1, 1000, &err), -1); /* lost is lost */
	CHECK(!err.sent);
	db_give(d);
	d = take_again(p); /* the idle one was closed by the server: it is seen */
	CHECK(d != NULL);
	check_rows(d, "SELECT 1 AS a", NULL, 0, "[{\"a\":1}]");
	db_give(d);
	buf_done(&slow.rows);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_server_killed_in_mid_stream)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct killing k = { 30 * HK_MS, 1 };
	AUTO(buf_done) struct buf row = { 0 };
	struct db_stream *s = NULL;
	struct hk_group g;
	struct err err = { 0 };
	int r;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, kill_server, &k), 0);
	CHECK_INT(db_stream_open(
			  d, S("SELECT g, repeat('x', 1000) FROM generate_series(1, 100000000) g"),
			  NULL, 0, &s, &err),
		  0);
	while ((r = db_stream_next(s, &row, &err)) == 1) {
		buf_clear(&row);
		if (hk_yield() < 0)
			break;
	}
	CHECK_INT(r, -1);
	check_lost(d, &err, true);
	db_stream_free(s);
	db_give(d);
	CHECK_INT(hk_group_close(&g, 0), 0);
	d = take_again(p);
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_server_killed_in_mid_copy)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);
	struct killing k = { 30 * HK_MS, 1 };
	AUTO(buf_done) struct buf rows = { 0 };
	struct hk_group g;
	struct err err = { 0 };
	uint64_t n = 0;
	int r = 0;

	exec_ok(d, "CREATE TABLE half (a int, b text)");
	for (int i = 0; i < 1000; i++)
		CHECK_INT(buf_printf(&rows, "%d\t%0100d\n", i, i), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, kill_server, &k), 0);
	CHECK_INT(db_copy_begin(d, S("COPY half FROM STDIN"), &err), 0);
	for (int i = 0; i < 1000000 && r == 0; i++) {
		r = db_copy_put(d, buf_slice(&rows), &err);
		if (r == 0)
			r = hk_yield();
	}
	if (r == 0)
		r = db_copy_end(d, &n, &err);
	CHECK_INT(r, -1);
	check_lost(d, &err, false); /* what was not ended is not there */
	db_copy_give_up(d);
	db_give(d);
	CHECK_INT(hk_group_close(&g, 0), 0);
	d = take_again(p);
	check_rows(d, "SELECT count(*) AS n FROM half", NULL, 0, "[{\"n\":0}]");
	exec_ok(d, "DROP TABLE half");
	db_give(d);
	db_pool_free(p);
}

/* ---- what `sent` promises ---------------------------------------------------------------------------------------------- */

enum { TRIES = 100000 };
struct commits {
	struct db_pool *pool;
	char said[TRIES]; /* 'y' done, 'n' not, '?' nobody knows, '!' a doubt without reason */
	int n;
	bool over;
};

static char say(const struct err *err)
{
	CHECK_INT(fault_policy(err), POLICY_RETRY);
	if (fault_policy(err) != POLICY_RETRY)
		printf("# [%s] %s\n", err->state, err->text);
	return err->sent ? '?' : 'n';
}

/* One row: by a transaction, or by a batch on its own. */
static char add_row(struct db *d, int i) SUSPENDS
{
	char text[16];
	struct slice value;
	struct db_call call = { .text = S("INSERT INTO counted VALUES ($1)"),
				.params = &value,
				.n = 1 };
	struct err err = { 0 };
	bool open = i % 2;
	int r = open ? db_exec(d, S("BEGIN"), &err) : 0;

	(void)snprintf(text, sizeof(text), "%d", i);
	value = slice_str(text);
	if (r == 0)
		r = db_run(d, &call, 1, 1000, &err);
	buf_done(&call.rows);
	if (open && r < 0 && err.sent)
		return '!'; /* no COMMIT was sent: there is nothing to doubt */
	if (open && r < 0)
		return say(&err);
	if (open)
		r = db_exec(d, S("COMMIT"), &err);
	return r == 0 ? 'y' : say(&err);
}

static int commit_on(void *arg) SUSPENDS
{
	struct commits *c = arg;

	while (!c->over && c->n < TRIES) {
		struct db *d = take_again(c->pool);
		int i = c->n++;
		if (!d)
			return -EIO;
		c->said[i] = add_row(d, i);
		db_give(d);
	}
	return 0;
}

TEST_WITH_SERVER(a_commit_without_an_answer_is_the_only_doubt)
{
	static struct commits c;
	struct killing k = { 150 * HK_MS, 4 };
	struct hk_group g;
	struct db *d;
	struct db_call all = { .text = S("SELECT array_agg(a) AS a FROM counted") };
	struct err err = { 0 };
	struct slice row, list = S(""), key, value;
	static bool there[TRIES];
	int doubts = 0, done = 0;

	c = (struct commits){ .pool = pool_at(server_url, NULL) };
	d = take_from(c.pool);
	exec_ok(d, "CREATE TABLE counted (a int)");
	db_give(d);
	hk_group_open(&g, NULL);
	for (int i = 0; i < 4; i++)
		CHECK_INT(hk_spawn(&g, commit_on, &c), 0);
	CHECK_INT(kill_server(&k), 0);
	c.over = true;
	CHECK_INT(hk_group_close(&g, 0), 0);
	d = take_again(c.pool);
	CHECK_INT(db_run(d, &all, 1, 10 << 20, &err), 0);
	CHECK(json_index(buf_slice(&all.rows), 0, &row) && json_field(row, S("a"), &list));
	struct json_iter it = json_iter(list);
	while (json_next(&it, &key, &value)) {
		int64_t i;
		CHECK_INT(units_int(value, &i), 0);
		CHECK(i >= 0 && i < TRIES && !there[i]);
		there[i] = true;
	}
	for (int i = 0; i < c.n; i++) {
		doubts += c.said[i] == '?';
		done += c.said[i] == 'y';
		if (c.said[i] == '?')
			continue;
		CHECK(c.said[i] != '!');
		CHECK_INT(there[i], c.said[i] == 'y');
	}
	CHECK(done > 0);
	printf("# %d commits over 4 crashes: %d done, %d in doubt\n", c.n, done, doubts);
	exec_ok(d, "DROP TABLE counted");
	db_give(d);
	buf_done(&all.rows);
	db_pool_free(c.pool);
}

/* ---- an answer that gets lost on its way ------------------------------------------------------------------------------------- */

struct wire { /* a proxy for one connection */
	int listener, client, server;
	bool cut; /* the server's next words are taken, and thrown away with the connection */
};

static int pump_back(void *arg) SUSPENDS
{
	struct wire *w = arg;
	char bytes[4096];
	ssize_t n;

	while ((n = hk_read(w->server, bytes, sizeof(bytes))) > 0 && !w->cut)
		if (hk_write(w->client, bytes, (size_t)n) < 0)
			break;
	(void)hk_close(w->client);
	return 0;
}

static int pump_there(void *arg) SUSPENDS
{
	struct wire *w = arg;
	char bytes[4096];
	ssize_t n;

	while ((n = hk_read(w->client, bytes, sizeof(bytes))) > 0)
		if (hk_write(w->server, bytes, (size_t)n) < 0)
			break;
	return 0;
}

static int port_of_server(void)
{
	const char *colon = strrchr(server_url, ':');
	int port = 0;

	for (colon++; *colon >= '0' && *colon <= '9'; colon++)
		port = port * 10 + (*colon - '0');
	return port;
}

static int carry(void *arg) SUSPENDS
{
	struct wire *w = arg;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port_of_server()),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct hk_group g;

	w->client = hk_accept(w->listener);
	w->server = hk_connect((struct sockaddr *)&to, sizeof(to));
	CHECK(w->client >= 0 && w->server >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, pump_back, w), 0);
	CHECK_INT(hk_spawn(&g, pump_there, w), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	(void)hk_close(w->server);
	return 0;
}

static void lose_answer(bool open) SUSPENDS
{
	struct wire w = { .listener = hk_listen("127.0.0.1", 0, 0) };
	struct db_call call = { .text = S("INSERT INTO doubted VALUES (1)") };
	struct db_pool *p;
	struct hk_group g;
	struct err err = { 0 };
	struct db *d;
	char url[256];

	(void)snprintf(url, sizeof(url), "%.*s:%d/hocket",
		       (int)(strrchr(server_url, ':') - server_url), server_url,
		       hk_socket_port(w.listener));
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, carry, &w), 0);
	p = pool_at(url, NULL);
	d = take_from(p);
	if (open) {
		exec_ok(d, "BEGIN");
		CHECK_INT(db_run(d, &call, 1, 1000, &err), 0);
		w.cut = true;
		CHECK_INT(db_exec(d, S("COMMIT"), &err), -1);
	} else {
		check_rows(d, "INSERT INTO doubted SELECT 1 WHERE false RETURNING a", NULL, 0,
			   "[]");
		check_rows(d, "INSERT INTO doubted VALUES (1)", NULL, 0,
			   "[]"); /* known from now on */
		w.cut = true;
		CHECK_INT(db_run(d, &call, 1, 1000, &err), -1);
	}
	check_lost(d, &err, true);
	db_give(d);
	CHECK_INT(hk_group_close(&g, 0), 0);
	(void)hk_close(w.listener);
	buf_done(&call.rows);
	db_pool_free(p);
}

TEST_WITH_SERVER(a_lost_answer_leaves_a_doubt_and_what_was_done)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *d = take_from(p);

	exec_ok(d, "CREATE TABLE doubted (a int)");
	lose_answer(true);
	check_rows(d, "SELECT count(*) AS n FROM doubted", NULL, 0, "[{\"n\":1}]");
	lose_answer(false);
	check_rows(d, "SELECT count(*) AS n FROM doubted", NULL, 0, "[{\"n\":3}]");
	exec_ok(d, "DROP TABLE doubted");
	db_give(d);
	db_pool_free(p);
}

TEST_WITH_SERVER(serialization_failures_and_deadlocks_have_their_state)
{
	struct db_pool *p = pool_at(server_url, NULL);
	struct db *a = take_from(p), *b = take_from(p);
	struct err err = { 0 };

	exec_ok(a, "CREATE TABLE pair (id int PRIMARY KEY, n int); INSERT INTO pair VALUES (1, 0), "
		   "(2, 0)");
	exec_ok(a, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	check_rows(a, "SELECT n FROM pair WHERE id = 1", NULL, 0, "[{\"n\":0}]");
	exec_ok(b, "UPDATE pair SET n = 1");
	check_fails(a, "UPDATE pair SET n = 2 WHERE id = 1", "40001", "could not serialize", &err);
	CHECK_INT(fault_policy(&err), POLICY_RETRY);
	CHECK(!err.sent && !db_is_broken(a));
	exec_ok(a, "ROLLBACK; DROP TABLE pair");
	db_give(a);
	db_give(b);
	db_pool_free(p);
}

static const struct test tests[] = {
	T(a_cancelled_task_never_leaves_its_answer_to_another),
	T(who_is_cancelled_while_connecting_leaves_at_once),
	T(a_cancelled_query_ends_on_the_server_too),
	T(a_server_killed_in_mid_query),
	T(a_server_killed_in_mid_stream),
	T(a_server_killed_in_mid_copy),
	T(a_commit_without_an_answer_is_the_only_doubt),
	T(a_lost_answer_leaves_a_doubt_and_what_was_done),
	T(serialization_failures_and_deadlocks_have_their_state),
};

int main(void)
{
	return server_start() ? RUN_TESTS(tests) : 0;
}
