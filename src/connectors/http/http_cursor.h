/* http_cursor.h - one value that grows from record to record: a time, a number or a text
 *
 * What this room is for: comparing what APIs call "updated since", and going back from it.
 * What must hold: (1) a value has one kind, by its form alone. (2) values of one kind are totally ordered; of two kinds they are not
 *   compared. (3) what is asked from is never later than it should be: a time that is cut is cut downwards. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum cursor_kind { CURSOR_NONE, CURSOR_TIME, CURSOR_NUMBER, CURSOR_TEXT };
struct cursor {
	enum cursor_kind kind;
	int64_t ns;      /* CURSOR_TIME: the instant */
	struct buf json; /* owns: as it was written */
};
void cursor_done(struct cursor *);
const char *cursor_kind_name(enum cursor_kind); /* "a time" */

/* Of checked JSON text, into an empty one. 0; -EINVAL: it is no text and no number, or an empty text; or buf_add's errors. */
MUST int cursor_read(struct slice json, struct cursor *ret);
MUST int cursor_copy(const struct cursor *, struct cursor *ret);
/* Of one kind: < 0, 0, > 0. */
int cursor_compare(const struct cursor *, const struct cursor *);
/* What lies that long before it; whole numbers count seconds, from 1e11 on milliseconds. -EINVAL: it is neither a time nor a whole
 * number. Into an empty one. */
MUST int cursor_before(const struct cursor *, int64_t lag_ns, struct cursor *ret);
/* The whole second that it lies in; others as they are. For what far sides cut off, too. Into an empty one. */
MUST int cursor_floor(const struct cursor *, struct cursor *ret);
/* As it stands in a URL: a text without its quotes. */
MUST int cursor_put_text(const struct cursor *, struct buf *out);
