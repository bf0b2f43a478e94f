/* url.c - the parts of an http(s) URL, and the arithmetic of references
 *
 * What this room is for: everything that must know where the host in a URL ends: connections, pools, redirects, the
 *   redaction of messages. Two readers that disagree about that are a security hole, so there is one.
 * What flows through:    slices of the caller's text; new text goes into the caller's buffer.
 * What must hold:
 *  (1) url_parse is strict about the authority (one '@', a plain host, a port in range) and about bytes that could
 *      break out of a request line (blanks, controls); it is lenient about the rest of the path, as servers are.
 *  (2) url_resolve is RFC 3986 section 5.2 to the letter, for any scheme; what it yields is parsed again before use.
 *  (3) nothing here decodes: a percent sign leaves as it came. */
#include "io/url.h"
#include <errno.h>
#include <string.h>

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Where the next part begins: at the first '/', '?' or '#', as far as `stops` has them. */
enum stop { STOP_SLASH = 1, STOP_QUERY = 2, STOP_FRAGMENT = 4 };
static size_t find_stop(struct slice s, unsigned stops)
{
	static const unsigned char kind[256] = {
		['/'] = STOP_SLASH,
		['?'] = STOP_QUERY,
		['#'] = STOP_FRAGMENT,
	};
	size_t i = 0;
	while (i < s.n && !(kind[(unsigned char)s.p[i]] & stops))
		i++;
	return i;
}

/* The five parts of any URI reference (RFC 3986 appendix B). has_* tells "absent" from "empty". */
struct parts {
	struct slice scheme, authority, path, query, fragment;
	bool has_scheme, has_authority, has_query, has_fragment;
};

static size_t scheme_length(struct slice s)
{
	if (s.n == 0 || !is_alpha(s.p[0]))
		return 0;
	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];
		if (c == ':')
			return i;
		if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
			return 0;
	}
	return 0;
}

static struct parts split(struct slice s)
{
	struct parts p = { 0 };
	size_t n = scheme_length(s);
	if (n > 0) {
		p.has_scheme = true;
		p.scheme = slice_head(s, n);
		s = slice_from(s, n + 1);
	}
	if (slice_starts(s, S("//"))) {
		s = slice_from(s, 2);
		n = find_stop(s, STOP_SLASH | STOP_QUERY | STOP_FRAGMENT);
		p.has_authority = true;
		p.authority = slice_head(s, n);
		s = slice_from(s, n);
	}
	n = find_stop(s, STOP_QUERY | STOP_FRAGMENT);
	p.path = slice_head(s, n);
	s = slice_from(s, n);
	if (s.n > 0 && s.p[0] == '?') {
		n = find_stop(s, STOP_FRAGMENT);
		p.has_query = true;
		p.query = slice_from(slice_head(s, n), 1);
		s = slice_from(s, n);
	}
	if (s.n > 0) {
		p.has_fragment = true;
		p.fragment = slice_from(s, 1);
	}
	return p;
}

static int refuse(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EINVAL;
}

static const char *check_host(struct slice host, bool bracketed)
{
	if (host.n == 0)
		return "no host";
	if (host.n > 255)
		return "a host name has at most 255 characters";
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];
		if (bracketed ? !is_hex(c) && c != ':' && c != '.'
			      : !is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '_')
			return (unsigned char)c >= 0x80
				       ? "host names beyond ASCII are written in their xn-- form"
				       : "a character that no host name has";
	}
	return NULL;
}

static const char *parse_port(struct slice text, uint16_t *ret)
{
	unsigned port = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (!is_digit(text.p[i]))
			return "the port is not a number";
		port = port * 10 + (unsigned)(text.p[i] - '0');
		if (port > 65535)
			return "the port is above 65535";
	}
	if (port == 0)
		return "port 0 cannot be connected to";
	*ret = (uint16_t)port;
	return NULL;
}

