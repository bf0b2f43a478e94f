/* smtp_far.h - a mail server that does what rules tell it, keeps what it took, and counts
 *
 * What this room is for: the far side of the client's tests: decent by itself, and at each place as evil as a rule says.
 * How to use it:         fill `rules`; far_open; run far_run as a task until cancelled; look at `mails`, `said` and the counts; far_close.
 *   A rule names a place ("greeting", a command's verb, "end" for the message's end, "middle" for its first byte) and which time it is come to, over
 *   all connections (0: every time). */
#pragma once
#include "base/buf.h"
#include "rt/in_loop.h"
#include <errno.h>
#include <hocket/hocket.h>

enum { FAR_MAILS = 64 };
enum then { GO_ON, CLOSE, RESET, HANG, BABBLE }; /* BABBLE: one more reply, a little later */

struct rule {
	const char *place;
	unsigned time;
	const char *say; /* with CR LF; NULL: the usual; "": nothing */
	enum then then;
};

struct far_mail {
	struct buf from, to, text; /* as commands said it; recipients joined by ' '; dots undone */
};

struct far {
	int listener;
	uint16_t port;
	const struct rule *rules;
	size_t rules_n;
	const char *
		offers; /* lines behind EHLO's first; NULL: "PIPELINING\r\nSIZE 100000\r\n8BITMIME" and so on */
	unsigned connections, open, most_open;
	struct buf said; /* commands, joined by ' '; '/' where it had to wait for more */
	struct far_mail mails[FAR_MAILS];
	size_t mails_n;
	unsigned times[16]; /* each place was come to */
	struct buf auth;    /* what AUTH and its answers said, joined by ' ' */
	unsigned *counts;   /* instead of mails: how often "Subject: N" was taken */
	unsigned counts_n;
};

struct far_talk {
	struct far *far;
	int fd;
	struct buf in;
	size_t at; /* of in: read so far */
	struct far_mail now;
	bool mail, ended;
	unsigned recipients;
};

static const char *const far_places[] = { "greeting", "EHLO",     "HELO", "MAIL", "RCPT",
					  "DATA",     "middle",   "end",  "RSET", "QUIT",
					  "AUTH",     "STARTTLS", "other" };

static unsigned far_place(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(far_places); i++)
		if (slice_eq_str(slice_str(name), far_places[i]))
			return i;
	return ARRAY_SIZE(far_places) - 1;
}

static const struct rule *far_rule(struct far *f, const char *place)
{
	static const struct rule none;
	unsigned time = ++f->times[far_place(place)];
	for (size_t i = 0; i < f->rules_n; i++)
		if (strcmp(f->rules[i].place, place) == 0 &&
		    (f->rules[i].time == 0 || f->rules[i].time == time))
			return &f->rules[i];
	return &none;
}

static int far_open(struct far *f)
{
	f->listener = hk_listen("127.0.0.1", 0, 64);
	if (f->listener >= 0)
		f->port = (uint16_t)hk_socket_port(f->listener);
	return f->listener;
}

static void far_mail_done(struct far_mail *m)
{
	buf_done(&m->from);
	buf_done(&m->to);
	buf_done(&m->text);
}

static void far_close(struct far *f)
{
	if (f->listener >= 0)
		(void)hk_close(f->listener);
	for (size_t i = 0; i < f->mails_n; i++)
		far_mail_done(&f->mails[i]);
	buf_done(&f->said);
	buf_done(&f->auth);
}

/* Says what the rule or custom wants. false: the conversation is over. */
static bool far_say(struct far_talk *t, const char *place, const char *usual,
		    bool *ret_yes) SUSPENDS
{
	const struct rule *rule = far_rule(t->far, place);
	const char *text = rule->say ? rule->say : usual;
	if (ret_yes)
		*ret_yes = text[0] == '2' || text[0] == '3';
	if (*text && hk_write(t->fd, text, strlen(text)) < 0)
		return false;
	if (rule->then == HANG) {
		char sink[4096];
		while (hk_read(t->fd, sink, sizeof(sink)) > 0) {
		}
	}
	if (rule->then == BABBLE)
		return hk_sleep(10 * HK_MS) == 0 && hk_write(t->fd, "550 5.1.1 x\r\n", 13) >= 0;
	if (rule->then == RESET)
		t->ended = true;
	return rule->then == GO_ON;
}

