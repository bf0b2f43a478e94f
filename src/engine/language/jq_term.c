/* jq_term.c - terms: literals, strings, objects, arrays, paths, calls
 *
 * What this room is for: everything between two operators.
 * What flows through:    tokens; pieces of strings.
 * What must hold:
 *  (1) as in jq 1.6, `if`, `reduce`, `try` and `(...)?` are no terms: a path cannot follow them, and an object's value, which
 *      is terms joined by '|', needs parentheses around them.
 *  (2) constants are JSON text, so that they are written without work; their digits are kept. */
#include "engine/language/jq_parse.h"
#include "engine/plan/diag.h"
#include <string.h>

#include "base/banned.h"

/* ---- constants -------------------------------------------------------------------------------------- */

static struct expr *constant(struct parser *p, size_t at, struct val value)
{
	struct expr *e = expr_new(p, EXPR_CONST, at, NULL, NULL, NULL);
	if (e)
		e->value = value;
	return e;
}

/* The text from `start` on in the piece buffer, as a constant; cuts the buffer back. */
static struct expr *string_constant(struct parser *p, size_t at, size_t start)
{
	struct slice decoded = arena_copy(p->jq->arena, buf_since(&p->piece, start));
	buf_truncate(&p->piece, start);
	AUTO(buf_done) struct buf quoted = { 0 };
	if (json_quote(decoded, &quoted) < 0)
		return parse_fail(p, at, 0, "this string is too long");
	struct expr *e = constant(p, at, val_text(arena_copy(p->jq->arena, buf_slice(&quoted))));
	if (e)
		e->name = decoded;
	return e;
}

static struct expr *parse_number(struct parser *p)
{
	struct token t = p->lex.token;
	lexer_advance(&p->lex);
	if (number_is_big(t.text))
		parse_edit(p, EDIT_BIG_NUMBER, &t);
	else if (number_is_json(t.text) && memchr(t.text.p, '.', t.text.n))
		parse_edit(p, EDIT_FRACTION, &t);
	if (!number_is_json(t.text))
		return constant(p, t.at, VAL_NUMBER(number_parse(t.text)));
	return constant(p, t.at, val_text(arena_copy(p->jq->arena, t.text)));
}

/* ---- strings ----------------------------------------------------------------------------------------- */

static struct expr *parse_interpolation(struct parser *p)
{
	size_t opened = p->lex.next - 2;
	ASSERT(p->lex.text.p[opened] == '\\');
	lexer_advance(&p->lex);
	if (at_token(p, SIGN(')')))
		return parse_fail(p, opened, 3, "'\\()' is empty: a program belongs inside");
	struct expr *e = parse_pipe(p);
	return e && close_bracket(p, SIGN(')'), opened) ? e : NULL;
}

/* At the opening quote. The token behind an interpolation's ')' is not looked at: characters of the string follow. */
static struct expr *parse_string(struct parser *p, size_t at, enum format format)
{
	size_t opened = p->lex.token.at, start = p->piece.n;
	struct parts parts = { 0 };
	for (;;) {
		size_t piece_at = p->lex.next;
		enum piece_end end = lexer_piece(&p->lex, opened, &p->piece);
		if (end == PIECE_BAD)
			return NULL;
		if (end == PIECE_QUOTE && parts.count == 0) {
			lexer_advance(&p->lex);
			return string_constant(p, at, start);
		}
		if (p->piece.n > start) {
			struct expr *piece = string_constant(p, piece_at, start);
			if (!piece)
				return NULL;
			piece->literal = true;
			parts_add(p, &parts, piece);
		}
		if (end == PIECE_QUOTE)
			break;
		struct expr *e = parse_interpolation(p);
		if (!e)
			return NULL;
		parts_add(p, &parts, e);
	}
	lexer_advance(&p->lex);
	struct expr *e = expr_new(p, EXPR_STRING, at, NULL, NULL, NULL);
	if (!e || !expr_set_kids(p, e, &parts))
		return NULL;
	e->op = (uint8_t)format;
	return e;
}

