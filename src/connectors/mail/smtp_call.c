/* smtp_call.c - one mail for each record: what the step and the sink share
 *
 * What this room is for: from a record to an envelope and the bytes of a mail; from what the server said to an answer. How a mail is written is
 *   mime.h's, how it is handed over smtp.h's; attempts, rates, pauses, what must not be sent twice and dead letters are the engine's.
 * What flows through:    the mail's bytes, in the call's arena; {"message_id", "response", "accepted", "refused"} as the answer's body.
 * What must hold:
 *  (1) what the mail says is found once, in ask; every attempt writes the same bytes of it, under the same Message-ID.
 *  (2) the Message-ID is the record's name at this step: the same after any restart and in a replay, so that a person can look it up.
 *  (3) what says no has taken nothing: only silence behind the message's end is an unknown outcome.
 *  (4) who waits for a server, a rate or a retry holds no written mail: attachments are there once, as the record's blobs.
 *  (5) whoever reads of a failure reads which mail it was: its recipients, and its Message-ID where it may have been sent. */
#include "connectors/mail/smtp_call.h"
#include "base/banned.h"
#include "base/json.h"
#include "io/digest.h"
#include "io/http.h"
#include <errno.h>
#include <hocket/types.h>

#define MESSAGE_MAX (96u << 20)
#define TIMEOUT_NS  (600 * HK_SEC) /* RFC 5321 4.5.3.2.6: so long a server may think about a mail */
/* One that restarts is back by then; a misspelt one is not waited for all night. */
#define AWAY_NS    (900 * HK_SEC)
#define NOBODY_YET "sender@unknown.invalid" /* where no secret is known: tests */
#define ID_DIGITS  32
#define SHOWN_MOST 3

const char *const smtp_starttls[] = { "auto", "required", "offered", "never", NULL };
enum { STARTTLS_AUTO, STARTTLS_REQUIRED, STARTTLS_OFFERED, STARTTLS_NEVER };
const char *const smtp_refused[] = { "dead", "send", NULL };
enum { REFUSED_DEAD, REFUSED_SEND };
const struct opt smtp_trust_options[] = {
	OPT("ca", struct smtp_trust, ca, OPT_PATH, const char *, .required = true,
	    .doc = "certificates (PEM) to believe instead of the system's"),
	OPT_END,
};

struct request {
	struct smtp_mail mail;  /* its message: while it is handed over */
	struct mailing mailing; /* what it says; blobs are borrowed from the record */
	struct slice id;        /* the Message-ID, without <> */
};

/* ---- the file ------------------------------------------------------------------------------------- */

static const enum smtp_tls tls_of[] = {
	[STARTTLS_REQUIRED] = SMTP_TLS_REQUIRED,
	[STARTTLS_OFFERED] = SMTP_TLS_OFFERED,
	[STARTTLS_NEVER] = SMTP_TLS_NEVER,
};

/* The URL, and what the options say about it. 0, or -1 with *err and the option that is wrong. */
static int read_url(const struct smtp_call *o, struct slice text, struct smtp_options *ret,
		    struct buf *storage, const char **ret_option, struct err *err)
{
	*ret_option = NULL;
	if (smtp_url(text, ret, storage, err) < 0)
		return -1;
	if (o->starttls == STARTTLS_AUTO)
		return 0;
	*ret_option = "starttls";
	if (ret->tls == SMTP_TLS_AT_ONCE)
		return fail(err, FAULT_CONFIG,
			    "smtps:// speaks TLS from the first byte: leave `starttls` out");
	/* The user has said `never`: then that is meant for the password, too. */
	ret->plain_auth |= o->starttls == STARTTLS_NEVER;
	ret->tls = tls_of[o->starttls];
	return 0;
}

