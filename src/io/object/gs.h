/* gs.h - what the files of the Google Cloud Storage store share: the store, one call, what an answer says
 *
 * What must hold: every request of this room goes through gs_call, which adds the token; every answer that is no success goes through
 *   gs_refusal, which quotes the service's own sentence. */
#pragma once
#include "io/object/gs_credential.h"
#include "io/token.h"

struct gs_dialect;

struct gs_store {
	struct object_store base; /* first */
	const struct gs_dialect *dialect;
	struct http_client *http; /* borrows */
	struct http_clocks clocks;
	struct buf endpoint; /* origin and, rarely, a path; no '/' at its end */
	uint64_t piece_bytes;
	struct gs_credential credential;
	struct token token;
};
static inline struct gs_store *gs_of(struct object_store *s)
{
	return (struct gs_store *)(void *)s;
}

/* An object, as messages name it. */
struct gs_name {
	struct slice bucket, name;
};
#define GS_NAME(n) SLICE((n).bucket), SLICE(slice_head((n).name, 200))
#define GS_SHOWN   "gs://%.*s/%.*s"

/* ---- gs_call.c ---- */
/* http_exchange with the token, renewed once on a 401; what the URL carries behind '?' is not in messages. At most GS_HEADERS headers. */
enum { GS_HEADERS = 40 };
MUST int gs_call(struct gs_store *, const struct http_request *, struct http_response *ret,
		 struct err *) SUSPENDS;
/* FAULT_STATUS with the status, Retry-After and the service's sentence. -1. */
int gs_refusal(const struct gs_name *, const struct http_response *, struct err *);
/* A question whose answer is 200, or a refusal. */
MUST int gs_ask(struct gs_store *, const char *method, struct slice url, const struct gs_name *,
		struct http_response *ret, struct err *) SUSPENDS;

/* ---- gs_json.c, gs_xml.c: the two languages that the service speaks ---- */
struct gs_dialect {
	/* The answer, whatever its status: of a whole put, of the request that opens a session (its Location). */
	int (*put_at_once)(struct gs_store *, const struct object_put *, uint32_t crc,
			   struct http_response *ret, struct err *) SUSPENDS;
	int (*open_upload)(struct gs_store *, const struct object_put *, uint32_t crc,
			   struct http_response *ret, struct err *) SUSPENDS;
	/* What the answer to an upload's last byte says of the object. */
	int (*read_made)(struct gs_store *, const struct gs_name *, const struct http_response *,
			 struct object_info *ret, struct err *) SUSPENDS;
	/* It ends behind a '?', so that gs_put_query can follow. */
	int (*put_media_url)(const struct gs_store *, const struct gs_name *, struct buf *out,
			     struct err *);
	int (*stat_named)(struct gs_store *, const struct gs_name *, struct object_info *ret,
			  struct err *) SUSPENDS;
	int (*list_page)(struct gs_store *, const struct object_list *, struct object_page *ret,
			 struct err *) SUSPENDS;
};
extern const struct gs_dialect gs_json; /* tokens */
extern const struct gs_dialect gs_xml;  /* HMAC keys */
/* "&key=value"; an empty value: nothing. */
MUST int gs_put_query(struct buf *url, const char *key, struct slice value);

/* ---- gs_answer.c ---- */
#define GS_FIELDS "bucket,name,size,contentType,etag,generation,updated,md5Hash,crc32c"
/* One object's resource. FAULT_PROTOCOL when it makes no sense. */
MUST int gs_read_object(struct slice json, struct object_info *ret, struct err *);
/* A list's: objects in order, the next page's token. */
MUST int gs_read_page(struct slice json, const struct object_list *, struct object_page *ret,
		      struct err *);
/* Is what the service keeps what we have: bytes and a checksum? FAULT_TRUNCATED with both, FAULT_PROTOCOL when it says no checksum. */
MUST int gs_prove(const struct gs_name *, const struct object_info *, uint64_t bytes, uint32_t crc,
		  struct err *);

/* ---- gs_put.c, gs_resume.c ---- */
struct gs_upload {
	struct buf session; /* its URL, which is a credential; empty: none */
	uint64_t arrived;   /* bytes that the service said it keeps */
	bool doubted;       /* an attempt ended without its answer: ask before sending */
	bool summed;
	uint32_t crc;
};
static inline struct gs_upload *gs_upload_of(struct object_upload *u)
{
	return (struct gs_upload *)(void *)u;
}
MUST int gs_put(struct object_store *, const struct object_put *, struct object_upload **,
		struct object_info *, struct err *) SUSPENDS;
void gs_forget(struct object_store *, struct object_upload *) SUSPENDS;
/* The whole of a put that goes in pieces. */
MUST int gs_resume(struct gs_store *, const struct object_put *, struct gs_upload *,
		   struct object_info *ret, struct err *) SUSPENDS;
void gs_session_forget(struct gs_store *, struct gs_upload *) SUSPENDS;
struct slice gs_type_of(const struct object_put *); /* the media type */
/* An answer that is no success, or whose object is another. */
int gs_upload_refusal(const struct object_put *, const struct http_response *, struct err *);

/* ---- gs_read.c ---- */
/* What the head of an answer says of the object. */
MUST int gs_read_head(const struct http_response *, const struct gs_name *, struct object_info *ret,
		      struct err *);
MUST int gs_get(struct object_store *, const struct object_get *, struct buf *,
		struct object_info *, struct err *) SUSPENDS;
MUST int gs_stat(struct object_store *, struct slice bucket, struct slice name,
		 struct object_info *, struct err *) SUSPENDS;
/* 32 digits; of many bytes on a thread. */
MUST int gs_put_md5(struct slice bytes, struct buf *out) SUSPENDS;
MUST int gs_list(struct object_store *, const struct object_list *, struct object_page *,
		 struct err *) SUSPENDS;
