/* mailing.c - from a record to a mail: subject, text, HTML, attachments, header fields
 *
 * What this room is for: the options that say what a reader sees, evaluated into a struct mail (io/mime.h), which knows how it is written.
 * What flows through:    texts from jq and templates, in the call's arena; bytes of blobs, borrowed from the record.
 * What must hold:
 *  (1) a mail says something: neither text nor HTML is bad_value, not an empty mail.
 *  (2) what a reader cannot be shown is refused here, with the option's name: an attachment that is not there, a subject of a megabyte.
 *  (3) header fields that mime.h makes are not the file's to give: a mistake in the file. */
#include "connectors/mail/mailing.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/mail/readable.h"
#include "connectors/objects/media.h"
#include "io/digest.h"

#define TEXT_MAX   (32u << 20)
#define WORDS_MAX  (64u << 10)
#define ATTACH_MAX (64u << 20)
#define PARTS_MAX  100
#define OCTETS     "application/octet-stream"

/* ---- the file ------------------------------------------------------------------------------------- */

static const char *const made_here[] = { "from",       "to",           "cc",          "bcc",
					 "sender",     "reply-to",     "subject",     "date",
					 "message-id", "mime-version", "return-path", "received" };
static const char *const as_options[] = { "from", "to", "cc", "bcc", "subject" };

static bool is_one_of(const char *name, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(slice_str(name), slice_str(words[i])))
			return true;
	return false;
}

/* RFC 5322 3.6.8: printable ASCII without a colon. */
static bool is_field_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')
			return false;
	return *name;
}

static void check_header(const char *name, struct diag *diag)
{
	bool content = slice_eq_nocase(slice_head(slice_str(name), 8), S("content-"));
	if (!is_field_name(name))
		diag_error(diag, "headers", "'%s' cannot name a header field", name);
	else if (is_one_of(name, as_options, ARRAY_SIZE(as_options)))
		diag_error(diag, "headers", "'%s' is an option of its own", name);
	else if (slice_eq_nocase(slice_str(name), S("reply-to")))
		diag_error(diag, "headers", "say where answers go with the option 'reply_to'");
	else if (content || is_one_of(name, made_here, ARRAY_SIZE(made_here)))
		diag_error(diag, "headers", "'%s' is made with the mail, not given", name);
}

void mailing_plan(const struct mailing_options *o, struct diag *diag)
{
	if (!o->text && !o->html)
		diag_error(diag, NULL, "what does the mail say? give text, html or both");
	if (!o->to && !o->cc && !o->bcc)
		diag_error(diag, NULL, "who gets the mail? give to: .email");
	for (size_t i = 0; i < o->headers.n; i++)
		check_header(o->headers.keys[i], diag);
}

/* ---- words -------------------------------------------------------------------------------------------- */

static int ask_words(const struct tpl *tpl, const char *option, struct call *c, struct slice *ret,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { .max = WORDS_MAX };
	if (tpl_text(tpl, c->env, &text, err) < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "%s: ", option);
	*ret = arena_copy(c->arena, buf_slice(&text));
	return 0;
}

static int ask_headers(const struct mailing_options *o, struct call *c, struct mail *m,
		       struct err *err) SUSPENDS
{
	struct tpl *const *values = o->headers.v;
	struct mail_header *v = arena_zero(c->arena, (o->headers.n + 1) * sizeof *v);
	for (size_t i = 0; i < o->headers.n; i++) {
		struct mail_header *h = &v[m->headers_n];
		h->name = slice_str(o->headers.keys[i]);
		if (ask_words(values[i], "headers", c, &h->value, err) < 0)
			return -1;
		m->headers_n += slice_trim(h->value).n > 0;
	}
	m->headers = v;
	return 0;
}

/* ---- text and HTML -------------------------------------------------------------------------------------- */

/* null and no value at all: there is none (ret->p NULL). */
static int ask_text(const struct jq *program, const char *option, struct call *c, struct slice *ret,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { .max = TEXT_MAX }, text = { .max = TEXT_MAX };
	*ret = (struct slice){ 0 };
	int n = program ? jq_one(program, c->env, &json, err) : 0;
	if (n < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "%s: ", option);
	struct slice value = json_trim(buf_slice(&json));
	if (n == 0 || json_type(value) == JSON_NULL)
		return 0;
	if (json_type(value) != JSON_STRING)
		return fail(err, FAULT_BAD_VALUE, "%s: wants text, not %.*s", option,
			    SLICE(utf8_head(value, 80)));
	if (json_unquote(value, &text) < 0)
		return fail(err, FAULT_TOO_LARGE, "%s: it does not fit into a mail", option);
	*ret = arena_copy(c->arena, buf_slice(&text));
	return 0;
}

