/* s3_put.c - an object in one request
 *
 * What this room is for: what is put, how it is described, and what decides when the service says that something stands there already.
 * What flows through:    a borrowed body and its sums out; the service's ETag back.
 * What must hold:
 *  (1) the service can refuse what was damaged on its way: Content-MD5, the SHA-256 that is signed, and at AWS a CRC-32C that is kept with
 *      the object for its readers.
 *  (2) 412 (something stands there) and 409 (somebody else is at it) are looked into: equal bytes are delivered, `already`; other
 *      bytes are the record's failure; nothing there is worth another attempt. */
#include "io/db/db_base64.h"
#include "io/object/crc32c.h"
#include "io/object/s3.h"

/* ---- headers --------------------------------------------------------------------------------- */

int s3_header_add(struct s3_headers *h, const char *name, struct slice value, struct err *err)
{
	if (value.n == 0)
		return 0;
	if (h->n == ARRAY_SIZE(h->at))
		return fail(err, FAULT_BAD_VALUE, "an object with more than %d headers",
			    (int)S3_HEADERS);
	h->at[h->n++] = (struct http_header){ arena_copy(h->arena, slice_str(name)),
					      arena_copy(h->arena, value) };
	return 0;
}

/* Headers are ASCII: what is not goes as an encoded word (RFC 2047), as the service's manual has it. */
static int add_value(struct s3_headers *h, const char *name, struct slice value, struct err *err)
{
	AUTO(buf_done) struct buf word = { 0 };
	bool plain = true;
	for (size_t i = 0; i < value.n && plain; i++)
		plain = (unsigned char)value.p[i] < 0x80;
	if (plain)
		return s3_header_add(h, name, value, err);
	int r = buf_add(&word, S("=?UTF-8?B?"));
	r = r < 0 ? r : db_base64_put(value, &word);
	r = r < 0 ? r : buf_add(&word, S("?="));
	return r < 0 ? fail_errno(err, FAULT_BAD_VALUE, r, "metadata '%s'", name)
		     : s3_header_add(h, name, buf_slice(&word), err);
}

static int add_metadata(const struct object_put *p, struct s3_headers *h, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < p->metadata_n; i++) {
		const struct http_header *m = &p->metadata[i];
		char *name = arena_printf(h->arena, "x-amz-meta-%.*s", SLICE(m->name));
		for (size_t k = 0; k < h->n; k++)
			if (slice_eq_nocase(h->at[k].name, slice_str(name)))
				return fail(err, FAULT_BAD_VALUE,
					    "metadata '%.*s' stands there twice", SLICE(m->name));
		r = add_value(h, name, m->value, err);
	}
	return r;
}

int s3_describe(const struct object_put *p, struct s3_headers *h, struct err *err)
{
	struct slice type = p->type.n ? p->type : S("application/octet-stream");
	int r = s3_header_add(h, "Content-Type", type, err);
	r = r < 0 ? r : s3_header_add(h, "Cache-Control", p->cache_control, err);
	r = r < 0 ? r : s3_header_add(h, "Content-Encoding", p->content_encoding, err);
	r = r < 0 ? r : s3_header_add(h, "Content-Disposition", p->content_disposition, err);
	r = r < 0 ? r : s3_header_add(h, "x-amz-storage-class", p->storage_class, err);
	return r < 0 ? r : add_metadata(p, h, err);
}

int s3_condition(const struct object_put *p, struct s3_headers *h, struct err *err)
{
	if (p->when == OBJECT_IF_NEW)
		return s3_header_add(h, "If-None-Match", S("*"), err);
	if (p->when == OBJECT_IF_MATCH)
		return s3_header_add(h, "If-Match",
				     slice_str(arena_printf(h->arena, "\"%.*s\"", SLICE(p->match))),
				     err);
	return 0;
}

static int add_sums(const struct s3_store *s, const struct s3_sums *sums, struct s3_headers *h,
		    struct err *err)
{
	AUTO(buf_done) struct buf md5 = { 0 }, crc = { 0 };
	int r = db_base64_put((struct slice){ (const char *)sums->md5, MD5_BYTES }, &md5);
	r = r < 0 ? r : crc32c_put_base64(sums->crc32c, &crc);
	r = r < 0 ? r : s3_header_add(h, "Content-MD5", buf_slice(&md5), err);
	if (r == 0 && s3_is_aws(s))
		r = s3_header_add(h, "x-amz-checksum-crc32c", buf_slice(&crc), err);
	return r;
}

/* ---- what stands there ----------------------------------------------------------------------- */

static int stands_there(const struct s3_name *name, const struct object_info *there, int equal,
			struct err *err)
{
	if (err) {
		err->code = 412;
		err->sent = true;
	}
	if (equal < 0)
		return fail(err, FAULT_STATUS,
			    S3_SHOWN
			    " stands there with as many bytes (%llu), but its checksum cannot be "
			    "compared: ETag '%.*s'",
			    S3_NAME(*name), (unsigned long long)there->bytes, SLICE(there->etag));
	return fail(err, FAULT_STATUS,
		    S3_SHOWN " stands there with other content: %llu bytes, ETag '%.*s'",
		    S3_NAME(*name), (unsigned long long)there->bytes, SLICE(there->etag));
}

