/* jq_parse.c - operators and control forms of jq 1.6, by precedence climbing
 *
 * What this room is for: all of jq 1.6's grammar, so that every mistake is placed; libjq 1.6 names no column.
 * What flows through:    tokens; out comes a tree in the program's arena.
 * What must hold:
 *  (1) precedence and associativity are those of jq's grammar, loosest first:
 *        def   |   ,   //   = |= += ...   or   and   == < ...   + -   * / %   postfix ?   try catch
 *      | and // group to the right; = and == do not chain; the rest groups to the left; a unary minus takes * and /
 *      along (-1 * 2 is -(1 * 2)); the bodies of `as`, `label` and `def` reach as far as they can.
 *  (2) recursion is bounded by MAX_NESTING and by EXPR_MAX_DEPTH, so that no text takes the stack.
 *  (3) what jq 1.7 accepts and 1.6 does not is refused with the 1.6 way to write it. */
#include "engine/language/jq_parse.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define MAX_NESTING 400 /* of the parser's own steps: three for a bracket */

enum level {
	LEVEL_NONE,
	LEVEL_PIPE,
	LEVEL_COMMA,
	LEVEL_ALT,
	LEVEL_SET,
	LEVEL_OR,
	LEVEL_AND,
	LEVEL_COMPARE,
	LEVEL_ADD,
	LEVEL_MUL
};

struct infix {
	int token;
	enum level level;
	enum expr_kind kind;
	uint8_t op;
};
static const struct infix infixes[] = {
	{ SIGN('|'), LEVEL_PIPE, EXPR_PIPE, 0 },
	{ SIGN(','), LEVEL_COMMA, EXPR_COMMA, 0 },
	{ TOKEN_ALT, LEVEL_ALT, EXPR_ALT, 0 },
	{ SIGN('='), LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_PIPE, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_ADD, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_SUB, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_MUL, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_DIV, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_MOD, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_SET_ALT, LEVEL_SET, EXPR_UPDATE, 0 },
	{ TOKEN_OR, LEVEL_OR, EXPR_OR, 0 },
	{ TOKEN_AND, LEVEL_AND, EXPR_AND, 0 },
	{ TOKEN_EQ, LEVEL_COMPARE, EXPR_BINARY, OP_EQ },
	{ TOKEN_NE, LEVEL_COMPARE, EXPR_BINARY, OP_NE },
	{ SIGN('<'), LEVEL_COMPARE, EXPR_BINARY, OP_LT },
	{ SIGN('>'), LEVEL_COMPARE, EXPR_BINARY, OP_GT },
	{ TOKEN_LE, LEVEL_COMPARE, EXPR_BINARY, OP_LE },
	{ TOKEN_GE, LEVEL_COMPARE, EXPR_BINARY, OP_GE },
	{ SIGN('+'), LEVEL_ADD, EXPR_BINARY, OP_ADD },
	{ SIGN('-'), LEVEL_ADD, EXPR_BINARY, OP_SUB },
	{ SIGN('*'), LEVEL_MUL, EXPR_BINARY, OP_MUL },
	{ SIGN('/'), LEVEL_MUL, EXPR_BINARY, OP_DIV },
	{ SIGN('%'), LEVEL_MUL, EXPR_BINARY, OP_MOD },
};

static struct expr *parse_operand(struct parser *p);
static struct expr *parse_from(struct parser *p, enum level min);

/* ---- nodes and mistakes ---------------------------------------------------------------------------- */

static uint16_t deeper(uint16_t depth, const struct expr *e)
{
	return e && e->depth > depth ? e->depth : depth;
}

static bool fits(struct parser *p, struct expr *e)
{
	if (e->depth <= EXPR_MAX_DEPTH)
		return true;
	return lexer_fail(&p->lex, e->at, e->n, "this program is nested too deeply (%d levels)",
			  EXPR_MAX_DEPTH);
}

/* The node reaches from `at` to the end of the last token that was passed. */
struct expr *expr_new(struct parser *p, enum expr_kind kind, size_t at, struct expr *a,
		      struct expr *b, struct expr *c)
{
	struct expr *e = arena_zero(p->jq->arena, sizeof(*e));
	*e = (struct expr){ .kind = kind,
			    .at = at,
			    .n = p->lex.behind > at ? p->lex.behind - at : 0,
			    .slot = -1,
			    .a = a,
			    .b = b,
			    .c = c };
	e->depth = (uint16_t)(1 + deeper(deeper(deeper(0, a), b), c));
	return fits(p, e) ? e : NULL;
}

