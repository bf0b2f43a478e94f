/* test_hosts.c - test builds only: host names that lead to local ports
 *
 * What this room is for: the examples name real hosts; their tests need them served from this machine.
 * What flows through:    the environment's text, read at each new connection: there are few, and nothing is kept.
 * What must hold:        only numeric IPv4 addresses on the right side; a malformed pair is skipped. */
#include "io/test_hosts.h"
#include "base/units.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(struct slice s, uint16_t *ret)
{
	int64_t n;
	if (units_int(s, &n) < 0 || n < 1 || n > 65535)
		return false;
	*ret = (uint16_t)n;
	return true;
}

/* "127.0.0.1:8001" */
static bool parse_target(struct slice s, struct dns_answer *ret)
{
	char address[64];
	struct slice host, port;
	uint16_t n;
	if (!slice_cut(s, ':', &host, &port) || host.n >= sizeof(address) || !parse_port(port, &n))
		return false;
	memcpy(address, host.p, host.n);
	address[host.n] = 0;
	*ret = (struct dns_answer){ .n = 1 };
	ret->at[0].v4.sin_family = AF_INET;
	dns_address_set_port(&ret->at[0], n);
	return inet_pton(AF_INET, address, &ret->at[0].v4.sin_addr) == 1;
}

bool test_hosts_find(const char *host, uint16_t port, struct dns_answer *ret)
{
	struct slice rest = slice_str(getenv("HOCKET_TEST_HOSTS"));
	while (rest.n > 0) {
		struct slice pair, from, to, name, number;
		uint16_t n;
		slice_cut(rest, ' ', &pair, &rest);
		if (!slice_cut(pair, '=', &from, &to) || !slice_cut(from, ':', &name, &number))
			continue;
		if (slice_eq_nocase(name, slice_str(host)) && parse_port(number, &n) && n == port)
			return parse_target(to, ret);
	}
	return false;
}
