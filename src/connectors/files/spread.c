/* spread.c - rows find their file, and each file its rows
 *
 * What this room is for: see spread.h.
 * What flows through:    a batch in; its rows by series, rendered one series behind the other, in pieces of 4 MiB to the parts.
 * What must hold:
 *  (1) a row whose name is refused is named in the fault: the engine lets it be dead and tries the others.
 *  (2) a part is rotated before the row that does not fit any more; the counts that decide are of committed rows and of this round's.
 *  (3) compressed, a part gets one gzip member a commit, as in text_sink.c. */
#include "connectors/files/spread.h"
#include "base/banned.h"
#include "base/clock.h"
#include "io/beneath.h"
#include "connectors/files/input.h"
#include <stdlib.h>

#define NO_ROW     SIZE_MAX
#define NAME_BYTES (64u << 10)
#define NAME_ROOM  16 /* .part, and a number before the extension */

struct spread *spread_new(struct site *site, const struct text_sink *options,
			  enum render_format format, bool packed)
{
	struct spread *o = xcalloc(1, sizeof(*o));
	bool rotated = options->rotate != NULL;
	o->options = options;
	parts_init(&o->parts, &options->files, (enum part_mode)options->mode, rotated);
	o->parts.endless = site_is_endless(site);
	o->parts.publishes |= rotated && o->parts.endless;
	rendering_init(&o->rendering, site, format, &options->render);
	o->packs = o->parts.packed = packed;
	o->gzip = packed ? gzip_new((int)options->level) : NULL;
	o->name = (struct buf){ .max = NAME_BYTES };
	o->text = o->row = (struct buf){ .max = TEXT_MOST };
	o->packed = (struct buf){ .max = TEXT_PACKED_MOST };
	return o;
}

void spread_free(struct spread *o)
{
	if (!o)
		return;
	parts_done(&o->parts);
	rendering_done(&o->rendering);
	gzip_free(o->gzip);
	buf_done(&o->name);
	buf_done(&o->row);
	buf_done(&o->text);
	buf_done(&o->packed);
	free(o->following);
	free(o->pieces);
	free(o);
}

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory");
}

int spread_resume(struct spread *o, struct resumption *r, struct err *err)
{
	struct slice header;
	if (o->packs && !o->gzip)
		return fail_memory(err);
	if (parts_resume(&o->parts, r, err) < 0)
		return -1;
	header = buf_slice(&o->parts.header);
	return header.n ? rendering_columns(&o->rendering, header, o->options->files.path, err) : 0;
}

int spread_stands(struct spread *o, struct slice receipt, struct err *why)
{
	return parts_stand(&o->parts, receipt, why);
}

/* ---- rows by series -------------------------------------------------------------------------- */

/* What a record calls its file. */
static int put_name(struct spread *o, const struct rec *rec, struct err *err) SUSPENDS
{
	const struct files_name *files = &o->options->files;
	const struct env env = { .record = rec_json(rec) };
	buf_clear(&o->name);
	if (tpl_text(files->name, &env, &o->name, err) < 0)
		return err_wrap(err, "the file's name: ");
	return beneath_check(buf_slice(&o->name), NAME_ROOM, err);
}

static struct slice only_name(const struct spread *o)
{
	const char *path = o->options->files.path;
	return slice_str(path + beneath_head(path));
}

static struct series *enlist(struct spread *o, struct slice name, struct err *err)
{
	struct series *s = parts_series(&o->parts, name);
	if (!s) {
		fail(err, FAULT_CONFIG,
		     "'%s' names more than %d files; is it meant to be one for each record?",
		     o->options->files.path, PARTS_MOST);
		return NULL;
	}
	if (s->round == o->parts.round)
		return s;
	s->round = o->parts.round;
	s->first_row = s->last_row = NO_ROW;
	s->next_this_round = NULL;
	*(o->last ? &o->last->next_this_round : &o->first) = s;
	return o->last = s;
}

static int find_series(struct spread *o, const struct batch *b, size_t row,
		       struct err *err) SUSPENDS
{
	if (o->options->files.name && put_name(o, b->recs[row], err) < 0) {
		if (err)
			err->row = row + 1;
		return -1;
	}
	bool named = o->options->files.name;
	struct series *s = enlist(o, named ? buf_slice(&o->name) : only_name(o), err);
	if (!s)
		return -1;
	*(s->last_row == NO_ROW ? &s->first_row : &o->following[s->last_row]) = row;
	s->last_row = row;
	o->following[row] = NO_ROW;
	return 0;
}

