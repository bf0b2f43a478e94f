/* worker_pool.h - a pool of workers that are this very program (bad_worker.h), and calls to them */
#pragma once
#include "bad_worker.h"
#include "real_loop.h"
#include "base/units.h"
#include <hocket/process_pool.h>
#include <signal.h>
#include <unistd.h>

static char self[4096];

static inline struct hk_process_pool *pool_of(const char *how, struct hk_process_pool_options o)
{
	const char *argv[] = { self, "worker", how, NULL };
	struct hk_process_pool *pool = NULL;

	o.argv = argv;
	o.process.grace_ns = o.process.grace_ns ? o.process.grace_ns : 10 * HK_SEC;
	CHECK_INT(hk_process_pool_new(&o, &pool), 0);
	return pool;
}

static inline struct hk_process_pool *pool_new(unsigned workers)
{
	return pool_of(NULL, (struct hk_process_pool_options){ .workers = workers });
}

static inline int call(struct hk_process_pool *pool, const char *mode, struct slice blob,
		       struct hk_answer *ret)
{
	struct hk_part parts[2] = { { mode, strlen(mode) }, { blob.p, blob.n } };
	return hk_process_pool_call(pool, parts, blob.p ? 2 : 1, ret);
}

static inline struct slice answer_text(const struct hk_answer *a)
{
	return a->parts_n == 1 ? (struct slice){ a->parts[0].bytes, a->parts[0].n }
			       : S("(no part)");
}

/* The call's result; what it answered or why not in text. */
static inline int call_text(struct hk_process_pool *pool, const char *mode, char text[512])
{
	struct hk_answer a;
	int r = call(pool, mode, (struct slice){ 0 }, &a);

	snprintf(text, 512, "%.*s", SLICE(r < 0 ? slice_str(a.why) : answer_text(&a)));
	hk_answer_done(&a);
	return r;
}

static inline struct hk_process_pool_stats stats_of(const struct hk_process_pool *pool)
{
	struct hk_process_pool_stats s;

	hk_process_pool_stats_get(pool, &s);
	return s;
}

static inline pid_t pid_in(const char *text)
{
	int64_t pid = 0;

	ASSERT(units_int(slice_str(text), &pid) == 0 &&
	       pid > 1); /* 0 and 1 mean others, to kill(2) */
	return (pid_t)pid;
}

/* First thing in main: where the program is, and whether it was started to work. */
static inline bool is_worker(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ASSERT(n > 0);
	return argc > 1 && strcmp(argv[1], "worker") == 0;
}
