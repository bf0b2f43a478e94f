/* url.c - tests of src/io/url.c: parts, refusals, RFC 3986 section 5.4, what messages show */
#include "check.h"
#include "io/url.h"
#include <errno.h>
#include <stdlib.h>

struct good {
	const char *text;
	bool tls;
	const char *host;
	uint16_t port;
	const char *target, *userinfo;
};
static const struct good goods[] = {
	{ "http://example.com", false, "example.com", 80, "/", "" },
	{ "https://example.com", true, "example.com", 443, "/", "" },
	{ "HTTPS://Example.COM/A", true, "Example.COM", 443, "/A", "" },
	{ "http://example.com:8080/a/b?c=d&e#f", false, "example.com", 8080, "/a/b?c=d&e", "" },
	{ "http://example.com?x=1", false, "example.com", 80, "?x=1", "" },
	{ "http://example.com#top", false, "example.com", 80, "/", "" },
	{ "http://example.com/?", false, "example.com", 80, "/?", "" },
	{ "http://example.com:/p", false, "example.com", 80, "/p", "" },
	{ "http://user:pa%40ss@example.com/", false, "example.com", 80, "/", "user:pa%40ss" },
	{ "http://[::1]:81/x", false, "::1", 81, "/x", "" },
	{ "https://[2001:db8::1]", true, "2001:db8::1", 443, "/", "" },
	{ "http://127.0.0.1:65535/", false, "127.0.0.1", 65535, "/", "" },
	{ "http://a_b-c.local/caf\xc3\xa9", false, "a_b-c.local", 80, "/caf\xc3\xa9", "" },
	{ "http://h/p@q:r//s", false, "h", 80, "/p@q:r//s", "" },
};

TEST(parts)
{
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		const struct good *g = &goods[i];
		struct url u;
		const char *why = "";
		CHECK_INT(url_parse(slice_str(g->text), &u, &why), 0);
		CHECK_STR(why, "");
		CHECK_INT(u.tls, g->tls);
		CHECK_SLICE(u.host, slice_str(g->host));
		CHECK_INT(u.port, g->port);
		CHECK_SLICE(u.target, slice_str(g->target));
		CHECK_SLICE(u.userinfo, slice_str(g->userinfo));
	}
}

static const struct {
	const char *text, *why;
} bads[] = {
	{ "", "no scheme; write http:// or https://" },
	{ "example.com/x", "no scheme; write http:// or https://" },
	{ "//example.com/x", "no scheme; write http:// or https://" },
	{ "http:/example.com", "no scheme; write http:// or https://" },
	{ "ftp://example.com/", "only http:// and https:// are spoken" },
	{ "http:///x", "no host" },
	{ "http://:80/x", "no host" },
	{ "http://user@/x", "no host" },
	{ "http://exa mple.com/", "a blank in the URL; write it as %20" },
	{ "http://example.com/a b", "a blank in the URL; write it as %20" },
	{ "http://example.com/a\r\nX: y", "a control character in the URL" },
	{ "http://example.com/\x7f", "a control character in the URL" },
	{ "http://example.com:0/", "port 0 cannot be connected to" },
	{ "http://example.com:65536/", "the port is above 65535" },
	{ "http://example.com:99999999999999999999/", "the port is above 65535" },
	{ "http://example.com:8o/", "the port is not a number" },
	{ "http://example.com:-1/", "the port is not a number" },
	{ "http://a@b@c/", "more than one '@' before the host; write it as %40" },
	{ "http://[::1/", "'[' without ']'" },
	{ "http://[::1]x/", "only a port may follow ']'" },
	{ "http://[example.com]/", "only an IPv6 address stands in brackets" },
	{ "http://[fe80::1%25eth0]/", "a character that no host name has" },
	{ "http://ex\\ample.com/", "a character that no host name has" },
	{ "http://ex%61mple.com/", "a character that no host name has" },
	{ "http://caf\xc3\xa9.example/", "host names beyond ASCII are written in their xn-- form" },
};

TEST(refusals)
{
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		struct url u;
		const char *why = "";
		CHECK_INT(url_parse(slice_str(bads[i].text), &u, &why), -EINVAL);
		CHECK_STR(why, bads[i].why);
		CHECK_INT(url_parse(slice_str(bads[i].text), &u, NULL), -EINVAL);
	}
	char nul[] = "http://h/a\0b";
	struct url u;
	CHECK_INT(url_parse((struct slice){ nul, sizeof(nul) - 1 }, &u, NULL), -EINVAL);
	char host[300] = "http://";
	memset(host + 7, 'a', 256);
	CHECK_INT(url_parse(slice_str(host), &u, NULL), -EINVAL);
}

