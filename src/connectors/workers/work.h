/* work.h - the process pool of a place: its options, its life, a call, and what goes wrong as a fault
 *
 * What this room is for: what `python`, `run` and whoever else has workers share. A connector says which program it is and speaks with
 *   it; how many there are, what they may take, and what it means when one ends, stands here.
 * Life cycle: work_plan in plan(), work_open in open(), work_call in call() and call_many(), work_close in close().
 * What must hold: (1) workers inherit the environment but for what is a secret; secrets reach them by `env` only. (2) with
 *   `network: false` they have none, or nothing starts. (3) a fault says which class it is, and shows what the worker printed last. */
#pragma once
#include "engine/port.h"
#include <hocket/process_pool.h>

struct recycle_options {
	int64_t records;
	uint64_t memory;
};
struct work_options {
	int64_t workers, startup_ns;
	struct recycle_options *recycle;
	uint64_t memory;
	struct opt_map env; /* v: struct tpl *[] */
	const char *folder;
	bool network, writes, idempotent;
};
extern const struct opt work_recycle_table[];

/* Lines of an option table. */
#define WORK_OPTIONS(T, field)                                                                     \
	OPT("workers", T, field.workers, OPT_INT, int64_t, .tuning = true, .min = 1, .max = 1024,  \
	    .doc = "processes, and calls at once; as many as there are cores"),                    \
		OPT("recycle", T, field.recycle, OPT_TABLE, struct recycle_options *,              \
		    .sub = work_recycle_table, .sub_size = sizeof(struct recycle_options),         \
		    .tuning = true,                                                                \
		    .doc = "when a worker is replaced by a fresh one, between two calls"),         \
		OPT("memory", T, field.memory, OPT_SIZE, uint64_t, .tuning = true,                 \
		    .doc = "address space that a worker may have (RLIMIT_AS); who wants more is "  \
			   "told that there is none: worker_oom"),                                 \
		OPT("startup", T, field.startup_ns, OPT_DURATION, int64_t, .tuning = true,         \
		    .fallback = "1m", .doc = "how long a worker may take until it is ready"),      \
		OPT("env", T, field.env, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,              \
		    .secret = true, .at_plan = true,                                               \
		    .doc = "environment variables beside our own: {API_KEY: $secret.KEY}"),        \
		OPT("folder", T, field.folder, OPT_PATH, const char *,                             \
		    .doc = "where workers are started; the pipeline's folder"),                    \
		OPT("network", T, field.network, OPT_BOOL, bool, .fallback = "true",               \
		    .doc = "false: workers, and what they start, can open no connection"),         \
		OPT("writes", T, field.writes, OPT_BOOL, bool,                                     \
		    .doc = "the work changes something outside (sends, books, deletes): it is "    \
			   "done at most once for each record, unless it is `idempotent`"),        \
		OPT("idempotent", T, field.idempotent, OPT_BOOL, bool,                             \
		    .doc = "doing it twice changes nothing more: it is tried again also when its " \
			   "outcome is unknown")

/* Which program, and how it is spoken to. */
struct work_program {
	const char *const *argv;
	const int *keep; /* what it has as 5, 6, ... (with lines: 3, 4, ...); borrows until close */
	size_t keep_n;
	bool lines;
	const char *hint; /* for a time-out: what it may be; NULL */
};
struct work {
	struct hk_process_pool *pool;
	char **env;       /* owns; ends with NULL */
	const char *hint; /* borrows */
	uint64_t killed;  /* processes that the kernel had killed for memory, when we looked last */
	bool limited;     /* there is a limit on memory */
	int64_t timeout_ns;
};

void work_plan(const struct work_options *, struct facts *);
enum safety work_safety(const struct work_options *, const struct call *);
struct hk_process_options work_process(const struct work_options *, struct site *,
				       char *const *env);
MUST int work_open(struct work *, const struct work_options *, const struct work_program *,
		   struct site *, struct err *) SUSPENDS;
void work_close(struct work *) SUSPENDS;
/* 0 and an answer (hk_answer_done), or -1 with *err. */
MUST int work_call(struct work *, const struct hk_part *, size_t n, struct hk_answer *ret,
		   struct err *) SUSPENDS;
/* How a process ended that was not to end: crash, or memory. `why` in words. */
void work_fail_ended(struct work *, struct hk_exit, const char *why, struct err *);
/* The same verdict for all of a call. */
void work_give_fault(struct call *const *, size_t n, const struct err *);
