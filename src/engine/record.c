/* record.c - immutable JSON text with named blobs, counted
 *
 * What this room is for: one allocation a record. Short texts live behind the header; a long text keeps the buffer
 *   it was built in, so that a body of megabytes is never copied again.
 * What flows through:    text taken or copied in; borrowed out.
 * What must hold:
 *  (1) the text never changes after the record was made.
 *  (2) a blob lives as long as any version of its record.
 *  (3) a text's memory is not more than a quarter larger than the text: what is counted is what is used. */
#include "engine/record.h"

#include "base/json.h"
#include "engine/port.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { INLINE_MAX = 16384 }; /* bytes: above, taking the buffer beats copying it */

struct named_blob {
	char *name;
	struct blob *blob;
};
struct rec {
	unsigned refs, blob_count;
	struct named_blob *blobs;
	struct buf taken;    /* a long text's own buffer */
	struct pages *pages; /* or the file in which it lies */
	struct slice json;
	char text[];
};

/* ---- pages ---- */
struct pages {
	size_t refs, n;
	void *at;
	struct shelf *shelf;
};

struct pages *pages_new(void *at, size_t n, struct shelf *shelf)
{
	struct pages *p = xcalloc(1, sizeof *p);
	*p = (struct pages){ .refs = 1, .n = n, .at = at, .shelf = shelf };
	shelf->files++;
	shelf->bytes += n;
	return p;
}

static struct pages *pages_ref(struct pages *p)
{
	ASSERT(p->refs > 0);
	p->refs++;
	return p;
}

void pages_unref(struct pages *p)
{
	if (!p)
		return;
	ASSERT(p->refs > 0);
	if (--p->refs > 0)
		return;
	int r = munmap(p->at, p->n);
	ASSERT(r == 0 && p->shelf->files > 0);
	p->shelf->files--;
	p->shelf->bytes -= p->n;
	free(p);
}

/* ---- records ---- */
struct rec *rec_new(struct slice json)
{
	struct rec *r = xmalloc(sizeof *r + json.n + 1);
	*r = (struct rec){ .refs = 1, .json = { r->text, json.n } };
	if (json.n)
		memcpy(r->text, json.p, json.n);
	r->text[json.n] = 0;
	return r;
}

/* Buffers grow by doubling; what is kept should not be half empty. */
static void shrink(struct buf *b)
{
	if (b->cap - b->n <= b->n / 4)
		return;
	char *p = realloc(b->p, b->n + 1);
	if (!p)
		return; /* it stays as large as it was */
	b->p = p;
	b->cap = b->n;
}

struct rec *rec_take(struct buf *json)
{
	if (json->n <= INLINE_MAX) {
		struct rec *copy = rec_new(buf_slice(json));
		buf_clear(json);
		return copy;
	}
	struct rec *r = xcalloc(1, sizeof *r);
	r->refs = 1;
	r->taken = buf_take(json);
	shrink(&r->taken);
	r->json = buf_slice(&r->taken);
	return r;
}

struct rec *rec_ref(struct rec *r)
{
	ASSERT(r->refs > 0);
	r->refs++;
	return r;
}

static void blob_unref(struct blob *b)
{
	ASSERT(b->refs > 0);
	if (--b->refs > 0)
		return;
	buf_done(&b->taken);
	pages_unref(b->pages);
	free(b);
}

void rec_unref(struct rec *r)
{
	if (!r)
		return;
	ASSERT(r->refs > 0);
	if (--r->refs > 0)
		return;
	for (unsigned i = 0; i < r->blob_count; i++) {
		free(r->blobs[i].name);
		blob_unref(r->blobs[i].blob);
	}
	free(r->blobs);
	buf_done(&r->taken);
	pages_unref(r->pages);
	free(r);
}

void rec_unrefp(struct rec **r)
{
	rec_unref(*r);
}

struct slice rec_json(const struct rec *r)
{
	return r->json;
}

size_t rec_bytes(const struct rec *r)
{
	size_t n = sizeof *r + (r->pages ? 0 : r->taken.cap ? r->taken.cap : r->json.n);
	for (unsigned i = 0; i < r->blob_count; i++)
		n += sizeof(struct blob) + r->blobs[i].blob->taken.cap;
	return n;
}

size_t rec_away(const struct rec *r)
{
	size_t n = r->pages ? r->json.n : 0;
	for (unsigned i = 0; i < r->blob_count; i++)
		n += r->blobs[i].blob->pages ? r->blobs[i].blob->bytes.n : 0;
	return n;
}

static void add_named(struct rec *r, struct slice name, struct blob *gives)
{
	r->blobs = xrealloc(r->blobs, r->blob_count + 1, sizeof *r->blobs);
	r->blobs[r->blob_count++] = (struct named_blob){ xstrndup(name.p, name.n), gives };
}

