/* smtp_.h - what the rooms of the SMTP client share: the client, its connections, talking on one
 *
 *   smtp.c        the client: who gets which connection
 *   smtp_open.c   a connection from nothing: greeting, EHLO, STARTTLS
 *   smtp_auth.c   who we are
 *   smtp_mail.c   one mail on a connection
 *   smtp_talk.c   lines out, replies in, and what to say when that fails
 *   smtp_url.c    "smtp://..."; smtp_reply.c the replies */
#pragma once
#include "io/http/http_conn.h"
#include "io/http/http_pool.h"
#include "io/mail/smtp_reply.h"
#include "io/smtp.h"
#include "io/spare.h"
#include <hocket/sync.h>

enum smtp_extension {
	SMTP_PIPELINING = 1,
	SMTP_SIZE = 2,
	SMTP_8BITMIME = 4,
	SMTP_UTF8 = 8,
	SMTP_STARTTLS = 16,
	SMTP_AUTH = 32,
};
enum smtp_mechanism {
	SMTP_PLAIN = 1,
	SMTP_LOGIN = 2,
	SMTP_CRAM_MD5 = 4,
	SMTP_OAUTHBEARER = 8,
	SMTP_XOAUTH2 = 16,
};

struct smtp_conn {
	struct smtp_conn *below; /* at rest: the next older one */
	struct smtp *smtp;
	struct http_conn *wire;  /* owns */
	struct buf in;           /* owns; what came and is not yet part of a reply */
	struct smtp_reply reply; /* owns; the last one */
	unsigned extensions, mechanisms;
	struct slice secret;     /* borrows; while it is being said: not to be quoted */
	uint64_t size_most;      /* SIZE; 0: the server does not say */
	unsigned mails, replies; /* replies: of the transaction */
	int64_t rest_since_ns;
	bool broken; /* what is on its way is not known: nothing but to close it */
};

struct smtp {
	struct smtp_options options; /* its texts are copies */
	struct dns *dns;
	struct spare spare;
	struct http_pool pool; /* for the origin; connections rest in `resting` */
	struct http_origin *origin;
	struct tls_context *tls; /* NULL: not needed yet */
	struct http_clocks clocks;
	struct hk_sem places;
	struct smtp_conn *resting; /* the youngest first */
	size_t calls;
};

/* ---- smtp_open.c ---- */
MUST int smtp_conn_open(struct smtp *, struct smtp_conn **ret, struct err *) SUSPENDS;
void smtp_conn_close(struct smtp_conn *); /* accepts NULL, says nothing */

/* ---- smtp_auth.c ---- */
MUST int smtp_conn_auth(struct smtp_conn *, struct err *) SUSPENDS;

/* ---- smtp_mail.c ---- */
struct smtp_traits {    /* of a mail, found before anything is said */
	bool eight_bit; /* in its message */
	bool utf8;      /* needs SMTPUTF8 */
};
MUST int smtp_mail_check(const struct smtp_mail *, struct smtp_traits *ret, struct err *);
MUST int smtp_conn_mail(struct smtp_conn *, struct smtp_mail *, const struct smtp_traits *,
			struct smtp_outcome *, struct err *) SUSPENDS;

/* ---- smtp_talk.c: all mark the connection broken when they fail ---- */
/* Under the reply clock. `doing` completes "... while ": "sending commands". */
MUST int smtp_conn_write(struct smtp_conn *, struct slice, struct err *) SUSPENDS;
/* The next reply, any that is one: in conn->reply. A 421 is read, too, and breaks the connection. */
MUST int smtp_conn_read(struct smtp_conn *, int64_t clock_ns, struct err *) SUSPENDS;
/* A line (its CR LF is added) and its reply. */
MUST int smtp_conn_ask(struct smtp_conn *, struct slice line, struct err *) SUSPENDS;
/* The reply's text, appended; nothing, where it repeats a secret of ours. 0, or buf_add's errors. */
int smtp_conn_said(const struct smtp_conn *, struct buf *out);
/* -1: conn->reply is a no to `what` ("RCPT TO:<ada@example.org>"): FAULT_SMTP. What is neither yes nor no is FAULT_PROTOCOL, and breaks. */
int smtp_conn_refused(struct smtp_conn *, struct slice what, struct err *);
void smtp_conn_quit(struct smtp_conn *) SUSPENDS; /* says QUIT, waits a second for the answer */
