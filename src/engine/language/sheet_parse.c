/* sheet_parse.c - a template's text becomes one jq program and the list of its parts
 *
 * What this room is for: \( ) and \raw( ), and lines that begin with \for \if \elif \else \end or
 *   \comment. Expressions are read by jq's own
 *   parser, in one scope, so that a \for's names are known in its lines and nowhere else.
 * What flows through:    the text; out come parts, the tree of a program that names them by number, and the same as text, for libjq:
 *     Hi \(.name)          (0, 1, [.name], 2, if first((.vip), null) then (3) else (4) end)
 * What must hold:
 *  (1) tree and text are the same program; an expression stands in the text as it was written.
 *  (2) a directive stands alone on its line, which disappears; two backslashes write one and no directive.
 *  (3) all mistakes are reported, each once: reading goes on behind a bad expression at the end of its line. */
#include "engine/language/jq_parse.h"
#include "engine/language/sheet_part.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define NESTING_MAX  20
#define LIST         "([" /* behind it: source, LIST_END or LIST_COUNTED, pattern */
#define LIST_END     "\n]|.[]         )as $__item|$__item       as "
#define LIST_COUNTED "\n]|to_entries[])as $__item|$__item.value as "
_Static_assert(sizeof(LIST_END) == sizeof(LIST_COUNTED), "one is written over the other");

enum word { WORD_NONE, WORD_FOR, WORD_IF, WORD_ELIF, WORD_ELSE, WORD_END, WORD_COMMENT };
static const char *const words[] = {
	[WORD_FOR] = "for",   [WORD_IF] = "if",   [WORD_ELIF] = "elif",
	[WORD_ELSE] = "else", [WORD_END] = "end", [WORD_COMMENT] = "comment"
};
struct directive {
	enum word word;
	size_t line, at; /* where its line begins, and its backslash */
	size_t arg, end; /* what stands behind the word, up to the line's end without blanks */
	size_t next;     /* the line below */
};
struct compile {
	struct parser p;
	struct expr_error error; /* the lexer's */
	struct sheet *sheet;
	struct slice text;
	size_t at, line_at; /* line_at: where the line of `at` begins */
	unsigned line;
	bool fresh;                /* `at` is the beginning of a line */
	struct directive closing;  /* what ended a body; WORD_NONE: the end */
	struct buf program;        /* for libjq */
	unsigned nesting, unknown; /* unknown: \for lines around whose names could not be read */
	sheet_report *report;
	void *arg;
	bool failed;
};

/* ---- mistakes --------------------------------------------------------------------------------------------- */

static void mistake(struct compile *c, size_t at, size_t n, const char *fmt, ...) PRINTF(4, 5);

static void mistake(struct compile *c, size_t at, size_t n, const char *fmt, ...)
{
	struct expr_error error = { .offset = at, .length = n };
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(error.text, sizeof(error.text), fmt, ap);
	va_end(ap);
	c->report(c->arg, &error);
	c->failed = true;
}

/* What jq's parser has against the expression; its places count from the line's beginning. */
static void settle(struct compile *c, size_t base)
{
	bool known = !c->unknown || strncmp(c->error.text, "unknown name $", 14) != 0;
	if (!c->p.lex.failed)
		return;
	c->p.lex.failed = false;
	c->failed = true;
	if (known)
		mistake(c, base + c->error.offset, c->error.length, "%s", c->error.text);
}

/* ---- the program's text ---------------------------------------------------------------------------------------- */

/* A template is at most 16 MiB, and so is not much more than its program. */
static void put(struct compile *c, struct slice s)
{
	ASSERT(buf_add(&c->program, s) == 0);
}

/* Reads from `at` of the line that begins at `base`, up to `end`; what is read will stand in the program next. */
static void read_from(struct compile *c, size_t base, size_t at, size_t end)
{
	struct slice text = { c->text.p + base, end - base };
	lexer_init(&c->p.lex, text, at - base, &c->error);
	c->p.start = at - base - c->program.n;
	c->p.opened = at - base;
	c->p.depth = 0;
}

