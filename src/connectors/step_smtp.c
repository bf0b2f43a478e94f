/* step_smtp.c - a mail for each record, through a mail server
 *
 * What this room is for: `smtp:` as a step: its words; mailing.c has the options of a mail, smtp_call.c does the work.
 * What flows through:    the record, and what the server said of the mail, which goes `into` it.
 * What must hold:        see smtp_call.h. */
#include "base/banned.h"
#include "connectors/mail/smtp_call.h"

static const struct opt options[] = {
	SMTP_CALL_OPTIONS,
	OPT_END,
};

const struct port step_smtp = {
	.name = "smtp",
	.doc = "send a mail for each record, through a mail server (SMTP)",
	.more = "A mail server (SMTP) is handed one mail for each record: text, HTML or both, with "
		"attachments out of blobs. Addresses are\n"
		"written as they are, or as jq; what a record says can never become another "
		"recipient or header field. The server's\n"
		"answer ($res.body) is {message_id, response, accepted: [...], refused: [{to, "
		"code, "
		"text}]}.\n"
		"\n"
		"A mail whose answer is lost may have been sent: it is dead with the class "
		"unknown_outcome, never sent again by itself,\n"
		"and its letter says the Message-ID to look for. It is the record's own: the same "
		"after any restart.\n"
		"\n"
		"A server that cannot be reached, or takes nothing from anybody, is waited for by "
		"all "
		"mails together, and no `retry` is used\n"
		"up: 15 minutes if it has not answered in this run yet, then they are dead letters "
		"(20 "
		"alike stop the run); an hour if it has,\n"
		"then the run stops and can go on. `retry: {within: 30m}` sets both.\n"
		"\n"
		"    steps:\n"
		"      - smtp: $secret.SMTP_URL\n"
		"        from: News <news@example.org>\n"
		"        to: {name: .name, email: .email}\n"
		"        subject: Your news of \\(.day)\n"
		"        html: .html\n"
		"        rate: 14/s\n"
		"        into: .sent\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct smtp_call),
	.shared_size = sizeof(struct smtp_shared),
	.plan = smtp_call_plan,
	.open = smtp_call_open,
	.close = smtp_call_close,
	.ask = smtp_call_ask,
	.call = smtp_call_call,
};
