/* addressees.c - who a mail is from and to: what a record says, as addresses
 *
 * What this room is for: the forms in which people write addresses, in files and in records.
 *
 *     to: news@example.org          itself (no jq program looks like that)
 *     to: .email                    a text, or a list of them
 *     to: {name: .name, email: .email}
 *     cc: '[.boss, .team[]]'
 *
 * What flows through:    JSON values in; addresses out, whose bytes lie in the call's arena.
 * What must hold:
 *  (1) a text is one address: a comma in it never makes two of it, nor does a line break anything else.
 *  (2) nobody is what null, "" and [] say, also within a list; whether there may be nobody, others decide. */
#include "connectors/mail/addressees.h"
#include "base/banned.h"
#include "base/json.h"

#define VALUE_MAX (1u << 20)

/* ---- one address ---------------------------------------------------------------------------------- */

static int add(struct call *c, const struct mail_address *a, struct addressees *to, struct err *err)
{
	if (to->n == ADDRESSEES_MAX)
		return fail(err, FAULT_BAD_VALUE, "more than %d addresses in one mail",
			    ADDRESSEES_MAX);
	to->v[to->n++] = (struct mail_address){ .name = arena_copy(c->arena, a->name),
						.mailbox = arena_copy(c->arena, a->mailbox) };
	return 0;
}

static int add_text(struct call *c, struct slice raw, struct slice name, struct addressees *to,
		    struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = VALUE_MAX }, storage = { .max = VALUE_MAX };
	struct mail_address a = { 0 };
	if (json_unquote(raw, &text) < 0)
		return fail(err, FAULT_BAD_VALUE, "an address of more than a megabyte");
	struct slice whole = slice_trim(buf_slice(&text));
	if (whole.n == 0)
		return 0;
	/* Of blanks around it, only those that cannot end a line are a slip of the pen. */
	if (memchr(text.p, '\r', text.n) || memchr(text.p, '\n', text.n))
		whole = buf_slice(&text);
	if (mail_address_parse(whole, &a, &storage, err) < 0)
		return -1;
	if (name.n)
		a.name = name;
	return add(c, &a, to, err);
}

static int refuse(struct slice value, struct err *err)
{
	return fail(err, FAULT_BAD_VALUE,
		    "wants an address, {\"name\", \"email\"} or a list of those, not %.*s",
		    SLICE(utf8_head(value, 80)));
}

/* {"name": "Ada Lovelace", "email": "ada@example.org"}; the name may be missing. */
static int add_object(struct call *c, struct slice object, struct addressees *to, struct err *err)
{
	AUTO(buf_done) struct buf name = { .max = VALUE_MAX };
	struct slice email, raw;
	if (!json_field(object, S("email"), &email))
		return refuse(object, err);
	if (json_type(email) == JSON_NULL)
		return 0;
	if (json_type(email) != JSON_STRING)
		return refuse(object, err);
	if (json_field(object, S("name"), &raw) && json_type(raw) != JSON_NULL &&
	    (json_type(raw) != JSON_STRING || json_unquote(raw, &name) < 0))
		return refuse(object, err);
	return add_text(c, email, slice_trim(buf_slice(&name)), to, err);
}

static int add_value(struct call *c, struct slice value, struct addressees *to, struct err *err)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return 0;
	case JSON_STRING:
		return add_text(c, value, (struct slice){ 0 }, to, err);
	case JSON_OBJECT:
		return add_object(c, value, to, err);
	default:
		return refuse(value, err);
	}
}

/* ---- what a program gives ----------------------------------------------------------------------------- */

static size_t count(struct slice value)
{
	struct slice key, item;
	size_t n = 0;
	if (json_type(value) != JSON_ARRAY)
		return 1;
	struct json_iter it = json_iter(value);
	while (n <= ADDRESSEES_MAX && json_next(&it, &key, &item))
		n++;
	return n;
}

static int add_all(struct call *c, struct slice value, struct addressees *to, struct err *err)
{
	struct slice key, item;
	size_t n = count(value);
	to->v = arena_zero(c->arena, (n + 1) * sizeof *to->v);
	if (json_type(value) != JSON_ARRAY)
		return add_value(c, value, to, err);
	struct json_iter it = json_iter(value);
	while (json_next(&it, &key, &item))
		if (add_value(c, json_trim(item), to, err) < 0)
			return -1;
	return 0;
}

int addressees_ask(const struct jq *program, const char *option, struct call *c,
		   struct addressees *ret, struct err *err)
{
	AUTO(buf_done) struct buf value = { .max = VALUE_MAX };
	*ret = (struct addressees){ 0 };
	if (!program)
		return 0;
	int n = jq_one(program, c->env, &value, err);
	if (n == 0)
		return 0;
	if (n > 0 && add_all(c, json_trim(buf_slice(&value)), ret, err) == 0)
		return 0;
	return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "%s: ", option);
}

/* ---- in the file ------------------------------------------------------------------------------------------ */

static bool is_bare(struct slice text, const char *at)
{
	if (at == text.p || *text.p == '.' || *text.p == '$')
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (strchr(" \t\"'()[]{}|,;\\", text.p[i]))
			return false;
	return true;
}

/* "a@b.c; c@d.e": each word of it would be an address. */
static bool are_several(struct slice text)
{
	size_t n = 0;
	while (text.n > 0) {
		size_t end = 0;
		while (end < text.n && !strchr(",; \t", text.p[end]))
			end++;
		struct slice word = slice_head(text, end);
		const char *at = end ? memchr(word.p, '@', word.n) : NULL;
		if (end > 0 && (!at || !is_bare(word, at)))
			return false;
		n += end > 0;
		text = slice_from(text, end + (end < text.n));
	}
	return n > 1;
}

/* No jq program ends with '>' or has a word right before an '@': nothing is taken for an address that is not meant as one. */
int address_literal(struct slice text, struct err *err)
{
	AUTO(buf_done) struct buf storage = { .max = VALUE_MAX };
	struct mail_address a;
	text = slice_trim(text);
	const char *at = text.n ? memchr(text.p, '@', text.n) : NULL;
	bool filled = text.n && memmem(text.p, text.n, "\\(", 2);
	if (at && are_several(text))
		return fail(err, FAULT_CONFIG,
			    "several addresses are a list: [ada@example.org, bob@example.org]");
	bool named = (at || filled) && slice_ends(text, S(">")) && memchr(text.p, '<', text.n);
	if (!named && (!at || !is_bare(text, at)))
		return 0;
	if (filled)
		return fail(err, FAULT_CONFIG,
			    "what a record fills in is jq here: {name: .name, email: .email}");
	return mail_address_parse(text, &a, &storage, err) < 0 ? -1 : 1;
}
