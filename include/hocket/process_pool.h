/* hocket/process_pool.h - warm worker processes for CPU work (ProcessPoolExecutor, that survives its workers)
 *
 * What this room is for: work that computes long, leaks, crashes or hangs: renderers, models, parsers of hostile files, in any
 *   language. Bytes go in, bytes come out; nothing is shared.
 * Life cycle: hk_process_pool_new starts nothing; workers start when calls come, up to `workers`, and stay warm;
 *   hk_process_pool_free stops them all, before hk_run's main function returns. Any task of the loop may call and free. Not
 *   for the virtual clock: real processes need real time.
 * What must hold: (1) a worker has one call at a time; calls are served first come, first served. (2) a crash, a time-out, a
 *   broken frame or an exit costs exactly the call that the worker had; a new worker takes its place and the pool keeps its
 *   width; a worker that dies while it has none costs nothing. (3) a cancelled or timed-out call's worker is killed with its whole process group. (4) a worker is replaced after
 *   `recycle_calls` calls or above `recycle_bytes` of memory, between calls. (5) no worker survives this process, even after kill
 *   -9. (6) a worker that cannot be started at all fails calls with the reason instead of being tried for ever.
 * A worker that answers before it has read its call can block both sides: give calls a time-out.
 * The frames that travel on the pipes are described in docs/reference/worker-protocol.md; so are the lines of `lines`. */
#ifndef HOCKET_PROCESS_POOL_H
#define HOCKET_PROCESS_POOL_H
#include <hocket/process.h>

HK_BEGIN
struct hk_process_pool;

struct hk_process_pool_options {
	const char *const *argv;  /* the worker's program; copied */
	unsigned workers;         /* 0: as many as there are cores */
	int64_t timeout_ns;       /* of one call, without waiting in line; 0: none */
	int64_t start_timeout_ns; /* until a worker says that it is ready; 0: 30 s */
	unsigned recycle_calls;   /* 0: never */
	uint64_t recycle_bytes;   /* resident memory; 0: never */
	uint64_t max_frame_bytes; /* of one answer; 0: 64 MiB */
	/* Any program that answers each line of its standard input with one of its standard output, instead of frames: a call is one
	 * part without a line end, and so is its answer. There is no hello: it is ready at once. */
	bool lines;
	/* Who wants to hear each line that workers print, without its end, cut at some hundred bytes; must not suspend. May be NULL. */
	void (*said)(void *arg, const char *line, size_t n);
	void *said_arg;
	struct hk_process_options
		process; /* in and out are ignored; `keep` follows as 5, 6, ... (with lines: 3, 4, ...) */
};
/* One call's message or answer: parts, so that text and blobs travel side by side without being encoded. */
struct hk_part {
	const void *bytes;
	size_t n;
};
struct hk_answer {
	struct hk_part *parts; /* borrow from storage_ */
	size_t parts_n;
	/* Why there is none, for a message: "worker was killed by signal 11 (Segmentation fault)", the error text that the worker
	 * sent, or the last lines of its standard error. Empty on success. */
	char why[512];
	struct hk_exit exit; /* with -EPIPE: how it ended, when that is known; else both 0 */
	void *storage_;
};
/* 0, -EINVAL: no argv. */
HK_MUST int hk_process_pool_new(const struct hk_process_pool_options *,
				struct hk_process_pool **ret);
/* No call may be on the way. All workers at once: end of their calls, SIGTERM and SIGKILL, each after half of the grace.
 * Also while cancelled. Accepts NULL. */
void hk_process_pool_free(struct hk_process_pool *) HK_SUSPENDS;
/* 0; else *ret has only `why`: -EREMOTEIO the worker answered with an error; -EPIPE it ended or crashed; -ETIMEDOUT; -EBADMSG a broken
 * frame, or a line too many; -EMSGSIZE a frame or line that is too large; -ENOEXEC workers cannot be started; -ECANCELED; -E2BIG more than
 * 65,536 parts; -ENOMEM for the answer. The start of a worker belongs to the pool: a caller that is cancelled while it waits for one leaves it to the next. */
HK_MUST int hk_process_pool_call(struct hk_process_pool *, const struct hk_part *parts, size_t n,
				 struct hk_answer *ret) HK_SUSPENDS;
void hk_answer_done(struct hk_answer *);

struct hk_process_pool_stats {
	uint64_t calls;   /* made */
	uint64_t started; /* workers that became ready */
	uint64_t recycled, timed_out;
	uint64_t crashed; /* ended by themselves, or killed for a broken frame */
	unsigned workers; /* living, those included that start or end */
	unsigned busy;    /* with a call */
	size_t waiting;   /* calls in line */
};
void hk_process_pool_stats_get(const struct hk_process_pool *, struct hk_process_pool_stats *);

/* ---- the worker's side, in C ---- */

/* One call: fills *ret (malloc'd by the function, freed by the caller with free) and returns 0, or returns -1 with a sentence in
 * why. */
typedef int hk_worker_fn(const struct hk_part *parts, size_t n, void **ret, size_t *ret_n,
			 char why[512], void *arg);
/* The main of a worker: serves calls until the pool ends; returns the exit status. Not in a loop. What fn prints goes to standard
 * error, not between the frames. */
int hk_worker_run(hk_worker_fn *fn, void *arg);

HK_END
#endif