struct rec *rec_next(const struct rec *of, struct buf *json_taken)
{
	struct rec *r = rec_take(json_taken);
	for (unsigned i = 0; i < of->blob_count; i++) {
		of->blobs[i].blob->refs++;
		add_named(r, slice_str(of->blobs[i].name), of->blobs[i].blob);
	}
	return r;
}

/* ---- several in one ---- */
static bool has_same(const struct rec *base, const struct named_blob *b)
{
	for (unsigned i = 0; base && i < base->blob_count; i++)
		if (base->blobs[i].blob == b->blob && strcmp(base->blobs[i].name, b->name) == 0)
			return true;
	return false;
}

/* The name as it stands in the text, quote to quote. */
static bool is_renamed(const struct rec *base, const struct rec *member, struct slice quoted)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (json_unquote(quoted, &name) < 0)
		return false;
	for (unsigned i = member->blob_count; i-- > 0;)
		if (slice_eq_str(buf_slice(&name), member->blobs[i].name))
			return !has_same(base, &member->blobs[i]);
	return false;
}

/* Inside of a string its quotes would be escaped, so that this is a key wherever it stands. */
static const char reference[] = "\"$blob\":\"";

int rec_put_member(const struct rec *base, const struct rec *member, size_t i, struct buf *out)
{
	struct slice rest = rec_json(member);
	const size_t n = sizeof reference - 1;
	const char *at;
	int r = 0;
	while (r == 0 && member->blob_count && (at = memmem(rest.p, rest.n, reference, n))) {
		struct slice name = { at + n - 1, 1 };
		while (name.p + name.n < rest.p + rest.n && name.p[name.n] != '"')
			name.n += name.p[name.n] == '\\' ? 2 : 1;
		name.n++;
		r = buf_add(out, (struct slice){ rest.p, (size_t)(at - rest.p) + n });
		if (r == 0 && is_renamed(base, member, name))
			r = buf_printf(out, "%zu.", i);
		rest = slice_from(rest, (size_t)(at - rest.p) + n);
	}
	return r < 0 ? r : buf_add(out, rest);
}

static void share_blobs(struct rec *r, const struct rec *base, const struct rec *of, size_t i)
{
	for (unsigned k = 0; k < of->blob_count; k++) {
		AUTO(buf_done) struct buf name = { 0 };
		if (has_same(base, &of->blobs[k]))
			continue;
		int error = buf_printf(&name, "%zu.%s", i, of->blobs[k].name);
		ASSERT(error == 0); /* names are short */
		of->blobs[k].blob->refs++;
		add_named(r, buf_slice(&name), of->blobs[k].blob);
	}
}

int rec_put_list(struct rec *const *members, size_t n, struct buf *out)
{
	int r = buf_add_char(out, '[');
	for (size_t i = 0; i < n && r == 0; i++) {
		r = i > 0 ? buf_add_char(out, ',') : 0;
		r = r < 0 ? r : rec_put_member(NULL, members[i], i, out);
	}
	return r < 0 ? r : buf_add_char(out, ']');
}

struct rec *rec_gather(const struct rec *base, struct rec *const *members, size_t n,
		       struct buf *json_taken)
{
	struct rec *r = base ? rec_next(base, json_taken) : rec_take(json_taken);
	for (size_t i = 0; i < n; i++)
		if (members[i])
			share_blobs(r, base, members[i], i);
	return r;
}

static int put_reference(struct slice name, struct slice type, size_t bytes, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "$blob");
	json_put_string(&w, name);
	json_key(&w, "type");
	json_put_string(&w, type);
	json_key(&w, "bytes");
	json_put_int(&w, (int64_t)bytes);
	json_close(&w, '}');
	return json_writer_end(&w);
}

int rec_add_blob(struct rec *r, struct slice name, struct slice type, struct buf *bytes_taken,
		 struct buf *ref)
{
	ASSERT(r->refs == 1);
	int error = put_reference(name, type, bytes_taken->n, ref);
	if (error < 0)
		return error;
	struct blob *b = xcalloc(1, sizeof *b);
	b->refs = 1;
	b->taken = buf_take(bytes_taken);
	shrink(&b->taken);
	b->bytes = buf_slice(&b->taken);
	add_named(r, name, b);
	return 0;
}

const struct blob *rec_blob_at(const struct rec *r, size_t i, const char **ret_name)
{
	*ret_name = i < r->blob_count ? r->blobs[i].name : NULL;
	return i < r->blob_count ? r->blobs[i].blob : NULL;
}

const struct blob *rec_blob(const struct rec *r, struct slice value)
{
	struct slice raw;
	AUTO(buf_done) struct buf name = { 0 };
	if (r->blob_count == 0 || json_type(value) != JSON_OBJECT ||
	    !json_field(value, S("$blob"), &raw) || json_type(raw) != JSON_STRING ||
	    json_unquote(raw, &name) < 0)
		return NULL;
	/* The newest blob of a name wins, as the newest value of a field does. */
	for (unsigned i = r->blob_count; i-- > 0;)
		if (slice_eq_str(buf_slice(&name), r->blobs[i].name))
			return r->blobs[i].blob;
	return NULL;
}

