/* mock.c - `mock:` of a test: what a call is answered with instead of being made
 *
 *   {name: Ana}                              the body, with status 200; of sql: a list, the rows
 *   {$status: 429, $headers: {retry-after: 2}, $body: slow down}
 *   {$fault: timeout}                        no answer at all; {$state: '23505'}: a database's refusal
 *   {$attempts: [{$status: 503}, {ok: true}]}   a record's first attempt, its second; the last stays
 *   {$each: [{name: Ana}, {name: Ben}]}         for the first record of `in`, for the second
 *   {$jq: '{name: "user \(.id)"}'}           made from the record at the step, with $meta.attempt
 *
 * What this room is for: a test says in the shortest form what is said most often, the body, and everything else with words that no body
 *   has: they begin with $.
 * What flows through:    nodes of the file become trees of mocks; at a call one of them becomes its verdict.
 * What must hold:
 *  (1) what can be wrong in a mock is found with the file, but for what $jq makes. (2) an answer depends on the record and the attempt
 *  alone, never on which of many calls comes first. */
#include "base/json.h"
#include "base/units.h"
#include "engine/cases.h"
#include "engine/plan/planning.h"

#include <hocket/types.h>

#include "base/banned.h"

enum mock_kind { MOCK_ANSWER, MOCK_ATTEMPTS, MOCK_EACH, MOCK_JQ };
struct mock {
	enum mock_kind kind;
	struct slice answer; /* JSON */
	struct jq *program;
	struct mock *of;
	size_t n;
};
struct answer_words { /* an answer, understood; slices of its JSON */
	int status;
	struct slice headers, body; /* empty: none */
	enum fault fault;
	char state[6];
};
/* Why it makes no sense: at which of its words, and what would. */
struct complaint_at {
	const char *word, *hint; /* word: its value is wrong; NULL: the key, or all of it */
	char key[80];
	struct err err;
};

static const char *const answer_keys[] = { "$status", "$headers", "$body", "$fault", "$state" };
static const char *const all_keys[] = { "$status", "$headers",  "$body", "$fault",
					"$state",  "$attempts", "$each", "$jq" };

/* ---- words of an answer --------------------------------------------------------------------------------- */

/* What the engine or the answer itself says, nobody raises. */
static bool can_be_mocked(enum fault f)
{
	switch (f) {
	case FAULT_NONE:
	case FAULT_STATUS:
	case FAULT_RATE_LIMITED:
	case FAULT_NOT_ACCEPTED:
	case FAULT_INVALID_JSON:
	case FAULT_JQ:
	case FAULT_IO:
	case FAULT_CONFIG:
	case FAULT_BROKEN:
	case FAULT_CANCELLED:
		return false;
	default:
		return true;
	}
}

static int read_fault(struct slice word, struct answer_words *ret, struct complaint_at *why)
{
	const char *names[FAULT_COUNT];
	size_t n = 0;
	for (int f = 0; f < FAULT_COUNT; f++) {
		if (!can_be_mocked((enum fault)f))
			continue;
		names[n++] = fault_name((enum fault)f);
		if (slice_eq_str(word, names[n - 1]))
			ret->fault = (enum fault)f;
	}
	if (ret->fault)
		return 0;
	why->word = "$fault";
	why->hint = nearest(word, names, n);
	return fail(&why->err, FAULT_CONFIG, "'%.*s' is no fault that a call can have",
		    SHOWN(word));
}

static int read_state(struct slice word, struct answer_words *ret, struct complaint_at *why)
{
	why->word = "$state";
	if (word.n != 5)
		return fail(&why->err, FAULT_CONFIG,
			    "an SQLSTATE has five characters, such as '23505', not '%.*s'",
			    SHOWN(word));
	memcpy(ret->state, word.p, 5);
	ret->fault = FAULT_SQL;
	return 0;
}

static int read_text(struct slice value, struct buf *out)
{
	return json_type(value) == JSON_STRING ? json_unquote(value, out) : buf_add(out, value);
}

