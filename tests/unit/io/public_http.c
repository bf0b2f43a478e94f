/* public_http.c - tests of <hocket/http.h> (src/io/public_*.c): client against server, as a user of libhocket writes them
 *
 * What lies below has tests of its own. Here: what a C string, an error class and a handler's failure become on the way up, and
 * that nothing leaks or dangles. The far side is our own server, or a scripted one where no decent server would answer so. */
#include "check.h"
#include "io/public_http.h"
#include "scripted.h"
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define MIB     (1u << 20)

/* ---- a fixture: server, client, what was reported ---------------------------------------------------------- */

struct fixture {
	struct hk_http_server *server;
	struct hk_http_client *client;
	struct hk_group g;
	int outcome; /* of the server's task */
	unsigned handled, inside, most_inside, left;
	struct hk_event go;
};

static struct {
	unsigned count;
	char text[512];
} reported;

static void keep_report(enum hk_report kind, const char *text, void *arg)
{
	(void)arg;
	CHECK_INT(kind, HK_REPORT_UNREAD);
	reported.count++;
	snprintf(reported.text, sizeof(reported.text), "%s", text);
}

static int run(hk_fn *fn)
{
	reported.count = 0;
	reported.text[0] = 0;
	return hk_run(fn, NULL,
		      &(struct hk_run_options){ .virtual_clock = true, .report = keep_report });
}

static void url_to(char out[256], int port, const char *path)
{
	snprintf(out, 256, "http://127.0.0.1:%d%s", port, path);
}

static int serve(void *arg) SUSPENDS
{
	struct fixture *f = arg;
	struct hk_http_error error;
	f->outcome = hk_http_server_run(f->server, &error);
	if (f->outcome == -ECANCELED)
		CHECK_INT(error.fault, HK_HTTP_CANCELLED);
	return f->outcome;
}

static void fixture_open(struct fixture *f, hk_http_handler *handler,
			 const struct hk_http_server_options *o)
{
	struct hk_http_error error;
	CHECK_INT(hk_http_server_open("127.0.0.1", 0, handler, f, o, &f->server, &error), 0);
	CHECK_INT(error.fault, HK_HTTP_OK);
	CHECK_INT(hk_http_client_new(NULL, &f->client, NULL), 0);
	hk_group_open(&f->g, NULL);
	CHECK_INT(hk_spawn(&f->g, serve, f), 0);
}

static void fixture_close(struct fixture *f) SUSPENDS
{
	hk_http_client_free(f->client);
	hk_group_cancel(&f->g);
	CHECK_INT(hk_group_close(&f->g, 0), 0);
	CHECK_INT(f->outcome, -ECANCELED);
	hk_http_server_free(f->server);
}

/* Asks our own server; the answer is the caller's. */
static void ask(struct fixture *f, struct hk_http_request q, const char *path,
		struct hk_http_response *ret) SUSPENDS
{
	char url[256];
	struct hk_http_error error;
	url_to(url, hk_http_server_port(f->server), path);
	q.url = url;
	int r = hk_http_exchange(f->client, &q, ret, &error);
	CHECK_INT(r, 0);
	CHECK_INT(error.fault, HK_HTTP_OK);
	if (r < 0)
		printf("# %s\n", error.text);
}

/* ---- what arrives, and what comes back ----------------------------------------------------------------------- */

/* Says everything it was told, one line each. */
static int mirror(const struct hk_http_incoming *in, struct hk_http_reply *out, void *arg) SUSPENDS
{
	const char *x = hk_http_incoming_header(in, "x-CALL");
	AUTO(freep) char *q = hk_http_incoming_query(in, "q w");
	(void)arg;
	out->status = 201;
	out->content_type = "text/plain";
	CHECK_INT(hk_http_reply_header(out, "X-Answer", "a b"), 0);
	CHECK_INT(hk_http_reply_printf(out, "%s %s %s %s\n", in->method, in->path, in->query,
				       x ? x : "-"),
		  0);
	CHECK_INT(hk_http_reply_printf(out, "q=%s body=", q ? q : "-"), 0);
	return hk_http_reply_add(out, in->body, in->body_n);
}

