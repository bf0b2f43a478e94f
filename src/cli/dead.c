/* dead.c - hocket dead ls|show|export|drop|replay
 *
 * What this room is for: what failed for good is seen, understood, sent again or forgotten, without SQL.
 * What flows through:    the state's letters in; a table, pages or JSON lines on stdout. `replay` is a job like `run` (job.c).
 * What must hold:
 *  (1) looking works beside a run; only drop and replay take the state's lock. (2) nothing is dropped that was not asked for. */
#include "cli/choosing.h"
#include "cli/exits.h"
#include "cli/job.h"
#include "cli/letter.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include <hocket/run.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct look {
	const struct args *args;
	struct loading loading;
	struct plan *plan;
	struct choosing choosing;
	struct state *state;
	bool writes;                                       /* it takes the lock */
	int (*show)(struct look *, struct err *) SUSPENDS; /* exit code, or -1 with *err */

	struct letter_list open; /* with --all: to tell them from the others; sorted by row */
	struct letter_table *table;
	struct buf out;
	size_t n, taken_up;
};

static void look_done(struct look *l) SUSPENDS
{
	state_close(l->state);
	choosing_done(&l->choosing);
	letter_list_done(&l->open);
	letter_table_free(l->table);
	buf_done(&l->out);
	plan_free(l->plan);
	loading_done(&l->loading);
}

static int open_state(struct look *l, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf path = { .max = 8192 };
	if (l->plan->state_off)
		return fail(err, FAULT_CONFIG,
			    "'%s' keeps no state (state: off): its dead letters are "
			    "where `dead:` says, if at all",
			    l->plan->file);
	if (plan_put_state_path(l->plan, &path) < 0)
		return fail(err, FAULT_CONFIG, "the state file's name is too long");
	if (l->writes && access(path.p, F_OK) == 0)
		return state_open(path.p, &l->state, err);
	return state_open_to_read(path.p, &l->state, err);
}

static int by_row(const void *a, const void *b)
{
	const struct letter_key *x = a, *y = b;
	return (x->row > y->row) - (x->row < y->row);
}

static int list_open(struct look *l, struct err *err) SUSPENDS
{
	if (!l->choosing.choice.closed_too)
		return 0;
	if (state_list_letters(l->state, l->plan->name, false, &l->open, err) < 0)
		return -1;
	qsort(l->open.keys, l->open.n, sizeof *l->open.keys, by_row);
	return 0;
}

static int look_opened(struct look *l) SUSPENDS
{
	struct err err = { 0 };
	int code = -1;
	if (open_state(l, &err) == 0 && list_open(l, &err) == 0)
		code = l->show(l, &err);
	if (code < 0)
		say("%s", err.text);
	return code < 0 ? err.fault == FAULT_BROKEN ? EXITS_BROKEN : EXITS_FAILED : code;
}

/* In a task, because programs keep libjq's state per loop. */
static int look_main(void *arg) SUSPENDS
{
	AUTO(look_done) struct look l = *(struct look *)arg;
	struct err err = { 0 };
	l.out.max = LETTER_JSON_MAX;
	if (loading_init_to_look(&l.loading, l.args, &err) < 0) {
		say("%s", err.text);
		return EXITS_FILE;
	}
	if (choosing_init(&l.choosing, l.args) < 0)
		return EXITS_USAGE;
	l.choosing.choice.closed_too = !l.writes && args_has(l.args, FLAG_EVERY);
	l.plan = loading_plan(&l.loading, l.args->words[0]);
	return l.plan ? look_opened(&l) : EXITS_FILE;
}

