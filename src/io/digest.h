/* digest.h - SHA-256, for keys that outlive the process and meet strangers
 *
 * What must hold: (1) parts do not run together: each is added with its length, so ("ab", "c") and ("a", "bc") differ. (2) the same
 *   parts give the same digest on every machine and in every version: idempotency keys and remembered answers depend on it. */
#pragma once
#include "base/buf.h"

enum { DIGEST_BYTES = 32 };

struct digest { /* all zero is not one: digest_init */
	void *context_;
};
MUST int digest_init(struct digest *); /* 0, -ENOMEM */
void digest_add(struct digest *, struct slice part);
void digest_end(struct digest *, uint8_t ret[static DIGEST_BYTES]); /* and digest_done */
void digest_done(struct digest *);                                  /* AUTO; accepts an ended one */

/* 64 digits in lower case, for keys that are shown or sent. */
MUST int digest_put_hex(const uint8_t digest[static DIGEST_BYTES], struct buf *out);