static int everything(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_response r;
	static const struct hk_http_header mine[] = { { "X-Call", "7" }, { "X-Empty", "" } };
	(void)arg;
	fixture_open(&f, mirror, NULL);
	ask(&f,
	    (struct hk_http_request){
		    .headers = mine, .header_count = 2, .body = "hi", .body_n = 2 },
	    "/a%20b?q+w=%c3%a9+1&z", &r);
	CHECK_INT(r.status, 201);
	CHECK_STR(r.body, "POST /a%20b q+w=%c3%a9+1&z 7\nq=\xc3\xa9 1 body=hi");
	CHECK_INT(r.body_n, strlen(r.body));
	CHECK_STR(hk_http_response_header(&r, "x-answer"), "a b");
	CHECK_STR(hk_http_response_header(&r, "CONTENT-TYPE"), "text/plain");
	CHECK(!hk_http_response_header(&r, "X-Other"));
	CHECK(!r.url);
	for (size_t i = 0; i < r.header_count; i++)
		CHECK(strlen(r.headers[i].name) > 0 && !strpbrk(r.headers[i].value, "\r\n"));
	hk_http_response_done(&r);
	CHECK(!r.headers && !r.body);
	hk_http_response_done(&r);
	ask(&f, (struct hk_http_request){ 0 }, "", &r);
	CHECK_STR(r.body, "GET /  -\nq=- body=");
	hk_http_response_done(&r);
	ask(&f, (struct hk_http_request){ .method = "PUT", .body = "", .body_n = 0 }, "/?", &r);
	CHECK_STR(r.body, "PUT /  -\nq=- body=");
	hk_http_response_done(&r);
	fixture_close(&f);
	return 0;
}

TEST(what_arrives_is_what_was_sent)
{
	CHECK_INT(run(everything), 0);
	CHECK_INT(reported.count, 0);
}

TEST(query_parameters_are_decoded)
{
	static const struct {
		const char *query, *name, *value;
	} cases[] = {
		{ "a=1&b=2", "b", "2" },
		{ "a=1&a=2", "a", "1" },
		{ "a", "a", "" },
		{ "a=", "a", "" },
		{ "", "a", NULL },
		{ "ab=1", "a", NULL },
		{ "a=%41%2b+", "a", "A+ " },
		{ "%61=x", "a", "x" },
		{ "a=%4", "a", "%4" },
		{ "a=%zz", "a", "%zz" },
		{ "a=x%00y", "a", NULL },
		{ "&&a=1=2&", "a", "1=2" },
		{ "a=%c3%a9", "a", "\xc3\xa9" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hk_http_incoming in = { .query = cases[i].query };
		AUTO(freep) char *got = hk_http_incoming_query(&in, cases[i].name);
		CHECK((got == NULL) == (cases[i].value == NULL));
		if (got && cases[i].value)
			CHECK_STR(got, cases[i].value);
	}
}

enum { MANY = 40 };

static int counts_headers(const struct hk_http_incoming *in, struct hk_http_reply *out,
			  void *arg) SUSPENDS
{
	unsigned found = 0;
	(void)arg;
	for (unsigned i = 0; i < MANY; i++) {
		char name[16], want[16];
		snprintf(name, sizeof(name), "x-%u", i);
		snprintf(want, sizeof(want), "value %u", i);
		const char *got = hk_http_incoming_header(in, name);
		found += got && strcmp(got, want) == 0;
	}
	return hk_http_reply_printf(out, "%u", found);
}

static int many_headers(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_header h[MANY];
	char text[MANY][2][16];
	struct hk_http_response r;
	(void)arg;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text[i][0], sizeof(text[i][0]), "X-%u", i);
		snprintf(text[i][1], sizeof(text[i][1]), "value %u", i);
		h[i] = (struct hk_http_header){ text[i][0], text[i][1] };
	}
	fixture_open(&f, counts_headers, NULL);
	ask(&f, (struct hk_http_request){ .headers = h, .header_count = MANY }, "/", &r);
	CHECK_STR(r.body, "40");
	hk_http_response_done(&r);
	fixture_close(&f);
	return 0;
}

TEST(many_headers_arrive)
{
	CHECK_INT(run(many_headers), 0);
}

