/* step_http.c - tests of the HTTP step: what is sent, what is answered, what is refused before anything is sent */
#include "fake_api.h"
#include "base/banned.h"
#include "base/json.h"
#include "check.h"
#include <stdlib.h>

#define JSON "application/json"
#define HOME "http://127.0.0.1:{PORT}"

struct asking {
	const char *options[5]; /* behind http= */
	const char *record;
	bool wants_about, retry_unsafe;
	struct fake_site f;
	struct arena *arena;
	struct rec *rec;
	struct env env;
	struct call call;
	struct err err; /* ask's */
	int result;     /* ask's */
};

/* Options up to the request. */
static void ask(const struct api *api, struct asking *a, const char *url)
{
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "http=%s", api ? api_text(api, url) : url), 0);
	fake_site_open(&a->f, &step_http, verb.p, a->options[0], a->options[1], a->options[2],
		       a->options[3], NULL);
	CHECK_INT(a->f.mistakes, 0);
	a->arena = arena_new();
	a->rec = rec_new(slice_str(a->record ? a->record : "{}"));
	a->env = (struct env){ .record = rec_json(a->rec) };
	a->call = (struct call){
		.rec = a->rec,
		.env = &a->env,
		.arena = a->arena,
		.attempt = 1,
		.wants_about = a->wants_about,
		.retry_unsafe = a->retry_unsafe,
	};
	a->result = step_http.ask(&a->f.site, &a->call, &a->err);
}

static void asking_done(struct asking *a)
{
	buf_done(&a->call.answer.value);
	buf_done(&a->call.answer.headers);
	rec_unref(a->rec);
	arena_free(a->arena);
	fake_site_done(&a->f, &step_http);
	a->call = (struct call){ 0 };
}

static void call(const struct api *api, struct asking *a, const char *url)
{
	ask(api, a, url);
	CHECK_INT(a->result, 0);
	step_http.call(&a->f.site, &a->call);
}

#define API_TEST(name, ...)                                                                   \
	static void name##_body(struct api *, void *);                                        \
	TEST(name)                                                                            \
	{                                                                                     \
		static const struct api_route routes[] = { __VA_ARGS__, { .target = NULL } }; \
		struct api api;                                                               \
		with_api(&api, routes, name##_body, NULL);                                    \
	}                                                                                     \
	static void name##_body(struct api *api, void *unused __attribute__((unused)))

static void check_log(struct api *api, const char *want)
{
	CHECK_SLICE(buf_slice(&api->log), slice_str(want));
	buf_clear(&api->log);
}

API_TEST(a_url_is_a_template, { "/users/a%2Fb", 200, JSON, "{\"name\":\"x\"}" })
{
	struct asking a = { .record = "{\"id\":\"a/b\"}" };
	call(api, &a, HOME "/users/\\(.id)");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.status, 200);
	CHECK_INT(a.call.answer.body, BODY_JSON);
	CHECK_SLICE(buf_slice(&a.call.answer.value), S("{\"name\":\"x\"}"));
	CHECK_SLICE(a.call.answer.type, S("application/json"));
	CHECK_INT(a.call.safety, SAFE);
	CHECK_SLICE(a.call.shown, slice_str(api_text(api, "GET " HOME "/users/a%2Fb")));
	CHECK_SLICE(a.call.lane, slice_str(api_text(api, HOME)));
	CHECK_INT(a.f.facts.effect, EFFECT_READS);
	CHECK_SLICE(a.f.facts.door, S("127.0.0.1"));
	check_log(api, "GET /users/a%2Fb\n");
	asking_done(&a);
}

API_TEST(a_record_may_give_the_whole_url, { "/x?y=1", 200, JSON, "{}" })
{
	AUTO(buf_done) struct buf record = { 0 };
	CHECK_INT(buf_printf(&record, "{\"url\":\"%s\"}", api_text(api, HOME "/x?y=1")), 0);
	struct asking a = { .record = record.p };
	call(api, &a, "\\(.url)");
	CHECK_INT(a.call.answer.status, 200);
	check_log(api, "GET /x?y=1\n");
	asking_done(&a);
}