void parts_add(struct parser *p, struct parts *parts, struct expr *e)
{
	ASSERT(parts->count <= parts->room);
	if (parts->count == parts->room) {
		size_t room = parts->room ? parts->room * 2 : 4;
		struct expr **items = arena_alloc(p->jq->arena, room * sizeof(struct expr *));
		if (parts->count)
			memcpy(items, parts->items, parts->count * sizeof(*items));
		parts->items = items;
		parts->room = room;
	}
	parts->items[parts->count++] = e;
}

bool expr_set_kids(struct parser *p, struct expr *e, const struct parts *parts)
{
	e->kids = parts->items;
	e->count = parts->count;
	for (size_t i = 0; i < parts->count; i++)
		e->depth = (uint16_t)(deeper((uint16_t)(e->depth - 1), parts->items[i]) + 1);
	return fits(p, e);
}

struct expr *parse_fail(struct parser *p, size_t at, size_t n, const char *fmt, ...)
{
	char text[sizeof(p->lex.error->text)];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	lexer_fail(&p->lex, at, n, "%s", text);
	return NULL;
}

struct expr *parse_unexpected(struct parser *p, const char *wanted)
{
	const struct token *t = &p->lex.token;
	return parse_fail(p, t->at, t->n, "expected %s, found %s%.*s%s", wanted,
			  t->kind == TOKEN_END || t->kind == TOKEN_QUOTE ? "" : "'",
			  SLICE(token_shown(t)),
			  t->kind == TOKEN_END || t->kind == TOKEN_QUOTE ? "" : "'");
}

/* The text for libjq will differ here. */
void parse_edit(struct parser *p, enum edit_kind kind, const struct token *t)
{
	struct edit *e = arena_alloc(p->jq->arena, sizeof(*e));
	*e = (struct edit){ kind, t->at - p->start, t->n, NULL };
	if (!p->jq->edits)
		p->jq->edits = e;
	else
		*p->jq->last_edit = e;
	p->jq->last_edit = &e->next;
}

bool pass(struct parser *p, int kind)
{
	if (!at_token(p, kind))
		return false;
	lexer_advance(&p->lex);
	return true;
}

bool close_bracket(struct parser *p, int kind, size_t opened)
{
	const struct token *t = &p->lex.token;
	if (t->kind == kind)
		return true;
	struct slice open = { p->lex.text.p + opened, p->lex.text.p[opened] == '\\' ? 2 : 1 };
	if (t->kind == TOKEN_END || (open.n == 2 && t->kind == TOKEN_QUOTE))
		return lexer_fail(&p->lex, opened, open.n,
				  "'%.*s' is never closed: '%c' is missing", SLICE(open),
				  kind - TOKEN_SIGN);
	if (t->kind == SIGN(':') || t->kind == SIGN(';') || t->kind == SIGN(')') ||
	    t->kind == SIGN(']') || t->kind == SIGN('}'))
		return lexer_fail(&p->lex, t->at, t->n,
				  "expected '%c' to close the '%.*s' at column %zu, found '%.*s'",
				  kind - TOKEN_SIGN, SLICE(open), opened + 1,
				  SLICE(token_shown(t)));
	parse_unexpected(p, "an operator");
	return false;
}

/* ---- control forms ------------------------------------------------------------------------------------ */

/* Behind `if` or `elif`. */
static struct expr *parse_condition(struct parser *p, size_t at)
{
	lexer_advance(&p->lex);
	struct expr *otherwise, *when = parse_pipe(p);
	if (!when)
		return NULL;
	if (!pass(p, TOKEN_THEN))
		return parse_unexpected(p, "'then'");
	struct expr *then = parse_pipe(p);
	if (!then)
		return NULL;
	if (at_token(p, TOKEN_END_WORD))
		return parse_fail(p, p->lex.token.at, p->lex.token.n,
				  "'if' needs an 'else' in jq 1.6: write 'else . end'");
	if (at_token(p, TOKEN_ELIF)) {
		otherwise = parse_enter(p) ? parse_condition(p, p->lex.token.at) : NULL;
		p->depth--;
		return otherwise ? expr_new(p, EXPR_IF, at, when, then, otherwise) : NULL;
	}
	if (!pass(p, TOKEN_ELSE))
		return parse_unexpected(p, "'else' or 'elif'");
	otherwise = parse_pipe(p);
	if (!otherwise)
		return NULL;
	if (!pass(p, TOKEN_END_WORD))
		return at_token(p, TOKEN_END)
			       ? parse_fail(p, at, 2, "this 'if' is never closed: 'end' is missing")
			       : parse_unexpected(p, "'end'");
	return expr_new(p, EXPR_IF, at, when, then, otherwise);
}

