/* s3_upload.h - a large object on its way: what s3_multipart.c has its attempts remember, and s3_parts.c read and write of it */
#pragma once
#include "io/object/s3.h"

struct s3_part {
	struct buf etag; /* as the service gave it; empty: not there yet */
	uint8_t md5[MD5_BYTES];
	uint32_t crc32c;
	bool summed; /* both are known */
};
struct s3_upload {
	struct buf bucket, name;
	struct buf id; /* empty: not begun, or over */
	size_t piece, n;
	struct s3_part *parts;
	bool doubted;    /* an attempt ended in the middle of a part: the service may have it */
	bool completing; /* the last question may have been answered unheard */
};
static inline struct s3_upload *s3_upload_of(struct object_upload *u)
{
	return (struct s3_upload *)(void *)u;
}
/* The bytes of part i. */
struct slice s3_part_bytes(const struct s3_upload *, const struct object_put *, size_t i);

/* MD5 of the parts' MD5s, which are summed where they are not yet. */
MUST int s3_parts_sum(struct s3_upload *, const struct object_put *, uint8_t ret[static MD5_BYTES],
		      struct err *) SUSPENDS;
/* What the service has of it becomes part of the upload. 0, or -1; *ret_gone: it does not know the upload any more. */
MUST int s3_parts_ask(struct s3_store *, const struct object_put *, struct s3_upload *,
		      bool *ret_gone, struct err *) SUSPENDS;
/* <CompleteMultipartUpload>..., with the parts' CRC-32C or without. */
MUST int s3_parts_put(const struct s3_upload *, bool with_crc, struct buf *out);
/* "partNumber=3&uploadId=..."; part 0: without a number. */
MUST int s3_upload_query(const struct s3_upload *, size_t part, struct buf *out);
