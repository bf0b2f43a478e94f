/* s3_list.c - the names beneath a prefix, a page at a time (ListObjectsV2)
 *
 * What this room is for: GET /?list-type=2, and the XML that comes back.
 * What flows through:    a page's token in, names and sizes and the next token out.
 * What must hold:
 *  (1) names are asked for encoded, so that one with a control character does not break the XML, and are decoded only when the answer says
 *      that they are. '+' is a blank then: that is how the services write it.
 *  (2) a page that says there is more says where; else it is an error, not an end. */
#include "base/units.h"
#include "io/object/s3.h"
#include "io/object/s3_xml.h"
#include "io/url.h"

#include <errno.h>

#define PAGE_MAX (16u << 20)

/* ---- asking ---------------------------------------------------------------------------------- */

static int put_field(const char *name, struct slice value, struct buf *out)
{
	if (value.n == 0)
		return 0;
	int r = buf_printf(out, "%s%s=", out->n ? "&" : "", name);
	return r < 0 ? r : url_put_segment(value, out);
}

static int put_query(const struct object_list *l, struct buf *out)
{
	int r = buf_printf(out, "list-type=2&encoding-type=url&max-keys=%u", l->most);
	r = r < 0 ? r : put_field("prefix", l->prefix, out);
	return r < 0 ? r : put_field("continuation-token", l->page, out);
}

/* ---- the answer ------------------------------------------------------------------------------ */

struct reading {
	struct object_page *page;
	struct slice bucket;
	struct buf key, etag, updated; /* of the object that is read */
	uint64_t bytes;
	bool sized, truncated, encoded;
};

static void reading_done(struct reading *r)
{
	buf_done(&r->key);
	buf_done(&r->etag);
	buf_done(&r->updated);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(struct buf *b)
{
	size_t to = 0;
	for (size_t i = 0; i < b->n; i++) {
		char c = b->p[i] == '+' ? ' ' : b->p[i];
		if (c == '%') {
			int high = i + 2 < b->n ? hex_digit(b->p[i + 1]) : -1;
			int low = i + 2 < b->n ? hex_digit(b->p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return -EBADMSG;
			c = (char)(high << 4 | low);
			i += 2;
		}
		b->p[to++] = c;
	}
	buf_truncate(b, to);
	return 0;
}

static int set(struct buf *b, struct slice text)
{
	buf_clear(b);
	return buf_add(b, text);
}

static int read_size(struct reading *r, struct slice text)
{
	int64_t n;
	if (units_int(text, &n) < 0 || n < 0)
		return -EBADMSG;
	r->bytes = (uint64_t)n;
	r->sized = true;
	return 0;
}

static int end_object(struct reading *r)
{
	struct object_info info = { .bucket = r->bucket,
				    .name = buf_slice(&r->key),
				    .bytes = r->bytes,
				    .etag = s3_etag(buf_slice(&r->etag)),
				    .updated = buf_slice(&r->updated) };
	if (r->key.n == 0 || !r->sized)
		return -EBADMSG;
	int added = object_page_add(r->page, &info);
	buf_clear(&r->key);
	buf_clear(&r->etag);
	buf_clear(&r->updated);
	r->sized = false;
	return added;
}

static int take_field(void *arg, const char *path, struct slice text)
{
	struct reading *r = arg;
	if (strncmp(path, "ListBucketResult", 16) != 0)
		return -EBADMSG;
	if (strcmp(path, "ListBucketResult/Contents") == 0)
		return end_object(r);
	if (strcmp(path, "ListBucketResult/Contents/Key") == 0)
		return set(&r->key, text);
	if (strcmp(path, "ListBucketResult/Contents/ETag") == 0)
		return set(&r->etag, text);
	if (strcmp(path, "ListBucketResult/Contents/LastModified") == 0)
		return set(&r->updated, text);
	if (strcmp(path, "ListBucketResult/Contents/Size") == 0)
		return read_size(r, text);
	if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0)
		return set(&r->page->next, text);
	if (strcmp(path, "ListBucketResult/IsTruncated") == 0)
		r->truncated = slice_eq(text, S("true"));
	else if (strcmp(path, "ListBucketResult/EncodingType") == 0)
		r->encoded = slice_eq(text, S("url"));
	return 0;
}

/* Whether they are encoded may be said behind them. */
static int decode_names(struct object_page *page)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < page->n; i++) {
		struct object_info *o = &page->objects[i];
		AUTO(buf_done) struct buf name = { 0 };
		struct object_info decoded = { 0 }, from = *o;
		r = buf_add(&name, o->name);
		r = r < 0 ? r : decode(&name);
		from.name = buf_slice(&name);
		r = r < 0 ? r : object_info_copy(&from, &decoded);
		if (r == 0) {
			object_info_done(o);
			*o = decoded;
		}
	}
	return r;
}

static int read_page(const struct s3_name *name, struct slice xml, struct object_page *ret,
		     struct err *err)
{
	AUTO(reading_done) struct reading reading = { .page = ret, .bucket = name->bucket };
	int r = s3_xml_read(xml, take_field, &reading);
	if (r == 0 && reading.encoded)
		r = decode_names(ret);
	if (r == 0 && reading.truncated != (ret->next.n > 0))
		r = reading.truncated ? -EBADMSG : 0;
	if (r == 0 && !reading.truncated)
		buf_clear(&ret->next);
	if (r < 0)
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": a listing that cannot be read",
			    S3_NAME(*name));
	return 0;
}

int s3_list(struct object_store *store, const struct object_list *l, struct object_page *ret,
	    struct err *err)
{
	struct s3_name name = { .bucket = l->bucket };
	AUTO(buf_done) struct buf query = { 0 };
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	int r = put_query(l, &query);
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, S3_SHOWN, S3_NAME(name));
	struct s3_ask ask = {
		.method = "GET", .name = name, .query = buf_slice(&query), .max_bytes = PAGE_MAX
	};
	if (s3_call(s3_of(store), &ask, &answer, err) < 0)
		return -1;
	if (answer.http.status != 200)
		return s3_refuse(&name, &answer, err);
	r = read_page(&name, buf_slice(&answer.http.body), ret, err);
	if (r < 0)
		object_page_done(ret);
	return r;
}
