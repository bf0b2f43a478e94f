/* jq_scope.c - names: what $x and f mean where they stand
 *
 * What this room is for: every name is resolved while the program is read, so that a misspelt one has a place and a nearest
 *   right one long before a record is touched.
 * What flows through:    bindings, innermost first; $vars and $secret turn into constants here.
 * What must hold:
 *  (1) own names shadow outer ones and builtins, as in jq; functions are told apart by name and number of arguments.
 *  (2) the outer names are $res, $rows, $vars, $meta and $secret, each only where the option allows it.
 *  (3) a secret's value goes into the tree only by its name in the file, and is remembered for redaction. */
#include "engine/plan/diag.h"
#include "engine/language/jq_parse.h"
#include <string.h>

#include "base/banned.h"

#define MAX_CANDIDATES 64

struct binding *bind_name(struct parser *p, enum binding_kind kind, struct slice name, size_t arity)
{
	struct binding *b = arena_zero(p->jq->arena, sizeof(*b));
	*b = (struct binding){ .kind = kind,
			       .name = arena_copy(p->jq->arena, name),
			       .arity = arity,
			       .slot = -1,
			       .outer = p->scope };
	if (kind == BIND_VARIABLE)
		b->slot = (int)p->jq->var_count++;
	p->scope = b;
	return b;
}

const struct binding *find_binding(const struct parser *p, enum binding_kind kind,
				   struct slice name, size_t arity)
{
	for (const struct binding *b = p->scope; b; b = b->outer)
		if (b->kind == kind && b->arity == arity && slice_eq(b->name, name))
			return b;
	return NULL;
}

/* ---- $names ------------------------------------------------------------------------------------------ */

bool parse_dollar_name(struct parser *p, struct slice *ret)
{
	size_t at = p->lex.token.at;
	if (!pass(p, SIGN('$')))
		return parse_unexpected(p, "'$' and a name") != NULL;
	const struct token *t = &p->lex.token;
	if (t->kind == TOKEN_LOC)
		return lexer_fail(&p->lex, at, t->at + t->n - at,
				  "$__loc__ is refused: a program has no file of its own");
	if (token_is_keyword(t))
		return lexer_fail(&p->lex, at, t->at + t->n - at,
				  "'%.*s' is a keyword and cannot name a variable", SLICE(t->text));
	if (t->kind != TOKEN_WORD)
		return parse_unexpected(p, "a name behind '$'") != NULL;
	*ret = t->text;
	lexer_advance(&p->lex);
	return true;
}

static struct expr *unknown_name(struct parser *p, struct slice name, size_t at)
{
	const char *words[MAX_CANDIDATES];
	size_t n = 0;
	for (const struct binding *b = p->scope; b && n < MAX_CANDIDATES - OUTER_COUNT;
	     b = b->outer)
		if (b->kind == BIND_VARIABLE)
			words[n++] = b->name.p;
	words[n++] = "vars";
	words[n++] = "meta";
	if (p->names->response)
		words[n++] = "res";
	if (p->names->rows)
		words[n++] = "rows";
	if (p->names->secrets)
		words[n++] = "secret";
	const char *near = nearest(name, words, n);
	size_t length = 1 + name.n;
	if (slice_eq_str(name, "ENV") || slice_eq_str(name, "env"))
		return parse_fail(p, at, length,
				  "$%.*s is refused: environment variables come in through vars: "
				  "{name: $env.NAME}",
				  SLICE(name));
	if (near)
		return parse_fail(p, at, length, "unknown name $%.*s; did you mean $%s?",
				  SLICE(name), near);
	return parse_fail(p, at, length, "unknown name $%.*s: known here are $vars, $meta%s%s%s",
			  SLICE(name), p->names->response ? ", $res" : "",
			  p->names->rows ? ", $rows" : "", p->names->secrets ? ", $secret" : "");
}

static struct expr *constant_text(struct parser *p, struct slice name, size_t at, struct slice json)
{
	struct expr *e = expr_new(p, EXPR_CONST, at, NULL, NULL, NULL);
	if (e) {
		e->value = val_text(arena_copy(p->jq->arena, json));
		e->name = arena_copy(p->jq->arena, name);
	}
	return e;
}

/* $vars.name: a name that vars: does not have is a mistake, unless ? or // says that it may be missing. */
static struct expr *parse_vars_field(struct parser *p, struct slice vars, size_t at)
{
	const char *words[MAX_CANDIDATES];
	size_t n = 0;
	struct token t = p->lex.token;
	struct slice found, key, value;
	lexer_advance(&p->lex);
	bool may_miss = pass(p, SIGN('?')) || at_token(p, TOKEN_ALT);
	if (json_field(vars, t.text, &found))
		return constant_text(p, t.text, at, found);
	if (may_miss)
		return constant_text(p, t.text, at, S("null"));
	struct json_iter it = json_iter(vars);
	while (n < MAX_CANDIDATES && json_next(&it, &key, &value))
		words[n++] = arena_str(p->jq->arena, (struct slice){ key.p + 1, key.n - 2 });
	const char *near = nearest(t.text, words, n);
	if (near)
		return parse_fail(p, t.at + 1, t.n - 1, "vars: has no '%.*s'; did you mean '%s'?",
				  SLICE(t.text), near);
	return parse_fail(p, t.at + 1, t.n - 1,
			  "vars: has no '%.*s': add it there, or write ($vars.%.*s // ...)",
			  SLICE(t.text), SLICE(t.text));
}

