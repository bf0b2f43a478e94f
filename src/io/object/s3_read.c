/* s3_read.c - an object's bytes, proven, and what is known of it
 *
 * What this room is for: get and stat.
 * What flows through:    the body as it is stored, from the connection into the caller's buffer.
 * What must hold:        bytes are given out only when the service's checksum of them, where it says one, is ours of what came. */
#include "io/object/crc32c.h"
#include "io/object/s3.h"
#include "base/units.h"
#include "io/url.h"

/* ---- stat ------------------------------------------------------------------------------------ */

static const struct http_header checksums = { { "x-amz-checksum-mode", 19 }, { "ENABLED", 7 } };

/* Of a HEAD: Content-Length is the object's. */
static int content_length(const struct s3_name *name, const struct s3_answer *a, uint64_t *ret,
			  struct err *err)
{
	struct slice text;
	int64_t n = -1;
	if (!http_response_header(&a->http, "Content-Length", &text) ||
	    units_int(slice_trim(text), &n) < 0 || n < 0)
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": an answer without Content-Length",
			    S3_NAME(*name));
	*ret = (uint64_t)n;
	return 0;
}

int s3_stat(struct object_store *store, struct slice bucket, struct slice name,
	    struct object_info *ret, struct err *err)
{
	struct s3_name which = { bucket, name };
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	struct s3_ask ask = {
		.method = "HEAD", .name = which, .headers = &checksums, .header_count = 1
	};
	uint64_t bytes = 0;
	if (s3_call(s3_of(store), &ask, &answer, err) < 0)
		return -1;
	if (answer.http.status != 200)
		return s3_refuse(&which, &answer, err);
	if (content_length(&which, &answer, &bytes, err) < 0)
		return -1;
	return s3_read_headers(&which, &answer.http, bytes, ret, err);
}

/* ---- get ------------------------------------------------------------------------------------- */

static int put_version(struct slice generation, struct buf *out)
{
	int r = generation.n ? buf_add(out, S("versionId=")) : 0;
	return r < 0 || !generation.n ? r : url_put_segment(generation, out);
}

static int prove(const struct s3_name *name, struct slice bytes, const struct object_info *info,
		 struct err *err) SUSPENDS
{
	struct s3_sums sums;
	struct s3_ours ours = { .bytes = bytes.n, .sums = &sums };
	int r = s3_sum(bytes, info->md5.n ? S3_MD5 : info->crc32c.n ? S3_CRC32C : 0, &sums);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "summing");
	if (s3_compare(info, &ours) != 0)
		return 0;
	return fail(err, FAULT_TRUNCATED,
		    S3_SHOWN ": what came is not what the service has: ETag '%.*s'", S3_NAME(*name),
		    SLICE(info->etag));
}

int s3_get(struct object_store *store, const struct object_get *g, struct buf *bytes,
	   struct object_info *ret, struct err *err)
{
	struct s3_name name = { g->bucket, g->name };
	AUTO(buf_done) struct buf query = { 0 };
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	int r = put_version(g->generation, &query);
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, S3_SHOWN, S3_NAME(name));
	struct s3_ask ask = { .method = "GET",
			      .name = name,
			      .query = buf_slice(&query),
			      .headers = &checksums,
			      .header_count = 1,
			      .room = g->room,
			      .room_arg = g->room_arg,
			      .max_bytes = g->max_bytes ? g->max_bytes : BUF_DEFAULT_MAX };
	if (s3_call(s3_of(store), &ask, &answer, err) < 0)
		return -1;
	/* A version that never was is an argument that is wrong, to the service. */
	if (answer.http.status == 400 && g->generation.n)
		answer.http.status = 404;
	if (answer.http.status != 200)
		return s3_refuse(&name, &answer, err);
	r = s3_read_headers(&name, &answer.http, answer.http.body.n, ret, err);
	r = r < 0 ? r : prove(&name, buf_slice(&answer.http.body), ret, err);
	if (r < 0) {
		object_info_done(ret);
		return r;
	}
	buf_done(bytes);
	*bytes = buf_take(&answer.http.body);
	return 0;
}
