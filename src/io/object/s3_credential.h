/* s3_credential.h - who we are to S3: keys that were given, keys from a file, a role's keys that change, or nobody
 *
 * What must hold: (1) in the order of object.h; who named something that makes no sense hears of it, and nothing else is tried instead.
 *   (2) secret keys and session tokens stand in no message, and are wiped. */
#pragma once
#include "io/object.h"
#include "io/token.h"

enum s3_credential_kind { S3_ANONYMOUS, S3_KEYS, S3_CONTAINER, S3_INSTANCE };
struct s3_credential {
	enum s3_credential_kind kind;
	struct buf access_key, secret_key, session_token; /* S3_KEYS */
	struct buf url;                                   /* S3_CONTAINER: where its keys are */
	struct buf authorization; /* S3_CONTAINER: asked with; may be empty */
	const char *from;         /* how messages call it */
	bool shown;               /* a role has given keys before */
	struct token token;       /* roles: "access\nsecret\nsession" */
};
MUST int s3_credential_find(const struct object_store_options *, struct s3_credential *ret,
			    struct err *) SUSPENDS;
void s3_credential_done(struct s3_credential *);

/* What one call signs with: copies. */
struct s3_keys {
	struct buf text;
	struct slice access_key, secret_key, session_token; /* into text */
	uint64_t version;
};
void s3_keys_done(struct s3_keys *); /* AUTO */
MUST int s3_keys_get(struct s3_credential *, struct http_client *, const struct http_clocks *,
		     struct s3_keys *ret, struct err *) SUSPENDS;
/* They were refused as too old. True: there are others, or might be. */
bool s3_keys_refused(struct s3_credential *, const struct s3_keys *);

/* s3_role.c: a role's keys, as token_fetch has it. */
struct s3_asker {
	struct s3_credential *credential;
	struct http_client *http;
	const struct http_clocks *clocks;
};
MUST int s3_role_fetch(void *asker, struct buf *text, int64_t *life_ns, struct err *) SUSPENDS;