/* @name, or @name "string". */
static struct expr *parse_format(struct parser *p)
{
	struct token t = p->lex.token;
	int format = names_format(t.text);
	if (format < 0) {
		const char *near = names_nearest_format(t.text);
		return parse_fail(p, t.at, t.n, "unknown format '@%.*s'%s%s%s", SLICE(t.text),
				  near ? "; did you mean '@"
				       : ": jq 1.6 has @text "
					 "@json @csv @tsv @html @uri @sh @base64 @base64d",
				  near ? near : "", near ? "'?" : "");
	}
	lexer_advance(&p->lex);
	if (at_token(p, TOKEN_QUOTE))
		return parse_string(p, t.at, (enum format)format);
	struct expr *e = expr_new(p, EXPR_FORMAT, t.at, NULL, NULL, NULL);
	if (e)
		e->op = (uint8_t)format;
	return e;
}

static bool at_string(const struct parser *p)
{
	return at_token(p, TOKEN_QUOTE) || at_token(p, TOKEN_FORMAT);
}

/* A string where only a string may stand: a key. */
static struct expr *parse_any_string(struct parser *p)
{
	struct token t = p->lex.token;
	struct expr *e =
		t.kind == TOKEN_QUOTE ? parse_string(p, t.at, FORMAT_TEXT) : parse_format(p);
	if (e && e->kind == EXPR_FORMAT)
		return parse_fail(p, t.at, t.n, "a string belongs behind '@%.*s' here",
				  SLICE(t.text));
	return e;
}

/* ---- objects ----------------------------------------------------------------------------------------- */

static struct expr *parse_object_value(struct parser *p)
{
	size_t at = p->lex.token.at;
	struct expr *e;
	if (p->lex.token.kind == TOKEN_IF || p->lex.token.kind == TOKEN_REDUCE ||
	    p->lex.token.kind == TOKEN_FOREACH || p->lex.token.kind == TOKEN_TRY ||
	    p->lex.token.kind == TOKEN_DEF || p->lex.token.kind == TOKEN_LABEL)
		return parse_fail(
			p, at, p->lex.token.n,
			"'%.*s' needs parentheses around it in an object: {key: (%.*s ...)}",
			SLICE(p->lex.token.text), SLICE(p->lex.token.text));
	if (pass(p, SIGN('-'))) {
		e = parse_enter(p) ? parse_object_value(p) : NULL;
		p->depth--;
		if (!e)
			return NULL;
		/* - binds to the term, not to the pipe behind it */
		if (e->kind != EXPR_PIPE)
			return expr_new(p, EXPR_NEGATE, at, e, NULL, NULL);
		struct expr *negated = expr_new(p, EXPR_NEGATE, at, e->a, NULL, NULL);
		return negated ? expr_new(p, EXPR_PIPE, at, negated, e->b, NULL) : NULL;
	}
	e = parse_term(p);
	if (!e || !pass(p, SIGN('|')))
		return e;
	struct expr *rest = parse_enter(p) ? parse_object_value(p) : NULL;
	p->depth--;
	return rest ? expr_new(p, EXPR_PIPE, at, e, rest, NULL) : NULL;
}

static struct expr *word_key(struct parser *p)
{
	struct token t = p->lex.token;
	size_t start = p->piece.n;
	lexer_advance(&p->lex);
	if (buf_add(&p->piece, t.text) < 0)
		return parse_fail(p, t.at, t.n, "this name is too long");
	return string_constant(p, t.at, start);
}

static struct expr *field_of(struct parser *p, struct expr *of, struct expr *key, size_t at)
{
	struct expr *e = expr_new(p, EXPR_FIELD, at, of, NULL, NULL);
	if (e) {
		e->name = key->name;
		e->quoted = key->value.s;
	}
	return e;
}

static struct expr *index_of(struct parser *p, struct expr *of, struct expr *key, size_t at)
{
	bool plain = key->kind == EXPR_CONST && val_is(&key->value, JSON_STRING);
	return plain ? field_of(p, of, key, at) : expr_new(p, EXPR_INDEX, at, of, key, NULL);
}

/* {name} and {"name"} are the field of that name. */
static struct expr *shorthand(struct parser *p, struct expr *key)
{
	struct expr *self = expr_new(p, EXPR_SELF, key->at, NULL, NULL, NULL);
	return self ? index_of(p, self, key, key->at) : NULL;
}

static struct expr *computed_key(struct parser *p)
{
	size_t opened = p->lex.token.at;
	lexer_advance(&p->lex);
	struct expr *key = parse_pipe(p);
	if (!key || !close_bracket(p, SIGN(')'), opened))
		return NULL;
	lexer_advance(&p->lex);
	if (key->kind == EXPR_CONST && !val_is(&key->value, JSON_STRING))
		return parse_fail(p, key->at, key->n, "a key must be a string, not %s",
				  val_type_name(&key->value));
	return key;
}

