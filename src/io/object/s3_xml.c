/* s3_xml.c - the XML that S3 answers with, and no other
 *
 * What this room is for: six small answers (errors, listings, multipart uploads) do not need a library that can do all of XML, with
 *   all that has been wrong with those. Elements, text, the five entities, character references, CDATA, comments.
 * What flows through:    text in, one call for each element that ends.
 * What must hold:
 *  (1) one root; what begins ends, with its own name; attributes are read over, but with their quotes.
 *  (2) an element holds text or elements: of one with both, the text is dropped (the blanks of pretty printers). */
#include "io/object/s3_xml.h"
#include "base/utf8.h"

#include <errno.h>

struct reader {
	const char *p, *end;
	char path[S3_XML_PATH];
	size_t path_n;
	size_t depth;
	struct buf text; /* of the innermost element */
	bool leaf;       /* nothing has ended in the innermost element */
	bool over;       /* the root has ended */
	s3_xml_take *told;
	void *arg;
};

static void reader_done(struct reader *x)
{
	buf_done(&x->text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == ':';
}

static struct slice left(const struct reader *x)
{
	return (struct slice){ x->p, (size_t)(x->end - x->p) };
}

static bool skip(struct reader *x, struct slice word)
{
	if (!slice_starts(left(x), word))
		return false;
	x->p += word.n;
	return true;
}

/* Behind the next `mark`; what is before it is *ret. */
static int skip_past(struct reader *x, struct slice mark, struct slice *ret)
{
	struct slice l = left(x);
	const char *found = l.n ? memmem(l.p, l.n, mark.p, mark.n) : NULL;
	if (!found)
		return -EBADMSG;
	*ret = (struct slice){ x->p, (size_t)(found - x->p) };
	x->p = found + mark.n;
	return 0;
}

/* ---- text ------------------------------------------------------------------------------------ */

static int digit(char c, uint32_t base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* "#65" or "#x41" */
static int put_reference(struct slice s, struct buf *out)
{
	bool hex = s.n > 1 && s.p[1] == 'x';
	uint32_t base = hex ? 16 : 10, c = 0;
	char text[4];
	s = slice_from(s, hex ? 2 : 1);
	if (s.n == 0 || s.n > 7)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		int d = digit(s.p[i], base);
		if (d < 0)
			return -EBADMSG;
		c = c * base + (uint32_t)d;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -EBADMSG;
	size_t n = utf8_put(c, text);
	return buf_add(out, (struct slice){ text, n });
}

static int put_entity(struct slice s, struct buf *out)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }
	};
	if (s.n && s.p[0] == '#')
		return put_reference(s, out);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_eq_str(s, known[i].name))
			return buf_add_char(out, known[i].c);
	return -EBADMSG;
}

/* Up to the next '<'. */
static int read_text(struct reader *x)
{
	struct slice s = left(x), name;
	(void)slice_cut(s, '<', &s, &name);
	const char *end = s.p + s.n;
	while (x->p < end) {
		struct slice rest = { x->p, (size_t)(end - x->p) }, plain;
		bool entity = slice_cut(rest, '&', &plain, &rest);
		if (x->depth == 0 && slice_trim(plain).n)
			return -EBADMSG;
		int r = buf_add(&x->text, plain);
		if (r < 0 || !entity)
			return x->p = end, r;
		if (x->depth == 0 || !slice_cut(rest, ';', &name, &rest))
			return -EBADMSG;
		r = put_entity(name, &x->text);
		if (r < 0)
			return r;
		x->p = rest.p;
	}
	return 0;
}

static int read_cdata(struct reader *x)
{
	struct slice s;
	int r = x->depth ? skip_past(x, S("]]>"), &s) : -EBADMSG;
	return r < 0 ? r : buf_add(&x->text, s);
}

/* ---- elements -------------------------------------------------------------------------------- */

static int read_name(struct reader *x, struct slice *ret)
{
	const char *from = x->p;
	while (x->p < x->end && is_name(*x->p))
		x->p++;
	*ret = (struct slice){ from, (size_t)(x->p - from) };
	return ret->n ? 0 : -EBADMSG;
}

static int enter(struct reader *x, struct slice name)
{
	if (x->over || x->depth == S3_XML_DEPTH || x->path_n + 1 + name.n >= sizeof x->path)
		return -EBADMSG;
	if (x->depth++ > 0)
		x->path[x->path_n++] = '/';
	memcpy(x->path + x->path_n, name.p, name.n);
	x->path_n += name.n;
	x->path[x->path_n] = 0;
	buf_clear(&x->text);
	x->leaf = true;
	return 0;
}

static int leave(struct reader *x, struct slice name)
{
	const char *last = strrchr(x->path, '/');
	last = last ? last + 1 : x->path;
	if (x->depth == 0 || !slice_eq_str(name, last))
		return -EBADMSG;
	int r = x->told(x->arg, x->path, x->leaf ? buf_slice(&x->text) : S(""));
	x->path_n = last == x->path ? 0 : (size_t)(last - x->path) - 1;
	x->path[x->path_n] = 0;
	x->over = --x->depth == 0;
	x->leaf = false;
	buf_clear(&x->text);
	return r;
}

/* Attributes, up to '>' or "/>". 1: the element is empty. */
static int skip_attributes(struct reader *x)
{
	char quote = 0;
	for (; x->p < x->end; x->p++) {
		char c = *x->p;
		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			bool empty = x->p[-1] == '/';
			x->p++;
			return empty;
		} else if (c == '<') {
			return -EBADMSG;
		}
	}
	return -EBADMSG;
}

static int read_begin(struct reader *x)
{
	struct slice name;
	int r = read_name(x, &name);
	if (r == 0 && left(x).n && !is_blank(*x->p) && *x->p != '/' && *x->p != '>')
		r = -EBADMSG;
	r = r < 0 ? r : enter(x, name);
	r = r < 0 ? r : skip_attributes(x);
	return r == 1 ? leave(x, name) : r;
}

static int read_end(struct reader *x)
{
	struct slice name;
	int r = read_name(x, &name);
	while (x->p < x->end && is_blank(*x->p))
		x->p++;
	if (r < 0 || !skip(x, S(">")))
		return -EBADMSG;
	return leave(x, name);
}

static int read_one(struct reader *x)
{
	struct slice ignored;
	if (*x->p != '<')
		return read_text(x);
	if (skip(x, S("</")))
		return read_end(x);
	if (skip(x, S("<![CDATA[")))
		return read_cdata(x);
	if (skip(x, S("<!--")))
		return skip_past(x, S("-->"), &ignored);
	if (skip(x, S("<?")))
		return skip_past(x, S("?>"), &ignored);
	if (skip(x, S("<!")))
		return -EBADMSG;
	x->p++;
	return read_begin(x);
}

int s3_xml_read(struct slice xml, s3_xml_take *take, void *arg)
{
	if (xml.n == 0 || !utf8_valid(xml))
		return -EBADMSG;
	AUTO(reader_done)
	struct reader x = { .p = xml.p, .end = xml.p + xml.n, .told = take, .arg = arg };
	int r = 0;
	(void)skip(&x, S("\xef\xbb\xbf"));
	while (r == 0 && x.p < x.end)
		r = read_one(&x);
	return r == 0 && !x.over ? -EBADMSG : r;
}
