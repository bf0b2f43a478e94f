/* step_pdf.c - Markdown becomes pages
 *
 * What this room is for: `pdf:` as a step: its options, its call. The pages are made by the module libhocket-pdf.so (src/pdf), on the CPU
 *   pool: the loop never waits for a font.
 * What flows through:    the record's Markdown and words in; a PDF out, as a blob.
 * What must hold:
 *  (1) a call that is cancelled leaves at once; the thread is told to stop, and what it reads lives until it has: a job owns all of it.
 *  (2) there is never half a PDF: a document is whole, or the record is dead with a sentence. */
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/pdf/module.h"
#include "connectors/pdf/pictures.h"
#include "connectors/pdf/style.h"
#include "connectors/pdf/weasy.h"
#include "engine/port.h"
#include "io/digest.h"
#include "rt/pool.h"
#include <errno.h>
#include <hocket/offload.h>
#include <hocket/scope.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

struct pdf_options {
	struct jq *markdown;
	const char *style;
	struct tpl *title, *subtitle, *author, *subject, *keywords, *language;
	int engine, missing;
	int64_t max_pages, workers;
	uint64_t max_bytes, max_pdf;
	struct weasy_options weasy;
};
struct pdf_step {
	struct pdf_options *pdf;
};
struct pdf_shared {
	const struct pdf_module *module;
	struct pdf_sheet *sheet; /* owns a reference */
	struct weasy weasy;
	bool warned; /* of a letter that no font has */
};
enum words { TITLE, SUBTITLE, AUTHOR, SUBJECT, KEYWORDS, LANGUAGE, WORDS };
struct request { /* in the call's arena */
	struct slice markdown;
	const char *words[WORDS];
};

/* ---- options ------------------------------------------------------------------------------------- */

enum engine { ENGINE_NATIVE, ENGINE_WEASYPRINT };
static const char *const engine_words[] = { "native", "weasyprint", NULL };
static const char *const missing_words[] = { "dead", "placeholder", NULL };

#define WORD(name, doc_) \
	OPT(#name, struct pdf_options, name, OPT_TEMPLATE, struct tpl *, .doc = doc_)

static const struct opt pdf_options[] = {
	OPT("markdown", struct pdf_options, markdown, OPT_JQ, struct jq *, .verb = true,
	    .doc = "the text: .notes"),
	WEASY_OPTIONS(struct pdf_options, weasy),
	OPT("engine", struct pdf_options, engine, OPT_ENUM, int, .words = engine_words,
	    .doc = "who makes the pages: hocket itself, from `markdown`; WeasyPrint, from `html`"),
	OPT("style", struct pdf_options, style, OPT_PATH, const char *,
	    .doc = "a YAML file with fonts, sizes, margins, colours; all of it has defaults"),
	WORD(title, "stands above the text and in the file's properties; \\(.topic)"),
	WORD(subtitle, "below the title"),
	WORD(author, "below that, and in the file's properties"),
	WORD(subject, "in the file's properties"),
	WORD(keywords, "in the file's properties"),
	WORD(language, "of the text, for fonts: en, de, ar, ja"),
	OPT("missing", struct pdf_options, missing, OPT_ENUM, int, .words = missing_words,
	    .fallback = "dead",
	    .doc = "an image that cannot be had: the record is dead, or a box says what it would "
		   "show"),
	OPT("max_pages", struct pdf_options, max_pages, OPT_INT, int64_t, .fallback = "1000",
	    .min = 1, .max = 100000, .doc = "a longer document is dead, too_large"),
	OPT("max_bytes", struct pdf_options, max_bytes, OPT_SIZE, uint64_t, .fallback = "8MB",
	    .doc = "of Markdown or HTML; more is dead, too_large"),
	OPT("max_pdf", struct pdf_options, max_pdf, OPT_SIZE, uint64_t, .fallback = "64MB",
	    .doc = "of the PDF; a larger one is dead, too_large"),
	OPT("workers", struct pdf_options, workers, OPT_INT, int64_t, .tuning = true, .min = 1,
	    .max = 256, .doc = "threads, or processes, that render at once; one for each core"),
	OPT_END,
};
static const struct opt options[] = {
	OPT("pdf", struct pdf_step, pdf, OPT_TABLE, struct pdf_options *, .verb = true,
	    .required = true, .sub = pdf_options, .sub_size = sizeof(struct pdf_options),
	    .doc = "the field with the Markdown, or options"),
	OPT_END,
};

static void check_style(const struct pdf_step *o, const struct pdf_module *module,
			struct diag *diag)
{
	AUTO(buf_done) struct buf mistakes = { .max = 65536 };
	struct pdf_sheet *sheet = NULL;
	if (pdf_sheet_read(o->pdf->style, module, &sheet, &mistakes) == 0) {
		pdf_sheet_unref(sheet);
		return;
	}
	struct slice rest = buf_slice(&mistakes), line;
	while (slice_cut(rest, '\n', &line, &rest) || line.n)
		diag_error(diag, o->pdf->style ? "pdf.style" : NULL, "%.*s", SLICE(line));
}

static bool is_html(const struct pdf_options *o)
{
	return o->weasy.html != NULL;
}

static bool check_engine(const struct pdf_options *o, struct diag *diag)
{
	const struct weasy_options *w = &o->weasy;
	bool words =
		o->title || o->subtitle || o->author || o->subject || o->keywords || o->language;
	if (!o->markdown == !w->html)
		diag_error(diag, NULL, "what becomes pages? give markdown, or html");
	else if (o->markdown && o->engine == ENGINE_WEASYPRINT)
		diag_error(diag, "pdf.engine", "weasyprint makes pages of `html`");
	else if (o->markdown && w->css.n)
		diag_error(diag, "pdf.css", "`css` is for `html`; Markdown has a `style` file");
	else if (w->html && (o->style || words))
		diag_error(diag, o->style ? "pdf.style" : NULL,
			   "with `html`, `css` says how it looks, and its own <title>, <meta> and "
			   "lang what it is");
	else
		return true;
	return false;
}

static int pdf_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct pdf_step *o = of;
	struct err err = { 0 };
	if (!check_engine(o->pdf, diag))
		return 0;
	if (is_html(o->pdf)) {
		weasy_plan(&o->pdf->weasy, o->pdf->workers, facts, diag);
		return 0;
	}
	const struct pdf_module *module = pdf_module_find(&err);
	if (!module)
		diag_error(diag, NULL, "%s", err.text);
	else
		check_style(o, module, diag);
	facts->effect = EFFECT_NONE;
	facts->guarantee = IDEMPOTENT;
	facts->keyless = true;
	facts->local = true;
	facts->own_clock = true;
	facts->concurrency = o->pdf->workers ? (unsigned)o->pdf->workers : pool_cores();
	return 0;
}

