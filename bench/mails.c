/* mails.c - mails by the library's own call, without a pipeline around it: mails PORT N TASKS
 *
 * Each task makes its mails (mail_put) and hands them over (smtp_send) on a connection of its own that is kept. */
#include "io/mime.h"
#include "io/smtp.h"
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>

struct work {
	struct smtp *smtp;
	unsigned next, n;
};

static int send_one(struct work *w, unsigned number) SUSPENDS
{
	AUTO(buf_done) struct buf message = { 0 };
	AUTO(smtp_outcome_done) struct smtp_outcome out = { 0 };
	struct err err = { 0 };
	char subject[64];
	snprintf(subject, sizeof(subject), "number %u", number);
	struct mail_address to = { S("Ada Lovelace"), S("ada@example.org") };
	struct mail mail = {
		.from = { S("News"), S("news@example.org") },
		.to = &to,
		.to_n = 1,
		.subject = slice_str(subject),
		.date_ns = 1,
		.text = S("Hello Ada,\n\nthis is what is new today: nothing at all.\n")
	};
	struct smtp_recipient one = { .mailbox = to.mailbox };
	struct smtp_mail m = { .from = mail.from.mailbox, .to = &one, .to_n = 1 };
	if (mail_put(&mail, &message, &err) == 0) {
		m.message = buf_slice(&message);
		if (smtp_send(w->smtp, &m, &out, &err) == 0)
			return 0;
	}
	fprintf(stderr, "mails: %s\n", err.text);
	return -1;
}

static int send_many(void *arg) SUSPENDS
{
	struct work *w = arg;
	while (w->next < w->n)
		if (send_one(w, w->next++) < 0)
			return -1;
	return 0;
}

static int run(void *arg) SUSPENDS
{
	char **argv = arg;
	unsigned tasks = (unsigned)strtoul(argv[3], NULL, 10);
	struct work w = { .n = (unsigned)strtoul(argv[2], NULL, 10) };
	struct smtp_options o = { .host = S("127.0.0.1"),
				  .port = (uint16_t)strtoul(argv[1], NULL, 10),
				  .tls = SMTP_TLS_NEVER,
				  .connections = tasks };
	struct err err = { 0 };
	struct hk_group g;
	if (smtp_open(&o, &w.smtp, &err) < 0)
		return -1;
	hk_group_open(&g, NULL);
	int r = 0;
	for (unsigned i = 0; i < tasks && r == 0; i++)
		r = hk_spawn(&g, send_many, &w);
	r = hk_group_close(&g, r);
	smtp_close(w.smtp);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: mails PORT N TASKS\n");
		return 2;
	}
	return hk_run(run, argv, NULL) < 0;
}