/* The user is as secret as the URL that it stands in: it is not shown. */
static int take_sender(const struct smtp_call *o, const struct smtp_options *server,
		       struct smtp_shared *shared, struct err *err)
{
	AUTO(buf_done) struct buf storage = { .max = 8192 };
	struct mail_address a = { 0 };
	if (o->mailing.from)
		return 0;
	if (mail_address_parse(server->user, &a, &storage, err) < 0)
		return fail(
			err, FAULT_CONFIG,
			"who are the mails from? say `from: News <news@example.org>`: the user in "
			"the server's URL is no mail address");
	snprintf(shared->sender, sizeof shared->sender, "%.*s", SLICE(a.mailbox));
	return 0;
}

static void check_url(struct smtp_call *o, struct facts *facts, struct diag *diag)
{
	AUTO(buf_done) struct buf storage = { .max = 8192 };
	struct smtp_options server = { .port = 0 };
	struct smtp_shared ignored;
	struct err err = { 0 };
	const char *option;
	o->door[0] = 0;
	if (!tpl_head(o->url).n || !tpl_constant(o->url))
		return;
	if (read_url(o, tpl_head(o->url), &server, &storage, &option, &err) < 0)
		diag_error(diag, option, "%s", err.text);
	else if (take_sender(o, &server, &ignored, &err) < 0)
		diag_error(diag, NULL, "%s", err.text);
	else if (server.host.n < sizeof o->door)
		memcpy(o->door, server.host.p, server.host.n);
	facts->door = slice_str(o->door);
}

int smtp_call_plan(void *options, struct facts *facts, struct diag *diag)
{
	struct smtp_call *o = options;
	facts->effect = EFFECT_WRITES;
	facts->guarantee = APPEND_ONLY;
	facts->keyless = facts->named = true;
	facts->concurrency = 4;
	facts->timeout_ns = TIMEOUT_NS;
	facts->away_ns = AWAY_NS;
	facts->insecure = o->insecure;
	if (o->insecure && o->tls)
		diag_error(diag, "insecure",
			   "`tls: {ca: ...}` says whom to believe, `insecure` believes everybody: "
			   "choose one");
	check_url(o, facts, diag);
	mailing_plan(&o->mailing, diag);
	return 0;
}

int smtp_call_open(struct site *site, struct err *err)
{
	const struct smtp_call *o = site->options;
	struct smtp_shared *shared = site->shared;
	AUTO(buf_done) struct buf url = { .max = 8192 }, storage = { .max = 8192 };
	const struct env env = { .record = S("null") };
	struct smtp_options server = { .port = 0 };
	const char *option;
	if (tpl_text(o->url, &env, &url, err) < 0 ||
	    read_url(o, buf_slice(&url), &server, &storage, &option, err) < 0 ||
	    take_sender(o, &server, shared, err) < 0)
		return -1;
	server.insecure = o->insecure;
	server.ca_file = o->tls ? o->tls->ca : NULL;
	server.connections = site->concurrency;
	if (site->clocks) {
		server.connect_ns = site->clocks->connect_ns;
		server.reply_ns = site->clocks->first_byte_ns;
	}
	unsigned port = server.port ? server.port : server.tls == SMTP_TLS_AT_ONCE ? 465 : 587;
	snprintf(shared->lane, sizeof shared->lane, "smtp://%.*s:%u", SLICE(server.host), port);
	return smtp_open(&server, &shared->client, err);
}

void smtp_call_close(struct site *site)
{
	struct smtp_shared *shared = site->shared;
	smtp_close(take(shared->client));
}

/* ---- the envelope ----------------------------------------------------------------------------------- */

static void add_recipient(struct smtp_mail *mail, struct slice mailbox)
{
	for (size_t i = 0; i < mail->to_n; i++)
		if (slice_eq(mail->to[i].mailbox, mailbox))
			return;
	mail->to[mail->to_n++].mailbox = mailbox;
}

static void add_recipients(struct smtp_mail *mail, const struct mail_address *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		add_recipient(mail, v[i].mailbox);
		mail->utf8 |= mail_needs_utf8(&v[i]);
	}
}