static int pdf_look(const void *of, const char *folder, struct err *err) SUSPENDS
{
	const struct pdf_step *o = of;
	return is_html(o->pdf) ? weasy_look(&o->pdf->weasy, folder, err) : 0;
}

/* ---- the door ------------------------------------------------------------------------------------ */

static int pdf_open(struct site *site, struct err *err) SUSPENDS
{
	const struct pdf_step *o = site->options;
	struct pdf_shared *shared = site->shared;
	AUTO(buf_done) struct buf mistakes = { .max = 65536 };
	struct slice first;
	if (is_html(o->pdf))
		return weasy_open(&shared->weasy, &o->pdf->weasy, site, err);
	shared->module = pdf_module_find(err);
	if (!shared->module)
		return -1;
	if (pdf_sheet_read(o->pdf->style, shared->module, &shared->sheet, &mistakes) == 0)
		return 0;
	slice_cut(buf_slice(&mistakes), '\n', &first, &(struct slice){ 0 });
	return fail(err, FAULT_CONFIG, "%.*s", SLICE(first));
}

static void pdf_close(struct site *site) SUSPENDS
{
	const struct pdf_step *o = site->options;
	struct pdf_shared *shared = site->shared;
	if (is_html(o->pdf))
		weasy_close(&shared->weasy);
	pdf_sheet_unref(take(shared->sheet));
}

/* ---- the request ---------------------------------------------------------------------------------- */

static int ask_markdown(const struct pdf_options *o, struct call *c, struct request *q,
			struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { .max = 256u << 20 }, text = { .max = o->max_bytes };
	int n = jq_one(o->markdown, c->env, &value, err);
	if (n < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "markdown");
	struct slice json = n ? json_trim(buf_slice(&value)) : S("nothing");
	const struct blob *blob = n ? rec_blob(c->rec, json) : NULL;
	if (!blob && (n == 0 || json_type(json) != JSON_STRING))
		return fail(err, FAULT_BAD_VALUE, "`markdown` wants text, not %.*s",
			    SLICE(utf8_head(json, 40)));
	if ((blob ? buf_add(&text, blob->bytes) : json_unquote(json, &text)) < 0)
		return fail(err, FAULT_TOO_LARGE,
			    "the Markdown is longer than %" PRIu64 " bytes: raise `max_bytes`",
			    o->max_bytes);
	q->markdown = arena_copy(c->arena, buf_slice(&text));
	return 0;
}