/* One key, and its value when it is a shorthand (*value stays NULL when ':' must follow). */
static struct expr *parse_key(struct parser *p, struct expr **value)
{
	struct token t = p->lex.token;
	struct expr *key;
	if (t.kind == SIGN('(')) {
		return computed_key(p);
	} else if (t.kind == SIGN('$')) {
		*value = parse_variable(p, true);
		if (!*value)
			return NULL;
		size_t start = p->piece.n;
		if (buf_add(&p->piece, (*value)->name) < 0)
			return parse_fail(p, t.at, t.n, "this name is too long");
		return string_constant(p, t.at, start);
	} else if (t.kind == TOKEN_WORD || at_string(p)) {
		key = t.kind == TOKEN_WORD ? word_key(p) : parse_any_string(p);
		if (key && !at_token(p, SIGN(':')))
			*value = shorthand(p, key);
		return key && (at_token(p, SIGN(':')) || *value) ? key : NULL;
	} else if (token_is_keyword(&t)) {
		key = word_key(p);
		if (key && !at_token(p, SIGN(':')))
			return parse_fail(p, t.at, t.n, "'%.*s' is a keyword: write {\"%.*s\"}",
					  SLICE(t.text), SLICE(t.text));
		return key;
	} else if (t.kind == TOKEN_FIELD) {
		return parse_fail(p, t.at, t.n, "a key has no dot: write {%.*s}, or {%.*s: .%.*s}",
				  SLICE(t.text), SLICE(t.text), SLICE(t.text));
	} else if (t.kind == TOKEN_NUMBER) {
		return parse_fail(p, t.at, t.n, "a key is a name or a string: write \"%.*s\"",
				  SLICE(t.text));
	}
	return parse_unexpected(p, "a key or '}'");
}

static bool value_ends(struct parser *p, size_t value_at)
{
	const struct token *t = &p->lex.token;
	if (t->kind == SIGN(',') || t->kind == SIGN('}') || t->kind == TOKEN_END ||
	    t->kind == TOKEN_BAD || t->kind == SIGN(')') || t->kind == SIGN(']'))
		return true;
	if (t->kind == TOKEN_FIELD || t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTE ||
	    t->kind == SIGN(':') || t->kind == TOKEN_NUMBER)
		return parse_unexpected(p, "',' or '}' behind an object's value") != NULL;
	return lexer_fail(
		&p->lex, t->at, t->n,
		"an object's value needs parentheses around '%.*s': {key: (%.*s ...)}",
		SLICE(token_shown(t)),
		SLICE(((struct slice){ p->lex.text.p + value_at, p->lex.behind - value_at })));
}

static struct expr *parse_object(struct parser *p)
{
	size_t opened = p->lex.token.at;
	struct parts parts = { 0 };
	lexer_advance(&p->lex);
	while (!at_token(p, SIGN('}')) && !at_token(p, TOKEN_END)) {
		struct expr *value = NULL, *key = parse_key(p, &value);
		if (!key)
			return NULL;
		if (!value) {
			if (!pass(p, SIGN(':')))
				return parse_unexpected(p, "':' behind the key");
			size_t value_at = p->lex.token.at;
			value = parse_object_value(p);
			if (!value || !value_ends(p, value_at))
				return NULL;
		}
		parts_add(p, &parts, key);
		parts_add(p, &parts, value);
		if (!pass(p, SIGN(',')))
			break;
	}
	if (!close_bracket(p, SIGN('}'), opened))
		return NULL;
	lexer_advance(&p->lex);
	struct expr *e = expr_new(p, EXPR_OBJECT, opened, NULL, NULL, NULL);
	return e && expr_set_kids(p, e, &parts) ? e : NULL;
}

/* ---- brackets and calls -------------------------------------------------------------------------------- */

static struct expr *parse_array(struct parser *p)
{
	size_t opened = p->lex.token.at;
	struct expr *inner = NULL;
	lexer_advance(&p->lex);
	if (!at_token(p, SIGN(']')) && !(inner = parse_pipe(p)))
		return NULL;
	if (!close_bracket(p, SIGN(']'), opened))
		return NULL;
	lexer_advance(&p->lex);
	return expr_new(p, EXPR_ARRAY, opened, inner, NULL, NULL);
}