/* ---- tree ------------------------------------------------------------------------------------------------------- */

static struct expr *make(struct compile *c, enum expr_kind kind, struct expr *a, struct expr *b,
			 struct expr *d)
{
	struct expr *e = expr_new(&c->p, kind, 0, a, b, d);
	settle(c, c->line_at);
	return e ? e : expr_new(&c->p, EXPR_SELF, 0, NULL, NULL, NULL);
}

static struct expr *constant(struct compile *c, const char *json)
{
	struct expr *e = make(c, EXPR_CONST, NULL, NULL, NULL);
	e->value = val_text(slice_str(json));
	return e;
}

static struct expr *call_first(struct compile *c, struct expr *of)
{
	struct expr *e = make(c, EXPR_CALL, NULL, NULL, NULL);
	struct parts kids = { 0 };
	e->name = S("first");
	e->fn = native_find(e->name, 1);
	ASSERT(e->fn);
	parts_add(&c->p, &kids, of);
	(void)expr_set_kids(&c->p, e, &kids);
	settle(c, c->line_at);
	return e;
}

static struct expr *comma(struct compile *c, const struct parts *kids)
{
	struct expr *e = make(c, EXPR_COMMA, NULL, NULL, NULL);
	(void)expr_set_kids(&c->p, e, kids);
	settle(c, c->line_at);
	return e;
}

