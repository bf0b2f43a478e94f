/* sort_key.c (tests) - keys compare as jq compares: every pair of many values, judged by our jq's `<` */
#include "engine/expr.h"
#include "engine/run/sort_key.h"
#include "rt/in_loop.h"

static const char *const values[] = {
	"null",
	"false",
	"true",
	"-1e300",
	"-12345678901234567891",
	"-12345678901234567890",
	"-9007199254740993",
	"-9007199254740992",
	"-1.5",
	"-1",
	"-0.0",
	"0",
	"1e-300",
	"0.5",
	"1",
	"1.0",
	"1.10",
	"2",
	"10",
	"9007199254740992",
	"9007199254740993",
	"9007199254740994",
	"12345678901234567890",
	"12345678901234567891",
	"100000000000000000000",
	"1e300",
	"\"\"",
	"\"\\u0000\"",
	"\"\\u0000a\"",
	"\"\\u0001\"",
	"\"A\"",
	"\"a\"",
	"\"a\\u0000\"",
	"\"a\\u0000b\"",
	"\"aa\"",
	"\"b\"",
	"\"\\u00e9\"",
	"\"\xc3\xa9\"",
	"\"\xf0\x9f\x98\x80\"",
	"[]",
	"[null]",
	"[null,null]",
	"[1]",
	"[1,\"a\"]",
	"[\"\"]",
	"[\"a\"]",
	"[\"a\",1]",
	"[\"a\\u0000\"]",
	"[[]]",
	"[[1]]",
	"{}",
	"{\"a\":1}",
	"{\"a\":2}",
	"{\"a\":1,\"b\":0}",
	"{\"b\":0,\"a\":1}",
	"{\"b\":0}",
	"{\"a\":{}}",
	"{\"a\\u0000\":1}",
	"[{}]",
	"[{\"a\":1}]",
};

/* -1, 0, 1 */
static int by_jq(const char *a, const char *b)
{
	AUTO(buf_done) struct buf text = { 0 }, out = { 0 };
	struct jq *q = NULL;
	struct expr_error why;
	struct err err = { 0 };
	CHECK_INT(buf_printf(&text, "[%s,%s]", a, b), 0);
	const char *program = "if .[0] < .[1] then -1 elif .[0] == .[1] then 0 else 1 end";
	CHECK_INT(jq_program_compile(slice_str(program), &(struct expr_names){ 0 }, &q, &why), 0);
	CHECK_INT(jq_one(q, &(struct env){ .record = buf_slice(&text) }, &out, &err), 1);
	jq_free(q);
	return slice_eq_str(buf_slice(&out), "-1") ? -1 : out.p[0] - '0';
}

static int by_key(const char *a, const char *b)
{
	AUTO(buf_done) struct buf x = { 0 }, y = { 0 };
	CHECK_INT(sort_key_put(slice_str(a), &x), 0);
	CHECK_INT(sort_key_put(slice_str(b), &y), 0);
	size_t n = x.n < y.n ? x.n : y.n;
	int r = memcmp(x.p, y.p, n);
	if (r == 0 && x.n != y.n) /* no key is the beginning of another */
		return 9;
	return (r > 0) - (r < 0);
}

TEST_IN_LOOP(keys_compare_as_jq_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			int wanted = by_jq(values[i], values[k]),
			    got = by_key(values[i], values[k]);
			if (wanted != got)
				printf("# %s and %s\n", values[i], values[k]);
			CHECK_INT(got, wanted);
		}
}

static const struct test tests[] = {
	T(keys_compare_as_jq_does),
};

int main(void)
{
	return RUN_TESTS(tests);
}