static int sort_rows(struct spread *o, const struct batch *b, struct err *err) SUSPENDS
{
	if (b->n > o->following_cap) {
		o->following_cap = b->n;
		o->following = xrealloc(o->following, b->n, sizeof(size_t));
	}
	for (size_t i = 0; i < b->n; i++)
		if (find_series(o, b, i, err) < 0)
			return -1;
	return 0;
}

/* ---- what stands in files of others ---------------------------------------------------------- */

/* A file that is added to, for the first time in this run: it must be whole, and have our columns. */
static int look_at_file(struct spread *o, struct part *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf path = { 0 }, name = { 0 }, head = { 0 };
	bool csv = o->rendering.format == RENDER_CSV;
	int r = part_put_name(p, &name);
	r = r < 0 ? r : buf_printf(&path, "%s/%s", o->parts.folder, name.p);
	if (r < 0)
		return fail_memory(err);
	if (text_head(path.p, o->packs ? PACKING_GZIP : PACKING_NONE, o->packs, &head, &p->newline,
		      err) < 0)
		return -1;
	if (!csv || head.n == 0)
		return 0;
	if (o->parts.header.n == 0) {
		struct slice line, rest;
		slice_cut(buf_slice(&head), '\n', &line, &rest);
		if (buf_add(&o->parts.header, line) < 0 || buf_add_char(&o->parts.header, '\n') < 0)
			return fail_memory(err);
	} else if (!slice_starts(buf_slice(&head), buf_slice(&o->parts.header))) {
		return fail(err, FAULT_CONFIG, "'%s' has other columns than the other files: %.*s",
			    path.p, SLICE(slice_trim(slice_head(buf_slice(&head), 200))));
	}
	return rendering_columns(&o->rendering, buf_slice(&o->parts.header), path.p, err);
}

