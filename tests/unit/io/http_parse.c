/* http_parse.c - tests of src/io/http/http_parse.c: a table of messages, each at every byte split */
#include "check.h"
#include "io/http/http_parse.h"
#include <errno.h>
#include <stdlib.h>

#define MAX_HEAD (256u << 10)

/* What a message is expected to give. `rest` is what must be left of the input behind it. */
struct scene {
	const char *name;
	const char *text;
	size_t n; /* 0: strlen */
	enum http_role role;
	bool no_body;
	enum http_event
		end; /* HTTP_END, HTTP_MORE (cut off) or HTTP_BAD; HTTP_DATA: END at the end of the stream */
	int status;
	const char *body, *rest, *why;
	bool close; /* no keep-alive */
};
#define OK(title, wire, code, text_of_body) \
	.name = (title), .text = (wire), .end = HTTP_END, .status = (code), .body = (text_of_body)
#define REFUSED(title, wire, reason) \
	.name = (title), .text = (wire), .end = HTTP_BAD, .why = (reason)

static const struct scene scenes[] = {
	/* framing by length */
	{ OK("length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello") },
	{ OK("length zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "") },
	{ OK("length with zeros", "HTTP/1.1 200 OK\r\nContent-Length: 0005\r\n\r\nhello", 200,
	     "hello") },
	{ OK("rest stays", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhixyz", 200, "hi"),
	  .rest = "xyz" },
	{ OK("bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\nA: b\n\nhi", 200, "hi") },
	{ OK("mixed line ends", "HTTP/1.1 200 OK\r\nContent-Length: 2\nA: b\r\n\nhi", 200, "hi") },
	{ OK("no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, "hi") },
	{ OK("empty reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", 200, "hi") },
	{ OK("odd reason", "HTTP/1.1 299 \xc3\xa9 : x\r\nContent-Length: 2\r\n\r\nhi", 299, "hi") },
	{ OK("blanks around the value", "HTTP/1.1 200 OK\r\ncontent-LENGTH:\t 2 \t\r\n\r\nhi", 200,
	     "hi") },
	{ OK("no blank before the value", "HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nhi", 200,
	     "hi") },
	{ OK("connection close",
	     "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"),
	  .close = true },
	{ OK("close in a list",
	     "HTTP/1.1 200 OK\r\nConnection: x , close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"),
	  .close = true },
	{ OK("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"),
	  .close = true },
	{ OK("HTTP/1.0 keep-alive",
	     "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", 200,
	     "hi") },
	{ OK("HTTP/1.2 is understood as 1.1", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200,
	     "hi") },
	{ .name = "body cut off",
	  .text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
	  .end = HTTP_MORE,
	  .status = 200,
	  .body = "hell" },
	/* without a body */
	{ OK("204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nHTTP", 204, ""),
	  .rest = "HTTP" },
	{ OK("304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "") },
	{ OK("304 chunked", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304,
	     "") },
	{ OK("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, ""), .no_body = true },
	{ OK("HEAD without length", "HTTP/1.1 200 OK\r\n\r\n", 200, ""), .no_body = true },
	/* until the connection closes */
	{ .name = "until close",
	  .text = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nall of it",
	  .end = HTTP_DATA,
	  .status = 200,
	  .body = "all of it",
	  .close = true },
	{ .name = "until close, empty",
	  .text = "HTTP/1.1 200 OK\r\n\r\n",
	  .end = HTTP_DATA,
	  .status = 200,
	  .body = "",
	  .close = true },
	/* chunked */
	{ OK("chunks",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nrest",
	     200, "hello!"),
	  .rest = "rest" },
	{ OK("chunks, no data", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
	     200, "") },
	{ OK("chunk sizes in both cases",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "a\r\n0123456789\r\n0B\r\n0123456789a\r\n000\r\n\r\n",
	     200, "01234567890123456789a") },
	{ OK("chunk extensions",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "2;a=b;c=\"d;e\"\r\nhi\r\n0;last\r\n\r\n",
	     200, "hi") },
	{ OK("blanks behind the size",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nhi\r\n0 ;x\r\n\r\n", 200,
	     "hi") },
	{ OK("trailers",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\nZ: "
	     "\r\n\r\n",
	     200, "hi") },
	{ OK("chunks with bare LF", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
	     200, "hi") },
	{ OK("sizes with bare LF",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\n\n", 200, "hi") },
	{ OK("chunked wins over length, not reused",
	     "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	     200, "hi"),
	  .close = true },
	{ OK("chunked in HTTP/1.0, not reused",
	     "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
	     "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	     200, "hi"),
	  .close = true },
	{ .name = "chunk cut off",
	  .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
	  .end = HTTP_MORE,
	  .status = 200,
	  .body = "hel" },
	{ .name = "last chunk missing",
	  .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
	  .end = HTTP_MORE,
	  .status = 200,
	  .body = "hi" },
	{ .name = "end of trailers missing",
	  .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
	  .end = HTTP_MORE,
	  .status = 200,
	  .body = "hi" },
	{ REFUSED("size not hexadecimal",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		  "a chunk size that is not a hexadecimal number"),
	  .status = 200 },
	{ REFUSED("size with 0x",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n",
		  "a chunk size that is not a hexadecimal number"),
	  .status = 200 },
	{ REFUSED("size negative",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n",
		  "a chunk size that is not a hexadecimal number"),
	  .status = 200 },
	{ REFUSED("size empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhi\r\n",
		  "a chunk size that is not a hexadecimal number"),
	  .status = 200 },
	{ REFUSED("size huge",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n",
		  "a chunk size beyond all measure"),
	  .status = 200 },
	{ REFUSED("chunk longer than its size",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhip\r\n",
		  "a chunk that does not end where its size says"),
	  .status = 200, .body = "hi" },
	{ REFUSED("chunk shorter than its size, by its CR",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhi\r\n0\r\n\r\n",
		  "a chunk that does not end where its size says"),
	  .status = 200, .body = "hi\r" },
	{ REFUSED("stray CR behind a size",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\rhi\r\n",
		  "a stray CR or NUL behind a chunk size"),
	  .status = 200 },
	/* interim answers */
	{ OK("100 is skipped",
	     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200,
	     "hi") },
	{ OK("103 with headers",
	     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n\r\n"
	     "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi",
	     404, "hi") },
	{ REFUSED("101 unasked", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		  "101 Switching Protocols without being asked") },
	{ .name = "cut off behind a 100",
	  .text = "HTTP/1.1 100 Continue\r\n\r\n",
	  .end = HTTP_MORE },
	/* heads that are none */
	{ .name = "head cut off", .text = "HTTP/1.1 200 OK\r\nContent-Le", .end = HTTP_MORE },
	{ .name = "nothing", .text = "", .end = HTTP_MORE },
	{ REFUSED("another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n", "the answer is not HTTP/1.1") },
	{ REFUSED("HTTP/2", "HTTP/2 200\r\n\r\n", "the answer is not HTTP/1.1") },
	{ REFUSED("HTTP/0.9", "<html>hello</html>", "the answer is not HTTP/1.1") },
	{ REFUSED("TLS alert", "\x15\x03\x01", "the answer is TLS; write https://") },
	{ REFUSED("a control character first", "\x11\x03\x01", "the answer is not HTTP/1.1") },
	{ REFUSED("empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n",
		  "the answer is not HTTP/1.1") },
	{ REFUSED("status of two digits", "HTTP/1.1 20 OK\r\n\r\n",
		  "the first line of the answer is not HTTP/1.1") },
	{ REFUSED("status of four digits", "HTTP/1.1 2000 OK\r\n\r\n",
		  "the first line of the answer is not HTTP/1.1") },
	{ REFUSED("status below 100", "HTTP/1.1 099 OK\r\n\r\n",
		  "the first line of the answer is not HTTP/1.1") },
	{ REFUSED("no blank before the status", "HTTP/1.1-200 OK\r\n\r\n",
		  "the first line of the answer is not HTTP/1.1") },
	{ REFUSED("version 1.x", "HTTP/1.x 200 OK\r\n\r\n",
		  "the first line of the answer is not HTTP/1.1") },
	{ REFUSED("CR in the reason", "HTTP/1.1 200 OK\rContent-Length: 2\r\n\r\n",
		  "a CR or NUL in the first line of the answer"),
	  .status = 200 },
	{ .name = "NUL in the reason",
	  .text = "HTTP/1.1 200 O\0K\r\n\r\n",
	  .n = 21,
	  .end = HTTP_BAD,
	  .status = 200,
	  .why = "a CR or NUL in the first line of the answer" },
	/* header lines that are none */
	{ REFUSED("folded", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		  "a header folded over two lines") },
	{ REFUSED("folded by a tab", "HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n\r\n",
		  "a header folded over two lines") },
	{ REFUSED("folded at once", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
		  "a header folded over two lines") },
	{ REFUSED("blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi",
		  "a header line without a proper name before ':'") },
	{ REFUSED("no colon", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nhi",
		  "a header line without a proper name before ':'") },
	{ REFUSED("no name", "HTTP/1.1 200 OK\r\n: x\r\n\r\nhi",
		  "a header line without a proper name before ':'") },
	{ REFUSED("bare CR in a value", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
		  "a header value with a CR or NUL inside") },
	{ REFUSED("two codings on two lines",
		  "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n",
		  "two Content-Encoding headers"),
	  .status = 200 },
	{ .name = "NUL in a value",
	  .text = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
	  .n = 27,
	  .end = HTTP_BAD,
	  .why = "a header value with a CR or NUL inside" },
	/* lengths that disagree */
	{ REFUSED("two lengths",
		  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
		  "two Content-Length headers") },
	{ REFUSED("the same length twice",
		  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
		  "two Content-Length headers") },
	{ REFUSED("a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi",
		  "the Content-Length is not a number") },
	{ REFUSED("negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
		  "the Content-Length is not a number") },
	{ REFUSED("signed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
		  "the Content-Length is not a number") },
	{ REFUSED("length with a unit", "HTTP/1.1 200 OK\r\nContent-Length: 2b\r\n\r\nhi",
		  "the Content-Length is not a number") },
	{ REFUSED("empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi",
		  "the Content-Length is not a number") },
	{ REFUSED("length of 20 digits",
		  "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nhi",
		  "the Content-Length is not a number") },
	{ REFUSED("gzip as transfer coding",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		  "a Transfer-Encoding other than chunked") },
	{ REFUSED("identity as transfer coding",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
		  "a Transfer-Encoding other than chunked") },
	{ REFUSED("chunked twice",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  "two Transfer-Encoding headers") },
	/* requests */
	{ OK("request", "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\nnext", 0, ""), .role = HTTP_REQUEST,
	  .rest = "next" },
	{ OK("request behind empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, ""),
	  .role = HTTP_REQUEST },
	{ OK("request with a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0,
	     "hi"),
	  .role = HTTP_REQUEST },
	{ OK("request with chunks",
	     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	     0, "hi"),
	  .role = HTTP_REQUEST },
	{ OK("request of 1.0", "GET / HTTP/1.0\r\n\r\n", 0, ""), .role = HTTP_REQUEST,
	  .close = true },
	{ REFUSED("request without Host", "GET / HTTP/1.1\r\n\r\n", "not exactly one Host header"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
		  "not exactly one Host header"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with length and chunks",
		  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  "a Transfer-Encoding beside a Content-Length or in HTTP/1.0"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with chunks in 1.0",
		  "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "a Transfer-Encoding beside a Content-Length or in HTTP/1.0"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with bare LF chunks",
		  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n",
		  "a chunk size without CR LF"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request without a version", "GET /\r\n\r\n",
		  "the first line is not METHOD target HTTP/1.1"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with two blanks", "GET  / HTTP/1.1\r\n\r\n",
		  "the first line is not METHOD target HTTP/1.1"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with a tab in its target", "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n",
		  "a control character in the target"),
	  .role = HTTP_REQUEST },
	{ REFUSED("request with a fragment", "GET http://h/p?q=1#f HTTP/1.1\r\nHost: h\r\n\r\n",
		  "a '#' in the target"),
	  .role = HTTP_REQUEST },
	{ REFUSED("TLS to a plain port", "\x16\x03\x01\x02", "this is not an HTTP request"),
	  .role = HTTP_REQUEST },
};

struct got {
	enum http_event end;
	struct buf body;
	size_t left;
	bool heads;
};

/* Runs the pushes [0, cut) and [cut, n) - or single bytes when cut is SIZE_MAX. */
static void run(struct http_parse *p, struct slice text, size_t cut, struct got *got)
{
	size_t at = 0;
	enum http_event e = HTTP_MORE;
	*got = (struct got){ 0 };
	while (e == HTTP_MORE && at < text.n) {
		size_t to = cut == SIZE_MAX ? at + 1 : at < cut ? cut : text.n;
		/* A copy of its own, so that a sanitizer sees every byte read beyond it. */
		char *push = malloc(to - at);
		memcpy(push, text.p + at, to - at);
		struct slice in = { push, to - at }, piece;
		do {
			e = http_parse_next(p, &in, &piece);
			got->heads |= e == HTTP_HEAD;
			if (e == HTTP_DATA)
				CHECK_INT(buf_add(&got->body, piece), 0);
		} while (e == HTTP_HEAD || e == HTTP_DATA);
		at = to - in.n;
		free(push);
	}
	got->end = e;
	got->left = text.n - at;
}

static void check_scene(const struct scene *s, size_t cut)
{
	AUTO(http_parse_done) struct http_parse p;
	struct slice text = { s->text, s->n ? s->n : strlen(s->text) };
	struct got got;
	int before = test_failures_;
	http_parse_init(&p, s->role, MAX_HEAD);
	http_parse_start(&p, s->no_body);
	run(&p, text, cut, &got);
	if (s->end == HTTP_DATA) {
		CHECK_INT(got.end, HTTP_MORE);
		CHECK_INT(http_parse_eof(&p), HTTP_END);
	} else {
		CHECK_INT(got.end, s->end);
		CHECK_INT(http_parse_eof(&p), s->end);
	}
	if (s->status || s->end == HTTP_END)
		CHECK_INT(p.status, s->status);
	CHECK_SLICE(buf_slice(&got.body), slice_str(s->body));
	if (s->end == HTTP_END) {
		CHECK_SLICE(slice_from(text, text.n - got.left), slice_str(s->rest));
		CHECK_INT(p.keep_alive, !s->close);
	}
	if (s->end == HTTP_BAD)
		CHECK_STR(p.why, s->why);
	if (test_failures_ > before)
		printf("# ... in '%s' cut at %zu\n", s->name, cut);
	buf_done(&got.body);
}

TEST(every_scene_at_every_split)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		size_t n = scenes[i].n ? scenes[i].n : strlen(scenes[i].text);
		for (size_t cut = 0; cut <= n; cut++)
			check_scene(&scenes[i], cut);
		check_scene(&scenes[i], SIZE_MAX);
	}
}

TEST(headers_come_as_written)
{
	AUTO(http_parse_done) struct http_parse p;
	struct slice piece,
		in = S("HTTP/1.1 200 OK\r\nX-One:  a b \r\nx-TWO:\r\nContent-Encoding: gzip\r\n"
		       "Content-Length: 0\r\n\r\n");
	http_parse_init(&p, HTTP_ANSWER, MAX_HEAD);
	http_parse_start(&p, false);
	CHECK(http_parse_untouched(&p));
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_HEAD);
	CHECK(!http_parse_untouched(&p));
	CHECK_INT(p.header_count, 4);
	CHECK_SLICE(p.headers[0].name, S("X-One"));
	CHECK_SLICE(p.headers[0].value, S("a b"));
	CHECK_SLICE(p.headers[1].name, S("x-TWO"));
	CHECK_SLICE(p.headers[1].value, S(""));
	CHECK_SLICE(p.content_encoding, S("gzip"));
	/* The block outlives the parser. */
	struct http_header *headers = p.headers;
	char *block = http_parse_take_block(&p);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_END);
	http_parse_start(&p, false);
	CHECK_SLICE(headers[2].value, S("gzip"));
	free(block);
}

TEST(messages_follow_each_other)
{
	AUTO(http_parse_done) struct http_parse p;
	struct slice piece, in = S("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: "
				   "h\r\nA: b\r\n\r\n");
	http_parse_init(&p, HTTP_REQUEST, MAX_HEAD);
	http_parse_start(&p, false);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_HEAD);
	CHECK_SLICE(p.target, S("/1"));
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_END);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_END);
	http_parse_start(&p, false);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_HEAD);
	CHECK_SLICE(p.target, S("/2"));
	CHECK_SLICE(p.method, S("GET"));
	CHECK_INT(p.header_count, 2);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_END);
	CHECK_INT(in.n, 0);
}

static enum http_event push(struct http_parse *p, const char *text)
{
	struct slice piece, in = slice_str(text);
	enum http_event e;
	do
		e = http_parse_next(p, &in, &piece);
	while (e == HTTP_HEAD || e == HTTP_DATA);
	return e;
}

/* Pushes the line until the machine stops; what it said. */
static enum http_event flood(struct http_parse *p, const char *first, const char *line,
			     size_t times)
{
	enum http_event e = push(p, first);
	while (times-- > 0 && e == HTTP_MORE)
		e = push(p, line);
	return e;
}

static void check_flood(const char *first, const char *line, size_t times, int error,
			const char *why)
{
	AUTO(http_parse_done) struct http_parse p;
	http_parse_init(&p, HTTP_ANSWER, MAX_HEAD);
	http_parse_start(&p, false);
	CHECK_INT(flood(&p, first, line, times), why ? HTTP_BAD : HTTP_MORE);
	CHECK_INT(p.error, error);
	if (why)
		CHECK_STR(p.why, why);
}

TEST(ceilings)
{
	char kilobyte[1024];
	memset(kilobyte, 'x', sizeof(kilobyte));
	memcpy(kilobyte, "A: ", 3);
	memcpy(kilobyte + 1021, "\r\n", 3);
	const char *first = "HTTP/1.1 200 OK\r\n";
	check_flood(first, kilobyte, 200, 0, NULL);
	check_flood(first, kilobyte, 300, -EMSGSIZE, "the headers are larger than allowed");
	check_flood(first, "x", 300 << 10, -EMSGSIZE, "the headers are larger than allowed");
	check_flood(first, "a:\n", 4095, 0, NULL);
	check_flood(first, "a:\n", 4097, -EMSGSIZE, "more than 4,096 header lines");
	check_flood("", "HTTP/1.1 100 C\r\n\r\n", 32, 0, NULL);
	check_flood("", "HTTP/1.1 100 C\r\n\r\n", 33, -EBADMSG,
		    "more than 32 interim (1xx) answers");
	const char *chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	check_flood(chunked, "1\r\nx\r\n", 100000, 0, NULL);
	check_flood(chunked, "1;xxxxxxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n", 100000, -EMSGSIZE,
		    "chunk sizes and extensions far larger than the body");
	check_flood(chunked, "00000000", 100000, -EMSGSIZE,
		    "chunk sizes and extensions far larger than the body");
	check_flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", kilobyte, 300,
		    -EMSGSIZE, "the trailers are larger than allowed");
}

TEST(direct_reads_are_counted)
{
	AUTO(http_parse_done) struct http_parse p;
	struct slice piece, in = S("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	http_parse_init(&p, HTTP_ANSWER, MAX_HEAD);
	http_parse_start(&p, false);
	CHECK_INT(http_parse_direct(&p), 0);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_HEAD);
	CHECK_INT(http_parse_direct(&p), 10);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_DATA);
	CHECK_INT(http_parse_direct(&p), 7);
	http_parse_took(&p, 6);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_MORE);
	CHECK_INT(http_parse_direct(&p), 1);
	http_parse_took(&p, 1);
	CHECK_INT(http_parse_direct(&p), 0);
	CHECK_INT(http_parse_next(&p, &in, &piece), HTTP_END);
	CHECK_INT(p.body_bytes, 10);
}

TEST(words)
{
	CHECK(http_is_token(S("X-Header_1!#$%&'*+.^`|~")));
	CHECK(!http_is_token(S("")));
	CHECK(!http_is_token(S("a b")));
	CHECK(!http_is_token(S("a:")));
	CHECK(!http_is_token(S("\xc3\xa9")));
	CHECK(http_is_value(S("any thing\t\xc3\xa9\x01")));
	CHECK(!http_is_value(S("a\r")));
	CHECK(!http_is_value(S("a\nb")));
	CHECK(!http_is_value((struct slice){ "a\0b", 3 }));
}

static const struct test tests[] = {
	T(every_scene_at_every_split), T(headers_come_as_written),
	T(messages_follow_each_other), T(ceilings),
	T(direct_reads_are_counted),   T(words),
};

int main(void)
{
	return RUN_TESTS(tests);
}
