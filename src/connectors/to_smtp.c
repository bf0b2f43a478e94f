/* to_smtp.c - each record goes out as a mail, and is delivered when the server has taken it
 *
 * What this room is for: `smtp:` as a sink: its words; mailing.c has the options of a mail, smtp_call.c does the work. In a run it is the
 *   last step: there is nothing to commit but the answer.
 * What flows through:    the record; of the answer only whether it was good. Delivered is said only on the 250 behind the message (I4).
 * What must hold:        see smtp_call.h. */
#include "base/banned.h"
#include "connectors/mail/smtp_call.h"

static const struct opt options[] = {
	SMTP_CALL_OPTIONS,
	OPT_END,
};

const struct port to_smtp = {
	.name = "smtp",
	.doc = "send each record as a mail, through a mail server (SMTP)",
	.more = "As the step of the same name; a record is delivered when the server has answered "
		"250 to "
		"its mail.\n"
		"\n"
		"    to:\n"
		"      smtp: $secret.SMTP_URL\n"
		"      from: News <news@example.org>\n"
		"      to: .email\n"
		"      subject: Your news of \\(.day)\n"
		"      text: .text\n"
		"      html: .html\n"
		"      attach: .pdf\n"
		"      rate: 14/s\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct smtp_call),
	.shared_size = sizeof(struct smtp_shared),
	.plan = smtp_call_plan,
	.open = smtp_call_open,
	.close = smtp_call_close,
	.ask = smtp_call_ask,
	.call = smtp_call_call,
};