/* The body comes back as it went; 0 bytes inside are bytes like any other. */
static int echo(const struct hk_http_incoming *in, struct hk_http_reply *out, void *arg) SUSPENDS
{
	(void)arg;
	CHECK_INT(in->body[in->body_n], 0);
	return hk_http_reply_add(out, in->body, in->body_n);
}

static int big_bodies(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_response r;
	size_t sizes[] = { 0, 1, 8191, 65536, 10 * MIB };
	AUTO(freep) char *bytes = malloc(10 * MIB);
	(void)arg;
	for (size_t i = 0; i < 10 * MIB; i++)
		bytes[i] = (char)(i * 31 >> 3);
	fixture_open(&f, echo, &(struct hk_http_server_options){ .max_body_bytes = 10 * MIB });
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ask(&f, (struct hk_http_request){ .body = bytes, .body_n = sizes[i] }, "/", &r);
		CHECK_INT(r.status, 200);
		CHECK_INT(r.body_n, sizes[i]);
		CHECK(r.body_n == sizes[i] && memcmp(r.body, bytes, sizes[i]) == 0);
		CHECK_INT(r.body[r.body_n], 0);
		hk_http_response_done(&r);
	}
	fixture_close(&f);
	return 0;
}

TEST(big_bodies_travel_both_ways)
{
	CHECK_INT(run(big_bodies), 0);
}

static int too_big(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_response r;
	struct hk_http_error error;
	char url[256];
	(void)arg;
	fixture_open(&f, echo, &(struct hk_http_server_options){ .max_body_bytes = 10 });
	ask(&f, (struct hk_http_request){ .body = "0123456789+", .body_n = 11 }, "/", &r);
	CHECK_INT(r.status, 413);
	hk_http_response_done(&r);
	url_to(url, hk_http_server_port(f.server), "/");
	struct hk_http_request q = {
		.url = url, .body = "0123456789", .body_n = 10, .max_body_bytes = 9
	};
	CHECK_INT(hk_http_exchange(f.client, &q, &r, &error), -EMSGSIZE);
	CHECK_INT(error.fault, HK_HTTP_TOO_LARGE);
	fixture_close(&f);
	return 0;
}

TEST(ceilings_hold_on_both_sides)
{
	CHECK_INT(run(too_big), 0);
}

/* ---- failures, each by its name ------------------------------------------------------------------------------- */

static int refused_before_sending(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_response r;
	struct hk_http_error error;
	char url[256];
	static const struct {
		const char *method, *name, *value, *url;
	} bad[] = {
		{ NULL, "X-Call", "1\r\nX-Evil: 2", NULL },
		{ NULL, "X-Call", "1\nX", NULL },
		{ NULL, "X Call", "1", NULL },
		{ NULL, "X-Call: 1\r\nY", "1", NULL },
		{ NULL, "", "1", NULL },
		{ NULL, NULL, "1", NULL },
		{ NULL, "Content-Length", "5", NULL },
		{ NULL, "Transfer-Encoding", "chunked", NULL },
		{ "GE T", "X", "1", NULL },
		{ "CONNECT", "X", "1", NULL },
		{ NULL, "X", "1", "" },
		{ NULL, "X", "1", "ftp://example.com/" },
		{ NULL, "X", "1", "http://a b/" },
		{ NULL, "X", "1", "http://h/\r\nX: 1" },
	};
	(void)arg;
	fixture_open(&f, mirror, NULL);
	url_to(url, hk_http_server_port(f.server), "/");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct hk_http_header h = { bad[i].name, bad[i].value };
		struct hk_http_request q = { .method = bad[i].method,
					     .url = bad[i].url ? bad[i].url : url,
					     .headers = &h,
					     .header_count = 1 };
		CHECK_INT(hk_http_exchange(f.client, &q, &r, &error), -EINVAL);
		CHECK_INT(error.fault, HK_HTTP_BAD_REQUEST);
		CHECK(!error.sent && error.text[0]);
		CHECK(!r.headers && !r.body && r.status == 0);
	}
	CHECK_INT(hk_http_exchange(f.client, &(struct hk_http_request){ 0 }, &r, NULL), -EINVAL);
	CHECK_INT(f.handled, 0);
	fixture_close(&f);
	return 0;
}