static struct expr *variable(struct compile *c, int slot)
{
	struct expr *e = make(c, EXPR_VAR, NULL, NULL, NULL);
	e->slot = slot;
	return e;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* Numbers the part and gives its number: in the text, and as a value of the body. */
static struct sheet_part *part_add(struct compile *c, enum part_kind kind, size_t at, size_t end,
				   struct parts *body)
{
	struct sheet *s = c->sheet;
	struct sheet_part *part = arena_zero(s->jq->arena, sizeof(*part));
	char *number = arena_printf(s->jq->arena, "%zu", s->count);
	*part = (struct sheet_part){ .kind = kind, .at = at, .n = end - at, .line = c->line };
	part->text = arena_copy(s->jq->arena, (struct slice){ c->text.p + at, end - at });
	if ((s->count & (s->count + 1)) == 0) /* at 0, 1, 3, 7 ... it is full */
		s->parts = xrealloc(s->parts, 2 * s->count + 1, sizeof(struct sheet_part *));
	s->parts[s->count++] = part;
	if (body->count)
		put(c, S(","));
	put(c, slice_str(number));
	parts_add(&c->p, body, constant(c, number));
	return part;
}

struct list { /* of parts */
	struct sheet_part *first, **last;
	struct parts body;
};

static struct sheet_part *list_add(struct compile *c, struct list *l, enum part_kind kind,
				   size_t at, size_t end)
{
	struct sheet_part *part = part_add(c, kind, at, end, &l->body);
	*l->last = part;
	l->last = &part->next;
	return part;
}

static void add_text(struct compile *c, struct list *l, size_t from, size_t to)
{
	if (from < to)
		list_add(c, l, PART_TEXT, from, to);
}

/* ---- lines ----------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static char char_at(const struct compile *c, size_t at)
{
	return at < c->text.n ? c->text.p[at] : '\n';
}

/* The word at a backslash: a directive's, if a blank or the line's end follows. */
static enum word word_at(const struct compile *c, size_t at, size_t *ret_end)
{
	size_t end = at + 1;
	if (char_at(c, at) != '\\')
		return WORD_NONE;
	while (is_letter(char_at(c, end)))
		end++;
	*ret_end = end;
	struct slice word = { c->text.p + at + 1, end - at - 1 };
	for (size_t i = WORD_FOR; i <= WORD_COMMENT; i++)
		if (slice_eq_str(word, words[i]) &&
		    (is_blank(char_at(c, end)) || char_at(c, end) == '\n'))
			return (enum word)i;
	return WORD_NONE;
}

static size_t line_end(const struct compile *c, size_t at)
{
	while (at < c->text.n && c->text.p[at] != '\n')
		at++;
	return at;
}

static size_t skip_blanks(const struct compile *c, size_t at)
{
	while (is_blank(char_at(c, at)))
		at++;
	return at;
}

/* At a line's beginning. */
static bool directive_at(const struct compile *c, struct directive *ret)
{
	size_t at = skip_blanks(c, c->at), arg = 0;
	enum word word = word_at(c, at, &arg);
	if (word == WORD_NONE)
		return false;
	size_t end = line_end(c, at);
	*ret = (struct directive){ .word = word, .line = c->at, .at = at };
	ret->next = end < c->text.n ? end + 1 : end;
	ret->arg = skip_blanks(c, arg);
	while (end > ret->arg && is_blank(c->text.p[end - 1]))
		end--;
	ret->end = end > ret->arg ? end : ret->arg;
	return true;
}

static void move_to(struct compile *c, size_t at)
{
	for (; c->at < at; c->at++) {
		c->fresh = c->text.p[c->at] == '\n';
		if (!c->fresh)
			continue;
		c->line++;
		c->line_at = c->at + 1;
	}
}

/* Words of other template languages, and a directive that does not stand alone. */
static void check_backslash(struct compile *c, size_t at)
{
	static const char *const others[][2] = {
		{ "endfor", "\\end" },         { "endif", "\\end" },  { "foreach", "\\for" },
		{ "elseif", "\\elif" },        { "elsif", "\\elif" }, { "else if", "\\elif" },
		{ "unless", "\\if ... | not" }
	};
	size_t end = at;
	enum word word = word_at(c, at, &end);
	struct slice rest = slice_from(c->text, at + 1);
	if (word != WORD_NONE)
		mistake(c, at, end - at,
			"\\%s stands alone on its line; \\\\%s would be the word itself",
			words[word], words[word]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct slice other = slice_str(others[i][0]);
		char behind = rest.n > other.n ? rest.p[other.n] : '\n';
		if (slice_starts(rest, other) && (is_blank(behind) || behind == '\n'))
			mistake(c, at, other.n + 1,
				"here it is called %s; two backslashes "
				"would write the word itself",
				others[i][1]);
	}
}

/* ---- values ------------------------------------------------------------------------------------------------------------- */

/* At "\(" or "\raw(", whose bracket stands at `open`. */
static void parse_value(struct compile *c, struct list *l, size_t open)
{
	struct sheet_part *part = list_add(c, l, PART_VALUE, c->at, open + 1);
	struct binding *outside = c->p.scope;
	size_t base = c->line_at;
	part->trusted = open > c->at + 1;
	put(c, S(",["));
	read_from(c, base, open + 1, c->text.n);
	c->p.opened = (part->trusted ? open : c->at) - base;
	struct expr *e = parse_all(&c->p, true);
	bool good = e && !c->p.lex.failed;
	size_t end = good ? base + c->p.lex.next : line_end(c, c->at);
	settle(c, base);
	c->p.scope = outside;
	put(c, (struct slice){ c->text.p + open + 1, good ? end - open - 2 : 0 });
	put(c, S("\n]"));
	part->n = end - part->at;
	part->text = arena_copy(c->sheet->jq->arena, (struct slice){ c->text.p + c->at, part->n });
	part->list = make(c, EXPR_ARRAY, good ? e : NULL, NULL, NULL);
	parts_add(&c->p, &l->body, part->list);
	move_to(c, end);
	c->fresh = false;
}

/* ---- bodies ------------------------------------------------------------------------------------------------------------- */

static struct expr *parse_body(struct compile *c, struct sheet_part **ret);

/* The whole argument is one program. */
static struct expr *parse_condition(struct compile *c, const struct directive *d)
{
	struct binding *outside = c->p.scope;
	read_from(c, d->line, d->arg, d->end);
	struct expr *e = parse_all(&c->p, false);
	bool good = e && !c->p.lex.failed;
	settle(c, d->line);
	c->p.scope = outside;
	put(c, good ? (struct slice){ c->text.p + d->arg, d->end - d->arg } : S("null"));
	return good ? e : constant(c, "null");
}

static void want_nothing(struct compile *c, const struct directive *d)
{
	if (d->arg < d->end && d->word == WORD_ELSE &&
	    slice_starts(slice_from(c->text, d->arg), S("if ")))
		mistake(c, d->at, d->arg + 2 - d->at, "here it is called \\elif");
	else if (d->arg < d->end)
		mistake(c, d->arg, d->end - d->arg, "nothing stands behind \\%s", words[d->word]);
}

/* Behind the body of a block: its \end is passed. */
static void close_block(struct compile *c, const struct directive *opened)
{
	const struct directive *d = &c->closing;
	if (d->word == WORD_NONE)
		mistake(c, opened->at, opened->end - opened->at,
			"this \\%s is never closed: \\end is missing", words[opened->word]);
	else if (d->word != WORD_END)
		mistake(c, d->at, d->end - d->at, "\\%s belongs into an \\if, before its \\else",
			words[d->word]);
	else
		want_nothing(c, d);
	if (d->word != WORD_NONE)
		move_to(c, d->next);
}

/* A body that writes nothing, where jq wants one. */
static struct expr *nothing(struct compile *c)
{
	struct parts body = { 0 };
	part_add(c, PART_TEXT, c->at, c->at, &body);
	return body.items[0];
}

static struct expr *parse_if(struct compile *c, const struct directive *d, struct sheet_part *part)
{
	struct parts either = { 0 };
	struct expr *otherwise;
	put(c, S("if first(("));
	parts_add(&c->p, &either, parse_condition(c, d));
	parts_add(&c->p, &either, constant(c, "null"));
	put(c, S("\n),null)then("));
	move_to(c, d->next);
	struct expr *when = call_first(c, comma(c, &either));
	struct expr *then = parse_body(c, &part->body);
	struct directive closing = c->closing;
	put(c, S(")else("));
	if (closing.word == WORD_ELIF) {
		struct list list = { .last = &part->other };
		list_add(c, &list, PART_IF, closing.at, closing.end);
		put(c, S(","));
		parts_add(&c->p, &list.body, parse_if(c, &closing, part->other));
		otherwise = comma(c, &list.body);
	} else if (closing.word == WORD_ELSE) {
		want_nothing(c, &closing);
		move_to(c, closing.next);
		otherwise = parse_body(c, &part->other);
		close_block(c, d);
	} else {
		otherwise = nothing(c);
		close_block(c, d);
	}
	put(c, S(")end"));
	return make(c, EXPR_IF, when, then, otherwise);
}

struct loop {
	struct expr *source, *names;
	int count; /* slot; -1: it is not named */
};

/* TERM as PATTERN [at $n], up to the line's end. false: the lexer knows why. */
static bool parse_for_line(struct compile *c, const struct directive *d, struct loop *loop)
{
	struct parser *p = &c->p;
	size_t base = d->line, list;
	lexer_advance(&p->lex);
	loop->source = parse_term(p);
	if (!loop->source)
		return false;
	if (!at_token(p, TOKEN_AS))
		return parse_fail(p, p->lex.token.at, p->lex.token.n,
				  "expected 'as $name': \\for takes one term, put more in "
				  "parentheses") != NULL;
	put(c, (struct slice){ c->text.p + d->arg, base + p->lex.token.at - d->arg });
	list = c->program.n;
	put(c, S(LIST_END));
	lexer_advance(&p->lex);
	size_t names = base + p->lex.token.at;
	p->start = names - base - c->program.n;
	loop->names = expr_new(p, EXPR_AS, 0, loop->source, NULL, NULL);
	if (!loop->names || !parse_patterns(p, loop->names))
		return false;
	put(c, (struct slice){ c->text.p + names, base + p->lex.behind - names });
	if (at_token(p, TOKEN_WORD) && slice_eq(p->lex.token.text, S("at"))) {
		struct slice name;
		lexer_advance(&p->lex);
		if (!parse_dollar_name(p, &name))
			return false;
		loop->count = bind_name(p, BIND_VARIABLE, name, 0)->slot;
		memcpy(c->program.p + list, LIST_COUNTED, strlen(LIST_COUNTED));
		put(c, S("|$__item.key as $"));
		put(c, name);
	}
	return at_token(p, TOKEN_END) || parse_unexpected(p, "'at $n' or the end of the line");
}

static struct expr *loop_over(struct compile *c, const struct loop *loop, struct expr *body)
{
	struct parts keys = { loop->names->kids, loop->names->count, loop->names->count };
	struct expr *count = loop->count >= 0 ? variable(c, loop->count) : NULL;
	struct expr *e = make(c, EXPR_AS, loop->source, body, count);
	e->slot = loop->names->slot;
	(void)expr_set_kids(&c->p, e, &keys);
	settle(c, c->line_at);
	return e;
}

static struct expr *parse_for(struct compile *c, const struct directive *d, struct sheet_part *part)
{
	struct binding *outside = c->p.scope;
	struct loop loop = { .count = -1 };
	size_t start = c->program.n + 1;
	put(c, S("(" LIST));
	read_from(c, d->line, d->arg, d->end);
	bool good = parse_for_line(c, d, &loop) && !c->p.lex.failed;
	settle(c, d->line);
	if (!good) /* what it was to name is not known, and the program will not be used */
		buf_truncate(&c->program, start);
	put(c, good ? S("|(") : S("("));
	move_to(c, d->next);
	c->unknown += !good;
	struct expr *body = parse_body(c, &part->body);
	c->unknown -= !good;
	c->p.scope = outside;
	close_block(c, d);
	put(c, S("))"));
	return good ? loop_over(c, &loop, body) : body;
}

static void parse_block(struct compile *c, struct list *l, const struct directive *d)
{
	bool choice = d->word == WORD_IF;
	struct sheet_part *part = list_add(c, l, choice ? PART_IF : PART_FOR, d->at, d->end);
	if (++c->nesting == NESTING_MAX)
		mistake(c, d->at, d->end - d->at, "blocks within blocks are too many: %d",
			NESTING_MAX);
	put(c, S(","));
	if (c->nesting < NESTING_MAX)
		parts_add(&c->p, &l->body, choice ? parse_if(c, d, part) : parse_for(c, d, part));
	else
		move_to(c, c->text.n);
	c->nesting--;
}

/* A directive's line is passed; true: it closes the body. */
static bool parse_directive(struct compile *c, struct list *l, const struct directive *d)
{
	switch (d->word) {
	case WORD_FOR:
	case WORD_IF:
		parse_block(c, l, d);
		return false;
	case WORD_COMMENT:
		move_to(c, d->next);
		return false;
	default:
		break;
	}
	if (c->nesting > 0) {
		c->closing = *d;
		return true;
	}
	mistake(c, d->at, d->end - d->at, "\\%s closes nothing: there is no \\for or \\if above",
		words[d->word]);
	move_to(c, d->next);
	return false;
}

/* Text and values up to the next line that is a directive, or the end. */
static void parse_lines(struct compile *c, struct list *l)
{
	struct directive ignored;
	size_t from = c->at;
	while (c->at < c->text.n && !(c->fresh && directive_at(c, &ignored))) {
		struct slice rest = slice_from(c->text, c->at);
		size_t raw = slice_starts(rest, S("\\raw(")) ? 4 : 0;
		if (slice_starts(rest, S("\\(")) || raw) {
			add_text(c, l, from, c->at);
			parse_value(c, l, c->at + (raw ? raw : 1));
			from = c->at;
			continue;
		}
		size_t end, word = rest.p[0] == '\\' ? word_at(c, c->at + 1, &end) : WORD_NONE;
		if (word != WORD_NONE && skip_blanks(c, c->line_at) == c->at) { /* \\for */
			add_text(c, l, from, c->at);
			from = c->at + 1;
			move_to(c, c->at + 2);
			continue;
		}
		if (rest.p[0] == '\\' && !(c->at && c->text.p[c->at - 1] == '\\'))
			check_backslash(c, c->at);
		move_to(c, c->at + 1);
	}
	add_text(c, l, from, c->at);
}

static struct expr *parse_body(struct compile *c, struct sheet_part **ret)
{
	struct list l = { .last = ret };
	struct directive d;
	list_add(c, &l, PART_TEXT, c->at, c->at); /* so that a body is never empty */
	c->closing.word = WORD_NONE;
	while (c->at < c->text.n) {
		parse_lines(c, &l);
		if (c->at == c->text.n || !directive_at(c, &d))
			continue;
		if (parse_directive(c, &l, &d))
			break;
		c->closing.word = WORD_NONE;
	}
	return comma(c, &l.body);
}

/* ---- the sheet ------------------------------------------------------------------------------------------------------------ */

/* Where an expression always gives one value no list of them is made: large documents are made of such. */
static void drop_lists(struct sheet *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct expr *list = s->parts[i]->list;
		s->parts[i]->single = list && list->kind == EXPR_ARRAY && list->a && list->a->one;
		if (s->parts[i]->single)
			*list = *list->a;
	}
}

