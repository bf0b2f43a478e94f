/* yaml_syntax.c - libfyaml's complaints, in the words of somebody who writes pipelines
 *
 * What this room is for: most syntax errors in a pipeline are one of a dozen traps (a jq program with ': ' in it,
 *   "\(" in double quotes, a bracket inside { }). Each is called by its name, with the way out behind the caret.
 * What flows through:    libfyaml's sentence, line and column in; one mistake out.
 * What must hold:
 *  (1) a sentence that the table does not know is passed on as it is: nothing gets lost when libfyaml learns
 *      new ones. (2) the place is looked at again in the text: libfyaml often points at the line before. */
#include "engine/plan/yaml.h"

#include "base/banned.h"

#define QUOTE_IT "put the whole value in single quotes"

struct spot { /* where the complaint points, and what stands there */
	struct slice file;
	size_t at;
	struct slice line; /* from its start */
	size_t line_at;
};

static struct slice line_from(struct slice file, size_t at)
{
	struct slice line;
	slice_cut(slice_from(file, at), '\n', &line, &(struct slice){ 0 });
	return line;
}

/* line and column count from 1, columns in characters. */
static struct spot spot_of(struct slice file, int line, int column)
{
	ASSERT(line >= 0 && column >= 0);
	struct spot s = { .file = file };

	for (int i = 1; i < line && s.line_at < file.n; i++) {
		size_t next = s.line_at + line_from(file, s.line_at).n + 1;
		if (next > file.n || (next == file.n && s.line_at < file.n && i + 1 == line &&
				      file.p[file.n - 1] == '\n'))
			break; /* "after the last line": stay on the last one */
		s.line_at = next;
	}
	s.line = line_from(file, s.line_at);
	s.at = s.line_at;
	for (int i = 1; i < column && s.at < s.line_at + s.line.n; i++)
		do
			s.at++;
		while (s.at < s.line_at + s.line.n && ((unsigned char)file.p[s.at] & 0xc0) == 0x80);
	ASSERT(s.at >= s.line_at && s.at <= s.line_at + s.line.n);
	return s;
}

static char sign(const struct spot *s)
{
	return s->at < s->file.n ? s->file.p[s->at] : '\n';
}

static size_t indent(struct slice line)
{
	size_t i = 0;
	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return i;
}

/* The first line from here on whose indentation has a tab in it; at most this one and the next. */
static bool find_tab(const struct spot *s, size_t *ret)
{
	size_t at = s->line_at;
	for (int i = 0; i < 2 && at < s->file.n; i++) {
		struct slice line = line_from(s->file, at);
		size_t n = indent(line);
		const char *tab = n ? memchr(line.p, '\t', n) : NULL;
		if (tab && n < line.n) {
			*ret = at + (size_t)(tab - line.p);
			return true;
		}
		at += line.n + 1;
	}
	return false;
}

static bool has_key(struct slice line)
{
	line = slice_trim(line);
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == ':' && (i + 1 == line.n || line.p[i + 1] == ' '))
			return true;
	return false;
}

/* ---- the traps --------------------------------------------------------------------------------------- */

typedef void trap(struct diag *, const struct spot *);

static void bad_escape(struct diag *d, const struct spot *s)
{
	bool tpl = s->at + 1 < s->file.n && s->file.p[s->at + 1] == '(';
	if (sign(s) != '\\')
		diag_add(d, s->at, 1, "use single quotes or none",
			 "this is no escape in double quotes");
	else
		diag_add(d, s->at, 2, "use single quotes or none",
			 "'%.2s' is no escape in double quotes%s", s->file.p + s->at,
			 tpl ? ": \\( ) stands in single quotes, or in none" : "");
}

static void colon(struct diag *d, const struct spot *s)
{
	diag_add(d, s->at, 1, QUOTE_IT, "': ' begins a mapping in the middle of a value");
}

#define NO_DASH "for standard input write 'from: stdin', for standard output 'to: stdout'"

static void bad_start(struct diag *d, const struct spot *s)
{
	diag_add(d, s->at, 1, sign(s) == '-' ? NO_DASH : QUOTE_IT, "a value cannot begin with '%c'",
		 sign(s));
}

