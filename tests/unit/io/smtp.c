/* smtp.c - tests of src/io/mail/smtp.c, smtp_open.c, smtp_mail.c, smtp_talk.c: every reply at every place, told by rules to a server in the same loop
 *
 * The server (smtp_far.h) keeps what it took: what a test says of deliveries is the far side's count. */
#include "io/guard.h"
#include "smtp_scene.h"

TEST_IN_SIM(a_mail_is_taken, 20)
{
	struct scene s = { 0 };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.outcome.code, 250);
	CHECK_SLICE(s.outcome.text, S("2.0.0 queued"));
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.connections, 1);
	CHECK_INT(s.far.mails_n, 2);
	CHECK_SLICE(buf_slice(&s.far.mails[0].text), S(MESSAGE));
	scene_close(&s);
}

static void check_said(struct scene *s, const char *want)
{
	CHECK_SLICE(slice_trim(buf_slice(&s->far.said)), slice_str(want));
}

/* ---- what is said, and in how many writes ------------------------------------------------------------ */

/* On the kernel's sockets what was written at once comes at once. */
TEST_IN_LOOP(an_envelope_is_one_write)
{
	struct scene s = { 0 };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	check_said(&s, "/EHLO /MAIL RCPT DATA . /");
	scene_close(&s);
}

TEST_IN_LOOP(data_waits_where_a_refusal_would_forbid_it)
{
	struct scene s = { 0 };
	struct smtp_recipient to[] = { { .mailbox = S("a@x.org") }, { .mailbox = S("b@x.org") } };
	scene_open(&s);
	CHECK_INT(send_to(&s, to, 2, false), 0);
	CHECK_INT(send_to(&s, to, 2, true), 0);
	check_said(&s, "/EHLO /MAIL RCPT RCPT /DATA . /MAIL RCPT RCPT DATA . /");
	CHECK_SLICE(buf_slice(&s.far.mails[0].to), S("<a@x.org> <b@x.org> "));
	scene_close(&s);
}

TEST_IN_LOOP(a_server_without_pipelining_is_asked_one_by_one)
{
	struct scene s = { .far.offers = "" };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	check_said(&s, "/EHLO /MAIL /RCPT /DATA . /");
	CHECK_SLICE(buf_slice(&s.far.mails[0].from), S("<from@example.org>"));
	scene_close(&s);
}

