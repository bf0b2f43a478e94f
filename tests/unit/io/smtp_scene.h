/* smtp_scene.h - a client and the server that it talks to (smtp_far.h), in one loop */
#pragma once
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
	bool required; /* TLS */
};

static inline void scene_open(struct scene *s) SUSPENDS
{
	CHECK(far_open(&s->far) >= 0);
	hk_group_open(&s->group, NULL);
	CHECK_INT(hk_spawn(&s->group, far_run, &s->far), 0);
	s->options.host = S("127.0.0.1");
	s->options.port = s->far.port;
	if (!s->required && s->options.tls == SMTP_TLS_REQUIRED)
		s->options.tls = SMTP_TLS_NEVER;
	CHECK_INT(smtp_open(&s->options, &s->smtp, &s->err), 0);
}

static inline void scene_close(struct scene *s) SUSPENDS
{
	smtp_close(s->smtp);
	hk_group_cancel(&s->group);
	CHECK_INT(hk_group_close(&s->group, 0), 0);
	far_close(&s->far);
	smtp_outcome_done(&s->outcome);
}

static inline int send_to(struct scene *s, struct smtp_recipient *to, size_t n,
			  bool partial) SUSPENDS
{
	struct smtp_mail m = { .from = S("from@example.org"),
			       .to = to,
			       .to_n = n,
			       .message = S(MESSAGE),
			       .partial = partial };
	smtp_outcome_done(&s->outcome);
	return smtp_send(s->smtp, &m, &s->outcome, &s->err);
}

static inline int send_one(struct scene *s) SUSPENDS
{
	struct smtp_recipient to = { .mailbox = S("ada@example.org") };
	return send_to(s, &to, 1, false);
}
