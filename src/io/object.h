/* io/object.h - objects in buckets: Google Cloud Storage, S3 and its kin, folders, and a bucket in memory for tests
 *
 * What this room is for: put, get, stat and list, behind one set of words, for connectors. Each store speaks its service's own protocol:
 *   gs    JSON API (storage.googleapis.com, STORAGE_EMULATOR_HOST): service accounts (RFC 7523), metadata server, HMAC keys by the XML API
 *   s3    REST, Signature Version 4, any endpoint, virtual-hosted or by path
 *   file  a folder: name.part, fsync, rename, fsync of the folder; nothing leaves the folder (openat2, RESOLVE_BENEATH)
 *   memory  what is put is there until the store is freed: `hocket test`
 * What flows through:    names and bytes in, what the service says of the object out.
 * Life cycle: a store is opened for one endpoint and one credential (nothing is asked yet) and serves any bucket; calls may be many at once;
 *   freed when none is on the way.
 * What must hold:
 *  (1) done is said on evidence only: the service's own count of bytes and its checksum equal ours. A difference is FAULT_TRUNCATED, and what
 *      was made is not left under the name where the service allows it (checksums are sent along, so that it refuses by itself).
 *  (2) nothing here retries, waits for a rate or logs. err.sent, err.code (status), err.retry_after_ns as for http.h. What a service says in
 *      its body (S3's <Code>, GCS's error.message) is in the message, without credentials, signatures and signed query keys.
 *  (3) a large object goes in pieces. What arrived is kept in object_upload: the next attempt asks what is there, and sends the rest.
 *  (4) an expired or refused token is renewed once within a call; a credential that is refused is FAULT_CONFIG, or the status 401/403 when the
 *      service does not tell it from a missing right.
 *  (5) credentials never stand in a URL, a message or a header of another origin. Names are encoded as one path; they never reach a host. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/lang.h"
#include "io/http.h"

/* ---- which object ---- */
enum object_kind { OBJECT_GS = 1, OBJECT_S3, OBJECT_FILE };
struct object_url {
	enum object_kind kind;
	struct slice bucket; /* empty for files */
	struct slice
		name; /* without the leading '/'; of a file: as an absolute path. May be empty: the bucket itself */
};
/* "gs://bucket/a/b.pdf", "s3://bucket/a", "file:///srv/a.pdf". Borrows from url; nothing is decoded. 0, or -1 with FAULT_BAD_VALUE: another
 * scheme, a bucket that no service would take (so that it cannot reach a host name), a NUL or control character, a name above 1,024 bytes,
 * "." or ".." as a segment. */
MUST int object_url_parse(struct slice url, struct object_url *ret, struct err *);

/* ---- stores ---- */
struct object_store;
struct object_store_options {
	enum object_kind kind;
	struct http_client *http; /* borrows; for files NULL */
	struct http_clocks clocks;
	/* gs, s3: "https://host[:port][/path]"; s3 also "https://{bucket}.host", for services that want buckets as hosts. Empty: STORAGE_EMULATOR_HOST (gs, then no credential is needed), AWS_ENDPOINT_URL_S3,
	 * AWS_ENDPOINT_URL, else the service's own. */
	struct slice endpoint;
	/* gs: path of a service account's key file, or of an authorized user's (JSON). NULL: GOOGLE_APPLICATION_CREDENTIALS, then what
	 * gcloud left (CLOUDSDK_CONFIG, ~/.config/gcloud), then the metadata server (GCE_METADATA_HOST). To an endpoint without TLS no
	 * credential goes that is not named here. */
	const char *credentials_file;
	struct slice credentials; /* gs: the key file's text itself, from a secret; empty: none */
	/* s3, and gs by HMAC keys. Empty: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; then ~/.aws/credentials (AWS_PROFILE,
	 * AWS_SHARED_CREDENTIALS_FILE); then the container's or the instance's role. */
	struct slice access_key, secret_key, session_token;
	struct slice region; /* s3. Empty: AWS_REGION, AWS_DEFAULT_REGION, us-east-1 */
	bool anonymous;      /* nothing is signed: public buckets */
	/* file: absolute. Names are relative to it, and what is put or read stays beneath it; no link below it is followed. */
	const char *root;
	uint64_t piece_bytes; /* objects above it go in pieces of this size; 0: 8 MiB */
};
/* Copies all that it keeps. 0, or -1 with FAULT_CONFIG: a credential that makes no sense (with its file and what is missing in it). */
MUST int object_store_open(const struct object_store_options *, struct object_store **ret,
			   struct err *) SUSPENDS;
