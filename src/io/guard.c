/* guard.c - where a host that comes from data may lead
 *
 * What this room is for: one question, asked for each new connection whose host the pipeline's author did not write.
 * What flows through:    words of `allow` in; then addresses against them.
 * What must hold:        see guard.h. The lists are short and searched from the front; nothing here is asked on a connection that is
 *   used again, for that one was judged when it was made. */
#include "io/guard.h"
#include "base/arena.h"
#include "base/units.h"
#include <errno.h>
#include <string.h>

struct entry {
	struct entry *next;
	struct net_range range; /* bits of an address; or */
	struct slice host;      /* a host with its port; or */
	uint16_t port;
	struct slice origin; /* an origin */
};
struct http_guard {
	struct arena *arena; /* owns the entries */
	struct entry *first;
	bool kinds[NET_SPECIAL + 1]; /* admitted as a whole */
};

struct http_guard *http_guard_new(void)
{
	struct arena *arena = arena_new();
	struct http_guard *g = arena_zero(arena, sizeof(*g));
	g->arena = arena;
	g->kinds[NET_PUBLIC] = true;
	return g;
}

void http_guard_free(struct http_guard *g)
{
	if (g)
		arena_free(g->arena);
}

static void add(struct http_guard *g, struct entry e)
{
	struct entry *own = arena_alloc(g->arena, sizeof(*own));
	*own = e;
	own->next = g->first;
	g->first = own;
}

/* "host:port", "[::1]:8080" */
static bool parse_door(struct slice word, struct entry *ret)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct url url;
	const char *why;
	const char *colon = word.n ? memrchr(word.p, ':', word.n) : NULL;
	size_t at = colon ? (size_t)(colon - word.p) : 0;
	if (!colon || memchr(word.p, '@', word.n) || memchr(word.p, '/', word.n) ||
	    buf_printf(&text, "http://%.*s/", SLICE(word)) < 0 ||
	    url_parse(buf_slice(&text), &url, &why) < 0)
		return false;
	ret->host = slice_head(word, at);
	if (ret->host.p[0] == '[') /* url_parse has seen the other one */
		ret->host = slice_head(slice_from(ret->host, 1), ret->host.n - 2);
	ret->port = url.port;
	return at + 1 < word.n;
}

static bool parse_kind(struct slice word, enum net_kind *ret)
{
	*ret = slice_eq(word, S("loopback")) ? NET_LOOPBACK : NET_PRIVATE;
	return *ret == NET_LOOPBACK || slice_eq(word, S("private"));
}

int http_guard_word_check(struct slice word)
{
	enum net_kind kind;
	struct entry e = { 0 };
	return parse_kind(word, &kind) || net_range_parse(word, &e.range) || parse_door(word, &e)
		       ? 0
		       : -EINVAL;
}

int http_guard_allow(struct http_guard *g, struct slice word)
{
	enum net_kind kind;
	struct entry e = { 0 };
	word = arena_copy(g->arena, word);
	if (parse_kind(word, &kind)) {
		g->kinds[kind] = true;
		return 0;
	}
	if (!net_range_parse(word, &e.range)) {
		e.range = (struct net_range){ 0 };
		if (!parse_door(word, &e))
			return -EINVAL;
	}
	add(g, e);
	return 0;
}

void http_guard_trust(struct http_guard *g, struct slice origin)
{
	add(g, (struct entry){ .origin = arena_copy(g->arena, origin) });
}

/* ---- the question -------------------------------------------------------------------------------- */

bool http_guard_knows(const struct http_guard *g, const struct url *u)
{
	AUTO(buf_done) struct buf origin = { 0 };
	if (url_put_origin(u, &origin) < 0)
		return false;
	for (const struct entry *e = g->first; e; e = e->next) {
		if (e->origin.n && slice_eq(e->origin, buf_slice(&origin)))
			return true;
		if (e->host.n && e->port == u->port && slice_eq_nocase(e->host, u->host))
			return true;
	}
	return false;
}

bool http_guard_admits(const struct http_guard *g, const union dns_address *a)
{
	if (g->kinds[net_kind(a)])
		return true;
	for (const struct entry *e = g->first; e; e = e->next)
		if (!e->origin.n && !e->host.n && net_range_has(&e->range, a))
			return true;
	return false;
}

/* "2130706433", "0x7f.1", "127.1": what C libraries read as an address, as browsers tell it: the last label is a number. */
static bool ends_in_a_number(struct slice host)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	const char *dot = host.n ? memrchr(host.p, '.', host.n) : NULL;
	size_t at = dot ? (size_t)(dot - host.p) + 1 : 0;
	return at < host.n && host.p[at] >= '0' && host.p[at] <= '9';
}

bool http_guard_admits_unseen(const struct http_guard *g, struct slice host)
{
	union dns_address a;
	if (dns_address_parse(host, &a))
		return http_guard_admits(g, &a);
	return !ends_in_a_number(host);
}
