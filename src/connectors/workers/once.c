/* once.c - a process for each record
 *
 * What this room is for: programs that read their input to its end, answer and are done: pdftotext, convert, any script.
 * What flows through:    bytes in and out; an exit status.
 * What must hold:
 *  (1) an answer that is cut is no answer. (2) a status that is no success comes with what the program said on standard error. */
#include "connectors/workers/once.h"
#include "base/banned.h"
#include "base/utf8.h"
#include <errno.h>
#include <hocket/scope.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MOST = 64 << 20, TOLD_MOST = 240, EXCERPT_MOST = 8000 };

static void output_done(struct hk_process_output *out)
{
	free(out->out);
	free(out->err);
}

/* Its last lines, on one. */
static struct slice last_words(const struct hk_process_output *out, char room[static TOLD_MOST + 8])
{
	struct slice text = slice_trim((struct slice){ out->err, out->err_n }), line, rest;
	size_t n = 0;
	while (text.n > TOLD_MOST && slice_cut(text, '\n', &line, &rest))
		text = rest;
	if (text.n > TOLD_MOST)
		text = slice_from(text, text.n - TOLD_MOST);
	for (size_t i = 0; i < text.n; i++)
		room[n++] = (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i];
	return (struct slice){ room, n };
}

static void say_lines(const struct once *o, const struct hk_process_output *out)
{
	struct slice rest = slice_trim((struct slice){ out->err, out->err_n }), line;
	for (bool more = site_is_heard(o->site) && rest.n > 0; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		site_said(o->site, line);
	}
}

static void keep_excerpt(const struct hk_process_output *out, struct call *c)
{
	struct slice text = slice_trim((struct slice){ out->err, out->err_n });
	size_t from = text.n > EXCERPT_MOST ? text.n - EXCERPT_MOST : 0;
	c->excerpt = arena_copy(c->arena, slice_from(text, from));
}

/* What its end says; the answer stands all the same when `accept` knows better. */
static void tell_status(const struct hk_process_output *out, struct call *c)
{
	char room[TOLD_MOST + 8];
	struct slice words = last_words(out, room);
	keep_excerpt(out, c);
	c->err.sent = true;
	fail(&c->err, FAULT_WORKER_ERROR, "exited with status %d%s%.*s", out->exit.status,
	     words.n ? ": " : "", SLICE(words));
}

static void take_output(const struct once *o, struct hk_process_output *out, struct call *c)
{
	char why[TOLD_MOST + 80], room[TOLD_MOST + 8];
	say_lines(o, out);
	if (out->exit.signal) {
		const char *name = sigdescr_np(out->exit.signal);
		snprintf(why, sizeof(why), "it was killed by signal %d (%s)%.*s", out->exit.signal,
			 name ? name : "unknown", SLICE(last_words(out, room)));
		keep_excerpt(out, c);
		work_fail_ended(o->work, out->exit, why, &c->err);
		return;
	}
	if (out->out_cut) {
		c->err.sent = true;
		fail(&c->err, FAULT_TOO_LARGE, "it printed more than %d MiB", OUTPUT_MOST >> 20);
		return;
	}
	if (out->exit.status != 0)
		tell_status(out, c);
	c->verdict = VERDICT_ANSWER;
	c->answer.status = out->exit.status;
	c->answer.body = BODY_JSON;
	c->answer.value.max = out->out_n + 1;
	if (buf_add(&c->answer.value, (struct slice){ out->out, out->out_n }) < 0) {
		c->verdict = VERDICT_FAULT;
		fail(&c->err, FAULT_IO, "out of memory");
	}
}

static void fail_run(const struct once *o, int r, struct call *c)
{
	c->err.sent = r == -ETIMEDOUT || r == -ECANCELED;
	if (r == -ETIMEDOUT)
		fail(&c->err, FAULT_WORKER_TIMEOUT, "it did not end within %.3g s and was killed",
		     (double)o->timeout_ns / (double)HK_SEC);
	else if (r == -EOPNOTSUPP)
		fail(&c->err, FAULT_CONFIG,
		     "this kernel cannot take the network away from programs");
	else
		fail_errno(&c->err, FAULT_CONFIG, r, "'%s' cannot be started", o->argv[0]);
}

void once_call(const struct once *o, struct slice input, struct call *c)
{
	AUTO(output_done) struct hk_process_output out = { 0 };
	const struct hk_process_run_options run = { .process = o->process,
						    .input = input.p,
						    .input_n = input.n,
						    .max_bytes = OUTPUT_MOST };
	struct hk_scope clock;
	hk_scope_open(&clock, o->timeout_ns);
	int r = hk_scope_close(&clock, hk_process_run(o->argv, &run, &out));
	c->verdict = VERDICT_FAULT;
	if (r < 0)
		fail_run(o, r, c);
	else
		take_output(o, &out, c);
}
