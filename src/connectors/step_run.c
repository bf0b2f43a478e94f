/* step_run.c - any program for each record
 *
 * What this room is for: `run: [program, arguments]`. Programs stay warm and speak lines of JSON or frames, or there is one for each record;
 *   how they live and die stands in rt, what it means in connectors/work.
 * What flows through:    the record, or what `data` makes of it; an answer.
 * What must hold:
 *  (1) no shell sees the words, and no record chooses them. (2) the three protocols differ in how bytes travel, not in what becomes of
 *      answers and failures. */
#include "base/banned.h"
#include "base/json.h"
#include "connectors/workers/argv.h"
#include "connectors/workers/once.h"
#include "connectors/workers/records.h"
#include "io/digest.h"
#include <stdio.h>
#include <string.h>

enum protocol { PROTOCOL_JSONL, PROTOCOL_FRAMES, PROTOCOL_ONCE };
static const char *const protocols[] = { "jsonl", "frames", "once", NULL };

struct run_step {
	struct opt_list argv; /* v: struct tpl *[] */
	int protocol;
	struct jq *data;
	struct work_options work;
	char door[256]; /* set by plan */
};
struct run_shared {
	struct work work;
	struct argv argv;
	struct once once;
	char shown[256];
	uint8_t program[DIGEST_BYTES];
};
/* What is sent: a value as JSON, or the bytes that it stands for. */
struct request {
	struct slice json, bytes;
};

static const struct opt options[] = {
	OPT("run", struct run_step, argv, OPT_LIST, struct opt_list, .of = OPT_TEMPLATE,
	    .verb = true, .required = true, .at_plan = true,
	    .doc = "a program and its arguments: [python3, score.py]; no shell reads them"),
	OPT("protocol", struct run_step, protocol, OPT_ENUM, int, .words = protocols,
	    .doc = "jsonl: it stays, and answers each line of JSON with one; frames: it stays, "
		   "blobs travel "
		   "as bytes; once: a process for each record, from standard input to standard "
		   "output"),
	OPT("data", struct run_step, data, OPT_JQ, struct jq *,
	    .doc = "what it gets instead of the record: .text; once: a text or a blob as its "
		   "bytes"),
	WORK_OPTIONS(struct run_step, work),
	OPT_END,
};

/* ---- the file -------------------------------------------------------------------------------------- */

static void show_door(struct run_step *o)
{
	AUTO(buf_done) struct buf door = { .max = sizeof(o->door) - 1 };
	for (size_t i = 0; i < o->argv.n; i++) {
		const struct tpl *word = ((struct tpl *const *)o->argv.v)[i];
		if (buf_printf(&door, "%s%.*s", i ? " " : "", SLICE(tpl_head(word))) < 0)
			break;
	}
	memcpy(o->door, door.p ? door.p : "", door.n);
	o->door[door.n] = 0;
}

static int run_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct run_step *o = of;
	argv_check(&o->argv, diag);
	if (o->protocol == PROTOCOL_FRAMES && o->data)
		diag_error(diag, "data",
			   "with `protocol: frames` it gets the record, and its blobs");
	if (o->protocol == PROTOCOL_ONCE && o->work.recycle)
		diag_error(diag, "recycle", "with `protocol: once` each process has one record");
	show_door(o);
	work_plan(&o->work, facts);
	facts->door = slice_str(o->door);
	return 0;
}

/* ---- the door ---------------------------------------------------------------------------------------- */

static int run_open(struct site *site, struct err *err) SUSPENDS
{
	const struct run_step *o = site->options;
	struct run_shared *s = site->shared;
	const char *folder = o->work.folder ? o->work.folder : site_folder(site);
	if (o->protocol == PROTOCOL_ONCE && site->batch > 1)
		return fail(err, FAULT_CONFIG,
			    "with `protocol: once` each process has one record: no `batch`");
	if (argv_open(&s->argv, &o->argv, folder, err) < 0 ||
	    argv_digest(&s->argv, folder, s->program, err) < 0)
		return -1;
	const struct work_program program = {
		.argv = (const char *const *)s->argv.words,
		.lines = o->protocol == PROTOCOL_JSONL,
		.hint = o->protocol == PROTOCOL_JSONL ? "; does it write out each line at once "
							"(flush)? If it answers at the end of its "
							"input: `protocol: once`"
						      : NULL,
	};
	(void)snprintf(s->shown, sizeof(s->shown), "%s", o->door);
	if (work_open(&s->work, &o->work, &program, site, err) < 0)
		return -1;
	s->once = (struct once){ .site = site,
				 .work = &s->work,
				 .argv = program.argv,
				 .process = work_process(&o->work, site, s->work.env),
				 .timeout_ns = site->timeout_ns };
	return 0;
}

