/* smtp.c - tests of src/io/mail/smtp*.c: every reply at every place, told by rules to a server in the same loop
 *
 * The server (smtp_far.h) keeps what it took: what a test says of deliveries is the far side's count. */
#include "check.h"
#include "io/smtp.h"
#include "smtp_far.h"

#define MESSAGE "Subject: x\r\n\r\nhello\r\n"

struct scene {
	struct far far;
	struct smtp_options options;
	struct smtp *smtp;
	struct hk_group group;
	struct err err;
	struct smtp_outcome outcome;
};

static void scene_open(struct scene *s) SUSPENDS
{
	CHECK(far_open(&s->far) >= 0);
	hk_group_open(&s->group, NULL);
	CHECK_INT(hk_spawn(&s->group, far_run, &s->far), 0);
	s->options.host = S("127.0.0.1");
	s->options.port = s->far.port;
	s->options.tls = s->options.tls ? s->options.tls : SMTP_TLS_NEVER;
	CHECK_INT(smtp_open(&s->options, &s->smtp, &s->err), 0);
}

static void scene_close(struct scene *s) SUSPENDS
{
	smtp_close(s->smtp);
	hk_group_cancel(&s->group);
	CHECK_INT(hk_group_close(&s->group, 0), 0);
	far_close(&s->far);
	smtp_outcome_done(&s->outcome);
}

static int send_to(struct scene *s, struct smtp_recipient *to, size_t n, bool partial) SUSPENDS
{
	struct smtp_mail m = { .from = S("from@example.org"),
			       .to = to,
			       .to_n = n,
			       .message = S(MESSAGE),
			       .partial = partial };
	smtp_outcome_done(&s->outcome);
	return smtp_send(s->smtp, &m, &s->outcome, &s->err);
}

static int send_one(struct scene *s) SUSPENDS
{
	struct smtp_recipient to = { .mailbox = S("ada@example.org") };
	return send_to(s, &to, 1, false);
}

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

static const struct test tests[] = { T(a_mail_is_taken) };

int main(void)
{
	return RUN_TESTS(tests);
}
