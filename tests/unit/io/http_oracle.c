/* http_oracle.c - legal answers, made at random, read by our client and by the curl program: both must see the same
 *
 * Also what a redirect to another origin takes along. The far side is scripted; curl runs in the pool beside the loop. */
#include "base/rand.h"
#include "check.h"
#include "io/http.h"
#include "packed.h"
#include "scripted.h"
#include <stdlib.h>
#include <unistd.h>

/* ---- making answers ------------------------------------------------------------------------------ */

struct maker {
	struct rand rand;
	struct buf wire, body; /* owns */
	bool closes;
};

static bool chance(struct maker *m, unsigned percent)
{
	return rand_below(&m->rand, 100) < percent;
}

static void put(struct maker *m, struct slice s)
{
	CHECK_INT(buf_add(&m->wire, s), 0);
}

static void put_eol(struct maker *m)
{
	put(m, chance(m, 10) ? S("\n") : S("\r\n"));
}

static void put_line(struct maker *m, const char *text)
{
	put(m, slice_str(text));
	put_eol(m);
}

static void make_body(struct maker *m)
{
	size_t n =
		rand_below(&m->rand, 4) ? rand_below(&m->rand, 3000) : rand_below(&m->rand, 200000);
	while (m->body.n < n)
		CHECK_INT(buf_printf(&m->body, "%ju ", (uintmax_t)rand_below(&m->rand, 100000)), 0);
}

static void put_interim(struct maker *m)
{
	while (chance(m, 20)) {
		put_line(m, chance(m, 50) ? "HTTP/1.1 100 Continue" : "HTTP/1.1 103 Early Hints");
		if (chance(m, 50))
			put_line(m, "Link: </style.css>; rel=preload");
		put(m, S("\r\n"));
	}
}

static void put_noise(struct maker *m)
{
	static const char *const lines[] = { "Server: test",
					     "X-Empty:",
					     "x-odd-CASE:   padded  ",
					     "Date: never",
					     "Set-Cookie: a=b; c=\"d\"",
					     "Set-Cookie: e=f",
					     "Vary: *" };
	while (chance(m, 60))
		put_line(m, lines[rand_below(&m->rand, ARRAY_SIZE(lines))]);
}

static void put_chunks(struct maker *m, struct slice body)
{
	while (body.n > 0) {
		size_t n = rand_below(&m->rand, 5000) + 1;
		struct slice part = slice_head(body, n);
		CHECK_INT(buf_printf(&m->wire, chance(m, 50) ? "%zx" : "%04zX", part.n), 0);
		put(m, chance(m, 15) ? S(";name=\"a value\"\r\n") : S("\r\n"));
		put(m, part);
		put(m, S("\r\n"));
		body = slice_from(body, part.n);
	}
	put(m, S("0\r\n"));
	if (chance(m, 20))
		put(m, S("X-Trailer: yes\r\n"));
	put(m, S("\r\n"));
}

static void make_answer(struct maker *m)
{
	static const char *const firsts[] = { "HTTP/1.1 200 OK",        "HTTP/1.1 200 ",
					      "HTTP/1.1 404 Not Found", "HTTP/1.0 200 OK",
					      "HTTP/1.1 500 Oh",        "HTTP/1.1 204 None" };
	static const char *const codings[] = { NULL, "gzip", "deflate", "br", "zstd" };
	size_t first = rand_below(&m->rand, ARRAY_SIZE(firsts)),
	       coding = rand_below(&m->rand, ARRAY_SIZE(codings));
	unsigned framing = (unsigned)rand_below(&m->rand, 3);
	AUTO(buf_done) struct buf zipped = { 0 };
	put_interim(m);
	put_line(m, firsts[first]);
	put_noise(m);
	if (first == 5) {
		put_eol(m);
		return;
	}
	make_body(m);
	struct slice body = buf_slice(&m->body);
	if (codings[coding]) {
		zipped = packed(body, codings[coding], 6);
		body = buf_slice(&zipped);
		CHECK_INT(buf_printf(&m->wire, "Content-Encoding: %s\r\n", codings[coding]), 0);
	}
	m->closes = framing == 2 || first == 3;
	if (framing == 0 || first == 3)
		CHECK_INT(buf_printf(&m->wire, "content-length: %zu\r\n", body.n), 0);
	else if (framing == 1)
		put_line(m, "Transfer-Encoding: chunked");
	put_noise(m);
	put_eol(m);
	if (framing == 1 && first != 3)
		put_chunks(m, body);
	else
		put(m, body);
}

/* ---- the two readers -------------------------------------------------------------------------------- */

struct reader {
	char url[64];
	struct buf out; /* curl: body, then line feed and status */
	int exit;
};

static int run_curl(void *arg)
{
	struct reader *r = arg;
	char command[256];
	snprintf(command, sizeof(command),
		 "curl -sS --noproxy '*' --max-time 20 --compressed -w '\\n%%{http_code}' '%s' "
		 "2>/dev/null",
		 r->url);
	FILE *f = popen(command, "r");
	if (!f)
		return -1;
	for (size_t n = 1; n > 0;) {
		if (buf_reserve(&r->out, 65536) < 0)
			break;
		n = fread(r->out.p + r->out.n, 1, 65536, f);
		buf_added(&r->out, n);
	}
	r->exit = pclose(f);
	return 0;
}

