/* jq.c - hocket jq EXPR [FILE]: an expression, or a template, tried on a file
 *
 * What this room is for: what stands in a pipeline can be tried before it stands there: by the same compiler, with the same names and the same
 *   refusals, evaluated by the same code.
 * What flows through:    a file's values in, one result a line out.
 * What must hold:
 *  (1) a record for which it fails is named by its line, and the others go on: exit code 3. (2) a mistake in the expression is 78 and
 *  shown as `check` shows it. (3) output leaves in large pieces; nothing of a file is kept but its window. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/exits.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "engine/plan/diag.h"
#include <errno.h>
#include <hocket/file.h>
#include <hocket/run.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH_BYTES = 256 << 10, FAILURES_TOLD = 20, GIVEN_MAX = 64 << 20 };

struct look {
	const struct args *args;
	const char *path; /* NULL: stdin */
	struct jq *program;
	struct tpl *template; /* instead of a program */
	struct slice method;  /* of a URL template */
	struct buf vars, res, rows, out;
	struct env_response response;
	struct env_meta meta;
	struct env env;
	uint64_t name_hash;
	char id[20];
	bool raw, closed; /* closed: stdout takes no more */
	uint64_t failures;
};

/* ---- results ---- */
static int flush(struct look *l, struct err *err)
{
	if (l->out.n > 0 && put_stdout(buf_slice(&l->out)) != EXITS_DONE)
		l->closed = true;
	buf_clear(&l->out);
	return l->closed ? fail(err, FAULT_CANCELLED, "nobody reads stdout") : 0;
}

static int put_result(void *arg, struct slice value, struct err *err)
{
	struct look *l = arg;
	bool text = l->raw && json_type(value) == JSON_STRING;
	int r = text ? json_unquote(value, &l->out) : buf_add(&l->out, value);
	r = r < 0 ? r : buf_add_char(&l->out, '\n');
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "cannot keep the result");
	return l->out.n >= FLUSH_BYTES ? flush(l, err) : 0;
}

static int put_text(struct look *l, struct err *err) SUSPENDS
{
	int r = buf_add(&l->out, l->method);
	r = r < 0 ? r : tpl_text(l->template, &l->env, &l->out, err);
	if (r == 0 && buf_add_char(&l->out, '\n') < 0)
		r = fail(err, FAULT_TOO_LARGE, "cannot keep the result");
	return r < 0 || l->out.n < FLUSH_BYTES ? r : flush(l, err);
}

static void tell_failure(struct look *l, uint64_t line, const struct err *err)
{
	if (++l->failures <= FAILURES_TOLD)
		say("%s:%llu: %s", l->path ? l->path : "stdin", (unsigned long long)line,
		    err->text);
	else if (l->failures == FAILURES_TOLD + 1)
		say("more records fail; they are only counted from here on");
}

/* What a failing record gave before it failed is taken back, if it is not out yet: a pipeline would have none of it. */
static void evaluate(struct look *l, struct slice value, uint64_t line) SUSPENDS
{
	struct err err = { 0 };
	size_t before = l->out.n;
	l->env.record = value;
	int r = l->template ? put_text(l, &err) : jq_each(l->program, &l->env, put_result, l, &err);
	if (r == 0 || l->closed)
		return;
	if (l->out.n >= before)
		buf_truncate(&l->out, before);
	tell_failure(l, line, &err);
}

/* ---- records ---- */
static void name_record(struct look *l, uint64_t n, uint64_t position)
{
	uint64_t id = hash_end(l->name_hash + n - 1); /* as a run names it */
	int r = snprintf(l->id, sizeof l->id, "%016llx", (unsigned long long)id);
	ASSERT(r == 16);
	l->meta.id = (struct slice){ l->id, 16 };
	l->meta.position = position;
	l->meta.wall_ns = clock_wall_ns();
}

