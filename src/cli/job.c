/* job.c - one pipeline, run from the command line
 *
 * What this room is for: `hocket run` and `hocket fetch` from the first word to the exit code: load the plan, run it beside a
 *   progress task and a signal task, print the account.
 * What flows through:    flags and a pipeline in; words on stderr and an exit code out. Data never passes here.
 * What must hold:
 *  (1) mistakes in the file are told before anything is touched (78).
 *  (2) the first SIGINT or SIGTERM drains, the second stops at once; both leave a run that can be resumed. SIGQUIT
 *      prints what every task does, and the run goes on.
 *  (3) the JSON summary, when asked for, is the last line of stderr on every path out. */
#include "cli/job.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/exits.h"
#include "cli/hints.h"
#include "cli/term.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { DESCRIPTORS_BESIDE = 4500 }; /* files, databases, senders: what is no call */

#define DEFAULT_GRACE_NS (25 * HK_SEC)
#define STALL_NS         HK_SEC /* so long nothing goes on, and one is told why */

static bool wants_summary(const struct job *job)
{
	return args_has(job->args, FLAG_SUMMARY);
}

/* Answers can echo what was sent to them: no secret's value leaves in a message. */
static void say_redacted(const struct job *job, struct slice text)
{
	AUTO(buf_done) struct buf clean = { 0 };
	if (secrets_redact(job->loading.secrets, text, &clean) == 0)
		say_raw(buf_slice(&clean));
}

/* ---- the end ---- */

static int fail_early(struct job *job, int code, const char *text)
{
	AUTO(buf_done) struct buf out = { 0 };
	if (wants_summary(job) && account_put_json_failed(code, text, &out) == 0)
		say_raw(buf_slice(&out));
	return code;
}

static const char *state_shown(const struct job *job, struct buf *path)
{
	if (job->keep_nothing || job->plan->state_off)
		return NULL;
	return plan_put_state_path(job->plan, path) == 0 ? path->p : NULL;
}

static int tell(struct job *job)
{
	AUTO(buf_done) struct buf out = { 0 }, path = { 0 }, summary = { 0 };
	struct account account = {
		.plan = job->plan,
		.result = &job->result,
		.run = job->run,
		.state_path = state_shown(job, &path),
		.before = job->before,
		.verbose = args_has(job->args, FLAG_VERBOSE),
		.replay = job->replays,
	};
	int code = account_exit(&account);
	if (job->judge)
		code = job->judge(&account, code);
	bool silent = args_has(job->args, FLAG_QUIET) && code == EXITS_DONE;
	int r = silent ? 0 : account_put(&account, &out);
	say_redacted(job, buf_slice(&out));
	if (job->result.end == RUN_FAILED)
		(void)hints_missing_folders(job->plan);
	int written = wants_summary(job) ? account_put_json(&account, code, &summary) : 0;
	say_redacted(job, buf_slice(&summary));
	return r < 0 || written < 0 ? EXITS_FAILED : code;
}

/* ---- beside the run ---- */

static void tell_stopping(struct job *job, const char *why, const char *how)
{
	uint64_t in_flight = 0;
	for (size_t i = 0; i < run_place_count(job->run); i++) {
		struct place_stats s;
		run_place_stats(job->run, i, &s);
		in_flight += s.in_flight;
	}
	AUTO(buf_done) struct buf grace = { 0 };
	int64_t grace_ns = job->options.grace_ns > 0 ? job->options.grace_ns : 0;
	if (units_put_duration(&grace, grace_ns) == 0)
		progress_say(job->progress, "%s: %llu in flight, up to %s; %s to stop at once", why,
			     (unsigned long long)in_flight, grace.p, how);
	job->told_stopping = true;
}

static int watch_signals(void *arg) SUSPENDS
{
	struct job *job = arg;
	int r;
	while ((r = hk_signal_wait()) >= 0) {
		if (r == SIGQUIT) {
			progress_dump();
			continue;
		}
		if (run_is_stopping(job->run))
			progress_say(job->progress, "stopping at once");
		else
			tell_stopping(job, "stopping", "again");
		run_stop(job->run);
	}
	return r;
}

/* It may stop by itself, because too much failed: that is said when it takes a while. */
static int watch_drain(void *arg) SUSPENDS
{
	struct job *job = arg;
	int r = run_wait_stopping(job->run);
	r = r < 0 ? r : hk_sleep(HK_SEC);
	if (r == 0 && !job->told_stopping)
		tell_stopping(job, "too much fails, stopping", "Ctrl-C");
	return r;
}

static int watch_time(void *arg) SUSPENDS
{
	struct job *job = arg;
	int r = until_wait(&job->until);
	if (r == 0 && !run_is_stopping(job->run)) {
		tell_stopping(job, "the time is up", "Ctrl-C");
		run_drain(job->run);
	}
	return r;
}

