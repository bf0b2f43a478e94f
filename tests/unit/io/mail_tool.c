/* mail_tool.c - mails as a command, for tests that judge by other people's programs (tests/e2e/test_mime.py, test_mail_servers.py)
 *
 *   mail_tool put                       a line of JSON a mail in; {"message": base64} or {"error": class, "text"} a line out
 *   mail_tool send URL [option]...      the same mails, sent; {"code", "text", "to": [...]} or {"error", ..., "sent"} a line out, in order
 *
 *   A mail: {"from", "to": [...], "cc", "reply_to", "subject", "text", "html", "id", "date" (ns), "utf8", "partial", "headers": {...},
 *            "parts": [{"data": base64, "type", "name", "cid"}], "envelope": [...], "message": base64 in place of all these}
 *   Options: tasks=N connections=N per_connection=N ca=FILE tls=required|offered|never|at_once bearer=... plain_auth=yes insecure=yes
 *            reply=MS data=MS hello=... */
#include "base/arena.h"
#include "base/json.h"
#include "base/units.h"
#include "io/db/db_base64.h"
#include "io/mime.h"
#include "io/smtp.h"
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 2000 };

struct tool {
	int argc;
	char **argv;
	struct smtp *smtp;
	struct slice rest; /* lines that nobody took yet */
	struct buf *answers;
	size_t next, n;
};

struct spec { /* a mail, read */
	struct arena *arena;
	struct buf storage, message;
	struct mail mail;
	struct mail_address to[LIST_MAX], cc[LIST_MAX];
	struct mail_part parts[16];
	struct mail_header headers[16];
	struct smtp_recipient envelope[LIST_MAX];
	size_t envelope_n;
	struct slice from;
	bool utf8, partial;
};

static struct slice option(const struct tool *t, const char *name)
{
	size_t n = strlen(name);
	for (int i = 3; i < t->argc; i++)
		if (strncmp(t->argv[i], name, n) == 0)
			return slice_str(t->argv[i] + n);
	return S("");
}

static int64_t number(const struct tool *t, const char *name)
{
	int64_t n = 0;
	struct slice text = option(t, name);
	ASSERT(!text.n || units_int(text, &n) == 0);
	return n;
}

/* ---- reading a mail ---------------------------------------------------------------------------------- */

static struct slice text_of(const struct json *o, const char *key)
{
	const struct json *v = json_get(o, slice_str(key));
	return v && v->type == JSON_STRING ? v->string : S("");
}

static bool bool_of(const struct json *o, const char *key)
{
	const struct json *v = json_get(o, slice_str(key));
	return v && v->type == JSON_TRUE;
}

static struct slice bytes_of(struct spec *s, const struct json *o, const char *key)
{
	size_t before = s->storage.n;
	ASSERT(db_base64_read(text_of(o, key), &s->storage) == 0);
	return slice_from(buf_slice(&s->storage), before);
}

static int read_addresses(struct spec *s, const struct json *o, const char *key,
			  struct mail_address *ret, size_t *n, struct err *err)
{
	const struct json *v = json_get(o, slice_str(key));
	for (size_t i = 0; v && i < v->n; i++) {
		ASSERT(i < LIST_MAX);
		if (mail_address_parse(v->items[i].string, &ret[i], &s->storage, err) < 0)
			return -1;
		*n = i + 1;
	}
	return 0;
}

static int read_address(struct spec *s, const struct json *o, const char *key,
			struct mail_address *ret, struct err *err)
{
	struct slice text = text_of(o, key);
	return text.n ? mail_address_parse(text, ret, &s->storage, err) : 0;
}

static void read_parts(struct spec *s, const struct json *o)
{
	const struct json *v = json_get(o, S("parts"));
	s->mail.parts = s->parts;
	for (size_t i = 0; v && i < v->n; i++) {
		ASSERT(i < ARRAY_SIZE(s->parts));
		const struct json *p = &v->items[i];
		s->parts[i] = (struct mail_part){ .data = bytes_of(s, p, "data"),
						  .type = text_of(p, "type"),
						  .filename = text_of(p, "name"),
						  .content_id = text_of(p, "cid") };
		s->mail.parts_n = i + 1;
	}
}

