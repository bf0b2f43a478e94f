/* http_conn.c - one connection to an origin
 *
 * What this room is for: to get from a name to a stream of bytes, and to say precisely why not.
 * What flows through:    origin -> addresses -> socket -> (https) TLS. Above the connection nobody knows which it is.
 *
 *     connect clock                                     tls clock
 *   +---------------------------------------------+   +----------------+
 *   | dns_lookup -> reach one of the addresses     |-->| tls_handshake  |--> connection
 *   +---------------------------------------------+   +----------------+
 *     dns, timeout(dns)   refused, connect_timeout      tls, certificate, timeout(tls)
 *
 * What must hold:
 *  (1) an error names the host, the address last tried and what the system said.
 *  (2) the address that was reached is tried first by the origin's next connection. */
#include "io/http/http_conn.h"
#include "io/dns.h"
#include "io/guard.h"
#include "io/http/http_pool.h"
#include "io/proxy.h"
#include "io/reach.h"
#include "io/test_hosts.h"
#include "io/tls.h"
#include <errno.h>
#include <hocket/fd.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plain wire -------------------------------------------------------------------------------- */

/* A socket's errors in the wire's words. A -ETIMEDOUT of the kernel (lost peer) must not look like a deadline of ours. */
static int wire_error(ssize_t r)
{
	return r == -ECANCELED || r == -ENOMEM || r == -EBADF ? (int)r : -ECONNRESET;
}

static int plain_wait(struct http_conn *c) SUSPENDS
{
	int r = hk_fd_wait(c->fd, HK_READ);
	if (r < 0)
		return wire_error(r);
	hk_fd_rearm(c->fd, HK_READ); /* the wait consumed the readiness, and nothing was read yet */
	return 0;
}

static ssize_t plain_read(struct http_conn *c, void *p, size_t n) SUSPENDS
{
	ssize_t r = hk_read(c->fd, p, n);
	return r < 0 ? wire_error(r) : r;
}

static int plain_write(struct http_conn *c, struct iovec *iov, int n) SUSPENDS
{
	ssize_t r =
		n == 1 ? hk_write(c->fd, iov->iov_base, iov->iov_len) : hk_writev(c->fd, iov, n);
	return r < 0 ? wire_error(r) : 0;
}

static bool plain_quiet(struct http_conn *c)
{
	return hk_socket_idle(c->fd);
}

/* The outcome of close() on a socket whose exchange is over, or already failed, changes nothing. */
static void plain_end(struct http_conn *c)
{
	(void)hk_close(c->fd);
}

const struct http_wire http_plain_wire = {
	.wait = plain_wait,
	.read = plain_read,
	.write = plain_write,
	.quiet = plain_quiet,
	.end = plain_end,
};

/* ---- from a name to a socket ------------------------------------------------------------------------- */

struct dialing {
	const struct http_dial *dial;
	const char *what, *host; /* whom we connect to: "", or "proxy " */
	uint16_t port;
	struct dns_answer answer;
	const char *dns_why;
	int tried;      /* index of the address reached, or last tried; -1: none yet */
	bool plain_tls; /* a test host: https is spoken plainly */
	bool forbidden; /* the guard let no address through; the first is still there */
};

static struct dialing dialing(const struct http_dial *dial)
{
	struct dialing d = { .dial = dial,
			     .what = "",
			     .host = dial->origin->host,
			     .port = dial->origin->port,
			     .tried = -1 };
	if (dial->proxy) {
		d.what = "proxy ";
		d.host = dial->proxy->host;
		d.port = dial->proxy->url.port;
	}
	return d;
}

static int resolve(struct dialing *d) SUSPENDS
{
	if (test_hosts_find(d->host, d->port, &d->answer)) {
		d->plain_tls = true;
		return 0;
	}
	int r = dns_lookup(d->dial->dns, slice_str(d->host), &d->answer, &d->dns_why);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < d->answer.n; i++)
		dns_address_set_port(&d->answer.at[i], d->port);
	return 0;
}

/* Leaves the addresses that the guard admits. -EACCES: none. */
static int keep_admitted(struct dialing *d)
{
	const struct http_guard *g = d->dial->guard;
	struct dns_answer *a = &d->answer;
	unsigned n = 0;
	if (d->dial->proxy) {
		d->forbidden = !http_guard_admits_unseen(g, slice_str(d->dial->origin->host));
		return d->forbidden ? -EACCES : 0;
	}
	for (unsigned i = 0; i < a->n; i++)
		if (http_guard_admits(g, &a->at[i]))
			a->at[n++] = a->at[i];
	d->forbidden = n == 0;
	a->n = n > 0 ? n : a->n;
	return d->forbidden ? -EACCES : 0;
}

static int resolve_and_connect(struct dialing *d) SUSPENDS
{
	struct http_origin *o = d->dial->origin;
	unsigned which;
	int r = resolve(d);
	if (r == 0)
		r = hk_checkpoint(); /* a clock that ran out meanwhile is the name's, not the connection's */
	if (r < 0)
		return r;
	ASSERT(d->answer.n > 0);
	if (d->dial->guard && !d->plain_tls && keep_admitted(d) < 0)
		return -EACCES;
	reach_order(&d->answer, &o->reached);
	d->tried = 0;
	r = reach(&d->answer, d->dial->pool, &which);
	d->tried = (int)which;
	if (r >= 0)
		o->reached = d->answer.at[which];
	return r;
}

