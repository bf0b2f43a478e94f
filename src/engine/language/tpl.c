/* tpl.c - templates: text with jq's \( ), trees of them, and how they become URLs and bodies
 *
 * What this room is for: every string of a pipeline that is not a program. A URL, a header, a JSON body.
 * What flows through:    text at plan time; for each record an env in, text or JSON out.
 * What must hold:
 *  (1) text between interpolations is literal: a backslash means nothing but in "\(". To write \( itself: \("\\(").
 *  (2) each interpolation gives exactly one value; strings stand as they are, others as JSON text.
 *  (3) in a URL what is interpolated at the very start is taken as it is; everything later is one percent-encoded segment, and
 *      a value that would be a step through the path (".."), null, a list or an object is refused.
 *  (4) interpolations that are the same for every record are computed when the template is compiled.
 *  (5) text that looks like an expression but has no \( ) is a mistake, because it would be sent as it stands. */
#include "engine/language/jq_ast.h"
#include <string.h>

#include "base/banned.h"

enum shape { SHAPE_TEXT, SHAPE_JSON, SHAPE_OBJECT, SHAPE_ARRAY };

struct part {
	struct slice text;  /* literal */
	struct jq *jq;      /* else an interpolation */
	struct slice value; /* JSON, when the interpolation is a constant */
};
struct tpl {
	enum shape shape;
	enum tpl_kind kind;
	struct arena *arena;
	struct part *parts;
	struct slice json;        /* SHAPE_JSON */
	const struct slice *keys; /* SHAPE_OBJECT: with quotes */
	struct tpl **values;
	size_t n;   /* parts, or values */
	bool exact; /* one interpolation and nothing else: its type is kept */
	struct slice head;
};

static struct tpl *tpl_new(enum shape shape)
{
	struct tpl *t = xcalloc(1, sizeof(*t));
	*t = (struct tpl){ .shape = shape, .arena = arena_new() };
	return t;
}

void tpl_free(struct tpl *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n && t->parts; i++)
		jq_free(t->parts[i].jq);
	for (size_t i = 0; i < t->n && t->values; i++)
		tpl_free(t->values[i]);
	free(t->values);
	free(t->parts);
	arena_free(t->arena);
	free(t);
}

/* ---- text ------------------------------------------------------------------------------------------------ */

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 3986, 2.3: everything but unreserved characters. */
static int put_segment(struct slice s, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	int error = 0;
	for (size_t i = 0; i < s.n && !error; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
		error = is_unreserved(s.p[i]) ? buf_add_char(out, s.p[i])
					      : buf_add(out, (struct slice){ escape, 3 });
	}
	return error;
}

/* Does an interpolation between `before` and part i + 1 stand alone between two slashes of the path? */
static bool is_whole_segment(const struct tpl *t, size_t i, struct slice before)
{
	bool begins = before.n && before.p[before.n - 1] == '/' && !memchr(before.p, '?', before.n);
	if (!begins || i + 1 == t->n)
		return begins;
	const struct part *next = &t->parts[i + 1];
	return !next->jq && next->text.n && strchr("/?#", next->text.p[0]);
}

static bool is_step(struct slice s)
{
	return slice_eq_str(s, ".") || slice_eq_str(s, "..");
}

/* "null" would be asked for, or written, as if it were an id; a list has no place in a URL or a name at all. */
static const char *unfit_for_name(const struct tpl *t, struct slice json)
{
	if (t->kind == TPL_TEXT)
		return NULL;
	switch (json_type(json)) {
	case JSON_NULL:
		return "null";
	case JSON_ARRAY:
		return "a list";
	case JSON_OBJECT:
		return "an object";
	default:
		return NULL;
	}
}

