/* check.c - hocket check FILE...: everything that can be known without touching the world
 *
 * What this room is for: all mistakes of all files at once; for a good file the flow and what each place promises.
 * What flows through:    files in; mistakes on stderr, the flow on stdout.
 * What must hold:        (1) no source, host, table or output is touched. (2) exit 78 when one file has a mistake. */
#include "cli/describe.h"
#include "cli/exits.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include "engine/plan/classes.h"
#include <hocket/run.h>
#include <string.h>

enum { COLUMN = 2 + 5 + 1 + 10 + 1 + 34 + 1 }; /* where the last one begins */

/* What a call promises stands below its line, with what would make it better. */
static int put_call_promise(const struct place *p, struct buf *out)
{
	const struct promise *promise = promise_of(p);
	if (!p->port->call || !promise || !promise->letter)
		return 0;
	int r = buf_printf(out, "%*s", COLUMN, "");
	r = r < 0 ? r : promise_put(promise, out);
	if (r == 0 && promise->cure)
		r = buf_printf(out, "; %s", promise->cure);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_main(const struct place *p, struct buf *out)
{
	const struct promise *promise = promise_of(p);
	if (p->port->call)
		return describe_limits(p, out);
	return promise ? promise_put(promise, out) : 0;
}

static int put_place(const struct place *p, const char *role, struct buf *out)
{
	AUTO(buf_done) struct buf door = { 0 };
	int r = buf_add(&door, p->facts.door);
	if (r == 0)
		r = buf_printf(out, "  %-5s %-10s %-34s ", role, p->label,
			       door.n ? path_shown(door.p) : "");
	if (r == 0)
		r = put_main(p, out);
	while (r == 0 && out->n > 0 && out->p[out->n - 1] == ' ')
		buf_truncate(out, out->n - 1);
	r = r < 0 ? r : buf_add_char(out, '\n');
	return r < 0 ? r : put_call_promise(p, out);
}

/* "read every 30m, the first time at once"; "read cron '0 6 * * 1-5' in Europe/Berlin: Mon 2026-03-30 06:00 +02:00, ..." */
static int put_schedule(const struct schedule *s, const char *what, const char *tail,
			struct buf *out)
{
	int64_t at = hk_wall_ns();
	if (!s || !schedule_is_given(s))
		return 0;
	int r = buf_printf(out, "        %s ", what);
	r = r < 0 ? r : schedule_put(out, s);
	if (s->every_ns)
		return r < 0 ? r : buf_printf(out, ", %s\n", tail);
	for (int i = 0; i < 3 && r == 0; i++) {
		at = schedule_next_ns(s, at);
		r = buf_add(out, i ? S(", ") : S(": "));
		r = r < 0 ? r : schedule_put_moment(out, s, at);
	}
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_flow(const struct plan *plan, const char *path, struct buf *out)
{
	int r = buf_printf(out, "%s: good\n", path);
	for (size_t i = 0; r == 0 && i < plan->source_count; i++)
		r = put_place(&plan->sources[i], i == 0 ? "from" : "", out);
	r = r < 0 ? r
		  : put_schedule(&plan->sources[plan->source_count - 1].common.every, "read",
				 "the first time at once", out);
	for (size_t i = 0; r == 0 && i < plan->step_count; i++) {
		const struct place *p = &plan->steps[i];
		r = put_place(p, p->role == ROLE_SINK ? "to" : "step", out);
		r = r < 0 ? r
			  : put_schedule(p->facts.closes, "windows close",
					 plan_is_endless(plan)
						 ? "counted from their first record"
						 : "or at the end of the input, if that is before",
					 out);
	}
	for (size_t i = 0; r == 0 && i < plan->sink_count; i++)
		r = put_place(&plan->sinks[i], "to", out);
	if (r == 0 && plan->dead_path)
		r = buf_printf(out, "  dead  copied to %s\n", path_shown(plan->dead_path));
	if (r == 0 && plan->state_off)
		r = buf_add(out,
			    S("  state off: what is said of going on holds within one run; a run "
			      "that is cut off begins again\n"));
	return r;
}

static bool place_looks_good(const struct plan *plan, const struct place *p,
			     const char *path) SUSPENDS
{
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	if (!p->port->look || p->port->look(p->options, plan->folder, &err) == 0)
		return true;
	if (buf_printf(&out, "%s:%u: error: %s: %s\n", path, p->line, p->label, err.text) == 0)
		say_raw(buf_slice(&out));
	return false;
}

/* Files and programs of this machine that it names; all of them, as with other mistakes. */
static bool looks_good(const struct plan *plan, const char *path) SUSPENDS
{
	bool good = true;
	for (size_t i = 0; i < plan->source_count; i++)
		good &= place_looks_good(plan, &plan->sources[i], path);
	for (size_t i = 0; i < plan->step_count; i++)
		good &= place_looks_good(plan, &plan->steps[i], path);
	return good;
}

static int check_file(const char *path, const struct loading *loading, bool quiet) SUSPENDS
{
	AUTO(loading_drop) struct plan *plan = loading_plan(loading, path);
	AUTO(buf_done) struct buf out = { 0 };
	if (!plan || !looks_good(plan, path))
		return EXITS_FILE;
	if (quiet)
		return EXITS_DONE;
	return put_flow(plan, path, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

/* In a task, because programs keep libjq's state per loop. */
static int check_all(void *arg) SUSPENDS
{
	const struct args *args = arg;
	AUTO(loading_done) struct loading loading = { 0 };
	struct err err = { 0 };
	if (loading_init(&loading, args, &err) < 0) {
		say("%s", err.text);
		return EXITS_FILE;
	}
	int worst = EXITS_DONE;
	for (size_t i = 0; i < args->word_count; i++) {
		int code = check_file(args->words[i], &loading, args_has(args, FLAG_QUIET));
		worst = code > worst ? code : worst;
	}
	return worst;
}

int verb_check(const struct args *args)
{
	int code =
		hk_run(check_all, (void *)args, &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
