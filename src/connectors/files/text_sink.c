/* text_sink.c - batches of records into a file of lines
 *
 * What this room is for: the operations of the file sinks.
 * What flows through:    batches in; one write and one fsync each, in pieces of 4 MiB when a batch is larger.
 * What must hold:
 *  (1) after a failed commit nothing of it shows: the next round begins where the last receipt ended.
 *  (2) CSV: the header is the file's first line and is written with the first rows; when the file has one already (append,
 *      resume), its columns are the columns.
 *  (3) compressed, each commit is a gzip member of its own: a receipt ends where a member ends, so that what is left after a cut
 *      is a whole file, and two such files behind each other are one. */
#include "connectors/files/text_sink.h"
#include "base/banned.h"
#include "connectors/files/input.h"
#include "connectors/files/spread.h"
#include <hocket/file.h>

#define HEADER_BYTES (64u << 10)

const char *const text_sink_packings[] = { "auto", "none", "gzip", NULL };

static bool is_packed(const struct text_sink *o)
{
	return o->packing == PACKING_GZIP ||
	       (o->packing == PACKING_AUTO &&
		packing_of_name(slice_str(o->files.path)) == PACKING_GZIP);
}

const struct opt rotate_table[] = {
	OPT("bytes", struct rotate_options, bytes, OPT_SIZE, uint64_t,
	    .doc = "of text, before it is compressed; the row that reaches it is the file's last"),
	OPT("rows", struct rotate_options, rows, OPT_INT, int64_t, .min = 1, .max = INT64_MAX,
	    .doc = "in each file, exactly"),
	OPT("every", struct rotate_options, every_ns, OPT_DURATION, int64_t,
	    .doc = "since its first row; looked at when rows come"),
	OPT_END,
};

static bool is_spread(const struct text_sink *o)
{
	return o->files.name || o->rotate;
}

static void check_files(const struct text_sink *o, struct diag *diag)
{
	const struct rotate_options *r = o->rotate;
	if (r && !r->bytes && !r->rows && !r->every_ns)
		diag_error(diag, "rotate", "'rotate' wants bytes, rows or every");
	if (o->files.name && strstr(o->files.path + o->files.folder, "$meta"))
		diag_error(diag, NULL,
			   "$meta is not known where records are written; put what the "
			   "name needs into a field with `set`");
}

int text_sink_plan(void *options, struct facts *facts, struct diag *diag)
{
	const struct text_sink *o = options;
	facts->guarantee = TRANSACTIONAL;
	facts->effect = EFFECT_WRITES;
	facts->finite_output = o->mode != PART_APPEND;
	facts->door = slice_str(o->files.path);
	render_check(&o->render, diag);
	check_files(o, diag);
	if (o->packing == PACKING_AUTO && packing_of_name(slice_str(o->files.path)) == PACKING_ZSTD)
		diag_error(diag, NULL,
			   "zstd is read, but not written; name the file .gz, or say `compress: "
			   "none`");
	return 0;
}

void text_sink_open(struct site *site, enum render_format format)
{
	const struct text_sink *o = site->options;
	struct text_output *t = site->shared;
	if (is_spread(o)) {
		t->spread = spread_new(site, o, format, is_packed(o));
		return;
	}
	part_file_open(&t->file, o->files.path, (enum part_mode)o->mode);
	t->file.endless = site_is_endless(site);
	rendering_init(&t->rendering, site, format, &o->render);
	t->text = (struct buf){ .max = TEXT_MOST };
	t->packed = (struct buf){ .max = TEXT_PACKED_MOST };
	t->file.packed = is_packed(o);
	t->gzip = t->file.packed ? gzip_new((int)o->level) : NULL;
}

void text_sink_close(struct site *site)
{
	struct text_output *t = site->shared;
	spread_free(take(t->spread));
	if (!t->file.path)
		return; /* never opened, or spread */
	part_file_close(&t->file);
	rendering_done(&t->rendering);
	buf_done(&t->text);
	buf_done(&t->packed);
	gzip_free(t->gzip);
	*t = (struct text_output){ 0 };
}

int text_sink_stands(struct site *site, const char *pipeline, struct slice receipt, struct err *why)
{
	struct text_output *t = site->shared;
	(void)pipeline;
	if (t->spread)
		return spread_stands(t->spread, receipt, why);
	return part_file_stands(&t->file, receipt, why);
}

/* ---- what is there already ------------------------------------------------------------------- */

static int read_head(struct text_output *t, struct buf *head, struct err *err) SUSPENDS
{
	size_t n = t->file.length < HEADER_BYTES ? (size_t)t->file.length : HEADER_BYTES;
	int r = buf_reserve(head, n);
	ssize_t got = r < 0 ? r : hk_file_read(t->file.fd, head->p, n, 0);
	if (got < 0)
		return fail_errno(err, FAULT_IO, (int)got, "cannot read the header of '%s'",
				  t->file.part);
	buf_added(head, (size_t)got);
	return 0;
}

