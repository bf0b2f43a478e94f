/* test.c - hocket test FILE...: the `tests:` of pipeline files
 *
 * What this room is for: does the pipeline still do what it was written for? In a second, without a network, in CI.
 * What flows through:    files and flags in; a line for each test on stdout, below it what is not as expected.
 * What must hold:
 *  (1) nothing outside is touched: no network, no state, no output (mocking.h). (2) exit 0 only when all that ran are good; a file with
 *  a mistake is 78, and the others are tested all the same. (3) a secret that a file gave is not shown. */
#include "base/json.h"
#include "cli/exits.h"
#include "cli/hints.h"
#include "cli/pen.h"
#include "cli/term.h"
#include "cli/testing.h"
#include "cli/verbs.h"
#include <hocket/hocket.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tally {
	const struct args *args;
	struct loading loading;
	struct testing_options options;
	const char *only;
	size_t good, bad, left_out, files_without;
	int code;
};

static const char *name_of(const struct plan *plan, size_t i, char made[static 32])
{
	if (plan->tests[i].name)
		return plan->tests[i].name;
	snprintf(made, 32, "test %zu", i + 1);
	return made;
}

/* ---- for people ---- */
static void put_lines(struct pen *p, const struct outcome *o)
{
	for (size_t i = 0; i < o->n; i++) {
		pen_put(p, S("     "));
		pen_data(p, slice_str(o->list[i].what), SIZE_MAX);
		pen_put(p, S("\n"));
		pen_put(p, buf_slice(&o->list[i].diff));
	}
}

static int put_page(const struct tally *t, const struct plan *plan, size_t i,
		    const struct outcome *o, struct buf *out)
{
	char made[32];
	struct pen p = { .out = out, .color = t->options.color, .width = t->options.width };
	bool good = o->n == 0;
	pen_ink(&p, good ? INK_GREEN : INK_RED);
	pen_printf(&p, "%-5s", good ? "ok" : o->error ? "ERROR" : "FAIL");
	pen_ink(&p, INK_PLAIN);
	pen_printf(&p, " %s:%u  ", plan->file, plan->tests[i].line);
	pen_data(&p, slice_str(name_of(plan, i, made)), 200);
	pen_put(&p, S("\n"));
	put_lines(&p, o);
	pen_put(&p, buf_slice(&o->ways));
	return pen_end(&p);
}

/* ---- for programs ---- */
static int put_json(const struct plan *plan, size_t i, const struct outcome *o, struct buf *out)
{
	char made[32];
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "file");
	json_put_string(&w, slice_str(plan->file));
	json_key(&w, "line");
	json_put_int(&w, plan->tests[i].line);
	json_key(&w, "name");
	json_put_string(&w, slice_str(name_of(plan, i, made)));
	json_key(&w, "result");
	json_put_string(&w, o->n == 0 ? S("ok") : o->error ? S("error") : S("fail"));
	json_key(&w, "problems");
	json_open(&w, '[');
	for (size_t k = 0; k < o->n; k++) {
		json_open(&w, '{');
		json_key(&w, "message");
		json_put_string(&w, slice_str(o->list[k].what));
		json_key(&w, "diff");
		json_put_string(&w, buf_slice(&o->list[k].diff));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	int r = json_writer_end(&w);
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* ---- tests ---- */
static void note_code(struct tally *t, int code)
{
	t->code = code > t->code ? code : t->code;
}

static void show(struct tally *t, const struct plan *plan, size_t i, const struct outcome *o)
{
	AUTO(buf_done) struct buf out = { .max = 1u << 28 }, clean = { .max = 1u << 28 };
	bool json = args_has(t->args, FLAG_JSON);
	if (!json && o->n == 0 && args_has(t->args, FLAG_QUIET))
		return;
	int r = json ? put_json(plan, i, o, &out) : put_page(t, plan, i, o, &out);
	r = r < 0 ? r : secrets_redact(t->loading.secrets, buf_slice(&out), &clean);
	if (r < 0)
		say("cannot show a test: %s", strerror(-r));
	note_code(t, r < 0 ? EXITS_FAILED : put_stdout(buf_slice(&clean)));
}

static void test_one(struct tally *t, const struct plan *plan, size_t i) SUSPENDS
{
	struct outcome o = { 0 };
	char made[32];
	if (t->only && !strcasestr(name_of(plan, i, made), t->only)) {
		t->left_out++;
		return;
	}
	if (testing_run(&t->options, plan, i, &o) < 0) {
		note_code(t, EXITS_FILE);
		return;
	}
	t->good += o.n == 0;
	t->bad += o.n > 0;
	if (o.n > 0)
		note_code(t, EXITS_FAILED);
	show(t, plan, i, &o);
	outcome_done(&o);
}

static void test_file(struct tally *t, const char *path) SUSPENDS
{
	AUTO(loading_drop) struct plan *plan = loading_plan(&t->loading, path);
	if (!plan) {
		note_code(t, EXITS_FILE);
		return;
	}
	if (plan->test_count == 0) {
		t->files_without++;
		if (!args_has(t->args, FLAG_QUIET))
			say("%s: no tests: 'tests:' in the file has them ('hocket help test' shows "
			    "one)",
			    path);
	}
	for (size_t i = 0; i < plan->test_count; i++)
		test_one(t, plan, i);
}

static void tell_sum(struct tally *t)
{
	bool ran = t->good + t->bad > 0;
	if (!ran && t->left_out > 0) {
		say("no test's name has '%s' in it", t->only);
		note_code(t, EXITS_USAGE);
		return;
	}
	if (args_has(t->args, FLAG_JSON)) /* it is all said */
		return;
	if (ran && (!args_has(t->args, FLAG_QUIET) || t->bad > 0))
		say("%zu passed, %zu failed%s", t->good, t->bad,
		    t->bad > 0 && !t->options.verbose ? "; -v shows what each step did" : "");
}

/* Secrets have placeholders: a test needs none, and must not send one anywhere. */
static int test_all(void *arg) SUSPENDS
{
	struct tally *t = arg;
	struct err err = { 0 };
	if (loading_init_fake(&t->loading, t->args, &err) < 0) {
		say("%s", err.text);
		loading_done(&t->loading);
		return EXITS_FILE;
	}
	t->options.loading = &t->loading;
	for (size_t i = 0; i < t->args->word_count; i++)
		test_file(t, t->args->words[i]);
	tell_sum(t);
	loading_done(&t->loading);
	return t->code;
}

int verb_test(const struct args *args)
{
	const struct given *only = args_get(args, FLAG_ONLY);
	bool json = args_has(args, FLAG_JSON);
	struct tally t = {
		.args = args,
		.only = only ? only->text : NULL,
		.options = { .verbose = args_has(args, FLAG_VERBOSE),
			     .color = !json && term_color(STDOUT_FILENO),
			     .width = isatty(STDOUT_FILENO) ? term_width(STDOUT_FILENO) : 100 },
	};
	int code = hk_run(test_all, &t, &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
