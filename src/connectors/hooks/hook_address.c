/* hook_address.c - where a webhook listens
 *
 * What this room is for: one line of text that says interface, port and path, as people write it.
 * What flows through:    text in, its parts out.
 * What must hold:
 *  (1) what is not understood whole is refused, with a sentence: half an address would listen where nobody meant it to.
 *  (2) only numeric addresses and localhost: a name that means another machine tomorrow is no place to listen. */
#include "connectors/hooks/hook_address.h"
#include "base/banned.h"
#include "base/units.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_port(struct slice text, struct hook_address *ret, const char **why)
{
	int64_t port;
	if (units_int(text, &port) < 0 || port < 0 || port > UINT16_MAX) {
		*why = "a port is a number up to 65535, behind a ':' (127.0.0.1:8080/hooks)";
		return -EINVAL;
	}
	ret->port = (uint16_t)port;
	return 0;
}

/* "[::1]:8080" has its address in brackets, as in a URL. */
static bool cut_port(struct slice text, struct slice *host, struct slice *port)
{
	size_t at = text.n;
	while (at > 0 && text.p[at - 1] != ':')
		at--;
	if (at == 0)
		return false;
	*host = slice_head(text, at - 1);
	*port = slice_from(text, at);
	bool brackets = host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']';
	if (brackets)
		*host = slice_head(slice_from(*host, 1), host->n - 2);
	return brackets || !memchr(host->p, ':', host->n);
}

static int read_path(struct slice path, struct hook_address *ret, const char **why)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] == 127 || strchr("?#", path.p[i]) ||
		    (path.p[i] == '*' && i + 1 < path.n)) {
			*why = "a path has no blank, no '?' and no '#', and a '*' only at its end";
			return -EINVAL;
		}
	ret->below = path.n > 0 && path.p[path.n - 1] == '*';
	ret->path = path.n ? slice_head(path, path.n - ret->below) : S("/");
	return 0;
}

int hook_address_read(struct slice text, struct hook_address *ret, const char **why)
{
	struct slice where = text, path = { 0 }, host, port;
	const char *slash = memchr(text.p ? text.p : "", '/', text.n);
	*ret = (struct hook_address){ .text = text };
	if (slash) {
		where = slice_head(text, (size_t)(slash - text.p));
		path = slice_from(text, where.n);
	}
	*why = "it is HOST:PORT/PATH, as in 127.0.0.1:8080/hooks";
	if (slice_ends(where, S(":")) && slice_starts(path, S("//")))
		*why = "it is where to listen, not a URL: leave 'http://' out";
	else if (cut_port(where, &host, &port) && host.n < sizeof(ret->host))
		*why = NULL;
	if (*why || read_port(port, ret, why) < 0 || read_path(path, ret, why) < 0)
		return -EINVAL;
	ret->everywhere = host.n == 0 || slice_eq(host, S("0.0.0.0")) || slice_eq(host, S("::"));
	snprintf(ret->host, sizeof(ret->host), "%.*s", SLICE(host.n ? host : S("0.0.0.0")));
	return 0;
}

bool hook_address_takes(const struct hook_address *a, struct slice path)
{
	return a->below ? slice_starts(path, a->path) : slice_eq(path, a->path);
}
