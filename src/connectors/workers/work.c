/* work.c - the process pool of a place
 *
 * What this room is for: from options to a pool of workers, and from what became of a call to a fault with its class.
 * What flows through:    parts to a worker and back; words about its end.
 * What must hold:
 *  (1) a class says what happened, so that the same input gives the same one: an exception worker_error, garbage worker_output, an end
 *      worker_crash, no more memory worker_oom, no answer in time worker_timeout. (2) a worker that cannot be started is nobody's record:
 *      it stops the run. (3) what was begun counts as sent. */
#include "connectors/workers/work.h"
#include "base/banned.h"
#include "base/units.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/run.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRACE_NS    (2 * HK_SEC)
#define ANSWER_MOST (64u << 20) /* of one call; a batch that has more is halved */

const struct opt work_recycle_table[] = {
	OPT("records", struct recycle_options, records, OPT_INT, int64_t, .verb = true, .min = 1,
	    .max = 1000000000, .doc = "after so many calls"),
	OPT("memory", struct recycle_options, memory, OPT_SIZE, uint64_t,
	    .doc = "above so much memory (resident)"),
	OPT_END,
};

/* ---- the file -------------------------------------------------------------------------------------- */

static unsigned cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	return n > 0 ? (unsigned)n : 1;
}

void work_plan(const struct work_options *o, struct facts *facts)
{
	bool changes = o->writes || o->idempotent;
	facts->effect = changes ? EFFECT_WRITES : EFFECT_NONE;
	facts->guarantee = o->idempotent ? IDEMPOTENT : APPEND_ONLY;
	facts->keyless = true;
	facts->local = !changes;
	facts->own_clock = true;
	facts->replaces = true;
	facts->concurrency = o->workers ? (unsigned)o->workers : cores();
}

enum safety work_safety(const struct work_options *o, const struct call *c)
{
	if (!o->writes && !o->idempotent)
		return SAFE;
	return o->idempotent || c->retry_unsafe ? KEYED : UNSAFE;
}

/* ---- the environment --------------------------------------------------------------------------------- */

static size_t count_texts(char *const *texts)
{
	size_t n = 0;
	while (texts[n])
		n++;
	return n;
}

static int add_own(const char *name, const struct tpl *value, char **at, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { .max = 1u << 17 };
	const struct env env = { .record = S("null") };
	if (buf_printf(&text, "%s=", name) < 0 || tpl_text(value, &env, &text, err) < 0)
		return err->fault ? err_wrap(err, "env: %s", name)
				  : fail(err, FAULT_CONFIG, "env: %s is too long", name);
	if (memchr(text.p, 0, text.n))
		return fail(err, FAULT_CONFIG, "env: %s has a NUL in it", name);
	*at = xstrndup(text.p, text.n);
	return 0;
}

static bool is_overridden(const struct work_options *o, const char *variable)
{
	size_t n = strcspn(variable, "=");
	for (size_t i = 0; i < o->env.n; i++)
		if (strlen(o->env.keys[i]) == n && strncmp(o->env.keys[i], variable, n) == 0)
			return true;
	return false;
}

static bool is_withheld(const struct work_options *o, const struct site *site, const char *variable)
{
	struct slice name = { variable, strcspn(variable, "=") };
	return is_overridden(o, variable) || site_names_secret(site, name) ||
	       site_is_secret(site, slice_str(variable));
}

/* As hk_process_options has it. Owned by the caller: env_done. */
static int make_env(const struct work_options *o, struct site *site, char ***ret,
		    struct err *err) SUSPENDS
{
	size_t n = 0;
	char **env = *ret = xcalloc(count_texts(environ) + o->env.n + 1, sizeof(*env));
	for (char *const *v = environ; *v; v++)
		if (!is_withheld(o, site, *v))
			env[n++] = xstrndup(*v, strlen(*v));
	for (size_t i = 0; i < o->env.n; i++)
		if (add_own(o->env.keys[i], ((struct tpl *const *)o->env.v)[i], &env[n++], err) < 0)
			return -1;
	return 0;
}

static void env_done(char ***env)
{
	for (size_t i = 0; *env && (*env)[i]; i++)
		free((*env)[i]);
	free(*env);
	*env = NULL;
}

/* ---- the door ------------------------------------------------------------------------------------------ */

