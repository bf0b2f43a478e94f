/* http_request.c - tests of src/io/http/http_request.c: what may be sent, and the bytes that are */
#include "check.h"
#include "io/http/http_request.h"
#include <stdlib.h>

static struct buf head_of(const struct http_request *q, bool other_origin)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	struct url url;
	struct http_given given;
	CHECK_INT(url_parse(q->url, &url, NULL), 0);
	CHECK_INT(http_request_check(q, &given, &err), 0);
	struct http_head h = { .request = q,
			       .given = &given,
			       .url = &url,
			       .user_agent = S("test/1"),
			       .other_origin = other_origin };
	CHECK_INT(buf_reserve(&out, http_head_bound(&h)), 0);
	buf_added(&out, http_head_put(&h, out.p));
	return out;
}

static void check_head(const struct http_request *q, const char *want)
{
	AUTO(buf_done) struct buf head = head_of(q, false);
	CHECK_SLICE(buf_slice(&head), slice_str(want));
}

#define USUAL "User-Agent: test/1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"

TEST(lines_of_our_own)
{
	check_head(&(struct http_request){ .method = S("GET"), .url = S("http://h/a?b=c#d") },
		   "GET /a?b=c HTTP/1.1\r\nHost: h\r\n" USUAL "\r\n");
	check_head(&(struct http_request){ .method = S("GET"), .url = S("https://h:443?b") },
		   "GET /?b HTTP/1.1\r\nHost: h\r\n" USUAL "\r\n");
	check_head(&(struct http_request){ .method = S("OPTIONS"), .url = S("http://[::1]:81") },
		   "OPTIONS / HTTP/1.1\r\nHost: [::1]:81\r\n" USUAL "\r\n");
	check_head(
		&(struct http_request){ .method = S("GET"), .url = S("http://h:443/caf\xc3\xa9") },
		"GET /caf%C3%A9 HTTP/1.1\r\nHost: h:443\r\n" USUAL "\r\n");
}

TEST(lengths)
{
	check_head(&(struct http_request){ .method = S("POST"), .url = S("http://h/") },
		   "POST / HTTP/1.1\r\nHost: h\r\n" USUAL "Content-Length: 0\r\n\r\n");
	check_head(&(struct http_request){ .method = S("PATCH"),
					   .url = S("http://h/"),
					   .body = S("12345") },
		   "PATCH / HTTP/1.1\r\nHost: h\r\n" USUAL "Content-Length: 5\r\n\r\n");
	check_head(&(struct http_request){ .method = S("GET"),
					   .url = S("http://h/"),
					   .body = S("12345") },
		   "GET / HTTP/1.1\r\nHost: h\r\n" USUAL "Content-Length: 5\r\n\r\n");
	check_head(&(struct http_request){ .method = S("DELETE"), .url = S("http://h/") },
		   "DELETE / HTTP/1.1\r\nHost: h\r\n" USUAL "\r\n");
	struct slice parts[] = { S("123"), S(""), S("45") };
	check_head(&(struct http_request){ .method = S("PUT"),
					   .url = S("http://h/"),
					   .body_parts = parts,
					   .body_part_count = ARRAY_SIZE(parts) },
		   "PUT / HTTP/1.1\r\nHost: h\r\n" USUAL "Content-Length: 5\r\n\r\n");
}

TEST(lines_of_the_caller)
{
	struct http_header all[] = {
		{ S("host"), S("other") },
		{ S("USER-AGENT"), S("me") },
		{ S("Accept"), S("a/b") },
		{ S("X"), S("") },
		{ S("accept-encoding"), S("identity") },
		{ S("content-length"), S("2") },
	};
	check_head(&(struct http_request){ .method = S("PUT"),
					   .url = S("http://h/"),
					   .headers = all,
					   .header_count = ARRAY_SIZE(all),
					   .body = S("hi") },
		   "PUT / HTTP/1.1\r\nhost: other\r\nUSER-AGENT: me\r\nAccept: a/b\r\nX: \r\n"
		   "accept-encoding: identity\r\ncontent-length: 2\r\n\r\n");
}