/* try takes one operand, without the operators behind it: try error("x") + 1 adds outside. */
static struct expr *parse_try(struct parser *p)
{
	size_t at = p->lex.token.at;
	lexer_advance(&p->lex);
	struct expr *handler = NULL, *body = parse_operand(p);
	if (!body)
		return NULL;
	if (pass(p, TOKEN_CATCH)) {
		handler = parse_operand(p);
		if (!handler)
			return NULL;
	}
	return expr_new(p, EXPR_TRY, at, body, handler, NULL);
}

/* reduce TERM as PATTERNS (init; update), foreach TERM as PATTERNS (init; update; extract). The pattern's names are not
 * known in init. */
static struct expr *parse_loop(struct parser *p)
{
	bool foreach = at_token(p, TOKEN_FOREACH);
	const char *word = foreach ? "foreach" : "reduce";
	size_t at = p->lex.token.at;
	struct binding *outside = p->scope;
	lexer_advance(&p->lex);
	struct expr *extract = NULL, *init, *update, *loop, *source = parse_term(p);
	if (!source)
		return NULL;
	if (!pass(p, TOKEN_AS))
		return parse_fail(p, p->lex.token.at, p->lex.token.n,
				  "expected 'as $name': %s takes one term, put more in parentheses",
				  word);
	loop = expr_new(p, foreach ? EXPR_FOREACH : EXPR_REDUCE, at, source, NULL, NULL);
	if (!loop || !parse_patterns(p, loop))
		return NULL;
	struct binding *inside = p->scope;
	size_t opened = p->lex.token.at;
	if (!pass(p, SIGN('(')))
		return parse_unexpected(p,
					foreach ? "'(init; update; extract)'" : "'(init; update)'");
	p->scope = outside;
	init = parse_pipe(p);
	p->scope = inside;
	if (!init)
		return NULL;
	if (!pass(p, SIGN(';')))
		return parse_unexpected(p, "';' between the start and the update");
	update = parse_pipe(p);
	if (!update)
		return NULL;
	if (foreach && pass(p, SIGN(';')) && !(extract = parse_pipe(p)))
		return NULL;
	if (!close_bracket(p, SIGN(')'), opened))
		return NULL;
	lexer_advance(&p->lex);
	p->scope = outside;
	struct expr *whole = expr_new(p, loop->kind, at, source, init, update);
	if (!whole)
		return NULL;
	struct parts parts = { loop->kids, loop->count, loop->count };
	if (extract)
		parts_add(p, &parts, extract);
	whole->slot = loop->slot;
	return expr_set_kids(p, whole, &parts) ? whole : NULL;
}

static struct expr *parse_label(struct parser *p)
{
	size_t at = p->lex.token.at;
	struct binding *outside = p->scope;
	struct slice name;
	lexer_advance(&p->lex);
	if (!parse_dollar_name(p, &name))
		return NULL;
	if (!pass(p, SIGN('|')))
		return parse_unexpected(p, "'|' behind the label");
	bind_name(p, BIND_LABEL, name, 0);
	struct expr *body = parse_pipe(p);
	p->scope = outside;
	return body ? expr_new(p, EXPR_LABEL, at, body, NULL, NULL) : NULL;
}

/* Behind a term: as PATTERNS | body. */
static struct expr *parse_as(struct parser *p, struct expr *source)
{
	struct binding *outside = p->scope;
	struct expr *as = expr_new(p, EXPR_AS, source->at, source, NULL, NULL);
	lexer_advance(&p->lex);
	if (!as || !parse_patterns(p, as))
		return NULL;
	if (!pass(p, SIGN('|')))
		return parse_unexpected(p, "'|' and what is done with the name");
	struct expr *body = parse_pipe(p);
	p->scope = outside;
	if (!body)
		return NULL;
	struct expr *whole = expr_new(p, EXPR_AS, source->at, source, body, NULL);
	struct parts parts = { as->kids, as->count, as->count };
	if (!whole || !expr_set_kids(p, whole, &parts))
		return NULL;
	whole->slot = as->slot;
	return whole;
}

