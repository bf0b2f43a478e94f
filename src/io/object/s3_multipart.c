/* s3_multipart.c - an object in parts
 *
 * What this room is for: what is larger than a piece goes in pieces, and what arrived is not sent again by the next attempt.
 * What flows through:
 *
 *     (IF_NEW: does it stand there already?)
 *       --> create --> part 1 ... part n --> complete --> the object
 *              ^           |                    |
 *              |    cut off: the next attempt   |  cut off: was it done? What stands there decides
 *              |    asks what is there, goes on |
 *              '--- the service forgot it ------'
 *
 * What must hold:
 *  (1) nothing is under the name before complete has answered; then all of it is.
 *  (2) complete answers 200 before it knows: an <Error> in the body is a failure like any other.
 *  (3) who gives up tells the service (abort): parts that nobody completes are paid for. */
#include "io/db/db_base64.h"
#include "io/object/crc32c.h"
#include "io/object/s3_upload.h"
#include "io/object/s3_xml.h"

#include <hocket/scope.h>
#include <hocket/run.h>

enum { PARTS_MAX = 10000, MEGABYTE = 1 << 20 };
#define ABORT_NS     (5 * HK_SEC)
#define ABORT_GAP_NS (100 * HK_MS)
enum { ABORTS = 5 };

static void upload_reset(struct s3_upload *u)
{
	for (size_t i = 0; i < u->n; i++)
		buf_clear(&u->parts[i].etag);
	buf_clear(&u->id);
	u->doubted = u->completing = false;
}

static struct s3_upload *upload_new(const struct s3_store *s, const struct object_put *p)
{
	struct s3_upload *u = xcalloc(1, sizeof *u);
	u->piece = (size_t)s->piece_bytes;
	if (p->data.n / u->piece >= PARTS_MAX)
		u->piece = (p->data.n / PARTS_MAX / MEGABYTE + 1) * MEGABYTE;
	u->n = (p->data.n + u->piece - 1) / u->piece;
	u->parts = xcalloc(u->n, sizeof(u->parts[0]));
	/* Names of at most 1,024 bytes always fit. */
	int r = buf_add(&u->bucket, p->bucket);
	r = r < 0 ? r : buf_add(&u->name, p->name);
	ASSERT(r == 0);
	return u;
}

static void upload_free(struct s3_upload *u)
{
	for (size_t i = 0; i < u->n; i++)
		buf_done(&u->parts[i].etag);
	buf_done(&u->bucket);
	buf_done(&u->name);
	buf_done(&u->id);
	free(u->parts);
	free(u);
}

/* Its upload id is not known any more: the next attempt begins anew. */
static int forgotten(const struct s3_name *name, struct s3_upload *u, struct err *err)
{
	upload_reset(u);
	if (err) {
		err->code = 503;
		err->sent = true;
	}
	return fail(err, FAULT_STATUS, S3_SHOWN ": the service forgot the upload; it begins anew",
		    S3_NAME(*name));
}

/* ---- create ---------------------------------------------------------------------------------- */

static int take_id(void *arg, const char *path, struct slice text)
{
	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0)
		return buf_add(arg, text);
	return 0;
}

static int create(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		  struct err *err) SUSPENDS
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	struct s3_headers h = { .arena = arena };
	struct s3_name name = { p->bucket, p->name };
	int r = s3_describe(p, &h, err);
	if (r == 0 && s3_is_aws(s)) {
		r = s3_header_add(&h, "x-amz-checksum-algorithm", S("CRC32C"), err);
		r = r < 0 ? r : s3_header_add(&h, "x-amz-checksum-type", S("FULL_OBJECT"), err);
	}
	struct s3_ask ask = { .method = "POST",
			      .name = name,
			      .query = S("uploads="),
			      .headers = h.at,
			      .header_count = h.n,
			      .once = true };
	if (r < 0 || s3_call(s, &ask, &answer, err) < 0)
		return -1;
	if (answer.http.status != 200)
		return s3_refuse(&name, &answer, err);
	u->id.max = 4096;
	if (s3_xml_read(buf_slice(&answer.http.body), take_id, &u->id) < 0 || u->id.n == 0) {
		buf_clear(&u->id);
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": an upload without an id",
			    S3_NAME(name));
	}
	return 0;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int keep_part(const struct s3_name *name, const struct s3_answer *answer,
		     const struct s3_sums *sums, struct slice data, struct s3_part *part,
		     struct err *err)
{
	AUTO(object_info_done) struct object_info info = { 0 };
	struct s3_ours ours = { .bytes = data.n, .sums = sums };
	struct slice etag = { 0 };
	(void)http_response_header(&answer->http, "ETag", &etag);
	if (s3_read_headers(name, &answer->http, data.n, &info, err) < 0)
		return -1;
	if (info.etag.n == 0)
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": an answer without an ETag",
			    S3_NAME(*name));
	if (s3_compare(&info, &ours) == 0)
		return fail(err, FAULT_TRUNCATED,
			    S3_SHOWN ": the service has other bytes than were sent: ETag '%.*s'",
			    S3_NAME(*name), SLICE(info.etag));
	memcpy(part->md5, sums->md5, sizeof part->md5);
	part->crc32c = sums->crc32c;
	part->summed = true;
	int r = buf_add(&part->etag, slice_trim(etag));
	return r < 0 ? fail_errno(err, FAULT_PROTOCOL, r, S3_SHOWN, S3_NAME(*name)) : 0;
}