static void make_envelope(const struct smtp_call *o, struct call *c, const struct mailing *l,
			  struct smtp_mail *ret)
{
	const struct mail *m = &l->mail;
	size_t n = m->to_n + m->cc_n + l->bcc.n;
	*ret = (struct smtp_mail){ .from = m->from.mailbox,
				   .to = arena_zero(c->arena, n * sizeof *ret->to),
				   .partial = o->refused == REFUSED_SEND,
				   .utf8 = mail_needs_utf8(&m->from) ||
					   mail_needs_utf8(&m->reply_to) };
	add_recipients(ret, m->to, m->to_n);
	add_recipients(ret, m->cc, m->cc_n);
	add_recipients(ret, l->bcc.v, l->bcc.n);
}

/* ---- the message -------------------------------------------------------------------------------------- */

static struct slice make_id(struct call *c, struct slice from)
{
	const char *at = memrchr(from.p, '@', from.n);
	ASSERT(at); /* mime.h lets no mailbox through without */
	struct slice domain = slice_from(from, (size_t)(at - from.p) + 1);
	return slice_str(arena_printf(c->arena, "%.*s@%.*s", SLICE(slice_head(c->key, ID_DIGITS)),
				      SLICE(domain)));
}

static int check_message(struct call *c, struct request *q, struct err *err)
{
	struct mail *m = &q->mailing.mail;
	m->message_id = q->id = make_id(c, m->from.mailbox);
	m->utf8 = q->mail.utf8;
	return mail_check(m, err);
}

/* In base64, with line ends and header fields; texts mostly stay as long as they are. */
static size_t likely_bytes(const struct mail *m)
{
	size_t n = 4096 + m->text.n + m->html.n + m->html.n / 8;
	for (size_t i = 0; i < m->parts_n; i++)
		n += m->parts[i].data.n / 57 * 78 + 1024;
	return n < MESSAGE_MAX ? n : MESSAGE_MAX;
}

static int write_message(struct call *c, struct request *q, struct buf *out,
			 struct err *err) SUSPENDS
{
	size_t bytes = likely_bytes(&q->mailing.mail);
	int r = call_room(c, BODY_JSON, 0, bytes);
	if (r < 0)
		return fail_errno(err, FAULT_CANCELLED, -ECANCELED, "there is no room");
	if (buf_reserve(out, bytes) < 0)
		return fail(err, FAULT_IO, "out of memory");
	if (mail_put(&q->mailing.mail, out, err) < 0)
		return -1;
	q->mail.message = buf_slice(out);
	return 0;
}

/* Who gets it is part of what is sent; when, and under which name, is not. */
static int ask_digest(const struct smtp_shared *shared, const struct mailing *l, struct call *c,
		      struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct request *q = c->request;
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket mail 1"));
	digest_add(&d, slice_str(shared->lane));
	digest_add(&d, q->mail.partial ? S("send") : S("dead"));
	mailing_digest(l, &d);
	digest_end(&d, c->asked);
	return 0;
}

/* ---- what people see of it ------------------------------------------------------------------------------- */

/* "ada@example.org, ben@example.org and 4 more" */
static const char *name_recipients(struct call *c, const struct smtp_mail *mail)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	int r = 0;
	for (size_t i = 0; i < mail->to_n && i < SHOWN_MOST && r == 0; i++)
		r = buf_printf(&text, "%s%.*s", i ? ", " : "", SLICE(mail->to[i].mailbox));
	if (r == 0 && mail->to_n > SHOWN_MOST)
		r = buf_printf(&text, " and %zu more", mail->to_n - SHOWN_MOST);
	return r == 0 ? arena_str(c->arena, buf_slice(&text)) : "somebody";
}

static int show(struct call *c, const struct mailing *l, struct err *err)
{
	AUTO(buf_done) struct buf sends = { .max = MESSAGE_MAX };
	const struct request *q = c->request;
	c->shown = slice_str(arena_printf(c->arena, "mail to %s, Message-ID <%.*s>",
					  name_recipients(c, &q->mail), SLICE(q->id)));
	if (!c->wants_sends)
		return 0;
	if (mailing_put(l, &sends) < 0)
		return fail(err, FAULT_TOO_LARGE, "the mail is too large to be shown");
	c->sends = arena_copy(c->arena, buf_slice(&sends));
	return 0;
}