TEST_IN_LOOP(an_old_server_is_greeted_in_the_old_way)
{
	static const struct rule rules[] = { { "EHLO", 0, "502 5.5.1 what?\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	check_said(&s, "/EHLO /HELO /MAIL /RCPT /DATA . /");
	scene_close(&s);
}

/* More recipients than commands that may wait for replies. */
TEST_IN_SIM(five_hundred_recipients, 5)
{
	static struct smtp_recipient to[500];
	struct scene s = { 0 };
	scene_open(&s);
	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		to[i] = (struct smtp_recipient){ .mailbox = S("somebody@example.org") };
	CHECK_INT(send_to(&s, to, ARRAY_SIZE(to), false), 0);
	CHECK_INT(s.far.mails_n, 1);
	CHECK_INT(s.far.times[far_place("RCPT")], 500);
	CHECK_SLICE(to[499].text, S("2.1.5 ok"));
	scene_close(&s);
}

/* ---- dots and blocks ------------------------------------------------------------------------------------- */

/* Lines of dots of all lengths, so that some dot begins a line at each place of a block. */
TEST_IN_SIM(dots_arrive_as_they_are, 3)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct scene s = { .far.offers = "250-PIPELINING\r\n" };
	struct smtp_recipient to = { .mailbox = S("a@x.org") };
	for (size_t i = 0; i < 900; i++) {
		for (size_t k = 0; k < i % 90; k++)
			CHECK_INT(buf_add_char(&text, '.'), 0);
		CHECK_INT(buf_add(&text, i % 7 == 0 ? S(".x\r\n") : S("\r\n")), 0);
	}
	struct smtp_mail m = { .to = &to, .to_n = 1, .message = buf_slice(&text) };
	scene_open(&s);
	CHECK_INT(smtp_send(s.smtp, &m, &s.outcome, &s.err), 0);
	CHECK_SLICE(buf_slice(&s.far.mails[0].text), buf_slice(&text));
	CHECK_SLICE(buf_slice(&s.far.mails[0].from), S("<>"));
	scene_close(&s);
}

static void check_message(const char *message, size_t n, const char *says) SUSPENDS
{
	struct scene s = { 0 };
	struct smtp_recipient to = { .mailbox = S("a@x.org") };
	struct smtp_mail m = { .to = &to, .to_n = 1, .message = { message, n } };
	scene_open(&s);
	CHECK_INT(smtp_send(s.smtp, &m, &s.outcome, &s.err), -1);
	CHECK_STR(fault_name(s.err.fault), "bad_value");
	CHECK(strstr(s.err.text, says) != NULL);
	CHECK_INT(s.far.connections, 0);
	scene_close(&s);
}

#define CHECK_MESSAGE(text, says) check_message((text), sizeof(text) - 1, (says))

TEST_IN_LOOP(no_message_can_end_another_way)
{
	static char longest[1100];
	CHECK_MESSAGE("", "is empty");
	CHECK_MESSAGE("a", "does not end with CR LF");
	CHECK_MESSAGE("a\r\nb\n", "does not end");
	CHECK_MESSAGE("a\n.\n\r\n", "line break that is not CR LF in line 1");
	CHECK_MESSAGE("a\r\nb\n.\r\nc\r\n", "line break that is not CR LF in line 2");
	CHECK_MESSAGE("a\r.\r\r\n", "line break that is not CR LF");
	CHECK_MESSAGE("a\0b\r\n", "a NUL in line 1");
	memset(longest, 'x', 999);
	memcpy(longest + 999, "\r\n", 2);
	check_message(longest, 1001, "998 at most");
}

TEST_IN_LOOP(no_address_can_be_a_command)
{
	static const char *const bad[] = {
		"a@x.org\r\nRCPT TO:<b@x.org>", "a@x.org> SIZE=1", "a@x.org\n", "a b@x.org", "", "a"
	};
	struct scene s = { 0 };
	scene_open(&s);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct smtp_recipient to = { .mailbox = slice_str(bad[i]) };
		CHECK_INT(send_to(&s, &to, 1, false), -1);
		CHECK_STR(fault_name(s.err.fault), "bad_value");
		CHECK_INT(to.fate, SMTP_NOT_ASKED);
	}
	struct smtp_mail m = {
		.from = S("x>\r\nDATA"), .to = NULL, .to_n = 0, .message = S(MESSAGE)
	};
	CHECK_INT(smtp_send(s.smtp, &m, &s.outcome, &s.err), -1);
	CHECK_INT(s.far.connections, 0);
	scene_close(&s);
}

/* ---- what the server offers --------------------------------------------------------------------------------- */

TEST_IN_LOOP(what_is_too_large_is_not_said)
{
	struct scene s = { .far.offers = "250-SIZE 10\r\n" };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	CHECK_STR(fault_name(s.err.fault), "too_large");
	check_said(&s, "/EHLO /");
	CHECK_INT(send_one(&s), -1);
	CHECK_INT(s.far.connections, 1);
	scene_close(&s);
}

static void send_utf8(struct scene *s, const char *to_text, const char *message, bool utf8) SUSPENDS
{
	struct smtp_recipient to = { .mailbox = slice_str(to_text) };
	struct smtp_mail m = { .to = &to, .to_n = 1, .message = slice_str(message), .utf8 = utf8 };
	smtp_outcome_done(&s->outcome);
	(void)!smtp_send(s->smtp, &m, &s->outcome, &s->err);
}

