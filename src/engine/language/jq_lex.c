/* jq_lex.c - program text to tokens
 *
 * What this room is for: knowing where every word of a program stands, so that a mistake has a column.
 * What flows through:    bytes of the pipeline file; nothing is trusted, not even that it is UTF-8.
 * What must hold:
 *  (1) every loop advances and nothing behind the text is read.
 *  (2) what jq 1.6 does not know but people write (&&, !, single quotes) is refused with the jq way to say it.
 *  (3) once a mistake is set, the token is BAD for good: the parser unwinds without looking further. */
#include "engine/language/jq_lex.h"
#include "base/json.h"
#include <stdarg.h>
#include <string.h>

#include "base/banned.h"

static const char *const keyword_names[] = { "as",    "import", "include", "module",  "def",
					     "if",    "then",   "else",    "elif",    "and",
					     "or",    "end",    "reduce",  "foreach", "try",
					     "catch", "label",  "break",   "__loc__" };

static const struct {
	const char *text;
	enum token_kind kind;
} signs[] = {
	{ "?//", TOKEN_DESTRUCTURE_ALT },
	{ "//=", TOKEN_SET_ALT },
	{ "//", TOKEN_ALT },
	{ "!=", TOKEN_NE },
	{ "==", TOKEN_EQ },
	{ "<=", TOKEN_LE },
	{ ">=", TOKEN_GE },
	{ "|=", TOKEN_SET_PIPE },
	{ "+=", TOKEN_SET_ADD },
	{ "-=", TOKEN_SET_SUB },
	{ "*=", TOKEN_SET_MUL },
	{ "/=", TOKEN_SET_DIV },
	{ "%=", TOKEN_SET_MOD },
	{ "..", TOKEN_RECURSE },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* 0 behind the end: no word contains it. */
static char char_at(const struct lexer *l, size_t at)
{
	return at < l->text.n ? l->text.p[at] : '\0';
}

bool lexer_fail(struct lexer *l, size_t at, size_t n, const char *fmt, ...)
{
	if (!l->failed) {
		va_list args;
		va_start(args, fmt);
		l->error->offset = at < l->text.n ? at : l->text.n;
		l->error->length =
			n <= l->text.n - l->error->offset ? n : l->text.n - l->error->offset;
		vsnprintf(l->error->text, sizeof(l->error->text), fmt, args);
		va_end(args);
		l->failed = true;
		l->token.kind = TOKEN_BAD;
	}
	return false;
}

void lexer_init(struct lexer *l, struct slice text, size_t from, struct expr_error *error)
{
	ASSERT(from <= text.n);
	*l = (struct lexer){ .text = text, .next = from, .behind = from, .error = error };
	*error = (struct expr_error){ 0 };
}

/* ---- blanks, words, numbers ---------------------------------------------------------------------- */

static void skip_blanks(struct lexer *l)
{
	for (; l->next < l->text.n; l->next++) {
		char c = l->text.p[l->next];
		if (c == '#') {
			while (char_at(l, l->next + 1) != '\n' && l->next + 1 < l->text.n)
				l->next++;
		} else if (c != ' ' && c != '\t' && c != '\n') {
			return;
		}
	}
}

static size_t name_end(const struct lexer *l, size_t at)
{
	while (is_letter(char_at(l, at)) || is_digit(char_at(l, at)))
		at++;
	return at;
}

static struct slice text_between(const struct lexer *l, size_t from, size_t to)
{
	return (struct slice){ l->text.p + from, to - from };
}

static void set_token(struct lexer *l, int kind, size_t end, size_t skip)
{
	size_t at = l->next;
	l->token = (struct token){ kind, at, end - at, text_between(l, at + skip, end) };
	l->next = end;
}

static void lex_word(struct lexer *l)
{
	size_t end = name_end(l, l->next);
	while (char_at(l, end) == ':' && char_at(l, end + 1) == ':' &&
	       is_letter(char_at(l, end + 2)))
		end = name_end(l, end + 2);
	struct slice word = text_between(l, l->next, end);
	for (size_t i = 0; i < ARRAY_SIZE(keyword_names); i++) {
		if (slice_eq_str(word, keyword_names[i])) {
			set_token(l, TOKEN_AS + (int)i, end, 0);
			return;
		}
	}
	set_token(l, TOKEN_WORD, end, 0);
}

/* jq takes the run of digits and dots and asks its JSON parser; "1." and ".5" are numbers, "1.2.3" is not. */
static void lex_number(struct lexer *l)
{
	size_t end = l->next, dots = 0, digits = 0;
	for (; is_digit(char_at(l, end)) || char_at(l, end) == '.'; end++) {
		if (l->text.p[end] == '.')
			dots++;
		else
			digits++;
	}
	if (char_at(l, end) == 'e' || char_at(l, end) == 'E') {
		size_t exponent = end + 1;
		if (char_at(l, exponent) == '+' || char_at(l, exponent) == '-')
			exponent++;
		size_t from = exponent;
		while (is_digit(char_at(l, exponent)))
			exponent++;
		if (exponent > from)
			end = exponent;
	}
	if (dots > 1 || digits == 0)
		lexer_fail(l, l->next, end - l->next, "'%.*s' is not a number",
			   SLICE(text_between(l, l->next, end)));
	else
		set_token(l, TOKEN_NUMBER, end, 0);
}

/* ---- signs ------------------------------------------------------------------------------------------ */

static void lex_stray(struct lexer *l)
{
	char c = char_at(l, l->next), next = char_at(l, l->next + 1);
	if (c == '&')
		lexer_fail(l, l->next, next == '&' ? 2 : 1, "jq has no '&': write 'and'");
	else if (c == '!')
		lexer_fail(l, l->next, 1, "jq has no '!': write '(...) | not'");
	else if (c == '\'')
		lexer_fail(l, l->next, 1, "jq strings stand in double quotes");
	else if (c == '\\' && next == '(')
		lexer_fail(l, l->next, 2,
			   "'\\(' belongs inside a string or a template; this is a jq program "
			   "already");
	else if (c == '@')
		lexer_fail(l, l->next, 1, "a format name belongs behind '@', as in @uri or @json");
	else if ((unsigned char)c < 0x20 || c == 0x7f)
		lexer_fail(l, l->next, 1, "byte 0x%02x has no place in a program",
			   (unsigned)(unsigned char)c);
	else
		lexer_fail(l, l->next, utf8_head(text_between(l, l->next, l->text.n), 4).n,
			   "unexpected '%.*s'",
			   SLICE(utf8_head(text_between(l, l->next, l->text.n),
					   (unsigned char)c < 0x80 ? 1 : 4)));
}

static void lex_sign(struct lexer *l)
{
	struct slice rest = text_between(l, l->next, l->text.n);
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		struct slice sign = slice_str(signs[i].text);
		if (rest.n >= sign.n && memcmp(rest.p, sign.p, sign.n) == 0) {
			set_token(l, (int)signs[i].kind, l->next + sign.n, 0);
			return;
		}
	}
	char c = rest.p[0];
	if (c && strchr(".?=;,:|+-*/%$<>()[]{}", c))
		set_token(l, SIGN(c), l->next + 1, 0);
	else
		lex_stray(l);
}