/* A bucket of every name, in memory, with the rules of gs. */
MUST int object_store_open_memory(struct object_store **ret);
void object_store_free(struct object_store *); /* accepts NULL */
/* "https://storage.googleapis.com": the origin of its calls, for lanes; "" for files and memory. Lives as long as the store. */
struct slice object_store_origin(const struct object_store *);

/* ---- what a service says of an object ---- */
struct object_info { /* slices borrow from storage_ */
	struct slice bucket, name;
	uint64_t bytes;
	struct slice type; /* media type; empty: unknown */
	struct slice
		etag; /* as the service says it, without quotes; of a file: its MD5; empty: none */
	/* gs, memory: digits; s3: version id; of a file: another one whenever it was written; empty: none */
	struct slice generation;
	struct slice updated;     /* RFC 3339, UTC */
	struct slice md5, crc32c; /* lower-case hex digits; empty: the service did not say */
	bool already; /* put: nothing was written, an equal object (bytes and checksum) stood there */
	struct buf storage_;
};
void object_info_done(struct object_info *); /* AUTO; accepts zeroes */

/* ---- put ---- */
enum object_when {
	OBJECT_ALWAYS,   /* replaces what is there */
	OBJECT_IF_NEW,   /* ifGenerationMatch=0, If-None-Match: * */
	OBJECT_IF_MATCH, /* only over this generation (gs) or etag (s3) */
};
struct object_upload; /* what is on its way: sessions, pieces that arrived, checksums; outlives attempts */
struct object_put {
	struct slice bucket, name;
	struct slice data; /* borrows, the same bytes on every attempt */
	struct slice type; /* empty: application/octet-stream */
	struct slice cache_control, content_encoding, content_disposition,
		storage_class;              /* empty: not said */
	const struct http_header *metadata; /* names without x-goog-meta-, x-amz-meta- */
	size_t metadata_n;
	enum object_when when;
	struct slice match; /* OBJECT_IF_MATCH */
};
/* A precondition that fails (412, 409 on a race) is looked into: an object of equal bytes and checksum counts as delivered, `already`; else
 * FAULT_STATUS with code 412 and a sentence that says what stands there. */
MUST int object_put(struct object_store *, const struct object_put *, struct object_upload **,
		    struct object_info *ret, struct err *) SUSPENDS;
/* Forgets what was on its way, telling the service when that can be done at once (aborted multipart uploads cost storage). NULL is fine. */
void object_upload_free(struct object_store *, struct object_upload *) SUSPENDS;

/* ---- get, stat, list ---- */
struct object_get {
	struct slice bucket, name;
	struct slice generation; /* empty: the newest */
	http_room *room;         /* as in http.h; files and memory: head is NULL */
	void *room_arg;
	uint64_t max_bytes; /* 0: 64 MiB */
};
/* The whole object, its checksum proven where the service says one. *bytes is empty before; max_bytes becomes its ceiling. A missing one
 * is FAULT_STATUS with code 404. */
MUST int object_get(struct object_store *, const struct object_get *, struct buf *bytes,
		    struct object_info *ret, struct err *) SUSPENDS;
MUST int object_stat(struct object_store *, struct slice bucket, struct slice name,
		     struct object_info *ret, struct err *) SUSPENDS;
struct object_list {
	struct slice bucket, prefix;
	struct slice page; /* empty: the first; else what the page before it gave as next */
	unsigned most;     /* a page; 0: 1,000 */
};
struct object_page {
	struct object_info *objects; /* in the order of their names, as bytes */
	size_t n;
	struct buf next; /* empty: it was the last */
};
/* Of files: the regular ones, without md5 and etag; a root that is missing is FAULT_STATUS with code 404. */
MUST int object_list(struct object_store *, const struct object_list *, struct object_page *ret,
		     struct err *) SUSPENDS;
void object_page_done(struct object_page *); /* AUTO; accepts zeroes */
