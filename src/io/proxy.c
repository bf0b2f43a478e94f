/* proxy.c - which requests go through a proxy, and the tunnel through it
 *
 * What this room is for: machines whose only way out is a proxy.
 * What flows through:    the environment, read once for each client; URLs against it; CONNECT and its answer on a new connection.
 *
 *   http:   connection to the proxy; each request has the whole URL in its first line, and Proxy-Authorization
 *   https:  connection to the proxy; CONNECT host:port; TLS with the server inside: the proxy sees names and lengths, nothing else
 *
 * What must hold:        see proxy.h. A byte behind the answer to CONNECT came before our first word to the server: it is not
 *   the server's, and the connection is refused. */
#include "io/proxy.h"
#include "base/units.h"
#include "io/http/http_conn.h"
#include "io/http/http_parse.h"
#include "io/http/http_pool.h"
#include "io/http/http_request.h"
#include "io/ranges.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEAD (16u << 10) /* of the answer to CONNECT */

struct proxies {
	struct proxy http, https; /* text NULL: none */
	char *none;               /* owns; NO_PROXY */
};

/* ---- the environment ------------------------------------------------------------------------------- */

/* The lower case one wins. Empty is as good as absent. */
static const char *look_up(const char *lower, const char *upper, const char **ret_name)
{
	const char *value = getenv(lower);
	*ret_name = value && *value ? lower : upper;
	value = getenv(*ret_name);
	/* A web server hands a request's "Proxy:" header to its programs under this name. */
	if (strcmp(*ret_name, "HTTP_PROXY") == 0 && getenv("REQUEST_METHOD"))
		return NULL;
	return value && *value ? value : NULL;
}

/* "proxy:3128" is meant as http://proxy:3128. */
static int read_proxy(const char *lower, const char *upper, struct proxy *ret, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	const char *name, *why = NULL, *value = look_up(lower, upper, &name);
	if (!value)
		return 0;
	int r = strstr(value, "://") ? 0 : buf_add(&text, S("http://"));
	r = r < 0 ? r : buf_add(&text, slice_str(value));
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "%s", name);
	if (!slice_starts(buf_slice(&text), S("http://")))
		return fail(err, FAULT_CONFIG,
			    "%s: only proxies that are spoken to in plain HTTP are known; write "
			    "http://HOST:PORT",
			    name);
	ret->text = xstrndup(text.p, text.n);
	if (url_parse(slice_str(ret->text), &ret->url, &why) < 0)
		return fail(err, FAULT_CONFIG, "%s is not a URL: %s; write http://HOST:PORT", name,
			    why);
	ret->host = xstrndup(ret->url.host.p, ret->url.host.n);
	return 0;
}

void proxies_freep(struct proxies **p)
{
	proxies_free(*p);
}

int proxies_from_environment(struct proxies **ret, struct err *err)
{
	AUTO(proxies_freep) struct proxies *p = xcalloc(1, sizeof(*p));
	const char *name;
	*ret = NULL;
	if (read_proxy("http_proxy", "HTTP_PROXY", &p->http, err) < 0 ||
	    read_proxy("https_proxy", "HTTPS_PROXY", &p->https, err) < 0)
		return -1;
	const char *none = look_up("no_proxy", "NO_PROXY", &name);
	if (none)
		p->none = xstrndup(none, strlen(none));
	if (p->http.text || p->https.text)
		*ret = take(p);
	return 0;
}

static void proxy_done(struct proxy *p)
{
	if (p->text)
		explicit_bzero(p->text, strlen(p->text));
	free(p->text);
	free(p->host);
}

void proxies_free(struct proxies *p)
{
	if (!p)
		return;
	proxy_done(&p->http);
	proxy_done(&p->https);
	free(p->none);
	free(p);
}

/* ---- who goes directly ------------------------------------------------------------------------------- */

/* `name` itself, or a name below it. */
static bool within(struct slice host, struct slice name)
{
	if (host.n <= name.n)
		return slice_eq_nocase(host, name);
	size_t at = host.n - name.n;
	return name.n > 0 && host.p[at - 1] == '.' && slice_eq_nocase(slice_from(host, at), name);
}

static bool is_this_machine(const struct url *u)
{
	union dns_address a;
	if (dns_address_parse(u->host, &a))
		return net_kind(&a) == NET_LOOPBACK;
	return within(u->host, S("localhost"));
}

