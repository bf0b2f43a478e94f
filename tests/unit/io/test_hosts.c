/* test_hosts.c - tests of src/io/test_hosts.c, compiled in here whatever the build is */
#include "check.h"
#include "io/test_hosts.h"
#include <arpa/inet.h>
#include <stdlib.h>

static void check_found(const char *host, uint16_t port, const char *address, uint16_t to)
{
	struct dns_answer a;
	char text[64];
	CHECK(test_hosts_find(host, port, &a));
	CHECK_INT(a.n, 1);
	CHECK_STR(dns_address_text(&a.at[0], text), address);
	CHECK_INT(ntohs(a.at[0].v4.sin_port), to);
}

TEST(pairs)
{
	struct dns_answer a;
	setenv("HOCKET_TEST_HOSTS",
	       "api.example.com:443=127.0.0.1:8001 b.example:80=127.0.0.2:8002", 1);
	check_found("api.example.com", 443, "127.0.0.1", 8001);
	check_found("b.example", 80, "127.0.0.2", 8002);
	CHECK(!test_hosts_find("api.example.com", 80, &a));
	CHECK(!test_hosts_find("c.example", 80, &a));
}

TEST(nothing_said)
{
	struct dns_answer a;
	unsetenv("HOCKET_TEST_HOSTS");
	CHECK(!test_hosts_find("api.example.com", 443, &a));
}

TEST(what_makes_no_sense_is_skipped)
{
	struct dns_answer a;
	setenv("HOCKET_TEST_HOSTS",
	       " junk x= =y a:b=c x:1=host:80 y:2=127.0.0.1:0 z:3=127.0.0.1 ok:80=127.0.0.1:9", 1);
	CHECK(!test_hosts_find("x", 1, &a));
	CHECK(!test_hosts_find("y", 2, &a));
	CHECK(!test_hosts_find("z", 3, &a));
	check_found("ok", 80, "127.0.0.1", 9);
}

static const struct test tests[] = {
	T(pairs),
	T(nothing_said),
	T(what_makes_no_sense_is_skipped),
};

int main(void)
{
	return RUN_TESTS(tests);
}