static int gone(const struct s3_name *name, struct err *err)
{
	if (err) {
		err->code = 412;
		err->sent = true;
	}
	return fail(err, FAULT_STATUS, S3_SHOWN " is not there any more", S3_NAME(*name));
}

static int hidden(const struct s3_name *name, struct err *err)
{
	if (err) {
		err->code = 412;
		err->sent = true;
	}
	return fail(err, FAULT_STATUS,
		    S3_SHOWN " stands there, and this key has no right to look whether it is equal "
			     "(s3:GetObject)",
		    S3_NAME(*name));
}

int s3_settle(struct s3_store *s, const struct object_put *p, const struct s3_ours *ours,
	      const struct s3_answer *answer, struct object_info *ret, struct err *err)
{
	struct s3_name name = { p->bucket, p->name };
	AUTO(object_info_done) struct object_info there = { 0 };
	struct err stat = { 0 };
	int r = s3_stat(&s->base, p->bucket, p->name, &there, &stat);
	if (r < 0 && stat.fault == FAULT_STATUS && stat.code == 404) {
		/* A condition on what is gone stays false; a name that became free is worth another attempt. */
		int found = s3_refuse(&name, answer, err);
		if (err && p->when == OBJECT_IF_NEW)
			err->code = 503;
		return found;
	}
	if (r < 0 && stat.fault == FAULT_STATUS && stat.code == 403)
		return hidden(&name, err);
	if (r < 0) {
		if (err)
			*err = stat;
		return -1;
	}
	int equal = s3_compare(&there, ours);
	if (equal != 1)
		return stands_there(&name, &there, equal, err);
	*ret = there;
	ret->already = true;
	there = (struct object_info){ 0 };
	return 0;
}

/* ---- put ------------------------------------------------------------------------------------- */

/* 200: is what the service has what we sent? */
static int prove(const struct s3_name *name, const struct s3_ours *ours, struct object_info *info,
		 struct err *err)
{
	if (info->etag.n == 0)
		return fail(err, FAULT_PROTOCOL, S3_SHOWN ": an answer without an ETag",
			    S3_NAME(*name));
	if (s3_compare(info, ours) != 0)
		return 0; /* equal, or a service whose ETag is no checksum: it has checked ours */
	if (err)
		err->sent = true;
	return fail(err, FAULT_TRUNCATED,
		    S3_SHOWN ": the service has other bytes than were sent: ETag '%.*s'",
		    S3_NAME(*name), SLICE(info->etag));
}

static int judge(struct s3_store *s, const struct object_put *p, const struct s3_ours *ours,
		 const struct s3_answer *answer, struct object_info *ret, struct err *err) SUSPENDS
{
	struct s3_name name = { p->bucket, p->name };
	int status = answer->http.status;
	bool conditional = p->when != OBJECT_ALWAYS;
	if (status == 412 || (status == 409 && conditional))
		return s3_settle(s, p, ours, answer, ret, err);
	if (status == 404 && p->when == OBJECT_IF_MATCH && strcmp(answer->code, "NoSuchKey") == 0)
		return gone(&name, err);
	if (status == 501 && conditional)
		return fail(err, FAULT_CONFIG,
			    S3_SHOWN
			    ": this service cannot put an object on a condition (%s); only "
			    "replacing what is there works with it",
			    S3_NAME(name), answer->message);
	if (status != 200)
		return s3_refuse(&name, answer, err);
	if (s3_read_headers(&name, &answer->http, p->data.n, ret, err) < 0)
		return -1;
	int r = prove(&name, ours, ret, err);
	if (r < 0)
		object_info_done(ret);
	return r;
}

static int put_whole(struct s3_store *s, const struct object_put *p, struct object_info *ret,
		     struct err *err) SUSPENDS
{
	struct s3_sums sums;
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(s3_answer_done) struct s3_answer answer = { 0 };
	struct s3_headers h = { .arena = arena };
	int r = s3_sum(p->data, S3_MD5 | S3_SHA256 | S3_CRC32C, &sums);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "summing");
	if (s3_describe(p, &h, err) < 0 || add_sums(s, &sums, &h, err) < 0 ||
	    s3_condition(p, &h, err) < 0)
		return -1;
	struct s3_ask ask = { .method = "PUT",
			      .name = { p->bucket, p->name },
			      .headers = h.at,
			      .header_count = h.n,
			      .body = p->data,
			      .sha256 = sums.sha256 };
	struct s3_ours ours = { .bytes = p->data.n, .sums = &sums };
	if (s3_call(s, &ask, &answer, err) < 0)
		return -1;
	return judge(s, p, &ours, &answer, ret, err);
}

int s3_put(struct object_store *store, const struct object_put *p, struct object_upload **upload,
	   struct object_info *ret, struct err *err)
{
	struct s3_store *s = s3_of(store);
	if (p->data.n > s->piece_bytes)
		return s3_put_pieces(s, p, upload, ret, err);
	return put_whole(s, p, ret, err);
}
