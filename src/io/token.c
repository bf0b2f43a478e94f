/* token.c - who asks for a token, and who waits for it
 *
 * What this room is for: a thousand calls that find the token too old must not become a thousand questions to the server that gives them.
 * What flows through:    a fetch in, copies of its token out.
 * What must hold:        see token.h. Who waits for the lock looks again before it asks. */
#include "io/token.h"
#include "base/json.h"
#include "base/units.h"
#include "base/utf8.h"
#include <hocket/run.h>
#include <strings.h>

#define JUST_MADE_NS (10 * HK_SEC)
#define MARGIN_NS    (30 * HK_SEC)
#define MAX_LIFE_S   (INT64_C(366) * 86400)
#define NO_END       INT64_MAX

void buf_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

void token_done(struct token *t)
{
	buf_wipe(&t->text);
}

/* ---- one for all ------------------------------------------------------------------------------------------ */

static bool fresh(const struct token *t)
{
	return t->text.n > 0 && hk_now_ns() < t->until_ns;
}

static void keep(struct token *t, struct buf *text, int64_t life_ns)
{
	int64_t margin = life_ns / 10 < MARGIN_NS ? life_ns / 10 : MARGIN_NS;
	buf_wipe(&t->text);
	t->text = buf_take(text);
	t->made_ns = hk_now_ns();
	t->until_ns = life_ns ? t->made_ns + life_ns - margin : NO_END;
	t->version++;
}

/* The lock is held. `before`: tries that were over when we began to wait. */
static int renew(struct token *t, token_fetch *fetch, void *arg, uint64_t before,
		 struct err *err) SUSPENDS
{
	AUTO(buf_wipe) struct buf text = { 0 };
	int64_t life_ns = 0;
	if (fresh(t))
		return 0;
	if (t->tries != before && t->failed) {
		*err = t->failure;
		return -1;
	}
	int r = fetch(arg, &text, &life_ns, err);
	t->tries++;
	t->failed = r < 0 && err->fault != FAULT_CANCELLED;
	if (r == 0)
		keep(t, &text, life_ns);
	else
		err->sent = false;
	if (t->failed)
		t->failure = *err;
	return r;
}

int token_get(struct token *t, token_fetch *fetch, void *arg, struct buf *out,
	      uint64_t *ret_version, struct err *err)
{
	uint64_t before = t->tries;
	if (!fresh(t)) {
		int r = hk_mutex_lock(&t->turn);
		if (r < 0)
			return fail_errno(err, FAULT_IO, r, "waiting for a token");
		r = renew(t, fetch, arg, before, err);
		hk_mutex_unlock(&t->turn);
		if (r < 0)
			return r;
	}
	*ret_version = t->version;
	int r = buf_add(out, buf_slice(&t->text));
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the token does not fit") : 0;
}

bool token_refused(struct token *t, uint64_t version)
{
	if (t->version != version)
		return true;
	if (hk_now_ns() - t->made_ns < JUST_MADE_NS)
		return false;
	t->until_ns = 0;
	return true;
}

/* ---- what token servers say ------------------------------------------------------------------------------- */

/* A field's text; empty: not there, or neither text nor number. */
static int field_text(struct slice json, const char *name, struct buf *out)
{
	struct slice raw;
	if (json_type(json) != JSON_OBJECT || !json_field(json, slice_str(name), &raw))
		return 0;
	if (json_type(raw) == JSON_NUMBER)
		return buf_add(out, raw);
	return json_type(raw) == JSON_STRING ? json_unquote(raw, out) : 0;
}

static int64_t life_of(struct slice json)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct slice whole, fraction;
	int64_t s;
	if (field_text(json, "expires_in", &text) < 0)
		return 0;
	(void)slice_cut(buf_slice(&text), '.', &whole, &fraction);
	if (units_int(whole, &s) < 0 || s <= 0)
		return 0;
	return (s < MAX_LIFE_S ? s : MAX_LIFE_S) * HK_SEC;
}

int token_read(struct slice answer, struct buf *text, int64_t *life_ns)
{
	if (json_check(answer, NULL) < 0)
		return -1;
	struct slice json = json_trim(answer);
	if (field_text(json, "access_token", text) < 0 || text->n == 0)
		return -1;
	*life_ns = life_of(json);
	return 0;
}

void token_put_reason(struct slice answer, struct buf *out)
{
	AUTO(buf_done) struct buf error = { 0 }, more = { 0 };
	size_t from = out->n;
	if (json_check(answer, NULL) < 0)
		return;
	struct slice json = json_trim(answer);
	if (field_text(json, "error", &error) < 0 ||
	    field_text(json, "error_description", &more) < 0 || error.n == 0)
		return;
	(void)!buf_printf(out, ": %.*s", SLICE(utf8_head(buf_slice(&error), 60)));
	if (more.n)
		(void)!buf_printf(out, ": %.*s", SLICE(utf8_head(buf_slice(&more), 160)));
	for (size_t i = from; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}