static void read_headers(struct spec *s, const struct json *o)
{
	const struct json *v = json_get(o, S("headers"));
	s->mail.headers = s->headers;
	for (size_t i = 0; v && i < v->n; i++) {
		ASSERT(i < ARRAY_SIZE(s->headers));
		s->headers[i] = (struct mail_header){ v->keys[i], v->items[i].string };
		s->mail.headers_n = i + 1;
	}
}

static void read_envelope(struct spec *s, const struct json *o)
{
	const struct json *v = json_get(o, S("envelope"));
	for (size_t i = 0; v && i < v->n; i++)
		s->envelope[s->envelope_n++].mailbox = v->items[i].string;
	for (size_t i = 0; !v && i < s->mail.to_n; i++)
		s->envelope[s->envelope_n++].mailbox = s->to[i].mailbox;
	for (size_t i = 0; !v && i < s->mail.cc_n; i++)
		s->envelope[s->envelope_n++].mailbox = s->cc[i].mailbox;
	s->from = json_get(o, S("envelope_from")) ? text_of(o, "envelope_from")
						  : s->mail.from.mailbox;
}

static int read_mail(struct spec *s, struct slice line, struct err *err)
{
	struct json *o;
	struct mail *m = &s->mail;
	ASSERT(json_parse(s->arena, line, &o, NULL) == 0);
	ASSERT(buf_reserve(&s->storage, 2 * line.n + 300 * LIST_MAX) == 0);
	m->to = s->to;
	m->cc = s->cc;
	s->utf8 = m->utf8 = bool_of(o, "utf8");
	s->partial = bool_of(o, "partial");
	if (read_address(s, o, "from", &m->from, err) < 0 ||
	    read_address(s, o, "reply_to", &m->reply_to, err) < 0 ||
	    read_addresses(s, o, "to", s->to, &m->to_n, err) < 0 ||
	    read_addresses(s, o, "cc", s->cc, &m->cc_n, err) < 0)
		return -1;
	read_parts(s, o);
	read_headers(s, o);
	read_envelope(s, o);
	m->subject = text_of(o, "subject");
	m->text = text_of(o, "text");
	m->html = text_of(o, "html");
	m->message_id = text_of(o, "id");
	const struct json *date = json_get(o, S("date"));
	ASSERT(!date || units_int(date->raw, &m->date_ns) == 0);
	if (!json_get(o, S("message")))
		return mail_put(m, &s->message, err);
	return buf_add(&s->message, bytes_of(s, o, "message"));
}

static void spec_free(struct spec *s)
{
	arena_free(s->arena);
	buf_done(&s->storage);
	buf_done(&s->message);
	free(s);
}

/* ---- answers ---------------------------------------------------------------------------------------------- */

static void put_error(struct json_writer *w, const struct err *err)
{
	char class[64];
	err_class(err, class, sizeof(class));
	json_key(w, "error");
	json_put_string(w, slice_str(class));
	json_key(w, "text");
	json_put_string(w, slice_str(err->text));
	json_key(w, "sent");
	json_put_bool(w, err->sent);
	json_key(w, "whole");
	json_put_bool(w, err->whole);
}