static void bracket_in_flow(struct diag *d, const struct spot *s)
{
	char c = sign(s);
	if (c == '[' || c == '{')
		diag_add(d, s->at, 1, "put the value in single quotes",
			 "'%c' in the middle of a value that stands within { } or [ ]", c);
	else
		diag_add(d, s->at, 1, "is a } or ] missing before? does a value need quotes?",
			 "a comma or a closing bracket is missing before this");
}

static void no_value(struct diag *d, const struct spot *s)
{
	if (s->at >= s->file.n || sign(s) == '\n')
		diag_add(d, s->at, 0, "a comment begins with ' #': quote what has one",
			 "a value or a closing bracket is missing here");
	else
		bad_start(d, s);
}

static void block_text(struct diag *d, const struct spot *s)
{
	size_t at = s->at;
	while (at > s->line_at && s->file.p[at] != '|' && s->file.p[at] != '>')
		at--;
	diag_add(d, at, 1, QUOTE_IT ", or begin it on the next line",
		 "a value that begins with '%c' is a block: its text begins on the next line",
		 s->file.p[at]);
}

static void after_quote(struct diag *d, const struct spot *s)
{
	diag_add(d, s->at, 1, QUOTE_IT ", what is text for jq in double quotes",
		 "the value goes on after its closing quote");
}

static void list_behind_key(struct diag *d, const struct spot *s)
{
	if (slice_eq(slice_trim(slice_from(s->line, s->at - s->line_at)), S("-")))
		diag_add(d, s->at, 1, NO_DASH, "'-' is not a place");
	else
		diag_add(d, s->at, 1, QUOTE_IT ", or begin the list on the next line",
			 "'%c ' cannot begin a value behind a key", sign(s));
}

static void open_bracket(struct diag *d, const struct spot *s)
{
	diag_add(d, s->at, 1, "every [ wants its ], every { its }",
		 "a bracket before this is not closed");
}

static void stray_bracket(struct diag *d, const struct spot *s)
{
	diag_add(d, s->at, 1, QUOTE_IT, "'%c' closes nothing here", sign(s));
}

static void open_quote(struct diag *d, const struct spot *s)
{
	diag_add(d, s->at, 1, "a quote within single quotes is written twice: ''",
		 "the quote that opens here is never closed");
}

static void star(struct diag *d, const struct spot *s)
{
	size_t at = s->at > s->line_at ? s->at - 1 : s->at;
	diag_add(d, at, 1, QUOTE_IT, "a value cannot begin with '%c'",
		 s->file.p[at < s->file.n ? at : s->file.n - 1]);
}

/* "map: {a: 1} + .": where the text behind a closing bracket begins; 0: there is none. */
static size_t after_bracket(struct slice line)
{
	const char *open = line.n ? memmem(line.p, line.n, ": {", 3) : NULL;
	int depth = 0;

	if (!open && line.n)
		open = memmem(line.p, line.n, ": [", 3);
	for (size_t i = open ? (size_t)(open - line.p) + 2 : line.n; i < line.n; i++) {
		depth += (line.p[i] == '{' || line.p[i] == '[') -
			 (line.p[i] == '}' || line.p[i] == ']');
		if (depth > 0)
			continue;
		size_t next = i + 1 + indent(slice_from(line, i + 1));
		return next < line.n && line.p[next] != '#' ? next : 0;
	}
	return 0;
}

static void no_place(struct diag *d, const struct spot *s)
{
	size_t skip = indent(s->line), at = s->line_at + skip, behind = after_bracket(s->line);
	struct slice rest = slice_trim(slice_from(s->line, skip));
	const char *glued = rest.n ? memchr(rest.p, ':', rest.n) : NULL;

	if (behind > 0)
		diag_add(d, s->line_at + behind, 1, QUOTE_IT,
			 "the value goes on after its closing bracket");
	else if (has_key(s->line) || slice_starts(rest, S("- ")))
		diag_add(d, at, 1, "lines that belong together begin in the same column",
			 "the indentation of this line fits nothing above");
	else if (glued && !slice_starts(slice_from(rest, (size_t)(glued - rest.p)), S("://")))
		diag_add(d, (size_t)(glued - s->file.p), 1, "write 'key: value'",
			 "a blank is missing after ':'");
	else
		diag_add(d, at, rest.n, NULL, "this line is neither 'key: value' nor '- step'");
}