static int make_plain(struct call *c, struct mail *m, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = TEXT_MAX };
	if (readable_put(m->html, &text) < 0)
		return fail(err, FAULT_TOO_LARGE, "html: it does not fit into a mail");
	m->text = text.n ? arena_copy(c->arena, buf_slice(&text)) : (struct slice){ 0 };
	return 0;
}

static int ask_texts(const struct mailing_options *o, struct call *c, struct mail *m,
		     struct err *err) SUSPENDS
{
	if (ask_text(o->text, "text", c, &m->text, err) < 0 ||
	    ask_text(o->html, "html", c, &m->html, err) < 0)
		return -1;
	if (m->text.n == 0 && m->html.n == 0)
		return fail(err, FAULT_BAD_VALUE,
			    "the mail would be empty: neither text nor html has anything for "
			    "this record");
	return m->html.n && !o->text ? make_plain(c, m, err) : 0;
}

/* ---- attachments ------------------------------------------------------------------------------------------ */

static int ask_field(struct call *c, struct slice item, const char *name, struct slice *ret,
		     struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = ATTACH_MAX };
	struct slice raw;
	if (!json_field(item, slice_str(name), &raw) || json_type(raw) == JSON_NULL)
		return 0;
	if (json_type(raw) != JSON_STRING || json_unquote(raw, &text) < 0)
		return fail(err, FAULT_BAD_VALUE, "attach: %s wants text, not %.*s", name,
			    SLICE(utf8_head(raw, 80)));
	*ret = arena_copy(c->arena, buf_slice(&text));
	return 0;
}

/* "report.pdf": the name of the field that has the bytes, with an ending for what they are. */
static struct slice name_of_blob(struct call *c, struct slice blob, struct slice type)
{
	AUTO(buf_done) struct buf name = { .max = 4096 };
	struct slice raw, ending = media_ending(type);
	if (!json_field(blob, S("$blob"), &raw) || json_unquote(raw, &name) < 0)
		return S("attachment");
	struct slice base = buf_slice(&name);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '.')
			base = slice_from(buf_slice(&name), i + 1);
	if (base.n == 0 || slice_eq(base, ending))
		base = S("attachment");
	return slice_str(arena_printf(c->arena, "%.*s%s%.*s", SLICE(base), ending.n ? "." : "",
				      SLICE(ending)));
}

static int take_blob(struct call *c, struct slice json, struct mail_part *part, struct err *err)
{
	const struct blob *blob = rec_blob(c->rec, json);
	struct slice own = { 0 };
	if (!blob)
		return fail(err, FAULT_BAD_VALUE, "attach: the record has no blob %.*s",
			    SLICE(utf8_head(json, 80)));
	if (ask_field(c, json, "type", &own, err) < 0)
		return -1;
	part->data = blob->bytes;
	if (part->type.n == 0)
		part->type = media_or_name(own, part->filename);
	if (part->filename.n == 0)
		part->filename = name_of_blob(c, json, part->type);
	return 0;
}

static int take_text(struct call *c, struct slice item, struct mail_part *part, struct err *err)
{
	if (ask_field(c, item, "text", &part->data, err) < 0)
		return -1;
	if (!part->data.p)
		return fail(err, FAULT_BAD_VALUE,
			    "attach: an attachment has a blob or a text: %.*s",
			    SLICE(utf8_head(item, 80)));
	if (part->type.n == 0)
		part->type = media_of_name(part->filename);
	if (part->type.n == 0)
		part->type = S("text/plain");
	/* It is UTF-8, being JSON's; text that says nothing is ASCII (RFC 2046 4.1.2). */
	if (slice_eq_nocase(slice_head(part->type, 5), S("text/")) &&
	    !memchr(part->type.p, ';', part->type.n))
		part->type =
			slice_str(arena_printf(c->arena, "%.*s; charset=utf-8", SLICE(part->type)));
	if (part->filename.n == 0)
		part->filename = S("attachment.txt");
	return 0;
}

/* A name that nobody reads is a misspelt one: {"text", "name": "a.csv"} would leave as attachment.txt. */
static int check_fields(struct slice item, struct err *err)
{
	static const char *const fields[] = { "\"blob\"", "\"text\"", "\"filename\"", "\"type\"",
					      "\"inline\"" };
	struct json_iter it = json_iter(item);
	struct slice key, value;
	while (json_next(&it, &key, &value)) {
		size_t i = 0;
		while (i < ARRAY_SIZE(fields) && !slice_eq_str(key, fields[i]))
			i++;
		if (i == ARRAY_SIZE(fields))
			return fail(err, FAULT_BAD_VALUE,
				    "attach: no %.*s in an attachment: it is {blob or text, "
				    "filename, type, inline}",
				    SLICE(utf8_head(key, 80)));
	}
	return 0;
}