static int read_status(struct slice value, struct answer_words *ret, struct complaint_at *why)
{
	int64_t status = 0;
	why->word = "$status";
	if (units_int(value, &status) < 0 || status < 100 || status > 599)
		return fail(&why->err, FAULT_CONFIG,
			    "a status is a number from 100 to 599, not %.*s", SHOWN(value));
	ret->status = (int)status;
	return 0;
}

static int read_word(struct slice key, struct slice value, struct answer_words *ret,
		     struct complaint_at *why)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	if (slice_eq_str(key, "$body")) {
		ret->body = value;
	} else if (slice_eq_str(key, "$status")) {
		return read_status(value, ret, why);
	} else if (slice_eq_str(key, "$headers")) {
		ret->headers = value;
		why->word = "$headers";
		if (json_type(value) != JSON_OBJECT)
			return fail(&why->err, FAULT_CONFIG,
				    "headers are a mapping of names to values");
	} else if (read_text(value, &text) < 0) {
		return fail(&why->err, FAULT_CONFIG, "'%.*s' is too long", SHOWN(key));
	} else if (slice_eq_str(key, "$fault")) {
		return read_fault(buf_slice(&text), ret, why);
	} else if (slice_eq_str(key, "$state")) {
		return read_state(buf_slice(&text), ret, why);
	}
	return 0;
}

static int refuse_key(struct slice key, struct complaint_at *why)
{
	bool word = key.n > 0 && key.p[0] == '$';
	snprintf(why->key, sizeof why->key, "%.*s", SLICE(key));
	if (!word)
		return fail(
			&why->err, FAULT_CONFIG,
			"'%.*s' stands beside words that begin with $: the body stands in $body",
			SHOWN(key));
	why->hint = nearest(key, all_keys, ARRAY_SIZE(all_keys));
	return fail(&why->err, FAULT_CONFIG, "'%.*s' is no word of a mock", SHOWN(key));
}

static bool is_key(struct slice key, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_str(key, keys[i]))
			return true;
	return false;
}

static int read_words(struct slice json, struct answer_words *ret, struct complaint_at *why)
{
	struct json_iter it = json_iter(json);
	struct slice raw, value;
	AUTO(buf_done) struct buf key = { 0 };
	while (json_next(&it, &raw, &value)) {
		buf_clear(&key);
		if (json_unquote(raw, &key) < 0)
			return fail(&why->err, FAULT_CONFIG, "a key is too long");
		if (!is_key(buf_slice(&key), answer_keys, ARRAY_SIZE(answer_keys)))
			return refuse_key(buf_slice(&key), why);
		if (read_word(buf_slice(&key), json_trim(value), ret, why) < 0)
			return -1;
	}
	return 0;
}

static bool has_words(struct slice json)
{
	struct json_iter it = json_iter(json);
	struct slice raw, value;
	while (json_type(json) == JSON_OBJECT && json_next(&it, &raw, &value))
		if (slice_starts(raw, S("\"$")) && !slice_starts(raw, S("\"$blob\"")))
			return true;
	return false;
}

static int read_answer(struct slice json, bool rows, struct answer_words *ret,
		       struct complaint_at *why)
{
	*ret = (struct answer_words){ .status = rows ? 0 : 200 };
	json = json_trim(json);
	if (!has_words(json))
		ret->body = json;
	else if (read_words(json, ret, why) < 0)
		return -1;
	if (rows && !ret->fault && (!ret->body.n || json_type(ret->body) != JSON_ARRAY))
		return fail(&why->err, FAULT_CONFIG, "rows are a list of mappings: [{...}, ...]");
	return 0;
}

/* ---- from the file ------------------------------------------------------------------------------------------ */

static bool mock_parse_into(struct planner *p, const struct node *node, const struct mock_of *of,
			    struct mock *ret);

