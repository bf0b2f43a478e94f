/* mime.c - tests of src/io/mail/mime*.c and address.c where bytes must be exactly so; what people's programs read is tests/e2e/test_mime.py */
#include "check.h"
#include <errno.h>
#include "io/mail/address.h"
#include "io/mail/smtp_reply.h"

static struct mail a_mail(const struct mail_address *to)
{
	return (struct mail){ .from = { S("News"), S("news@example.org") },
			      .to = to,
			      .to_n = 1,
			      .subject = S("Gr\303\274\303\237e"),
			      .message_id = S("1.2@example.org"),
			      .date_ns = INT64_C(1795508781) * 1000000000,
			      .text = S("Hi\n.\n") };
}

TEST(a_mail_is_these_bytes)
{
	struct mail_address to = { S("Lovelace, Ada"), S("ada@example.org") };
	struct mail_part picture = { S("\0\1\2"), S("image/png"), S("a b.png"), S("logo") };
	struct mail_header header = { S("List-Id"), S("<news.example.org>") };
	struct mail m = a_mail(&to);
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	m.html = S("<img src=cid:logo>");
	m.parts = &picture;
	m.headers = &header;
	m.parts_n = m.headers_n = 1;
	CHECK_INT(mail_put(&m, &out, &err), 0);
	CHECK_STR(
		out.p,
		"Date: Tue, 24 Nov 2026 08:26:21 +0000\r\n"
		"From: News <news@example.org>\r\n"
		"To: \"Lovelace, Ada\" <ada@example.org>\r\n"
		"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
		"Message-ID: <1.2@example.org>\r\n"
		"List-Id: <news.example.org>\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/related; type=\"multipart/alternative\";\r\n"
		" boundary=\"=_r44d9fe6be3c1cfd06519c0d0\"\r\n"
		"\r\n"
		"--=_r44d9fe6be3c1cfd06519c0d0\r\n"
		"Content-Type: multipart/alternative; boundary=\"=_a44d9fe6be3c1cfd06519c0d0\"\r\n"
		"\r\n"
		"--=_a44d9fe6be3c1cfd06519c0d0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"Hi\r\n"
		".\r\n"
		"\r\n"
		"--=_a44d9fe6be3c1cfd06519c0d0\r\n"
		"Content-Type: text/html; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"<img src=cid:logo>\r\n"
		"\r\n"
		"--=_a44d9fe6be3c1cfd06519c0d0--\r\n"
		"\r\n"
		"--=_r44d9fe6be3c1cfd06519c0d0\r\n"
		"Content-Type: image/png; name=\"a b.png\"\r\n"
		"Content-Disposition: inline; filename=\"a b.png\"\r\n"
		"Content-ID: <logo>\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"\r\n"
		"AAEC\r\n"
		"--=_r44d9fe6be3c1cfd06519c0d0--\r\n");
}

/* What does not fit leaves the buffer as it was, wherever it stops. */
TEST(a_ceiling)
{
	struct mail_address to = { S(""), S("ada@example.org") };
	struct mail m = a_mail(&to);
	AUTO(buf_done) struct buf whole = { 0 };
	struct err err = { 0 };
	CHECK_INT(mail_put(&m, &whole, &err), 0);
	for (size_t max = 1; max < whole.n + 1; max++) {
		AUTO(buf_done) struct buf out = { .max = max };
		CHECK_INT(buf_add_char(&out, 'x'), 0);
		CHECK_INT(mail_put(&m, &out, &err), -1);
		CHECK_STR(fault_name(err.fault), "too_large");
		CHECK_SLICE(buf_slice(&out), S("x"));
	}
	AUTO(buf_done) struct buf out = { .max = whole.n };
	CHECK_INT(mail_put(&m, &out, &err), 0);
}