static int put_value(const struct tpl *t, size_t i, size_t start, struct slice json,
		     struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf decoded = { 0 };
	const char *unfit = unfit_for_name(t, json);
	struct slice text = json;
	int error = 0;
	if (unfit)
		return fail(err, FAULT_BAD_VALUE, "'%.*s' is %s, and stands in the %s",
			    SLICE(slice_trim(t->parts[i].jq->text)), unfit,
			    t->kind == TPL_URL ? "URL" : "text");
	if (json_type(json) == JSON_STRING) {
		error = json_unquote(json, &decoded);
		text = buf_slice(&decoded);
	}
	bool encode = t->kind == TPL_URL && i > 0;
	struct slice before = buf_since(out, start);
	if (encode && is_step(text) && is_whole_segment(t, i, before))
		return fail(err, FAULT_BAD_VALUE,
			    "'%.*s' would be a step through the path of '%.*s...'", SLICE(text),
			    SLICE(before));
	if (!error)
		error = encode ? put_segment(text, out) : buf_add(out, text);
	return error ? fail_errno(err, FAULT_BAD_VALUE, error, "a template makes too long a text")
		     : 0;
}

static int eval_part(const struct part *part, const struct env *env, struct buf *out,
		     struct err *err) SUSPENDS
{
	ASSERT(part->jq && !part->value.n);
	int rc = jq_one(part->jq, env, out, err);
	if (rc == 0)
		rc = fail(err, FAULT_JQ, "gave no value");
	return rc < 0 ? err_wrap(err, "\\(%.*s): ", SLICE(part->jq->text)) : 0;
}

/* The i-th part, whose value is known: literal text, or what its program gave. */
static int put_part(const struct tpl *t, size_t i, size_t start, struct slice json, struct buf *out,
		    struct err *err)
{
	const struct part *part = &t->parts[i];
	if (part->jq)
		return put_value(t, i, start, json, out, err);
	int error = buf_add(out, part->text);
	return error ? fail_errno(err, FAULT_BAD_VALUE, error, "a template makes too long a text")
		     : 0;
}

static int put_parts(const struct tpl *t, const struct env *env, struct buf *out,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { 0 };
	size_t start = out->n;
	for (size_t i = 0; i < t->n; i++) {
		const struct part *part = &t->parts[i];
		struct slice json = part->value;
		if (part->jq && !json.n) {
			buf_clear(&value);
			if (eval_part(part, env, &value, err) < 0)
				return -1;
			json = buf_slice(&value);
		}
		if (put_part(t, i, start, json, out, err) < 0)
			return -1;
	}
	return 0;
}