static struct expr *parse_vars(struct parser *p, size_t at, bool bare)
{
	struct slice vars = p->names->vars.n ? p->names->vars : S("{}");
	p->jq->outer |= 1u << OUTER_VARS;
	if (!p->jq->vars.n)
		p->jq->vars = arena_copy(p->jq->arena, vars);
	if (!bare && at_token(p, TOKEN_FIELD))
		return parse_vars_field(p, vars, at);
	return constant_text(p, S("vars"), at, vars);
}

static struct expr *parse_secret(struct parser *p, size_t at, bool bare)
{
	struct token t = p->lex.token;
	struct slice value;
	if (!p->names->secrets)
		return parse_fail(
			p, at, p->lex.behind - at,
			"$secret exists only in the options auth, headers, url, body and db");
	if (bare || t.kind != TOKEN_FIELD)
		return parse_fail(p, at, p->lex.behind - at,
				  "one secret is named at a time: write $secret.NAME");
	if (!secrets_get(p->names->secrets, t.text, &value))
		return parse_fail(
			p, t.at + 1, t.n - 1,
			"secret '%.*s' is missing: set it in the environment or with --secrets",
			SLICE(t.text));
	lexer_advance(&p->lex);
	p->jq->outer |= 1u << OUTER_SECRET;
	AUTO(buf_done) struct buf json = { 0 };
	if (json_quote(value, &json) < 0 || (p->secrets.n && buf_add_char(&p->secrets, ',') < 0) ||
	    json_quote(t.text, &p->secrets) < 0 || buf_add_char(&p->secrets, ':') < 0 ||
	    buf_add(&p->secrets, buf_slice(&json)) < 0)
		return parse_fail(p, at, t.at + t.n - at, "this secret is too long");
	return constant_text(p, t.text, at, buf_slice(&json));
}

static struct expr *outer_name(struct parser *p, struct slice name, size_t at, enum outer which,
			       bool allowed, const char *where)
{
	if (!allowed)
		return parse_fail(p, at, 1 + name.n, "$%.*s exists only %s", SLICE(name), where);
	p->jq->outer |= 1u << which;
	if (which == OUTER_RES &&
	    !(at_token(p, TOKEN_FIELD) && slice_eq_str(p->lex.token.text, "body")))
		p->jq->about = true;
	struct expr *e = expr_new(p, EXPR_OUTER, at, NULL, NULL, NULL);
	if (e) {
		e->op = (uint8_t)which;
		e->name = name;
	}
	return e;
}

struct expr *parse_variable(struct parser *p, bool bare)
{
	size_t at = p->lex.token.at;
	struct slice name;
	if (!parse_dollar_name(p, &name))
		return NULL;
	const struct binding *b = find_binding(p, BIND_VARIABLE, name, 0);
	if (b) {
		struct expr *e = expr_new(p, EXPR_VAR, at, NULL, NULL, NULL);
		if (e) {
			e->slot = b->slot;
			e->name = b->name;
		}
		return e;
	}
	if (slice_eq_str(name, "vars"))
		return parse_vars(p, at, bare);
	if (slice_eq_str(name, "secret"))
		return parse_secret(p, at, bare);
	if (slice_eq_str(name, "meta"))
		return outer_name(p, S("meta"), at, OUTER_META, true, "");
	if (slice_eq_str(name, "res"))
		return outer_name(p, S("res"), at, OUTER_RES, p->names->response,
				  p->names->rows ? "where a server answers; here it is $rows"
						 : "where there is an answer: in accept, "
						   "result and emit");
	if (slice_eq_str(name, "rows"))
		return outer_name(p, S("rows"), at, OUTER_ROWS, p->names->rows,
				  "where there are rows: in result and emit of sql");
	return unknown_name(p, name, at);
}

/* ---- patterns -------------------------------------------------------------------------------------------- */

static bool parse_pattern(struct parser *p, struct parts *keys, int *ret_slot);

static bool bind_dollar(struct parser *p, int *ret_slot)
{
	struct slice name;
	if (!parse_dollar_name(p, &name))
		return false;
	*ret_slot = bind_name(p, BIND_VARIABLE, name, 0)->slot;
	return true;
}

static bool parse_array_pattern(struct parser *p, struct parts *keys)
{
	size_t opened = p->lex.token.at;
	int slot;
	do {
		lexer_advance(&p->lex);
		if (!parse_pattern(p, keys, &slot))
			return false;
	} while (at_token(p, SIGN(',')));
	if (!close_bracket(p, SIGN(']'), opened))
		return false;
	lexer_advance(&p->lex);
	return true;
}