static bool parse_list(struct planner *p, const struct node *list, const struct mock_of *of,
		       struct mock *ret)
{
	bool good = true, each = ret->kind == MOCK_EACH;
	if (list->kind != NODE_LIST || list->n == 0) {
		diag_add(p->diag, list->at, list->length, NULL,
			 each ? "'$each' wants a list: an answer for each record of `in`"
			      : "'$attempts' wants a list: the answers to a record's attempts");
		return false;
	}
	if (each && list->n != of->records) {
		diag_add(p->diag, list->at, list->length, NULL,
			 "'$each' has %zu answer%s, and `in` has %zu record%s", list->n,
			 list->n == 1 ? "" : "s", of->records, of->records == 1 ? "" : "s");
		return false;
	}
	ret->n = list->n;
	ret->of = arena_zero(p->arena, list->n * sizeof *ret->of);
	for (size_t i = 0; i < list->n; i++)
		good &= mock_parse_into(p, &list->items[i], of, &ret->of[i]);
	return good;
}

static bool parse_program(struct planner *p, const struct node *node, struct mock *ret)
{
	static const struct opt jq = { .name = "$jq", .type = OPT_JQ };
	if (node->kind != NODE_STRING)
		return option_refuse(p, node, NULL, "'$jq' wants a jq program, not %s",
				     node_kind_name(node));
	ret->program = option_compile(p, &jq, node, 0);
	return ret->program != NULL;
}

static bool parse_answer(struct planner *p, const struct node *node, const struct mock_of *of,
			 struct mock *ret)
{
	struct complaint_at why = { 0 };
	struct answer_words words;
	if (!node_to_json(p, node, &ret->answer))
		return false;
	if (read_answer(ret->answer, of->rows, &words, &why) == 0)
		return true;
	const struct node *at = why.word ? node_get(node, why.word) : node_key(node, why.key);
	at = at && at->length ? at : node;
	diag_add(p->diag, at->at, at->length,
		 why.hint ? arena_printf(p->arena, "did you mean '%s'?", why.hint) : NULL, "%s",
		 why.err.text);
	return false;
}

static bool mock_parse_into(struct planner *p, const struct node *node, const struct mock_of *of,
			    struct mock *ret)
{
	static const char *const forms[] = {
		[MOCK_ATTEMPTS] = "$attempts", [MOCK_EACH] = "$each", [MOCK_JQ] = "$jq"
	};
	for (size_t i = MOCK_ATTEMPTS; i < ARRAY_SIZE(forms); i++) {
		const struct node *value = node_get(node, forms[i]), *key;
		if (!value)
			continue;
		key = node_key(node, forms[i]);
		ret->kind = (enum mock_kind)i;
		if (node->n > 1)
			return option_refuse(p, key, NULL, "'%s' stands alone", forms[i]);
		return i == MOCK_JQ ? parse_program(p, value, ret) : parse_list(p, value, of, ret);
	}
	return parse_answer(p, node, of, ret);
}

const struct mock *mock_parse(struct planner *p, const struct node *node, const struct mock_of *of)
{
	struct mock *m = arena_zero(p->arena, sizeof *m);
	return mock_parse_into(p, node, of, m) ? m : NULL;
}

/* ---- at a call -------------------------------------------------------------------------------------------------- */

static void give_fault(const struct answer_words *w, struct call *c)
{
	c->verdict = VERDICT_FAULT;
	fail(&c->err, w->fault, "%.*s: the test's mock says '%s'", SLICE(c->shown),
	     fault_name(w->fault));
	c->err.clock = w->fault == FAULT_TIMEOUT ? CLOCK_TOTAL : CLOCK_NONE;
	c->err.code = w->fault != FAULT_SMTP ? 0 : w->status >= 400 ? w->status : 550;
	c->err.sent =
		w->fault == FAULT_TIMEOUT || w->fault == FAULT_RESET || w->fault == FAULT_TRUNCATED;
	memcpy(c->err.state, w->state, sizeof c->err.state);
}

