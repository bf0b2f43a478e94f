/* literal.c - reading decimal numbers as databases do
 *
 * What this room is for: see literal.h.
 * What flows through:    text (borrowed).
 * What must hold:        blanks and signs that are passed over are told. */
#include "connectors/files/literal.h"
#include "base/banned.h"
#include <string.h>

static size_t count_digits(struct slice *s)
{
	size_t n = 0;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	*s = slice_from(*s, n);
	return n;
}

static bool eat(struct slice *s, const char *any)
{
	if (!s->n || !s->p[0] || !strchr(any, s->p[0]))
		return false;
	*s = slice_from(*s, 1);
	return true;
}

bool literal_read(struct slice text, struct literal *l)
{
	struct slice s = text;
	*l = (struct literal){ .plain = true };
	while (eat(&s, " \t\n\v\f\r"))
		l->plain = false;
	while (s.n && strchr(" \t\n\v\f\r", s.p[s.n - 1]) && s.p[s.n - 1]) {
		s.n--;
		l->plain = false;
	}
	if (!eat(&s, "-") && eat(&s, "+"))
		l->plain = false;
	struct slice whole = s;
	size_t before = count_digits(&s), after = 0;
	while (l->leading_zeros + 1 < before && whole.p[l->leading_zeros] == '0')
		l->leading_zeros++;
	l->fraction = eat(&s, ".");
	if (l->fraction)
		after = count_digits(&s);
	l->digits = before + after;
	if (l->digits == 0)
		return false;
	l->exponent = eat(&s, "eE");
	if (l->exponent) {
		(void)(eat(&s, "-") || eat(&s, "+"));
		if (count_digits(&s) == 0)
			return false;
	}
	return s.n == 0;
}
