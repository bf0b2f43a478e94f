/* to_stdout.c - write records to standard output, as JSON lines or CSV
 *
 * What this room is for: `hocket run pipeline.yaml | jq ...`.
 * What flows through:    rendered batches; a pipe that is full parks the sink, and so the pipeline.
 * What must hold:
 *  (1) append only: what is out cannot be taken back, so a resumed run may repeat its last batch.
 *  (2) a reader that goes away (head) ends the run with one sentence, never with SIGPIPE. */
#include "base/banned.h"
#include "connectors/files/rendering.h"
#include <errno.h>
#include <hocket/fd.h>
#include <unistd.h>

#define TEXT_MAX (1024u << 20) /* a batch */

struct stdout_sink {
	int format;
	struct render_options render;
};
struct stdout_writer {
	struct rendering rendering;
	struct buf text;
	bool begun; /* the CSV header is out */
};

static const struct opt options[] = {
	OPT("stdout", struct stdout_sink, format, OPT_ENUM, int, .verb = true,
	    .words = render_formats, .fallback = "jsonl", .doc = "how records are written"),
	FIELDS_OPTION(struct stdout_sink, render),
	DELIMITER_OPTION(struct stdout_sink, render),
	OPT_END,
};

static int stdout_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct stdout_sink *o = of;
	facts->guarantee = APPEND_ONLY;
	facts->effect = EFFECT_WRITES;
	facts->door = S("stdout");
	render_check(&o->render, diag);
	return 0;
}

static int stdout_open(struct site *site, struct err *err)
{
	const struct stdout_sink *o = site->options;
	struct stdout_writer *w = site->shared;
	(void)err;
	rendering_init(&w->rendering, site, (enum render_format)o->format, &o->render);
	w->text = (struct buf){ .max = TEXT_MAX };
	return 0;
}

static void stdout_close(struct site *site)
{
	struct stdout_writer *w = site->shared;
	rendering_done(&w->rendering);
	buf_done(&w->text);
}

static int write_text(struct stdout_writer *w, struct err *err) SUSPENDS
{
	if (w->text.n == 0)
		return 0;
	ssize_t n = hk_write(STDOUT_FILENO, w->text.p, w->text.n);
	if (n == -EPIPE && err)
		err->code = EPIPE;
	if (n == -EPIPE)
		return fail(err, FAULT_IO, "stdout was closed by its reader");
	if (n < 0)
		return fail_errno(err, FAULT_IO, (int)n, "cannot write to stdout");
	w->begun = true;
	return 0;
}

static int stdout_commit(struct site *site, const struct batch *b, struct buf *receipt,
			 struct err *err) SUSPENDS
{
	struct stdout_writer *w = site->shared;
	(void)receipt;
	buf_clear(&w->text);
	/* All of it before the first byte: a batch with a bad record is tried again in parts. */
	if (rendering_put(&w->rendering, b, 0, !w->begun, SIZE_MAX, &w->text, err) < 0)
		return -1;
	return write_text(w, err);
}

const struct port to_stdout = {
	.name = "stdout",
	.doc = "write records to standard output",
	.more = "JSON lines, or CSV with a header. Progress and the account go to stderr, so the "
		"output can be piped on.\n"
		"\n"
		"    to: stdout\n"
		"\n"
		"    to: {stdout: csv, fields: [id, name]}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct stdout_sink),
	.shared_size = sizeof(struct stdout_writer),
	.plan = stdout_plan,
	.open = stdout_open,
	.close = stdout_close,
	.commit = stdout_commit,
};