static int add_part_sums(const struct s3_store *s, const struct s3_sums *sums, struct s3_headers *h,
			 struct err *err)
{
	AUTO(buf_done) struct buf md5 = { 0 }, crc = { 0 };
	int r = db_base64_put((struct slice){ (const char *)sums->md5, MD5_BYTES }, &md5);
	r = r < 0 ? r : crc32c_put_base64(sums->crc32c, &crc);
	r = r < 0 ? r : s3_header_add(h, "Content-MD5", buf_slice(&md5), err);
	return r == 0 && s3_is_aws(s)
		       ? s3_header_add(h, "x-amz-checksum-crc32c", buf_slice(&crc), err)
		       : r;
}

static int send_part(struct s3_store *s, const struct object_put *p, struct s3_upload *u, size_t i,
		     struct err *err) SUSPENDS
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	AUTO(buf_done) struct buf query = { 0 };
	struct s3_headers h = { .arena = arena };
	struct s3_name name = { p->bucket, p->name };
	struct slice data = s3_part_bytes(u, p, i);
	struct s3_sums sums;
	int r = s3_sum(data, S3_MD5 | S3_SHA256 | S3_CRC32C, &sums);
	r = r < 0 ? r : s3_upload_query(u, i + 1, &query);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, S3_SHOWN, S3_NAME(name));
	struct s3_ask ask = { .method = "PUT",
			      .name = name,
			      .query = buf_slice(&query),
			      .headers = h.at,
			      .body = data,
			      .sha256 = sums.sha256 };
	r = add_part_sums(s, &sums, &h, err);
	ask.header_count = h.n;
	u->doubted = true; /* until it has answered */
	if (r < 0 || s3_call(s, &ask, &answer, err) < 0)
		return -1;
	u->doubted = false;
	if (answer.http.status == 404 && strcmp(answer.code, "NoSuchUpload") == 0)
		return forgotten(&name, u, err);
	if (answer.http.status != 200)
		return s3_refuse(&name, &answer, err);
	return keep_part(&name, &answer, &sums, data, &u->parts[i], err);
}

/* ---- complete -------------------------------------------------------------------------------- */

static int take_etag(void *arg, const char *path, struct slice text)
{
	if (strcmp(path, "CompleteMultipartUploadResult/ETag") == 0)
		return buf_add(arg, text);
	return 0;
}

/* What stands there, held against all that we know of ours. */
static int settle(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		  const struct s3_answer *answer, struct object_info *ret, struct err *err) SUSPENDS
{
	uint8_t parts_md5[MD5_BYTES];
	struct s3_sums sums;
	int r = s3_sum(p->data, S3_MD5 | S3_CRC32C, &sums);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "summing");
	if (s3_parts_sum(u, p, parts_md5, err) < 0)
		return -1;
	struct s3_ours ours = { p->data.n, &sums, parts_md5, u->n };
	return s3_settle(s, p, &ours, answer, ret, err);
}

static int add_whole_sum(const struct object_put *p, struct s3_headers *h, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf crc = { 0 };
	uint32_t sum = 0;
	int r = crc32c_whole(p->data, &sum);
	r = r < 0 ? r : crc32c_put_base64(sum, &crc);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "summing");
	r = s3_header_add(h, "x-amz-checksum-crc32c", buf_slice(&crc), err);
	r = r < 0 ? r : s3_header_add(h, "x-amz-checksum-type", S("FULL_OBJECT"), err);
	char *bytes = arena_printf(h->arena, "%zu", p->data.n);
	return r < 0 ? r : s3_header_add(h, "x-amz-mp-object-size", slice_str(bytes), err);
}