TEST(userinfo_is_basic)
{
	check_head(&(struct http_request){ .method = S("GET"),
					   .url = S("http://Aladdin:open%20sesame@h/") },
		   "GET / HTTP/1.1\r\nHost: h\r\n" USUAL
		   "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
	check_head(&(struct http_request){ .method = S("GET"), .url = S("http://me@h/") },
		   "GET / HTTP/1.1\r\nHost: h\r\n" USUAL "Authorization: Basic bWU6\r\n\r\n");
	struct http_header own = { S("authorization"), S("Bearer x") };
	check_head(&(struct http_request){ .method = S("GET"),
					   .url = S("http://me:pw@h/"),
					   .headers = &own,
					   .header_count = 1 },
		   "GET / HTTP/1.1\r\nHost: h\r\n" USUAL "authorization: Bearer x\r\n\r\n");
}

TEST(another_origin_gets_no_credentials)
{
	struct http_header all[] = {
		{ S("Host"), S("first") },  { S("AUTHORIZATION"), S("Bearer 1") },
		{ S("Cookie"), S("a=b") },  { S("proxy-authorization"), S("Basic x") },
		{ S("X-Api-Key"), S("k") }, { S("Accept-Language"), S("de") }
	};
	struct http_request q = { .method = S("GET"),
				  .url = S("http://u:p@second/"),
				  .headers = all,
				  .header_count = ARRAY_SIZE(all) };
	AUTO(buf_done) struct buf head = head_of(&q, true);
	CHECK_SLICE(buf_slice(&head),
		    S("GET / HTTP/1.1\r\nHost: second\r\n" USUAL "Accept-Language: de\r\n\r\n"));
}

static void check_refused(struct http_request q, const char *says)
{
	struct http_given given;
	struct err err = { 0 };
	if (!q.method.p)
		q.method = S("GET");
	CHECK_INT(http_request_check(&q, &given, &err), -1);
	CHECK_STR(fault_name(err.fault), "bad_value");
	CHECK(strstr(err.text, says) != NULL);
}

static void check_refused_header(const char *name, struct slice value, const char *says)
{
	struct http_header h = { slice_str(name), value };
	check_refused((struct http_request){ .headers = &h, .header_count = 1, .body = S("hi") },
		      says);
}

TEST(refusals)
{
	check_refused((struct http_request){ .method = S("") }, "not an HTTP method");
	check_refused((struct http_request){ .method = S("GET / HTTP/1.1\r\nX: y") },
		      "not an HTTP method");
	check_refused((struct http_request){ .method = S("CONNECT") }, "proxies");
	check_refused_header("", S("x"), "not a header name");
	check_refused_header("X: y\r\nZ", S("x"), "not a header name");
	check_refused_header("X ", S("x"), "not a header name");
	check_refused_header("X", S("a\r\nInjected: 1"), "header X: a line break or NUL");
	check_refused_header("X", S("a\n"), "header X: a line break or NUL");
	check_refused_header("X", S("\r"), "header X: a line break or NUL");
	check_refused_header("X", (struct slice){ "a\0b", 3 }, "header X: a line break or NUL");
	check_refused_header("Content-Length", S("3"), "the body has 2 bytes");
	check_refused_header("Content-Length", S("2, 2"), "the body has 2 bytes");
	check_refused_header("transfer-encoding", S("chunked"), "Transfer-Encoding");
}

TEST(safe_methods)
{
	CHECK(http_method_is_safe(S("GET")));
	CHECK(http_method_is_safe(S("HEAD")));
	CHECK(!http_method_is_safe(S("POST")));
	CHECK(!http_method_is_safe(S("PUT")));
	CHECK(!http_method_is_safe(S("DELETE")));
	CHECK(!http_method_is_safe(S("get")));
}

static const struct test tests[] = {
	T(lines_of_our_own),
	T(lengths),
	T(lines_of_the_caller),
	T(userinfo_is_basic),
	T(another_origin_gets_no_credentials),
	T(refusals),
	T(safe_methods),
};

int main(void)
{
	return RUN_TESTS(tests);
}
