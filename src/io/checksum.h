/* checksum.h - MD5, SHA-256 and HMAC as object stores, their signatures and those of hooks want them
 *
 * What must hold: (1) bytes are hashed as they are, unlike io/digest.h, whose parts carry their length. (2) MD5 is for what services
 *   compare (Content-MD5, ETag), never for what must not be forged. */
#pragma once
#include "base/buf.h"

enum { MD5_BYTES = 16, SHA256_BYTES = 32 };

struct checksum { /* all zero is not one: checksum_init */
	void *context_;
};
enum checksum_kind { CHECKSUM_MD5, CHECKSUM_SHA256 };
MUST int checksum_init(struct checksum *, enum checksum_kind); /* 0, -ENOMEM */
void checksum_add(struct checksum *, struct slice);
void checksum_end(struct checksum *,
		  uint8_t *ret);       /* as many bytes as its kind has; and checksum_done */
void checksum_done(struct checksum *); /* AUTO; accepts an ended one */

void checksum_md5(struct slice, uint8_t ret[static MD5_BYTES]);
void checksum_sha256(struct slice, uint8_t ret[static SHA256_BYTES]);
void checksum_hmac(struct slice key, struct slice text, uint8_t ret[static SHA256_BYTES]);
/* What senders of all kinds sign with. How many bytes it has. */
enum hmac_kind { HMAC_SHA256, HMAC_SHA512, HMAC_SHA1 };
enum { HMAC_BYTES_MAX = 64 };
size_t checksum_hmac_of(enum hmac_kind, struct slice key, struct slice text,
			uint8_t ret[static HMAC_BYTES_MAX]);
/* Takes as long wherever they differ: for what must not be guessed. That lengths differ is no secret. */
bool checksum_same(struct slice, struct slice);
/* Digits in lower case. */
MUST int checksum_put_hex(const uint8_t *bytes, size_t n, struct buf *out);
