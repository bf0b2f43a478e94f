/* db_base64.h - base64 (RFC 4648, section 4) for bytes in JSON */
#pragma once
#include "base/buf.h"

MUST int db_base64_put(struct slice bytes, struct buf *out); /* with padding */
/* -EBADMSG: not base64; blanks are not allowed, padding may be missing. Nothing is added then. */
MUST int db_base64_read(struct slice text, struct buf *out);
