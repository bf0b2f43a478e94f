/* gs_read.c - bytes that are proven to be the object's
 *
 * What this room is for: get; and what the head of an answer says of an object, in both dialects.
 * What flows through:    names in, bytes and object_info out.
 * What must hold:
 *  (1) bytes are given only when their crc32c (or, of an object without one, their md5) is the one in the answer's x-goog-hash.
 *  (2) an object that lies there compressed (Content-Encoding: gzip) is asked for as it lies: the sum is of that. It is inflated after the
 *      proof. */
#include "base/clock.h"
#include "base/units.h"
#include "io/checksum.h"
#include "io/db/db_base64.h"
#include "io/http/http_inflate.h"
#include "io/object/crc32c.h"
#include "io/object/gs.h"
#include <errno.h>
#include <hocket/offload.h>

#define MAX_BYTES      (UINT64_C(64) << 20)
#define INFLATED_TIMES 4
#define MD5_ON_LOOP    (256u << 10) /* half a millisecond; more goes to a thread */

/* ---- get ------------------------------------------------------------------------------------------------------------- */

/* The value of "crc32c=" or "md5=" among all x-goog-hash headers, which may be several or one with commas. */
static bool find_hash(const struct http_response *a, struct slice key, struct slice *ret)
{
	for (size_t i = 0; i < a->header_count; i++) {
		struct slice rest = a->headers[i].value, one;
		if (!slice_eq_nocase(a->headers[i].name, S("x-goog-hash")))
			continue;
		while (rest.n) {
			(void)slice_cut(rest, ',', &one, &rest);
			one = slice_trim(one);
			if (!slice_starts(one, key))
				continue;
			*ret = slice_from(one, key.n);
			return true;
		}
	}
	return false;
}

/* The digits of a hash; nothing when the answer does not say it. */
static int put_hash(const struct http_response *a, struct slice key, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	struct slice value;
	if (!find_hash(a, key, &value) || db_base64_read(value, &bytes) < 0)
		return 0;
	return checksum_put_hex((const uint8_t *)bytes.p, bytes.n, out);
}

static struct slice header_of(const struct http_response *a, const char *name)
{
	struct slice value;
	return http_response_header(a, name, &value) ? value : S("");
}

static struct slice without_quotes(struct slice s)
{
	bool quoted = s.n > 1 && s.p[0] == '"' && s.p[s.n - 1] == '"';
	return quoted ? (struct slice){ s.p + 1, s.n - 2 } : s;
}

/* As it lies there: an answer may have no body (HEAD), or one that was compressed for the way. */
static uint64_t stored_bytes(const struct http_response *a)
{
	int64_t n;
	bool good = units_int(header_of(a, "x-goog-stored-content-length"), &n) == 0 ||
		    (a->body.n == 0 && units_int(header_of(a, "Content-Length"), &n) == 0);
	return good && n >= 0 ? (uint64_t)n : a->body.n;
}

int gs_read_head(const struct http_response *a, const struct gs_name *name, struct object_info *ret,
		 struct err *err)
{
	AUTO(buf_done) struct buf md5 = { 0 }, crc = { 0 }, time = { 0 };
	int64_t wall;
	int r = put_hash(a, S("md5="), &md5);
	r = r < 0 ? r : put_hash(a, S("crc32c="), &crc);
	if (r == 0 && clock_parse_http_date(header_of(a, "Last-Modified"), &wall) == 0)
		r = clock_put_utc(&time, wall);
	struct object_info info = { .bucket = name->bucket,
				    .name = name->name,
				    .bytes = stored_bytes(a),
				    .type = header_of(a, "Content-Type"),
				    .etag = without_quotes(header_of(a, "ETag")),
				    .generation = header_of(a, "x-goog-generation"),
				    .updated = buf_slice(&time),
				    .md5 = buf_slice(&md5),
				    .crc32c = buf_slice(&crc) };
	r = r < 0 ? r : object_info_copy(&info, ret);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, GS_SHOWN, GS_NAME(*name)) : 0;
}

struct sums {
	struct slice bytes;
	uint8_t md5[MD5_BYTES];
};

static int md5_on_thread(void *arg)
{
	struct sums *s = arg;
	checksum_md5(s->bytes, s->md5);
	return 0;
}

int gs_put_md5(struct slice bytes, struct buf *out)
{
	struct sums s = { .bytes = bytes };
	int r = bytes.n > MD5_ON_LOOP ? hk_offload_cpu(md5_on_thread, &s) : md5_on_thread(&s);
	return r < 0 ? r : checksum_put_hex(s.md5, sizeof(s.md5), out);
}

/* The bytes as they lie there, against what the head says of them. */
static int prove(const struct gs_name *name, struct slice bytes, const struct object_info *info,
		 struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf ours = { 0 };
	struct slice theirs = info->crc32c.n ? info->crc32c : info->md5;
	uint32_t crc = 0;
	int r = 0;
	if (info->crc32c.n) {
		r = crc32c_whole(bytes, &crc);
		r = r < 0 ? r : crc32c_put_hex(crc, &ours);
	} else if (info->md5.n) {
		r = gs_put_md5(bytes, &ours);
	}
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "the checksum of an object");
	if (slice_eq(theirs, buf_slice(&ours)) && bytes.n == info->bytes)
		return 0;
	return fail(err, FAULT_TRUNCATED,
		    GS_SHOWN ": what came is not what the service keeps: %zu bytes of checksum "
			     "%.*s, not %.*s",
		    GS_NAME(*name), bytes.n, SLICE(buf_slice(&ours)), SLICE(theirs));
}