static int ask_words(const struct pdf_options *o, struct call *c, struct request *q,
		     struct err *err) SUSPENDS
{
	const struct tpl *const words[WORDS] = { o->title,   o->subtitle, o->author,
						 o->subject, o->keywords, o->language };
	AUTO(buf_done) struct buf text = { .max = 65536 };
	for (size_t i = 0; i < WORDS; i++) {
		buf_clear(&text);
		if (!words[i])
			continue;
		if (tpl_text(words[i], c->env, &text, err) < 0)
			return -1;
		q->words[i] = arena_str(c->arena, buf_slice(&text));
	}
	return 0;
}

static int ask_digest(const struct pdf_options *o, const struct pdf_sheet *sheet, struct call *c,
		      const struct request *q, struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket pdf 1"));
	digest_add(&d, (struct slice){ (const char *)sheet->digest, sizeof(sheet->digest) });
	digest_add(&d, q->markdown);
	for (size_t i = 0; i < WORDS; i++)
		digest_add(&d, slice_str(q->words[i]));
	digest_add(&d, o->missing ? S("placeholder") : S("dead"));
	digest_end(&d, c->asked);
	return 0;
}

static struct weasy_limits limits_of(const struct pdf_options *o)
{
	return (struct weasy_limits){ .html = o->max_bytes,
				      .pdf = o->max_pdf,
				      .pages = (unsigned)o->max_pages,
				      .placeholders = o->missing };
}

static int pdf_ask(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct pdf_step *o = site->options;
	const struct pdf_shared *shared = site->shared;
	if (is_html(o->pdf)) {
		struct weasy_limits limits = limits_of(o->pdf);
		return weasy_ask(&shared->weasy, &o->pdf->weasy, &limits, c, err);
	}
	struct request *q = arena_zero(c->arena, sizeof(*q));
	if (ask_markdown(o->pdf, c, q, err) < 0 || ask_words(o->pdf, c, q, err) < 0)
		return -1;
	c->request = q;
	c->safety = SAFE;
	c->shown = slice_str(arena_printf(c->arena, "%zu bytes of Markdown", q->markdown.n));
	if (c->wants_sends)
		c->sends = q->markdown;
	return c->wants_asked ? ask_digest(o->pdf, shared->sheet, c, q, err) : 0;
}

/* ---- the call --------------------------------------------------------------------------------------- */

struct printing { /* outlives a caller that was cancelled */
	unsigned refs;
	atomic_bool stop;
	const struct pdf_module *module;
	struct pdf_sheet *sheet; /* owns references, which are counted on the loop */
	struct pictures pictures;
	struct arena *arena; /* owns: copies of what is in the call's */
	struct pdf_job work;
	enum pdf_outcome outcome;
};

static bool job_stopped(void *arg)
{
	struct printing *job = container_of(arg, struct printing, pictures);
	return atomic_load_explicit(&job->stop, memory_order_relaxed);
}

static void job_unref(void *arg)
{
	struct printing *job = arg;
	if (--job->refs > 0)
		return;
	pdf_sheet_unref(job->sheet);
	rec_unref(job->pictures.rec);
	buf_done(&job->work.pdf);
	arena_free(job->arena);
	free(job);
}

static void job_drop(struct printing **job)
{
	job_unref(*job);
}

static const char *copy_word(struct arena *arena, const char *word)
{
	return word ? arena_str(arena, slice_str(word)) : NULL;
}

static struct printing *job_new(struct site *site, const struct call *c)
{
	const struct pdf_step *o = site->options;
	const struct pdf_shared *shared = site->shared;
	const struct request *q = c->request;
	struct printing *job = xcalloc(1, sizeof(*job));
	struct arena *arena = arena_new();
	*job = (struct printing){ .refs = 1, .module = shared->module, .arena = arena };
	job->sheet = pdf_sheet_ref(shared->sheet);
	job->pictures.rec = rec_ref((struct rec *)c->rec);
	job->pictures.folder = arena_str(arena, slice_str(site_folder(site)));
	job->work = (struct pdf_job){
		.markdown = arena_copy(arena, q->markdown),
		.style = &job->sheet->style,
		.title = copy_word(arena, q->words[TITLE]),
		.subtitle = copy_word(arena, q->words[SUBTITLE]),
		.author = copy_word(arena, q->words[AUTHOR]),
		.subject = copy_word(arena, q->words[SUBJECT]),
		.keywords = copy_word(arena, q->words[KEYWORDS]),
		.language = copy_word(arena, q->words[LANGUAGE]),
		.placeholders = o->pdf->missing,
		.max_pages = (unsigned)o->pdf->max_pages,
		.image = pictures_get,
		.stopped = job_stopped,
		.arg = &job->pictures,
		.pdf = { .max = o->pdf->max_pdf },
	};
	return job;
}

static int job_run(void *arg)
{
	struct printing *job = arg;
	job->outcome = job->module->render(&job->work);
	return 0;
}