/* ---- as bytes: name's length, bytes' length, name, bytes; for each blob ---- */
int rec_put_blobs(const struct rec *r, struct buf *out)
{
	int error = 0;
	for (unsigned i = 0; i < r->blob_count && error == 0; i++) {
		struct slice name = slice_str(r->blobs[i].name);
		struct slice bytes = r->blobs[i].blob->bytes;
		const uint64_t head[2] = { name.n, bytes.n };
		error = buf_add(out, (struct slice){ (const char *)head, sizeof head });
		if (error == 0)
			error = buf_add(out, name);
		if (error == 0)
			error = buf_add(out, bytes);
	}
	return error;
}

static bool restore_blob(struct rec *r, struct slice *rest)
{
	uint64_t head[2];
	if (rest->n < sizeof head)
		return false;
	memcpy(head, rest->p, sizeof head);
	*rest = slice_from(*rest, sizeof head);
	if (head[0] > rest->n || head[1] > rest->n - head[0])
		return false;
	struct slice name = { rest->p, (size_t)head[0] };
	struct blob *b = xcalloc(1, sizeof *b);
	b->refs = 1;
	add_named(r, name, b);
	*rest = slice_from(*rest, name.n);
	int error = buf_add(&b->taken, (struct slice){ rest->p, (size_t)head[1] });
	b->bytes = buf_slice(&b->taken);
	*rest = slice_from(*rest, (size_t)head[1]);
	return error == 0;
}

static struct rec *restore_blobs(struct rec *takes, struct slice blobs)
{
	while (blobs.n > 0)
		if (!restore_blob(takes, &blobs)) {
			rec_unref(takes);
			return NULL;
		}
	return takes;
}

struct rec *rec_restore(struct slice json, struct slice blobs)
{
	return restore_blobs(rec_new(json), blobs);
}

struct rec *rec_with_blobs(const struct rec *of, struct slice blobs)
{
	AUTO(buf_done) struct buf json = { 0 };
	if (buf_add(&json, rec_json(of)) < 0)
		return NULL;
	return restore_blobs(rec_next(of, &json), blobs);
}

/* ---- bytes that move to a file ---- */
size_t rec_part_count(const struct rec *r)
{
	return 1 + (size_t)r->blob_count;
}

struct slice rec_part(const struct rec *r, size_t i)
{
	ASSERT(i <= r->blob_count);
	if (i == 0)
		return r->pages ? (struct slice){ 0 } : r->json;
	const struct blob *b = r->blobs[i - 1].blob;
	return b->pages ? (struct slice){ 0 } : b->bytes;
}

/* Where part i lies now. Moves `at` on behind it, if it was put there. */
static struct slice moved_part(const struct rec *of, size_t i, const struct pages *p, size_t *at)
{
	struct slice there = { (const char *)p->at + *at, rec_part(of, i).n };
	ASSERT(*at + there.n <= p->n);
	*at += there.n;
	return there;
}

static void move_blob(struct rec *r, const struct rec *of, unsigned i, struct pages *p, size_t *at)
{
	struct slice there = moved_part(of, i + 1, p, at);
	struct blob *b = of->blobs[i].blob;
	if (there.n == 0) {
		b->refs++;
	} else {
		b = xcalloc(1, sizeof *b);
		*b = (struct blob){ .refs = 1, .bytes = there, .pages = pages_ref(p) };
	}
	add_named(r, slice_str(of->blobs[i].name), b);
}

struct rec *rec_moved(const struct rec *of, struct pages *p, size_t at)
{
	struct rec *r = xcalloc(1, sizeof *r);
	struct slice text = moved_part(of, 0, p, &at);
	r->refs = 1;
	r->json = text.n ? text : of->json;
	r->pages = pages_ref(text.n ? p : of->pages);
	for (unsigned i = 0; i < of->blob_count; i++)
		move_blob(r, of, i, p, &at);
	return r;
}

/* ---- counted text: what positions share ---- */
struct text {
	unsigned refs;
	size_t n;
	char bytes[];
};

struct text *text_new(struct slice s)
{
	struct text *t = xmalloc(sizeof *t + s.n + 1);
	*t = (struct text){ .refs = 1, .n = s.n };
	if (s.n)
		memcpy(t->bytes, s.p, s.n);
	t->bytes[s.n] = 0;
	return t;
}

struct text *text_ref(struct text *t)
{
	if (t)
		t->refs++;
	return t;
}

void text_unref(struct text *t)
{
	if (t && --t->refs == 0)
		free(t);
}

void text_unrefp(struct text **t)
{
	text_unref(*t);
}

struct slice text_slice(const struct text *t)
{
	return t ? (struct slice){ t->bytes, t->n } : (struct slice){ 0 };
}
