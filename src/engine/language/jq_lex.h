/* jq_lex.h - the words of jq 1.6, each with its place
 *
 * What this room is for: program text to tokens. The parser pulls one token at a time; inside strings it pulls pieces, because
 *   an interpolation holds a whole program again. Templates use the same two calls.
 * What must hold: (1) a token lies inside the text, END at its end. (2) the longest word wins, as in jq's own lexer; one thing
 *   differs: `.e1` is a field here (jq 1.6 takes it for a number and fails). (3) the first mistake stays. */
#pragma once
#include "engine/expr.h"

enum token_kind {
	TOKEN_END,
	TOKEN_BAD,   /* the mistake is in lexer.error */
	TOKEN_WORD,  /* name, maybe a::b */
	TOKEN_FIELD, /* .name */
	TOKEN_NUMBER,
	TOKEN_QUOTE,  /* a string begins */
	TOKEN_FORMAT, /* @name */
	/* keywords, in the order of keyword_names[] */
	TOKEN_AS,
	TOKEN_IMPORT,
	TOKEN_INCLUDE,
	TOKEN_MODULE,
	TOKEN_DEF,
	TOKEN_IF,
	TOKEN_THEN,
	TOKEN_ELSE,
	TOKEN_ELIF,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_END_WORD,
	TOKEN_REDUCE,
	TOKEN_FOREACH,
	TOKEN_TRY,
	TOKEN_CATCH,
	TOKEN_LABEL,
	TOKEN_BREAK,
	TOKEN_LOC,
	/* signs of more than one character */
	TOKEN_NE,
	TOKEN_EQ,
	TOKEN_LE,
	TOKEN_GE,
	TOKEN_ALT,
	TOKEN_SET_ALT,
	TOKEN_SET_PIPE,
	TOKEN_SET_ADD,
	TOKEN_SET_SUB,
	TOKEN_SET_MUL,
	TOKEN_SET_DIV,
	TOKEN_SET_MOD,
	TOKEN_RECURSE,
	TOKEN_DESTRUCTURE_ALT,
	TOKEN_SIGN = 256, /* + the character: . ? = ; , : | + - * / % $ < > ( ) [ ] { } */
};
#define SIGN(c) (TOKEN_SIGN + (c))

struct token {
	int kind; /* enum token_kind or SIGN(c) */
	size_t at, n;
	struct slice text; /* of the word, field (without dot), number, format (without @) */
};
struct lexer {
	struct slice text;
	size_t next;        /* where the following token is looked for */
	struct token token; /* the current one */
	size_t behind;      /* end of the token before it: where a missing thing belongs */
	struct expr_error *error;
	bool failed;
};

void lexer_init(struct lexer *, struct slice text, size_t from, struct expr_error *);
void lexer_advance(struct lexer *);
/* One piece of a string, from lexer.next on: appends its decoded characters to out and tells what ended it. Afterwards
 * lexer.next lies behind the closing quote, or behind "\(": advance, parse, and when the token is ')' ask for the next piece. */
enum piece_end { PIECE_QUOTE, PIECE_INTERPOLATION, PIECE_BAD };
enum piece_end lexer_piece(struct lexer *, size_t opened_at, struct buf *out);
/* The first mistake: place and text. Always false. */
bool lexer_fail(struct lexer *, size_t at, size_t n, const char *fmt, ...) PRINTF(4, 5);
/* "')'", "'then'", "the end": for messages. */
struct slice token_shown(const struct token *);
bool token_is_keyword(const struct token *);
