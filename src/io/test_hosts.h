/* test_hosts.h - test builds only (meson -Dtest_hosts=true): host names that lead to local ports
 *
 * HOCKET_TEST_HOSTS="api.example.com:443=127.0.0.1:8001 ..." makes connections to these names go there; https is spoken
 * as plain http, so that examples run as they are written. In other builds nothing of this is compiled in. */
#pragma once
#include "io/dns.h"

#ifdef HK_TEST_HOSTS
bool test_hosts_find(const char *host, uint16_t port, struct dns_answer *ret); /* with the port */
#else
static inline bool test_hosts_find(const char *host, uint16_t port, struct dns_answer *ret)
{
	(void)host, (void)port, (void)ret;
	return false;
}
#endif
