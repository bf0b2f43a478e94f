/* http_client.c - the client: its life, and the way from a request through redirects to an answer
 *
 * What this room is for: what surrounds an exchange: the request's check, following redirects by the rules, the counts.
 * What flows through:    a request, and for each hop a URL of its own.
 * What must hold:
 *  (1) only GET and HEAD are redirected, five times at most, never from https to http.
 *  (2) once a hop has left the caller's origin, credentials stay behind for good, even if a later hop returns.
 *  (3) what a redirect's Location says is parsed as strictly as what the caller says. */
#include "io/http/http_client_.h"
#include "io/http/http_parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOPS            5
#define IDLE_PER_ORIGIN 1024
#define IDLE_NS         (INT64_C(30) * 1000000000)

/* ---- life --------------------------------------------------------------------------------------------- */

static char *copy_text(const char *s)
{
	return s ? xstrndup(s, strlen(s)) : NULL;
}

int http_client_new(const struct http_client_options *o, struct http_client **ret, struct err *err)
{
	static const struct http_client_options none;
	const char *agent = o && o->user_agent ? o->user_agent : "hocket/" HK_VERSION;
	if (!o)
		o = &none;
	*ret = NULL;
	if (!http_is_value(slice_str(agent)))
		return fail(err, FAULT_BAD_VALUE, "the user agent has a line break inside");
	AUTO(proxies_freep) struct proxies *proxies = NULL;
	if (o->environment_proxies && proxies_from_environment(&proxies, err) < 0)
		return -1;
	struct http_client *c = xcalloc(1, sizeof(*c));
	http_pool_init(&c->pool, o->idle_per_origin ? o->idle_per_origin : IDLE_PER_ORIGIN,
		       o->idle_ns > 0 ? o->idle_ns : IDLE_NS);
	c->pool.forget_session = tls_forget_session;
	c->dns = dns_new();
	c->proxies = take(proxies);
	c->user_agent = copy_text(agent);
	c->ca_file = copy_text(o->ca_file);
	*ret = c;
	return 0;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	ASSERT(c->stats.active == 0);
	http_pool_done(&c->pool);
	http_inflate_spare_done(&c->inflaters);
	spare_done(&c->spare);
	tls_context_free(c->tls);
	http_trust_free_all(c->trusts);
	dns_free(c->dns);
	proxies_free(c->proxies);
	free(c->user_agent);
	free(c->ca_file);
	free(c);
}

void http_client_stats_get(const struct http_client *c, struct http_client_stats *ret)
{
	*ret = c->stats;
	ret->idle = c->pool.idle_count;
}

int http_client_trust(struct http_client *c, const struct http_trust_files *files,
		      const struct http_trust **ret, struct err *err)
{
	return http_trust_find(&c->trusts, files, ret, err);
}

/* ---- redirects ---------------------------------------------------------------------------------------- */

struct journey {
	struct http_hop hop;
	struct buf text; /* owns; of the hop's URL, from the first redirect on */
	unsigned hops;
	bool passing; /* a redirect was for now only */
};

static bool same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && a->port == b->port && slice_eq_nocase(a->host, b->host);
}

static bool is_redirect(const struct http_request *q, const struct http_response *r,
			struct slice *ret_location)
{
	if (r->status < 301 || r->status > 308 || (r->status > 303 && r->status < 307) ||
	    q->no_redirects)
		return false;
	if (!slice_eq(q->method, S("GET")) && !slice_eq(q->method, S("HEAD")))
		return false;
	return http_response_header(r, "Location", ret_location);
}

static int fail_after(struct err *err, enum fault fault, const char *what, struct slice location)
{
	fail(err, fault, "%s '%.*s'", what, SLICE(slice_head(location, 200)));
	if (err)
		err->sent = true;
	return -1;
}

/* Moves on to where the answer points. */
static int follow(struct journey *j, struct slice location, struct err *err)
{
	const char *why;
	struct url next;
	AUTO(buf_done) struct buf text = { .max = 64 << 10 };
	if (j->hops == HOPS)
		return fail_after(err, FAULT_PROTOCOL,
				  "more than 5 redirects; the next would lead to", location);
	if (url_resolve(j->hop.text, location, &text) < 0 ||
	    url_parse(buf_slice(&text), &next, &why) < 0)
		return fail_after(err, FAULT_PROTOCOL,
				  "redirected to something that is no http(s) URL:", location);
	if (j->hop.url.tls && !next.tls)
		return fail_after(err, FAULT_FORBIDDEN, "redirected from https to http:", location);
	if (!same_origin(&j->hop.url, &next))
		j->hop.other_origin = true;
	next.userinfo =
		(struct slice){ 0 }; /* credentials are the caller's to give, not a redirect's */
	buf_done(&j->text);
	j->text = buf_take(&text);
	j->hop.text = buf_slice(&j->text);
	j->hop.url = next;
	j->hops++;
	return 0;
}

static void journey_done(struct journey *j)
{
	buf_done(&j->text);
}

int http_exchange(struct http_client *c, const struct http_request *q, struct http_response *ret,
		  struct err *err)
{
	const char *why;
	struct slice location;
	struct http_given given;
	AUTO(journey_done) struct journey j = { .hop.text = q->url };
	*ret = (struct http_response){ 0 };
	if (err) { /* not its text: that would be half a kilobyte a request */
		err->fault = FAULT_NONE;
		err->code = 0;
		err->clock = CLOCK_NONE;
		err->sent = err->whole = false;
		err->retry_after_ns = 0;
	}
	if (url_parse(q->url, &j.hop.url, &why) < 0)
		return fail(err, FAULT_BAD_VALUE, "'%.*s': %s", SLICE(slice_head(q->url, 200)),
			    why);
	if (http_request_check(q, &given, err) < 0)
		return -1;
	for (;;) {
		if (http_exchange_hop(c, q, &given, &j.hop, ret, err) < 0) {
			if (err)
				err->sent |= j.hops > 0;
			return -1;
		}
		if (!is_redirect(q, ret, &location))
			break;
		j.passing |= ret->status != 301 && ret->status != 308;
		int r = follow(&j, location, err);
		http_response_done(ret);
		if (r < 0)
			return -1;
	}
	ret->url = buf_take(&j.text);
	ret->moved = j.hops > 0 && !j.passing;
	return 0;
}
