/* mend.c - tables whose rule has short dashes
 *
 * What this room is for: GitHub takes |-|-| below a table's head, and so do those who learned Markdown there; md4c wants three dashes. Only
 *   such lines are changed.
 * What flows through:    Markdown in; the same Markdown, or a copy with longer dashes.
 * What must hold:        nothing is changed within a fence of code, nor below a line without a '|'. */
#include "pdf/reader.h"
#include "base/banned.h"

/* Behind the signs of quotes and the blanks of lists. */
static struct slice content(struct slice line)
{
	while (line.n && (line.p[0] == ' ' || line.p[0] == '>' || line.p[0] == '\t'))
		line = slice_from(line, 1);
	return slice_trim(line);
}

static bool is_rule(struct slice line)
{
	bool bar = false, dash = false;
	struct slice s = content(line);
	for (size_t i = 0; i < s.n; i++) {
		if (!strchr("|-: \t", s.p[i]) || s.p[i] == 0)
			return false;
		bar |= s.p[i] == '|';
		dash |= s.p[i] == '-';
	}
	return bar && dash;
}

static int put_rule(struct slice line, struct buf *out)
{
	size_t run = 0;
	int r = 0;
	for (size_t i = 0; i <= line.n && r == 0; i++) {
		bool dash = i < line.n && line.p[i] == '-';
		for (; r == 0 && !dash && run > 0 && run < 3; run++)
			r = buf_add_char(out, '-');
		run = dash ? run + 1 : 0;
		if (r == 0 && i < line.n)
			r = buf_add_char(out, line.p[i]);
	}
	return r;
}

struct slice markdown_mend(struct arena *arena, struct slice text)
{
	AUTO(buf_done) struct buf out = { .max = 3 * text.n + 64 };
	struct slice rest = text, line, above = S("");
	bool fence = false, mended = false, more = true;
	int r = 0;
	while (more && r == 0) {
		more = slice_cut(rest, '\n', &line, &rest);
		struct slice s = content(line);
		bool rule = !fence && above.n && memchr(above.p, '|', above.n) && is_rule(line);
		if (slice_starts(s, S("```")) || slice_starts(s, S("~~~")))
			fence = !fence;
		mended |= rule;
		r = rule ? put_rule(line, &out) : buf_add(&out, line);
		if (r == 0 && more)
			r = buf_add_char(&out, '\n');
		above = line;
	}
	return r == 0 && mended ? arena_copy(arena, buf_slice(&out)) : text;
}
