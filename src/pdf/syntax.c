/* syntax.c - a little colour for code
 *
 * What this room is for: strings, numbers, comments and the commonest keywords; enough to find one's way, for nearly every language.
 * What flows through:    code's text; coloured spans, in order.
 * What must hold:        one pass, no language is parsed: what is not certain stays black. Nothing is coloured beyond SPANS_MAX. */
#include "pdf/press.h"
#include "base/banned.h"

enum { SPANS_MAX = 200000 };

static const char *const keywords[] = {
	"and",
	"as",
	"async",
	"await",
	"bool",
	"break",
	"case",
	"catch",
	"char",
	"class",
	"const",
	"continue",
	"def",
	"default",
	"del",
	"do",
	"double",
	"elif",
	"else",
	"enum",
	"except",
	"export",
	"extends",
	"false",
	"False",
	"final",
	"finally",
	"float",
	"fn",
	"for",
	"from",
	"func",
	"function",
	"global",
	"go",
	"if",
	"impl",
	"implements",
	"import",
	"in",
	"include",
	"int",
	"interface",
	"is",
	"lambda",
	"let",
	"long",
	"match",
	"mod",
	"mut",
	"namespace",
	"new",
	"nil",
	"None",
	"not",
	"null",
	"or",
	"package",
	"pass",
	"private",
	"protected",
	"pub",
	"public",
	"raise",
	"return",
	"self",
	"short",
	"sizeof",
	"static",
	"string",
	"struct",
	"super",
	"switch",
	"this",
	"throw",
	"trait",
	"true",
	"True",
	"try",
	"type",
	"typedef",
	"union",
	"unsigned",
	"use",
	"using",
	"var",
	"void",
	"while",
	"with",
	"yield",
	/* SQL is written in capitals */
	"AND",
	"AS",
	"BY",
	"CREATE",
	"DELETE",
	"DESC",
	"DISTINCT",
	"FROM",
	"GROUP",
	"HAVING",
	"INSERT",
	"INTO",
	"JOIN",
	"LEFT",
	"LIMIT",
	"NOT",
	"NULL",
	"ON",
	"OR",
	"ORDER",
	"PRIMARY",
	"KEY",
	"SELECT",
	"SET",
	"TABLE",
	"UPDATE",
	"VALUES",
	"WHERE",
};

struct lexer {
	struct slice text;
	size_t at;
	bool hash, dashes, slashes; /* which signs begin a comment */
	struct span *spans;
	size_t n, cap;
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9') || (unsigned char)c >= 128;
}

static void put(struct lexer *l, enum span_kind kind, size_t to)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->spans = xrealloc(l->spans, l->cap, sizeof(*l->spans));
	}
	l->spans[l->n++] = (struct span){ .kind = kind, .from = l->at, .to = to };
}

static size_t find(struct slice text, size_t from, const char *what)
{
	size_t n = strlen(what);
	const char *at = from < text.n ? memmem(text.p + from, text.n - from, what, n) : NULL;
	return at ? (size_t)(at - text.p) + n : text.n;
}

/* Where the comment that begins here ends; 0: none begins. */
static size_t comment(const struct lexer *l)
{
	struct slice rest = slice_from(l->text, l->at);
	bool free_before = l->at == 0 || strchr(" \t\n;", l->text.p[l->at - 1]) != NULL;
	bool line = (l->hash && free_before && slice_starts(rest, S("#"))) ||
		    (l->dashes && slice_starts(rest, S("-- "))) ||
		    (l->slashes && slice_starts(rest, S("//")) &&
		     (l->at == 0 || l->text.p[l->at - 1] != ':'));
	if (line) {
		const char *end = memchr(rest.p, '\n', rest.n);
		return end ? (size_t)(end - l->text.p) : l->text.n;
	}
	return l->slashes && slice_starts(rest, S("/*")) ? find(l->text, l->at + 2, "*/") : 0;
}

/* A string ends on its line, but for """ and '''. */
static size_t string(const struct lexer *l)
{
	struct slice rest = slice_from(l->text, l->at);
	char quote = rest.p[0];
	if (quote != '"' && quote != '\'' && quote != '`')
		return 0;
	if (slice_starts(rest, S("\"\"\"")) || slice_starts(rest, S("'''")))
		return find(l->text, l->at + 3, quote == '"' ? "\"\"\"" : "'''");
	if (quote == '\'' && l->at > 0 && is_word(l->text.p[l->at - 1]))
		return 0; /* it's */
	for (size_t i = l->at + 1; i < l->text.n && l->text.p[i] != '\n'; i++) {
		if (l->text.p[i] == '\\')
			i++;
		else if (l->text.p[i] == quote)
			return i + 1;
	}
	return 0;
}

static bool is_keyword(struct slice word)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
		if (slice_eq_str(word, keywords[i]))
			return true;
	return false;
}

static size_t word(struct lexer *l)
{
	size_t to = l->at;
	bool number = l->text.p[to] >= '0' && l->text.p[to] <= '9';
	while (to < l->text.n && (is_word(l->text.p[to]) || (number && l->text.p[to] == '.')))
		to++;
	struct slice w = { l->text.p + l->at, to - l->at };
	if (number)
		put(l, SPAN_NUMBER, to);
	else if (w.n <= 10 && is_keyword(w))
		put(l, SPAN_KEYWORD, to);
	return to;
}

static bool is_one(struct slice word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(word, slice_str(words[i])))
			return true;
	return false;
}

const struct span *code_spans(struct press *p, const struct block *b, size_t *ret_n)
{
	static const char *const plain[] = { "",       "text", "txt", "plain",   "console",
					     "output", "diff", "md",  "markdown" };
	static const char *const hashes[] = { "python",     "py",    "sh", "bash", "shell",
					      "zsh",        "ruby",  "rb", "yaml", "yml",
					      "toml",       "perl",  "r",  "make", "makefile",
					      "dockerfile", "julia", "jq", "nim" };
	static const char *const dashes[] = { "sql", "postgresql", "sqlite", "haskell",
					      "hs",  "lua",        "elm",    "ada" };
	struct lexer l = { .text = b->prose.text };
	if (is_one(b->word, plain, ARRAY_SIZE(plain)))
		return NULL;
	l.hash = is_one(b->word, hashes, ARRAY_SIZE(hashes));
	l.dashes = is_one(b->word, dashes, ARRAY_SIZE(dashes));
	l.slashes = !l.hash && (!l.dashes || slice_eq_nocase(b->word, S("sql")));
	while (l.at < l.text.n && l.n < SPANS_MAX) {
		size_t to = comment(&l), end = to ? 0 : string(&l);
		if (to)
			put(&l, SPAN_COMMENT, to);
		else if (end)
			put(&l, SPAN_STRING, end);
		else if (is_word(l.text.p[l.at]))
			end = word(&l);
		l.at = to ? to : end ? end : l.at + 1;
	}
	struct span *spans = arena_alloc(p->arena, (l.n + 1) * sizeof(*spans));
	memcpy(spans, l.spans ? l.spans : spans, l.n * sizeof(*spans));
	free(l.spans);
	*ret_n = l.n;
	return spans;
}
