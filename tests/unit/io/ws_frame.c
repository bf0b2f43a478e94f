/* ws_frame.c - tests of src/io/ws/ws_frame.c and ws_handshake.c: the cases of the Autobahn suite, sections 1 to 7, as bytes
 *
 * Each row is what a peer sends and what must come of it, whole, byte by byte and cut at every place. */
#include "io/ws/ws_frame.h"
#include "base/rand.h"
#include "check.h"
#include "io/ws/ws_handshake.h"

/* What comes out, as text: "T(hello) P() C(1000,bye) B!" - messages, pings, pongs, closes, refusals. */
static void say(struct ws_parse *p, enum ws_event e, struct buf *out)
{
	static const char letters[] = { [WS_CLOSE] = 'C', [WS_PING] = 'P', [WS_PONG] = 'p' };
	int r = 0;
	if (e == WS_BAD)
		r = buf_printf(out, "!%u", p->code);
	else if (e == WS_MESSAGE && p->bytes > p->data.n)
		r = buf_printf(out, "%c(%.*s...%llu)", p->text ? 'T' : 'B', SLICE(p->data),
			       (unsigned long long)p->bytes);
	else if (e == WS_MESSAGE)
		r = buf_printf(out, "%c(%.*s)", p->text ? 'T' : 'B', SLICE(p->data));
	else if (p->opcode == WS_CLOSE && p->data.n >= 2)
		r = buf_printf(out, "C(%u,%.*s)",
			       (unsigned)(unsigned char)p->data.p[0] << 8 |
				       (unsigned char)p->data.p[1],
			       SLICE(slice_from(p->data, 2)));
	else
		r = buf_printf(out, "%c(%.*s)", letters[p->opcode], SLICE(p->data));
	CHECK_INT(r, 0);
}

static void feed(struct ws_parse *p, struct slice in, struct buf *out)
{
	while (in.n > 0) {
		enum ws_event e = ws_parse_next(p, &in);
		if (e == WS_MORE) {
			CHECK_INT(in.n, 0);
			return;
		}
		say(p, e, out);
		if (e == WS_BAD)
			return;
	}
}

enum { MAX = 200 };

static void expect(const char *name, struct slice bytes, const char *want, bool server, bool cuts)
{
	for (size_t first = 0; first <= bytes.n; first++) {
		AUTO(ws_parse_done) struct ws_parse p;
		AUTO(buf_done) struct buf out = { 0 };
		ws_parse_init(&p, server, MAX, cuts);
		if (first == 0)
			for (size_t i = 0; i < bytes.n; i++)
				feed(&p, slice_head(slice_from(bytes, i), 1), &out);
		feed(&p, slice_head(bytes, first), &out);
		if (first > 0 && !p.why)
			feed(&p, slice_from(bytes, first), &out);
		if (first == 0 && strchr(want, '!')) /* said again with each push */
			buf_truncate(&out, strlen(want) < out.n ? strlen(want) : out.n);
		struct slice got = buf_slice(&out);
		if (!slice_eq_str(got, want))
			test_failures_++, printf("# %s, cut at %zu: [%.*s], not [%s]\n", name,
						 first, SLICE(got), want);
	}
}

struct row {
	const char *name;
	struct slice bytes;
	const char *want;
};
#define ROW(name_, bytes_, want_)                            \
	{                                                    \
		name_, { bytes_, sizeof(bytes_) - 1 }, want_ \
	}