static struct expr *parse_definition(struct parser *p)
{
	size_t at = p->lex.token.at;
	struct binding *outside = p->scope;
	p->own_functions = true;
	struct expr *body = parse_def(p);
	if (!body)
		return NULL;
	if (at_token(p, TOKEN_END))
		return parse_fail(
			p, p->lex.token.at, 0,
			"a definition alone gives nothing: a program belongs behind its ';'");
	struct expr *rest = parse_pipe(p);
	p->scope = outside;
	return rest ? expr_new(p, EXPR_DEF, at, body, rest, NULL) : NULL;
}

/* - takes * / % along, and what they take. A negative literal stays a literal. */
static struct expr *parse_negation(struct parser *p)
{
	size_t at = p->lex.token.at;
	lexer_advance(&p->lex);
	struct expr *e = parse_from(p, LEVEL_MUL);
	if (!e)
		return NULL;
	if (e->kind != EXPR_CONST || !val_is(&e->value, JSON_NUMBER) || !e->value.text ||
	    e->value.s.p[0] == '-')
		return expr_new(p, EXPR_NEGATE, at, e, NULL, NULL);
	struct expr *negative = expr_new(p, EXPR_CONST, at, NULL, NULL, NULL);
	if (negative)
		negative->value =
			val_text(slice_str(arena_printf(p->jq->arena, "-%.*s", SLICE(e->value.s))));
	return negative;
}

/* ---- operators ------------------------------------------------------------------------------------------- */

bool parse_enter(struct parser *p)
{
	if (++p->depth <= MAX_NESTING)
		return true;
	return lexer_fail(&p->lex, p->lex.token.at, p->lex.token.n,
			  "this program is nested too deeply");
}

static struct expr *parse_form(struct parser *p)
{
	switch (p->lex.token.kind) {
	case SIGN('-'):
		return parse_negation(p);
	case TOKEN_IF:
		return parse_condition(p, p->lex.token.at);
	case TOKEN_TRY:
		return parse_try(p);
	case TOKEN_REDUCE:
	case TOKEN_FOREACH:
		return parse_loop(p);
	case TOKEN_LABEL:
		return parse_label(p);
	case TOKEN_DEF:
		return parse_definition(p);
	}
	struct expr *term = parse_term(p);
	return term && at_token(p, TOKEN_AS) ? parse_as(p, term) : term;
}

static struct expr *parse_operand(struct parser *p)
{
	struct expr *e = parse_enter(p) ? parse_form(p) : NULL;
	p->depth--;
	return e;
}

static const struct infix *infix_at(const struct parser *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(infixes); i++)
		if (infixes[i].token == p->lex.token.kind)
			return &infixes[i];
	return NULL;
}

/* a, b, c is one node: lists of many constants are not deep. */
static struct expr *parse_comma(struct parser *p, struct expr *first)
{
	struct parts parts = { 0 };
	parts_add(p, &parts, first);
	while (pass(p, SIGN(','))) {
		struct expr *next = parse_from(p, LEVEL_COMMA + 1);
		if (!next)
			return NULL;
		parts_add(p, &parts, next);
	}
	struct expr *e = expr_new(p, EXPR_COMMA, first->at, NULL, NULL, NULL);
	return e && expr_set_kids(p, e, &parts) ? e : NULL;
}

static bool is_zero(const struct expr *e)
{
	return e->kind == EXPR_CONST && val_is(&e->value, JSON_NUMBER) &&
	       val_number(&e->value) == 0;
}

static struct expr *parse_infix(struct parser *p, const struct infix *infix, struct expr *left)
{
	struct token sign = p->lex.token;
	bool to_the_right = infix->level == LEVEL_PIPE || infix->level == LEVEL_ALT;
	lexer_advance(&p->lex);
	struct expr *right = parse_from(p, to_the_right ? infix->level : infix->level + 1);
	if (!right)
		return NULL;
	const struct infix *next = infix_at(p);
	if (next && next->level == infix->level &&
	    (infix->level == LEVEL_SET || infix->level == LEVEL_COMPARE))
		return parse_fail(p, p->lex.token.at, p->lex.token.n,
				  "'%.*s' and '%.*s' do not chain: use parentheses, or 'and'",
				  SLICE(sign.text), SLICE(p->lex.token.text));
	if (infix->kind == EXPR_BINARY && infix->op == OP_DIV && is_zero(right) &&
	    left->kind == EXPR_CONST && val_is(&left->value, JSON_NUMBER))
		return parse_fail(p, left->at, p->lex.behind - left->at, "division by zero");
	struct expr *e = expr_new(p, infix->kind, left->at, left, right, NULL);
	if (e)
		e->op = infix->op;
	return e;
}

