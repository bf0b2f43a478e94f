/* mail.c - fuzz target: an address and a text, divided by a line feed; the text may be a server's replies
 *
 * What must hold: an address that is read is a mailbox, and reads the same when it is written with its name in quotation marks; a mail made of
 *   both has exactly the header fields that it should, lines of at most 998 bytes, and ASCII only; replies are taken whole, whatever pieces
 *   they come in, and what is shown of them is one line of UTF-8. */
#include "base/utf8.h"
#include "io/mail/address.h"
#include "io/mail/smtp_reply.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* "name" <mailbox> */
static void put_written(const struct mail_address *a, struct buf *out)
{
	ASSERT(buf_add_char(out, '"') == 0);
	for (size_t i = 0; i < a->name.n; i++) {
		if (a->name.p[i] == '"' || a->name.p[i] == '\\')
			ASSERT(buf_add_char(out, '\\') == 0);
		ASSERT(buf_add_char(out, a->name.p[i]) == 0);
	}
	ASSERT(buf_printf(out, "\" <%.*s>", SLICE(a->mailbox)) == 0);
}

static void check_again(const struct mail_address *a)
{
	AUTO(buf_done) struct buf text = { 0 }, storage = { 0 };
	struct mail_address again;
	struct err err = { 0 };
	ASSERT(mail_mailbox_check(a->mailbox, &err) == 0);
	put_written(a, &text);
	ASSERT(mail_address_parse(buf_slice(&text), &again, &storage, &err) == 0);
	ASSERT(slice_eq(again.name, a->name) && slice_eq(again.mailbox, a->mailbox));
}

/* How many header fields there are; their lines are looked at. */
static size_t count_fields(struct slice message, bool utf8)
{
	size_t fields = 0;
	struct slice line, rest = message;
	ASSERT(slice_ends(message, S("\r\n")));
	while (slice_cut(rest, '\n', &line, &rest)) {
		ASSERT(line.n > 0 && line.p[line.n - 1] == '\r' && line.n <= 999);
		line.n--;
		ASSERT(!memchr(line.p, '\r', line.n) && !memchr(line.p, 0, line.n));
		for (size_t i = 0; i < line.n; i++)
			ASSERT(utf8 || (unsigned char)line.p[i] < 0x80);
		if (line.n == 0)
			return fields;
		fields += line.p[0] != ' ';
	}
	ASSERT(false);
}

static void check_mail(const struct mail_address *a, struct slice text)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	struct mail_header header = { S("X-Note"), text };
	struct mail_part part = { .data = text, .filename = text };
	struct mail m = { .from = *a,
			  .to = a,
			  .to_n = 1,
			  .subject = text,
			  .text = S("x"),
			  .headers = &header,
			  .headers_n = 1,
			  .parts = &part,
			  .parts_n = 1,
			  .utf8 = mail_needs_utf8(a) };
	if (mail_put(&m, &out, &err) < 0) {
		ASSERT(err.fault == FAULT_BAD_VALUE && out.n == 0);
		return;
	}
	/* Date From To Subject X-Note MIME-Version Content-Type */
	ASSERT(count_fields(buf_slice(&out), m.utf8) == 7);
}

/* All at once, and byte by byte. */
static void check_replies(struct slice text)
{
	struct smtp_reply whole = { 0 }, pieces = { 0 };
	AUTO(buf_done) struct buf shown = { 0 };
	struct slice rest = text, one = { 0 };
	const char *why = NULL;
	smtp_reply_clear(&whole);
	smtp_reply_clear(&pieces);
	int r = smtp_reply_take(&whole, &rest, &why), piecewise = 0;
	ASSERT(r >= 0 || why);
	one.p = text.p;
	for (size_t i = 0; i < text.n && piecewise == 0; i++) {
		one.n++;
		piecewise = smtp_reply_take(&pieces, &one, &why);
	}
	ASSERT(r == piecewise || (r == 0 && piecewise < 0) || (r < 0 && piecewise < 0));
	if (r == 1) {
		ASSERT(whole.code == pieces.code &&
		       slice_eq(buf_slice(&whole.text), buf_slice(&pieces.text)));
		ASSERT(one.p == rest.p && one.n == 0);
		ASSERT(smtp_reply_put(&whole, &shown) == 0);
		ASSERT(utf8_valid(buf_slice(&shown)) && shown.n <= 1000);
		ASSERT(!shown.n ||
		       (!memchr(shown.p, '\n', shown.n) && !memchr(shown.p, '\r', shown.n)));
	}
	smtp_reply_done(&whole);
	smtp_reply_done(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice address, text, whole = { (const char *)bytes, n };
	AUTO(buf_done) struct buf storage = { 0 };
	struct mail_address a;
	struct err err = { 0 };
	check_replies(whole);
	slice_cut(whole, '\n', &address, &text);
	if (mail_address_parse(address, &a, &storage, &err) < 0) {
		ASSERT(err.fault == FAULT_BAD_VALUE);
		return 0;
	}
	check_again(&a);
	check_mail(&a, text);
	return 0;
}