/* One entry of NO_PROXY: "*", "example.com", ".example.com", "example.com:8080", "10.0.0.0/8", "::1". */
static bool names(struct slice entry, const struct url *u)
{
	struct net_range range;
	union dns_address a;
	struct slice name, port;
	int64_t n;
	if (slice_eq(entry, S("*")))
		return true;
	if (net_range_parse(entry, &range))
		return dns_address_parse(u->host, &a) && net_range_has(&range, &a);
	if (slice_cut(entry, ':', &name, &port) &&
	    (units_int(port, &n) < 0 || n != (int64_t)u->port))
		return false;
	if (slice_starts(name, S("*.")))
		name = slice_from(name, 2);
	else if (slice_starts(name, S(".")))
		name = slice_from(name, 1);
	return within(u->host, name);
}

const struct proxy *proxies_find(const struct proxies *p, const struct url *u)
{
	const struct proxy *proxy = u->tls ? &p->https : &p->http;
	if (!proxy->text || is_this_machine(u))
		return NULL;
	struct slice rest = slice_str(p->none), entry;
	while (rest.n > 0) {
		slice_cut(rest, ',', &entry, &rest);
		if (names(slice_trim(entry), u))
			return NULL;
	}
	return proxy;
}

/* ---- the tunnel ---------------------------------------------------------------------------------------- */

static int write_connect(const struct proxy *p, struct http_conn *c) SUSPENDS
{
	const struct http_origin *o = c->origin;
	const char *open = strchr(o->host, ':') ? "[" : "", *close = *open ? "]" : "";
	AUTO(buf_done) struct buf head = { 0 };
	int r = buf_printf(&head, "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n", open,
			   o->host, close, o->port, open, o->host, close, o->port);
	if (r == 0 && p->url.userinfo.n > 0)
		r = http_add_basic(&head, S("Proxy-Authorization"), p->url.userinfo);
	r = r < 0 ? r : buf_add(&head, S("\r\n"));
	if (r < 0)
		return r;
	struct iovec iov = { head.p, head.n };
	r = c->wire->write(c, &iov, 1);
	explicit_bzero(head.p, head.n);
	return r;
}

/* The status, or -errno. */
static int read_answer(struct http_conn *c, struct http_parse *parse) SUSPENDS
{
	char block[1024];
	http_parse_start(parse, true);
	for (;;) {
		ssize_t n = c->wire->read(c, block, sizeof(block));
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		struct slice in = { block, (size_t)n }, piece;
		enum http_event e = http_parse_next(parse, &in, &piece);
		if (e == HTTP_MORE)
			continue;
		if (e != HTTP_HEAD || (parse->status / 100 == 2 && in.n > 0))
			return -EBADMSG;
		return parse->status;
	}
}

static int tell(const struct proxy *p, int r, struct err *err)
{
	const char *host = p->host;
	unsigned port = p->url.port;
	if (r == 407)
		return fail(err, FAULT_CONFIG,
			    "proxy '%s' port %u wants a name and a password (status 407); write "
			    "http://USER:PASSWORD@HOST:PORT",
			    host, port);
	if (r > 0)
		return fail(err, r / 100 == 4 ? FAULT_FORBIDDEN : FAULT_REFUSED,
			    "proxy '%s' port %u does not let us through (status %d)", host, port,
			    r);
	if (r == -ECONNRESET)
		return fail(err, FAULT_RESET, "proxy '%s' port %u hung up when asked for a tunnel",
			    host, port);
	if (r == -EBADMSG || r == -EMSGSIZE)
		return fail(err, FAULT_PROTOCOL,
			    "proxy '%s' port %u: its answer to CONNECT makes no sense", host, port);
	return fail_errno(err, FAULT_IO, r, "proxy '%s' port %u", host, port);
}

int proxy_tunnel(const struct proxy *p, struct http_conn *c, struct err *err)
{
	AUTO(http_parse_done) struct http_parse parse;
	http_parse_init(&parse, HTTP_ANSWER, MAX_HEAD);
	int r = write_connect(p, c);
	if (r == 0)
		r = read_answer(c, &parse);
	if (r == -ECANCELED)
		return r;
	return r / 100 == 2 ? 0 : tell(p, r, err);
}