static const char *parse_authority(struct slice a, struct url *u)
{
	struct slice host, rest, port = { 0 };
	if (slice_cut(a, '@', &u->userinfo, &rest)) {
		a = rest;
		if (memchr(a.p, '@', a.n))
			return "more than one '@' before the host; write it as %40";
	} else {
		u->userinfo = (struct slice){ 0 };
	}
	bool bracketed = a.n > 0 && a.p[0] == '[';
	if (bracketed) {
		if (!slice_cut(slice_from(a, 1), ']', &host, &rest))
			return "'[' without ']'";
		if (rest.n > 0 && rest.p[0] != ':')
			return "only a port may follow ']'";
		if (!memchr(host.p, ':', host.n))
			return "only an IPv6 address stands in brackets";
		port = rest.n > 0 ? slice_from(rest, 1) : rest;
	} else {
		slice_cut(a, ':', &host, &port);
	}
	u->host = host;
	const char *why = check_host(host, bracketed);
	if (!why && port.n > 0)
		why = parse_port(port, &u->port);
	return why;
}

/* Bytes that would end or split a request line. Beyond ASCII is let through: it is sent percent-encoded. */
static const char *check_bytes(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c == ' ')
			return "a blank in the URL; write it as %20";
		if (c < ' ' || c == 0x7f)
			return "a control character in the URL";
	}
	return NULL;
}

/* Path and query are one run of text. Without a path it begins with '?', and who sends it writes the '/'. */
static struct slice target(const struct parts *p)
{
	if (p->path.n == 0 && !p->has_query)
		return S("/");
	struct slice t = p->path;
	if (p->has_query)
		t.n += 1 + p->query.n;
	return t;
}

int url_parse(struct slice text, struct url *ret, const char **why)
{
	*ret = (struct url){ 0 };
	const char *bad = check_bytes(text);
	if (bad)
		return refuse(why, bad);
	struct parts p = split(text);
	if (!p.has_scheme || !p.has_authority)
		return refuse(why, "no scheme; write http:// or https://");
	ret->tls = slice_eq_nocase(p.scheme, S("https"));
	if (!ret->tls && !slice_eq_nocase(p.scheme, S("http")))
		return refuse(why, "only http:// and https:// are spoken");
	ret->port = ret->tls ? 443 : 80;
	ret->target = target(&p);
	bad = parse_authority(p.authority, ret);
	return bad ? refuse(why, bad) : 0;
}

int url_put_origin(const struct url *u, struct buf *out)
{
	bool v6 = memchr(u->host.p, ':', u->host.n) != NULL;
	bool usual = u->port == (u->tls ? 443 : 80);
	int r = buf_add(out, u->tls ? S("https://") : S("http://"));
	if (r == 0 && v6)
		r = buf_add_char(out, '[');
	for (size_t i = 0; r == 0 && i < u->host.n; i++) {
		char c = u->host.p[i];
		r = buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
	}
	if (r == 0 && v6)
		r = buf_add_char(out, ']');
	if (r == 0 && !usual)
		r = buf_printf(out, ":%u", u->port);
	return r;
}

/* Cuts out back to the '/' before its last segment, never below `floor`: "/a/b" -> "/a". */
static void drop_segment(struct buf *out, size_t floor)
{
	size_t n = out->n;
	while (n > floor && out->p[n - 1] != '/')
		n--;
	buf_truncate(out, n > floor ? n - 1 : floor);
}