/* ---- compressed ones ------------------------------------------------------------------------------------------------- */

/* The body becomes what the coding hides. An unknown coding stays as it is. */
static int inflate(struct http_response *a, struct slice coding, struct buf *out, const char **why)
{
	struct http_inflate_spare spare = { 0 };
	struct http_inflate *f;
	int r = http_inflate_open(&spare, coding, &f);
	if (r == -ENOTSUP || (r == 0 && !f)) {
		*out = buf_take(&a->body);
		return 0;
	}
	if (r < 0)
		return r;
	r = http_inflate_add(f, buf_slice(&a->body), out, why);
	r = r < 0 ? r : http_inflate_end(f);
	http_inflate_close(&spare, f);
	http_inflate_spare_done(&spare);
	return r;
}

/* Room for both forms: who counts has heard of the one that came only. */
static int find_room(const struct object_get *g, const struct http_response *a) SUSPENDS
{
	uint64_t n = a->body.n;
	return g->room && n > 0 ? g->room(g->room_arg, a, n, n * (1 + INFLATED_TIMES)) : 0;
}

static int unpack(const struct object_get *g, struct http_response *a, struct slice coding,
		  struct buf *out, struct err *err) SUSPENDS
{
	struct gs_name name = { g->bucket, g->name };
	uint64_t most = (g->max_bytes ? g->max_bytes : MAX_BYTES) * INFLATED_TIMES;
	const char *why = NULL;
	AUTO(buf_done) struct buf plain = { .max = most };
	int r = find_room(g, a);
	r = r < 0 ? r : inflate(a, coding, &plain, &why);
	if (r < 0 && why)
		return fail(err, r == -EMSGSIZE ? FAULT_TOO_LARGE : FAULT_PROTOCOL,
			    GS_SHOWN ": its Content-Encoding: %s", GS_NAME(name), why);
	if (r < 0)
		return fail_errno(err, FAULT_TRUNCATED, r, GS_SHOWN ": its Content-Encoding",
				  GS_NAME(name));
	*out = buf_take(&plain);
	return 0;
}

/* Compressed by the service for the way only, or unpacked by it, the bytes are not those that its sum is of. */
static int finish(const struct object_get *g, struct http_response *a, struct buf *out,
		  struct object_info *ret, struct err *err) SUSPENDS
{
	struct gs_name name = { g->bucket, g->name };
	struct slice coding = header_of(a, "Content-Encoding"), stored;
	bool says = http_response_header(a, "x-goog-stored-content-encoding", &stored);
	bool packed = coding.n && !slice_eq_nocase(coding, S("identity"));
	bool lies_packed = says ? stored.n && !slice_eq_nocase(stored, S("identity")) : packed;
	AUTO(buf_done) struct buf plain = { 0 };
	if (packed == lies_packed && prove(&name, buf_slice(&a->body), ret, err) < 0)
		return -1;
	if (packed ? unpack(g, a, coding, &plain, err) < 0 : (plain = buf_take(&a->body), false))
		return -1;
	if (packed && !lies_packed && !header_of(a, "x-goog-stored-content-length").n)
		ret->bytes = plain.n;
	if (packed && !lies_packed && prove(&name, buf_slice(&plain), ret, err) < 0)
		return -1;
	*out = buf_take(&plain);
	return 0;
}

int gs_get(struct object_store *store, const struct object_get *g, struct buf *bytes,
	   struct object_info *ret, struct err *err)
{
	static const struct http_header accept = { { "Accept-Encoding", 15 }, { "gzip", 4 } };
	struct gs_store *s = gs_of(store);
	struct gs_name name = { g->bucket, g->name };
	AUTO(buf_done) struct buf url = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	AUTO(object_info_done) struct object_info info = { 0 };
	if (s->dialect->put_media_url(s, &name, &url, err) < 0)
		return -1;
	int r = gs_put_query(&url, "generation", g->generation);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "an object's URL");
	struct http_request request = { .method = S("GET"),
					.url = buf_slice(&url),
					.headers = &accept,
					.header_count = 1,
					.room = g->room,
					.room_arg = g->room_arg,
					.max_body_bytes = g->max_bytes ? g->max_bytes : MAX_BYTES,
					.as_sent = true };
	if (gs_call(s, &request, &answer, err) < 0)
		return -1;
	if (answer.status != 200)
		return gs_refusal(&name, &answer, err);
	if (gs_read_head(&answer, &name, &info, err) < 0 ||
	    finish(g, &answer, bytes, &info, err) < 0)
		return -1;
	*ret = info;
	info = (struct object_info){ 0 };
	return 0;
}

int gs_stat(struct object_store *store, struct slice bucket, struct slice object,
	    struct object_info *ret, struct err *err)
{
	struct gs_store *s = gs_of(store);
	struct gs_name name = { bucket, object };
	return s->dialect->stat_named(s, &name, ret, err);
}

int gs_list(struct object_store *store, const struct object_list *l, struct object_page *ret,
	    struct err *err)
{
	struct gs_store *s = gs_of(store);
	return s->dialect->list_page(s, l, ret, err);
}
