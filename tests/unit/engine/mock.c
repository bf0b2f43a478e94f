/* mock.c - what a call is answered with, by record and attempt */
#include "../check.h"
#include "engine/cases.h"
#include "engine/plan.h"
#include "fakes.h"

#include <hocket/types.h>
#include <stdio.h>

static struct plan *plan;
static struct arena *arena;
static struct call call;
static struct err err;

static const struct mock *mock_of(const char *text, size_t records)
{
	AUTO(buf_done) struct buf yaml = { 0 };
	struct diag *diag = diag_new("mock.yaml");
	const struct plan_settings settings = { .registry = &fakes };
	plan_free(plan);
	CHECK_INT(buf_printf(&yaml,
			     "from: {jsonl: a.jsonl}\n"
			     "steps: [{http: 'https://api.example.com'}]\n"
			     "to: {jsonl: b.jsonl}\n"
			     "tests: [{in: [%s], mock: {http: %s}, out: []}]\n",
			     records == 1 ? "{}" : "{}, {}, {}", text),
		  0);
	plan = plan_parse(buf_slice(&yaml), "mock.yaml", "/data", &settings, diag);
	diag_free(diag);
	if (!plan)
		return NULL;
	const struct case_named *found = case_find(&plan->tests[0].mocks, &plan->steps[0]);
	return found ? found->mock : NULL;
}

/* Of the record at this position, on this attempt. */
static int ask(const struct mock *m, bool rows, uint64_t position, unsigned attempt)
{
	static struct env_meta meta;
	static struct env env;
	meta = (struct env_meta){ .position = position, .attempt = attempt };
	env = (struct env){ .record = S("{\"id\":7}"), .meta = &meta };
	buf_done(&call.answer.value);
	buf_done(&call.answer.headers);
	call = (struct call){
		.env = &env, .arena = arena, .attempt = attempt, .shown = S("GET x")
	};
	err = (struct err){ 0 };
	return mock_answer(m, rows, &call, &err);
}

static const char *body(const char *mock, uint64_t position, unsigned attempt)
{
	static char text[200];
	const struct mock *m = mock_of(mock, 3);
	if (!m || ask(m, false, position, attempt) < 0 || call.verdict != VERDICT_ANSWER)
		return "no answer";
	snprintf(text, sizeof text, "%d %.*s", call.answer.status,
		 SLICE(buf_slice(&call.answer.value)));
	return text;
}

TEST(a_value_is_the_body)
{
	CHECK_STR(body("{name: Ana, $n: 1}", 1, 1), "no answer");
	CHECK_STR(body("{name: Ana}", 1, 1), "200 {\"name\":\"Ana\"}");
	CHECK_INT(call.answer.body, BODY_JSON);
	CHECK_STR(body("[1, 2]", 1, 1), "200 [1,2]");
	CHECK_STR(body("some text", 1, 1), "200 some text");
	CHECK_INT(call.answer.body, BODY_TEXT);
	CHECK_STR(body("{$status: 204}", 1, 1), "204 ");
	CHECK_INT(call.answer.body, BODY_NONE);
}

TEST(headers_are_as_programs_see_them)
{
	CHECK_STR(
		body("{$headers: {X-Left: 3, Retry-After: 7, Content-Type: image/png}, $body: ab}",
		     1, 1),
		"200 ab");
	CHECK(slice_eq(
		buf_slice(&call.answer.headers),
		S("{\"x-left\":\"3\",\"retry-after\":\"7\",\"content-type\":\"image/png\"}")));
	CHECK_INT(call.err.retry_after_ns / HK_SEC, 7);
	CHECK_INT(call.answer.body, BODY_BLOB);
	CHECK(slice_eq_str(call.answer.type, "image/png"));
}

TEST(attempts_are_a_records_own)
{
	static const char m[] = "{$attempts: [{$status: 503}, {$status: 429}, good]}";
	CHECK_STR(body(m, 1, 1), "503 ");
	CHECK_STR(body(m, 2, 2), "429 ");
	CHECK_STR(body(m, 1, 3), "200 good");
	CHECK_STR(body(m, 3, 9), "200 good");
}

TEST(each_record_has_its_own)
{
	static const char m[] = "{$each: [a, {$attempts: [b, c]}, {$jq: '.id + $meta.attempt'}]}";
	CHECK_STR(body(m, 1, 2), "200 a");
	CHECK_STR(body(m, 2, 1), "200 b");
	CHECK_STR(body(m, 2, 2), "200 c");
	CHECK_STR(body(m, 3, 2), "200 9");
	CHECK_INT(ask(mock_of(m, 3), false, 4, 1), -1);
	CHECK(strstr(err.text, "use $jq"));
}

TEST(a_program_may_make_all_of_it)
{
	CHECK_STR(body("{$jq: '{\"$status\": 404, \"$body\": \"no \\(.id)\"}'}", 1, 1), "404 no 7");
	CHECK_INT(ask(mock_of("{$jq: '{\"$status\": 1}'}", 1), false, 1, 1), -1);
	CHECK(strstr(err.text, "a status is a number"));
	CHECK_INT(ask(mock_of("{$jq: empty}", 1), false, 1, 1), -1);
	CHECK(strstr(err.text, "no answer for this record"));
	CHECK_INT(ask(mock_of("{$jq: error}", 1), false, 1, 1), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
}

TEST(faults_say_what_may_have_been_done)
{
	CHECK_INT(ask(mock_of("{$fault: timeout}", 1), false, 1, 1), 0);
	CHECK(call.verdict == VERDICT_FAULT && call.err.fault == FAULT_TIMEOUT && call.err.sent);
	CHECK_INT(ask(mock_of("{$fault: refused}", 1), false, 1, 1), 0);
	CHECK(call.err.fault == FAULT_REFUSED && !call.err.sent);
	CHECK_INT(ask(mock_of("{$state: '40001'}", 1), true, 1, 1), 0);
	CHECK(call.err.fault == FAULT_SQL);
	CHECK_STR(call.err.state, "40001");
}

TEST(rows_are_a_list)
{
	CHECK_INT(ask(mock_of("[{id: 1}]", 1), true, 1, 1), 0);
	CHECK_INT(call.answer.status, 0);
	CHECK(slice_eq(buf_slice(&call.answer.value), S("[{\"id\":1}]")));
	CHECK_INT(ask(mock_of("{$jq: '{id}'}", 1), true, 1, 1), -1);
	CHECK(strstr(err.text, "rows are a list of mappings"));
}

static const struct test tests[] = {
	T(a_value_is_the_body),
	T(headers_are_as_programs_see_them),
	T(attempts_are_a_records_own),
	T(each_record_has_its_own),
	T(a_program_may_make_all_of_it),
	T(faults_say_what_may_have_been_done),
	T(rows_are_a_list),
};
int main(void)
{
	arena = arena_new();
	int failed = RUN_TESTS(tests);
	buf_done(&call.answer.value);
	buf_done(&call.answer.headers);
	plan_free(plan);
	arena_free(arena);
	return failed;
}