static int ask_complete(struct s3_store *s, const struct object_put *p, const struct s3_upload *u,
			struct s3_answer *answer, struct err *err) SUSPENDS
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(buf_done) struct buf query = { 0 }, body = { 0 };
	struct s3_headers h = { .arena = arena };
	struct s3_name name = { p->bucket, p->name };
	int r = s3_upload_query(u, 0, &query);
	r = r < 0 ? r : s3_parts_put(u, s3_is_aws(s), &body);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, S3_SHOWN, S3_NAME(name));
	if (s3_header_add(&h, "Content-Type", S("application/xml"), err) < 0 ||
	    s3_condition(p, &h, err) < 0 || (s3_is_aws(s) && add_whole_sum(p, &h, err) < 0))
		return -1;
	struct s3_ask ask = { .method = "POST",
			      .name = name,
			      .query = buf_slice(&query),
			      .headers = h.at,
			      .header_count = h.n,
			      .body = buf_slice(&body),
			      .once = true };
	return s3_call(s, &ask, answer, err);
}

/* The object's ETag: of parts whose ETags are their MD5s, the MD5 of those. */
static int judge_etag(struct s3_upload *u, const struct object_put *p, struct slice etag,
		      struct err *err) SUSPENDS
{
	struct s3_name name = { p->bucket, p->name };
	AUTO(buf_done) struct buf wanted = { 0 };
	uint8_t sum[MD5_BYTES];
	bool plain = true;
	for (size_t i = 0; i < u->n && plain; i++) {
		AUTO(buf_done) struct buf md5 = { 0 };
		plain = checksum_put_hex(u->parts[i].md5, MD5_BYTES, &md5) == 0 &&
			slice_eq_nocase(buf_slice(&md5), s3_etag(buf_slice(&u->parts[i].etag)));
	}
	if (s3_parts_sum(u, p, sum, err) < 0)
		return -1;
	int r = checksum_put_hex(sum, sizeof sum, &wanted);
	r = r < 0 ? r : buf_printf(&wanted, "-%zu", u->n);
	bool of_pieces = etag.n > 2 * MD5_BYTES && etag.p[2 * MD5_BYTES] == '-';
	if (r < 0 || !plain || !of_pieces || slice_eq_nocase(etag, buf_slice(&wanted)))
		return 0;
	return fail(err, FAULT_TRUNCATED,
		    S3_SHOWN ": the service has other bytes than were sent: ETag '%.*s'",
		    S3_NAME(name), SLICE(etag));
}

static int judge_complete(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
			  struct s3_answer *answer, struct object_info *ret,
			  struct err *err) SUSPENDS
{
	struct s3_name name = { p->bucket, p->name };
	AUTO(buf_done) struct buf etag = { 0 };
	int status = answer->http.status;
	if (status == 200 && s3_answer_is_error(answer))
		return s3_refuse(&name, answer, err);
	if (status == 412 || (status == 409 && p->when != OBJECT_ALWAYS))
		return settle(s, p, u, answer, ret, err);
	if (status == 404 && strcmp(answer->code, "NoSuchUpload") == 0)
		return forgotten(&name, u, err);
	if (status != 200)
		return s3_refuse(&name, answer, err);
	if (s3_xml_read(buf_slice(&answer->http.body), take_etag, &etag) < 0 || etag.n == 0)
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": an object without an ETag",
			    S3_NAME(name));
	if (judge_etag(u, p, s3_etag(buf_slice(&etag)), err) < 0)
		return -1;
	buf_clear(&u->id);
	if (s3_read_headers(&name, &answer->http, p->data.n, ret, err) < 0)
		return -1;
	/* This answer's headers describe itself, but for the version: the ETag is in its body. */
	struct object_info from = *ret;
	from.etag = s3_etag(buf_slice(&etag));
	from.type = p->type;
	struct object_info made = { 0 };
	int r = object_info_copy(&from, &made);
	object_info_done(ret);
	*ret = made;
	return r < 0 ? fail_errno(err, FAULT_PROTOCOL, r, S3_SHOWN, S3_NAME(name)) : 0;
}

