/* http_query.c - one parameter of a URL's query
 *
 * What this room is for: pagers count in a parameter: page=7, offset=300, cursor=ab. The number lives in the URL, nowhere else, so
 *   that the URL of a page is all that a resumed run needs to find the next.
 * What flows through:    a URL in, the same with one pair changed out.
 * What must hold:        see http_query.h. */
#include "connectors/http/http_query.h"
#include "base/banned.h"
#include "io/url.h"
#include <errno.h>

struct query { /* parts of a URL, '?' and '#' in none of them */
	struct slice head, pairs, fragment;
	bool has_fragment;
};

static struct query cut_query(struct slice url)
{
	struct query q;
	struct slice rest;
	q.has_fragment = slice_cut(url, '#', &rest, &q.fragment);
	(void)slice_cut(rest, '?', &q.head, &q.pairs);
	return q;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int put_decoded(struct slice text, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; i < text.n && r == 0; i++) {
		char c = text.p[i] == '+' ? ' ' : text.p[i];
		bool escape = c == '%' && i + 2 < text.n && digit(text.p[i + 1]) >= 0 &&
			      digit(text.p[i + 2]) >= 0;
		if (escape) {
			c = (char)(digit(text.p[i + 1]) << 4 | digit(text.p[i + 2]));
			i += 2;
		}
		r = buf_add_char(out, c);
	}
	return r;
}

/* 1: the pair has that name, and here is its value as written. */
static int pair_is(struct slice pair, struct slice name, struct slice *value)
{
	AUTO(buf_done) struct buf key = { 0 };
	struct slice raw;
	(void)slice_cut(pair, '=', &raw, value);
	int r = put_decoded(raw, &key);
	return r < 0 ? r : slice_eq(buf_slice(&key), name);
}

static int put_pair(struct slice name, struct slice value, bool first, struct buf *out)
{
	int r = buf_add_char(out, first ? '?' : '&');
	r = r < 0 ? r : url_put_segment(name, out);
	r = r < 0 ? r : buf_add_char(out, '=');
	return r < 0 ? r : url_put_segment(value, out);
}

int query_set(struct slice url, struct slice name, struct slice value, struct buf *out)
{
	struct query q = cut_query(url);
	struct slice pair, was;
	bool first = true, set = false;
	int r = buf_add(out, q.head);
	while (q.pairs.n && r >= 0) {
		slice_cut(q.pairs, '&', &pair, &q.pairs);
		r = pair_is(pair, name, &was);
		if (r == 1 && set)
			continue;
		if (r == 1) {
			r = put_pair(name, value, first, out);
			set = true;
		} else if (r == 0) {
			r = buf_add_char(out, first ? '?' : '&');
			r = r < 0 ? r : buf_add(out, pair);
		}
		first = false;
	}
	r = r < 0 || set ? r : put_pair(name, value, first, out);
	r = r < 0 || !q.has_fragment ? r : buf_add_char(out, '#');
	r = r < 0 ? r : buf_add(out, q.fragment);
	return r < 0 ? r : 0;
}

int query_get(struct slice url, struct slice name, struct buf *out)
{
	struct query q = cut_query(url);
	struct slice pair, value;
	while (q.pairs.n) {
		slice_cut(q.pairs, '&', &pair, &q.pairs);
		int r = pair_is(pair, name, &value);
		if (r < 0)
			return r;
		if (r == 1)
			return put_decoded(value, out) < 0 ? -EMSGSIZE : 1;
	}
	return 0;
}
