/* mailing.h - from a record to a mail: subject, text, HTML, attachments, header fields
 *
 * What must hold: all of it is evaluated once; what is put together lies in the call's arena. */
#pragma once
#include "connectors/mail/addressees.h"

struct mailing_options {
	struct jq *from, *to, *cc, *bcc, *reply_to, *text, *html, *attach;
	struct tpl *subject;
	struct opt_map headers; /* v: struct tpl *[] */
};

/* Lines of an option table. */
#define MAILING_ADDRESS(T, member, field, doc_, ...)                                  \
	OPT(#field, T, member.field, OPT_JQ, struct jq *, .literal = address_literal, \
	    __VA_ARGS__.doc = doc_)
#define MAILING_OPTIONS(T, member)                                                               \
	MAILING_ADDRESS(T, member, from,                                                         \
			"who it is from: News <news@example.org>, or jq that gives an address. " \
			"Not given: the user of the server's URL, if that is an address"),       \
		MAILING_ADDRESS(T, member, to,                                                   \
				"who gets it: ada@example.org, .email, "                         \
				"{name: .name, email: .email}, or a list of these"),             \
		MAILING_ADDRESS(T, member, cc,                                                   \
				"who gets it, too, as everybody may see: .boss, or as in `to`"), \
		MAILING_ADDRESS(T, member, bcc,                                                  \
				"who gets it without the others seeing it: as in `to`"),         \
		MAILING_ADDRESS(T, member, reply_to,                                             \
				"where answers go, if not to `from`: desk@example.org, or jq"),  \
		OPT("subject", T, member.subject, OPT_TEMPLATE, struct tpl *, .required = true,  \
		    .names = true, .doc = "Your news of \\(.day)"),                              \
		OPT("text", T, member.text, OPT_JQ, struct jq *,                                 \
		    .doc = "the mail as plain text: .text. Not given: made from `html`; null: "  \
			   "HTML alone"),                                                        \
		OPT("html", T, member.html, OPT_JQ, struct jq *, .doc = "as HTML: .html"),       \
		OPT("attach", T, member.attach, OPT_JQ, struct jq *,                             \
		    .doc = "a blob, .pdf; or a list of blobs and of {blob or text, filename, "   \
			   "type, inline}; inline: logo is what the HTML names cid:logo"),       \
		OPT("headers", T, member.headers, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,   \
		    .doc = "more header fields: {List-Unsubscribe: '<https://example.org/"       \
			   "\\(.id)>'}; an empty one is left out")

void mailing_plan(const struct mailing_options *, struct diag *); /* in plan() */

struct mailing {
	struct mail mail; /* all but the Message-ID */
	struct addressees bcc;
};
/* sender: who it is from where no option says it; borrowed. */
MUST int mailing_ask(const struct mailing_options *, struct slice sender, struct call *,
		     struct mailing *ret, struct err *) SUSPENDS;
/* For people, and for tests: {"from", "to": [...], "subject", "text", ...}; what is not there is left out. */
MUST int mailing_put(const struct mailing *, struct buf *out);
struct digest;
void mailing_digest(const struct mailing *, struct digest *); /* all that a reader would see */