int tpl_text(const struct tpl *t, const struct env *env, struct buf *out, struct err *err)
{
	size_t start = out->n;
	int rc;
	if (t->shape == SHAPE_TEXT) {
		rc = put_parts(t, env, out, err);
	} else if (t->shape == SHAPE_JSON && json_type(t->json) == JSON_STRING) {
		int error = json_unquote(t->json, out);
		rc = error ? fail_errno(err, FAULT_BAD_VALUE, error,
					"a template makes too long a text")
			   : 0;
	} else {
		rc = tpl_json(t, env, out, err);
	}
	if (rc < 0)
		buf_truncate(out, start);
	return rc;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static int put_string(const struct tpl *t, const struct env *env, struct buf *out,
		      struct err *err) SUSPENDS
{
	if (t->exact)
		return t->parts[0].value.n ? buf_add(out, t->parts[0].value)
					   : eval_part(&t->parts[0], env, out, err);
	AUTO(buf_done) struct buf text = { 0 };
	if (put_parts(t, env, &text, err) < 0)
		return -1;
	return json_quote(buf_slice(&text), out);
}

static int put_values(const struct tpl *t, const struct env *env, struct buf *out,
		      struct err *err) SUSPENDS
{
	bool object = t->shape == SHAPE_OBJECT;
	int error = buf_add_char(out, object ? '{' : '[');
	for (size_t i = 0; i < t->n && !error; i++) {
		if (i)
			error = buf_add_char(out, ',');
		if (object && !error)
			error = buf_add(out, t->keys[i]);
		if (!error)
			error = tpl_json(t->values[i], env, out, err);
	}
	return error ? error : buf_add_char(out, object ? '}' : ']');
}

/* -1: *err is set already; other negative values are errors of buffers. */
int tpl_json(const struct tpl *t, const struct env *env, struct buf *out, struct err *err)
{
	size_t start = out->n;
	int rc;
	if (t->shape == SHAPE_TEXT)
		rc = put_string(t, env, out, err);
	else if (t->shape == SHAPE_JSON)
		rc = buf_add(out, t->json);
	else
		rc = put_values(t, env, out, err);
	if (rc < 0)
		buf_truncate(out, start);
	if (rc < -1)
		return fail_errno(err, FAULT_BAD_VALUE, rc, "a template makes too long a text");
	return rc;
}

/* ---- compiling ------------------------------------------------------------------------------------------------ */

static bool refuse(struct expr_error *error, size_t offset, size_t length, struct slice text)
{
	*error = (struct expr_error){ .offset = offset, .length = length };
	if (text.n <= 60)
		snprintf(error->text, sizeof(error->text), "this is sent as text; write \\(%.*s)",
			 SLICE(text));
	else
		snprintf(error->text, sizeof(error->text),
			 "this is sent as text; write \\(...) around the expression");
	return false;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool begins_with_name(struct slice text, const char *name)
{
	size_t n = strlen(name);
	return text.n >= n && memcmp(text.p, name, n) == 0 &&
	       (text.n == n || (!is_letter(text.p[n]) && !(text.p[n] >= '0' && text.p[n] <= '9')));
}

/* $vars.a.b or $secret.NAME, and nothing else. */
static bool is_whole_name(struct slice text)
{
	size_t i = 0;
	if (!begins_with_name(text, "$vars") && !begins_with_name(text, "$secret"))
		return false;
	while (i < text.n && text.p[i] != '.')
		i++;
	while (i + 1 < text.n && text.p[i] == '.' && is_letter(text.p[i + 1])) {
		i++;
		while (i < text.n &&
		       (is_letter(text.p[i]) || (text.p[i] >= '0' && text.p[i] <= '9')))
			i++;
	}
	return i == text.n && memchr(text.p, '.', text.n);
}

static bool looks_like_program(struct slice text)
{
	static const char *const names[] = { "$res", "$rows", "$meta", "$vars", "$secret" };
	if (text.n > 1 && text.p[0] == '.' && is_letter(text.p[1]))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (begins_with_name(text, names[i]))
			return true;
	return false;
}

static struct part *add_part(struct tpl *t)
{
	ASSERT(t->shape == SHAPE_TEXT);
	t->parts = xrealloc(t->parts, t->n + 1, sizeof(*t->parts));
	t->parts[t->n] = (struct part){ 0 };
	return &t->parts[t->n++];
}

static int fold(struct tpl *t, struct part *part, size_t at, size_t length,
		struct expr_error *error)
{
	struct err err = { 0 };
	struct env env = { .record = S("null") };
	AUTO(buf_done) struct buf value = { 0 };
	if (!jq_constant(part->jq))
		return 0;
	int rc = near_one(part->jq, &env, &value, &err); /* constant: never far */
	const char *unfit = rc > 0 ? unfit_for_name(t, buf_slice(&value)) : NULL;
	if (rc > 0 && !unfit) {
		part->value = arena_copy(t->arena, buf_slice(&value));
		return 0;
	}
	*error = (struct expr_error){ .offset = at, .length = length };
	if (unfit)
		snprintf(error->text, sizeof(error->text), "this is %s, and stands in the %s",
			 unfit, t->kind == TPL_URL ? "URL" : "text");
	else
		snprintf(error->text, sizeof(error->text), "%.200s",
			 rc < 0 ? err.text : "gives no value");
	return -1;
}

static void add_literal(struct tpl *t, struct slice text)
{
	if (text.n)
		add_part(t)->text = arena_copy(t->arena, text);
}

static int compile_parts(struct tpl *t, struct slice text, const struct expr_names *names,
			 struct expr_error *error)
{
	size_t from = 0;
	for (;;) {
		const char *open =
			from < text.n ? memmem(text.p + from, text.n - from, "\\(", 2) : NULL;
		size_t at = open ? (size_t)(open - text.p) : text.n, end;
		struct jq *jq;
		add_literal(t, (struct slice){ text.p + from, at - from });
		if (!open)
			return 0;
		if (jq_program_compile_part(text, at + 2, names, &jq, &end, error) < 0)
			return -1;
		add_part(t)->jq = jq;
		if (fold(t, &t->parts[t->n - 1], at, end - at, error) < 0)
			return -1;
		from = end;
	}
}

static bool is_known(const struct part *part)
{
	return !part->jq || part->value.n;
}

/* What is the same for every record, from the start on. */
static void find_head(struct tpl *t)
{
	AUTO(buf_done) struct buf head = { 0 };
	struct err err = { 0 };
	for (size_t i = 0; i < t->n && is_known(&t->parts[i]); i++)
		if (put_part(t, i, 0, t->parts[i].value, &head, &err) < 0)
			return;
	t->head = arena_copy(t->arena, buf_slice(&head));
}

static int compile_text(struct tpl *t, struct slice text, const struct expr_names *names,
			struct expr_error *error)
{
	bool interpolated = memmem(text.p ? text.p : "", text.n, "\\(", 2);
	if (!interpolated && is_whole_name(text)) {
		struct jq *jq;
		if (jq_program_compile(text, names, &jq, error) < 0)
			return -1;
		add_part(t)->jq = jq;
		return fold(t, &t->parts[0], 0, text.n, error);
	}
	if (!interpolated && looks_like_program(text)) {
		refuse(error, 0, text.n, text);
		return -1;
	}
	return compile_parts(t, text, names, error);
}

int tpl_compile(struct slice text, enum tpl_kind kind, const struct expr_names *names,
		struct tpl **ret, struct expr_error *error)
{
	struct tpl *t = tpl_new(SHAPE_TEXT);
	*ret = NULL;
	*error = (struct expr_error){ 0 };
	t->kind = kind;
	if (compile_text(t, text, names, error) < 0) {
		tpl_free(t);
		return -1;
	}
	t->exact = t->n == 1 && t->parts[0].jq;
	find_head(t);
	*ret = t;
	return 0;
}

struct tpl *tpl_new_json(struct slice json)
{
	struct tpl *t = tpl_new(SHAPE_JSON);
	t->json = arena_copy(t->arena, json_trim(json));
	return t;
}

static struct tpl *new_tree(enum shape shape, struct tpl **values_taken, size_t n)
{
	struct tpl *t = tpl_new(shape);
	t->values = xcalloc(n ? n : 1, sizeof(struct tpl *));
	t->n = n;
	for (size_t i = 0; i < n; i++)
		t->values[i] = values_taken[i];
	return t;
}

struct tpl *tpl_new_object(const struct slice *keys, struct tpl **values_taken, size_t n)
{
	struct tpl *t = new_tree(SHAPE_OBJECT, values_taken, n);
	struct slice *quoted = arena_alloc(t->arena, (n + 1) * sizeof(*quoted));
	for (size_t i = 0; i < n; i++) {
		AUTO(buf_done) struct buf key = { 0 };
		ASSERT(json_quote(keys[i], &key) == 0 &&
		       buf_add_char(&key, ':') == 0); /* out of a file of at most 1 MiB */
		quoted[i] = arena_copy(t->arena, buf_slice(&key));
	}
	t->keys = quoted;
	return t;
}

struct tpl *tpl_new_array(struct tpl **values_taken, size_t n)
{
	return new_tree(SHAPE_ARRAY, values_taken, n);
}

/* ---- what is known of a template -------------------------------------------------------------------------------- */

bool tpl_constant(const struct tpl *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->values && !tpl_constant(t->values[i]))
			return false;
		if (t->parts && t->parts[i].jq && !t->parts[i].value.n)
			return false;
	}
	return true;
}

bool tpl_reads_input(const struct tpl *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->values && tpl_reads_input(t->values[i]))
			return true;
		if (t->parts && t->parts[i].jq && jq_reads_input(t->parts[i].jq))
			return true;
	}
	return false;
}

struct slice tpl_head(const struct tpl *t)
{
	return t->head;
}

bool tpl_cut(struct tpl *t, const char *word)
{
	size_t n = strlen(word);
	if (t->shape != SHAPE_TEXT || !t->n || t->parts[0].jq)
		return false;
	struct slice *text = &t->parts[0].text;
	if (text->n <= n || memcmp(text->p, word, n) != 0 ||
	    (text->p[n] != ' ' && text->p[n] != '\t'))
		return false;
	while (n < text->n && (text->p[n] == ' ' || text->p[n] == '\t'))
		n++;
	*text = (struct slice){ text->p + n, text->n - n };
	if (!text->n) {
		memmove(t->parts, t->parts + 1, (t->n - 1) * sizeof(*t->parts));
		t->n--;
	}
	t->exact = t->n == 1 && t->parts[0].jq;
	find_head(t);
	return true;
}