void lexer_advance(struct lexer *l)
{
	if (l->failed)
		return;
	l->behind = l->next;
	skip_blanks(l);
	char c = char_at(l, l->next), next = char_at(l, l->next + 1);
	if (l->next >= l->text.n)
		set_token(l, TOKEN_END, l->text.n, 0);
	else if (is_letter(c))
		lex_word(l);
	else if (c == '.' && is_letter(next))
		set_token(l, TOKEN_FIELD, name_end(l, l->next + 1), 1);
	else if (is_digit(c) ||
		 (c == '.' && (is_digit(next) || (next == '.' && char_at(l, l->next + 2) == '.'))))
		lex_number(l);
	else if (c == '"')
		set_token(l, TOKEN_QUOTE, l->next + 1, 0);
	else if (c == '@' && (is_letter(next) || is_digit(next)))
		set_token(l, TOKEN_FORMAT, name_end(l, l->next + 1), 1);
	else
		lex_sign(l);
}

/* ---- strings ---------------------------------------------------------------------------------------- */

static bool hex4(const struct lexer *l, size_t at, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = at; i < at + 4; i++) {
		char c = char_at(l, i);
		uint32_t digit = is_digit(c)            ? (uint32_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
							: 16;
		if (digit == 16)
			return false;
		*ret = *ret << 4 | digit;
	}
	return true;
}

