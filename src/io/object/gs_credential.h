/* gs_credential.h - who we are to Google: a key file, a user's grant, the machine itself, or nobody
 *
 * What must hold: (1) a credential that makes no sense is FAULT_CONFIG with the place it came from and what is missing in it, before
 *   anything is asked. (2) keys and refresh tokens never stand in a message. */
#pragma once
#include "io/object/jwt.h"
#include "io/object/store.h"

enum gs_credential_kind {
	GS_ANONYMOUS,       /* nothing is proven: emulators, public buckets */
	GS_SERVICE_ACCOUNT, /* a key file: a signed statement for a token (RFC 7523) */
	GS_USER, /* what `gcloud auth application-default login` leaves: a refresh token (RFC 6749 section 6) */
	GS_METADATA, /* the machine's own service account, by the metadata server */
	GS_HMAC,     /* an access key and its secret: each request is signed */
};
struct gs_credential {
	enum gs_credential_kind kind;
	struct buf from; /* how messages call it: "key file '/etc/key.json'" */
	struct buf token_url;
	struct buf email, key_id; /* service account */
	struct jwt_key *key;
	struct buf client_id, client_secret, refresh_token; /* user */
	struct buf access_key, secret_key;                  /* HMAC */
	bool chosen; /* somebody named it; else it is the last that was left to try */
};
/* In the order of object.h: text, file, GOOGLE_APPLICATION_CREDENTIALS, gcloud's own file, the metadata server. */
MUST int gs_credential_find(const struct object_store_options *, struct gs_credential *ret,
			    struct err *) SUSPENDS;
void gs_credential_done(struct gs_credential *);

/* A token for it, as token_fetch has it; `http` and `clocks` are those of the calls. */
struct gs_asker {
	const struct gs_credential *credential;
	struct http_client *http;
	const struct http_clocks *clocks;
	bool before; /* it has given a token before */
};
MUST int gs_token_fetch(void *asker, struct buf *text, int64_t *life_ns, struct err *) SUSPENDS;