static struct expr *parse_operators(struct parser *p, enum level min)
{
	struct expr *left = parse_operand(p);
	while (left) {
		const struct infix *infix = infix_at(p);
		if (pass(p, SIGN('?')))
			left = expr_new(p, EXPR_TRY, left->at, left, NULL, NULL);
		else if (!infix || infix->level < min)
			return left;
		else
			left = infix->kind == EXPR_COMMA ? parse_comma(p, left)
							 : parse_infix(p, infix, left);
	}
	return NULL;
}

static struct expr *parse_from(struct parser *p, enum level min)
{
	struct expr *e = parse_enter(p) ? parse_operators(p, min) : NULL;
	p->depth--;
	return e;
}

struct expr *parse_pipe(struct parser *p)
{
	return parse_from(p, LEVEL_PIPE);
}

/* ---- the program ------------------------------------------------------------------------------------------ */

static struct expr *parse_trailing(struct parser *p)
{
	const struct token *t = &p->lex.token;
	char before = t->at ? p->lex.text.p[p->lex.behind - 1] : '\0';
	if (t->kind == SIGN(')') || t->kind == SIGN(']') || t->kind == SIGN('}'))
		return parse_fail(p, t->at, t->n, "'%.*s' closes nothing", SLICE(t->text));
	if (before == '?' && (t->kind == TOKEN_FIELD || t->kind == SIGN('[')))
		return parse_fail(
			p, t->at, t->n,
			"jq 1.6 lets no path go on behind this '?': write '| .' in between");
	if (t->kind == TOKEN_FIELD || t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTE ||
	    t->kind == TOKEN_NUMBER)
		return parse_unexpected(p, "an operator such as '|', ',' or '+'");
	return parse_unexpected(p, "the end of the program");
}

struct expr *parse_all(struct parser *p, bool embedded)
{
	lexer_advance(&p->lex);
	if (at_token(p, TOKEN_END) || (embedded && at_token(p, SIGN(')'))))
		return parse_fail(p, p->lex.token.at, embedded ? p->lex.token.n : 0,
				  "the program is empty: write '.' for the record itself");
	if (at_token(p, TOKEN_MODULE) || at_token(p, TOKEN_IMPORT) || at_token(p, TOKEN_INCLUDE))
		return parse_fail(p, p->lex.token.at, p->lex.token.n,
				  "'%.*s' is refused: a program reads no files",
				  SLICE(p->lex.token.text));
	struct expr *e = parse_pipe(p);
	if (!e || p->lex.failed)
		return NULL;
	if (embedded)
		return close_bracket(p, SIGN(')'), p->opened) ? e : NULL;
	return at_token(p, TOKEN_END) ? e : parse_trailing(p);
}

int expr_parse(struct jq *jq, struct slice text, size_t from, bool embedded,
	       const struct expr_names *names, size_t *ret_end, struct expr_error *error)
{
	struct parser p = {
		.jq = jq, .names = names, .start = from, .opened = from >= 2 ? from - 2 : 0
	};
	lexer_init(&p.lex, text, from, error);
	jq->root = parse_all(&p, embedded);
	if (jq->root && names->no_record) {
		expr_plan(jq);
		if (jq->reads)
			parse_fail(
				&p, jq->reads->at, jq->reads->n,
				"there is no record here yet: only $vars and $secret can be named");
	}
	jq->text =
		arena_copy(jq->arena, (struct slice){ text.p + from,
						      p.lex.failed ? 0 : p.lex.token.at - from });
	jq->secrets = arena_copy(jq->arena, buf_slice(&p.secrets));
	if (p.own_functions)
		jq->own_functions = true;
	*ret_end = p.lex.next;
	buf_done(&p.piece);
	buf_done(&p.secrets);
	return p.lex.failed ? -1 : 0;
}