API_TEST(a_body_makes_it_post, { "/p", 201, JSON, "{}" })
{
	struct asking a = { .options = { "body=hello \\(.who)" },
			    .record = "{\"who\":\"\\\"you\\\"\"}" };
	call(api, &a, HOME "/p");
	check_log(api, "POST /p content-type=application/json: \"hello \\\"you\\\"\"\n");
	CHECK_INT(a.call.answer.status, 201);
	CHECK_INT(a.call.safety, UNSAFE);
	CHECK_INT(a.f.facts.guarantee, APPEND_ONLY);
	asking_done(&a);
	a = (struct asking){
		.options = { "body=a=\\(.n)&b",
			     "headers.Content-Type=application/x-www-form-urlencoded" },
		.record = "{\"n\":1.10}"
	};
	call(api, &a, HOME "/p");
	check_log(api, "POST /p content-type=application/x-www-form-urlencoded: a=1.10&b\n");
	asking_done(&a);
	a = (struct asking){ .options = { "body=\\(.)",
					  "headers.content-type=application/vnd.api+json" },
			     .record = "{\"n\":1.10}",
			     .retry_unsafe = true };
	call(api, &a, HOME "/p");
	check_log(api, "POST /p content-type=application/vnd.api+json: {\"n\":1.10}\n");
	CHECK_INT(a.call.safety, KEYED);
	asking_done(&a);
}

API_TEST(a_method_may_stand_before_the_url, { "/p", 204, NULL, "" })
{
	static const struct {
		const char *url;
		const char *log;
		enum safety safety;
		enum guarantee guarantee;
	} cases[] = {
		{ "PUT " HOME "/p", "PUT /p\n", KEYED, IDEMPOTENT },
		{ "DELETE " HOME "/p", "DELETE /p\n", KEYED, IDEMPOTENT },
		{ "POST " HOME "/p", "POST /p\n", UNSAFE, APPEND_ONLY },
		{ "PATCH " HOME "/p", "PATCH /p\n", UNSAFE, APPEND_ONLY },
		{ "OPTIONS " HOME "/p", "OPTIONS /p\n", SAFE, IDEMPOTENT },
		{ "GET  " HOME "/p", "GET /p\n", SAFE, IDEMPOTENT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asking a = { 0 };
		call(api, &a, cases[i].url);
		CHECK_INT(a.call.verdict, VERDICT_ANSWER);
		CHECK_INT(a.call.answer.body, BODY_NONE);
		CHECK_INT(a.call.safety, cases[i].safety);
		CHECK_INT(a.f.facts.guarantee, cases[i].guarantee);
		check_log(api, cases[i].log);
		asking_done(&a);
	}
}

API_TEST(head_has_no_body, { "/p", 200, JSON, "{\"a\":1}" })
{
	struct asking a = { 0 };
	call(api, &a, "HEAD " HOME "/p");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.body, BODY_NONE);
	check_log(api, "HEAD /p\n");
	asking_done(&a);
}