int smtp_call_ask(struct site *site, struct call *c, struct err *err)
{
	const struct smtp_call *o = site->options;
	const struct smtp_shared *shared = site->shared;
	struct request *q = arena_zero(c->arena, sizeof *q);
	struct slice sender = shared->sender[0] ? slice_str(shared->sender) : S(NOBODY_YET);
	if (mailing_ask(&o->mailing, sender, c, &q->mailing, err) < 0)
		return -1;
	make_envelope(o, c, &q->mailing, &q->mail);
	if (check_message(c, q, err) < 0)
		return -1;
	c->request = q;
	c->safety = c->retry_unsafe ? KEYED : UNSAFE;
	c->lane = slice_str(shared->lane);
	if (show(c, &q->mailing, err) < 0)
		return -1;
	return c->wants_asked ? ask_digest(shared, &q->mailing, c, err) : 0;
}

/* ---- what the server said ----------------------------------------------------------------------------------- */

static void put_refused(struct json_writer *w, const struct smtp_recipient *to)
{
	json_open(w, '{');
	json_key(w, "to");
	json_put_string(w, to->mailbox);
	json_key(w, "code");
	json_put_int(w, to->code);
	json_key(w, "text");
	json_put_string(w, to->text);
	json_close(w, '}');
}

static int put_answer(const struct request *q, const struct smtp_outcome *outcome, struct buf *out)
{
	const struct smtp_mail *m = &q->mail;
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "message_id");
	json_put_string(&w, q->id);
	json_key(&w, "response");
	json_put_string(&w, outcome->text);
	json_key(&w, "accepted");
	json_open(&w, '[');
	for (size_t i = 0; i < m->to_n; i++)
		if (m->to[i].fate == SMTP_ACCEPTED)
			json_put_string(&w, m->to[i].mailbox);
	json_close(&w, ']');
	json_key(&w, "refused");
	json_open(&w, '[');
	for (size_t i = 0; i < m->to_n; i++)
		if (m->to[i].fate != SMTP_ACCEPTED)
			put_refused(&w, &m->to[i]);
	json_close(&w, ']');
	json_close(&w, '}');
	return json_writer_end(&w);
}

static void give_answer(struct call *c, const struct request *q, const struct smtp_outcome *outcome)
{
	c->verdict = VERDICT_ANSWER;
	c->answer.status = outcome->code;
	c->answer.body = BODY_JSON;
	c->answer.type = S("application/json");
	c->answer.checked = true;
	if (put_answer(q, outcome, &c->answer.value) == 0)
		return;
	c->verdict = VERDICT_FAULT;
	c->err.sent = true;
	fail(&c->err, FAULT_IO, "out of memory");
}

static void blame(struct call *c, const struct request *q)
{
	struct err *err = &c->err;
	if (err->fault == FAULT_CANCELLED || err->fault == FAULT_CONFIG || err->away)
		return;
	if (err->sent)
		err_wrap(err, "mail to %s, Message-ID <%.*s>", name_recipients(c, &q->mail),
			 SLICE(q->id));
	else
		err_wrap(err, "mail to %s", name_recipients(c, &q->mail));
}

void smtp_call_call(struct site *site, struct call *c)
{
	struct smtp_shared *shared = site->shared;
	struct request *q = c->request;
	AUTO(buf_done) struct buf message = { .max = MESSAGE_MAX };
	AUTO(smtp_outcome_done) struct smtp_outcome outcome = { .code = 0 };
	for (size_t i = 0; i < q->mail.to_n; i++)
		q->mail.to[i] = (struct smtp_recipient){ .mailbox = q->mail.to[i].mailbox };
	c->verdict = VERDICT_FAULT;
	if (write_message(c, q, &message, &c->err) == 0 &&
	    smtp_send(shared->client, &q->mail, &outcome, &c->err) == 0)
		give_answer(c, q, &outcome);
	else
		blame(c, q);
	q->mail.message = (struct slice){ 0 };
}