static int run_look(const void *of, const char *folder, struct err *err) SUSPENDS
{
	const struct run_step *o = of;
	struct argv argv;
	int r = argv_open(&argv, &o->argv, o->work.folder ? o->work.folder : folder, err);
	argv_done(&argv);
	return r;
}

static void run_close(struct site *site) SUSPENDS
{
	struct run_shared *s = site->shared;
	work_close(&s->work);
	argv_done(&s->argv);
}

/* ---- the request ----------------------------------------------------------------------------------- */

/* A text and a blob are bytes; anything else is a line of JSON. */
static int put_bytes(const struct rec *rec, struct request *q, struct arena *arena, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = q->json.n + 16 };
	const struct blob *blob = rec_blob(rec, q->json);
	if (blob) {
		q->bytes = blob->bytes;
		return 0;
	}
	int r = json_type(q->json) == JSON_STRING ? json_unquote(q->json, &text)
						  : buf_printf(&text, "%.*s\n", SLICE(q->json));
	q->bytes = arena_copy(arena, buf_slice(&text));
	return r < 0 ? fail(err, FAULT_IO, "out of memory") : 0;
}

static int ask_data(const struct run_step *o, struct call *c, struct err *err) SUSPENDS
{
	struct request *q = c->request = arena_zero(c->arena, sizeof(*q));
	AUTO(buf_done) struct buf value = { .max = 256u << 20 };
	q->json = rec_json(c->rec);
	if (o->data) {
		int n = jq_one(o->data, c->env, &value, err);
		if (n < 0)
			return err_wrap(err, "data: ");
		q->json = n == 0 ? S("null") : arena_copy(c->arena, buf_slice(&value));
	}
	return o->protocol == PROTOCOL_ONCE ? put_bytes(c->rec, q, c->arena, err) : 0;
}

static int ask_digest(const struct run_step *o, const struct run_shared *s, struct call *c,
		      struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct request *q = c->request;
	const struct blob *blob;
	const char *name;
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket run 1"));
	digest_add(&d, (struct slice){ (const char *)s->program, sizeof(s->program) });
	digest_add(&d, slice_str(protocols[o->protocol]));
	digest_add(&d, o->protocol == PROTOCOL_ONCE ? q->bytes : q->json);
	for (size_t i = 0; o->protocol == PROTOCOL_FRAMES && (blob = rec_blob_at(c->rec, i, &name));
	     i++) {
		digest_add(&d, slice_str(name));
		digest_add(&d, blob->bytes);
	}
	digest_end(&d, c->asked);
	return 0;
}

static int run_ask(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct run_step *o = site->options;
	const struct run_shared *s = site->shared;
	const struct request *q;
	c->shown = slice_str(s->shown);
	c->safety = work_safety(&o->work, c);
	if (ask_data(o, c, err) < 0)
		return -1;
	q = c->request;
	if (c->wants_sends && o->data)
		c->sends = q->json;
	return c->wants_asked ? ask_digest(o, s, c, err) : 0;
}

/* ---- lines ------------------------------------------------------------------------------------------- */

static int put_line(struct call *const *calls, size_t n, struct buf *line, struct err *err)
{
	int r = buf_add_char(line, '[');
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct request *q = calls[i]->request;
		r = i > 0 ? buf_add_char(line, ',') : 0;
		r = r < 0 ? r : buf_add(line, q->json);
	}
	r = r < 0 ? r : buf_add_char(line, ']');
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r,
				  "the records of a batch do not fit into a line")
		     : 0;
}