API_TEST(credentials_become_headers, { "/p", 200, JSON, "{}" })
{
	static const struct {
		const char *option, *log;
	} cases[] = {
		{ "auth.bearer=token", "GET /p authorization=Bearer token\n" },
		{ "auth.basic=Aladdin:open sesame",
		  "GET /p authorization=Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n" },
		{ "auth.basic=a:", "GET /p authorization=Basic YTo=\n" },
		{ "auth.basic=ab:c", "GET /p authorization=Basic YWI6Yw==\n" },
		{ "auth.header=X-Key:  k:1 ", "GET /p x-key=k:1\n" },
		{ "headers.X-Key=\\(.k)", "GET /p x-key=from the record\n" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asking a = { .options = { cases[i].option },
				    .record = "{\"k\":\"from the record\"}" };
		call(api, &a, HOME "/p");
		check_log(api, cases[i].log);
		CHECK(!memmem(a.call.shown.p, a.call.shown.n, "token", 5));
		asking_done(&a);
	}
}

static void check_ask(const char *url, const char *option, const char *record, enum fault fault,
		      const char *why)
{
	struct asking a = { .options = { option }, .record = record };
	ask(NULL, &a, url);
	CHECK_INT(a.result, -1);
	CHECK_INT(a.err.fault, fault);
	CHECK(strstr(a.err.text, why));
	if (!strstr(a.err.text, why))
		printf("# said: %s\n", a.err.text);
	asking_done(&a);
}

TEST(what_must_not_be_sent_is_refused)
{
	check_ask("http://x.org/", "headers.X-A=\\(.v)", "{\"v\":\"a\\rb\"}", FAULT_BAD_VALUE,
		  "line break");
	check_ask("http://x.org/", "headers.X-A=\\(.v)", "{\"v\":\"a\\r\\nEvil: 1\"}",
		  FAULT_BAD_VALUE, "header 'X-A' contains a line break");
	check_ask("http://x.org/", "headers.X-A=\\(.v)", "{\"v\":\"a\\u0000\"}", FAULT_BAD_VALUE,
		  "zero byte");
	check_ask("http://x.org/", "auth.basic=nocolon", "{}", FAULT_CONFIG, "USER:PASSWORD");
	check_ask("http://x.org/", "auth.header=no colon", "{}", FAULT_CONFIG, "NAME: VALUE");
	check_ask("\\(.url)", NULL, "{\"url\":\"ftp://x/\"}", FAULT_BAD_VALUE, "is not a URL");
	check_ask("\\(.url)", NULL, "{}", FAULT_BAD_VALUE, "'.url' is null, and stands in the URL");
	check_ask("http://x.org/\\(.a.b)", NULL, "{\"a\":1}", FAULT_JQ, "");
}

API_TEST(a_credential_of_its_own_name_stays_behind,
	 { "/p", 302, JSON, "{}", "Location", "http://localhost:{PORT}/q" },
	 { "/q", 200, JSON, "{}" })
{
	struct asking a = { .options = { "auth.header=X-Key: s3cret" } };
	call(api, &a, HOME "/p");
	CHECK_INT(a.call.answer.status, 200);
	check_log(api, "GET /p x-key=s3cret\nGET /q\n");
	asking_done(&a);
	a = (struct asking){ .options = { "auth.bearer=s3cret" } };
	call(api, &a, HOME "/p");
	CHECK_INT(a.call.answer.status, 200);
	check_log(api, "GET /p authorization=Bearer s3cret\nGET /q\n");
	asking_done(&a);
}

TEST(a_users_password_is_not_shown)
{
	struct asking a = { 0 };
	ask(NULL, &a, "http://user:geheim@x.org/a");
	CHECK_INT(a.result, 0);
	CHECK(!memmem(a.call.shown.p, a.call.shown.n, "geheim", 6));
	CHECK(slice_starts(a.call.lane, S("http://x.org ")) &&
	      !memmem(a.call.lane.p, a.call.lane.n, "geheim", 6));
	asking_done(&a);
}

/* A lane for each credential: quotas are counted by key. What else differs between requests makes no other lane. */
TEST(the_lane_tells_who_asks)
{
	struct asking a = { .options = { "auth.bearer=\\(.t)" }, .record = "{\"t\":\"one\"}" };
	struct asking b = { .options = { "auth.bearer=\\(.t)" }, .record = "{\"t\":\"two\"}" };
	struct asking c = { .options = { "auth.bearer=one", "headers.X-Request-Id=7" } };
	ask(NULL, &a, "http://x.org/a");
	ask(NULL, &b, "http://x.org/a");
	ask(NULL, &c, "http://x.org/c");
	CHECK_SLICE(a.f.facts.origin, S("http://x.org"));
	CHECK(slice_starts(a.call.lane, S("http://x.org ")));
	CHECK(!slice_eq(a.call.lane, b.call.lane));
	CHECK(slice_eq(a.call.lane, c.call.lane));
	asking_done(&a);
	asking_done(&b);
	asking_done(&c);
}

API_TEST(a_status_is_an_answer, { "/404", 404, "text/plain; charset=utf-8", "no" },
	 { "/429", 429, JSON, "{}", "Retry-After", "3" }, { "/500", 500, "Text/HTML", "<p>" })
{
	struct asking a = { .wants_about = true };
	call(api, &a, HOME "/404");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.status, 404);
	CHECK_INT(a.call.answer.body, BODY_TEXT);
	CHECK_SLICE(a.call.answer.type, S("text/plain"));
	asking_done(&a);
	a = (struct asking){ .wants_about = true };
	call(api, &a, HOME "/429");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.err.retry_after_ns, 3 * INT64_C(1000000000));
	struct slice after;
	CHECK_INT(json_check(buf_slice(&a.call.answer.headers), NULL), 0);
	CHECK(json_field(buf_slice(&a.call.answer.headers), S("retry-after"), &after));
	CHECK_SLICE(after, S("\"3\""));
	asking_done(&a);
	a = (struct asking){ 0 };
	call(api, &a, HOME "/500");
	CHECK_INT(a.call.answer.body, BODY_TEXT);
	CHECK_INT(a.call.answer.headers.n, 0);
	asking_done(&a);
}