/* RFC 3986 5.2.4, rule by rule. */
static int put_without_dots(struct slice in, struct buf *out)
{
	size_t floor = out->n;
	while (in.n > 0) {
		if (slice_starts(in, S("../"))) {
			in = slice_from(in, 3);
		} else if (slice_starts(in, S("./"))) {
			in = slice_from(in, 2);
		} else if (slice_starts(in, S("/./"))) {
			in = slice_from(in, 2);
		} else if (slice_eq(in, S("/."))) {
			in = S("/");
		} else if (slice_starts(in, S("/../"))) {
			in = slice_from(in, 3);
			drop_segment(out, floor);
		} else if (slice_eq(in, S("/.."))) {
			in = S("/");
			drop_segment(out, floor);
		} else if (slice_eq(in, S(".")) || slice_eq(in, S(".."))) {
			break;
		} else {
			size_t n = 1 + find_stop(slice_from(in, 1), STOP_SLASH);
			int r = buf_add(out, slice_head(in, n));
			if (r < 0)
				return r;
			in = slice_from(in, n);
		}
	}
	return 0;
}

/* RFC 3986 5.2.3: the reference's path behind the base's last '/'. */
static int merge(const struct parts *base, struct slice path, struct buf *out)
{
	if (base->has_authority && base->path.n == 0) {
		int r = buf_add_char(out, '/');
		return r < 0 ? r : buf_add(out, path);
	}
	size_t n = base->path.n;
	while (n > 0 && base->path.p[n - 1] != '/')
		n--;
	int r = buf_add(out, slice_head(base->path, n));
	return r < 0 ? r : buf_add(out, path);
}

/* RFC 3986 5.3, with the path's dot segments removed on the way. */
static int recompose(const struct parts *t, bool keep_dots, struct buf *out)
{
	int r = 0;
	if (t->has_scheme && (r = buf_add(out, t->scheme)) == 0)
		r = buf_add_char(out, ':');
	if (r == 0 && t->has_authority && (r = buf_add(out, S("//"))) == 0)
		r = buf_add(out, t->authority);
	if (r == 0)
		r = keep_dots ? buf_add(out, t->path) : put_without_dots(t->path, out);
	if (r == 0 && t->has_query && (r = buf_add_char(out, '?')) == 0)
		r = buf_add(out, t->query);
	if (r == 0 && t->has_fragment && (r = buf_add_char(out, '#')) == 0)
		r = buf_add(out, t->fragment);
	return r;
}

int url_resolve(struct slice base, struct slice reference, struct buf *out)
{
	struct parts b = split(base), t = split(reference);
	AUTO(buf_done) struct buf merged = { 0 };
	if (t.has_scheme)
		return recompose(&t, false, out);
	t.scheme = b.scheme;
	t.has_scheme = b.has_scheme;
	if (t.has_authority)
		return recompose(&t, false, out);
	t.authority = b.authority;
	t.has_authority = b.has_authority;
	if (t.path.n == 0) {
		t.path = b.path;
		if (!t.has_query) {
			t.query = b.query;
			t.has_query = b.has_query;
		}
		return recompose(&t, true, out);
	}
	if (t.path.p[0] != '/') {
		int r = merge(&b, t.path, &merged);
		if (r < 0)
			return r;
		t.path = buf_slice(&merged);
	}
	return recompose(&t, false, out);
}

int url_put_segment(struct slice text, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	int r = buf_reserve(out, text.n);
	for (size_t i = 0; r == 0 && i < text.n; i++) {
		char c = text.p[i];
		if (is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
			r = buf_add_char(out, c);
			continue;
		}
		char code[3] = { '%', hex[(unsigned char)c >> 4], hex[c & 15] };
		r = buf_add(out, (struct slice){ code, 3 });
	}
	return r;
}

int url_put_shown(struct slice text, struct buf *out)
{
	struct parts p = split(text);
	struct slice before, host;
	if (!p.has_authority || !slice_cut(p.authority, '@', &before, &host))
		return buf_add(out, text);
	/* More than one '@' is refused elsewhere, but is shown without secrets all the same. */
	for (struct slice rest; slice_cut(host, '@', &before, &rest);)
		host = rest;
	int r = buf_add(out, slice_head(text, (size_t)(p.authority.p - text.p)));
	return r < 0 ? r
		     : buf_add(out, (struct slice){ host.p, (size_t)(text.p + text.n - host.p) });
}
