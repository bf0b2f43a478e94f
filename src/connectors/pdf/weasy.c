/* weasy.c - pages from HTML and CSS, by WeasyPrint
 *
 * What this room is for: see weasy.h; weasy_worker.py has the other side.
 * What flows through:    HTML and the record's blobs to a worker, as parts; a PDF back.
 * What must hold:
 *  (1) style sheets are read once, when the run opens: all workers of the run have that text. (2) a document that is refused is
 *      the record's fault, a worker that ends is not: connectors/work says which class it is. */
#include "connectors/pdf/weasy.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/workers/embedded.h"
#include <errno.h>
#include <hocket/file.h>
#include <hocket/process.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CSS_MOST        (4u << 20)
#define STARTUP_NS      (60 * HK_SEC)
#define RECYCLE_RECORDS 200
#define RECYCLE_MEMORY  (512u << 20)

/* 5 and 6: hocket_worker.py; ours, with what it has to know. */
static const char stub[] =
	"import json,os,sys,types\n"
	"def load(name,text,**more):\n"
	" m=types.ModuleType(name);m.__dict__.update(more);sys.modules[name]=m\n"
	" exec(compile(text,name+'.py','exec'),m.__dict__);return m\n"
	"read=lambda fd:os.pread(fd,os.fstat(fd).st_size,0)\n"
	"load('hocket_worker',read(5));c=json.loads(read(6));os.close(5);os.close(6)\n"
	"load('hocket_weasy',c['script'],config=c).main()\n";

const struct opt weasy_recycle_table[] = {
	OPT("records", struct recycle_options, records, OPT_INT, int64_t, .verb = true, .min = 1,
	    .max = 1000000000, .fallback = "200", .doc = "after so many documents"),
	OPT("memory", struct recycle_options, memory, OPT_SIZE, uint64_t, .fallback = "512MB",
	    .doc = "above so much memory (resident)"),
	OPT_END,
};

struct request { /* in the call's arena */
	struct slice html;
	bool blobs;
};

/* ---- the file ---------------------------------------------------------------------------------------- */

void weasy_plan(const struct weasy_options *o, int64_t workers, struct facts *facts,
		struct diag *diag)
{
	const struct work_options work = { .workers = workers };
	const char *const *css = o->css.v;
	work_plan(&work, facts);
	facts->guarantee = IDEMPOTENT;
	facts->replaces = false;
	for (size_t i = 0; i < o->css.n; i++)
		if (css[i] && access(css[i], R_OK) < 0)
			diag_error(diag, "pdf.css", "'%s' cannot be read: %s",
				   strrchr(css[i], '/') + 1, strerror(errno));
}

int weasy_look(const struct weasy_options *o, const char *folder, struct err *err)
{
	const char *const argv[] = { "/usr/bin/env", o->interpreter, "-c", "import weasyprint",
				     NULL };
	const struct hk_process_run_options how = {
		.process = { .folder = folder, .no_network = true },
	};
	struct hk_process_output out = { 0 };
	int r = hk_process_run(argv, &how, &out);
	struct slice said = slice_trim((struct slice){ out.err, out.err_n }), line = said;
	const char *end = said.n ? memrchr(said.p, '\n', said.n) : NULL;
	if (end)
		line = slice_from(said, (size_t)(end - said.p) + 1);
	if (r < 0)
		r = fail_errno(err, r == -ECANCELED ? FAULT_CANCELLED : FAULT_CONFIG, r,
			       "'%s' cannot be started", o->interpreter);
	else if (out.exit.status || out.exit.signal)
		r = fail(err, FAULT_CONFIG,
			 "WeasyPrint is not there for '%s': install the package 'weasyprint', or "
			 "name a Python that has it, `interpreter: venv/bin/python3` (%.*s)",
			 o->interpreter, SLICE(line));
	free(out.out);
	free(out.err);
	return r;
}

/* ---- the door ------------------------------------------------------------------------------------------ */

static int add_css(struct weasy *w, const char *path, struct digest *d, struct json_writer *out,
		   struct err *err) SUSPENDS
{
	AUTO(freep) char *text = NULL;
	size_t n = 0;
	int r = hk_file_read_whole(path, CSS_MOST, &text, &n);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "the style sheet '%s' cannot be read",
				  path);
	digest_add(d, slice_str(path));
	digest_add(d, (struct slice){ text, n });
	w->wants_blobs |= n > 0 && memmem(text, n, "blob:", 5) != NULL;
	json_open(out, '[');
	json_put_string(out, slice_str(path));
	json_put_string(out, (struct slice){ text, n });
	json_close(out, ']');
	return 0;
}