/* Room for all of them was made: none moves when the next one is read. */
TEST(addresses_stay_where_they_are)
{
	static const char *const texts[] = { "\"a \\\"b\" <a@x.org>", "c@b\303\274cher.example",
					     "\"d\" e <f@b\303\274cher.example>", "g <g@x.org>" };
	static const char *const names[] = { "a \"b", "", "d e", "g" };
	static const char *const boxes[] = { "a@x.org", "c@xn--bcher-kva.example",
					     "f@xn--bcher-kva.example", "g@x.org" };
	struct mail_address a[4];
	AUTO(buf_done) struct buf storage = { 0 };
	struct err err = { 0 };
	size_t room = 0;
	for (size_t i = 0; i < 4; i++)
		room += MAIL_ADDRESS_ROOM(slice_str(texts[i]));
	CHECK_INT(buf_reserve(&storage, room), 0);
	const char *place = storage.p;
	for (size_t i = 0; i < 4; i++)
		CHECK_INT(mail_address_parse(slice_str(texts[i]), &a[i], &storage, &err), 0);
	CHECK(storage.p == place);
	for (size_t i = 0; i < 4; i++) {
		CHECK_SLICE(a[i].name, slice_str(names[i]));
		CHECK_SLICE(a[i].mailbox, slice_str(boxes[i]));
	}
	CHECK(a[3].name.p == texts[3]);
}

TEST(what_is_wrong_is_shown_without_its_controls)
{
	struct mail_address a;
	AUTO(buf_done) struct buf storage = { 0 };
	struct err err = { 0 };
	CHECK_INT(mail_address_parse(S("a@x.org\r\nBcc: b@y.org"), &a, &storage, &err), -1);
	CHECK_STR(err.text,
		  "'a@x.org\?\?Bcc: b@y.org' is no mail address: there is a control in it");
	CHECK(!mail_needs_utf8(&(struct mail_address){ .mailbox = S("a@x.org") }));
	CHECK(mail_needs_utf8(&(struct mail_address){ .mailbox = S("\xc3\xbc@x.org") }));
}

/* ---- replies ------------------------------------------------------------------------------------------- */

static void check_reply(const char *text, int want, int code, const char *shown, const char *rest)
{
	struct smtp_reply r = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	struct slice in = slice_str(text);
	const char *why = NULL;
	smtp_reply_clear(&r);
	CHECK_INT(smtp_reply_take(&r, &in, &why), want);
	CHECK(want >= 0 || why);
	if (want == 1) {
		CHECK_INT(r.code, code);
		CHECK_INT(smtp_reply_put(&r, &out), 0);
		CHECK_SLICE(buf_slice(&out), slice_str(shown));
		CHECK_SLICE(in, slice_str(rest));
	}
	smtp_reply_done(&r);
}

TEST(replies)
{
	check_reply("250 ok\r\n", 1, 250, "ok", "");
	check_reply("250 ok\r\n550 no\r\n", 1, 250, "ok", "550 no\r\n");
	check_reply("250-one\r\n250-two\r\n250 three\r\nx", 1, 250, "one two three", "x");
	check_reply("250\r\n", 1, 250, "", "");
	check_reply("250-a\r\n250\r\n", 1, 250, "a", "");
	check_reply("250 ok\n", 1, 250, "ok", "");
	check_reply("550-5.1.1 no such\r\n550 5.1.1 user\r\n", 1, 550, "5.1.1 no such user", "");
	check_reply("550-5.1.1 no\r\n550 5.7.1 x\r\n", 1, 550, "5.1.1 no 5.7.1 x", "");
	check_reply("550 5.1234.1 x\r\n", 1, 550, "5.1234.1 x", "");
	check_reply("550 \x1b[31m\xff\xc2\x9b\ta\xc3\xbc\r\n", 1, 550, "?[31m?? a\xc3\xbc", "");
	check_reply("250 ok", 0, 0, "", "");
	check_reply("250-ok\r\n", 0, 0, "", "");
	check_reply("", 0, 0, "", "");
	check_reply("250-ok\r\n251 ok\r\n", -EBADMSG, 0, "", "");
	check_reply("150 ok\r\n", -EBADMSG, 0, "", "");
	check_reply("650 ok\r\n", -EBADMSG, 0, "", "");
	check_reply("25 ok\r\n", -EBADMSG, 0, "", "");
	check_reply("250ok\r\n", -EBADMSG, 0, "", "");
	check_reply(" 250 ok\r\n", -EBADMSG, 0, "", "");
	check_reply("\r\n", -EBADMSG, 0, "", "");
}

static const struct test tests[] = {
	T(a_mail_is_these_bytes),
	T(a_ceiling),
	T(addresses_stay_where_they_are),
	T(what_is_wrong_is_shown_without_its_controls),
	T(replies),
};

int main(void)
{
	return RUN_TESTS(tests);
}
