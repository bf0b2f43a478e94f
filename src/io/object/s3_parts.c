/* s3_parts.c - the parts of a large object: what the service has of them, and the list that makes them one
 *
 * What this room is for: an upload that was cut off goes on where it was, on the service's word (ListParts), not on ours.
 * What flows through:    ListPartsResult in; CompleteMultipartUpload out.
 * What must hold:        a part that the service has counts only when its size and its MD5 are ours: the record may have changed. */
#include "base/units.h"
#include "io/object/crc32c.h"
#include "io/object/s3_upload.h"
#include "io/object/s3_xml.h"
#include "io/url.h"

#include <errno.h>

#define ANSWER_MAX (4u << 20)

struct slice s3_part_bytes(const struct s3_upload *u, const struct object_put *p, size_t i)
{
	ASSERT(i < u->n);
	return slice_head(slice_from(p->data, i * u->piece), u->piece);
}

int s3_upload_query(const struct s3_upload *u, size_t part, struct buf *out)
{
	int r = part ? buf_printf(out, "partNumber=%zu&", part) : 0;
	r = r < 0 ? r : buf_add(out, S("uploadId="));
	return r < 0 ? r : url_put_segment(buf_slice(&u->id), out);
}

/* ---- sums ------------------------------------------------------------------------------------ */

static int sum_part(struct s3_upload *u, const struct object_put *p, size_t i,
		    struct err *err) SUSPENDS
{
	struct s3_sums sums;
	struct s3_part *part = &u->parts[i];
	if (part->summed)
		return 0;
	int r = s3_sum(s3_part_bytes(u, p, i), S3_MD5 | S3_CRC32C, &sums);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "summing");
	memcpy(part->md5, sums.md5, sizeof part->md5);
	part->crc32c = sums.crc32c;
	part->summed = true;
	return 0;
}

int s3_parts_sum(struct s3_upload *u, const struct object_put *p, uint8_t ret[static MD5_BYTES],
		 struct err *err)
{
	AUTO(checksum_done) struct checksum all = { 0 };
	int r = checksum_init(&all, CHECKSUM_MD5);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "summing");
	for (size_t i = 0; i < u->n; i++) {
		if (sum_part(u, p, i, err) < 0)
			return -1;
		checksum_add(&all, (struct slice){ (const char *)u->parts[i].md5, MD5_BYTES });
	}
	checksum_end(&all, ret);
	return 0;
}

/* ---- what the service has -------------------------------------------------------------------- */

struct reading {
	struct s3_upload *upload;
	size_t number; /* of the part that is read; 0: not said yet */
	uint64_t bytes;
	struct buf etag;
	struct buf marker; /* where the next page begins */
	bool truncated;
};

static void reading_done(struct reading *r)
{
	buf_done(&r->etag);
	buf_done(&r->marker);
}

static int read_number(struct slice text, uint64_t *ret)
{
	int64_t n;
	if (units_int(text, &n) < 0 || n < 0)
		return -EBADMSG;
	*ret = (uint64_t)n;
	return 0;
}

/* Kept with its size for adopt(), which knows our bytes: a part of another size is none of ours. */
static int end_part(struct reading *r, const struct object_put *p)
{
	struct s3_upload *u = r->upload;
	size_t i = r->number - 1;
	if (r->number == 0)
		return -EBADMSG;
	if (i < u->n && r->bytes == s3_part_bytes(u, p, i).n) {
		buf_clear(&u->parts[i].etag);
		if (buf_add(&u->parts[i].etag, buf_slice(&r->etag)) < 0)
			return -EMSGSIZE;
	}
	r->number = 0;
	r->bytes = 0;
	buf_clear(&r->etag);
	return 0;
}

struct taking {
	struct reading *reading;
	const struct object_put *put;
};

static int take_field(void *arg, const char *path, struct slice text)
{
	const struct taking *t = arg;
	struct reading *r = t->reading;
	uint64_t n = 0;
	int rc = 0;
	if (strncmp(path, "ListPartsResult", 15) != 0)
		return -EBADMSG;
	if (strcmp(path, "ListPartsResult/Part") == 0)
		return end_part(r, t->put);
	if (strcmp(path, "ListPartsResult/Part/PartNumber") == 0) {
		rc = read_number(text, &n);
		r->number = (size_t)n;
	} else if (strcmp(path, "ListPartsResult/Part/Size") == 0) {
		rc = read_number(text, &r->bytes);
	} else if (strcmp(path, "ListPartsResult/Part/ETag") == 0) {
		rc = buf_add(&r->etag, text);
	} else if (strcmp(path, "ListPartsResult/IsTruncated") == 0) {
		r->truncated = slice_eq(text, S("true"));
	} else if (strcmp(path, "ListPartsResult/NextPartNumberMarker") == 0) {
		buf_clear(&r->marker);
		rc = buf_add(&r->marker, text);
	}
	return rc;
}