static int look_at_files(struct spread *o, struct err *err) SUSPENDS
{
	bool todo = o->rendering.format == RENDER_CSV || o->packs;
	for (struct series *s = o->first; s && todo; s = s->next_this_round) {
		bool theirs = s->now->fresh && !s->now->committed && s->now->have.length > 0;
		if (theirs && look_at_file(o, s->now, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static int write_pieces(struct spread *o, struct err *err) SUSPENDS
{
	struct buf *out = o->packs ? &o->packed : &o->text;
	int r = parts_write(&o->parts, buf_slice(out), o->pieces, o->n, err);
	buf_clear(out);
	o->n = 0;
	return r;
}

static void add_piece(struct spread *o, struct part *p, size_t from, size_t n)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 64;
		o->pieces = xrealloc(o->pieces, o->cap, sizeof(*o->pieces));
	}
	o->pieces[o->n++] = (struct parts_piece){ p, from, n };
}

/* The text from `from` on is the part's; last: no more of it comes in this round. */
static int end_piece(struct spread *o, struct part *p, size_t from, bool last,
		     struct err *err) SUSPENDS
{
	size_t packed_from = o->packed.n;
	if (!o->packs) {
		add_piece(o, p, from, o->text.n - from);
		return o->text.n >= TEXT_PIECE ? write_pieces(o, err) : 0;
	}
	int r = gzip_add(o->gzip, slice_from(buf_slice(&o->text), from), &o->packed);
	r = r == 0 && last ? gzip_end(o->gzip, &o->packed) : r;
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "cannot compress for '%s'", p->of->key);
	buf_clear(&o->text);
	add_piece(o, p, packed_from, o->packed.n - packed_from);
	return o->packed.n >= TEXT_PIECE ? write_pieces(o, err) : 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool is_full(const struct spread *o, const struct part *p)
{
	const struct rotate_options *r = o->options->rotate;
	return r && p->then.rows > 0 &&
	       ((r->rows && p->then.rows >= (uint64_t)r->rows) ||
		(r->bytes && p->then.text >= r->bytes));
}

static bool is_old(const struct spread *o, const struct part *p)
{
	const struct rotate_options *r = o->options->rotate;
	return r && r->every_ns && p->then.rows > 0 && o->now_ns - p->then.since_ns >= r->every_ns;
}

/* CSV: each part begins with the same line. */
static int put_header(struct spread *o, const struct batch *b, struct err *err)
{
	struct buf *header = &o->parts.header;
	if (header->n == 0 && rendering_begin(&o->rendering, b, header, err) < 0)
		return -1;
	return buf_add(&o->row, buf_slice(header)) < 0 ? fail_memory(err) : 0;
}

static int put_row(struct spread *o, struct part *p, const struct batch *b, size_t row,
		   struct err *err)
{
	struct batch one = { .recs = &b->recs[row], .n = 1 };
	buf_clear(&o->row);
	if (p->have.length == 0 && p->then.text == 0 && put_header(o, &one, err) < 0)
		return -1;
	if (rendering_line(&o->rendering, b->recs[row], &o->row, err) < 0) {
		if (err)
			err->row = row + 1;
		return -1;
	}
	parts_touch(&o->parts, p);
	p->then.text += o->row.n;
	if (p->then.rows++ == 0)
		p->then.since_ns = o->now_ns;
	return buf_add(&o->text, buf_slice(&o->row)) < 0 ? fail_memory(err) : 0;
}

/* The series goes on in its next part. */
static int rotate(struct spread *o, struct series *s, struct err *err) SUSPENDS
{
	if (!s->now->full) /* else it may be published already */
		parts_touch(&o->parts, s->now);
	s->now->full = true;
	return parts_next(&o->parts, s, err);
}

static int put_series(struct spread *o, struct series *s, const struct batch *b,
		      struct err *err) SUSPENDS
{
	size_t from = o->text.n;
	for (size_t row = s->first_row; row != NO_ROW; row = o->following[row]) {
		bool full = is_full(o, s->now);
		if (full && o->text.n > from && end_piece(o, s->now, from, true, err) < 0)
			return -1;
		if ((full || is_old(o, s->now)) && rotate(o, s, err) < 0)
			return -1;
		from = full ? o->text.n : from;
		if (put_row(o, s->now, b, row, err) < 0)
			return -1;
		bool last = o->following[row] == NO_ROW;
		if (!last && o->text.n - from < TEXT_PIECE)
			continue;
		if (end_piece(o, s->now, from, last || is_full(o, s->now), err) < 0)
			return -1;
		from = o->text.n;
	}
	s->now->full = is_full(o, s->now);
	return 0;
}

/* ---- operations ------------------------------------------------------------------------------ */

static int begin_round(struct spread *o, bool saved, struct err *err) SUSPENDS
{
	o->first = o->last = NULL;
	o->n = 0;
	o->now_ns = clock_wall_ns();
	buf_clear(&o->text);
	buf_clear(&o->packed);
	if (o->gzip)
		gzip_drop(o->gzip);
	if (!o->parts.header_told)
		buf_clear(&o->parts.header);
	return parts_begin(&o->parts, saved, err);
}

/* A name that cannot be had is its record's fault: the first one that has it is told. */
static int enter(struct spread *o, struct err *err) SUSPENDS
{
	struct err own = { 0 };
	if (parts_enter(&o->parts, o->first, &own) == 0)
		return look_at_files(o, err);
	if (fault_policy(&own) == POLICY_DEAD && o->parts.failed)
		own.row = o->parts.failed->of->first_row + 1;
	if (err)
		*err = own;
	return -1;
}

int spread_commit(struct spread *o, const struct batch *b, struct buf *receipt, struct err *err)
{
	if (begin_round(o, b->saved, err) < 0 || sort_rows(o, b, err) < 0 || enter(o, err) < 0)
		return -1;
	for (struct series *s = o->first; s; s = s->next_this_round)
		if (put_series(o, s, b, err) < 0)
			return -1;
	if (write_pieces(o, err) < 0)
		return -1;
	return parts_sync(&o->parts, receipt, err);
}

/* A run without records leaves one file without rows, which still says its columns, and still is a gzip file. */
static int put_lone_file(struct spread *o, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf receipt = { 0 };
	const struct batch none = { 0 };
	if (begin_round(o, true, err) < 0 || !enlist(o, only_name(o), err) || enter(o, err) < 0)
		return -1;
	struct part *p = o->first->now;
	buf_clear(&o->row);
	if (p->have.length == 0 && put_header(o, &none, err) < 0)
		return -1;
	parts_touch(&o->parts, p);
	if (buf_add(&o->text, buf_slice(&o->row)) < 0)
		return fail_memory(err);
	if (end_piece(o, p, 0, true, err) < 0 || write_pieces(o, err) < 0)
		return -1;
	return parts_sync(&o->parts, &receipt, err);
}

int spread_finish(struct spread *o, struct err *err)
{
	bool lone = !o->options->files.name && o->parts.series_count == 0;
	if (lone && put_lone_file(o, err) < 0)
		return -1;
	return parts_finish(&o->parts, err);
}