/* What a worker gets in memory: our script, the style sheets, the folder. */
static int put_config(struct weasy *w, const struct weasy_options *o, struct site *site,
		      struct buf *out, struct err *err) SUSPENDS
{
	AUTO(digest_done) struct digest d = { NULL };
	const char *const *css = o->css.v;
	struct json_writer j = json_writer(out);
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	json_open(&j, '{');
	json_key(&j, "script");
	json_put_string(&j, (struct slice){ hocket_weasy_py, hocket_weasy_py_n });
	json_key(&j, "folder");
	json_put_string(&j, slice_str(site_folder(site)));
	json_key(&j, "css");
	json_open(&j, '[');
	for (size_t i = 0; i < o->css.n; i++)
		if (add_css(w, css[i], &d, &j, err) < 0)
			return -1;
	json_close(&j, ']');
	json_close(&j, '}');
	digest_end(&d, w->style);
	int r = json_writer_end(&j);
	return r < 0 ? fail_errno(err, FAULT_CONFIG, r, "the style sheets are too large") : 0;
}

int weasy_open(struct weasy *w, const struct weasy_options *o, struct site *site, struct err *err)
{
	AUTO(buf_done) struct buf config = { 0 };
	const char *const argv[] = { "/usr/bin/env",
				     "PYTHONHASHSEED=0",
				     "SOURCE_DATE_EPOCH=0",
				     o->interpreter,
				     "-u",
				     "-c",
				     stub,
				     NULL };
	memcpy(w->argv, argv, sizeof(argv));
	_Static_assert(sizeof(argv) == sizeof(w->argv), "copied");
	w->recycle = o->recycle ? *o->recycle
				: (struct recycle_options){ RECYCLE_RECORDS, RECYCLE_MEMORY };
	w->options = (struct work_options){ .startup_ns = STARTUP_NS,
					    .recycle = &w->recycle,
					    .memory = o->memory };
	if (put_config(w, o, site, &config, err) < 0 ||
	    python_open(&w->python, buf_slice(&config), err) < 0)
		return -1;
	const struct work_program program = { .argv = w->argv,
					      .keep = w->python.fds,
					      .keep_n = 2,
					      .hint = ": a document that takes longer is killed" };
	return work_open(&w->work, &w->options, &program, site, err);
}

void weasy_close(struct weasy *w)
{
	work_close(&w->work);
	python_close(&w->python);
}

/* ---- the request ------------------------------------------------------------------------------------------ */

static int take_html(const struct weasy_limits *limits, struct call *c, struct slice json,
		     struct slice *ret, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = 2 * limits->html };
	const struct blob *blob = json_type(json) == JSON_OBJECT ? rec_blob(c->rec, json) : NULL;
	if (!blob && json_type(json) != JSON_STRING)
		return fail(err, FAULT_BAD_VALUE, "`html` wants text or a blob, not %.*s",
			    SLICE(slice_head(json, 40)));
	if (!blob && json_unquote(json, &text) < 0)
		text.n = limits->html + 1;
	*ret = blob ? blob->bytes : buf_slice(&text);
	if (ret->n > limits->html)
		return fail(err, FAULT_TOO_LARGE, "the HTML is longer than `max_bytes`, %" PRIu64,
			    limits->html);
	if (!blob)
		*ret = arena_copy(c->arena, *ret);
	return 0;
}

static int ask_digest(const struct weasy *w, const struct weasy_limits *limits, struct call *c,
		      const struct request *q, struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct blob *blob;
	const char *name;
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, limits->placeholders ? S("hocket weasyprint 1 placeholders")
					    : S("hocket weasyprint 1"));
	digest_add(&d, (struct slice){ (const char *)w->style, sizeof(w->style) });
	digest_add(&d, q->html);
	for (size_t i = 0; q->blobs && (blob = rec_blob_at(c->rec, i, &name)); i++) {
		digest_add(&d, slice_str(name));
		digest_add(&d, blob->bytes);
	}
	digest_end(&d, c->asked);
	return 0;
}