static int give_line(struct call *c, struct slice text, struct err *err)
{
	c->answer.value.max = text.n + 1;
	if (buf_add(&c->answer.value, text) < 0)
		return fail(err, FAULT_IO, "out of memory");
	c->answer.body = BODY_JSON;
	c->verdict = VERDICT_ANSWER;
	return 0;
}

/* A list, as long as that of the records. */
static int give_list(struct call *const *calls, size_t n, struct slice list, struct err *err)
{
	struct slice key, value;
	size_t count = 0;
	err->sent = true;
	if (json_check(list, NULL) < 0 || json_type(list = json_trim(list)) != JSON_ARRAY)
		return fail(err, FAULT_WORKER_OUTPUT,
			    "with `batch` the answer to a list is a list, not: %.*s",
			    SLICE(utf8_head(list, 120)));
	for (struct json_iter it = json_iter(list); json_next(&it, &key, &value);)
		count++;
	if (count != n)
		return fail(err, FAULT_WORKER_OUTPUT, "there are %zu answers for %zu records",
			    count, n);
	struct json_iter it = json_iter(list);
	for (size_t i = 0; i < n && json_next(&it, &key, &value); i++)
		if (give_line(calls[i], value, err) < 0)
			return -1;
	return 0;
}

static int call_lines(struct site *site, struct call *const *calls, size_t n,
		      struct err *err) SUSPENDS
{
	struct run_shared *s = site->shared;
	AUTO(hk_answer_done) struct hk_answer answer = { 0 };
	AUTO(buf_done) struct buf line = { .max = 256u << 20 };
	const struct request *q = calls[0]->request;
	struct slice text = q->json;
	if (site->batch > 1 && put_line(calls, n, &line, err) < 0)
		return -1;
	text = site->batch > 1 ? buf_slice(&line) : text;
	const struct hk_part part = { text.p, text.n };
	if (work_call(&s->work, &part, 1, &answer, err) < 0)
		return -1;
	text = (struct slice){ answer.parts[0].bytes, answer.parts[0].n };
	return site->batch > 1 ? give_list(calls, n, text, err) : give_line(calls[0], text, err);
}

static void run_call_many(struct site *site, struct call *const *calls, size_t n) SUSPENDS
{
	const struct run_step *o = site->options;
	struct run_shared *s = site->shared;
	struct err err = { 0 };
	if (o->protocol == PROTOCOL_ONCE) {
		const struct request *q = calls[0]->request;
		ASSERT(n == 1);
		once_call(&s->once, q->bytes, calls[0]);
		return;
	}
	int r = o->protocol == PROTOCOL_FRAMES ? records_work(&s->work, calls, n, &err)
					       : call_lines(site, calls, n, &err);
	err.whole = n > 1;
	if (r < 0)
		work_give_fault(calls, n, &err);
}

static void run_call(struct site *site, struct call *c) SUSPENDS
{
	run_call_many(site, &c, 1);
}

const struct port step_run = {
	.name = "run",
	.doc = "any program for each record: JSON lines, frames, or a process for each",
	.more = "The program stays and answers each line of JSON with one line of JSON; with "
		"`protocol: once` there is a\n"
		"process for each record, and what it prints is the answer. An object becomes the "
		"record, unless `into`,\n"
		"`result` or `emit` says where the answer goes. A program that crashes, hangs or "
		"prints garbage costs the\n"
		"record that it had.\n"
		"\n"
		"    steps:\n"
		"      - run: [./score, --fast]\n"
		"        workers: 4\n"
		"      - run: [pdftotext, '-', '-']\n"
		"        protocol: once\n"
		"        data: .pdf\n"
		"        as: text\n"
		"        into: .text\n",
	.roles = ROLE_STEP,
	.works = true,
	.options = options,
	.options_size = sizeof(struct run_step),
	.shared_size = sizeof(struct run_shared),
	.plan = run_plan,
	.look = run_look,
	.open = run_open,
	.close = run_close,
	.ask = run_ask,
	.call = run_call,
	.call_many = run_call_many,
};