/* lexer.next is at "\u". A high surrogate needs its low one; a low one alone becomes U+FFFD, as in jq. */
static bool piece_unicode(struct lexer *l, struct buf *out)
{
	uint32_t code, low;
	size_t at = l->next;
	if (!hex4(l, at + 2, &code))
		return lexer_fail(l, at, 2, "four hexadecimal digits belong behind '\\u'");
	l->next += 6;
	if (code >= 0xd800 && code <= 0xdbff) {
		if (char_at(l, l->next) != '\\' || char_at(l, l->next + 1) != 'u' ||
		    !hex4(l, l->next + 2, &low) || low < 0xdc00 || low > 0xdfff)
			return lexer_fail(l, at, 6,
					  "the second half of this surrogate pair is missing");
		l->next += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xdc00 && code <= 0xdfff) {
		code = 0xfffd;
	}
	char utf8[4];
	return buf_add(out, (struct slice){ utf8, utf8_put(code, utf8) }) == 0 ||
	       lexer_fail(l, at, 6, "this string is too long");
}

static bool piece_escape(struct lexer *l, struct buf *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	char c = char_at(l, l->next + 1);
	const char *found = c ? strchr(names, c) : NULL;
	if (c == 'u')
		return piece_unicode(l, out);
	if (!found)
		return lexer_fail(l, l->next, 2,
				  "'\\%.*s' is no escape; a backslash itself is written '\\\\'",
				  SLICE(utf8_head(text_between(l, l->next + 1, l->text.n),
						  (unsigned char)c < 0x80 ? 1 : 4)));
	l->next += 2;
	return buf_add_char(out, values[found - names]) == 0 ||
	       lexer_fail(l, l->next, 0, "this string is too long");
}

enum piece_end lexer_piece(struct lexer *l, size_t opened_at, struct buf *out)
{
	while (!l->failed && l->next < l->text.n) {
		size_t from = l->next;
		while (l->next < l->text.n && l->text.p[l->next] != '"' &&
		       l->text.p[l->next] != '\\')
			l->next++;
		if (buf_add(out, text_between(l, from, l->next)) < 0)
			lexer_fail(l, from, 0, "this string is too long");
		const char *nul = memchr(l->text.p + from, '\0', l->next - from);
		if (nul)
			lexer_fail(l, (size_t)(nul - l->text.p), 1,
				   "byte 0x00 has no place in a program");
		if (char_at(l, l->next) == '"') {
			l->next++;
			return PIECE_QUOTE;
		}
		if (char_at(l, l->next + 1) == '(') {
			l->next += 2;
			return PIECE_INTERPOLATION;
		}
		if (l->next + 1 < l->text.n && !piece_escape(l, out))
			return PIECE_BAD;
		if (l->next + 1 == l->text.n && l->text.p[l->next] == '\\')
			break;
	}
	lexer_fail(l, opened_at, l->text.n - opened_at,
		   "this string is never closed: a '\"' is missing");
	return PIECE_BAD;
}

/* ---- for messages ------------------------------------------------------------------------------------- */

bool token_is_keyword(const struct token *t)
{
	return t->kind >= TOKEN_AS && t->kind <= TOKEN_LOC;
}

struct slice token_shown(const struct token *t)
{
	if (t->kind == TOKEN_END)
		return S("the end");
	if (t->kind == TOKEN_QUOTE)
		return S("a string");
	return (struct slice){ t->text.p - (t->n - t->text.n), t->n };
}
