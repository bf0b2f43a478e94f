/* jq_parse.h - what the parser's three files share: the state of one parse
 *
 * jq_parse.c  operators, control forms, the program as a whole
 * jq_term.c   terms: literals, strings, objects, paths, calls
 * jq_scope.c  names: variables, patterns, functions, the outer $names
 *
 * Every parse_ function returns NULL (false, -1) when a mistake is set in the lexer; nobody looks further then. */
#pragma once
#include "engine/language/jq_ast.h"
#include "engine/language/jq_lex.h"

enum binding_kind { BIND_VARIABLE, BIND_FUNCTION, BIND_LABEL };
struct binding {
	enum binding_kind kind;
	struct slice name;
	size_t arity; /* functions */
	int slot;     /* variables */
	struct binding *outer;
};
struct parser {
	struct lexer lex;
	struct jq *jq;
	const struct expr_names *names;
	struct binding *scope; /* innermost first */
	unsigned depth;
	size_t start;       /* of the program within the text */
	size_t opened;      /* embedded: where its "\\(" stands */
	bool own_functions; /* def was used: libjq runs it */
	struct buf piece;   /* string pieces: a stack, as strings nest */
	struct buf secrets; /* members of the object behind $secret */
};
/* Parts of a node while they are collected. */
struct parts {
	struct expr **items;
	size_t count, room;
};

/* jq_parse.c */
struct expr *expr_new(struct parser *, enum expr_kind, size_t at, struct expr *a, struct expr *b,
		      struct expr *c);
bool expr_set_kids(struct parser *, struct expr *, const struct parts *);
void parts_add(struct parser *, struct parts *, struct expr *);
void parse_edit(struct parser *, enum edit_kind, const struct token *);
struct expr *parse_pipe(struct parser *);
struct expr *parse_all(struct parser *,
		       bool embedded); /* from lex.next on; its names stay in scope */
struct expr *parse_fail(struct parser *, size_t at, size_t n, const char *fmt, ...) PRINTF(4, 5);
struct expr *parse_unexpected(struct parser *, const char *wanted);
static inline bool at_token(const struct parser *p, int kind)
{
	return p->lex.token.kind == kind;
}
bool parse_enter(struct parser *);    /* one level deeper (leave by p->depth--); false: too deep */
bool pass(struct parser *, int kind); /* advances when the token is there */
/* The bracket that closes the one at `opened`; else says which of the two is wrong. Does not advance. */
bool close_bracket(struct parser *, int kind, size_t opened);

/* jq_term.c */
struct expr *parse_term(struct parser *);

/* jq_scope.c */
struct expr *parse_variable(struct parser *,
			    bool bare); /* at '$'; bare: {$name}, no path behind it */
bool parse_dollar_name(struct parser *, struct slice *ret); /* '$' name, for patterns and labels */
bool parse_patterns(struct parser *,
		    struct expr *owner); /* binds; sets owner->slot or owner->kids */
struct expr *parse_def(struct parser *); /* at 'def', up to its ';' */
bool resolve_call(struct parser *, struct expr *call);
struct binding *bind_name(struct parser *, enum binding_kind, struct slice name, size_t arity);
const struct binding *find_binding(const struct parser *, enum binding_kind, struct slice name,
				   size_t arity);