API_TEST(the_content_type_decides_the_body, { "/json", 200, "application/problem+json", "{}" },
	 { "/xml", 200, "application/xml", "<a/>" }, { "/png", 200, "image/png", "png" },
	 { "/odd", 200, "", "x" })
{
	static const struct {
		const char *url;
		enum body body;
	} cases[] = { { HOME "/json", BODY_JSON },
		      { HOME "/xml", BODY_TEXT },
		      { HOME "/png", BODY_BLOB },
		      { HOME "/odd", BODY_BLOB } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asking a = { 0 };
		call(api, &a, cases[i].url);
		CHECK_INT(a.call.answer.body, cases[i].body);
		asking_done(&a);
	}
}

API_TEST(an_answer_above_max_body_is_a_fault, { "/p", 200, JSON, "{\"a\":\"0123456789\"}" })
{
	struct asking a = { .options = { "max_body=5" } };
	call(api, &a, HOME "/p");
	CHECK_INT(a.call.verdict, VERDICT_FAULT);
	CHECK_INT(a.call.err.fault, FAULT_TOO_LARGE);
	asking_done(&a);
}

enum { LARGE = 3000000 };
static char large[LARGE + 1]; /* filled by main */

API_TEST(room_is_asked_for_before_a_large_body_is_read, { "/small", 200, "text/plain", "small" },
	 { "/large", 200, "application/pdf", large }, { "/text", 200, "text/plain", large })
{
	static const char *const urls[] = { HOME "/small", HOME "/large", HOME "/text" };
	for (int i = 0; i < 3; i++) {
		struct asking a = { 0 };
		fake_room = (struct fake_room){ .most = i == 2 ? 1000000 : 0 };
		call(api, &a, urls[i]);
		CHECK_INT(a.call.verdict, i == 2 ? VERDICT_FAULT : VERDICT_ANSWER);
		/* A mebibyte, then twice as much, then all that there is. */
		CHECK_INT(fake_room.asked, i == 0 ? 0 : i == 1 ? 3 : 1);
		CHECK_INT(fake_room.bytes, i == 0 ? 0 : i == 1 ? LARGE : 1 << 20);
		CHECK_INT(fake_room.kind, i == 1 ? BODY_BLOB : i == 2 ? BODY_TEXT : BODY_NONE);
		CHECK_INT(a.call.answer.value.n, i == 0 ? 5 : i == 1 ? LARGE : 0);
		if (i == 2)
			CHECK_INT(a.call.err.fault, FAULT_TOO_LARGE);
		asking_done(&a);
	}
	fake_room = (struct fake_room){ 0 };
}

