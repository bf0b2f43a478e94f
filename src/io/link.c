/* link.c - the Link header field, read strictly
 *
 * What this room is for: `Link: <https://api.example.com/list?page=2>; rel="next", <...>; rel="last"`.
 *
 *     field  = [ link ] *( "," [ link ] )            an empty element is allowed (RFC 9110 5.6.1)
 *     link   = "<" target ">" *( ";" [ param ] )
 *     param  = token [ "=" ( token | quoted ) ]      blanks around ";", "=" and ","
 *
 * What flows through:    the text from left to right; a cursor that never goes back.
 * What must hold:
 *  (1) commas, semicolons and angle brackets inside quotes and targets divide nothing.
 *  (2) every byte is read as part of something, or told as a mistake. */
#include "io/link.h"
#include <errno.h>
#include <string.h>

struct scan {
	const char *p, *end;
	const char *what; /* NULL: no mistake yet */
};

static void skip_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

static bool at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

/* At the place where it is, or begins. */
static int fault(struct scan *s, const char *at, const char *what)
{
	s->p = at;
	s->what = what;
	return -EBADMSG;
}

/* RFC 9110 5.6.2. What is above ASCII is no token's. */
static bool is_token_char(char c)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return letter || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static struct slice take_token(struct scan *s)
{
	const char *from = s->p;
	while (s->p < s->end && is_token_char(*s->p))
		s->p++;
	return (struct slice){ from, (size_t)(s->p - from) };
}

/* Values that are no tokens stand without quotes in the wild: rel=http://example.com/next. */
static struct slice take_bare(struct scan *s)
{
	const char *from = s->p;
	while (s->p < s->end && (unsigned char)*s->p > ' ' && !strchr(",;\"<>", *s->p))
		s->p++;
	return (struct slice){ from, (size_t)(s->p - from) };
}

/* Backslashes stay: no relation type has one. */
static int take_quoted(struct scan *s, struct slice *ret)
{
	const char *from = ++s->p;
	while (s->p < s->end && *s->p != '"')
		s->p += *s->p == '\\' && s->end - s->p > 1 ? 2 : 1;
	if (!at(s, '"'))
		return fault(s, from - 1, "a quotation mark is never closed");
	*ret = (struct slice){ from, (size_t)(s->p++ - from) };
	return 0;
}

static int take_value(struct scan *s, struct slice *ret)
{
	skip_blanks(s);
	if (at(s, '"'))
		return take_quoted(s, ret);
	*ret = take_bare(s);
	return ret->n ? 0 : fault(s, s->p, "a value is missing behind '='");
}

static int take_param(struct scan *s, struct link *ret, bool *has_rel)
{
	struct slice name = take_token(s), value = { 0 };
	skip_blanks(s);
	if (name.n == 0)
		return at(s, ';') || at(s, ',') || s->p == s->end
			       ? 0
			       : fault(s, s->p, "expected a parameter's name");
	if (at(s, '=')) {
		s->p++;
		if (take_value(s, &value) < 0)
			return -EBADMSG;
	}
	if (slice_eq_nocase(name, S("anchor")))
		ret->anchored = true;
	if (slice_eq_nocase(name, S("rel")) && !*has_rel) {
		*has_rel = true;
		ret->rel = value;
	}
	return 0;
}

static int take_link(struct scan *s, struct link *ret)
{
	bool has_rel = false;
	if (!at(s, '<'))
		return fault(s, s->p, "expected '<'");
	const char *from = ++s->p, *close = memchr(from, '>', (size_t)(s->end - from));
	if (!close)
		return fault(s, from - 1, "'<' is never closed");
	ret->target = (struct slice){ from, (size_t)(close - from) };
	s->p = close + 1;
	for (skip_blanks(s); at(s, ';'); skip_blanks(s)) {
		s->p++;
		skip_blanks(s);
		if (take_param(s, ret, &has_rel) < 0)
			return -EBADMSG;
	}
	return at(s, ',') || s->p == s->end ? 0 : fault(s, s->p, "expected ';' or ','");
}

int link_next(struct slice *rest, struct link *ret, struct link_error *ret_error)
{
	struct scan s = { rest->p, rest->p + rest->n, NULL };
	*ret = (struct link){ 0 };
	for (skip_blanks(&s); at(&s, ','); skip_blanks(&s))
		s.p++;
	if (s.p == s.end) {
		*rest = (struct slice){ s.p, 0 };
		return 0;
	}
	int r = take_link(&s, ret);
	if (r < 0 && ret_error)
		*ret_error = (struct link_error){ (size_t)(s.p - rest->p), s.what };
	*rest = slice_from(*rest, (size_t)(s.p - rest->p));
	return r < 0 ? r : 1;
}

bool link_has_rel(const struct link *l, struct slice rel)
{
	struct slice rest = l->rel, one;
	while (rest.n) {
		slice_cut(rest, ' ', &one, &rest);
		if (one.n && slice_eq_nocase(slice_trim(one), rel))
			return true;
	}
	return false;
}

int link_find(struct slice field, struct slice rel, struct slice *ret_target,
	      struct link_error *ret_error)
{
	struct slice rest = field;
	struct link l;
	int found = 0;
	for (int r;;) {
		size_t at = field.n - rest.n;
		r = link_next(&rest, &l, ret_error);
		if (r < 0 && ret_error)
			ret_error->offset += at;
		if (r <= 0)
			return r < 0 ? r : found;
		if (found || l.anchored || !link_has_rel(&l, rel))
			continue;
		found = 1;
		*ret_target = l.target;
	}
}