/* libfyaml points at the value before the line that is indented too far. */
static void too_deep(struct diag *d, const struct spot *s)
{
	size_t next = s->line_at + s->line.n + 1;
	struct slice line = next < s->file.n ? line_from(s->file, next) : s->line;

	if (next >= s->file.n || !has_key(line) || !has_key(s->line)) {
		no_place(d, s);
		return;
	}
	diag_add(d, next + indent(line), 1, "lines that belong together begin in the same column",
		 "the indentation of this line makes it part of the value above");
}

static const struct {
	const char *says;
	trap *report;
	bool in_value; /* with another value on this line the file might be fine */
} traps[] = {
	{ "invalid escape", bad_escape, true },
	{ "invalid UTF8 escape", bad_escape, true },
	{ "invalid hex escape", bad_escape, true },
	{ "extra comma", bad_start, true },
	{ "key on same line as previous key", colon, true },
	{ "invalid comment without whitespace after", after_quote, true },
	{ "at the end of block sequence", no_place, true },
	{ "invalid nested block mapping", colon, true },
	{ "plain scalar cannot start", bad_start, true },
	{ "missing comma in flow", bracket_in_flow, true },
	{ "did not find expected node content", no_value, true },
	{ "block scalar no linebreak", block_text, true },
	{ "invalid trailing content after", after_quote, true },
	{ "on the same line as a mapping key", list_behind_key, true },
	{ "invalid mapping key (not allowed", list_behind_key, true },
	{ "without a closing b", open_bracket, false },
	{ "mismatched flow", open_bracket, true },
	{ "extra closing", stray_bracket, true },
	{ "without closing quote", open_quote, true },
	{ "wrongly indented single-quoted", open_quote, true },
	{ "wrongly indented double-quoted", open_quote, true },
	{ "wrongly indented", open_bracket, false },
	{ "wrong indendation", no_place, false },
	{ "could not find expected ':'", no_place, false },
	{ "invalid alias", star, true },
	{ "invalid anchor", star, true },
	{ "invalid multiline plain key", too_deep, false },
	{ "invalid indentation in mapping", no_place, false },
	{ "invalid mapping in plain multiline", no_place, false },
	{ "invalid value after mapping", no_place, true },
	{ "did not find expected '-'", no_place, true },
	{ "did not find expected key", no_place, true },
};

static size_t find_trap(const char *says)
{
	size_t i = 0;
	while (i < ARRAY_SIZE(traps) && !strstr(says, traps[i].says))
		i++;
	return i;
}

void yaml_complain(struct diag *d, struct slice file, const struct complaint *c)
{
	struct spot s = spot_of(file, c->line, c->column);
	size_t tab, i = find_trap(c->says);

	if (find_tab(&s, &tab))
		diag_add(d, tab, 1, "YAML is indented with blanks", "a tab in the indentation");
	else if (i < ARRAY_SIZE(traps))
		traps[i].report(d, &s);
	else
		diag_add(d, s.at, 1, NULL, "%s", c->says);
}

bool yaml_broken_value(struct slice file, const struct complaint *c, size_t *ret_at,
		       size_t *ret_length)
{
	struct spot s = spot_of(file, c->line, c->column);
	size_t i = find_trap(c->says), unused;
	const char *colon = s.line.n ? memmem(s.line.p, s.line.n, ": ", 2) : NULL;

	if (i == ARRAY_SIZE(traps) || !traps[i].in_value || find_tab(&s, &unused))
		return false;
	/* libfyaml names the right line for indentation as well; only text behind a bracket lies within the value */
	if (!colon || (traps[i].report == no_place && after_bracket(s.line) == 0))
		return false;
	*ret_at = (size_t)(colon - file.p) + 2;
	*ret_length = s.line_at + s.line.n - *ret_at;
	ASSERT(*ret_at + *ret_length <= file.n);
	return *ret_length > 0;
}