static int ask_page(struct s3_store *s, const struct object_put *p, struct reading *r,
		    bool *ret_gone, struct err *err) SUSPENDS
{
	struct s3_name name = { p->bucket, p->name };
	AUTO(buf_done) struct buf query = { 0 };
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	struct taking taking = { r, p };
	int rc = s3_upload_query(r->upload, 0, &query);
	if (rc == 0 && r->marker.n) {
		rc = buf_add(&query, S("&part-number-marker="));
		rc = rc < 0 ? rc : url_put_segment(buf_slice(&r->marker), &query);
	}
	if (rc < 0)
		return fail_errno(err, FAULT_BAD_VALUE, rc, S3_SHOWN, S3_NAME(name));
	struct s3_ask ask = {
		.method = "GET", .name = name, .query = buf_slice(&query), .max_bytes = ANSWER_MAX
	};
	if (s3_call(s, &ask, &answer, err) < 0)
		return -1;
	*ret_gone = answer.http.status == 404;
	if (*ret_gone)
		return 0;
	if (answer.http.status != 200)
		return s3_refuse(&name, &answer, err);
	r->truncated = false;
	rc = s3_xml_read(buf_slice(&answer.http.body), take_field, &taking);
	if (rc < 0 || (r->truncated && r->marker.n == 0))
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": a list of parts that cannot be read",
			    S3_NAME(name));
	return 0;
}

/* Parts whose MD5 is not ours are sent again. */
static int adopt(struct s3_upload *u, const struct object_put *p, struct err *err) SUSPENDS
{
	for (size_t i = 0; i < u->n; i++) {
		AUTO(buf_done) struct buf md5 = { 0 };
		struct s3_part *part = &u->parts[i];
		if (part->etag.n == 0)
			continue;
		if (sum_part(u, p, i, err) < 0)
			return -1;
		int r = checksum_put_hex(part->md5, MD5_BYTES, &md5);
		if (r < 0 || !slice_eq_nocase(s3_etag(buf_slice(&part->etag)), buf_slice(&md5)))
			buf_clear(&part->etag);
	}
	return 0;
}

int s3_parts_ask(struct s3_store *s, const struct object_put *p, struct s3_upload *u,
		 bool *ret_gone, struct err *err)
{
	AUTO(reading_done) struct reading reading = { .upload = u };
	size_t pages = 0;
	for (size_t i = 0; i < u->n; i++)
		buf_clear(&u->parts[i].etag);
	do {
		if (ask_page(s, p, &reading, ret_gone, err) < 0)
			return -1;
	} while (reading.truncated && !*ret_gone && ++pages <= u->n);
	return *ret_gone ? 0 : adopt(u, p, err);
}

/* ---- the list that makes them one ------------------------------------------------------------ */

static int put_escaped(struct slice text, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < text.n; i++) {
		switch (text.p[i]) {
		case '&':
			r = buf_add(out, S("&amp;"));
			break;
		case '<':
			r = buf_add(out, S("&lt;"));
			break;
		case '"':
			r = buf_add(out, S("&quot;"));
			break;
		default:
			r = buf_add_char(out, text.p[i]);
		}
	}
	return r;
}

static int put_part(const struct s3_part *part, size_t number, bool with_crc, struct buf *out)
{
	int r = buf_printf(out, "<Part><PartNumber>%zu</PartNumber><ETag>", number);
	r = r < 0 ? r : put_escaped(buf_slice(&part->etag), out);
	r = r < 0 ? r : buf_add(out, S("</ETag>"));
	if (r == 0 && with_crc) {
		ASSERT(part->summed);
		r = buf_add(out, S("<ChecksumCRC32C>"));
		r = r < 0 ? r : crc32c_put_base64(part->crc32c, out);
		r = r < 0 ? r : buf_add(out, S("</ChecksumCRC32C>"));
	}
	return r < 0 ? r : buf_add(out, S("</Part>"));
}

int s3_parts_put(const struct s3_upload *u, bool with_crc, struct buf *out)
{
	int r = buf_add(out, S("<CompleteMultipartUpload "
			       "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
	for (size_t i = 0; r == 0 && i < u->n; i++)
		r = put_part(&u->parts[i], i + 1, with_crc, out);
	return r < 0 ? r : buf_add(out, S("</CompleteMultipartUpload>"));
}
