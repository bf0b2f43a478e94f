/* markup.c - what feeds and pages are written with
 *
 * What this room is for: markup.h.
 * What flows through:    plain text and wall-clock times, into a buffer.
 * What must hold: no text of an article can end an element or an attribute. */
#include "markup.h"
#include <hocket/types.h>
#include <stdlib.h>
#include <time.h>

static struct slice escaped(char c)
{
	switch (c) {
	case '&':
		return S("&amp;");
	case '<':
		return S("&lt;");
	case '>':
		return S("&gt;");
	case '"':
		return S("&quot;");
	default:
		return (struct slice){ 0 };
	}
}

int markup_put(struct buf *out, struct slice text)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < text.n; i++) {
		struct slice name = escaped(text.p[i]);
		r = name.n ? buf_add(out, name) : buf_add_char(out, text.p[i]);
	}
	return r;
}

static int put_time(struct buf *out, int64_t wall_ns, const char *format)
{
	char text[64];
	struct tm tm;
	time_t s = (time_t)(wall_ns / HK_SEC);
	gmtime_r(&s, &tm);
	size_t n = strftime(text, sizeof(text), format, &tm);
	return buf_add(out, (struct slice){ text, n });
}

int markup_put_mail_date(struct buf *out, int64_t wall_ns)
{
	return put_time(out, wall_ns, "%a, %d %b %Y %H:%M:%S GMT");
}

int markup_put_date(struct buf *out, int64_t wall_ns, int offset_hours)
{
	int r = put_time(out, wall_ns + (int64_t)offset_hours * 3600 * HK_SEC, "%Y-%m-%dT%H:%M:%S");
	if (r < 0 || offset_hours == 0)
		return r < 0 ? r : buf_add_char(out, 'Z');
	return buf_printf(out, "%c%02d:00", offset_hours < 0 ? '-' : '+', abs(offset_hours));
}