/* $name, $name: pattern, name: pattern, "name": pattern, (key): pattern. */
static bool parse_member_pattern(struct parser *p, struct parts *keys)
{
	int slot;
	const struct token *t = &p->lex.token;
	if (t->kind == SIGN('$')) {
		if (!bind_dollar(p, &slot))
			return false;
		return !pass(p, SIGN(':')) || parse_pattern(p, keys, &slot);
	}
	if (t->kind == TOKEN_WORD || token_is_keyword(t)) {
		lexer_advance(&p->lex);
	} else if (t->kind == TOKEN_QUOTE || t->kind == TOKEN_FORMAT || t->kind == SIGN('(')) {
		struct expr *key = parse_term(p);
		if (!key)
			return false;
		parts_add(p, keys, key);
	} else {
		return parse_unexpected(p, "a key: {$name}, {name: $x}, {\"name\": $x}") != NULL;
	}
	if (!pass(p, SIGN(':')))
		return parse_unexpected(p, "':' and a pattern behind the key") != NULL;
	return parse_pattern(p, keys, &slot);
}

static bool parse_object_pattern(struct parser *p, struct parts *keys)
{
	size_t opened = p->lex.token.at;
	do {
		lexer_advance(&p->lex);
		if (!parse_member_pattern(p, keys))
			return false;
	} while (at_token(p, SIGN(',')));
	if (!close_bracket(p, SIGN('}'), opened))
		return false;
	lexer_advance(&p->lex);
	return true;
}

static bool parse_pattern(struct parser *p, struct parts *keys, int *ret_slot)
{
	bool ok = false;
	if (!parse_enter(p))
		ok = false;
	else if (at_token(p, SIGN('$')))
		ok = bind_dollar(p, ret_slot);
	else if (at_token(p, SIGN('[')))
		ok = parse_array_pattern(p, keys);
	else if (at_token(p, SIGN('{')))
		ok = parse_object_pattern(p, keys);
	else
		parse_unexpected(p, "a pattern: $name, [$a, $b] or {name: $x}");
	p->depth--;
	return ok;
}

/* owner->slot stays -1 for more than a plain name; its kids are then the keys that are programs themselves. */
bool parse_patterns(struct parser *p, struct expr *owner)
{
	struct parts keys = { 0 };
	int slot = -1, others;
	bool plain = at_token(p, SIGN('$'));
	if (!parse_pattern(p, &keys, &slot))
		return false;
	for (; pass(p, TOKEN_DESTRUCTURE_ALT); plain = false)
		if (!parse_pattern(p, &keys, &others))
			return false;
	owner->slot = plain ? slot : -1;
	return expr_set_kids(p, owner, &keys);
}

/* ---- functions --------------------------------------------------------------------------------------------- */

static bool parse_parameters(struct parser *p, size_t *ret_arity)
{
	size_t opened = p->lex.token.at;
	*ret_arity = 0;
	if (!at_token(p, SIGN('(')))
		return true;
	do {
		struct slice name;
		int slot;
		lexer_advance(&p->lex);
		if (at_token(p, SIGN('$'))) {
			if (!bind_dollar(p, &slot))
				return false;
			name = p->scope->name;
		} else if (at_token(p, TOKEN_WORD)) {
			name = p->lex.token.text;
			lexer_advance(&p->lex);
		} else {
			return parse_unexpected(p, "a parameter: f or $x") != NULL;
		}
		bind_name(p, BIND_FUNCTION, name, 0);
		++*ret_arity;
	} while (at_token(p, SIGN(';')));
	if (!close_bracket(p, SIGN(')'), opened))
		return false;
	lexer_advance(&p->lex);
	return true;
}

/* def name(params): body; - the body knows the parameters and itself, what follows knows the name. */
struct expr *parse_def(struct parser *p)
{
	ASSERT(at_token(p, TOKEN_DEF));
	struct binding *outside = p->scope;
	lexer_advance(&p->lex);
	struct token t = p->lex.token;
	if (t.kind != TOKEN_WORD)
		return parse_unexpected(p, "the name of the function");
	lexer_advance(&p->lex);
	size_t arity;
	if (!parse_parameters(p, &arity))
		return NULL;
	if (!pass(p, SIGN(':')))
		return parse_unexpected(p, "':' and the body of the function");
	struct binding *own = arena_zero(p->jq->arena, sizeof(*own));
	*own = (struct binding){ .kind = BIND_FUNCTION,
				 .name = arena_copy(p->jq->arena, t.text),
				 .arity = arity,
				 .slot = -1,
				 .outer = p->scope };
	p->scope = own;
	struct expr *body = parse_pipe(p);
	p->scope = outside;
	if (!body)
		return NULL;
	if (!pass(p, SIGN(';')))
		return parse_unexpected(p, "';' at the end of the definition");
	bind_name(p, BIND_FUNCTION, t.text, arity);
	return body;
}

bool resolve_call(struct parser *p, struct expr *call)
{
	char text[200];
	if (find_binding(p, BIND_FUNCTION, call->name, call->count))
		return true;
	call->fn = native_find(call->name, call->count);
	if (call->fn || names_function(call->name, call->count, text, sizeof(text)) == NAME_KNOWN)
		return true;
	return lexer_fail(&p->lex, call->at, call->name.n, "%s", text);
}