static int fail_outcome(const struct printing *job, struct err *err)
{
	static const enum fault faults[] = { [PDF_BAD_VALUE] = FAULT_BAD_VALUE,
					     [PDF_TOO_LARGE] = FAULT_TOO_LARGE,
					     [PDF_STOPPED] = FAULT_CANCELLED,
					     [PDF_FAILED] = FAULT_BAD_VALUE };
	const char *hint = job->outcome == PDF_TOO_LARGE ? ": raise `max_pages` or `max_pdf`" : "";
	return fail(err, faults[job->outcome], "%s%s", job->work.error, hint);
}

/* Nobody looks at ten thousand PDFs: the first box in one of them is told. */
static void tell_lacking(struct site *site, uint32_t letter)
{
	struct pdf_shared *shared = site->shared;
	AUTO(buf_done) struct buf text = { .max = 512 };
	char shown[4];
	if (letter < ' ' || shared->warned)
		return;
	shared->warned = true;
	if (buf_printf(&text,
		       "no installed font has the letter %.*s (U+%04X): a box stands in its place; "
		       "install one that has it (Debian: fonts-noto-core, fonts-noto-cjk for "
		       "Chinese, Japanese and Korean)",
		       (int)utf8_put(letter, shown), shown, letter) == 0)
		site_warn(site, buf_slice(&text));
}

/* The thread is told. The same document would take as long again: that is no fault of a network. */
static int fail_cut(const struct site *site, struct printing *job, int r, struct err *err)
{
	atomic_store(&job->stop, true);
	err->sent = true;
	if (r != -ETIMEDOUT)
		return fail_errno(err, FAULT_IO, r, "cancelled");
	return fail(err, FAULT_WORKER_TIMEOUT, "there was no PDF within %.3g s",
		    (double)site->timeout_ns / (double)HK_SEC);
}

static int render(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	AUTO(job_drop) struct printing *job = job_new(site, c);
	const struct hk_offload_options how = { .pool = HK_POOL_CPU,
						.name = "pdf",
						.abandoned = job_unref };
	struct hk_scope clock;
	job->refs++;
	hk_scope_open(&clock, site->timeout_ns);
	int r = hk_offload_with(job_run, job, &how), end = hk_scope_close(&clock, r);
	if (r == -ECANCELED)
		return fail_cut(site, job, end, err);
	job->refs--;
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "no thread can be had for a PDF");
	if (job->outcome != PDF_DONE)
		return fail_outcome(job, err);
	size_t bytes = job->work.pdf.n;
	r = call_room(c, BODY_BLOB, bytes, bytes);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "no room for the PDF");
	c->answer.body = BODY_BLOB;
	c->answer.type = S("application/pdf");
	c->answer.value = buf_take(&job->work.pdf);
	tell_lacking(site, job->work.lacking);
	return 0;
}

static int print(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct pdf_step *o = site->options;
	struct pdf_shared *shared = site->shared;
	struct weasy_limits limits = limits_of(o->pdf);
	return is_html(o->pdf) ? weasy_call(&shared->weasy, &limits, c, err) : render(site, c, err);
}

static void pdf_call(struct site *site, struct call *c) SUSPENDS
{
	struct err err = { 0 };
	bool good = print(site, c, &err) == 0;
	c->verdict = good ? VERDICT_ANSWER : VERDICT_FAULT;
	if (!good)
		c->err = err;
}

const struct port step_pdf = {
	.name = "pdf",
	.doc = "Markdown, or HTML, becomes a PDF",
	.more = "Headings, emphasis, lists, tables, code, images, links and quotes, with an "
		"outline and "
		"page numbers; in any script\n"
		"that fonts are installed for. Images are PNG or JPEG: files beneath the "
		"pipeline's "
		"folder, data: URLs, or\n"
		"blob:NAME, a blob of the record; never from the network. The PDF is a blob: say "
		"`into`. "
		"The same input gives the\n"
		"same bytes. How it looks stands in a `style` file.\n"
		"\n"
		"    steps:\n"
		"      - pdf: {markdown: .notes, title: '\\(.topic)'}\n"
		"        into: .pdf\n"
		"\n"
		"HTML with CSS is rendered by WeasyPrint, in processes that stay warm and have no "
		"network:\n"
		"\n"
		"    steps:\n"
		"      - pdf: {html: .html, css: style.css}\n"
		"        into: .pdf\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct pdf_step),
	.shared_size = sizeof(struct pdf_shared),
	.file_options = pdf_style_options,
	.file_title = "The style file",
	.plan = pdf_plan,
	.look = pdf_look,
	.open = pdf_open,
	.close = pdf_close,
	.ask = pdf_ask,
	.call = pdf_call,
};
