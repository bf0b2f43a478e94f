/* mend.h - what strangers write and XML forbids, put right before the parser sees it
 *
 * What this room is for: browsers and other readers take a naked '&' or a byte of Windows-1252; a feed with one shall not lose what is behind it.
 * Life cycle: { 0 } with `kind` set, mend_add as bytes come (the last with `last`), mend_done.
 * What flows through:    bytes in; the same out, but for:
 *
 *     a byte that is not UTF-8            the character of Windows-1252
 *     a character that is cut short       U+FFFD
 *     control characters, also as &#1;    left out
 *     '&' that begins no reference        &amp;    (and that of a name that HTML has not, unless there is a DOCTYPE)
 *     &rsquo; &#146;                      &#8217;
 *     '<' before a blank, digit, sign     &lt;
 *     "]]>" outside of CDATA              ]]&gt;
 *     what comments and <?...?> say       blanks
 *
 * What must hold:
 *  (1) what is well-formed means the same behind it. (2) a line stays the same line; columns behind a mended place move.
 *  (3) no more is held back than MEND_HELD bytes; a byte in gives at most five out. (4) the same, in whatever pieces it comes. */
#pragma once
#include "base/buf.h"

enum { MEND_HELD = 40 };
enum mend_kind {
	MEND_UTF8,
	MEND_WINDOWS, /* Windows-1252, which is what ISO 8859-1 means as well */
	MEND_ASCII,   /* another encoding above 127: those bytes are left as they are */
	MEND_NOTHING, /* another encoding altogether */
};
struct mend {
	enum mend_kind kind;
	bool only_bytes; /* it is no XML */
	enum mend_place {
		MEND_IN_TEXT, /* and tags */
		MEND_IN_CDATA,
		MEND_IN_COMMENT,
		MEND_IN_INSTRUCTION,
	} place;
	bool doctype; /* there is one */
	int error;    /* -ENOMEM */
	struct buf held;
};
void mend_done(struct mend *);
/* Appends to out. 0, -ENOMEM. */
MUST int mend_add(struct mend *, struct slice bytes, bool last, struct buf *out);
/* Makes blanks of what stands before the document: blanks, a second byte order mark, what PHP warns of. */
void mend_head(struct buf *head);
/* Where a document could begin: "<?xml", or else a feed's root. NULL: nowhere. */
const char *mend_find_start(struct slice head);