static int each_value(struct look *l, struct values *v, struct err *err) SUSPENDS
{
	const struct given *limit = args_get(l->args, FLAG_LIMIT);
	struct slice value;
	int r = 0;
	while (!l->closed && (!limit || v->n < (uint64_t)limit->number) &&
	       (r = values_next(v, &value, err)) > 0) {
		if (r == VALUES_BAD) {
			tell_failure(l, v->line, err);
			continue;
		}
		name_record(l, v->n, v->line);
		evaluate(l, value, v->line);
	}
	return r;
}

static enum values_form form_of(const struct look *l)
{
	const struct given *g = args_get(l->args, FLAG_FORMAT);
	struct slice name = slice_str(l->path ? l->path : "");
	if (g)
		return (enum values_form)g->number;
	if (slice_ends(name, S(".gz")))
		name.n -= 3;
	if (slice_ends(name, S(".zst")))
		name.n -= 4;
	return slice_ends(name, S(".csv"))   ? VALUES_CSV
	       : slice_ends(name, S(".txt")) ? VALUES_LINES
					     : VALUES_JSON;
}

static int read_input(struct look *l, struct err *err) SUSPENDS
{
	AUTO(input_close) struct input in = { 0 };
	AUTO(values_done) struct values v = { 0 };
	if (l->path && input_open_file(&in, l->path, PACKING_AUTO, err) < 0)
		return -1;
	if (!l->path)
		input_open_stdin(&in);
	if (input_begin(&in, NULL, err) < 0)
		return -1;
	values_init(&v, &in, form_of(l));
	return each_value(l, &v, err);
}

static int look_at_all(struct look *l, struct err *err) SUSPENDS
{
	struct err ignored;
	int r = 0;
	if (args_has(l->args, FLAG_NULL_INPUT)) {
		name_record(l, 1, 1);
		evaluate(l, S("null"), 1);
	} else {
		r = read_input(l, err);
	}
	(void)flush(l, &ignored); /* it says so itself */
	return r;
}

/* ---- names ---- */
static int set_var(struct look *l, const char *set, struct err *err)
{
	AUTO(buf_done) struct buf value = { 0 }, next = { 0 };
	struct slice name, text;
	slice_cut(slice_str(set), '=', &name, &text);
	int r = json_compact(text, &value, NULL); /* as run reads it: JSON, else text */
	if (r == -EBADMSG)
		r = json_quote(text, &value);
	r = r < 0 ? r : json_splice(buf_slice(&l->vars), &name, 1, buf_slice(&value), &next);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "--set '%s'", set);
	buf_done(&l->vars);
	l->vars = buf_take(&next);
	return 0;
}

static int read_given(const struct look *l, enum flag_id id, struct buf *ret,
		      struct err *err) SUSPENDS
{
	const struct given *g = args_get(l->args, id);
	AUTO(input_close) struct input in = { 0 };
	struct json_error where;
	int more = 1;
	if (!g)
		return 0;
	if (input_open_file(&in, g->text, PACKING_AUTO, err) < 0 || input_begin(&in, NULL, err) < 0)
		return -1;
	while (more > 0)
		more = input_more(&in, GIVEN_MAX, err);
	if (more < 0)
		return err_wrap(err, "--%s '%s': ", g->flag->name, g->text);
	int r = json_compact(input_peek(&in), ret, &where);
	if (r == -EBADMSG)
		return fail(err, FAULT_CONFIG, "--%s '%s': not JSON: %s at byte %zu", g->flag->name,
			    g->text, where.what, where.offset + 1);
	return r < 0 ? fail_errno(err, FAULT_CONFIG, r, "--%s '%s'", g->flag->name, g->text) : 0;
}

static int fill_response(struct look *l, struct err *err)
{
	struct slice all = buf_slice(&l->res), status;
	int64_t code = 200;
	if (all.n == 0)
		return 0;
	if (json_type(all) != JSON_OBJECT)
		return fail(err, FAULT_CONFIG,
			    "--res: expected an object {\"status\", \"headers\", \"body\"}");
	if (json_field(all, S("status"), &status) && units_int(status, &code) < 0)
		code = 0;
	l->response.status = (int)code;
	(void)json_field(all, S("headers"), &l->response.headers);
	(void)json_field(all, S("body"), &l->response.body);
	l->env.res = &l->response;
	return 0;
}