/* {"$blob": ...}, {"blob": {"$blob": ...}, "filename", "type", "inline"}, {"text": "...", ...} */
static int take_part(struct call *c, struct slice item, struct mail_part *part, struct err *err)
{
	struct slice blob;
	if (json_type(item) != JSON_OBJECT)
		return fail(err, FAULT_BAD_VALUE,
			    "attach: wants a blob, or {blob or text, filename, type, inline}, "
			    "not %.*s",
			    SLICE(utf8_head(item, 80)));
	if (json_field(item, S("$blob"), &blob))
		return take_blob(c, item, part, err);
	if (check_fields(item, err) < 0 ||
	    ask_field(c, item, "filename", &part->filename, err) < 0 ||
	    ask_field(c, item, "type", &part->type, err) < 0 ||
	    ask_field(c, item, "inline", &part->content_id, err) < 0)
		return -1;
	return json_field(item, S("blob"), &blob) && json_type(blob) != JSON_NULL
		       ? take_blob(c, blob, part, err)
		       : take_text(c, item, part, err);
}

static int take_parts(struct call *c, struct slice value, struct mail *m, struct err *err)
{
	struct mail_part *v = arena_zero(c->arena, PARTS_MAX * sizeof *v);
	struct slice key, item;
	m->parts = v;
	if (json_type(value) != JSON_ARRAY) {
		m->parts_n = 1;
		return take_part(c, value, v, err);
	}
	struct json_iter it = json_iter(value);
	while (json_next(&it, &key, &item)) {
		if (json_type(item) == JSON_NULL)
			continue;
		if (m->parts_n == PARTS_MAX)
			return fail(err, FAULT_BAD_VALUE, "attach: more than %d attachments",
				    PARTS_MAX);
		if (take_part(c, json_trim(item), &v[m->parts_n++], err) < 0)
			return -1;
	}
	return 0;
}

static int ask_parts(const struct mailing_options *o, struct call *c, struct mail *m,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { .max = ATTACH_MAX };
	int n = o->attach ? jq_one(o->attach, c->env, &json, err) : 0;
	if (n < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "attach: ");
	struct slice value = json_trim(buf_slice(&json));
	return n == 0 || json_type(value) == JSON_NULL ? 0 : take_parts(c, value, m, err);
}

/* ---- who ------------------------------------------------------------------------------------------------------- */

static int ask_one(const struct jq *program, const char *option, struct call *c,
		   struct mail_address *ret, struct err *err) SUSPENDS
{
	struct addressees one;
	if (addressees_ask(program, option, c, &one, err) < 0)
		return -1;
	if (one.n > 1)
		return fail(err, FAULT_BAD_VALUE, "%s: one address, not %zu", option, one.n);
	*ret = one.n ? one.v[0] : (struct mail_address){ 0 };
	return 0;
}

static int ask_addresses(const struct mailing_options *o, struct call *c, struct mailing *l,
			 struct err *err) SUSPENDS
{
	struct addressees to, cc;
	struct mail *m = &l->mail;
	if ((o->from && ask_one(o->from, "from", c, &m->from, err) < 0) ||
	    ask_one(o->reply_to, "reply_to", c, &m->reply_to, err) < 0 ||
	    addressees_ask(o->to, "to", c, &to, err) < 0 ||
	    addressees_ask(o->cc, "cc", c, &cc, err) < 0 ||
	    addressees_ask(o->bcc, "bcc", c, &l->bcc, err) < 0)
		return -1;
	if (!m->from.mailbox.n)
		return fail(err, FAULT_BAD_VALUE, "from: there is no address");
	if (o->to ? to.n == 0 : cc.n + l->bcc.n == 0)
		return fail(err, FAULT_BAD_VALUE,
			    "%s: there is nobody to send it to: the record has no address there",
			    o->to   ? "to"
			    : o->cc ? "cc"
				    : "bcc");
	m->to = to.v;
	m->to_n = to.n;
	m->cc = cc.v;
	m->cc_n = cc.n;
	return 0;
}

