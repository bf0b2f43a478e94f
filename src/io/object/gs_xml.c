/* gs_xml.c - the words of the XML API: what HMAC keys can speak
 *
 * What this room is for: the other of the two languages that the service speaks (gs_json.c has the first). Objects are headers here, and lists
 *   are as S3 has them; sessions for uploads are the same.
 * What flows through:    calls of gs_put.c, gs_resume.c and gs_read.c in, requests out, headers and XML back.
 * What must hold:
 *  (1) a name is one path: its '/' stay, all else is encoded.
 *  (2) the crc32c goes along in a header, so that the service itself refuses what was damaged on the way.
 *  (3) preconditions are Google's own (x-goog-if-generation-match): If-None-Match would be passed over in silence. */
#include "base/arena.h"
#include "base/units.h"
#include "io/object/crc32c.h"
#include "io/object/gs.h"
#include "io/object/s3_xml.h"
#include "io/url.h"
#include <errno.h>
#include <string.h>

/* ---- URLs ------------------------------------------------------------------------------------------------------------ */

static int put_path(struct slice name, struct buf *out)
{
	int r = 0;
	struct slice segment, rest = name;
	for (bool more = name.n > 0; r == 0 && more;) {
		more = slice_cut(rest, '/', &segment, &rest);
		r = buf_add_char(out, '/');
		r = r < 0 ? r : url_put_segment(segment, out);
	}
	return r;
}

static int put_url(const struct gs_store *s, const struct gs_name *name, struct buf *out,
		   struct err *err)
{
	int r = buf_add(out, buf_slice(&s->endpoint));
	r = r < 0 ? r : buf_add_char(out, '/');
	r = r < 0 ? r : url_put_segment(name->bucket, out);
	r = r < 0 ? r : put_path(name->name, out);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, GS_SHOWN, GS_NAME(*name)) : 0;
}

static int xml_put_media_url(const struct gs_store *s, const struct gs_name *name, struct buf *out,
			     struct err *err)
{
	if (put_url(s, name, out, err) < 0)
		return -1;
	int r = buf_add_char(out, '?');
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, GS_SHOWN, GS_NAME(*name)) : 0;
}

/* ---- uploads --------------------------------------------------------------------------------------------------------- */

struct headers { /* in the arena */
	struct arena *arena;
	struct http_header at[GS_HEADERS];
	size_t n;
};

/* False: there are too many. */
static bool add(struct headers *h, const char *name, struct slice value)
{
	if (!value.n)
		return true;
	if (h->n == GS_HEADERS)
		return false;
	h->at[h->n++] = (struct http_header){ slice_str(name), value };
	return true;
}

static bool describe(const struct object_put *p, uint32_t crc, struct headers *h)
{
	AUTO(buf_done) struct buf sum = { 0 };
	bool good = crc32c_put_base64(crc, &sum) == 0;
	good &= add(h, "Content-Type", gs_type_of(p));
	good &= add(h, "Cache-Control", p->cache_control);
	good &= add(h, "Content-Encoding", p->content_encoding);
	good &= add(h, "Content-Disposition", p->content_disposition);
	good &= add(h, "x-goog-storage-class", p->storage_class);
	good &= add(h, "x-goog-hash", slice_str(arena_printf(h->arena, "crc32c=%s", sum.p)));
	if (p->when != OBJECT_ALWAYS)
		good &= add(h, "x-goog-if-generation-match",
			    p->when == OBJECT_IF_NEW ? S("0") : p->match);
	for (size_t i = 0; good && i < p->metadata_n; i++)
		good = add(h,
			   arena_printf(h->arena, "x-goog-meta-%.*s", SLICE(p->metadata[i].name)),
			   p->metadata[i].value);
	return good;
}

static int upload(struct gs_store *s, const struct object_put *p, uint32_t crc, bool session,
		  struct http_response *ret, struct err *err) SUSPENDS
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(buf_done) struct buf url = { 0 };
	struct gs_name name = { p->bucket, p->name };
	struct headers h = { .arena = arena };
	if (put_url(s, &name, &url, err) < 0)
		return -1;
	if ((session && !add(&h, "x-goog-resumable", S("start"))) || !describe(p, crc, &h))
		return fail(err, FAULT_BAD_VALUE,
			    GS_SHOWN ": more is said of the object than fits a request",
			    GS_NAME(name));
	struct http_request request = { .method = session ? S("POST") : S("PUT"),
					.url = buf_slice(&url),
					.headers = h.at,
					.header_count = h.n,
					.body = session ? S("") : p->data,
					.keyed = true };
	return gs_call(s, &request, ret, err);
}

static int xml_put_at_once(struct gs_store *s, const struct object_put *p, uint32_t crc,
			   struct http_response *ret, struct err *err) SUSPENDS
{
	return upload(s, p, crc, false, ret, err);
}

static int xml_open_upload(struct gs_store *s, const struct object_put *p, uint32_t crc,
			   struct http_response *ret, struct err *err) SUSPENDS
{
	return upload(s, p, crc, true, ret, err);
}