static void finish(struct compile *c)
{
	struct jq *jq = c->sheet->jq;
	struct expr_error error;
	jq->text = arena_copy(jq->arena, buf_slice(&c->program));
	jq->own_functions = c->p.own_functions;
	expr_plan(jq);
	if (jq->native)
		drop_lists(c->sheet);
	else if (library_compile(jq, 0, &error) < 0)
		mistake(c, 0, 0, "%s", error.text);
}

/* libjq takes texts that end at a 0; and what is no text gives no document. */
static bool check_text(struct slice text, sheet_report *report, void *arg)
{
	const unsigned char *start = (const unsigned char *)text.p, *p = start, *end = p + text.n;
	struct expr_error error = { .length = 1 };
	for (size_t n; p < end; p += n) {
		n = *p < 0x80 ? *p != 0 : utf8_size(p, end);
		if (n)
			continue;
		error.offset = (size_t)(p - start);
		snprintf(error.text, sizeof(error.text), "this byte, 0x%02x, is no UTF-8 text", *p);
		report(arg, &error);
		return false;
	}
	return true;
}

int sheet_compile(struct slice text, enum sheet_kind kind, const char *name,
		  const struct expr_names *names, sheet_report *report, void *arg,
		  struct sheet **ret)
{
	struct sheet *s = xcalloc(1, sizeof(*s));
	*ret = NULL;
	s->jq = xcalloc(1, sizeof(*s->jq));
	s->jq->arena = arena_new();
	s->kind = kind;
	s->name = arena_str(s->jq->arena, slice_str(name));
	struct compile c = { .p = { .jq = s->jq, .names = names },
			     .sheet = s,
			     .text = text,
			     .line = 1,
			     .fresh = true,
			     .report = report,
			     .arg = arg };
	c.failed = !check_text(text, report, arg);
	if (!c.failed) {
		s->jq->root = parse_body(&c, &s->first);
		if (!sheet_place(s, text.n, report, arg))
			c.failed = true;
	}
	if (!c.failed)
		finish(&c);
	buf_done(&c.program);
	buf_done(&c.p.piece);
	buf_done(&c.p.secrets);
	if (c.failed) {
		sheet_free(s);
		return -1;
	}
	*ret = s;
	return 0;
}