static enum fault connect_fault(int r)
{
	switch (r) {
	case -ETIMEDOUT:
		return FAULT_CONNECT_TIMEOUT;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOBUFS:
		return FAULT_IO;
	case -ECONNRESET:
		return FAULT_RESET;
	default:
		return FAULT_REFUSED;
	}
}

static int tell_dns(struct dialing *d, int r, struct err *err)
{
	const char *what = *d->what ? d->what : "host ";
	if (r != -ETIMEDOUT)
		return fail(err, FAULT_DNS, "%s'%s': %s", what, d->host, d->dns_why);
	fail(err, FAULT_TIMEOUT, "%s'%s': no answer from the name server in time", what, d->host);
	if (err)
		err->clock = CLOCK_DNS;
	return -1;
}

/* Says what to write into the file. */
static int tell_forbidden(struct dialing *d, struct err *err)
{
	char text[64];
	const struct http_origin *o = d->dial->origin;
	bool v6 = strchr(o->host, ':') != NULL;
	return fail(
		err, FAULT_FORBIDDEN,
		"host '%s' comes from a record or an answer and leads to %s, which is not public; "
		"if that is meant, add to the file: allow: [%s%s%s:%u%s]",
		o->host, d->dial->proxy ? "an address" : dns_address_text(&d->answer.at[0], text),
		v6 ? "'[" : "", o->host, v6 ? "]" : "", o->port, v6 ? "'" : "");
}

static int tell_connect(struct dialing *d, int r, struct err *err)
{
	char text[64];
	if (d->forbidden)
		return tell_forbidden(d, err);
	if (r == -ECANCELED)
		return fail_errno(err, FAULT_IO, r, "connecting to %s'%s' port %u", d->what,
				  d->host, d->port);
	if (d->tried < 0)
		return tell_dns(d, r, err);
	const char *address = dns_address_text(&d->answer.at[d->tried], text);
	if (r == -ETIMEDOUT) {
		fail(err, FAULT_CONNECT_TIMEOUT, "%s'%s' port %u (%s) does not answer", d->what,
		     d->host, d->port, address);
		if (err)
			err->clock = CLOCK_CONNECT;
		return -1;
	}
	return fail_errno(err, connect_fault(r), r, "connecting to %s'%s' port %u (%s)", d->what,
			  d->host, d->port, address);
}

/* ---- all together ---------------------------------------------------------------------------------------- */

static int64_t clock_or_forever(int64_t ns)
{
	return ns > 0 ? ns : HK_FOREVER;
}

int http_conn_secure(const struct http_dial *dial, struct http_conn *c, struct err *err)
{
	struct hk_scope clock;
	hk_scope_open(&clock, clock_or_forever(dial->clocks->tls_ns));
	int r = tls_handshake(dial->tls, dial->spare, c, err);
	r = hk_scope_close(&clock, r);
	if (r == -ETIMEDOUT) {
		fail(err, FAULT_TIMEOUT, "'%s' port %u: the TLS handshake took too long",
		     dial->origin->host, dial->origin->port);
		if (err)
			err->clock = CLOCK_TLS;
	} else if (r == -ECANCELED) {
		fail_errno(err, FAULT_TLS, r, "TLS handshake with '%s'", dial->origin->host);
	}
	return r < 0 ? -1 : 0;
}

/* To the origin through the proxy that we are connected to. */
static int open_tunnel(const struct http_dial *dial, struct http_conn *c, struct err *err) SUSPENDS
{
	struct hk_scope clock;
	const struct proxy *p = dial->proxy;
	hk_scope_open(&clock, clock_or_forever(dial->clocks->connect_ns));
	int r = hk_scope_close(&clock, proxy_tunnel(p, c, err));
	if (r == -ETIMEDOUT) {
		fail(err, FAULT_CONNECT_TIMEOUT, "proxy '%s' port %u found no way to '%s' in time",
		     p->host, p->url.port, dial->origin->host);
		if (err)
			err->clock = CLOCK_CONNECT;
	} else if (r == -ECANCELED) {
		fail_errno(err, FAULT_IO, r, "proxy '%s' port %u", p->host, p->url.port);
	}
	return r < 0 ? -1 : 0;
}

/* What makes a connected socket a connection to the origin. */
static int finish_opening(const struct dialing *d, struct http_conn *c, struct err *err) SUSPENDS
{
	bool tls = d->dial->origin->tls;
	if (!tls && !d->dial->tunnel)
		return 0; /* a proxy reads such requests itself */
	if (d->dial->proxy && open_tunnel(d->dial, c, err) < 0)
		return -1;
	return !tls || d->plain_tls ? 0 : http_conn_secure(d->dial, c, err);
}

struct http_conn *http_conn_open(const struct http_dial *dial, struct err *err) SUSPENDS
{
	struct dialing d = dialing(dial);
	struct hk_scope clock;
	hk_scope_open(&clock, clock_or_forever(dial->clocks->connect_ns));
	int fd = hk_scope_close(&clock, resolve_and_connect(&d));
	if (fd < 0) {
		tell_connect(&d, fd, err);
		return NULL;
	}
	struct http_conn *c = xcalloc(1, sizeof(*c));
	c->wire = &http_plain_wire;
	c->fd = fd;
	c->origin = dial->origin;
	if (finish_opening(&d, c, err) < 0) {
		http_conn_close(c);
		return NULL;
	}
	return c;
}

void http_conn_close(struct http_conn *c)
{
	if (!c)
		return;
	c->wire->end(c);
	free(c);
}
