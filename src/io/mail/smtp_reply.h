/* smtp_reply.h - what a mail server answers, line by line (RFC 5321 section 4.2, RFC 2034)
 *
 *     250-mx.example.org greets you          "250" "-" text CR LF: more of this reply follows
 *     250-SIZE 10485760
 *     250 PIPELINING                         "250" " " text CR LF: its last line
 *
 * What must hold: (1) all lines of a reply have one code, of three digits, the first 2 to 5; anything else is -EBADMSG. (2) a line is at most
 *   SMTP_LINE_MAX bytes, a reply SMTP_REPLY_MAX. (3) what is behind the reply is not touched. (4) a line may end with LF alone: what a
 *   server says is shown, and never passed on to another. */
#pragma once
#include "base/buf.h"

#define SMTP_LINE_MAX  2048
#define SMTP_REPLY_MAX (64u << 10)

struct smtp_reply {
	int code;        /* 0: no line yet */
	size_t bytes;    /* of its lines */
	struct buf text; /* owns; behind the codes, lines end with LF; not checked */
};
void smtp_reply_clear(struct smtp_reply *);
void smtp_reply_done(struct smtp_reply *);

/* Takes whole lines from the front of *in. 1: the reply is complete; 0: more bytes are needed; -EBADMSG with *why (static). */
MUST int smtp_reply_take(struct smtp_reply *, struct slice *in, const char **why);
/* The text as it may be shown and kept: one line of valid UTF-8 without controls, the enhanced status code once, at most 1,000 bytes. */
MUST int smtp_reply_put(const struct smtp_reply *, struct buf *out);
bool smtp_reply_good(const struct smtp_reply *); /* 2xx */
bool smtp_reply_no(const struct smtp_reply *);   /* 4xx, 5xx */
