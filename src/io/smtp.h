/* smtp.h - handing mails to a server (RFC 5321, 3207 STARTTLS, 4954 AUTH, 2920 PIPELINING, 1870 SIZE, 6152 8BITMIME, 6531 SMTPUTF8)
 *
 * What this room is for: one transaction on a connection that is kept for the next, with what the server said of each recipient.
 * What flows through:    an envelope and a message's bytes in; replies out.
 * Life cycle: a client is opened for one server (nothing is asked yet); smtp_send may be called by many tasks at once, each takes a connection
 *   that is at rest or makes one (greeting, EHLO, STARTTLS, AUTH); smtp_close says QUIT on those at rest, within a second.
 * What must hold:
 *  (1) nothing here retries, waits for a rate or logs. A connection at rest that the server has closed meanwhile (also by 421) is
 *      found out before DATA was sent, and a new one is made once, within the call.
 *  (2) err.sent says the truth: false until the last byte of the message's end (CR LF . CR LF) has left: until then no server may deliver it.
 *      After it, only a reply tells; a connection lost, a time-out, a cancellation, garbage between is err.sent = true: the engine makes it
 *      unknown_outcome.
 *  (3) a connection is used again only after a complete exchange; what broke off, timed out or was cancelled is closed. RSET, not a new
 *      connection, after a refused envelope.
 *  (4) a reply that is no is FAULT_SMTP with err.code the reply code: 4xx may pass, 5xx does not (fault_policy); the enhanced status code (RFC 3463) and the text are in the
 *      message, without credentials. After a no err.sent is false, also behind the message's end: who says no has not taken it. 421, and 4xx at the
 *      greeting, EHLO or AUTH, are of the server, not of the mail: err.whole is true, and the lane pauses. What fails before a connection is
 *      ready (refused, no such name, time-outs, TLS, a no to anything but AUTH) has err.away: no mail would have come further.
 *      Any 5xx to AUTH (535, 534, 538), 530 to MAIL and a server without TLS where it is required are FAULT_CONFIG, a refused certificate FAULT_CERTIFICATE.
 *  (5) credentials go over TLS only, unless `plain_auth`; after STARTTLS all that was said before is forgotten, and bytes that came
 *      behind its reply are FAULT_PROTOCOL (CVE-2011-0411).
 *  (6) no byte of data can be taken for a command: addresses are checked (mime.h), lines that begin with a dot are stuffed, a bare CR or LF in the message is
 *      FAULT_BAD_VALUE (SMTP smuggling). Replies are at most 64 KiB, lines 2,048 bytes. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/lang.h"
#include "base/slice.h"

struct http_guard;
enum smtp_tls {
	SMTP_TLS_REQUIRED, /* STARTTLS, or nothing is sent: the default but for loopback */
	SMTP_TLS_OFFERED, /* STARTTLS where it is offered: somebody between can take the offer away */
	SMTP_TLS_NEVER,
	SMTP_TLS_AT_ONCE, /* smtps:// (RFC 8314) */
};
struct smtp_options {
	struct slice host;
	uint16_t port; /* 0: 587; at once: 465 */
	enum smtp_tls tls;
	struct slice user, password; /* empty: none. AUTH PLAIN, LOGIN, CRAM-MD5 */
	struct slice bearer;         /* instead: OAUTHBEARER, XOAUTH2 */
	bool plain_auth, insecure;   /* insecure: any certificate */
	const char *ca_file;         /* NULL: the system's */
	/* Borrows; judges where `host` leads, should it come from data. NULL: anywhere. */
	const struct http_guard *guard;
	struct slice hello; /* what EHLO says; empty: the address literal of our end */
	int64_t connect_ns, reply_ns,
		data_ns;         /* clocks: 10 s, 60 s, 10 min (RFC 5321 4.5.3.2) when 0 */
	unsigned connections;    /* most at once; who comes then waits */
	unsigned per_connection; /* mails on one connection, then QUIT; 0: no limit */
};
struct smtp;
/* Copies what it keeps. "smtp://user:password@host:587", "smtps://..." are read by smtp_url(). */
MUST int smtp_open(const struct smtp_options *, struct smtp **ret, struct err *);
void smtp_close(struct smtp *) SUSPENDS; /* accepts NULL; no call is on the way */
/* Fills host, port, tls, user, password from a URL; decoded into `storage`. -1 with FAULT_CONFIG, never showing the password. tls is SMTP_TLS_NEVER for
 * smtp:// to loopback, and plain_auth set; else SMTP_TLS_REQUIRED. The slices live as long as url and storage. */
MUST int smtp_url(struct slice url, struct smtp_options *ret, struct buf *storage, struct err *);

enum smtp_fate { SMTP_NOT_ASKED, SMTP_ACCEPTED, SMTP_REFUSED, SMTP_REFUSED_FOR_NOW };
struct smtp_recipient {
	struct slice mailbox; /* borrows */
	enum smtp_fate fate;  /* of RCPT; out */
	int code;             /* 250, 550 */
	/* "5.1.1 no such user": one line of UTF-8, in smtp_outcome.storage. */
	struct slice text;
};
struct smtp_mail {
	struct slice from; /* the envelope's; empty: <> */
	struct smtp_recipient *to;
	size_t to_n;
	struct slice message; /* as mime.h makes it: lines end with CR LF */
	bool utf8;
	bool partial; /* send to those that were accepted; else one refused recipient, and RSET: nobody gets it */
};
struct smtp_outcome {
	int code;          /* of the message's end: 250 */
	struct slice text; /* "2.0.0 Ok: queued as 4Bxyz" */
	struct buf storage;
};
void smtp_outcome_done(struct smtp_outcome *); /* AUTO */
/* One transaction: MAIL, RCPT..., DATA in one write where the server pipelines. 0: the server has taken it (250 behind the end). -1 with *err; of
 * recipients refused without `partial`, or all of them: FAULT_SMTP with the first one's code (a 5xx before a 4xx). Fates, codes and *ret are filled in
 * either case: smtp_outcome_done. FAULT_TOO_LARGE: above the server's SIZE; FAULT_BAD_VALUE: an address, the message, or what needs SMTPUTF8 or
 * 8BITMIME where that is not offered; nothing was said then. */
MUST int smtp_send(struct smtp *, struct smtp_mail *, struct smtp_outcome *ret,
		   struct err *) SUSPENDS;