static int look(struct look *l)
{
	int code = hk_run(look_main, l, &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}

/* What was written so far goes out, so that a long list needs little memory. */
static int flush(struct look *l, struct err *err)
{
	int code = put_stdout(buf_slice(&l->out));
	buf_clear(&l->out);
	return code == EXITS_DONE ? 0 : fail(err, FAULT_IO, "not all was written");
}

static void tell_none(const struct look *l)
{
	say("no dead letters%s", args_has(l->args, FLAG_WHERE) ? " for which --where is true"
				 : choosing_is_given(l->args)  ? " that are meant"
							       : "");
}

static int add_json(void *arg, const struct letter_key *key, const struct kept_letter *letter,
		    struct err *err)
{
	struct look *l = arg;
	int r = letter_put_json(letter, &l->out);
	(void)key;
	r = r < 0 ? r : buf_add_char(&l->out, '\n');
	l->n++;
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot show letter %.8s", letter->id);
	return l->out.n > (1u << 16) ? flush(l, err) : 0;
}

static int show_json(struct look *l, struct err *err) SUSPENDS
{
	if (choice_each(l->state, l->plan->name, &l->choosing.choice, add_json, l, err) < 0)
		return -1;
	if (l->n == 0 &&
	    choosing_is_given(
		    l->args)) /* a filter with a slip of the pen in it gives nothing, too */
		tell_none(l);
	return put_stdout(buf_slice(&l->out));
}

/* ---- ls ---- */
static const char *fate(const struct look *l, const struct kept_letter *letter)
{
	const struct letter_key key = { .row = letter->row };
	if (!l->choosing.choice.closed_too)
		return NULL;
	if (bsearch(&key, l->open.keys, l->open.n, sizeof key, by_row))
		return "dead";
	return letter->replayed_by[0] ? "sent again" : "died again";
}

static int add_row(void *arg, const struct letter_key *key, const struct kept_letter *letter,
		   struct err *err)
{
	struct look *l = arg;
	(void)key;
	(void)err;
	letter_table_add(l->table, letter, fate(l, letter));
	l->taken_up += letter->replayed_by[0] != 0;
	l->n++;
	return 0;
}

static int put_taken_up(struct look *l)
{
	if (l->taken_up == 0 || l->choosing.choice.closed_too)
		return 0;
	return buf_printf(
		&l->out,
		"%zu of them are in a replay that is running or was cut off: 'hocket dead "
		"replay %s' goes on with it\n",
		l->taken_up, l->plan->file);
}

static int show_table(struct look *l, struct err *err) SUSPENDS
{
	unsigned width = isatty(STDOUT_FILENO) ? term_width(STDOUT_FILENO) : 0;
	l->table = letter_table_new();
	if (choice_each(l->state, l->plan->name, &l->choosing.choice, add_row, l, err) < 0)
		return -1;
	if (l->n == 0) {
		tell_none(l);
		return EXITS_DONE;
	}
	int r = letter_table_put(l->table, width, &l->out);
	if (r == 0 && !l->choosing.choice.closed_too)
		r = buf_add_char(&l->out, '\n');
	if (r == 0 && !l->choosing.choice.closed_too)
		r = letter_counts_put(l->table, &l->out);
	r = r < 0 ? r : put_taken_up(l);
	return r < 0 ? fail(err, FAULT_IO, "out of memory") : put_stdout(buf_slice(&l->out));
}

int verb_dead_ls(const struct args *args)
{
	struct look l = { .args = args };
	l.show = args_has(args, FLAG_JSON) ? show_json : show_table;
	return look(&l);
}

/* ---- show ---- */
static int add_page(void *arg, const struct letter_key *key, const struct kept_letter *letter,
		    struct err *err)
{
	struct look *l = arg;
	int r = l->n++ > 0 ? buf_add_char(&l->out, '\n') : 0;
	(void)key;
	r = r < 0 ? r : letter_put(l->plan, letter, &l->out);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot show letter %.8s", letter->id);
	return l->out.n > (1u << 16) ? flush(l, err) : 0;
}

static int show_pages(struct look *l, struct err *err) SUSPENDS
{
	if (choice_each(l->state, l->plan->name, &l->choosing.choice, add_page, l, err) < 0)
		return -1;
	if (l->n == 0)
		tell_none(l);
	return put_stdout(buf_slice(&l->out));
}

int verb_dead_show(const struct args *args)
{
	struct look l = { .args = args };
	l.show = args_has(args, FLAG_JSON) ? show_json : show_pages;
	return look(&l);
}

int verb_dead_export(const struct args *args)
{
	struct look l = { .args = args, .show = show_json };
	return look(&l);
}

/* ---- drop ---- */
static int check_no_replay(struct look *l, struct err *err) SUSPENDS
{
	struct state_run replay;
	if (state_cut_off_replay(l->state, l->plan->name, &replay, err) < 0)
		return -1;
	state_run_done(&replay);
	if (!replay.found)
		return 0;
	return fail(
		err, FAULT_CONFIG,
		"a replay of dead letters was cut off (%s): 'hocket dead replay %s' finishes it "
		"first",
		replay.id, l->plan->file);
}

static int drop(struct look *l, struct err *err) SUSPENDS
{
	AUTO(letter_list_done) struct letter_list chosen = { 0 };
	const struct plan *p = l->plan;
	if (check_no_replay(l, err) < 0 ||
	    choice_check_ids(l->state, p->name, &l->choosing.choice, err) < 0 ||
	    choice_list(l->state, p->name, &l->choosing.choice, &chosen, err) < 0)
		return -1;
	if (chosen.n > 0 && state_drop_letters(l->state, p->name, chosen.keys, chosen.n, err) < 0)
		return -1;
	if (chosen.n > 0 && p->dead_path &&
	    state_copy_letters(l->state, p->name, p->dead_path, err) < 0)
		return -1;
	if (chosen.n == 0)
		tell_none(l);
	say("dropped %zu dead letter%s", chosen.n, chosen.n == 1 ? "" : "s");
	return EXITS_DONE;
}

int verb_dead_drop(const struct args *args)
{
	struct look l = { .args = args, .show = drop, .writes = true };
	if (!choosing_is_given(args)) {
		say("which ones? IDs, --where JQ, or --all");
		return EXITS_USAGE;
	}
	if (args_has(args, FLAG_EVERY) && (args->word_count > 1 || args_has(args, FLAG_WHERE))) {
		say("--all, or some of them: not both");
		return EXITS_USAGE;
	}
	return look(&l);
}

/* ---- replay ---- */
int verb_dead_replay(const struct args *args)
{
	struct job job = { .args = args, .path = args->words[0], .replays = true };
	return job_run(&job);
}