/* As $res.headers has them: names in lower case, values as text. */
static int put_headers(struct slice headers, struct call *c, struct buf *type)
{
	struct json_writer w = json_writer(&c->answer.headers);
	struct json_iter it = json_iter(headers);
	AUTO(buf_done) struct buf name = { .max = 4096 }, text = { .max = 1u << 20 };
	struct slice raw, value;
	int r = 0;
	json_open(&w, '{');
	while (r == 0 && headers.n && json_next(&it, &raw, &value)) {
		buf_clear(&name);
		buf_clear(&text);
		r = json_unquote(raw, &name);
		r = r < 0 ? r : read_text(json_trim(value), &text);
		for (size_t i = 0; i < name.n; i++)
			name.p[i] |= name.p[i] >= 'A' && name.p[i] <= 'Z' ? 0x20 : 0;
		int64_t after_s = 0;
		if (slice_eq(buf_slice(&name), S("retry-after")) &&
		    units_int(buf_slice(&text), &after_s) == 0 && after_s > 0)
			c->err.retry_after_ns = after_s * HK_SEC;
		if (r == 0 && slice_eq(buf_slice(&name), S("content-type")))
			r = buf_add(type, buf_slice(&text));
		json_key(&w, name.p ? name.p : "");
		json_put_string(&w, buf_slice(&text));
	}
	json_close(&w, '}');
	int end = json_writer_end(&w);
	return r < 0 ? r : end;
}

static enum body kind_of(bool text, struct slice type)
{
	if (!text || (type.n && memmem(type.p, type.n, "json", 4)))
		return BODY_JSON;
	return !type.n || slice_starts(type, S("text/")) || memmem(type.p, type.n, "xml", 3)
		       ? BODY_TEXT
		       : BODY_BLOB;
}

static int give_answer(const struct answer_words *w, struct call *c)
{
	AUTO(buf_done) struct buf type = { .max = 4096 };
	struct answer *a = &c->answer;
	bool text = w->body.n && json_type(w->body) == JSON_STRING;
	int r = put_headers(w->headers, c, &type);
	c->verdict = VERDICT_ANSWER;
	a->status = w->status;
	a->type = arena_copy(c->arena, type.n ? buf_slice(&type)
				       : text ? S("text/plain")
					      : S("application/json"));
	a->body = w->body.n ? kind_of(text, buf_slice(&type)) : BODY_NONE;
	if (r == 0 && w->body.n)
		r = read_text(w->body, &a->value);
	return r;
}

static const struct mock *choose(const struct mock *m, const struct call *c, struct err *err)
{
	while (m->kind == MOCK_ATTEMPTS || m->kind == MOCK_EACH) {
		bool each = m->kind == MOCK_EACH;
		uint64_t i = (each ? c->env->meta->position : c->attempt) - 1;
		if (each && i >= m->n) {
			fail(err, FAULT_CONFIG,
			     "'$each' answers the records of `in`; this one was made of several: "
			     "use $jq");
			return NULL;
		}
		m = &m->of[i < m->n ? i : m->n - 1];
	}
	return m;
}

int mock_answer(const struct mock *m, bool rows, struct call *c, struct err *err)
{
	AUTO(buf_done) struct buf made = { .max = 64u << 20 };
	struct complaint_at why = { 0 };
	struct answer_words words;
	m = choose(m, c, err);
	if (!m)
		return -1;
	if (m->kind == MOCK_JQ) {
		int n = jq_one(m->program, c->env, &made, err);
		if (n < 0 && err->fault != FAULT_CANCELLED)
			err->fault = FAULT_CONFIG; /* the test is wrong, not the record */
		if (n < 0)
			return err_wrap(err, "mock: $jq: ");
		if (n == 0)
			return fail(err, FAULT_CONFIG, "mock: $jq gave no answer for this record");
	}
	if (read_answer(m->kind == MOCK_JQ ? buf_slice(&made) : m->answer, rows, &words, &why) < 0)
		return fail(err, FAULT_CONFIG, "mock: %s", why.err.text);
	if (words.fault)
		give_fault(&words, c);
	else if (give_answer(&words, c) < 0)
		return fail(err, FAULT_IO, "out of memory");
	return 0;
}