int mailing_ask(const struct mailing_options *o, struct slice sender, struct call *c,
		struct mailing *ret, struct err *err)
{
	struct mail *m = &ret->mail;
	*ret = (struct mailing){ .mail = { .date_ns = c->env->meta->wall_ns } };
	m->from.mailbox = sender;
	if (ask_addresses(o, c, ret, err) < 0 ||
	    ask_words(o->subject, "subject", c, &m->subject, err) < 0 ||
	    ask_texts(o, c, m, err) < 0 || ask_parts(o, c, m, err) < 0 ||
	    ask_headers(o, c, m, err) < 0)
		return -1;
	return 0;
}

/* ---- for people ------------------------------------------------------------------------------------------------- */

static void put_address(struct json_writer *w, const struct mail_address *a)
{
	AUTO(buf_done) struct buf text = { .max = WORDS_MAX };
	int r = a->name.n ? buf_printf(&text, "%.*s <%.*s>", SLICE(a->name), SLICE(a->mailbox))
			  : buf_add(&text, a->mailbox);
	json_put_string(w, r < 0 ? a->mailbox : buf_slice(&text));
}

static void put_addresses(struct json_writer *w, const char *key, const struct mail_address *v,
			  size_t n)
{
	if (n == 0)
		return;
	json_key(w, key);
	json_open(w, '[');
	for (size_t i = 0; i < n; i++)
		put_address(w, &v[i]);
	json_close(w, ']');
}

static void put_text(struct json_writer *w, const char *key, struct slice text)
{
	if (text.n == 0)
		return;
	json_key(w, key);
	json_put_string(w, text);
}

static void put_headers(struct json_writer *w, const struct mail *m)
{
	AUTO(buf_done) struct buf name = { 0 };
	if (m->headers_n == 0)
		return;
	json_key(w, "headers");
	json_open(w, '{');
	for (size_t i = 0; i < m->headers_n; i++) {
		buf_clear(&name);
		if (buf_add(&name, m->headers[i].name) == 0)
			put_text(w, name.p, m->headers[i].value);
	}
	json_close(w, '}');
}

static void put_parts(struct json_writer *w, const struct mail *m)
{
	if (m->parts_n == 0)
		return;
	json_key(w, "attach");
	json_open(w, '[');
	for (size_t i = 0; i < m->parts_n; i++) {
		const struct mail_part *part = &m->parts[i];
		json_open(w, '{');
		put_text(w, "filename", part->filename);
		put_text(w, "type", part->type.n ? part->type : S(OCTETS));
		put_text(w, "inline", part->content_id);
		json_key(w, "bytes");
		json_put_int(w, (int64_t)part->data.n);
		json_close(w, '}');
	}
	json_close(w, ']');
}

int mailing_put(const struct mailing *l, struct buf *out)
{
	const struct mail *m = &l->mail;
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "from");
	put_address(&w, &m->from);
	put_addresses(&w, "to", m->to, m->to_n);
	put_addresses(&w, "cc", m->cc, m->cc_n);
	put_addresses(&w, "bcc", l->bcc.v, l->bcc.n);
	if (m->reply_to.mailbox.n) {
		json_key(&w, "reply_to");
		put_address(&w, &m->reply_to);
	}
	put_text(&w, "subject", m->subject);
	put_headers(&w, m);
	put_text(&w, "text", m->text);
	put_text(&w, "html", m->html);
	put_parts(&w, m);
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* ---- for keys ----------------------------------------------------------------------------------------------------- */

static void add_address(struct digest *d, const char *what, const struct mail_address *a)
{
	digest_add(d, slice_str(what));
	digest_add(d, a->name.p ? a->name : S(""));
	digest_add(d, a->mailbox.p ? a->mailbox : S(""));
}

static void add_part(struct digest *d, const struct mail_part *part)
{
	const struct slice words[] = { part->filename, part->type, part->content_id, part->data };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		digest_add(d, words[i].p ? words[i] : S(""));
}

void mailing_digest(const struct mailing *l, struct digest *d)
{
	const struct mail *m = &l->mail;
	const struct slice words[] = { m->subject, m->text, m->html };
	add_address(d, "from", &m->from);
	add_address(d, "reply_to", &m->reply_to);
	for (size_t i = 0; i < m->to_n; i++)
		add_address(d, "to", &m->to[i]);
	for (size_t i = 0; i < m->cc_n; i++)
		add_address(d, "cc", &m->cc[i]);
	for (size_t i = 0; i < l->bcc.n; i++)
		add_address(d, "bcc", &l->bcc.v[i]);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		digest_add(d, words[i].p ? words[i] : S(""));
	for (size_t i = 0; i < m->headers_n; i++) {
		digest_add(d, m->headers[i].name);
		digest_add(d, m->headers[i].value.p ? m->headers[i].value : S(""));
	}
	for (size_t i = 0; i < m->parts_n; i++)
		add_part(d, &m->parts[i]);
}
