/* smtp_call.h - one mail for each record: what the step and the sink share
 *
 * What must hold: `smtp:` in steps and in `to` means the same. */
#pragma once
#include "connectors/mail/mailing.h"
#include "io/smtp.h"

struct smtp_trust {
	const char *ca;
};
struct smtp_call {
	struct tpl *url;
	struct mailing_options mailing;
	int starttls, refused;
	struct smtp_trust *tls;
	bool insecure;
	char door[288]; /* set by plan: the server; empty while it hangs on a secret */
};
extern const char *const smtp_starttls[], *const smtp_refused[];
extern const struct opt smtp_trust_options[];

/* All lines of an option table. */
#define SMTP_CALL_OPTIONS                                                                          \
	OPT("smtp", struct smtp_call, url, OPT_TEMPLATE, struct tpl *, .verb = true,               \
	    .required = true, .secret = true, .at_plan = true,                                     \
	    .doc = "the mail server: $secret.SMTP_URL, which is smtp://user:password@host:587 or " \
		   "smtps://..."),                                                                 \
		MAILING_OPTIONS(struct smtp_call, mailing),                                        \
		OPT("refused", struct smtp_call, refused, OPT_ENUM, int, .words = smtp_refused,    \
		    .fallback = "dead",                                                            \
		    .doc = "one of several recipients is refused: dead, nobody gets it; send, "    \
			   "the others do"),                                                       \
		OPT("starttls", struct smtp_call, starttls, OPT_ENUM, int, .words = smtp_starttls, \
		    .fallback = "auto", .tuning = true,                                            \
		    .doc = "auto: required, but of a server on this machine"),                     \
		OPT("tls", struct smtp_call, tls, OPT_TABLE, struct smtp_trust *,                  \
		    .sub = smtp_trust_options, .sub_size = sizeof(struct smtp_trust),              \
		    .tuning = true, .doc = "a CA of one's own: {ca: FILE}"),                       \
		OPT("insecure", struct smtp_call, insecure, OPT_BOOL, bool, .tuning = true,        \
		    .doc = "do not check the server's certificate")

struct smtp_shared {
	struct smtp *client;
	char lane[320];   /* "smtp://host:587" */
	char sender[320]; /* the user of its URL, where `from` is not given */
};

int smtp_call_plan(void *options, struct facts *, struct diag *);
int smtp_call_open(struct site *, struct err *) SUSPENDS;
void smtp_call_close(struct site *) SUSPENDS;
int smtp_call_ask(struct site *, struct call *, struct err *) SUSPENDS;
void smtp_call_call(struct site *, struct call *) SUSPENDS;