/* The next line without its end, '/' into the log where it is not there yet. false: the client is gone. */
static bool far_line(struct far_talk *t, struct slice *ret) SUSPENDS
{
	for (bool waited = false;; waited = true) {
		struct slice rest = slice_from(buf_slice(&t->in), t->at);
		const char *end = rest.n ? memmem(rest.p, rest.n, "\r\n", 2) : NULL;
		if (end) {
			*ret = slice_head(rest, (size_t)(end - rest.p));
			t->at += ret->n + 2;
			return true;
		}
		if (!waited && !t->mail)
			CHECK_INT(buf_add_char(&t->far->said, '/'), 0);
		buf_consume(&t->in, t->at);
		t->at = 0;
		CHECK_INT(buf_reserve(&t->in, 4096), 0);
		ssize_t n = hk_read(t->fd, t->in.p + t->in.n, 4096);
		if (n <= 0)
			return false;
		buf_added(&t->in, (size_t)n);
	}
}

static void far_count(struct far *f, struct slice text)
{
	unsigned n = 0;
	CHECK_SLICE(slice_head(text, 9), S("Subject: "));
	for (size_t i = 9; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = 10 * n + (unsigned)(text.p[i] - '0');
	CHECK(n < f->counts_n);
	f->counts[n < f->counts_n ? n : 0]++;
}

static void far_keep(struct far_talk *t)
{
	struct far *f = t->far;
	if (f->counts) {
		far_count(f, buf_slice(&t->now.text));
		return;
	}
	CHECK(f->mails_n < FAR_MAILS);
	if (f->mails_n < FAR_MAILS)
		f->mails[f->mails_n++] = t->now;
	else
		far_mail_done(&t->now);
	t->now = (struct far_mail){ 0 };
}

static bool far_message(struct far_talk *t) SUSPENDS
{
	struct slice line;
	bool yes, more;
	const struct rule *middle = far_rule(t->far, "middle");
	if (middle->say && *middle->say && hk_write(t->fd, middle->say, strlen(middle->say)) < 0)
		return false;
	if (middle->then != GO_ON) {
		t->ended = middle->then == RESET;
		return false;
	}
	t->mail = true;
	while ((more = far_line(t, &line)) && !slice_eq_str(line, ".")) {
		if (slice_starts(line, S(".")))
			line = slice_from(line, 1);
		CHECK_INT(buf_add(&t->now.text, line), 0);
		CHECK_INT(buf_add(&t->now.text, S("\r\n")), 0);
	}
	t->mail = false;
	if (!more)
		return false;
	CHECK_INT(buf_add(&t->far->said, S(". ")), 0);
	/* Nobody to deliver to: RFC 2920 3.1. What is answered is what is done: a no is no mail. */
	const char *usual =
		t->recipients ? "250 2.0.0 queued\r\n" : "554 5.5.1 no valid recipients\r\n";
	const struct rule *peek = NULL;
	for (size_t i = 0; i < t->far->rules_n && !peek; i++)
		if (strcmp(t->far->rules[i].place, "end") == 0 &&
		    (t->far->rules[i].time == 0 ||
		     t->far->rules[i].time == t->far->times[far_place("end")] + 1))
			peek = &t->far->rules[i];
	yes = t->recipients && (!peek || !peek->say || peek->say[0] == '2' || !peek->say[0]);
	if (yes)
		far_keep(t);
	far_mail_done(&t->now);
	t->recipients = 0;
	return far_say(t, "end", usual, NULL);
}

static bool far_mail(struct far_talk *t, struct slice line) SUSPENDS
{
	bool yes;
	if (!far_say(t, "MAIL", "250 2.1.0 ok\r\n", &yes))
		return false;
	far_mail_done(&t->now);
	t->recipients = 0;
	CHECK_INT(buf_add(&t->now.from, yes ? slice_from(line, 10) : S("")), 0);
	return true;
}

static bool far_recipient(struct far_talk *t, struct slice line) SUSPENDS
{
	bool yes;
	if (!t->now.from.n)
		return far_say(t, "RCPT", "503 5.5.1 MAIL first\r\n", NULL);
	if (!far_say(t, "RCPT", "250 2.1.5 ok\r\n", &yes))
		return false;
	if (yes) {
		t->recipients++;
		CHECK_INT(buf_add(&t->now.to, slice_from(line, 8)), 0);
		CHECK_INT(buf_add_char(&t->now.to, ' '), 0);
	}
	return true;
}

static bool far_data(struct far_talk *t) SUSPENDS
{
	bool yes;
	const char *usual = t->recipients ? "354 go on\r\n" : "503 5.5.1 RCPT first\r\n";
	if (!far_say(t, "DATA", usual, &yes))
		return false;
	return !yes || far_message(t);
}

static bool far_hello(struct far_talk *t) SUSPENDS
{
	const char *offers = t->far->offers;
	char text[1024];
	snprintf(text, sizeof(text), "250-far greets you\r\n%s250 HELP\r\n",
		 offers ? offers
			: "250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
			  "250-ENHANCEDSTATUSCODES\r\n");
	return far_say(t, "EHLO", text, NULL);
}

/* AUTH, and what it is answered with, until a reply is no 334. */
static bool far_auth(struct far_talk *t, struct slice line) SUSPENDS
{
	const char *place = "AUTH";
	for (;;) {
		const struct rule *rule = NULL;
		for (size_t i = 0; i < t->far->rules_n; i++)
			if (strcmp(t->far->rules[i].place, place) == 0 &&
			    (t->far->rules[i].time == 0 ||
			     t->far->rules[i].time == t->far->times[far_place(place)] + 1))
				rule = &t->far->rules[i];
		CHECK_INT(buf_add(&t->far->auth, line), 0);
		CHECK_INT(buf_add_char(&t->far->auth, ' '), 0);
		if (!far_say(t, place, "235 2.7.0 come in\r\n", NULL))
			return false;
		if (!rule || !rule->say || rule->say[0] != '3')
			return true;
		if (!far_line(t, &line))
			return false;
		place = "answer";
	}
}

static bool far_command(struct far_talk *t, struct slice line) SUSPENDS
{
	struct slice verb, rest;
	slice_cut(line, ' ', &verb, &rest);
	CHECK_INT(buf_add(&t->far->said, verb), 0);
	CHECK_INT(buf_add_char(&t->far->said, ' '), 0);
	if (slice_eq_str(verb, "EHLO"))
		return far_hello(t);
	if (slice_eq_str(verb, "HELO"))
		return far_say(t, "HELO", "250 far\r\n", NULL);
	if (slice_eq_str(verb, "MAIL"))
		return far_mail(t, line);
	if (slice_eq_str(verb, "RCPT"))
		return far_recipient(t, line);
	if (slice_eq_str(verb, "DATA"))
		return far_data(t);
	if (slice_eq_str(verb, "RSET")) {
		far_mail_done(&t->now);
		t->recipients = 0;
		return far_say(t, "RSET", "250 2.0.0 forgotten\r\n", NULL);
	}
	if (slice_eq_str(verb, "AUTH"))
		return far_auth(t, line);
	if (slice_eq_str(verb, "STARTTLS"))
		return far_say(t, "STARTTLS", "220 2.0.0 go on\r\n", NULL);
	if (slice_eq_str(verb, "QUIT")) {
		(void)far_say(t, "QUIT", "221 2.0.0 bye\r\n", NULL);
		return false;
	}
	return far_say(t, "other", "500 5.5.2 what?\r\n", NULL);
}

static int far_serve(void *arg) SUSPENDS
{
	struct far_talk *t = arg;
	struct slice line;
	bool more = far_say(t, "greeting", "220 far ESMTP\r\n", NULL);
	while (more && far_line(t, &line))
		more = far_command(t, line);
	if (t->ended)
		(void)hk_close_reset(t->fd);
	else
		(void)hk_close(t->fd);
	far_mail_done(&t->now);
	buf_done(&t->in);
	t->far->open--;
	free(t);
	return 0;
}

static int far_run(void *arg) SUSPENDS
{
	struct far *f = arg;
	struct hk_group g;
	int r = 0;
	hk_group_open(&g, &(struct hk_group_options){ .policy = HK_COLLECT });
	while ((r = hk_accept(f->listener)) >= 0) {
		struct far_talk *t = xcalloc(1, sizeof(*t));
		t->far = f;
		t->fd = r;
		f->connections++;
		f->open++;
		f->most_open = f->most_open > f->open ? f->most_open : f->open;
		r = hk_spawn(&g, far_serve, t);
	}
	hk_group_cancel(&g);
	return hk_group_close(&g, 0);
}
