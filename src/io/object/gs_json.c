/* gs_json.c - the words of the JSON API: URLs, resources, the two ways to begin an upload
 *
 * What this room is for: one of the two languages that the service speaks (gs_xml.c has the other); with bearer tokens, or with nothing.
 * What flows through:    calls of gs_put.c, gs_resume.c and gs_read.c in, requests out.
 * What must hold:
 *  (1) a name is one segment of the path, a prefix one value of the query.
 *  (2) the crc32c stands in the resource, so that the service itself refuses what was damaged on the way.
 *  (3) the bytes are borrowed, and sent from where they are. */
#include "base/json.h"
#include "base/rand.h"
#include "base/units.h"
#include "io/object/crc32c.h"
#include "io/object/gs.h"
#include "io/url.h"
#include <stdio.h>

/* ---- URLs ------------------------------------------------------------------------------------------------ */

/* "https://host/storage/v1/b/BUCKET/o" + "/NAME"; prefix: "", "/upload". */
static int put_url(const struct gs_store *s, const char *prefix, const struct gs_name *name,
		   struct buf *out, struct err *err)
{
	int r = buf_add(out, buf_slice(&s->endpoint));
	r = r < 0 ? r : buf_printf(out, "%s/storage/v1/b/", prefix);
	r = r < 0 ? r : url_put_segment(name->bucket, out);
	r = r < 0 ? r : buf_add(out, S("/o"));
	if (r == 0 && name->name.n) {
		r = buf_add_char(out, '/');
		r = r < 0 ? r : url_put_segment(name->name, out);
	}
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, GS_SHOWN, GS_NAME(*name)) : 0;
}

/* ---- the resource ------------------------------------------------------------------------------------------------ */

static void put_text(struct json_writer *w, const char *key, struct slice value)
{
	if (!value.n)
		return;
	json_key(w, key);
	json_put_string(w, value);
}

static void put_metadata(struct json_writer *w, const struct object_put *p)
{
	json_key(w, "metadata");
	json_open(w, '{');
	for (size_t i = 0; i < p->metadata_n; i++) {
		AUTO(freep) char *key = xstrndup(p->metadata[i].name.p, p->metadata[i].name.n);
		json_key(w, key);
		json_put_string(w, p->metadata[i].value);
	}
	json_close(w, '}');
}

static int put_resource(const struct object_put *p, uint32_t crc, struct buf *out)
{
	AUTO(buf_done) struct buf sum = { 0 };
	struct json_writer w = json_writer(out);
	int r = crc32c_put_base64(crc, &sum);
	json_open(&w, '{');
	put_text(&w, "name", p->name);
	put_text(&w, "contentType", gs_type_of(p));
	put_text(&w, "cacheControl", p->cache_control);
	put_text(&w, "contentEncoding", p->content_encoding);
	put_text(&w, "contentDisposition", p->content_disposition);
	put_text(&w, "storageClass", p->storage_class);
	put_text(&w, "crc32c", buf_slice(&sum));
	if (p->metadata_n)
		put_metadata(&w, p);
	json_close(&w, '}');
	return r < 0 ? r : json_writer_end(&w);
}

/* "?uploadType=..." and the precondition. */
static int put_upload_url(const struct gs_store *s, const struct object_put *p, const char *type,
			  struct buf *out, struct err *err)
{
	struct gs_name bucket = { p->bucket, S("") };
	if (put_url(s, "/upload", &bucket, out, err) < 0)
		return -1;
	int r = buf_printf(out, "?uploadType=%s", type);
	if (r == 0 && p->when == OBJECT_IF_NEW)
		r = buf_add(out, S("&ifGenerationMatch=0"));
	if (r == 0 && p->when == OBJECT_IF_MATCH)
		r = buf_printf(out, "&ifGenerationMatch=%.*s", SLICE(p->match));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "an upload's URL") : 0;
}

/* ---- one request --------------------------------------------------------------------------------------------------- */

struct envelope {
	char boundary[40];
	struct buf head, tail;
};

static void envelope_done(struct envelope *e)
{
	buf_done(&e->head);
	buf_done(&e->tail);
}

static int make_envelope(struct slice resource, struct slice type, struct envelope *e)
{
	/* Nobody can put into the data what is drawn from the kernel after it was made. */
	(void)snprintf(e->boundary, sizeof(e->boundary), "hk%016llx%016llx",
		       (unsigned long long)rand_entropy(), (unsigned long long)rand_entropy());
	int r = buf_printf(&e->head,
			   "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
			   e->boundary);
	r = r < 0 ? r : buf_add(&e->head, resource);
	r = r < 0 ? r
		  : buf_printf(&e->head, "\r\n--%s\r\nContent-Type: %.*s\r\n\r\n", e->boundary,
			       SLICE(type));
	return r < 0 ? r : buf_printf(&e->tail, "\r\n--%s--\r\n", e->boundary);
}