int text_head(const char *path, enum packing packing, bool all, struct buf *head, bool *newline,
	      struct err *err)
{
	AUTO(input_close) struct input in = { 0 };
	char last = '\n';
	int more = input_open_file(&in, path, packing, err);
	while (more >= 0 && (more = input_more(&in, 2 * INPUT_BLOCK, err)) > 0) {
		struct slice text = input_peek(&in);
		size_t room = HEADER_BYTES - head->n;
		last = text.p[text.n - 1];
		if (buf_add(head, slice_head(text, room)) < 0)
			return fail(err, FAULT_IO, "out of memory");
		input_skip(&in, text.n);
		if (!all && (head->n == HEADER_BYTES || memchr(text.p, '\n', text.n)))
			break;
	}
	*newline = all && last != '\n';
	return more < 0 ? -1 : 0;
}

/* A packed file that is appended to is read through first: behind a member that is cut off nothing could be read again. */
static int look_at_text(struct text_output *t, bool append, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf head = { 0 };
	bool csv = t->rendering.format == RENDER_CSV;
	bool all = append && !t->file.own;
	int r = 0;
	t->begun = t->file.length > 0;
	if (!t->begun || !(csv || (t->gzip && all)))
		return 0;
	if (t->gzip)
		r = text_head(t->file.part, PACKING_GZIP, all, &head, &t->newline, err);
	else
		r = read_head(t, &head, err);
	if (r < 0)
		return -1;
	t->begun = head.n > 0;
	return csv && t->begun
		       ? rendering_columns(&t->rendering, buf_slice(&head), t->file.path, err)
		       : 0;
}

int text_sink_resume(struct site *site, struct resumption *r, struct err *err)
{
	const struct text_sink *o = site->options;
	struct text_output *t = site->shared;
	if (t->spread)
		return spread_resume(t->spread, r, err);
	if (t->file.packed && !t->gzip)
		return fail(err, FAULT_IO, "out of memory");
	if (part_file_resume(&t->file, r, err) < 0)
		return -1;
	return look_at_text(t, o->mode == PART_APPEND, err);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static int write_packed(struct text_output *t, int r, struct err *err) SUSPENDS
{
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot compress for '%s'", t->file.part);
	r = part_file_write(&t->file, buf_slice(&t->packed), err);
	buf_clear(&t->packed);
	return r;
}

static void begin_round(struct text_output *t)
{
	part_file_begin(&t->file);
	buf_clear(&t->packed);
	if (t->gzip)
		gzip_drop(t->gzip);
}

static int write_text(struct text_output *t, struct slice text, struct err *err) SUSPENDS
{
	if (!t->gzip)
		return part_file_write(&t->file, text, err);
	return write_packed(t, gzip_add(t->gzip, text, &t->packed), err);
}

/* What was written is a commit; `empty`: there was no text, and so there is no member. */
static int end_round(struct text_output *t, bool empty, struct buf *receipt,
		     struct err *err) SUSPENDS
{
	if (t->gzip && !empty && write_packed(t, gzip_end(t->gzip, &t->packed), err) < 0)
		return -1;
	if (part_file_sync(&t->file, receipt, err) < 0)
		return -1;
	t->begun |= !empty;
	t->newline &= empty;
	return 0;
}

int text_sink_commit(struct site *site, const struct batch *b, struct buf *receipt, struct err *err)
{
	struct text_output *t = site->shared;
	bool empty = true;
	size_t next = 0;
	if (t->spread)
		return spread_commit(t->spread, b, receipt, err);
	begin_round(t);
	do {
		buf_clear(&t->text);
		if (empty && t->newline && b->n && buf_add_char(&t->text, '\n') < 0)
			return fail(err, FAULT_IO, "out of memory");
		int r = rendering_put(&t->rendering, b, next, !t->begun, TEXT_PIECE, &t->text, err);
		if (r < 0 || write_text(t, buf_slice(&t->text), err) < 0)
			return -1;
		empty &= t->text.n == 0;
		next = (size_t)r;
	} while (next < b->n);
	return end_round(t, empty, receipt, err);
}

/* A run without records leaves a file without rows, which still says its columns, and still is a gzip file. */
static int put_lone_header(struct text_output *t, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf receipt = { 0 };
	buf_clear(&t->text);
	begin_round(t);
	if (rendering_header(&t->rendering, &t->text, err) < 0 ||
	    write_text(t, buf_slice(&t->text), err) < 0)
		return -1;
	return end_round(t, false, &receipt, err);
}

int text_sink_finish(struct site *site, struct err *err)
{
	struct text_output *t = site->shared;
	if (t->spread)
		return spread_finish(t->spread, err);
	if (t->file.length == 0 && put_lone_header(t, err) < 0)
		return -1;
	return part_file_finish(&t->file, err);
}
