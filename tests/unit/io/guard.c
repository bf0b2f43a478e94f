/* guard.c - tests of src/io/guard.c: the words of `allow`, and what they let through */
#include "io/guard.h"
#include "check.h"
#include <errno.h>

static struct http_guard *guard_of(const char *words)
{
	struct http_guard *g = http_guard_new();
	struct slice rest = slice_str(words), word;
	while (rest.n > 0) {
		slice_cut(rest, ' ', &word, &rest);
		CHECK_INT(http_guard_word_check(word), 0);
		CHECK_INT(http_guard_allow(g, word), 0);
	}
	return g;
}

static void check_address(const char *words, const char *address, bool want)
{
	union dns_address a;
	struct http_guard *g = guard_of(words);
	CHECK(dns_address_parse(slice_str(address), &a));
	CHECK_INT(http_guard_admits(g, &a), want);
	if (http_guard_admits(g, &a) != want)
		printf("# ... allow: [%s], %s\n", words, address);
	http_guard_free(g);
}

TEST(addresses)
{
	check_address("", "8.8.8.8", true);
	check_address("", "127.0.0.1", false);
	check_address("", "10.0.0.1", false);
	check_address("", "169.254.169.254", false);
	check_address("", "::ffff:10.0.0.1", false);
	check_address("loopback", "127.0.0.1", true);
	check_address("loopback", "::1", true);
	check_address("loopback", "10.0.0.1", false);
	check_address("private", "10.0.0.1", true);
	check_address("private", "fd00::1", true);
	check_address("private", "127.0.0.1", false);
	check_address("loopback private", "169.254.169.254", false);
	check_address("169.254.169.254", "169.254.169.254", true);
	check_address("10.1.0.0/16", "10.1.2.3", true);
	check_address("10.1.0.0/16", "10.2.2.3", false);
	check_address("fe80::/10 ::1", "::1", true);
	check_address("127.0.0.1:80", "127.0.0.1", false); /* a door is by name and port */
}

static void check_known(const char *words, const char *origin, const char *text, bool want)
{
	struct url u;
	const char *why;
	struct http_guard *g = guard_of(words);
	if (origin)
		http_guard_trust(g, slice_str(origin));
	CHECK_INT(url_parse(slice_str(text), &u, &why), 0);
	CHECK_INT(http_guard_knows(g, &u), want);
	if (http_guard_knows(g, &u) != want)
		printf("# ... allow: [%s], %s\n", words, text);
	http_guard_free(g);
}

TEST(names)
{
	check_known("", NULL, "http://a.example/", false);
	check_known("a.example:80", NULL, "http://A.example/", true);
	check_known("a.example:80", NULL, "https://a.example/", false);
	check_known("a.example:443", NULL, "https://a.example/x", true);
	check_known("a.example:443", NULL, "https://b.a.example/x", false);
	check_known("[::1]:8080", NULL, "http://[::1]:8080/", true);
	check_known("[::1]:8080", NULL, "http://[::1]/", false);
	check_known("", "https://a.example", "https://a.example:443/x", true);
	check_known("", "https://a.example", "http://a.example/x", false);
	check_known("", "https://a.example:8443", "https://a.example/x", false);
}

TEST(words_that_are_none)
{
	static const char *const words[] = { "",
					     "loopbak",
					     "all",
					     "a.example",
					     "a.example:",
					     "a.example:0",
					     "a:b",
					     ":80",
					     "10.0.0.0/33",
					     "a.example/x",
					     "me@host:1",
					     "http://a:1",
					     "[::1]",
					     "a.example:99999" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		bool address = strcmp(words[i], "[::1]") == 0; /* which is a range of one */
		CHECK_INT(http_guard_word_check(slice_str(words[i])), address ? 0 : -EINVAL);
		if (http_guard_word_check(slice_str(words[i])) != (address ? 0 : -EINVAL))
			printf("# ... '%s'\n", words[i]);
	}
}

TEST(unseen_behind_a_proxy)
{
	struct http_guard *g = guard_of("private");
	CHECK(http_guard_admits_unseen(g, S("a.example")));
	CHECK(http_guard_admits_unseen(g, S("8.8.8.8")));
	CHECK(http_guard_admits_unseen(g, S("10.0.0.1")));
	CHECK(http_guard_admits_unseen(g, S("1and1.example")));
	CHECK(!http_guard_admits_unseen(g, S("127.0.0.1")));
	CHECK(!http_guard_admits_unseen(g, S("127.1")));
	CHECK(!http_guard_admits_unseen(g, S("2130706433")));
	CHECK(!http_guard_admits_unseen(g, S("0x7f000001")));
	CHECK(!http_guard_admits_unseen(g, S("0x7f.1.")));
	CHECK(!http_guard_admits_unseen(g, S("::1")));
	http_guard_free(g);
}

static const struct test tests[] = {
	T(addresses),
	T(names),
	T(words_that_are_none),
	T(unseen_behind_a_proxy),
};

int main(void)
{
	return RUN_TESTS(tests);
}
