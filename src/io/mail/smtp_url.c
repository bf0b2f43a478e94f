/* smtp_url.c - "smtp://user:password@host:587", "smtps://..." (RFC 3986; the scheme is everybody's custom)
 *
 * What this room is for: one secret that says all of a mail server.
 * What flows through:    percent-encoded text; its parts, decoded.
 * What must hold:        no message shows any of the text but the host's and the port's part, and these only behind the last '@'. */
#include "base/units.h"
#include "io/dns.h"
#include "io/smtp.h"
#include <errno.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends the decoded text; storage has room for it. -1: a percent sign that begins nothing, or a control. */
static int decode(struct slice s, struct buf *storage, struct slice *ret)
{
	size_t before = storage->n;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
			int low = s.n - i > 2 ? hex_digit(s.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f || buf_add_char(storage, c) < 0)
			return -1;
	}
	*ret = slice_from(buf_slice(storage), before);
	return 0;
}

static bool is_loopback(struct slice host)
{
	union dns_address a;
	if (slice_eq_nocase(host, S("localhost")))
		return true;
	if (!dns_address_parse(host, &a))
		return false;
	if (a.any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
	return (ntohl(a.v4.sin_addr.s_addr) >> 24) == 127;
}

static int cut_scheme(struct slice *url, enum smtp_tls *ret)
{
	static const struct {
		const char *name;
		enum smtp_tls tls;
	} schemes[] = { { "smtp://", SMTP_TLS_REQUIRED }, { "smtps://", SMTP_TLS_AT_ONCE } };
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i].name);
		if (url->n >= n &&
		    slice_eq_nocase(slice_head(*url, n), slice_str(schemes[i].name))) {
			*url = slice_from(*url, n);
			*ret = schemes[i].tls;
			return 0;
		}
	}
	return -1;
}

static int read_port(struct slice text, uint16_t *ret, struct err *err)
{
	int64_t port;
	if (units_int(text, &port) < 0 || port < 1 || port > 65535)
		return fail(err, FAULT_CONFIG,
			    "the mail server's URL has a port that is no number from 1 to 65535");
	*ret = (uint16_t)port;
	return 0;
}

/* "host", "host:port", "[::1]:port" */
static int read_host(struct slice text, struct smtp_options *ret, struct err *err)
{
	struct slice port = { 0 };
	bool has_port;
	if (slice_starts(text, S("["))) {
		if (!slice_cut(slice_from(text, 1), ']', &ret->host, &text) ||
		    (text.n && text.p[0] != ':'))
			return fail(err, FAULT_CONFIG,
				    "the mail server's URL has a '[' without its ']'");
		has_port = text.n > 0;
		port = slice_from(text, has_port);
	} else {
		has_port = slice_cut(text, ':', &ret->host, &port);
	}
	for (size_t i = 0; i < ret->host.n; i++)
		if ((unsigned char)ret->host.p[i] <= ' ' || (unsigned char)ret->host.p[i] >= 0x7f)
			return fail(err, FAULT_CONFIG,
				    "the mail server's URL: its host has a character that no host "
				    "has; write a name beyond ASCII as xn--...");
	if (!ret->host.n)
		return fail(err, FAULT_CONFIG, "the mail server's URL names no host");
	return has_port ? read_port(port, &ret->port, err) : 0;
}

static int read_user(struct slice text, struct smtp_options *ret, struct buf *storage,
		     struct err *err)
{
	struct slice user, password;
	slice_cut(text, ':', &user, &password);
	if (decode(user, storage, &ret->user) < 0 || decode(password, storage, &ret->password) < 0)
		return fail(err, FAULT_CONFIG,
			    "the mail server's URL: user or password has a '%%' that begins no "
			    "%%XX, or a control");
	return 0;
}

int smtp_url(struct slice url, struct smtp_options *ret, struct buf *storage, struct err *err)
{
	struct slice rest = slice_trim(url), user = { 0 };
	if (cut_scheme(&rest, &ret->tls) < 0)
		return fail(err, FAULT_CONFIG,
			    "the mail server's URL begins with neither smtp:// nor smtps://");
	const char *at = rest.n ? memrchr(rest.p, '@', rest.n) : NULL;
	if (at) {
		user = slice_head(rest, (size_t)(at - rest.p));
		rest = slice_from(rest, user.n + 1);
	}
	if (slice_ends(rest, S("/")))
		rest.n--;
	if (rest.n && (memchr(rest.p, '/', rest.n) || memchr(rest.p, '?', rest.n)))
		return fail(
			err, FAULT_CONFIG,
			"the mail server's URL has a path; write smtp://user:password@host:port, "
			"with '@', '/' and '?' of a password as %%40, %%2F and %%3F");
	if (buf_reserve(storage, user.n + 1) < 0)
		return fail(err, FAULT_CONFIG, "the mail server's URL is too long");
	ret->port = 0;
	if (read_host(rest, ret, err) < 0 || read_user(user, ret, storage, err) < 0)
		return -1;
	bool near = is_loopback(ret->host);
	if (near && ret->tls == SMTP_TLS_REQUIRED)
		ret->tls = SMTP_TLS_NEVER;
	ret->plain_auth |= near;
	return 0;
}