static int read_names(struct look *l, struct err *err) SUSPENDS
{
	int r = buf_add(&l->vars, S("{}")) < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
	for (size_t i = 0; r == 0 && i < l->args->given_count; i++)
		if (l->args->given[i].flag->id == FLAG_SET)
			r = set_var(l, l->args->given[i].text, err);
	if (r < 0 || read_given(l, FLAG_RES, &l->res, err) < 0 ||
	    read_given(l, FLAG_ROWS, &l->rows, err) < 0 || fill_response(l, err) < 0)
		return -1;
	if (l->rows.n > 0 && json_type(buf_slice(&l->rows)) != JSON_ARRAY)
		return fail(err, FAULT_CONFIG, "--rows: expected an array");
	l->env.rows = buf_slice(&l->rows);
	l->env.meta = &l->meta;
	const char *name = l->path ? l->path : "stdin";
	l->meta = (struct env_meta){ .source = slice_str(name), .attempt = 1 };
	l->name_hash = hash_add(HASH_START, slice_str(name));
	return 0;
}

/* ---- the expression ---- */
/* "POST https://...": the word is not part of the URL, which begins behind it. */
static void cut_method(struct look *l, struct slice text)
{
	static const char *const words[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);
		if (tpl_cut(l->template, words[i]))
			l->method = slice_head(text, n + 1);
	}
}

static int compile(struct look *l)
{
	const char *text = l->args->words[0];
	bool url = args_has(l->args, FLAG_URL);
	struct expr_error why;
	const struct expr_names names = { .vars = buf_slice(&l->vars),
					  .response = l->res.n > 0,
					  .rows = l->rows.n > 0 };
	int r;
	if (url || args_has(l->args, FLAG_TEMPLATE))
		r = tpl_compile(slice_str(text), url ? TPL_URL : TPL_TEXT, &names, &l->template,
				&why);
	else
		r = jq_program_compile(slice_str(text), &names, &l->program, &why);
	if (r == 0 && url)
		cut_method(l, slice_str(text));
	if (r == 0)
		return 0;
	struct diag *d = diag_new(l->template ? "template" : "jq");
	diag_text(d, slice_str(text));
	diag_add(d, why.offset, why.length, NULL, "%s", why.text);
	loading_tell(d);
	diag_free(d);
	return -1;
}

static void tell_engine(const struct look *l)
{
	if (args_has(l->args, FLAG_VERBOSE) && l->program)
		say("evaluated by %s",
		    jq_native(l->program) ? "hocket itself, on the text" : "libjq, as a whole");
}

static int finish(const struct look *l, int r, const struct err *err)
{
	if (r < 0)
		say("%s: %s", l->path ? l->path : "stdin", err->text);
	if (l->failures > FAILURES_TOLD)
		say("%llu records failed", (unsigned long long)l->failures);
	return r < 0 || l->closed ? EXITS_FAILED : l->failures > 0 ? EXITS_DEAD : EXITS_DONE;
}

/* In a task, because programs keep libjq's state per loop. */
static int look_main(void *arg) SUSPENDS
{
	struct look *l = arg;
	struct err err = { 0 };
	int code = EXITS_FILE;
	if (read_names(l, &err) < 0) {
		say("%s", err.text);
	} else if (compile(l) == 0) {
		tell_engine(l);
		int r = look_at_all(l, &err);
		code = finish(l, r, &err);
	}
	jq_free(l->program);
	tpl_free(l->template);
	buf_done(&l->vars);
	buf_done(&l->res);
	buf_done(&l->rows);
	buf_done(&l->out);
	return code;
}

int verb_jq(const struct args *args)
{
	struct look l = { .args = args,
			  .path = args->word_count > 1 ? args->words[1] : NULL,
			  .raw = args_has(args, FLAG_RAW),
			  .out = { .max = 1u << 30 } };
	if (l.path && strcmp(l.path, "-") == 0)
		l.path = NULL;
	int code = hk_run(look_main, &l, &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
