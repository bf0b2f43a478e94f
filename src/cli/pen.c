/* pen.c - text for people, piece by piece
 *
 * What this room is for: pages that are made of many small pieces, some of them from data, some in colour.
 * What flows through:    text into one buffer.
 * What must hold:        see pen.h. Characters are counted, not columns: a wide one counts once. */
#include "cli/pen.h"
#include "base/units.h"

void pen_put(struct pen *p, struct slice text)
{
	if (p->error == 0)
		p->error = buf_add(p->out, text);
}

void pen_printf(struct pen *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (p->error == 0)
		p->error = buf_vprintf(p->out, fmt, ap);
	va_end(ap);
}

void pen_ink(struct pen *p, enum ink ink)
{
	static const char *const code[] = {
		[INK_PLAIN] = "\033[0m", [INK_BOLD] = "\033[1m",   [INK_DIM] = "\033[2m",
		[INK_RED] = "\033[31m",  [INK_GREEN] = "\033[32m", [INK_YELLOW] = "\033[33m",
	};
	ASSERT((size_t)ink < ARRAY_SIZE(code));
	if (p->color)
		pen_put(p, slice_str(code[ink]));
}

/* Bytes of the character that begins here; of what is none, one. */
static size_t character(struct slice s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return n < s.n ? n : s.n;
}

/* C0, DEL, and C1 as UTF-8 has it: U+009B begins a terminal's commands like ESC [. */
static bool is_control(struct slice s, size_t n)
{
	unsigned char c = (unsigned char)s.p[0];
	return n == 1 ? c < 0x20 || c == 0x7f : n == 2 && c == 0xc2 && (unsigned char)s.p[1] < 0xa0;
}

static bool is_longer(struct slice s, size_t most)
{
	if (s.n <= most)
		return false;
	for (; s.n > 0 && most > 0; most--)
		s = slice_from(s, character(s));
	return s.n > 0;
}

void pen_data(struct pen *p, struct slice text, size_t most)
{
	bool cut = !p->whole && is_longer(text, most);
	size_t left = cut ? (most > 0 ? most - 1 : 0) : SIZE_MAX;
	for (; text.n > 0 && left > 0 && p->error == 0; left--) {
		size_t n = character(text);
		pen_put(p, is_control(text, n) ? S(" ") : slice_head(text, n));
		text = slice_from(text, n);
	}
	if (cut)
		pen_put(p, S("…"));
}

void pen_count(struct pen *p, uint64_t n)
{
	if (p->error == 0)
		p->error = units_put_count(p->out, (int64_t)n);
}

void pen_size(struct pen *p, uint64_t bytes)
{
	if (p->error == 0)
		p->error = units_put_size(p->out, bytes);
}

void pen_duration(struct pen *p, int64_t ns)
{
	if (p->error == 0)
		p->error = units_put_duration(p->out, ns);
}

int pen_end(struct pen *p)
{
	return p->error;
}