struct hk_process_options work_process(const struct work_options *o, struct site *site,
				       char *const *env)
{
	return (struct hk_process_options){
		.env = (const char *const *)env,
		.folder = o->folder ? o->folder : site_folder(site),
		.memory_bytes = o->memory,
		.no_network = !o->network,
		.grace_ns = GRACE_NS,
	};
}

/* How many processes the kernel has killed for memory, on this machine; 0: it does not say. */
static uint64_t oom_kills(void)
{
	char text[16384];
	int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int64_t count = 0;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *at = strstr(text, "\noom_kill ");
	if (!at)
		return 0;
	at += sizeof("\noom_kill ") - 1;
	return units_int((struct slice){ at, strcspn(at, "\n") }, &count) < 0 ? 0 : (uint64_t)count;
}

static void hear(void *site, const char *line, size_t n)
{
	site_said(site, (struct slice){ line, n });
}

int work_open(struct work *w, const struct work_options *o, const struct work_program *program,
	      struct site *site, struct err *err)
{
	if (make_env(o, site, &w->env, err) < 0)
		return -1;
	struct hk_process_pool_options pool = {
		.argv = program->argv,
		.workers = site->concurrency,
		.timeout_ns = site->timeout_ns,
		.start_timeout_ns = o->startup_ns,
		.recycle_calls = o->recycle ? (unsigned)o->recycle->records : 0,
		.recycle_bytes = o->recycle ? o->recycle->memory : 0,
		.max_frame_bytes = ANSWER_MOST,
		.lines = program->lines,
		.said = site_is_heard(site) ? hear : NULL,
		.said_arg = site,
		.process = work_process(o, site, w->env),
	};
	pool.process.keep = program->keep;
	pool.process.keep_n = program->keep_n;
	w->hint = program->hint;
	w->limited = o->memory > 0;
	w->timeout_ns = site->timeout_ns;
	w->killed = oom_kills();
	int r = hk_process_pool_new(&pool, &w->pool);
	return r < 0 ? fail_errno(err, FAULT_CONFIG, r, "no workers") : 0;
}

void work_close(struct work *w)
{
	hk_process_pool_free(take(w->pool));
	env_done(&w->env);
}

/* ---- what went wrong --------------------------------------------------------------------------------------- */

/* Words of runtimes that were refused memory and gave up. */
static bool speaks_of_memory(const char *why)
{
	static const char *const words[] = { "MemoryError", "bad_alloc", "out of memory",
					     "Cannot allocate memory", "OutOfMemory" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(why, words[i]))
			return true;
	return false;
}

void work_fail_ended(struct work *w, struct hk_exit exit, const char *why, struct err *err)
{
	uint64_t killed = exit.signal == SIGKILL ? oom_kills() : w->killed;
	bool memory = killed > w->killed || (w->limited && speaks_of_memory(why));
	w->killed = killed;
	err->code = memory ? 0 : exit.signal;
	err->sent = true;
	fail(err, memory ? FAULT_WORKER_OOM : FAULT_WORKER_CRASH, "%s%s", why,
	     killed && memory && exit.signal == SIGKILL ? ": the machine had no more memory" : "");
}

static int fail_call(struct work *w, int r, const struct hk_answer *a, struct err *err)
{
	err->sent = r != -ENOEXEC;
	if (r == -EREMOTEIO)
		return fail(err, FAULT_WORKER_ERROR, "%s", a->why);
	if (r == -EBADMSG)
		return fail(err, FAULT_WORKER_OUTPUT, "%s", a->why);
	if (r == -EMSGSIZE)
		return fail(err, FAULT_TOO_LARGE, "%s", a->why);
	if (r == -ETIMEDOUT)
		return fail(err, FAULT_WORKER_TIMEOUT, "%s%s", a->why, w->hint ? w->hint : "");
	if (r == -ENOEXEC)
		return fail(err, FAULT_CONFIG, "%s", a->why);
	if (r == -EPIPE)
		work_fail_ended(w, a->exit, a->why, err);
	else
		fail_errno(err, FAULT_IO, r, "a call to a worker");
	return -1;
}

int work_call(struct work *w, const struct hk_part *parts, size_t n, struct hk_answer *ret,
	      struct err *err)
{
	int r = hk_process_pool_call(w->pool, parts, n, ret);
	return r < 0 ? fail_call(w, r, ret, err) : 0;
}

void work_give_fault(struct call *const *calls, size_t n, const struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		calls[i]->verdict = VERDICT_FAULT;
		calls[i]->err = *err;
	}
}
