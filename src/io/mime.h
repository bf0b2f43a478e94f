/* mime.h - a mail as bytes: header fields and a body of parts (RFC 5322, 2045-2047, 2183, 2231, 6532)
 *
 * What this room is for: what a person reads in a mail program: subject, text, HTML, pictures within it, attachments.
 * What flows through:    UTF-8 text and blobs in; lines of at most 998 bytes that end with CR LF out, 7-bit unless `utf8`.
 *
 *     multipart/mixed                with attachments
 *       multipart/related            with pictures that the HTML names by cid:
 *         multipart/alternative      with text and HTML
 *
 * What must hold:
 *  (1) no value can begin another header field or the body: CR, LF and NUL in one are FAULT_BAD_VALUE, and name the field.
 *  (2) the same message gives the same bytes, always: boundaries are made from the content, date and Message-ID are given.
 *  (3) what is put is read back as it was by other people's readers (Python's email, mutt's, Gmail's): checked against Python's. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/lang.h"

/* ---- addresses ---- */
struct mail_address {         /* borrows */
	struct slice name;    /* as people read it, UTF-8, unquoted; empty: none */
	struct slice mailbox; /* local@domain: what the envelope says */
};
/* "ada@example.org", "Ada Lovelace <ada@example.org>", '"Lovelace, Ada" <ada@example.org>'. Names are unquoted into `storage`. One address: a
 * list, a group, a route, a comment, controls, more than 254 bytes (64 before the @) are FAULT_BAD_VALUE with a sentence that shows the address. Domains in UTF-8
 * become A-labels (IDNA, io/mail/idna.h); a local part in UTF-8 is kept: mail_needs_utf8(). The slices lie in `text` or `storage`: who reads
 * several into one storage reserves MAIL_ADDRESS_ROOM for all of them first, since growing moves what is there. */
#define MAIL_ADDRESS_ROOM(text) ((text).n + 256)
MUST int mail_address_parse(struct slice text, struct mail_address *ret, struct buf *storage,
			    struct err *);
bool mail_needs_utf8(const struct mail_address *); /* SMTPUTF8 (RFC 6531) */

/* ---- messages ---- */
struct mail_header {
	struct slice name, value; /* value: UTF-8, encoded here (RFC 2047) where it must be */
};
struct mail_part {
	struct slice data;
	/* Media type; empty, multipart/ and message/, which must not be encoded: application/octet-stream. */
	struct slice type;
	struct slice filename; /* UTF-8; empty: none */
	/* Without <>: shown within the HTML (inline), if there is any. Empty: an attachment. */
	struct slice content_id;
};
struct mail {                                       /* all borrowed */
	struct mail_address from, sender, reply_to; /* mailbox empty: none; from is required */
	const struct mail_address *to, *cc;
	size_t to_n, cc_n; /* both 0: "undisclosed-recipients:;" */
	struct slice subject;
	struct slice message_id; /* without <>; empty: the server makes one */
	int64_t date_ns;         /* wall clock, written in UTC */
	/* UTF-8; at least one. CR, LF and CR LF end a line alike, and the last line gets an end. */
	struct slice text, html;
	const struct mail_part *parts;
	size_t parts_n;
	/* List-Unsubscribe, X-..., In-Reply-To; those that are made here are refused. */
	const struct mail_header *headers;
	size_t headers_n;
	bool utf8; /* addresses as they are, in header fields of UTF-8: for servers with SMTPUTF8 */
};
/* All that mail_put would refuse, but for its size. */
MUST int mail_check(const struct mail *, struct err *);
/* Appends the message; the same bytes each time. 0, or -1 with FAULT_BAD_VALUE, FAULT_TOO_LARGE (out->max). */
MUST int mail_put(const struct mail *, struct buf *out, struct err *);