static int complete(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		    struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	u->completing = true; /* until it has answered */
	if (ask_complete(s, p, u, &answer, err) < 0)
		return -1;
	u->completing = false;
	return judge_complete(s, p, u, &answer, ret, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Before the first byte: 1: it stands there, or cannot be; 0: go on. */
static int look_first(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		      struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(object_info_done) struct object_info there = { 0 };
	struct s3_answer nothing = { .http.status = 412 };
	struct err stat = { 0 };
	int r = s3_stat(&s->base, p->bucket, p->name, &there, &stat);
	if (r < 0 && stat.fault == FAULT_STATUS)
		return 0; /* 404; or a right that is missing for this, which may be there for what follows */
	if (r < 0) {
		if (err)
			*err = stat;
		return -1;
	}
	r = settle(s, p, u, &nothing, ret, err);
	return r < 0 ? r : 1;
}

/* An attempt before this one was cut off: 1: it had come through; 0: go on. */
static int go_on(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		 struct object_info *ret, struct err *err) SUSPENDS
{
	struct s3_name name = { p->bucket, p->name };
	struct err after = { 0 };
	bool gone = false;
	if (s3_parts_ask(s, p, u, &gone, err) < 0)
		return -1;
	bool completed = gone && u->completing;
	u->doubted = u->completing = false;
	if (!gone)
		return 0;
	if (!completed)
		return forgotten(&name, u, err);
	struct s3_answer nothing = { .http.status = 503 };
	int r = settle(s, p, u, &nothing, ret, &after);
	if (r == 0) {
		buf_clear(&u->id);
		return 1;
	}
	/* Who replaces does not mind what stands there: it is not ours, or nobody can tell. */
	if (after.fault == FAULT_STATUS && after.code == 412 && p->when == OBJECT_ALWAYS)
		return forgotten(&name, u, err);
	upload_reset(u);
	if (err)
		*err = after;
	return -1;
}

static int begin(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		 struct object_info *ret, struct err *err) SUSPENDS
{
	if (u->id.n)
		return u->doubted || u->completing ? go_on(s, p, u, ret, err) : 0;
	int r = p->when == OBJECT_IF_NEW ? look_first(s, p, u, ret, err) : 0;
	return r != 0 ? r : create(s, p, u, err);
}

int s3_put_pieces(struct s3_store *s, const struct object_put *p, struct object_upload **upload,
		  struct object_info *ret, struct err *err)
{
	if (!*upload)
		*upload = (struct object_upload *)(void *)upload_new(s, p);
	struct s3_upload *u = s3_upload_of(*upload);
	ASSERT((u->n - 1) * u->piece < p->data.n && u->n * u->piece >= p->data.n);
	int r = begin(s, p, u, ret, err);
	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; r == 0 && i < u->n; i++)
		if (u->parts[i].etag.n == 0)
			r = send_part(s, p, u, i, err);
	if (r < 0)
		return err_wrap(err, "in parts");
	return complete(s, p, u, ret, err);
}

static bool ask_to_abort(struct s3_store *s, const struct s3_ask *ask) SUSPENDS
{
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	struct err ignored = { 0 };
	return s3_call(s, ask, &answer, &ignored) == 0 && answer.http.status != 404;
}

/* Best effort, also when the task was cancelled: a lifecycle rule of the bucket does for those who were killed. A piece that was on its way
 * may arrive behind the request, and stays then (S3's manual): so it is asked until there is no such upload any more. */
static void abort_upload(struct s3_store *s, const struct s3_upload *u) SUSPENDS
{
	AUTO(buf_done) struct buf query = { 0 };
	struct s3_ask ask = { .method = "DELETE",
			      .name = { buf_slice(&u->bucket), buf_slice(&u->name) } };
	if (s3_upload_query(u, 0, &query) < 0)
		return;
	ask.query = buf_slice(&query);
	struct hk_scope scope;
	hk_scope_open_shield(&scope, ABORT_NS);
	for (int i = 0; i < ABORTS && ask_to_abort(s, &ask); i++)
		if (hk_sleep(ABORT_GAP_NS) < 0)
			break;
	(void)hk_scope_close(&scope, 0);
}

void s3_forget(struct object_store *store, struct object_upload *upload)
{
	struct s3_upload *u = s3_upload_of(upload);
	if (u->id.n)
		abort_upload(s3_of(store), u);
	upload_free(u);
}
