/* slice.c - comparing, trimming and cutting borrowed bytes
 *
 * What this room is for: the questions that every parser asks of a piece of text.
 * What flows through:    slices by value. Nothing is copied; what comes out borrows from what went in.
 * What must hold:
 *  (1) an empty slice may have a NULL pointer: no libc function is called with one.
 *  (2) nothing depends on the locale: upper and lower case are ASCII. */
#include "base/slice.h"
#include <string.h>

struct slice slice_str(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_eq_str(struct slice a, const char *b)
{
	return slice_eq(a, slice_str(b));
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;
	if (order)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_head(s, prefix.n), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n && slice_eq(slice_from(s, s.n - suffix.n), suffix);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct slice slice_from(struct slice s, size_t at)
{
	ASSERT(at <= s.n);
	return (struct slice){ at ? s.p + at : s.p, s.n - at };
}

struct slice slice_head(struct slice s, size_t n)
{
	return (struct slice){ s.p, n < s.n ? n : s.n };
}

bool slice_cut(struct slice s, char at, struct slice *head, struct slice *rest)
{
	const char *found = s.n ? memchr(s.p, at, s.n) : NULL;
	if (!found) {
		*head = s;
		*rest = (struct slice){ 0 };
		return false;
	}
	size_t n = (size_t)(found - s.p);
	*head = slice_head(s, n);
	*rest = slice_from(s, n + 1);
	return true;
}