TEST(bad_requests_are_refused_before_anything_is_sent)
{
	CHECK_INT(run(refused_before_sending), 0);
}

struct scene {
	const char *name;
	struct answer answer;
	enum hk_http_fault fault;
	int code;
	bool unsent;
};

static const struct scene scenes[] = {
	{ "reset", { "", .then = CLOSE }, HK_HTTP_RESET, -ECONNRESET, false },
	{ "truncated", { LENGTH2 "h", .then = CLOSE }, HK_HTTP_TRUNCATED, -ENODATA, false },
	{ "not HTTP",
	  { "SSH-2.0-OpenSSH_9.2\r\n", .then = CLOSE },
	  HK_HTTP_PROTOCOL,
	  -EBADMSG,
	  false },
	{ "a flood of headers",
	  { "HTTP/1.1 200 OK\r\n", .endless = true, .loop = "X-Many: of these\r\n" },
	  HK_HTTP_TOO_LARGE,
	  -EMSGSIZE,
	  false },
	{ "never a byte", { "", .then = HANG }, HK_HTTP_TIMEOUT, -ETIMEDOUT, false },
	{ "comes to a halt", { LENGTH2 "h", .then = HANG }, HK_HTTP_TIMEOUT, -ETIMEDOUT, false },
	{ "redirected for ever",
	  { "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" },
	  HK_HTTP_PROTOCOL,
	  -EBADMSG,
	  false },
};

static void play(const struct scene *scene, struct hk_http_client *client) SUSPENDS
{
	struct scripted s = { .answers = &scene->answer, .answer_count = 1 };
	struct hk_group g;
	struct hk_http_response r;
	struct hk_http_error error;
	char url[256];
	CHECK(scripted_open(&s) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &s), 0);
	url_to(url, s.port, "/");
	struct hk_http_request q = { .url = url, .first_byte_ns = HK_SEC, .idle_ns = HK_SEC };
	int code = hk_http_exchange(client, &q, &r, &error);
	if (code != scene->code || error.fault != scene->fault || error.sent == scene->unsent)
		printf("# %s: %s\n", scene->name, error.text);
	CHECK_INT(code, scene->code);
	CHECK_INT(error.fault, scene->fault);
	CHECK_INT(error.sent, !scene->unsent);
	CHECK(strstr(error.text, "127.0.0.1") || scene->fault == HK_HTTP_PROTOCOL);
	CHECK(!r.storage_);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&s);
}

