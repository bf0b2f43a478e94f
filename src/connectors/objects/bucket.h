/* bucket.h - the store behind a place of a pipeline: its options, its credentials, its lane
 *
 * What this room is for: upload, download and objects reach a store in the same words.
 * What must hold:
 *  (1) credentials are evaluated into the store and nowhere else; they go to the endpoint, which the file alone names.
 *  (2) in `hocket test` every place has the one store in memory, whatever its options say. */
#pragma once
#include "connectors/objects/target.h"

struct bucket_options {
	struct tpl *endpoint, *credentials, *access_key, *secret_key, *session_token, *region;
	bool anonymous;
	uint64_t piece;
	char origin[288]; /* set by bucket_plan: the endpoint's; empty: the file does not say */
};
/* Lines of an option table. */
#define BUCKET_OPTIONS(T, member)                                                                \
	OPT("endpoint", T, member.endpoint, OPT_TEMPLATE, struct tpl *, .at_plan = true,         \
	    .doc = "another server that speaks the same protocol: http://localhost:9000; else "  \
		   "the service's own, or what STORAGE_EMULATOR_HOST, AWS_ENDPOINT_URL_S3 or "   \
		   "AWS_ENDPOINT_URL says"),                                                     \
		OPT("credentials", T, member.credentials, OPT_TEMPLATE, struct tpl *,            \
		    .secret = true, .at_plan = true, .tuning = true,                             \
		    .doc = "gs: the key file of a service account, or $secret.NAME with its "    \
			   "text; else GOOGLE_APPLICATION_CREDENTIALS, then the metadata "       \
			   "server"),                                                            \
		OPT("access_key", T, member.access_key, OPT_TEMPLATE, struct tpl *,              \
		    .secret = true, .at_plan = true, .tuning = true,                             \
		    .doc = "s3, and gs by HMAC keys: $secret.NAME; else AWS_ACCESS_KEY_ID, the " \
			   "shared credentials file, the machine's role"),                       \
		OPT("secret_key", T, member.secret_key, OPT_TEMPLATE, struct tpl *,              \
		    .secret = true, .at_plan = true, .tuning = true,                             \
		    .doc = "the secret that belongs to access_key"),                             \
		OPT("session_token", T, member.session_token, OPT_TEMPLATE, struct tpl *,        \
		    .secret = true, .at_plan = true, .tuning = true,                             \
		    .doc = "the token that belongs to a temporary access_key"),                  \
		OPT("region", T, member.region, OPT_TEMPLATE, struct tpl *, .at_plan = true,     \
		    .doc = "s3: else AWS_REGION, AWS_DEFAULT_REGION, us-east-1"),                \
		OPT("anonymous", T, member.anonymous, OPT_BOOL, bool, .tuning = true,            \
		    .doc = "nothing is signed: public buckets, emulators")
#define BUCKET_PIECE_OPTION(T, member)                                                          \
	OPT("piece", T, member.piece, OPT_SIZE, uint64_t, .tuning = true, .fallback = "8MB",    \
	    .doc = "a larger object is sent in pieces of this size: after a failure only what " \
		   "is missing is sent again")

/* In plan(). */
void bucket_plan(struct bucket_options *, const struct target *, struct facts *, struct diag *);

struct bucket { /* all zero is closed */
	struct object_store *store;
	bool owns;
	char *lane; /* owns: "https://host MARK"; NULL: it needs none */
	char *root; /* owns: of a folder, which its store's names count from; NULL: they count from nothing */
	enum object_kind kind;
};
MUST int bucket_open(struct bucket *, const struct bucket_options *, const struct target *,
		     const struct tpl *url, struct site *, struct err *) SUSPENDS;
void bucket_close(struct bucket *);
struct slice bucket_lane(const struct bucket *);
/* A URL's name as the store knows it. */
struct slice bucket_name(const struct bucket *, struct slice name);

/* What is known of an object, as JSON: {url, bucket, name, bytes, type, etag, generation, updated, md5, crc32c}; what the service did not say
 * is null. With `already`, what an upload found. */
MUST int bucket_put_about(const struct bucket *, const struct object_info *, bool already,
			  struct buf *out);
/* A call has failed: a status is an answer (`accept` may want it), everything else a fault. err borrows. */
void bucket_give_failure(struct call *, const struct err *);
