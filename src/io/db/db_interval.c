/* db_interval.c - PostgreSQL's intervals as ISO 8601 durations
 *
 * What this room is for: a session asks for IntervalStyle iso_8601; behind a pooler that lends sessions by the transaction it cannot, because the
 *   setting would stay with whoever comes next, and intervals come in the server's own style.
 * What flows through:    "1 year 2 mons 3 days -04:05:06.789" in, P1Y2M3DT-4H-5M-6.789S out.
 * What must hold:        what is not understood whole stays as it was. */
#include "io/db/db_interval.h"
#include <errno.h>
#include <string.h>

static const struct {
	const char *word;
	char letter;
} units[] = { { "year", 'Y' }, { "years", 'Y' }, { "mon", 'M' },
	      { "mons", 'M' }, { "day", 'D' },   { "days", 'D' } };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from the front, without leading zeros; "0" when there are none but zeros. */
static struct slice take_number(struct slice *s)
{
	size_t n = 0;
	struct slice number;

	while (n < s->n && is_digit(s->p[n]))
		n++;
	number = slice_head(*s, n);
	*s = slice_from(*s, n);
	while (number.n > 1 && number.p[0] == '0')
		number = slice_from(number, 1);
	return number;
}

static int put_part(struct slice number, const char *minus, char letter, struct buf *out)
{
	if (number.n == 0)
		return -EBADMSG;
	if (number.n == 1 && number.p[0] == '0')
		return 0;
	return buf_printf(out, "%s%.*s%c", minus, SLICE(number), letter);
}

/* ".789" behind the seconds, as far as it goes. */
static struct slice take_fraction(struct slice *s)
{
	size_t n = s->n > 0 && s->p[0] == '.';
	struct slice fraction;

	while (n > 0 && n < s->n && is_digit(s->p[n]))
		n++;
	fraction = slice_head(*s, n);
	*s = slice_from(*s, n);
	return fraction;
}

static int put_seconds(struct slice number, struct slice fraction, const char *minus,
		       struct buf *out)
{
	if (number.n == 0)
		return -EBADMSG;
	if (number.n == 1 && number.p[0] == '0' && fraction.n == 0)
		return 0;
	return buf_printf(out, "%s%.*s%.*sS", minus, SLICE(number), SLICE(fraction));
}

/* "-04:05:06.789" */
static int put_time(struct slice s, struct buf *out)
{
	const char *minus = s.n && s.p[0] == '-' ? "-" : "";
	size_t before = out->n;
	int r = buf_add_char(out, 'T');

	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		s = slice_from(s, 1);
	for (int i = 0; r == 0 && i < 2; i++) {
		r = put_part(take_number(&s), minus, "HM"[i], out);
		if (r == 0 && (s.n == 0 || s.p[0] != ':'))
			r = -EBADMSG;
		if (r == 0)
			s = slice_from(s, 1);
	}
	if (r == 0) {
		struct slice number = take_number(&s);
		r = put_seconds(number, take_fraction(&s), minus, out);
	}
	if (r == 0 && out->n == before + 1)
		buf_truncate(out, before); /* nothing of it but zeros */
	return r == 0 && s.n > 0 ? -EBADMSG : r;
}

static int put_unit(struct slice count, struct slice word, struct buf *out)
{
	const char *minus = count.n && count.p[0] == '-' ? "-" : "";

	if (count.n && (count.p[0] == '-' || count.p[0] == '+'))
		count = slice_from(count, 1);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		struct slice number, rest = count;
		if (!slice_eq_str(word, units[i].word))
			continue;
		number = take_number(&rest);
		return rest.n > 0 ? -EBADMSG : put_part(number, minus, units[i].letter, out);
	}
	return -EBADMSG;
}

static int put_parts(struct slice s, struct buf *out)
{
	struct slice first, word;
	int r = 0;

	while (r == 0 && s.n > 0) {
		(void)slice_cut(s, ' ', &first, &s);
		if (memchr(first.p, ':', first.n))
			return s.n > 0 ? -EBADMSG : put_time(first, out);
		(void)slice_cut(s, ' ', &word, &s);
		r = put_unit(first, word, out);
	}
	return r;
}

int db_put_interval(struct slice text, struct buf *out)
{
	size_t before = out->n;
	int r;

	if (text.n == 0 || text.p[0] == 'P')
		return buf_add(out, text);
	r = buf_add_char(out, 'P');
	if (r == 0)
		r = put_parts(text, out);
	if (r == 0 && out->n == before + 1)
		r = buf_add(out, S("T0S"));
	if (r < 0)
		buf_truncate(out, before);
	return r == -EBADMSG ? buf_add(out, text) : r;
}