static int answers_that_fail(void *arg) SUSPENDS
{
	struct hk_http_client *client;
	(void)arg;
	CHECK_INT(hk_http_client_new(NULL, &client, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
		play(&scenes[i], client);
	hk_http_client_free(client);
	return 0;
}

TEST(bad_answers_have_their_class)
{
	CHECK_INT(run(answers_that_fail), 0);
}

static void check_fault(struct hk_http_client *c, const char *url, enum hk_http_fault fault,
			int code) SUSPENDS
{
	struct hk_http_response r;
	struct hk_http_error error;
	CHECK_INT(hk_http_get(c, url, &r, &error), code);
	CHECK_INT(error.fault, fault);
	CHECK(!error.sent);
	if (error.fault != fault)
		printf("# %s: %s\n", url, error.text);
	hk_http_response_done(&r);
}

static int no_way_there(void *arg) SUSPENDS
{
	struct hk_http_client *c, *other;
	struct hk_http_server *server, *again;
	struct hk_http_error error;
	char url[256], tls[256];
	(void)arg;
	CHECK_INT(hk_http_client_new(NULL, &c, NULL), 0);
	CHECK_INT(hk_http_server_open("127.0.0.1", 0, mirror, NULL, NULL, &server, NULL), 0);
	int port = hk_http_server_port(server);
	CHECK_INT(hk_http_server_open("127.0.0.1", (uint16_t)port, mirror, NULL, NULL, &again,
				      &error),
		  -EADDRINUSE);
	CHECK(!again && error.fault == HK_HTTP_LOCAL && strstr(error.text, "127.0.0.1"));
	url_to(url, port, "/");
	snprintf(tls, sizeof(tls), "https://127.0.0.1:%d/", port);
	hk_http_server_free(server);
	check_fault(c, url, HK_HTTP_REFUSED, -ECONNREFUSED);
	check_fault(c, "http://no-such-host.invalid/", HK_HTTP_DNS, -EHOSTUNREACH);
	CHECK_INT(hk_http_client_new(&(struct hk_http_client_options){ .ca_file = "/no/such.pem" },
				     &other, NULL),
		  0);
	check_fault(other, tls, HK_HTTP_LOCAL, -EIO);
	hk_http_client_free(other);
	CHECK_INT(hk_http_client_new(&(struct hk_http_client_options){ .user_agent = "a\r\nb" },
				     &other, &error),
		  -EINVAL);
	CHECK(!other && error.fault == HK_HTTP_BAD_REQUEST);
	hk_http_client_free(c);
	return 0;
}

TEST(what_cannot_be_reached)
{
	CHECK_INT(run(no_way_there), 0);
}

TEST(every_class_has_a_name_and_a_code)
{
	static const struct {
		enum fault inner;
		enum hk_http_fault fault;
		const char *name;
		int code;
	} all[] = {
		{ FAULT_CANCELLED, HK_HTTP_CANCELLED, "cancelled", -ECANCELED },
		{ FAULT_BAD_VALUE, HK_HTTP_BAD_REQUEST, "bad_request", -EINVAL },
		{ FAULT_DNS, HK_HTTP_DNS, "dns", -EHOSTUNREACH },
		{ FAULT_REFUSED, HK_HTTP_REFUSED, "refused", -ECONNREFUSED },
		{ FAULT_CONNECT_TIMEOUT, HK_HTTP_CONNECT_TIMEOUT, "connect_timeout", -ETIMEDOUT },
		{ FAULT_TLS, HK_HTTP_TLS, "tls", -EPROTO },
		{ FAULT_CERTIFICATE, HK_HTTP_CERTIFICATE, "certificate", -EKEYREJECTED },
		{ FAULT_RESET, HK_HTTP_RESET, "reset", -ECONNRESET },
		{ FAULT_TIMEOUT, HK_HTTP_TIMEOUT, "timeout", -ETIMEDOUT },
		{ FAULT_TRUNCATED, HK_HTTP_TRUNCATED, "truncated", -ENODATA },
		{ FAULT_PROTOCOL, HK_HTTP_PROTOCOL, "protocol", -EBADMSG },
		{ FAULT_FORBIDDEN, HK_HTTP_PROTOCOL, "protocol", -EBADMSG },
		{ FAULT_TOO_LARGE, HK_HTTP_TOO_LARGE, "too_large", -EMSGSIZE },
		{ FAULT_IO, HK_HTTP_LOCAL, "local", -EMFILE },
		{ FAULT_CONFIG, HK_HTTP_LOCAL, "local", -EMFILE },
	};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct err err = {
			.fault = all[i].inner, .code = EMFILE, .sent = i & 1, .text = "x"
		};
		struct hk_http_error error;
		CHECK_INT(public_error(&err, &error), all[i].code);
		CHECK_INT(error.fault, all[i].fault);
		CHECK_INT(error.sent, i & 1);
		CHECK_STR(error.text, "x");
		CHECK_STR(hk_http_fault_name(all[i].fault), all[i].name);
	}
	CHECK_STR(hk_http_fault_name(HK_HTTP_OK), "ok");
	CHECK_STR(hk_http_fault_name((enum hk_http_fault)99), "unknown");
}

/* ---- redirects ----------------------------------------------------------------------------------------------- */

static int redirecting(const struct hk_http_incoming *in, struct hk_http_reply *out,
		       void *arg) SUSPENDS
{
	(void)arg;
	if (strcmp(in->path, "/there") == 0)
		return hk_http_reply_printf(out, "%s %s", in->method, in->query);
	out->status = 302;
	return hk_http_reply_header(out, "Location", "there?x=1");
}

static int follows(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_response r;
	char there[256];
	(void)arg;
	fixture_open(&f, redirecting, NULL);
	url_to(there, hk_http_server_port(f.server), "/there?x=1");
	ask(&f, (struct hk_http_request){ 0 }, "/here", &r);
	CHECK_INT(r.status, 200);
	CHECK_STR(r.body, "GET x=1");
	CHECK_STR(r.url, there);
	hk_http_response_done(&r);
	ask(&f, (struct hk_http_request){ .no_redirects = true }, "/here", &r);
	CHECK_INT(r.status, 302);
	CHECK(!r.url);
	CHECK_STR(hk_http_response_header(&r, "location"), "there?x=1");
	hk_http_response_done(&r);
	ask(&f, (struct hk_http_request){ .method = "POST" }, "/here", &r);
	CHECK_INT(r.status, 302);
	hk_http_response_done(&r);
	fixture_close(&f);
	return 0;
}

TEST(redirects_are_followed_for_get)
{
	CHECK_INT(run(follows), 0);
}

/* ---- many at a time --------------------------------------------------------------------------------------------- */

enum { CALLS = 1000, LIMIT = 100 };

static int counting(const struct hk_http_incoming *in, struct hk_http_reply *out,
		    void *arg) SUSPENDS
{
	struct fixture *f = arg;
	AUTO(freep) char *n = hk_http_incoming_query(in, "n");
	f->handled++;
	if (++f->inside > f->most_inside)
		f->most_inside = f->inside;
	int r = hk_sleep((int64_t)(hk_random() % (10 * HK_MS)));
	f->inside--;
	return r < 0 ? r : hk_http_reply_printf(out, "{\"n\": %s}", n ? n : "?");
}

struct call {
	struct fixture *f;
	unsigned n;
};

static int call(void *arg) SUSPENDS
{
	struct call *c = arg;
	char path[32], want[32];
	struct hk_http_response r;
	snprintf(path, sizeof(path), "/?n=%u", c->n);
	snprintf(want, sizeof(want), "{\"n\": %u}", c->n);
	ask(c->f, (struct hk_http_request){ 0 }, path, &r);
	CHECK_STR(r.body, want);
	hk_http_response_done(&r);
	return 0;
}

static int thousand(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct call *calls = calloc(CALLS, sizeof(*calls));
	(void)arg;
	fixture_open(&f, counting, NULL);
	for (unsigned i = 0; i < CALLS; i++)
		calls[i] = (struct call){ &f, i };
	CHECK_INT(hk_gather(call, calls, CALLS, sizeof(*calls),
			    &(struct hk_gather_options){ .limit = LIMIT }),
		  0);
	CHECK_INT(f.handled, CALLS);
	CHECK(f.most_inside <= LIMIT && f.most_inside > LIMIT / 2);
	fixture_close(&f);
	free(calls);
	return 0;
}

TEST(a_thousand_requests_a_hundred_at_a_time)
{
	CHECK_INT(run(thousand), 0);
	CHECK_INT(reported.count, 0);
}

static void *a_loop(void *arg)
{
	int *result = arg;
	*result = hk_run(thousand, NULL, NULL);
	return NULL;
}

/* A loop, a client and a server in each of two threads: nothing is shared that would need a lock. */
TEST(two_threads_have_a_loop_each)
{
	pthread_t threads[2];
	int results[2] = { -1, -1 };
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, a_loop, &results[i]), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(pthread_join(threads[i], NULL), 0);
		CHECK_INT(results[i], 0);
	}
}