static void compare(const struct reader *curl, const struct http_response *ours,
		    const struct maker *m)
{
	AUTO(buf_done) struct buf want = { 0 };
	CHECK_INT(buf_add(&want, buf_slice(&ours->body)), 0);
	CHECK_INT(buf_printf(&want, "\n%d", ours->status), 0);
	CHECK_INT(curl->exit, 0);
	CHECK(slice_eq(buf_slice(&curl->out), buf_slice(&want)));
	CHECK(slice_eq(buf_slice(&ours->body), buf_slice(&m->body)));
}

static int one_answer(void *arg) SUSPENDS
{
	struct maker m = { .body.max = 1 << 20 };
	struct hk_group g;
	struct http_client *client;
	struct err err = { 0 };
	struct reader curl = { .out.max = 2 << 20 };
	AUTO(http_response_done) struct http_response res = { 0 };
	rand_seed(&m.rand, *(uint64_t *)arg);
	make_answer(&m);
	struct answer answer = { m.wire.p, .n = m.wire.n, .then = m.closes ? CLOSE : KEEP };
	struct scripted server = { .answers = &answer, .answer_count = 1 };
	CHECK(scripted_open(&server) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &server), 0);
	CHECK_INT(http_client_new(NULL, &client, &err), 0);
	snprintf(curl.url, sizeof(curl.url), "http://127.0.0.1:%u/", server.port);
	CHECK_INT(hk_offload(run_curl, &curl), 0);
	struct http_request q = { .method = S("GET"), .url = slice_str(curl.url) };
	CHECK_INT(http_exchange(client, &q, &res, &err), 0);
	compare(&curl, &res, &m);
	if (err.fault)
		printf("# ... %s\n", err.text);
	http_client_free(client);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&server);
	buf_done(&m.wire);
	buf_done(&m.body);
	buf_done(&curl.out);
	return 0;
}

TEST(curl_sees_the_same)
{
	if (access("/usr/bin/curl", X_OK) < 0) {
		printf("# the curl program is not there: nothing compared\n");
		return;
	}
	for (uint64_t seed = 1; seed <= 60; seed++) {
		int before = test_failures_;
		CHECK_INT(hk_run(one_answer, &seed, NULL), 0);
		if (test_failures_ > before)
			printf("# ... with seed %ju\n", (uintmax_t)seed);
	}
}

/* ---- redirects to another origin ----------------------------------------------------------------------- */

static bool asked_with(const struct scripted *s, const char *header)
{
	return s->last.p && strstr(s->last.p, header) != NULL;
}

static int elsewhere(void *arg) SUSPENDS
{
	struct hk_group g;
	struct http_client *client;
	struct err err = { 0 };
	char url[64], there[256], back[256];
	AUTO(http_response_done) struct http_response res = { 0 };
	struct answer at_a[2] = { { there }, { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" } },
		      at_b = { back };
	struct scripted a = { .answers = at_a, .answer_count = 2 },
			b = { .answers = &at_b, .answer_count = 1 };
	(void)arg;
	CHECK(scripted_open(&a) >= 0 && scripted_open(&b) >= 0);
	snprintf(there, sizeof(there),
		 "HTTP/1.1 302 F\r\nLocation: http://x:y@127.0.0.1:%u/b\r\nContent-Length: "
		 "0\r\n\r\n",
		 b.port);
	snprintf(back, sizeof(back),
		 "HTTP/1.1 302 F\r\nLocation: //127.0.0.1:%u/c?d#e\r\nContent-Length: 0\r\n\r\n",
		 a.port);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &a), 0);
	CHECK_INT(hk_spawn(&g, scripted_run, &b), 0);
	CHECK_INT(http_client_new(NULL, &client, &err), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/a", a.port);
	struct http_header headers[] = { { S("Authorization"), S("Bearer 123") },
					 { S("cookie"), S("c=d") },
					 { S("X-Other"), S("kept") } };
	struct http_request q = { .method = S("GET"),
				  .url = slice_str(url),
				  .headers = headers,
				  .header_count = ARRAY_SIZE(headers) };
	CHECK_INT(http_exchange(client, &q, &res, &err), 0);
	CHECK_INT(res.status, 200);
	CHECK_INT(a.requests, 2);
	CHECK_INT(b.requests, 1);
	/* Neither the other origin nor, on the way back, our own is told the secrets. */
	CHECK(!asked_with(&b, "X-Other") && !asked_with(&b, "Bearer") && !asked_with(&b, "c=d"));
	CHECK(!asked_with(&b, "Authorization"));
	CHECK(asked_with(&a, "GET /c?d HTTP/1.1") && !asked_with(&a, "Bearer") &&
	      !asked_with(&a, "c=d"));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/c?d#e", a.port);
	CHECK_SLICE(buf_slice(&res.url), slice_str(url));
	http_client_free(client);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&a);
	scripted_close(&b);
	return 0;
}

TEST(credentials_stay_at_home)
{
	CHECK_INT(hk_run(elsewhere, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

static const struct test tests[] = {
	T(curl_sees_the_same),
	T(credentials_stay_at_home),
};

int main(void)
{
	alarm(240);
	return RUN_TESTS(tests);
}