TEST_IN_LOOP(utf8_is_said_only_where_it_is_needed)
{
	struct scene s = { 0 };
	scene_open(&s);
	send_utf8(&s, "a@x.org", "x\r\n", true);
	send_utf8(&s, "j\xc3\xbcrgen@x.org", "x\r\n", true);
	send_utf8(&s, "a@x.org", "\xc3\xbc\r\n", false);
	CHECK_INT(s.far.mails_n, 3);
	CHECK_SLICE(buf_slice(&s.far.mails[0].from), S("<> SIZE=3"));
	CHECK_SLICE(buf_slice(&s.far.mails[1].from), S("<> SIZE=3 SMTPUTF8"));
	CHECK_SLICE(buf_slice(&s.far.mails[2].from), S("<> SIZE=4 BODY=8BITMIME"));
	scene_close(&s);
}

TEST_IN_LOOP(what_is_not_offered_is_refused_here)
{
	struct scene s = { .far.offers = "250-PIPELINING\r\n" };
	scene_open(&s);
	send_utf8(&s, "j\xc3\xbcrgen@x.org", "x\r\n", true);
	CHECK_STR(fault_name(s.err.fault), "bad_value");
	CHECK(strstr(s.err.text, "SMTPUTF8") != NULL);
	send_utf8(&s, "a@x.org", "\xc3\xbc\r\n", false);
	CHECK_STR(fault_name(s.err.fault), "bad_value");
	CHECK(strstr(s.err.text, "8BITMIME") != NULL);
	check_said(&s, "/EHLO /");
	scene_close(&s);
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

static void check_refused(struct scene *s, int code, const char *said) SUSPENDS
{
	CHECK_STR(fault_name(s->err.fault), "smtp");
	CHECK_INT(s->err.code, code);
	CHECK(!s->err.sent);
	CHECK_INT(s->far.mails_n, 0);
	CHECK_INT(send_one(s), 0); /* the connection goes on */
	CHECK_INT(s->far.connections, 1);
	CHECK_INT(s->far.mails_n, 1);
	check_said(s, said);
}

TEST_IN_LOOP(a_refused_recipient)
{
	static const struct rule rules[] = { { "RCPT", 1, "550 5.1.1 no such user\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	struct smtp_recipient to = { .mailbox = S("ada@example.org") };
	scene_open(&s);
	CHECK_INT(send_to(&s, &to, 1, false), -1);
	CHECK_INT(to.fate, SMTP_REFUSED);
	CHECK_INT(to.code, 550);
	CHECK_SLICE(to.text, S("5.1.1 no such user"));
	CHECK(strstr(s.err.text, "says 550 5.1.1 no such user to RCPT TO:<ada@example.org>"));
	check_refused(&s, 550, "/EHLO /MAIL RCPT DATA /RSET /MAIL RCPT DATA . /");
	scene_close(&s);
}

/* The server waits for a message though it has nobody to give it to (RFC 2920 3.1). */
TEST_IN_LOOP(a_lone_dot_where_data_came_too_early)
{
	static const struct rule rules[] = { { "RCPT", 1, "550 5.1.1 no such user\r\n", GO_ON },
					     { "DATA", 1, "354 go on\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 2 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	check_refused(&s, 550, "/EHLO /MAIL RCPT DATA . /MAIL RCPT DATA . /");
	scene_close(&s);
}

TEST_IN_LOOP(a_refused_sender)
{
	static const struct rule rules[] = { { "MAIL", 1, "451 4.3.0 later\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	struct smtp_recipient to = { .mailbox = S("ada@example.org") };
	scene_open(&s);
	CHECK_INT(send_to(&s, &to, 1, false), -1);
	CHECK_INT(to.fate, SMTP_NOT_ASKED);
	CHECK(!s.err.whole);
	check_refused(&s, 451, "/EHLO /MAIL RCPT DATA /MAIL RCPT DATA . /");
	scene_close(&s);
}

/* A recipient who was accepted must not get an empty mail when the rest is called off. */
TEST_IN_LOOP(a_server_that_accepts_without_a_sender_is_left)
{
	static const struct rule rules[] = { { "MAIL", 1, "451 4.3.0 later\r\n", GO_ON },
					     { "RCPT", 1, "250 2.1.5 ok\r\n", GO_ON },
					     { "DATA", 1, "354 go on\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 3 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	CHECK_INT(s.err.code, 451);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.connections, 2);
	CHECK_INT(s.far.mails_n, 1);
	scene_close(&s);
}

TEST_IN_LOOP(data_refused)
{
	static const struct rule rules[] = { { "DATA", 1, "451 4.3.0 later\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	check_refused(&s, 451, "/EHLO /MAIL RCPT DATA /RSET /MAIL RCPT DATA . /");
	scene_close(&s);
}

TEST_IN_LOOP(the_message_refused)
{
	static const struct rule rules[] = { { "end", 1, "552 5.3.4 too big\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	check_refused(&s, 552, "/EHLO /MAIL RCPT DATA . /MAIL RCPT DATA . /");
	scene_close(&s);
}

TEST_IN_LOOP(all_or_nobody)
{
	static const struct rule rules[] = { { "RCPT", 2, "451 4.2.1 greylisted\r\n", GO_ON },
					     { "RCPT", 3, "550 5.1.1 no such user\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 2 } };
	struct smtp_recipient to[] = { { .mailbox = S("a@x.org") },
				       { .mailbox = S("b@x.org") },
				       { .mailbox = S("c@x.org") } };
	scene_open(&s);
	CHECK_INT(send_to(&s, to, 3, false), -1);
	CHECK_INT(to[0].fate, SMTP_ACCEPTED);
	CHECK_INT(to[1].fate, SMTP_REFUSED_FOR_NOW);
	CHECK_INT(to[2].fate, SMTP_REFUSED);
	CHECK_SLICE(to[0].text, S("2.1.5 ok"));
	CHECK_SLICE(to[1].text, S("4.2.1 greylisted"));
	CHECK_SLICE(to[2].text, S("5.1.1 no such user"));
	check_refused(&s, 550, "/EHLO /MAIL RCPT RCPT RCPT /RSET /MAIL RCPT DATA . /");
	scene_close(&s);
}

TEST_IN_LOOP(those_who_may)
{
	static const struct rule rules[] = { { "RCPT", 1, "550-5.1.1 no\r\n550 5.1.1 such user\r\n",
					       GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	struct smtp_recipient to[] = { { .mailbox = S("a@x.org") }, { .mailbox = S("b@x.org") } };
	scene_open(&s);
	CHECK_INT(send_to(&s, to, 2, true), 0);
	CHECK_INT(to[0].fate, SMTP_REFUSED);
	CHECK_SLICE(to[0].text, S("5.1.1 no such user"));
	CHECK_INT(to[1].fate, SMTP_ACCEPTED);
	CHECK_SLICE(s.outcome.text, S("2.0.0 queued"));
	CHECK_SLICE(buf_slice(&s.far.mails[0].to), S("<b@x.org> "));
	scene_close(&s);
}

TEST_IN_LOOP(authentication_required_is_for_a_human)
{
	static const struct rule rules[] = { { "MAIL", 0, "530 5.7.0 who are you?\r\n", GO_ON } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	CHECK_STR(fault_name(s.err.fault), "config");
	scene_close(&s);
}

/* ---- everything at every place ------------------------------------------------------------------------------ */

struct manner {
	const char *name, *say;
	enum then then;
	const char *fault; /* wherever nothing else is said below */
	int code;
	bool no; /* a reply that means no */
};
static char huge[70 * 1024], long_line[4096];
static const struct manner manners[] = {
	{ "421", "421 4.3.2 closing\r\n", CLOSE, "smtp", 421, true },
	{ "451", "451 4.3.0 later\r\n", GO_ON, "smtp", 451, true },
	{ "552", "552 5.3.4 no\r\n", GO_ON, "smtp", 552, true },
	{ "close", "", CLOSE, "reset" },
	{ "close within a reply", "250-2.0.0 o", CLOSE, "reset" },
	{ "reset", "", RESET, "reset" },
	{ "hang", "", HANG, "timeout" },
	{ "hang within a reply", "250-2.0.0 ok\r\n250", HANG, "timeout" },
	{ "garbage", "hello\r\n", GO_ON, "protocol" },
	{ "no code", "25 ok\r\n", GO_ON, "protocol" },
	{ "a code of a hundred", "199 ok\r\n", GO_ON, "protocol" },
	{ "a third of yes", "399 ok\r\n", GO_ON, "protocol" },
	{ "two codes", "250-ok\r\n550 ok\r\n", GO_ON, "protocol" },
	{ "a long line", long_line, GO_ON, "protocol" },
	{ "a huge reply", huge, GO_ON, "protocol" },
};
static const char *const places[] = { "greeting", "EHLO", "MAIL", "RCPT", "DATA", "end" };

static void make_huge(void)
{
	for (size_t i = 0; i + 8 < sizeof(huge); i += 7)
		memcpy(huge + i, "250-x\r\n", 7);
	memset(long_line, 'x', sizeof(long_line) - 1);
	memcpy(long_line, "250 ", 4);
}

/* What a failure says, and whom the far side has served. */
static void judge(struct scene *s, const char *place, const struct manner *m, int r)
{
	bool end = strcmp(place, "end") == 0;
	bool hello = strcmp(place, "EHLO") == 0 || strcmp(place, "greeting") == 0;
	char class[64];
	err_class(&s->err, class, sizeof(class));
	if (strcmp(place, "EHLO") == 0 && m->code == 552) {
		CHECK_INT(r, 0); /* HELO */
		return;
	}
	CHECK_INT(r, -1);
	if (strcmp(fault_name(s->err.fault), m->fault) != 0)
		test_failures_++,
			printf("# %s at %s: %s: %s\n", m->name, place, class, s->err.text);
	CHECK_INT(s->err.code, m->code ? m->code : s->err.code);
	CHECK_INT(s->err.sent, end && !m->no);
	CHECK_INT(s->err.whole, m->code == 421 || (hello && m->code == 451));
	CHECK_INT(s->err.away, hello && strcmp(m->fault, "protocol") != 0);
	CHECK(s->err.sent || s->far.mails_n == 0);
}

/* Who cannot be reached is away for everybody. */
TEST_IN_SIM(a_server_that_is_not_there, 3)
{
	struct scene s = { 0 };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	hk_group_cancel(&s.group);
	CHECK_INT(hk_group_close(&s.group, 0), 0);
	CHECK_INT(hk_close(s.far.listener), 0);
	s.far.listener = -1;
	CHECK_INT(send_one(&s), -1);
	CHECK_INT(s.err.fault, FAULT_REFUSED);
	CHECK(s.err.away && !s.err.sent);
	hk_group_open(&s.group, NULL);
	scene_close(&s);
}

/* On a new connection: the first mail fails in its way, the next one is taken. */
static void try_new(const char *place, const struct manner *m) SUSPENDS
{
	struct rule rule = { place, 1, m->say, m->then };
	struct scene s = { .far = { .rules = &rule, .rules_n = 1 } };
	scene_open(&s);
	int r = send_one(&s);
	judge(&s, place, m, r);
	size_t before = s.far.mails_n;
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.mails_n, before + 1);
	CHECK(s.far.connections <= 2);
	scene_close(&s);
}

/* On a kept one: what its server did while nobody looked is found out, and the mail is taken; after its first reply it is the mail's. */
static void try_kept(const char *place, const struct manner *m) SUSPENDS
{
	struct rule rule = { place, 2, m->say, m->then };
	struct scene s = { .far = { .rules = &rule, .rules_n = 1 } };
	bool stale =
		strcmp(place, "MAIL") == 0 && (strcmp(m->fault, "reset") == 0 || m->code == 421);
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	size_t before = s.far.mails_n;
	int r = send_one(&s);
	if (r == 0)
		CHECK(stale);
	else
		CHECK(!stale);
	if (stale && r < 0)
		printf("# %s at %s: %s\n", m->name, place, s.err.text);
	CHECK(s.err.sent || s.far.mails_n == before + (r == 0));
	CHECK_INT(send_one(&s), 0);
	CHECK(s.far.connections <= 2);
	scene_close(&s);
}

TEST_IN_SIM(every_reply_at_every_place, 3)
{
	make_huge();
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < ARRAY_SIZE(manners); k++)
			try_new(places[i], &manners[k]);
}

TEST_IN_SIM(every_reply_on_a_kept_connection, 3)
{
	make_huge();
	for (size_t i = 2; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < ARRAY_SIZE(manners); k++)
			try_kept(places[i], &manners[k]);
}

/* Before the message's end has left nothing can have been delivered, however it broke. */
TEST_IN_SIM(a_server_that_leaves_in_the_middle_of_a_message, 5)
{
	static const struct rule rules[] = { { "middle", 1, "552 5.3.4 too big\r\n", CLOSE },
					     { "middle", 2, "", RESET },
					     { "middle", 3, "", CLOSE } };
	AUTO(buf_done) struct buf text = { 0 };
	struct scene s = { .far = {
				   .rules = rules, .rules_n = 3, .offers = "250-PIPELINING\r\n" } };
	struct smtp_recipient to = { .mailbox = S("a@x.org") };
	for (size_t i = 0; i < 20000; i++)
		CHECK_INT(buf_add(&text, S("a line of a message of more than a window\r\n")), 0);
	struct smtp_mail m = { .to = &to, .to_n = 1, .message = buf_slice(&text) };
	scene_open(&s);
	for (int i = 0; i < 3; i++) {
		smtp_outcome_done(&s.outcome);
		CHECK_INT(smtp_send(s.smtp, &m, &s.outcome, &s.err), -1);
		CHECK(!s.err.sent);
		CHECK(s.err.fault == FAULT_RESET || (i == 0 && s.err.code == 552));
	}
	CHECK_INT(s.far.mails_n, 0);
	scene_close(&s);
}

/* ---- connections ---------------------------------------------------------------------------------------------------- */

struct sender {
	struct scene *scene;
	unsigned from, n;
	unsigned taken;
};

static int send_some(void *arg) SUSPENDS
{
	struct sender *me = arg;
	for (unsigned i = me->from; i < me->from + me->n; i++) {
		AUTO(smtp_outcome_done) struct smtp_outcome out = { 0 };
		struct err err = { 0 };
		char text[64];
		snprintf(text, sizeof(text), "Subject: %u\r\n\r\nx\r\n", i);
		struct smtp_recipient to = { .mailbox = S("a@x.org") };
		struct smtp_mail m = { .to = &to, .to_n = 1, .message = slice_str(text) };
		CHECK_INT(smtp_send(me->scene->smtp, &m, &out, &err), 0);
		me->taken++;
	}
	return 0;
}

TEST_IN_SIM(no_more_connections_than_allowed, 10)
{
	unsigned counts[60] = { 0 };
	struct scene s = { .far = { .counts = counts, .counts_n = 60 },
			   .options = { .connections = 3, .per_connection = 7 } };
	struct sender senders[6];
	struct hk_group g;
	scene_open(&s);
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < 6; i++) {
		senders[i] = (struct sender){ &s, i * 10, 10, 0 };
		CHECK_INT(hk_spawn(&g, send_some, &senders[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (unsigned i = 0; i < 60; i++)
		CHECK_INT(counts[i], 1);
	CHECK(s.far.most_open <= 3);
	CHECK(s.far.times[far_place("MAIL")] == 60 && s.far.connections >= 60 / 7);
	CHECK_INT(s.far.times[far_place("QUIT")], s.far.connections - s.far.open);
	smtp_close(take(s.smtp));
	CHECK_INT(s.far.times[far_place("QUIT")], s.far.connections);
	scene_close(&s);
}

/* A minute of rest is enough: who waited longer is not asked. */
TEST_IN_SIM(a_connection_that_rested_too_long, 3)
{
	struct scene s = { 0 };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(hk_sleep(50 * HK_SEC), 0);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.connections, 1);
	CHECK_INT(hk_sleep(61 * HK_SEC), 0);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.connections, 2);
	scene_close(&s);
}

TEST_IN_SIM(a_server_that_does_not_answer_to_quit, 3)
{
	static const struct rule rules[] = { { "QUIT", 0, "", HANG } };
	unsigned counts[40] = { 0 };
	struct scene s = {
		.far = { .rules = rules, .rules_n = 1, .counts = counts, .counts_n = 40 },
		.options.connections = 4
	};
	struct sender senders[4];
	struct hk_group g;
	scene_open(&s);
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < 4; i++) {
		senders[i] = (struct sender){ &s, i * 10, 10, 0 };
		CHECK_INT(hk_spawn(&g, send_some, &senders[i]), 0);
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(s.far.connections, 4);
	int64_t start = hk_now_ns();
	smtp_close(take(s.smtp));
	CHECK_INT(hk_now_ns() - start, HK_SEC);
	CHECK_INT(s.far.times[far_place("QUIT")], 4);
	scene_close(&s);
}

/* Replies are told apart by their number alone: a server that says one more than it was asked for is not asked again. */
TEST_IN_SIM(a_reply_too_many, 5)
{
	static const struct rule rules[] = {
		{ "end", 0, "250 2.0.0 queued\r\n550 5.1.1 somebody\r\n", GO_ON }
	};
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.connections, 2);
	CHECK_INT(s.far.mails_n, 2);
	scene_close(&s);
}

TEST_IN_SIM(a_reply_that_nobody_asked_for, 5)
{
	static const struct rule rules[] = { { "end", 0, NULL, BABBLE } };
	struct scene s = { .far = { .rules = rules, .rules_n = 1 } };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.connections, 2);
	CHECK_INT(s.far.mails_n, 2);
	scene_close(&s);
}

TEST_IN_LOOP(a_server_that_data_named)
{
	struct http_guard *guard = http_guard_new();
	struct scene s = { .options.guard = guard };
	scene_open(&s);
	CHECK_INT(send_one(&s), -1);
	CHECK_STR(fault_name(s.err.fault), "forbidden");
	CHECK_INT(s.far.connections, 0);
	CHECK_INT(http_guard_allow(guard, S("loopback")), 0);
	CHECK_INT(send_one(&s), 0);
	scene_close(&s);
	http_guard_free(guard);
}

/* ---- a bad net, and impatient callers ------------------------------------------------------------------------------- */

enum { CALLS = 120, IN_FLIGHT = 12 };

struct storm {
	struct scene scene;
	unsigned counts[CALLS];
	unsigned next, taken, unknown;
	bool impatient;
};

static int one_of_storm(void *arg) SUSPENDS
{
	struct storm *st = arg;
	while (st->next < CALLS) {
		unsigned number = st->next++;
		AUTO(smtp_outcome_done) struct smtp_outcome out = { 0 };
		struct err err = { 0 };
		struct hk_scope patience;
		char text[64];
		snprintf(text, sizeof(text), "Subject: %u\r\n\r\n.x\r\n", number);
		struct smtp_recipient to = { .mailbox = S("a@x.org") };
		struct smtp_mail m = { .to = &to, .to_n = 1, .message = slice_str(text) };
		int64_t ns = st->impatient && hk_random() % 3 == 0
				     ? (int64_t)(hk_random() % (uint64_t)(300 * HK_MS))
				     : HK_FOREVER;
		hk_scope_open(&patience, ns);
		int r = smtp_send(st->scene.smtp, &m, &out, &err);
		bool cut = hk_scope_cancelled(&patience);
		(void)!hk_scope_close(&patience, 0);
		CHECK(r == 0 || cut || err.fault == FAULT_RESET || err.fault == FAULT_TIMEOUT ||
		      err.fault == FAULT_REFUSED || err.fault == FAULT_CONNECT_TIMEOUT);
		CHECK(err.fault != FAULT_CANCELLED || cut);
		if (r == 0)
			CHECK_INT(st->counts[number], 1);
		else if (!err.sent)
			CHECK_INT(st->counts[number], 0);
		else
			CHECK(st->counts[number] <= 1);
		st->taken += r == 0;
		st->unknown += r < 0 && err.sent;
	}
	return 0;
}

static int storm_main(void *arg) SUSPENDS
{
	struct storm *st = arg;
	struct hk_group g;
	bool impatient = st->impatient;
	*st = (struct storm){ .impatient = impatient };
	st->scene.far.counts = st->counts;
	st->scene.far.counts_n = CALLS;
	st->scene.options = (struct smtp_options){ .connections = 5, .per_connection = 9 };
	scene_open(&st->scene);
	hk_group_open(&g, NULL);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		CHECK_INT(hk_spawn(&g, one_of_storm, st), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK(st->taken > CALLS / 3);
	CHECK(st->unknown < CALLS / 5);
	hk_sim_net_set(&(struct hk_sim_net){ 0 });
	CHECK_INT(send_some(&(struct sender){ &st->scene, 0, 0, 0 }), 0);
	scene_close(&st->scene);
	return 0;
}

TEST(nobody_twice_in_a_bad_net)
{
	struct storm st = { 0 };
	in_sim_with("nobody_twice_in_a_bad_net", storm_main, &st,
		    &(struct hk_sim_options){ .seeds = 10,
					      .net = { .latency_ns = 5 * HK_MS,
						       .jitter_ns = 10 * HK_MS,
						       .loss_ppm = 10000,
						       .reset_ppm = 10000,
						       .short_reads = true } });
}

TEST(nobody_twice_for_impatient_callers)
{
	struct storm st = { .impatient = true };
	in_sim_with("nobody_twice_for_impatient_callers", storm_main, &st,
		    &(struct hk_sim_options){ .seeds = 10,
					      .net = { .latency_ns = 5 * HK_MS,
						       .jitter_ns = 10 * HK_MS,
						       .short_reads = true } });
}

static const struct test tests[] = {
	T(a_mail_is_taken),
	T(an_envelope_is_one_write),
	T(data_waits_where_a_refusal_would_forbid_it),
	T(a_server_without_pipelining_is_asked_one_by_one),
	T(an_old_server_is_greeted_in_the_old_way),
	T(five_hundred_recipients),
	T(dots_arrive_as_they_are),
	T(no_message_can_end_another_way),
	T(no_address_can_be_a_command),
	T(what_is_too_large_is_not_said),
	T(utf8_is_said_only_where_it_is_needed),
	T(what_is_not_offered_is_refused_here),
	T(a_refused_recipient),
	T(a_lone_dot_where_data_came_too_early),
	T(a_refused_sender),
	T(a_server_that_accepts_without_a_sender_is_left),
	T(data_refused),
	T(the_message_refused),
	T(all_or_nobody),
	T(those_who_may),
	T(authentication_required_is_for_a_human),
	T(a_server_that_is_not_there),
	T(every_reply_at_every_place),
	T(every_reply_on_a_kept_connection),
	T(a_server_that_leaves_in_the_middle_of_a_message),
	T(no_more_connections_than_allowed),
	T(a_connection_that_rested_too_long),
	T(a_server_that_does_not_answer_to_quit),
	T(a_reply_too_many),
	T(a_reply_that_nobody_asked_for),
	T(a_server_that_data_named),
	T(nobody_twice_in_a_bad_net),
	T(nobody_twice_for_impatient_callers),
};

int main(void)
{
	return RUN_TESTS(tests);
}
