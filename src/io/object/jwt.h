/* jwt.h - a signed statement of who asks (RFC 7519, RS256 of RFC 7518), as token servers take it from service accounts (RFC 7523)
 *
 * What must hold: the key is only ever in OpenSSL's memory; what is signed is exactly what is sent. */
#pragma once
#include "base/buf.h"

struct jwt_key; /* RSA, private */

/* From PEM text (PKCS #8 or PKCS #1, not encrypted). NULL with *why, static text: "not a PEM private key", "not an RSA key". */
struct jwt_key *jwt_key_new(struct slice pem, const char **why);
void jwt_key_free(struct jwt_key *); /* accepts NULL */
void jwt_key_freep(struct jwt_key **);

/* header.claims.signature, each in base64url without padding. key_id empty: not said. claims: JSON text. 0, -ENOMEM, -EIO: OpenSSL does not. */
MUST int jwt_put(const struct jwt_key *, struct slice key_id, struct slice claims, struct buf *out);