API_TEST(a_port_where_nobody_listens_is_refused, { "/p", 200, JSON, "{}" })
{
	struct asking a = { 0 };
	call(api, &a, "http://127.0.0.1:1/");
	CHECK_INT(a.call.verdict, VERDICT_FAULT);
	CHECK_INT(a.call.err.fault, FAULT_REFUSED);
	CHECK(!a.call.err.sent);
	asking_done(&a);
}

static size_t mistakes(const char *url, const char *option, const char *more)
{
	struct fake_site f;
	fake_site_open(&f, &step_http, url, option, more, NULL);
	size_t n = f.mistakes;
	fake_site_done(&f, &step_http);
	return n;
}

TEST(options_are_checked)
{
	CHECK_INT(mistakes("http=https://x.org/\\(.a)", NULL, NULL), 0);
	CHECK_INT(mistakes("http=\\(.a)", NULL, NULL), 0);
	CHECK_INT(mistakes("http=https://\\(.host)/x", NULL, NULL), 0);
	CHECK_INT(mistakes("http=x.org/a", NULL, NULL), 1);
	CHECK_INT(mistakes("http=x.org/\\(.a)", NULL, NULL), 1);
	CHECK_INT(mistakes("http=FETCH https://x.org/", NULL, NULL), 1);
	CHECK_INT(mistakes("http=post https://x.org/", NULL, NULL), 1);
	CHECK_INT(mistakes("http=\\(.url)", "auth.bearer=a", NULL), 1);
	CHECK_INT(mistakes("http=https://x.org\\(.a)", "auth.bearer=a", NULL), 1);
	CHECK_INT(mistakes("http=https://x.org:\\(.a)/", "headers.Cookie=a", NULL), 1);
	CHECK_INT(mistakes("http=https://x.org/\\(.a)", "auth.bearer=a", NULL), 0);
	CHECK_INT(mistakes("http=https://x.org?a=\\(.a)", "headers.Cookie=a", NULL), 0);
	CHECK_INT(mistakes("http=\\(.url)", "headers.Accept=a", NULL), 0);
	CHECK_INT(mistakes("http=https://x.org/", "headers.Host=y", NULL), 1);
	CHECK_INT(mistakes("http=https://x.org/", "headers.a b=y", NULL), 1);
	CHECK_INT(mistakes("http=https://x.org/", "auth.bearer=a", "auth.basic=b:c"), 1);
	CHECK_INT(mistakes("http=https://x.org/", "auth.bearer=a", "headers.authorization=b"), 1);
	CHECK_INT(mistakes("http=https://x.org/", "auth.header=X: a", "headers.authorization=b"),
		  0);
}

static const struct test tests[] = {
	T(a_url_is_a_template),
	T(a_record_may_give_the_whole_url),
	T(a_body_makes_it_post),
	T(a_method_may_stand_before_the_url),
	T(head_has_no_body),
	T(credentials_become_headers),
	T(what_must_not_be_sent_is_refused),
	T(a_credential_of_its_own_name_stays_behind),
	T(a_users_password_is_not_shown),
	T(the_lane_tells_who_asks),
	T(a_status_is_an_answer),
	T(the_content_type_decides_the_body),
	T(an_answer_above_max_body_is_a_fault),
	T(room_is_asked_for_before_a_large_body_is_read),
	T(a_port_where_nobody_listens_is_refused),
	T(options_are_checked),
};

int main(void)
{
	memset(large, 'x', LARGE);
	return RUN_TESTS(tests);
}