static int xml_stat(struct gs_store *s, const struct gs_name *name, struct object_info *ret,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf url = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (put_url(s, name, &url, err) < 0)
		return -1;
	if (gs_ask(s, "HEAD", buf_slice(&url), name, &answer, err) < 0)
		return -1;
	return gs_read_head(&answer, name, ret, err);
}

/* The answer to a put says it all, but the size is not promised: who does not say it is asked. */
static int xml_read_made(struct gs_store *s, const struct gs_name *name,
			 const struct http_response *a, struct object_info *ret,
			 struct err *err) SUSPENDS
{
	struct slice size;
	if (!http_response_header(a, "x-goog-stored-content-length", &size))
		return xml_stat(s, name, ret, err);
	return gs_read_head(a, name, ret, err);
}

/* ---- a page ---------------------------------------------------------------------------------------------------------- */

struct listing {
	const struct object_list *asked;
	struct object_page page;
	struct object_info next; /* borrows from the arena until its end is read */
	struct arena *arena;
	bool found; /* it is a list */
	bool truncated;
};

static int take_end(struct listing *l)
{
	struct object_page *p = &l->page;
	if (!l->next.name.n || (p->n && slice_cmp(p->objects[p->n - 1].name, l->next.name) >= 0))
		return -EBADMSG;
	l->next.bucket = l->asked->bucket;
	int r = object_page_add(p, &l->next);
	l->next = (struct object_info){ 0 };
	arena_reset(l->arena);
	return r;
}

/* An ETag of 32 digits is the object's MD5. */
static void take_etag(struct listing *l, struct slice text)
{
	if (text.n > 1 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		text = (struct slice){ text.p + 1, text.n - 2 };
	l->next.etag = arena_copy(l->arena, text);
	bool digits = text.n == 32;
	for (size_t i = 0; i < text.n; i++)
		digits &= (text.p[i] >= '0' && text.p[i] <= '9') ||
			  (text.p[i] >= 'a' && text.p[i] <= 'f');
	if (digits)
		l->next.md5 = l->next.etag;
}

static int take_element(void *arg, const char *path, struct slice text)
{
	struct listing *l = arg;
	struct slice at = slice_str(path);
	int64_t bytes;
	if (!slice_starts(at, S("ListBucketResult")))
		return -EBADMSG;
	l->found = true;
	at = slice_from(at, strlen("ListBucketResult"));
	if (slice_eq_str(at, "/NextContinuationToken"))
		return buf_add(&l->page.next, text);
	if (slice_eq_str(at, "/Contents"))
		return take_end(l);
	if (slice_eq_str(at, "/Contents/Key"))
		l->next.name = arena_copy(l->arena, text);
	else if (slice_eq_str(at, "/IsTruncated"))
		l->truncated = slice_eq_str(text, "true");
	else if (slice_eq_str(at, "/Contents/Generation"))
		l->next.generation = arena_copy(l->arena, text);
	else if (slice_eq_str(at, "/Contents/LastModified"))
		l->next.updated = arena_copy(l->arena, text);
	else if (slice_eq_str(at, "/Contents/ETag"))
		take_etag(l, text);
	else if (slice_eq_str(at, "/Contents/Size")) {
		if (units_int(text, &bytes) < 0 || bytes < 0)
			return -EBADMSG;
		l->next.bytes = (uint64_t)bytes;
	}
	return 0;
}

static int read_page(const struct object_list *asked, struct slice xml, struct object_page *ret,
		     struct err *err)
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	struct listing l = { .asked = asked, .arena = arena };
	int r = s3_xml_read(xml, take_element, &l);
	bool loops = l.page.next.n && slice_eq(buf_slice(&l.page.next), asked->page);
	bool ends_early = l.truncated && !l.page.next.n;
	if (r == 0 && l.found && !loops && !ends_early) {
		*ret = l.page;
		return 0;
	}
	object_page_done(&l.page);
	return fail(
		err, FAULT_PROTOCOL,
		"the service's answer is not a list of the XML API in the order of its names; is "
		"the endpoint right?");
}

static int xml_list(struct gs_store *s, const struct object_list *l, struct object_page *ret,
		    struct err *err) SUSPENDS
{
	struct gs_name name = { l->bucket, S("") };
	AUTO(buf_done) struct buf url = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (put_url(s, &name, &url, err) < 0)
		return -1;
	int r = buf_printf(&url, "?list-type=2&max-keys=%u", l->most);
	r = r < 0 ? r : gs_put_query(&url, "prefix", l->prefix);
	r = r < 0 ? r : gs_put_query(&url, "continuation-token", l->page);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "a list's URL");
	if (gs_ask(s, "GET", buf_slice(&url), &name, &answer, err) < 0)
		return -1;
	return read_page(l, buf_slice(&answer.body), ret, err);
}

const struct gs_dialect gs_xml = { .put_at_once = xml_put_at_once,
				   .open_upload = xml_open_upload,
				   .read_made = xml_read_made,
				   .put_media_url = xml_put_media_url,
				   .stat_named = xml_stat,
				   .list_page = xml_list };