TEST(a_thousand_requests_in_any_order)
{
	CHECK_INT(hk_sim(thousand, NULL,
			 &(struct hk_sim_options){ .seeds = 5,
						   .check_twice = true,
						   .net = { .latency_ns = HK_MS,
							    .jitter_ns = 5 * HK_MS,
							    .short_reads = true } }),
		  0);
}

/* ---- handlers that go wrong ---------------------------------------------------------------------------------------- */

static int failing(const struct hk_http_incoming *in, struct hk_http_reply *out, void *arg) SUSPENDS
{
	(void)arg;
	CHECK_INT(hk_http_reply_header(out, "X-Secret", "half done"), 0);
	CHECK_INT(hk_http_reply_add(out, "secret", 6), 0);
	if (strcmp(in->path, "/status") == 0)
		out->status = 99;
	else if (strcmp(in->path, "/type") == 0)
		out->content_type = "text/plain\r\nX-Evil: 1";
	else if (strcmp(in->path, "/canceled") == 0)
		return -ECANCELED; /* though nobody cancelled it */
	else
		return -ENOENT;
	return 0;
}

static int handlers_fail(void *arg) SUSPENDS
{
	static const char *const paths[][2] = {
		{ "/gone?x=1", "GET /gone: the handler failed: No such file or directory (-2)\n" },
		{ "/status",
		  "GET /status: the handler answered with a status that is not 200 .. 599\n" },
		{ "/type",
		  "GET /type: the handler answered with a content_type with a line break\n" },
		{ "/canceled", "GET /canceled: the handler failed: Operation canceled (-125)\n" },
	};
	struct fixture f = { 0 };
	struct hk_http_response r;
	(void)arg;
	fixture_open(&f, failing, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		ask(&f, (struct hk_http_request){ 0 }, paths[i][0], &r);
		CHECK_INT(r.status, 500);
		CHECK(!strstr(r.body, "secret") && !hk_http_response_header(&r, "X-Secret"));
		CHECK(!hk_http_response_header(&r, "X-Evil"));
		CHECK_INT(reported.count, i + 1);
		CHECK(strstr(reported.text, paths[i][1]) != NULL);
		hk_http_response_done(&r);
	}
	fixture_close(&f);
	return 0;
}

