/* text_sink.c - batches of records into a file of lines
 *
 * What this room is for: the operations of the file sinks.
 * What flows through:    batches in; one write and one fsync each, in pieces of 4 MiB when a batch is larger.
 * What must hold:
 *  (1) after a failed commit nothing of it shows: the next round begins where the last receipt ended.
 *  (2) CSV: the header is the file's first line and is written with the first rows; when the file has one already (append,
 *      resume), its columns are the columns. */
#include "connectors/text_sink.h"
#include "base/banned.h"
#include <hocket/file.h>

#define PIECE_BYTES  (4u << 20)
#define TEXT_MAX     (256u << 20) /* one piece and the largest record behind it */
#define HEADER_BYTES (64u << 10)

int text_sink_plan(void *options, struct facts *facts, struct diag *diag)
{
	const struct text_sink *o = options;
	facts->guarantee = TRANSACTIONAL;
	facts->effect = EFFECT_WRITES;
	facts->finite_output = o->mode != PART_APPEND;
	facts->door = slice_str(o->path);
	render_check(&o->render, diag);
	return 0;
}

void text_sink_open(struct site *site, enum render_format format)
{
	const struct text_sink *o = site->options;
	struct text_output *t = site->shared;
	part_file_open(&t->file, o->path, (enum part_mode)o->mode);
	rendering_init(&t->rendering, format, &o->render);
	t->text = (struct buf){ .max = TEXT_MAX };
}

void text_sink_close(struct site *site)
{
	struct text_output *t = site->shared;
	if (!t->file.path)
		return; /* never opened */
	part_file_close(&t->file);
	rendering_done(&t->rendering);
	buf_done(&t->text);
}

int text_sink_stands(struct site *site, const char *pipeline, struct slice receipt, struct err *why)
{
	struct text_output *t = site->shared;
	(void)pipeline;
	return part_file_stands(&t->file, receipt, why);
}

static int read_header(struct text_output *t, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf head = { 0 };
	size_t n = t->file.length < HEADER_BYTES ? (size_t)t->file.length : HEADER_BYTES;
	int r = buf_reserve(&head, n);
	ssize_t got = r < 0 ? r : hk_file_read(t->file.fd, head.p, n, 0);
	if (got < 0)
		return fail_errno(err, FAULT_IO, (int)got, "cannot read the header of '%s'",
				  t->file.part);
	buf_added(&head, (size_t)got);
	return rendering_columns(&t->rendering, buf_slice(&head), t->file.path, err);
}

int text_sink_resume(struct site *site, struct resumption *r, struct err *err)
{
	struct text_output *t = site->shared;
	if (part_file_resume(&t->file, r, err) < 0)
		return -1;
	if (t->rendering.format == RENDER_CSV && t->file.length > 0)
		return read_header(t, err);
	return 0;
}

int text_sink_commit(struct site *site, const struct batch *b, struct buf *receipt, struct err *err)
{
	struct text_output *t = site->shared;
	bool header = t->file.length == 0;
	size_t next = 0;
	part_file_begin(&t->file);
	do {
		buf_clear(&t->text);
		int r = rendering_put(&t->rendering, b, next, header, PIECE_BYTES, &t->text, err);
		if (r < 0 || part_file_write(&t->file, buf_slice(&t->text), err) < 0)
			return -1;
		next = (size_t)r;
	} while (next < b->n);
	return part_file_sync(&t->file, receipt, err);
}

/* A run without records leaves a file without rows, which still says its columns. */
static int put_lone_header(struct text_output *t, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf receipt = { 0 };
	buf_clear(&t->text);
	part_file_begin(&t->file);
	if (rendering_header(&t->rendering, &t->text, err) < 0 ||
	    part_file_write(&t->file, buf_slice(&t->text), err) < 0)
		return -1;
	return part_file_sync(&t->file, &receipt, err);
}

int text_sink_finish(struct site *site, struct err *err)
{
	struct text_output *t = site->shared;
	if (t->file.length == 0 && put_lone_header(t, err) < 0)
		return -1;
	return part_file_finish(&t->file, err);
}