static void put_recipients(struct json_writer *w, const struct spec *s)
{
	static const char *const fates[] = { "not_asked", "accepted", "refused",
					     "refused_for_now" };
	json_key(w, "to");
	json_open(w, '[');
	for (size_t i = 0; i < s->envelope_n; i++) {
		json_open(w, '{');
		json_key(w, "fate");
		json_put_string(w, slice_str(fates[s->envelope[i].fate]));
		json_key(w, "code");
		json_put_int(w, s->envelope[i].code);
		json_key(w, "text");
		json_put_string(w, s->envelope[i].text);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void answer_put(struct spec *s, int r, const struct err *err, struct json_writer *w)
{
	AUTO(buf_done) struct buf text = { .max = 1 << 30 };
	if (r < 0) {
		put_error(w, err);
		return;
	}
	ASSERT(db_base64_put(buf_slice(&s->message), &text) == 0);
	json_key(w, "message");
	json_put_string(w, buf_slice(&text));
}

static void answer_send(struct tool *t, struct spec *s, int r, struct err *err,
			struct json_writer *w) SUSPENDS
{
	AUTO(smtp_outcome_done) struct smtp_outcome out = { 0 };
	struct smtp_mail m = { .from = s->from,
			       .to = s->envelope,
			       .to_n = s->envelope_n,
			       .message = buf_slice(&s->message),
			       .utf8 = s->utf8,
			       .partial = s->partial };
	if (r == 0)
		r = smtp_send(t->smtp, &m, &out, err);
	if (r < 0)
		put_error(w, err);
	json_key(w, r < 0 ? "no_code" : "code");
	json_put_int(w, out.code);
	if (r == 0) {
		json_key(w, "text");
		json_put_string(w, out.text);
	}
	put_recipients(w, s);
}

static void answer(struct tool *t, struct slice line, struct buf *out) SUSPENDS
{
	struct spec *s = xcalloc(1, sizeof(*s));
	struct err err = { 0 };
	struct json_writer w = json_writer(out);
	s->arena = arena_new();
	s->storage.max = s->message.max = 1 << 30;
	int r = read_mail(s, line, &err);
	json_open(&w, '{');
	if (t->smtp)
		answer_send(t, s, r, &err, &w);
	else
		answer_put(s, r, &err, &w);
	json_close(&w, '}');
	ASSERT(json_writer_end(&w) == 0);
	spec_free(s);
}

/* ---- verbs -------------------------------------------------------------------------------------------------- */

static int work(void *arg) SUSPENDS
{
	struct tool *t = arg;
	struct slice line;
	while (t->rest.n > 0) {
		slice_cut(t->rest, '\n', &line, &t->rest);
		struct buf *out = &t->answers[t->next++];
		out->max = 1 << 30;
		answer(t, line, out);
	}
	return 0;
}

static int work_all(struct tool *t) SUSPENDS
{
	AUTO(buf_done) struct buf in = { .max = 1 << 30 };
	struct hk_group g;
	ssize_t n = 1;
	while (n > 0) {
		ASSERT(buf_reserve(&in, 1 << 20) == 0);
		n = hk_read(0, in.p + in.n, 1 << 20);
		buf_added(&in, n > 0 ? (size_t)n : 0);
	}
	for (size_t i = 0; i < in.n; i++)
		t->n += in.p[i] == '\n';
	t->answers = xcalloc(t->n + 1, sizeof(*t->answers));
	t->rest = buf_slice(&in);
	hk_group_open(&g, NULL);
	int64_t tasks = number(t, "tasks=");
	for (int64_t i = 0; i < (tasks ? tasks : 1); i++)
		ASSERT(hk_spawn(&g, work, t) == 0);
	int r = hk_group_close(&g, 0);
	for (size_t i = 0; i < t->next; i++) {
		printf("%s\n", t->answers[i].p);
		buf_done(&t->answers[i]);
	}
	free(t->answers);
	return r;
}

static int open_server(struct tool *t, struct err *err)
{
	static const char *const words[] = { "required", "offered", "never", "at_once" };
	AUTO(buf_done) struct buf storage = { 0 };
	struct smtp_options o = { 0 };
	struct slice tls = option(t, "tls="), ca = option(t, "ca=");
	if (smtp_url(slice_str(t->argv[2]), &o, &storage, err) < 0)
		return -1;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_str(tls, words[i]))
			o.tls = (enum smtp_tls)i;
	o.ca_file = ca.n ? ca.p : NULL;
	o.bearer = option(t, "bearer=");
	o.hello = option(t, "hello=");
	o.insecure = option(t, "insecure=").n;
	o.plain_auth = option(t, "plain_auth=").n;
	o.connections = (unsigned)number(t, "connections=");
	o.per_connection = (unsigned)number(t, "per_connection=");
	o.reply_ns = number(t, "reply=") * HK_MS;
	o.data_ns = number(t, "data=") * HK_MS;
	return smtp_open(&o, &t->smtp, err);
}

static int run(void *arg) SUSPENDS
{
	struct tool *t = arg;
	struct err err = { 0 };
	bool put = strcmp(t->argv[1], "put") == 0;
	if (!put && open_server(t, &err) < 0) {
		printf("{\"error\":\"%s\",\"text\":\"%s\"}\n", fault_name(err.fault), err.text);
		return 0;
	}
	int r = work_all(t);
	smtp_close(t->smtp);
	return r;
}

int main(int argc, char **argv)
{
	struct tool t = { .argc = argc, .argv = argv };
	if (argc < 2 || (argc < 3 && strcmp(argv[1], "put") != 0)) {
		fprintf(stderr, "usage: mail_tool put | send URL [option]...\n");
		return 2;
	}
	return hk_run(run, &t, &(struct hk_run_options){ .stall_ns = HK_FOREVER }) < 0;
}