static struct expr *parse_parentheses(struct parser *p)
{
	size_t opened = p->lex.token.at;
	lexer_advance(&p->lex);
	if (at_token(p, SIGN(')')))
		return parse_fail(p, opened, p->lex.next - opened,
				  "'()' is empty: a program belongs inside");
	struct expr *e = parse_pipe(p);
	if (!e || !close_bracket(p, SIGN(')'), opened))
		return NULL;
	lexer_advance(&p->lex);
	return e;
}

static bool parse_arguments(struct parser *p, struct parts *parts)
{
	size_t opened = p->lex.token.at;
	do {
		lexer_advance(&p->lex);
		if (at_token(p, SIGN(')')) && !parts->count)
			return lexer_fail(
				&p->lex, opened, p->lex.next - opened,
				"'()' is empty: a function without arguments has no parentheses");
		struct expr *argument = parse_pipe(p);
		if (!argument)
			return false;
		parts_add(p, parts, argument);
	} while (at_token(p, SIGN(';')));
	if (!close_bracket(p, SIGN(')'), opened))
		return false;
	lexer_advance(&p->lex);
	return true;
}

static struct expr *parse_call(struct parser *p)
{
	struct token t = p->lex.token;
	struct parts parts = { 0 };
	lexer_advance(&p->lex);
	if (!at_token(p, SIGN('(')) &&
	    (slice_eq_str(t.text, "null") || slice_eq_str(t.text, "true") ||
	     slice_eq_str(t.text, "false")))
		return constant(p, t.at, val_text(arena_copy(p->jq->arena, t.text)));
	if (at_token(p, SIGN('(')) && !parse_arguments(p, &parts))
		return NULL;
	struct expr *e = expr_new(p, EXPR_CALL, t.at, NULL, NULL, NULL);
	if (!e || !expr_set_kids(p, e, &parts))
		return NULL;
	e->name = arena_copy(p->jq->arena, t.text);
	return resolve_call(p, e) ? e : NULL;
}