static enum progress_kind progress_kind(const struct job *job)
{
	const struct given *g = args_get(job->args, FLAG_PROGRESS);
	if (g)
		return (enum progress_kind)g->number;
	return args_has(job->args, FLAG_QUIET) ? PROGRESS_NONE : PROGRESS_AUTO;
}

static void tell_earlier(const struct job *job)
{
	if (run_notice(job->run)[0] && !args_has(job->args, FLAG_QUIET))
		say("%s", run_notice(job->run));
}

static void tell_resuming(struct job *job)
{
	uint64_t settled = job->before.delivered + job->before.filtered + job->before.duplicate +
			   job->before.dead;
	AUTO(buf_done) struct buf n = { 0 };
	if (settled == 0 || args_has(job->args, FLAG_QUIET) ||
	    units_put_count(&n, (int64_t)settled) < 0)
		return;
	say("going on with %s %s: %s records are done", job->replays ? "replay" : "run",
	    run_id(job->run), n.p);
}

static void warn_insecure(const struct job *job, const struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].facts.insecure)
			say("warning: %s '%s' checks no certificates (insecure: true): anybody "
			    "on the way may answer in its name",
			    places == job->plan->sources ? "source" : "step", places[i].label);
}

static void warn_spelt(const struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].facts.spelt)
			say("warning: '%s': a password stands in the pipeline file, for all who "
			    "may "
			    "read it: write $secret.NAME there, and set NAME in the environment or "
			    "with --secrets",
			    places[i].label);
}

/* The run between its companions, which end with it. */
static int run_beside(struct job *job) SUSPENDS
{
	struct hk_group side;
	hk_group_open(&side, NULL);
	int r = hk_spawn(&side, progress_task, job->progress);
	if (r == 0)
		r = hk_spawn(&side, watch_signals, job);
	if (r == 0)
		r = hk_spawn(&side, watch_drain, job);
	if (r == 0 && (job->until.after_ns || job->until.wall_ns))
		r = hk_spawn(&side, watch_time, job);
	if (r == 0)
		run_go(job->run, &job->result);
	hk_group_cancel(&side);
	int closed = hk_group_close(&side, 0);
	return r < 0 ? r : closed == -ECANCELED ? 0 : closed;
}

/* Each call may have a connection of its own. The limit that one begins with is mostly 1,024, for programs that use select(), and may be raised. */
static void raise_descriptors(const struct job *job)
{
	struct rlimit limit;
	rlim_t wanted = run_calls_at_once(job->plan) + DESCRIPTORS_BESIDE;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	if (limit.rlim_max < wanted)
		say("warning: its calls may need %llu descriptors at once, and this process may "
		    "have %llu: raise "
		    "the hard limit (ulimit -Hn; LimitNOFILE= of systemd), or lower `concurrency`",
		    (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* up to the hard limit anybody may */
}

static int run_opened(struct job *job) SUSPENDS
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT };
	raise_descriptors(job);
	run_counts(job->run, &job->before);
	tell_resuming(job);
	tell_earlier(job);
	warn_insecure(job, job->plan->sources, job->plan->source_count);
	warn_insecure(job, job->plan->steps, job->plan->step_count);
	warn_spelt(job->plan->sources, job->plan->source_count);
	warn_spelt(job->plan->steps, job->plan->step_count);
	warn_spelt(job->plan->sinks, job->plan->sink_count);
	int r = hk_signal_open(signals, ARRAY_SIZE(signals));
	if (r < 0) {
		say("cannot watch for signals: %s", strerror(-r));
		return fail_early(job, EXITS_FAILED, "cannot watch for signals");
	}
	job->progress = progress_new(job->run, job->plan, progress_kind(job));
	r = run_beside(job);
	progress_free(take(job->progress));
	hk_signal_close();
	if (r < 0) {
		say("cannot run: %s", strerror(-r));
		return fail_early(job, EXITS_FAILED, strerror(-r));
	}
	return tell(job);
}

/* ---- the beginning ---- */

static int load(struct job *job, struct err *err)
{
	if (loading_init(&job->loading, job->args, err) < 0)
		return -1;
	job->loading.settings.once |= job->replays;
	if (job->path)
		return plan_load(job->path, &job->loading.settings, &job->diag, &job->plan, err);
	job->diag = diag_new("fetch");
	job->plan = plan_parse(job->text, "fetch", job->folder, &job->loading.settings, job->diag);
	return job->plan ? 0 : -2;
}

static int64_t number(const struct job *job, enum flag_id id, int64_t otherwise)
{
	const struct given *g = args_get(job->args, id);
	return g ? g->number : otherwise;
}

