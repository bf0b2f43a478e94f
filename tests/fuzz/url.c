/* url.c - fuzz target: a base and a reference, divided by a line feed
 *
 * What must hold: parts lie inside the text; an origin parses to itself; what is shown has the same host and target, and
 *   no userinfo; what resolving yields is held to the same. */
#include "io/url.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool inside(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n) ||
	       slice_eq(part, S("/"));
}

static void check_origin(const struct url *u)
{
	AUTO(buf_done) struct buf origin = { 0 }, again = { 0 };
	struct url o;
	ASSERT(url_put_origin(u, &origin) == 0);
	ASSERT(url_parse(buf_slice(&origin), &o, NULL) == 0);
	ASSERT(o.tls == u->tls && o.port == u->port && slice_eq_nocase(o.host, u->host));
	ASSERT(url_put_origin(&o, &again) == 0 && slice_eq(buf_slice(&origin), buf_slice(&again)));
}

static void check_shown(struct slice text, const struct url *u)
{
	AUTO(buf_done) struct buf shown = { 0 };
	struct url s;
	ASSERT(url_put_shown(text, &shown) == 0);
	ASSERT(url_parse(buf_slice(&shown), &s, NULL) == 0);
	ASSERT(s.userinfo.n == 0 && slice_eq(s.host, u->host) && slice_eq(s.target, u->target));
}

static void check_text(struct slice text)
{
	struct url u;
	const char *why = NULL;
	if (url_parse(text, &u, &why) < 0) {
		ASSERT(why);
		return;
	}
	ASSERT(inside(u.host, text) && inside(u.target, text) && inside(u.userinfo, text) &&
	       u.host.n > 0);
	check_origin(&u);
	check_shown(text, &u);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice base, reference, text = { (const char *)bytes, n };
	AUTO(buf_done) struct buf out = { 0 };
	slice_cut(text, '\n', &base, &reference);
	check_text(base);
	if (url_resolve(base, reference, &out) == 0)
		check_text(buf_slice(&out));
	return 0;
}