static const struct row rows[] = {
	ROW("empty text", "\x81\x00", "T()"),
	ROW("text", "\x81\x05hello", "T(hello)"),
	ROW("binary", "\x82\x03\xfe\x01\xff", "B(\xfe\x01\xff)"),
	ROW("two",
	    "\x81\x01"
	    "a\x81\x01"
	    "b",
	    "T(a)T(b)"),
	ROW("ping", "\x89\x00", "P()"),
	ROW("ping with text", "\x89\x02hi", "P(hi)"),
	ROW("pong nobody asked for", "\x8a\x02hi", "p(hi)"),
	ROW("ping of 126 bytes", "\x89\x7e\x00\x7e", "!1002"),
	ROW("ping in pieces", "\x09\x00", "!1002"),
	ROW("rsv 1", "\xc1\x00", "!1002"),
	ROW("rsv 2", "\xa1\x00", "!1002"),
	ROW("rsv 3 behind a good one",
	    "\x81\x01"
	    "a\x91\x00",
	    "T(a)!1002"),
	ROW("opcode 3", "\x83\x00", "!1002"),
	ROW("opcode 7", "\x87\x00", "!1002"),
	ROW("opcode 11", "\x8b\x00", "!1002"),
	ROW("opcode 15", "\x8f\x00", "!1002"),
	ROW("two fragments",
	    "\x01\x02"
	    "ab\x80\x01"
	    "c",
	    "T(abc)"),
	ROW("empty fragments", "\x01\x00\x00\x00\x80\x00", "T()"),
	ROW("a ping between",
	    "\x01\x01"
	    "a\x89\x01x\x80\x01"
	    "b",
	    "P(x)T(ab)"),
	ROW("ten pings between",
	    "\x01\x01"
	    "a\x89\x00\x89\x00\x00\x01"
	    "b\x8a\x00\x80\x01"
	    "c",
	    "P()P()p()T(abc)"),
	ROW("continuation of nothing",
	    "\x80\x01"
	    "a",
	    "!1002"),
	ROW("continuation behind a whole one",
	    "\x81\x01"
	    "a\x80\x01"
	    "b",
	    "T(a)!1002"),
	ROW("a text in a text",
	    "\x01\x01"
	    "a\x81\x01"
	    "b",
	    "!1002"),
	ROW("utf-8", "\x81\x05\xce\xba\xe1\xbd\xb9", "T(\xce\xba\xe1\xbd\xb9)"),
	ROW("utf-8 cut by frames", "\x01\x01\xce\x80\x04\xba\xe1\xbd\xb9",
	    "T(\xce\xba\xe1\xbd\xb9)"),
	ROW("no utf-8", "\x81\x02\xce\x20", "!1007"),
	ROW("surrogate", "\x81\x03\xed\xa0\x80", "!1007"),
	ROW("overlong", "\x81\x02\xc0\xaf", "!1007"),
	ROW("above U+10FFFF", "\x81\x04\xf4\x90\x80\x80", "!1007"),
	ROW("ends inside a character", "\x01\x01\xce\x80\x00", "!1007"),
	ROW("binary is no text", "\x82\x02\xc0\xaf", "B(\xc0\xaf)"),
	ROW("close", "\x88\x00", "C()"),
	ROW("close with a code", "\x88\x02\x03\xe8", "C(1000,)"),
	ROW("close with a reason",
	    "\x88\x05\x03\xe9"
	    "bye",
	    "C(1001,bye)"),
	ROW("close of one byte", "\x88\x01\x03", "!1002"),
	ROW("close 0", "\x88\x02\x00\x00", "!1002"),
	ROW("close 999", "\x88\x02\x03\xe7", "!1002"),
	ROW("close 1004", "\x88\x02\x03\xec", "!1002"),
	ROW("close 1005", "\x88\x02\x03\xed", "!1002"),
	ROW("close 1006", "\x88\x02\x03\xee", "!1002"),
	ROW("close 1011", "\x88\x02\x03\xf3", "C(1011,)"),
	ROW("close 1014", "\x88\x02\x03\xf6", "C(1014,)"),
	ROW("close 1016", "\x88\x02\x03\xf8", "!1002"),
	ROW("close 2999", "\x88\x02\x0b\xb7", "!1002"),
	ROW("close 3000", "\x88\x02\x0b\xb8", "C(3000,)"),
	ROW("close 4999", "\x88\x02\x13\x87", "C(4999,)"),
	ROW("close 5000", "\x88\x02\x13\x88", "!1002"),
	ROW("close without utf-8", "\x88\x03\x03\xe8\xff", "!1007"),
	ROW("masked by a server",
	    "\x81\x81\x01\x02\x03\x04"
	    "a",
	    "!1002"),
	ROW("a length that begins with 1", "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01", "!1002"),
	ROW("too large, as it says", "\x82\x7e\x00\xc9", "!1009"),
	ROW("too large at last", "\x02\x00\x80\x7e\x00\xc9", "!1009"),
	ROW("a length of 7 bits in 16", "\x82\x7e\x00\x7d", "!1002"),
	ROW("a length of 16 bits in 64", "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "!1002"),
	ROW("larger than all memory", "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "!1009"),
	ROW("fragments whose sum is larger than a number",
	    "\x02\x01"
	    "a\x00\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
	    "!1009"),
};

TEST(frames_of_a_server)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(rows[i].name, rows[i].bytes, rows[i].want, false, false);
}

static const struct row masked_rows[] = {
	ROW("RFC 6455 5.7", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "T(Hello)"),
	ROW("two fragments, their own masks",
	    "\x01\x81\x01\x00\x00\x00\x60\x80\x82\x00\x00\x00\x00"
	    "bc",
	    "T(abc)"),
	ROW("ping", "\x89\x83\x20\x20\x20\x20\x41\x42\x43", "P(abc)"),
	ROW("close 0", "\x88\x82\x03\xe8\x00\x00\x03\xe8", "!1002"),
	ROW("close 1000", "\x88\x82\x00\x00\x00\x00\x03\xe8", "C(1000,)"),
	ROW("without a mask",
	    "\x81\x01"
	    "a",
	    "!1002"),
};

TEST(frames_of_a_client)
{
	for (size_t i = 0; i < ARRAY_SIZE(masked_rows); i++)
		expect(masked_rows[i].name, masked_rows[i].bytes, masked_rows[i].want, true, false);
}

/* A message above the limit is counted and dropped as it comes; what is behind it is read. */
TEST(large_messages_are_cut)
{
	AUTO(buf_done) struct buf in = { 0 }, want = { 0 };
	char head[WS_HEAD_MAX], text[MAX + 100];
	memset(text, 'x', sizeof(text));
	size_t n = ws_head_put(head, WS_TEXT, sizeof(text), NULL);
	CHECK_INT(n, 4);
	CHECK_INT(buf_add(&in, (struct slice){ head, n }), 0);
	CHECK_INT(buf_add(&in, (struct slice){ text, sizeof(text) }), 0);
	CHECK_INT(buf_add(&in, S("\x81\x01y")), 0);
	CHECK_INT(buf_printf(&want, "T(%.*s...%zu)T(y)", MAX, text, sizeof(text)), 0);
	expect("cut", buf_slice(&in), want.p, false, true);
	/* so is one of fragments that are each small, and it holds no more than the limit */
	buf_clear(&in);
	AUTO(ws_parse_done) struct ws_parse p;
	ws_parse_init(&p, false, MAX, true);
	for (unsigned i = 0; i < 10000; i++) {
		AUTO(buf_done) struct buf out = { 0 };
		feed(&p,
		     i == 0 ? S("\x01\x04"
				"abcd")
			    : S("\x00\x04"
				"abcd"),
		     &out);
		CHECK(out.n == 0 && p.message.n <= MAX && p.message.cap <= 4 * MAX);
	}
}

TEST(masks_at_every_place)
{
	static const uint8_t key[4] = { 0x12, 0x9a, 0, 0xff };
	char plain[67], whole[67], parts[67];
	struct rand seed;
	rand_seed(&seed, 1);
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (char)rand_u64(&seed);
	for (size_t i = 0; i < sizeof(plain); i++)
		whole[i] = (char)(plain[i] ^ key[i % 4]);
	for (size_t cut = 0; cut <= sizeof(plain); cut++) {
		memset(parts, 0, sizeof(parts));
		ws_mask(parts, plain, cut, key, 0);
		ws_mask(parts + cut, plain + cut, sizeof(plain) - cut, key, cut);
		CHECK(memcmp(parts, whole, sizeof(whole)) == 0);
		ws_mask(parts, parts, sizeof(parts), key, 0);
		CHECK(memcmp(parts, plain, sizeof(plain)) == 0);
	}
}

/* What we write is what we read, at the places where a length takes another form. */
TEST(heads_come_back)
{
	static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 70000 };
	static const uint8_t key[4] = { 1, 2, 3, 4 };
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		uint64_t length = lengths[i / 2];
		bool masked = i % 2;
		AUTO(buf_done) struct buf bytes = { 0 };
		AUTO(ws_parse_done) struct ws_parse p;
		CHECK_INT(buf_reserve(&bytes, WS_HEAD_MAX + length), 0);
		size_t n = ws_head_put(bytes.p, WS_BINARY, length, masked ? key : NULL);
		memset(bytes.p + n, 'z', length);
		if (masked)
			ws_mask(bytes.p + n, bytes.p + n, length, key, 0);
		buf_added(&bytes, n + length);
		ws_parse_init(&p, masked, 1 << 20, false);
		struct slice in = buf_slice(&bytes);
		CHECK_INT(ws_parse_next(&p, &in), WS_MESSAGE);
		CHECK_INT(p.data.n, length);
		CHECK(length == 0 || (p.data.p[0] == 'z' && p.data.p[length - 1] == 'z'));
		CHECK(in.n == 0 && ws_parse_between(&p));
	}
}

