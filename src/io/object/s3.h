/* s3.h - what the files of the S3 store share: the store, one call, what an answer says
 *
 * What must hold: every request of this room goes through s3_call, which places, signs and corrects it; every answer that is no success
 *   goes through s3_refuse, which quotes the service's own words without anything secret in them. */
#pragma once
#include "base/arena.h"
#include "io/checksum.h"
#include "io/object/s3_credential.h"
#include "io/object/sigv4.h"
#include "io/object/store.h"

struct s3_region { /* of a bucket that is elsewhere, as the service said */
	struct s3_region *next;
	struct buf bucket, region;
};
struct s3_store {
	struct object_store base; /* first */
	struct http_client *http; /* borrows */
	struct http_clocks clocks;
	struct buf endpoint; /* "https://host:port/path" without '/' at its end; empty: AWS's own */
	bool own_hosts;      /* at the endpoint, buckets are in the host */
	struct buf region;
	uint64_t piece_bytes;
	struct s3_credential credential;
	int64_t skew_ns; /* their clock, from ours */
	struct s3_region *regions;
	size_t region_count;
};
static inline struct s3_store *s3_of(struct object_store *s)
{
	return (struct s3_store *)(void *)s;
}
/* Its own service: checksums are kept with the objects there. Others refuse headers that they do not know. */
static inline bool s3_is_aws(const struct s3_store *s)
{
	return s->endpoint.n == 0;
}

/* An object, as messages name it. */
struct s3_name {
	struct slice bucket, name;
};
#define S3_NAME(n) SLICE((n).bucket), SLICE(slice_head((n).name, 200))
#define S3_SHOWN   "s3://%.*s/%.*s"

/* ---- s3_place.c ---- */
struct s3_place { /* in the caller's arena */
	struct slice url, host, path;
};
/* Where the bucket is: in its own host at AWS, in the path elsewhere and with dots in its name. */
MUST int s3_place(const struct s3_store *, const struct s3_name *, struct slice query,
		  struct arena *, struct s3_place *ret, struct err *);
struct slice s3_region_of(const struct s3_store *, struct slice bucket);
bool s3_is_region(struct slice);
/* True: that is news. Only what can be part of a host name is taken. */
bool s3_region_set(struct s3_store *, struct slice bucket, struct slice region);
void s3_regions_done(struct s3_store *);

/* ---- s3_call.c ---- */
enum { S3_HEADERS = 32 }; /* of an ask */
struct s3_ask {
	const char *method;
	struct s3_name name;
	struct slice query; /* encoded */
	const struct http_header *headers;
	size_t header_count;
	struct slice body;
	const uint8_t *sha256; /* of the body; NULL: it is short, and summed here */
	http_room *room;
	void *room_arg;
	uint64_t max_bytes;
	bool once; /* sending it twice makes two */
};
struct s3_answer {
	struct http_response http;
	char code[64], message[200]; /* of a refusal; empty: it did not say */
};
void s3_answer_done(struct s3_answer *); /* AUTO */
/* The answer, whatever its status; corrected once each: the region, the clock, the role's keys. */
MUST int s3_call(struct s3_store *, const struct s3_ask *, struct s3_answer *ret,
		 struct err *) SUSPENDS;
/* The class, the status and the words of an answer that is no success. -1. */
int s3_refuse(const struct s3_name *, const struct s3_answer *, struct err *);
/* <Error> in the body of an answer with status 200 becomes its code and message: true. */
bool s3_answer_is_error(struct s3_answer *);

/* ---- s3_info.c ---- */
struct s3_sums {
	uint8_t md5[MD5_BYTES], sha256[SHA256_BYTES];
	uint32_t crc32c;
};
/* Of much data on a thread; only those that are asked for. 0, -ECANCELED. */
enum { S3_MD5 = 1, S3_SHA256 = 2, S3_CRC32C = 4 };
MUST int s3_sum(struct slice, unsigned which, struct s3_sums *ret) SUSPENDS;
/* What the headers say of an object. `bytes`: of its body. */
MUST int s3_read_headers(const struct s3_name *, const struct http_response *, uint64_t bytes,
			 struct object_info *ret, struct err *);
/* An ETag without its quotes and "W/". */
struct slice s3_etag(struct slice);
/* Do size and checksums say that it is this? 1, 0; -1: they cannot tell. parts_md5: the MD5 of our pieces' MD5s, and how many. */
struct s3_ours {
	uint64_t bytes;
	const struct s3_sums *sums;
	const uint8_t *parts_md5;
	size_t parts;
};
int s3_compare(const struct object_info *, const struct s3_ours *);

/* ---- s3_put.c ---- */
/* Headers of a new object: type and the rest, metadata. In the arena. */
struct s3_headers {
	struct http_header at[S3_HEADERS];
	size_t n;
	struct arena *arena;
};
MUST int s3_header_add(struct s3_headers *, const char *name, struct slice value, struct err *);
MUST int s3_describe(const struct object_put *, struct s3_headers *, struct err *);
MUST int s3_condition(const struct object_put *, struct s3_headers *, struct err *);
/* After 412 or 409, or when an answer was lost: what stands there decides. */
MUST int s3_settle(struct s3_store *, const struct object_put *, const struct s3_ours *,
		   const struct s3_answer *, struct object_info *ret, struct err *) SUSPENDS;
MUST int s3_put(struct object_store *, const struct object_put *, struct object_upload **,
		struct object_info *, struct err *) SUSPENDS;

/* ---- s3_multipart.c ---- */
MUST int s3_put_pieces(struct s3_store *, const struct object_put *, struct object_upload **,
		       struct object_info *, struct err *) SUSPENDS;
void s3_forget(struct object_store *, struct object_upload *) SUSPENDS;

/* ---- s3_read.c, s3_list.c ---- */
MUST int s3_get(struct object_store *, const struct object_get *, struct buf *,
		struct object_info *, struct err *) SUSPENDS;
MUST int s3_stat(struct object_store *, struct slice bucket, struct slice name,
		 struct object_info *, struct err *) SUSPENDS;
MUST int s3_list(struct object_store *, const struct object_list *, struct object_page *,
		 struct err *) SUSPENDS;