int weasy_ask(const struct weasy *w, const struct weasy_options *o,
	      const struct weasy_limits *limits, struct call *c, struct err *err)
{
	AUTO(buf_done) struct buf value = { .max = 256u << 20 };
	struct request *q = arena_zero(c->arena, sizeof(*q));
	int n = jq_one(o->html, c->env, &value, err);
	if (n < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "html");
	struct slice json = n ? json_trim(buf_slice(&value)) : S("null");
	if (take_html(limits, c, json, &q->html, err) < 0)
		return -1;
	q->blobs = w->wants_blobs || (q->html.n && memmem(q->html.p, q->html.n, "blob:", 5));
	c->request = q;
	c->safety = SAFE;
	c->shown = slice_str(arena_printf(c->arena, "%zu bytes of HTML", q->html.n));
	if (c->wants_sends)
		c->sends = q->html;
	return c->wants_asked ? ask_digest(w, limits, c, q, err) : 0;
}

/* ---- the call ----------------------------------------------------------------------------------------------- */

static size_t blob_count(const struct call *c, const struct request *q)
{
	const char *name;
	size_t n = 0;
	while (q->blobs && rec_blob_at(c->rec, n, &name))
		n++;
	return n;
}

/* The type stands where the text names the blob; WeasyPrint looks at the bytes anyway. */
static int put_head(const struct weasy_limits *limits, struct call *c, size_t blobs,
		    struct buf *out)
{
	struct json_writer j = json_writer(out);
	const char *name;
	json_open(&j, '{');
	json_key(&j, "max_pages");
	json_put_int(&j, limits->pages);
	json_key(&j, "placeholders");
	json_put_bool(&j, limits->placeholders);
	json_key(&j, "blobs");
	json_open(&j, '[');
	for (size_t i = 0; i < blobs; i++) {
		(void)rec_blob_at(c->rec, i, &name);
		json_open(&j, '[');
		json_put_string(&j, slice_str(name));
		json_put_raw(&j, S("null"));
		json_close(&j, ']');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	return json_writer_end(&j);
}

static int refused(struct slice head, struct err *err)
{
	AUTO(buf_done) struct buf words = { 0 };
	struct slice kind, text;
	if (!json_field(head, S("error"), &text) || json_unquote(text, &words) < 0 ||
	    !json_field(head, S("class"), &kind))
		return fail(err, FAULT_WORKER_OUTPUT, "the worker did not answer with a PDF");
	enum fault fault = slice_eq(kind, S("\"too_large\"")) ? FAULT_TOO_LARGE
			   : slice_eq(kind, S("\"oom\""))     ? FAULT_WORKER_OOM
							      : FAULT_BAD_VALUE;
	return fail(err, fault, "%.*s", SLICE(buf_slice(&words)));
}

static int take_pdf(const struct weasy_limits *limits, struct call *c, const struct hk_answer *a,
		    struct err *err) SUSPENDS
{
	struct slice head = a->parts_n ? (struct slice){ a->parts[0].bytes, a->parts[0].n } : S("");
	if (json_check(head, NULL) < 0 || json_type(head) != JSON_OBJECT)
		return fail(err, FAULT_WORKER_OUTPUT, "the worker's answer is no answer");
	if (a->parts_n != 2)
		return refused(head, err);
	struct slice pdf = { a->parts[1].bytes, a->parts[1].n };
	if (pdf.n > limits->pdf)
		return fail(err, FAULT_TOO_LARGE,
			    "the PDF has %zu bytes, more than `max_pdf`, %" PRIu64, pdf.n,
			    limits->pdf);
	int r = call_room(c, BODY_BLOB, pdf.n, pdf.n);
	c->answer.value.max = limits->pdf;
	r = r < 0 ? r : buf_add(&c->answer.value, pdf);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "no room for the PDF");
	c->answer.body = BODY_BLOB;
	c->answer.type = S("application/pdf");
	return 0;
}

int weasy_call(struct weasy *w, const struct weasy_limits *limits, struct call *c, struct err *err)
{
	AUTO(hk_answer_done) struct hk_answer answer = { 0 };
	AUTO(buf_done) struct buf head = { 0 };
	const struct request *q = c->request;
	size_t blobs = blob_count(c, q);
	struct hk_part *parts = arena_zero(c->arena, (blobs + 2) * sizeof(*parts));
	const char *name;
	if (put_head(limits, c, blobs, &head) < 0)
		return fail(err, FAULT_TOO_LARGE, "the record has too many blobs");
	parts[0] = (struct hk_part){ head.p, head.n };
	parts[1] = (struct hk_part){ q->html.p, q->html.n };
	for (size_t i = 0; i < blobs; i++) {
		const struct blob *blob = rec_blob_at(c->rec, i, &name);
		parts[i + 2] = (struct hk_part){ blob->bytes.p, blob->bytes.n };
	}
	if (work_call(&w->work, parts, blobs + 2, &answer, err) < 0)
		return -1;
	return take_pdf(limits, c, &answer, err);
}
