/* s3_info.c - what S3 says of an object, and whether that is ours
 *
 * What this room is for: sums of what we send, and the service's own sums held against them.
 * What flows through:    headers of an answer in, an object_info out.
 * What must hold:
 *  (1) an ETag of 32 digits is the MD5, unless the answer says that the object is encrypted with keys of KMS or of the customer; one with
 *      "-N" behind it is the MD5 of N pieces' MD5s.
 *  (2) a checksum of a whole object is used; one "of checksums" (with "-N") is not taken for one. */
#include "base/clock.h"
#include "io/db/db_base64.h"
#include "io/object/crc32c.h"
#include "io/object/s3.h"

#include <hocket/offload.h>

enum { SUM_HERE_BYTES = 64 * 1024 }; /* a tenth of a millisecond */

/* ---- sums ------------------------------------------------------------------------------------ */

struct summing {
	struct slice data;
	unsigned which;
	struct s3_sums *sums;
};

static int sum(void *arg)
{
	const struct summing *s = arg;
	if (s->which & S3_MD5)
		checksum_md5(s->data, s->sums->md5);
	if (s->which & S3_SHA256)
		checksum_sha256(s->data, s->sums->sha256);
	if (s->which & S3_CRC32C)
		s->sums->crc32c = crc32c(0, s->data);
	return 0;
}

int s3_sum(struct slice data, unsigned which, struct s3_sums *ret)
{
	struct summing s = { data, which, ret };
	return data.n <= SUM_HERE_BYTES ? sum(&s) : hk_offload_cpu(sum, &s);
}

/* ---- headers --------------------------------------------------------------------------------- */

struct slice s3_etag(struct slice text)
{
	text = slice_trim(text);
	if (slice_starts(text, S("W/")))
		text = slice_from(text, 2);
	if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		text = (struct slice){ text.p + 1, text.n - 2 };
	return text;
}

static struct slice header(const struct http_response *a, const char *name)
{
	struct slice value = { 0 };
	return http_response_header(a, name, &value) ? slice_trim(value) : S("");
}

static bool is_hex(struct slice s, size_t digits)
{
	bool good = s.n == digits;
	for (size_t i = 0; i < s.n && good; i++)
		good = (s.p[i] >= '0' && s.p[i] <= '9') ||
		       ((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'f');
	return good;
}

/* Its ETag is no MD5 then. */
static bool is_sealed(const struct http_response *a)
{
	return slice_starts(header(a, "x-amz-server-side-encryption"), S("aws:kms")) ||
	       header(a, "x-amz-server-side-encryption-customer-algorithm").n > 0;
}

static int put_lower(struct slice hex, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < hex.n; i++)
		r = buf_add_char(out, (char)(hex.p[i] | 0x20));
	return r;
}

/* "4waSgw==" to eight digits; anything else to nothing. */
static int put_crc32c(const struct http_response *a, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	struct slice text = header(a, "x-amz-checksum-crc32c");
	if (text.n == 0 || db_base64_read(text, &bytes) < 0 || bytes.n != CRC32C_BYTES)
		return 0;
	return checksum_put_hex((const uint8_t *)bytes.p, bytes.n, out);
}

static int put_updated(const struct http_response *a, struct buf *out)
{
	int64_t wall_ns;
	if (clock_parse_http_date(header(a, "Last-Modified"), &wall_ns) < 0)
		return 0;
	return clock_put_utc(out, wall_ns);
}

int s3_read_headers(const struct s3_name *name, const struct http_response *a, uint64_t bytes,
		    struct object_info *ret, struct err *err)
{
	AUTO(buf_done) struct buf md5 = { 0 }, crc = { 0 }, updated = { 0 };
	struct slice etag = s3_etag(header(a, "ETag"));
	int r = is_hex(etag, 2 * MD5_BYTES) && !is_sealed(a) ? put_lower(etag, &md5) : 0;
	r = r < 0 ? r : put_crc32c(a, &crc);
	r = r < 0 ? r : put_updated(a, &updated);
	struct object_info info = { .bucket = name->bucket,
				    .name = name->name,
				    .bytes = bytes,
				    .type = header(a, "Content-Type"),
				    .etag = etag,
				    .generation = header(a, "x-amz-version-id"),
				    .updated = buf_slice(&updated),
				    .md5 = buf_slice(&md5),
				    .crc32c = buf_slice(&crc) };
	r = r < 0 ? r : object_info_copy(&info, ret);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, S3_SHOWN, S3_NAME(*name)) : 0;
}

/* ---- is it ours? ----------------------------------------------------------------------------- */

static bool is_sum(const uint8_t *sum, size_t n, struct slice hex)
{
	AUTO(buf_done) struct buf ours = { 0 };
	return checksum_put_hex(sum, n, &ours) == 0 && slice_eq_nocase(buf_slice(&ours), hex);
}

/* "9b2b...-3" */
static int compare_pieces(struct slice etag, const struct s3_ours *o)
{
	struct slice sum, count;
	char digits[24];
	if (!slice_cut(etag, '-', &sum, &count) || !is_hex(sum, 2 * MD5_BYTES) || !o->parts_md5)
		return -1;
	int n = snprintf(digits, sizeof digits, "%zu", o->parts);
	/* Others cut the same bytes into other pieces. */
	if (!slice_eq(count, (struct slice){ digits, (size_t)n }))
		return -1;
	return is_sum(o->parts_md5, MD5_BYTES, sum) ? 1 : -1;
}

int s3_compare(const struct object_info *i, const struct s3_ours *o)
{
	AUTO(buf_done) struct buf crc = { 0 };
	if (i->bytes != o->bytes)
		return 0;
	if (i->md5.n)
		return is_sum(o->sums->md5, MD5_BYTES, i->md5);
	if (i->crc32c.n && crc32c_put_hex(o->sums->crc32c, &crc) == 0)
		return slice_eq(buf_slice(&crc), i->crc32c);
	return compare_pieces(i->etag, o);
}