/* ---- the handshake --------------------------------------------------------------------------------------- */

TEST(the_key_of_the_rfc)
{
	char accept[WS_ACCEPT_CHARS + 1], a[WS_KEY_CHARS + 1], b[WS_KEY_CHARS + 1];
	ws_accept_make(S("dGhlIHNhbXBsZSBub25jZQ=="), accept);
	CHECK_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	ws_key_make(a);
	ws_key_make(b);
	CHECK_INT(strlen(a), WS_KEY_CHARS);
	CHECK(strcmp(a, b) != 0);
}

#define H(name, value)            \
	{                         \
		S(name), S(value) \
	}
static const char key_of_rfc[] = "dGhlIHNhbXBsZSBub25jZQ==";

struct answer_row {
	const char *what;
	struct http_header h[5];
	size_t n;
	const char *why; /* NULL: it is good */
	const char *protocol;
};
#define GOOD_ACCEPT H("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
#define GOOD        H("Upgrade", "WebSocket"), H("connection", "keep-alive, Upgrade"), GOOD_ACCEPT

TEST(answers_are_believed_when_they_prove_it)
{
	static const struct answer_row answers[] = {
		{ "good", { GOOD }, 3, NULL, "" },
		{ "protocol", { GOOD, H("Sec-WebSocket-Protocol", "b") }, 4, NULL, "b" },
		{ "none asked", { GOOD, H("Sec-WebSocket-Protocol", "z") }, 4, "subprotocol", "" },
		{ "two",
		  { GOOD, H("Sec-WebSocket-Protocol", "a"), H("Sec-WebSocket-Protocol", "b") },
		  5,
		  "subprotocol",
		  "" },
		{ "extension",
		  { GOOD, H("Sec-WebSocket-Extensions", "permessage-deflate") },
		  4,
		  "extension",
		  "" },
		{ "no upgrade",
		  { H("Connection", "Upgrade"), GOOD_ACCEPT },
		  2,
		  "Upgrade: web",
		  "" },
		{ "no connection",
		  { H("Upgrade", "websocket"), GOOD_ACCEPT },
		  2,
		  "Connection",
		  "" },
		{ "no accept",
		  { H("Upgrade", "websocket"), H("Connection", "Upgrade") },
		  2,
		  "Accept",
		  "" },
		{ "other accept",
		  { H("Upgrade", "websocket"), H("Connection", "Upgrade"),
		    H("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK-xOo=") },
		  3,
		  "Accept",
		  "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct err err = { 0 };
		struct slice protocol;
		struct http_header copy[5];
		memcpy(copy, answers[i].h, sizeof(copy));
		struct http_response a = { .status = 101,
					   .headers = copy,
					   .header_count = answers[i].n };
		int r = ws_answer_check(&a, key_of_rfc, S("a, b"), &protocol, S("ws://h/"), &err);
		CHECK_INT(r, answers[i].why ? -1 : 0);
		if (r == 0)
			CHECK_SLICE(protocol, slice_str(answers[i].protocol));
		else
			CHECK(strstr(err.text, answers[i].why) && err.fault == FAULT_PROTOCOL);
	}
}

TEST(requests_are_refused_with_their_status)
{
#define GOOD_ASK H("Upgrade", "websocket"), H("Connection", "upgrade")
#define KEY      H("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
#define V13      H("Sec-WebSocket-Version", "13")
	static const struct {
		const char *method;
		struct http_header h[5];
		size_t n;
		int status;
	} asks[] = {
		{ "GET", { GOOD_ASK, KEY, V13 }, 4, 0 },
		{ "POST", { GOOD_ASK, KEY, V13 }, 4, 405 },
		{ "GET", { H("Connection", "upgrade"), KEY, V13 }, 3, 426 },
		{ "GET", { H("Upgrade", "websocket"), KEY, V13 }, 3, 400 },
		{ "GET", { GOOD_ASK, KEY, H("Sec-WebSocket-Version", "8") }, 4, 426 },
		{ "GET", { GOOD_ASK, KEY }, 3, 426 },
		{ "GET", { GOOD_ASK, V13 }, 3, 400 },
		{ "GET", { GOOD_ASK, V13, KEY, KEY }, 5, 400 },
		{ "GET",
		  { GOOD_ASK, V13, H("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=") },
		  4,
		  400 },
		{ "GET",
		  { GOOD_ASK, V13, H("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ!==") },
		  4,
		  400 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		struct slice key;
		const char *why;
		int status = ws_request_check(slice_str(asks[i].method), asks[i].h, asks[i].n, &key,
					      &why);
		CHECK_INT(status, asks[i].status);
		CHECK((why == NULL) == (status == 0));
	}
	static const struct http_header wants[] = { H("Sec-WebSocket-Protocol", "x, b"),
						    H("sec-websocket-protocol", "a") };
	CHECK_SLICE(ws_protocol_choose(wants, 2, S("a, b")), S("b"));
	CHECK_SLICE(ws_protocol_choose(wants, 2, S("a")), S("a"));
	CHECK_SLICE(ws_protocol_choose(wants, 2, S("c")), S(""));
}

static const struct test tests[] = {
	T(frames_of_a_server),
	T(frames_of_a_client),
	T(large_messages_are_cut),
	T(masks_at_every_place),
	T(heads_come_back),
	T(the_key_of_the_rfc),
	T(answers_are_believed_when_they_prove_it),
	T(requests_are_refused_with_their_status),
};

int main(void)
{
	return RUN_TESTS(tests);
}