TEST(a_failed_handler_is_answered_for_and_reported)
{
	CHECK_INT(run(handlers_fail), 0);
	CHECK_INT(reported.count, 4);
}

static int refused_lines(const struct hk_http_incoming *in, struct hk_http_reply *out,
			 void *arg) SUSPENDS
{
	AUTO(freep) char *long_value = calloc(1, 33 << 10);
	(void)in;
	(void)arg;
	memset(long_value, 'x', (33 << 10) - 1);
	CHECK_INT(hk_http_reply_header(out, "X", "1\r\nX-Evil: 1"), -EINVAL);
	CHECK_INT(hk_http_reply_header(out, "X: 1\r\nX-Evil", "1"), -EINVAL);
	CHECK_INT(hk_http_reply_header(out, "", "1"), -EINVAL);
	CHECK_INT(hk_http_reply_header(out, "Content-Length", "1"), -EINVAL);
	CHECK_INT(hk_http_reply_header(out, "TRANSFER-ENCODING", "chunked"), -EINVAL);
	CHECK_INT(hk_http_reply_header(out, "X", long_value), -EMSGSIZE);
	return hk_http_reply_header(out, "X-Good", "yes");
}

static int reply_headers(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	struct hk_http_response r;
	(void)arg;
	fixture_open(&f, refused_lines, NULL);
	ask(&f, (struct hk_http_request){ 0 }, "/", &r);
	CHECK_INT(r.status, 200);
	CHECK_INT(r.body_n, 0);
	CHECK_STR(hk_http_response_header(&r, "X-Good"), "yes");
	CHECK(!hk_http_response_header(&r, "X") && !hk_http_response_header(&r, "X-Evil"));
	hk_http_response_done(&r);
	fixture_close(&f);
	return 0;
}

TEST(a_reply_cannot_break_out_of_its_headers)
{
	CHECK_INT(run(reply_headers), 0);
}

/* ---- cancellation ---------------------------------------------------------------------------------------------------- */

static int waiting(const struct hk_http_incoming *in, struct hk_http_reply *out, void *arg) SUSPENDS
{
	struct fixture *f = arg;
	(void)in;
	(void)out;
	f->inside++;
	int r = hk_event_wait(&f->go);
	f->inside--;
	f->left += r == -ECANCELED;
	return r;
}

static int gives_up(void *arg) SUSPENDS
{
	struct fixture *f = arg;
	struct hk_http_response r;
	struct hk_http_error error;
	struct hk_scope s;
	char url[256];
	url_to(url, hk_http_server_port(f->server), "/");
	hk_scope_open(&s, HK_SEC);
	int e = hk_http_get(f->client, url, &r, &error);
	CHECK_INT(e, -ECANCELED);
	CHECK_INT(error.fault, HK_HTTP_CANCELLED);
	CHECK(error.sent);
	return hk_scope_close(&s, e);
}

