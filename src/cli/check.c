/* check.c - hocket check FILE...: everything that can be known without touching the world
 *
 * What this room is for: all mistakes of all files at once; for a good file the flow and what each place promises.
 * What flows through:    files in; mistakes on stderr, the flow on stdout.
 * What must hold:        (1) no source, host, table or output is touched. (2) exit 78 when one file has a mistake. */
#include "base/units.h"
#include "cli/exits.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <hocket/run.h>
#include <string.h>

static const char *source_class(const struct facts *f)
{
	switch (f->restart) {
	case RESTART_SEEKS:
		return "R  replayable: goes on where it stopped";
	case RESTART_ASKS:
		return "J  asked again: goes on with the page it was at";
	case RESTART_LOSES:
		break;
	}
	return "V  volatile: what was read is gone after a stop";
}

static const char *sink_class(const struct facts *f)
{
	switch (f->guarantee) {
	case TRANSACTIONAL:
		return "T  transactional: each record's effect once";
	case IDEMPOTENT:
		return "I  idempotent: a repeated record changes nothing";
	case APPEND_ONLY:
		break;
	}
	return "A  append-only: after a crash some may show twice or not";
}

static int put_step_facts(const struct place *p, struct buf *out)
{
	const struct port *port = p->port;
	if (port->apply)
		return 0;
	bool automatic = p->common.concurrency.automatic;
	int64_t cap = automatic                  ? 256
		      : p->facts.concurrency > 0 ? (int64_t)p->facts.concurrency
						 : 10;
	if (p->common.concurrency.most > 0)
		cap = p->common.concurrency.most;
	int r = buf_printf(out, "%s%lld at a time", automatic ? "auto, at most " : "",
			   (long long)cap);
	if (r == 0 && p->common.rate.tokens > 0) {
		r = buf_printf(out, ", %lld tokens in ", (long long)p->common.rate.tokens);
		if (r == 0)
			r = units_put_duration(out, p->common.rate.tokens_per_ns);
	}
	if (r == 0 && p->common.rate.starts.per_ns > 0) {
		r = buf_printf(out, ", %lld in ", (long long)p->common.rate.starts.count);
		if (r == 0)
			r = units_put_duration(out, p->common.rate.starts.per_ns);
		if (r == 0 && p->common.rate.starts.per_host)
			r = buf_add(out, S(" per host"));
		if (r == 0 && p->common.rate.key)
			r = buf_add(out, S(" per key"));
	}
	if (r == 0 && p->common.retry)
		r = buf_printf(out, ", %lld retries", (long long)p->common.retry->times);
	return r;
}

static int put_place(const struct place *p, const char *role, struct buf *out)
{
	AUTO(buf_done) struct buf door = { 0 };
	int r = buf_add(&door, p->facts.door);
	if (r == 0)
		r = buf_printf(out, "  %-5s %-10s %-34s ", role, p->label,
			       door.n ? path_shown(door.p) : "");
	if (r == 0 && p->role == ROLE_SOURCE)
		r = buf_add(out, slice_str(source_class(&p->facts)));
	else if (r == 0 && p->role == ROLE_SINK)
		r = buf_add(out, slice_str(sink_class(&p->facts)));
	else if (r == 0)
		r = put_step_facts(p, out);
	while (r == 0 && out->n > 0 && out->p[out->n - 1] == ' ')
		buf_truncate(out, out->n - 1);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_flow(const struct plan *plan, const char *path, struct buf *out)
{
	int r = buf_printf(out, "%s: good\n", path);
	for (size_t i = 0; r == 0 && i < plan->source_count; i++)
		r = put_place(&plan->sources[i], i == 0 ? "from" : "", out);
	for (size_t i = 0; r == 0 && i < plan->step_count; i++)
		r = put_place(&plan->steps[i], "step", out);
	for (size_t i = 0; r == 0 && i < plan->sink_count; i++)
		r = put_place(&plan->sinks[i], "to", out);
	if (r == 0 && plan->dead_path)
		r = buf_printf(out, "  dead  copied to %s\n", path_shown(plan->dead_path));
	return r;
}

static void drop_diag(struct diag **d)
{
	diag_free(*d);
}

static void drop_plan(struct plan **p)
{
	plan_free(*p);
}

static int check_file(const char *path, const struct plan_settings *settings, bool quiet)
{
	AUTO(drop_diag) struct diag *diag = NULL;
	AUTO(drop_plan) struct plan *plan = NULL;
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	int r = plan_load(path, settings, &diag, &plan, &err);
	if (r == -2)
		loading_tell(diag);
	else if (r < 0)
		say("%s", err.text);
	if (r < 0)
		return EXITS_FILE;
	if (quiet)
		return EXITS_DONE;
	return put_flow(plan, path, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

/* In a task, because programs keep libjq's state per loop. */
static int check_all(void *arg)
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
		int code =
			check_file(args->words[i], &loading.settings, args_has(args, FLAG_QUIET));
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
