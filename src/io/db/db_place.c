/* db_place.c - the place of a mistake, under the line of the statement it stands in
 *
 * What this room is for: a database says "syntax error" and a position; people look for the line and the column.
 * What flows through:    the statement's text and a position in; two lines of text, the second with a caret, out.
 * What must hold:        columns are counted in characters, not bytes; a line of any length shows a hundred of them around the place. */
#include "io/db/db_place.h"

enum { SHOWN = 100, BEFORE = 60 }; /* characters of a long line, and of those before the place */

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t db_byte_of(struct slice text, size_t character)
{
	size_t i = 0;

	for (; i < text.n; i++)
		if (begins_character(text.p[i]) && character-- == 0)
			break;
	return i;
}

static size_t characters(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += begins_character(s.p[i]);
	return n;
}

/* The line around `at`: its number, and how many characters of it stand before. */
static struct slice line_of(struct slice text, size_t at, size_t *number, size_t *before)
{
	size_t from = at, to = at;

	while (from > 0 && text.p[from - 1] != '\n')
		from--;
	while (to < text.n && text.p[to] != '\n')
		to++;
	*number = 1;
	for (size_t i = 0; i < from; i++)
		*number += text.p[i] == '\n';
	*before = characters((struct slice){ text.p + from, at - from });
	return (struct slice){ text.p + from, to - from };
}

static int put_line(struct slice line, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < line.n; i++)
		r = buf_add_char(out, (unsigned char)line.p[i] < ' ' ? ' ' : line.p[i]);
	return r;
}

int db_put_place(struct slice text, size_t at, struct buf *out)
{
	size_t number, before, head = out->n;
	struct slice line = line_of(text, at < text.n ? at : text.n, &number, &before);
	int r = buf_printf(out, "\n  line %zu: ", number);

	head = out->n - head - 1;
	if (before > BEFORE) {
		line = slice_from(line, db_byte_of(line, before - BEFORE));
		before = BEFORE;
	}
	line = slice_head(line, db_byte_of(line, SHOWN));
	if (r == 0)
		r = put_line(line, out);
	return r < 0 ? r : buf_printf(out, "\n%*s^", (int)(head + before), "");
}
