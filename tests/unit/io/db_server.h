/* db_server.h - a PostgreSQL of the tests' own, by tools/postgres-server; started once a program, gone at its end */
#pragma once
#include "../check.h"
#include "io/db.h"
#include <hocket/hocket.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SOURCE_ROOT
#define SOURCE_ROOT "."
#endif

static char server_dir_[128], server_url[256],
	server_bouncer[256]; /* bouncer: "" without pgbouncer */

/* The command's first line of output. -1: it failed; 77: what it needs is not installed. */
static inline int server_do(const char *verb, const char *arguments, char *line, size_t cap)
{
	char command[512];
	FILE *out;
	int status;

	(void)snprintf(command, sizeof(command), "%s/tools/postgres-server %s %s %s", SOURCE_ROOT,
		       verb, server_dir_, arguments);
	out = popen(command, "r");
	if (!out)
		return -1;
	if (line && (!fgets(line, (int)cap, out) || !strchr(line, '\n')))
		line[0] = 0;
	if (line)
		line[strcspn(line, "\n")] = 0;
	status = pclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void server_stop_(void)
{
	(void)server_do("stop", "", NULL, 0);
}

/* true: server_url is filled; false: PostgreSQL is not installed. */
static inline bool server_try(void)
{
	int r;

	(void)snprintf(server_dir_, sizeof(server_dir_), "/tmp/hocket-db-%d", (int)getpid());
	r = server_do("start", "-c fsync=off -c deadlock_timeout=100ms", server_url,
		      sizeof(server_url));
	if (r == 77) {
		server_url[0] = 0;
		return false;
	}
	if (r != 0 || !server_url[0]) {
		printf("Bail out! PostgreSQL does not start: %d\n", r);
		exit(1);
	}
	(void)atexit(server_stop_);
	return true;
}

/* The same; where there is none, the whole program says so aloud. */
static inline bool server_start(void)
{
	if (!server_try()) {
		printf("1..0 # SKIP PostgreSQL is not installed (Debian: postgresql)\n");
		return false;
	}
	if (server_do("bouncer", "4", server_bouncer, sizeof(server_bouncer)) != 0)
		server_bouncer[0] = 0;
	return true;
}

static inline int restart_blocking_(void *arg)
{
	return server_do("restart", arg, NULL, 0);
}

/* As after a crash (immediate) or by a careful administrator (fast); other tasks go on meanwhile. */
static inline void server_restart(const char *mode) HK_SUSPENDS
{
	CHECK_INT(hk_offload(restart_blocking_, (void *)(uintptr_t)mode), 0);
}

/* A test whose body is a task on the real clock. */
#define TEST_WITH_SERVER(name)                                                    \
	static void name##_body_(void);                                           \
	static int name##_main_(void *arg)                                        \
	{                                                                         \
		name##_body_();                                                   \
		return 0;                                                         \
	}                                                                         \
	static void name(void)                                                    \
	{                                                                         \
		struct hk_run_options o_ = { .stall_ns = HK_FOREVER, .seed = 7 }; \
		CHECK_INT(hk_run(name##_main_, NULL, &o_), 0);                    \
	}                                                                         \
	static void name##_body_(void)

static inline struct db_pool *pool_at(const char *url, const struct db_pool_options *o)
{
	struct err err = { 0 };
	struct db_pool *p = NULL;

	CHECK_INT(db_pool_open(slice_str(url), o, &p, &err), 0);
	CHECK_STR(err.text, "");
	return p;
}

static inline struct db *take_from(struct db_pool *p) HK_SUSPENDS
{
	struct err err = { 0 };
	struct db *d = NULL;

	CHECK_INT(db_take(p, &d, &err), 0);
	CHECK_STR(err.text, "");
	return d;
}

static inline void exec_ok(struct db *d, const char *text) HK_SUSPENDS
{
	struct err err = { 0 };

	CHECK_INT(db_exec(d, slice_str(text), &err), 0);
	CHECK_STR(err.text, "");
}

/* The rows of one statement. */
static inline void check_rows(struct db *d, const char *text, const struct slice *params, size_t n,
			      const char *want) HK_SUSPENDS
{
	struct db_call call = { .text = slice_str(text), .params = params, .n = n };
	struct err err = { 0 };

	CHECK_INT(db_run(d, &call, 1, 1 << 20, &err), 0);
	CHECK_STR(err.text, "");
	CHECK_SLICE(buf_slice(&call.rows), slice_str(want));
	buf_done(&call.rows);
}

/* One statement that must fail. */
static inline void check_fails(struct db *d, const char *text, const char *state, const char *words,
			       struct err *err) HK_SUSPENDS
{
	struct db_call call = { .text = slice_str(text) };

	*err = (struct err){ 0 };
	CHECK_INT(db_run(d, &call, 1, 1 << 20, err), -1);
	CHECK_STR(err->state, state);
	CHECK(strstr(err->text, words) != NULL);
	if (!strstr(err->text, words))
		printf("# the text is [%s]\n", err->text);
	buf_done(&call.rows);
}