/* --allow may stand several times. */
static void read_allow(struct job *job)
{
	const struct args *args = job->args;
	const char **words = xcalloc(args->given_count + 1, sizeof(*words));
	size_t n = 0;
	for (size_t i = 0; i < args->given_count; i++)
		if (args->given[i].flag->id == FLAG_ALLOW)
			words[n++] = args->given[i].text;
	job->options.allow = job->allow = words;
	job->options.allow_count = n;
}

/* Of --max-failures and --fail-fast the one that says less. */
static void read_max_failures(struct job *job)
{
	const struct given *g = args_get(job->args, FLAG_MAX_FAILURES);
	struct failure_limit *limit = &job->options.max_failures;
	if (g && g->percent)
		limit->per_million = g->number;
	else if (g)
		limit->count = g->number;
	if (args_has(job->args, FLAG_FAIL_FAST))
		*limit = (struct failure_limit){ .count = 1 };
}

/* Its form was checked with the command line; what has passed since then is past. */
static void read_until(struct job *job)
{
	const struct given *g = args_get(job->args, FLAG_UNTIL);
	if (g && until_parse(g->text, clock_wall_ns(), &job->until) < 0)
		job->until = (struct until){ .after_ns = 1 };
}

static void hear(void *arg, const char *label, struct slice line)
{
	progress_said(label, line);
}

static void warn(void *arg, const char *label, struct slice line)
{
	progress_warned(label, line);
}

static void read_options(struct job *job)
{
	read_allow(job);
	job->options.fresh |= args_has(job->args, FLAG_FRESH);
	job->options.limit = number(job, FLAG_LIMIT, 0);
	job->options.grace_ns = number(job, FLAG_GRACE, DEFAULT_GRACE_NS);
	if (job->options.grace_ns == 0)
		job->options.grace_ns = -1; /* --grace 0s: to the engine 0 is the default */
	read_max_failures(job);
	read_until(job);
	job->options.memory_bytes = (uint64_t)number(job, FLAG_MEMORY, 0);
	job->options.tool_version = HOCKET_VERSION;
	job->options.warned = warn;
	if (args_has(job->args, FLAG_VERBOSE))
		job->options.said = hear;
}

static int exit_of_opening(const struct job *job, const struct err *err)
{
	/* 42: a statement in the file that its database does not take. */
	bool statement = err->fault == FAULT_SQL && strncmp(err->state, "42", 2) == 0;
	if (!job->plan || statement)
		return EXITS_FILE;
	return err->fault == FAULT_BROKEN ? EXITS_BROKEN : EXITS_FAILED;
}

/* What is told, and not asked, has no end that it could come to. */
static bool refuse_once(const struct job *job)
{
	const struct plan *p = job->plan;
	if (!args_has(job->args, FLAG_ONCE) || !plan_is_endless(p))
		return false;
	say("--once: '%s' never ends; --until 5m or --limit 1000 ends the run",
	    p->sources[p->source_count - 1].label);
	return true;
}

static int job_main(void *arg) SUSPENDS
{
	struct job *job = arg;
	struct err err = { 0 };
	if (job->path && hints_refuse_data(job->path))
		return fail_early(job, EXITS_FILE, "the file is data, not a pipeline");
	int r = load(job, &err);
	if (r == -2) {
		loading_tell(job->diag);
		return fail_early(job, EXITS_FILE, "the pipeline file has mistakes");
	}
	if (r == 0 && refuse_once(job))
		return fail_early(job, EXITS_USAGE, "--once has no meaning here");
	if (job->replays && choosing_init(&job->choosing, job->args) < 0)
		return fail_early(job, EXITS_USAGE, "the choice of dead letters has mistakes");
	if (job->replays)
		job->options.replay = &job->choosing.choice;
	if (r == 0)
		r = run_open(job->plan, &job->options, &job->run, &err);
	if (r < 0) {
		say("%s", err.text);
		if (job->plan)
			(void)hints_missing_folders(job->plan);
		if (err.fault == FAULT_BROKEN)
			say("keep that file to find out why; moved away, the pipeline starts over");
		return fail_early(job, exit_of_opening(job, &err), err.text);
	}
	int code = run_opened(job);
	run_close(take(job->run));
	return code;
}

int job_run(struct job *job)
{
	read_options(job);
	int code =
		hk_run(job_main, job,
		       &(struct hk_run_options){ .stall_ns = STALL_NS, .report = progress_report });
	if (code < 0) {
		say("cannot start: %s", strerror(-code));
		code = fail_early(job, EXITS_FAILED, strerror(-code));
	}
	choosing_done(&job->choosing);
	plan_free(job->plan);
	diag_free(job->diag);
	loading_done(&job->loading);
	free(take(job->allow));
	return code;
}
