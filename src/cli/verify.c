/* verify.c - hocket verify FILE: do the accounts add up?
 *
 * What this room is for: the question that an auditor asks, and an exit code that a script can ask: 0, or 4.
 * What flows through:    the state in; one line on stdout, or the reasons on stderr.
 * What must hold:        (1) nothing is changed, and a run beside it goes on. (2) what cannot be read is not called good. */
#include "engine/again/verify.h"
#include "base/units.h"
#include "cli/exits.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <hocket/run.h>
#include <string.h>

static int tell_good(const struct verified *v)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = buf_add(&out, S("all adds up: "));
	r = r < 0 ? r : units_put_count(&out, (int64_t)v->records);
	r = r < 0 ? r : buf_printf(&out, " record%s in ", v->records == 1 ? "" : "s");
	r = r < 0 ? r : units_put_count(&out, (int64_t)v->runs);
	r = r < 0 ? r : buf_printf(&out, " run%s\n", v->runs == 1 ? "" : "s");
	return r < 0 ? EXITS_FAILED : put_stdout(buf_slice(&out));
}

static int tell_wrong(const struct verified *v, const char *path)
{
	say_raw(buf_slice(&v->wrong));
	say("%zu thing%s in '%s' do%s not add up: keep that file, and report it", v->wrong_count,
	    v->wrong_count == 1 ? "" : "s", path_shown(path), v->wrong_count == 1 ? "es" : "");
	return EXITS_BROKEN;
}

static int look_into(const struct plan *plan, struct verified *ret, struct buf *path,
		     struct err *err) SUSPENDS
{
	struct state *state = NULL;
	if (plan->state_off)
		return fail(err, FAULT_CONFIG, "'%s' says 'state: off': nothing is kept",
			    plan->file);
	if (plan_put_state_path(plan, path) < 0)
		return fail(err, FAULT_CONFIG, "the state file's name is too long");
	if (state_open_to_read(path->p, &state, err) < 0)
		return -1;
	int r = verify_state(state, ret, err);
	state_close(state);
	return r;
}

static int verify(const struct args *args, const struct loading *loading) SUSPENDS
{
	AUTO(loading_drop) struct plan *plan = loading_plan(loading, args->words[0]);
	AUTO(buf_done) struct buf path = { 0 };
	struct verified v = { 0 };
	struct err err = { 0 };
	if (!plan)
		return EXITS_FILE;
	int code;
	if (look_into(plan, &v, &path, &err) < 0) {
		say("%s", err.text);
		code = err.fault == FAULT_BROKEN ? EXITS_BROKEN : EXITS_FAILED;
	} else {
		code = v.wrong_count ? tell_wrong(&v, path.p) : tell_good(&v);
	}
	buf_done(&v.wrong);
	return code;
}

static int verify_main(void *arg) SUSPENDS
{
	const struct args *args = arg;
	AUTO(loading_done) struct loading loading = { 0 };
	struct err err = { 0 };
	if (loading_init_to_look(&loading, args, &err) < 0) {
		say("%s", err.text);
		return EXITS_FILE;
	}
	return verify(args, &loading);
}

int verb_verify(const struct args *args)
{
	int code = hk_run(verify_main, (void *)args,
			  &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