static struct expr *parse_break(struct parser *p)
{
	size_t at = p->lex.token.at;
	struct slice name;
	lexer_advance(&p->lex);
	if (!at_token(p, SIGN('$')))
		return parse_unexpected(p, "'$' and the name of a label behind 'break'");
	if (!parse_dollar_name(p, &name))
		return NULL;
	if (!find_binding(p, BIND_LABEL, name, 0))
		return parse_fail(p, at, p->lex.behind - at,
				  "there is no 'label $%.*s |' around this break", SLICE(name));
	return expr_new(p, EXPR_BREAK, at, NULL, NULL, NULL);
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static struct expr *optional(struct parser *p, struct expr *e)
{
	if (e && pass(p, SIGN('?')))
		e->optional = true;
	return e;
}

/* At '['. */
static struct expr *parse_bracket(struct parser *p, struct expr *of)
{
	size_t opened = p->lex.token.at;
	struct expr *from = NULL, *to = NULL, *e;
	bool slice = false;
	lexer_advance(&p->lex);
	if (at_token(p, SIGN(']'))) {
		lexer_advance(&p->lex);
		return optional(p, expr_new(p, EXPR_ITERATE, of->at, of, NULL, NULL));
	}
	if (!at_token(p, SIGN(':')) && !(from = parse_pipe(p)))
		return NULL;
	if (pass(p, SIGN(':'))) {
		slice = true;
		if (!at_token(p, SIGN(']')) && !(to = parse_pipe(p)))
			return NULL;
		if (!from && !to)
			return parse_fail(p, opened, p->lex.next - opened,
					  "a slice needs a start or an end: [1:], [:3]");
	}
	if (!close_bracket(p, SIGN(']'), opened))
		return NULL;
	lexer_advance(&p->lex);
	e = slice ? expr_new(p, EXPR_SLICE, of->at, of, from, to) : index_of(p, of, from, of->at);
	return optional(p, e);
}

/* jq 1.6 takes .e1 for a number. */
static bool looks_like_exponent(struct slice name)
{
	size_t i = 1;
	while (i < name.n && name.p[i] >= '0' && name.p[i] <= '9')
		i++;
	return name.n > 1 && i == name.n && (name.p[0] == 'e' || name.p[0] == 'E');
}

static struct expr *parse_field(struct parser *p, struct expr *of)
{
	if (looks_like_exponent(p->lex.token.text))
		parse_edit(p, EDIT_FIELD, &p->lex.token);
	struct expr *key = word_key(p);
	return key ? optional(p, field_of(p, of, key, of->at)) : NULL;
}

/* ."name" behind a term; a bare dot may only be followed by a string there. */
static struct expr *parse_dotted(struct parser *p, struct expr *of)
{
	size_t at = p->lex.token.at;
	lexer_advance(&p->lex);
	if (at_token(p, SIGN('[')))
		return parse_fail(
			p, at, 1,
			"no dot stands before '[' in jq 1.6: write .a[...], not .a.[...]");
	if (!at_string(p))
		return parse_fail(p, at, 1,
				  "a name belongs directly behind the dot; unusual names go in "
				  "quotes: .\"my field\"");
	struct expr *key = parse_any_string(p);
	return key ? optional(p, index_of(p, of, key, of->at)) : NULL;
}

static struct expr *parse_suffixes(struct parser *p, struct expr *e)
{
	while (e) {
		if (at_token(p, TOKEN_FIELD))
			e = parse_field(p, e);
		else if (at_token(p, SIGN('.')))
			e = parse_dotted(p, e);
		else if (at_token(p, SIGN('[')))
			e = parse_bracket(p, e);
		else
			return e;
	}
	return NULL;
}

static struct expr *parse_dot(struct parser *p)
{
	size_t at = p->lex.token.at;
	lexer_advance(&p->lex);
	struct expr *self = expr_new(p, EXPR_SELF, at, NULL, NULL, NULL);
	if (!self)
		return NULL;
	if (at_token(p, TOKEN_WORD) || token_is_keyword(&p->lex.token)) {
		if (p->lex.token.kind == TOKEN_WORD || p->lex.token.at == at + 1)
			return parse_fail(p, at, p->lex.token.at + p->lex.token.n - at,
					  "a name belongs directly behind the dot: write .%.*s",
					  SLICE(p->lex.token.text));
	}
	if (!at_string(p))
		return self;
	struct expr *key = parse_any_string(p);
	return key ? optional(p, index_of(p, self, key, at)) : NULL;
}

static struct expr *parse_head(struct parser *p)
{
	struct token t = p->lex.token;
	switch (t.kind) {
	case SIGN('.'):
		return parse_dot(p);
	case TOKEN_FIELD: {
		struct expr *self = expr_new(p, EXPR_SELF, t.at, NULL, NULL, NULL);
		return self ? parse_field(p, self) : NULL;
	}
	case TOKEN_RECURSE:
		lexer_advance(&p->lex);
		return expr_new(p, EXPR_RECURSE, t.at, NULL, NULL, NULL);
	case TOKEN_NUMBER:
		return parse_number(p);
	case TOKEN_QUOTE:
		return parse_string(p, t.at, FORMAT_TEXT);
	case TOKEN_FORMAT:
		return parse_format(p);
	case SIGN('('):
		return parse_parentheses(p);
	case SIGN('['):
		return parse_array(p);
	case SIGN('{'):
		return parse_object(p);
	case SIGN('$'):
		return parse_variable(p, false);
	case TOKEN_WORD:
		return parse_call(p);
	case TOKEN_BREAK:
		return parse_break(p);
	}
	return NULL;
}

static struct expr *parse_nothing(struct parser *p)
{
	const struct token *t = &p->lex.token;
	struct slice before = { p->lex.text.p, p->lex.behind };
	if (t->kind == TOKEN_END && before.n)
		return parse_fail(p, t->at, 0,
				  "the program ends too early: a value is missing behind '%c'",
				  before.p[before.n - 1]);
	if (t->kind == TOKEN_IF || t->kind == TOKEN_REDUCE || t->kind == TOKEN_FOREACH ||
	    t->kind == TOKEN_TRY || t->kind == SIGN('-'))
		return parse_fail(p, t->at, t->n, "'%.*s ...' needs parentheses around it here",
				  SLICE(t->text));
	if (t->kind == TOKEN_IMPORT || t->kind == TOKEN_INCLUDE || t->kind == TOKEN_MODULE)
		return parse_fail(p, t->at, t->n, "'%.*s' is refused: a program reads no files",
				  SLICE(t->text));
	return parse_unexpected(p, "a value");
}

struct expr *parse_term(struct parser *p)
{
	if (p->lex.failed)
		return NULL;
	struct expr *e = parse_enter(p) ? parse_head(p) : NULL;
	p->depth--;
	if (!e && !p->lex.failed)
		return parse_nothing(p);
	return parse_suffixes(p, e);
}