static int json_put_at_once(struct gs_store *s, const struct object_put *p, uint32_t crc,
			    struct http_response *ret, struct err *err) SUSPENDS
{
	AUTO(envelope_done) struct envelope e = { 0 };
	AUTO(buf_done) struct buf url = { 0 }, type = { 0 }, resource = { 0 };
	if (put_upload_url(s, p, "multipart", &url, err) < 0)
		return -1;
	int r = put_resource(p, crc, &resource);
	r = r < 0 ? r : make_envelope(buf_slice(&resource), gs_type_of(p), &e);
	r = r < 0 ? r : buf_printf(&type, "multipart/related; boundary=%s", e.boundary);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "what is said of the object");
	struct http_header header = { S("Content-Type"), buf_slice(&type) };
	struct slice parts[] = { buf_slice(&e.head), p->data, buf_slice(&e.tail) };
	struct http_request request = { .method = S("POST"),
					.url = buf_slice(&url),
					.headers = &header,
					.header_count = 1,
					.body_parts = parts,
					.body_part_count = ARRAY_SIZE(parts),
					.keyed = true };
	return gs_call(s, &request, ret, err);
}

/* ---- a session ---------------------------------------------------------------------------------------------------- */

static int json_open_upload(struct gs_store *s, const struct object_put *p, uint32_t crc,
			    struct http_response *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf url = { 0 }, length = { 0 }, resource = { 0 };
	if (put_upload_url(s, p, "resumable", &url, err) < 0)
		return -1;
	int r = put_resource(p, crc, &resource);
	r = r < 0 ? r : buf_printf(&length, "%zu", p->data.n);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "what is said of the object");
	struct http_header headers[] = {
		{ S("Content-Type"), S("application/json; charset=UTF-8") },
		{ S("X-Upload-Content-Type"), gs_type_of(p) },
		{ S("X-Upload-Content-Length"), buf_slice(&length) },
	};
	struct http_request request = { .method = S("POST"),
					.url = buf_slice(&url),
					.headers = headers,
					.header_count = ARRAY_SIZE(headers),
					.body = buf_slice(&resource),
					.keyed = true };
	return gs_call(s, &request, ret, err);
}

static int json_read_made(struct gs_store *s, const struct gs_name *name,
			  const struct http_response *a, struct object_info *ret, struct err *err)
{
	(void)s;
	(void)name;
	return gs_read_object(buf_slice(&a->body), ret, err);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static int json_put_media_url(const struct gs_store *s, const struct gs_name *name, struct buf *out,
			      struct err *err)
{
	if (put_url(s, "", name, out, err) < 0)
		return -1;
	int r = buf_add(out, S("?alt=media"));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "an object's URL") : 0;
}

static int json_stat(struct gs_store *s, const struct gs_name *name, struct object_info *ret,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf url = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (put_url(s, "", name, &url, err) < 0)
		return -1;
	int r = buf_add(&url, S("?fields=" GS_FIELDS));
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "an object's URL");
	if (gs_ask(s, "GET", buf_slice(&url), name, &answer, err) < 0)
		return -1;
	return gs_read_object(buf_slice(&answer.body), ret, err);
}

int gs_put_query(struct buf *url, const char *key, struct slice value)
{
	int r = value.n ? buf_printf(url, "&%s=", key) : 0;
	return r < 0 || !value.n ? r : url_put_segment(value, url);
}

static int json_list(struct gs_store *s, const struct object_list *l, struct object_page *ret,
		     struct err *err) SUSPENDS
{
	struct gs_name name = { l->bucket, S("") };
	AUTO(buf_done) struct buf url = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	if (put_url(s, "", &name, &url, err) < 0)
		return -1;
	int r = buf_printf(&url, "?maxResults=%u&fields=nextPageToken,items(" GS_FIELDS ")",
			   l->most);
	r = r < 0 ? r : gs_put_query(&url, "prefix", l->prefix);
	r = r < 0 ? r : gs_put_query(&url, "pageToken", l->page);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "a list's URL");
	if (gs_ask(s, "GET", buf_slice(&url), &name, &answer, err) < 0)
		return -1;
	return gs_read_page(buf_slice(&answer.body), l, ret, err);
}

const struct gs_dialect gs_json = { .put_at_once = json_put_at_once,
				    .open_upload = json_open_upload,
				    .read_made = json_read_made,
				    .put_media_url = json_put_media_url,
				    .stat_named = json_stat,
				    .list_page = json_list };