static const struct {
	const char *reference, *want;
} rfc3986_5_4[] = {
	/* 5.4.1, normal */
	{ "g:h", "g:h" },
	{ "g", "http://a/b/c/g" },
	{ "./g", "http://a/b/c/g" },
	{ "g/", "http://a/b/c/g/" },
	{ "/g", "http://a/g" },
	{ "//g", "http://g" },
	{ "?y", "http://a/b/c/d;p?y" },
	{ "g?y", "http://a/b/c/g?y" },
	{ "#s", "http://a/b/c/d;p?q#s" },
	{ "g#s", "http://a/b/c/g#s" },
	{ "g?y#s", "http://a/b/c/g?y#s" },
	{ ";x", "http://a/b/c/;x" },
	{ "g;x", "http://a/b/c/g;x" },
	{ "g;x?y#s", "http://a/b/c/g;x?y#s" },
	{ "", "http://a/b/c/d;p?q" },
	{ ".", "http://a/b/c/" },
	{ "./", "http://a/b/c/" },
	{ "..", "http://a/b/" },
	{ "../", "http://a/b/" },
	{ "../g", "http://a/b/g" },
	{ "../..", "http://a/" },
	{ "../../", "http://a/" },
	{ "../../g", "http://a/g" },
	/* 5.4.2, abnormal */
	{ "../../../g", "http://a/g" },
	{ "../../../../g", "http://a/g" },
	{ "/./g", "http://a/g" },
	{ "/../g", "http://a/g" },
	{ "g.", "http://a/b/c/g." },
	{ ".g", "http://a/b/c/.g" },
	{ "g..", "http://a/b/c/g.." },
	{ "..g", "http://a/b/c/..g" },
	{ "./../g", "http://a/b/g" },
	{ "./g/.", "http://a/b/c/g/" },
	{ "g/./h", "http://a/b/c/g/h" },
	{ "g/../h", "http://a/b/c/h" },
	{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/./x", "http://a/b/c/g?y/./x" },
	{ "g?y/../x", "http://a/b/c/g?y/../x" },
	{ "g#s/./x", "http://a/b/c/g#s/./x" },
	{ "g#s/../x", "http://a/b/c/g#s/../x" },
	{ "http:g", "http:g" },
};

static void check_resolve(const char *base, const char *reference, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(buf_add(&out, S("before:")), 0); /* it appends */
	CHECK_INT(url_resolve(slice_str(base), slice_str(reference), &out), 0);
	CHECK_SLICE(slice_from(buf_slice(&out), 7), slice_str(want));
}

TEST(references)
{
	for (size_t i = 0; i < ARRAY_SIZE(rfc3986_5_4); i++)
		check_resolve("http://a/b/c/d;p?q", rfc3986_5_4[i].reference, rfc3986_5_4[i].want);
	check_resolve("http://a", "g", "http://a/g");
	check_resolve("http://a", "?x", "http://a?x");
	check_resolve("http://a", "../g", "http://a/g");
	check_resolve("https://h:444/x?y=/z", "next", "https://h:444/next");
	check_resolve("http://u:p@h/x", "/y", "http://u:p@h/y");
}

TEST(a_reference_too_long_is_refused)
{
	AUTO(buf_done) struct buf out = { .max = 10 };
	CHECK_INT(url_resolve(S("http://a/"), S("bcdefghijk"), &out), -EMSGSIZE);
}

static void check_origin(const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct url u;
	CHECK_INT(url_parse(slice_str(text), &u, NULL), 0);
	CHECK_INT(url_put_origin(&u, &out), 0);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

TEST(origins)
{
	check_origin("HTTP://EXAMPLE.com:80/x", "http://example.com");
	check_origin("http://example.com:443/x", "http://example.com:443");
	check_origin("https://u:p@Example.com:443/x", "https://example.com");
	check_origin("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443");
}

TEST(segments)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(url_put_segment(S("a b/c?d&e=\xc3\xa9~-._%Z9"), &out), 0);
	CHECK_SLICE(buf_slice(&out), S("a%20b%2Fc%3Fd%26e%3D%C3%A9~-._%25Z9"));
	buf_clear(&out);
	CHECK_INT(url_put_segment((struct slice){ "\0\xff", 2 }, &out), 0);
	CHECK_SLICE(buf_slice(&out), S("%00%FF"));
}

static void check_shown(const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(url_put_shown(slice_str(text), &out), 0);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

TEST(shown_without_userinfo)
{
	check_shown("https://user:secret@h:1/p?q#f", "https://h:1/p?q#f");
	check_shown("https://a:secret@b:secret@h/p", "https://h/p");
	check_shown("https://h/p@q", "https://h/p@q");
	check_shown("not a url@all", "not a url@all");
	check_shown("", "");
}

static const struct test tests[] = {
	T(parts),
	T(refusals),
	T(references),
	T(a_reference_too_long_is_refused),
	T(origins),
	T(segments),
	T(shown_without_userinfo),
};

int main(void)
{
	return RUN_TESTS(tests);
}