/* The caller's deadline ends a request; the server is then stopped in the midst of its handlers. */
static int stopped(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	(void)arg;
	fixture_open(&f, waiting, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_INT(gives_up(&f), -ETIMEDOUT);
	CHECK_INT(f.inside, 3);
	fixture_close(&f);
	CHECK_INT(f.inside, 0);
	CHECK_INT(f.left, 3);
	return 0;
}

TEST(a_stopped_server_ends_its_handlers_and_reports_nothing)
{
	CHECK_INT(run(stopped), 0);
	CHECK_INT(reported.count, 0);
}

/* ---- misuse ------------------------------------------------------------------------------------------------------------ */

static int asks(void *arg) SUSPENDS
{
	struct fixture *f = arg;
	struct hk_http_response r;
	char url[256];
	url_to(url, hk_http_server_port(f->server), "/");
	return hk_http_get(f->client, url, &r, NULL);
}

static int frees_client(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	(void)arg;
	fixture_open(&f, waiting, NULL);
	CHECK_INT(hk_spawn(&f.g, asks, &f), 0);
	while (f.inside == 0)
		CHECK_INT(hk_sleep(HK_MS), 0);
	hk_http_client_free(f.client);
	return 0;
}

static int frees_server(void *arg) SUSPENDS
{
	struct fixture f = { 0 };
	(void)arg;
	fixture_open(&f, waiting, NULL);
	CHECK_INT(hk_yield(), 0);
	hk_http_server_free(f.server);
	return 0;
}

static int foreign_reply(void *arg) SUSPENDS
{
	struct hk_http_reply r = { 0 };
	(void)arg;
	return hk_http_reply_add(&r, "x", 1);
}

static int asks_outside(void *arg)
{
	struct hk_http_client *c;
	struct hk_http_response r;
	(void)arg;
	CHECK_INT(hk_http_client_new(NULL, &c, NULL), 0);
	return hk_http_get(c, "http://127.0.0.1:1/", &r, NULL);
}

static int outside(hk_fn *fn)
{
	return fn(NULL);
}

/* In a child process: what it said before it aborted. */
static void check_aborts(int (*how)(hk_fn *), hk_fn *fn, const char *sentence)
{
	int pipes[2], status;
	char said[1024];
	size_t n = 0;
	CHECK_INT(pipe(pipes), 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(pipes[1], 2);
		(void)how(fn);
		_exit(0);
	}
	close(pipes[1]);
	for (ssize_t r; (r = read(pipes[0], said + n, sizeof(said) - 1 - n)) > 0;)
		n += (size_t)r;
	said[n] = 0;
	close(pipes[0]);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(strstr(said, sentence) != NULL);
	if (!strstr(said, sentence))
		printf("# said: %s\n", said);
}

TEST(misuse_stops_with_a_sentence)
{
	check_aborts(run, frees_client, "hk_http_client_free with 1 requests on the way");
	check_aborts(run, frees_server, "hk_http_server_free while it runs");
	check_aborts(outside, asks_outside, "hk_http_exchange() was called where no loop runs");
	check_aborts(run, foreign_reply, "hk_http_reply_add on a reply that no server made");
}

TEST(nothing_is_freed_harmlessly)
{
	hk_http_client_free(NULL);
	hk_http_server_free(NULL);
	hk_http_response_done(&(struct hk_http_response){ 0 });
}

static const struct test tests[] = {
	T(what_arrives_is_what_was_sent),
	T(query_parameters_are_decoded),
	T(many_headers_arrive),
	T(big_bodies_travel_both_ways),
	T(ceilings_hold_on_both_sides),
	T(bad_requests_are_refused_before_anything_is_sent),
	T(bad_answers_have_their_class),
	T(what_cannot_be_reached),
	T(every_class_has_a_name_and_a_code),
	T(redirects_are_followed_for_get),
	T(a_thousand_requests_a_hundred_at_a_time),
	T(a_thousand_requests_in_any_order),
	T(two_threads_have_a_loop_each),
	T(a_failed_handler_is_answered_for_and_reported),
	T(a_reply_cannot_break_out_of_its_headers),
	T(a_stopped_server_ends_its_handlers_and_reports_nothing),
	T(misuse_stops_with_a_sentence),
	T(nothing_is_freed_harmlessly),
};

int main(void)
{
	return RUN_TESTS(tests);
}
