/* jq.c - fuzz target: any bytes compile as a program, or give a mistake with a place inside the text
 *
 * What must hold, for every input:
 *  (1) an error's place lies in the text and something is said.
 *  (2) the same text compiles, or fails, in the same way as an interpolation of a template: "\(" + text + ")".
 *  (3) short native programs run over a small record: what they give is JSON.
 * libjq is left out: it compiles in 20 ms, and it is not ours. */
#include "engine/language/jq_ast.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static int check_value(void *arg, struct slice value, struct err *err)
{
	unsigned *left = arg;
	ASSERT(json_check(value, NULL) == 0);
	return --*left == 0;
}

/* What may take long or much is not run: this looks for memory errors, not for patience. */
static bool is_quick(struct slice text)
{
	static const char *const slow[] = { "range", "*", "recurse", "..", "reduce" };
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++)
		if (memmem(text.p, text.n, slow[i], strlen(slow[i])))
			return false;
	return text.n <= 100;
}

static void run(const struct jq *jq)
{
	unsigned left = 100;
	struct err err = { 0 };
	struct env env = { .record = S("{\"a\":1,\"b\":[1,2.50,\"x\"],\"c\":{\"d\":null,"
				       "\"\\u00e9\":true},\"id\":12345678901234567890}") };
	if (jq_each(jq, &env, check_value, &left, &err) < 0)
		ASSERT(err.text[0]);
}

static void check_embedded(struct slice text, const struct expr_names *names, bool compiles)
{
	AUTO(buf_done) struct buf embedded = { 0 };
	struct expr_error error;
	struct jq *jq;
	size_t end;
	ASSERT(buf_printf(&embedded, "\\(") == 0 && buf_add(&embedded, text) == 0 &&
	       buf_add(&embedded, S("\n)x")) == 0);
	bool same = jq_parse_text(buf_slice(&embedded), 2, true, names, &jq, &end, &error) == 0;
	ASSERT(same || !compiles);
	ASSERT(same ? end <= embedded.n : error.offset + error.length <= embedded.n);
	if (same)
		jq_free(jq);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	struct expr_names names = { .vars = S("{\"a\":1,\"b\":\"x\"}"),
				    .response = n % 2,
				    .rows = n % 3 == 0 };
	struct expr_error error;
	struct jq *jq;
	size_t end;
	bool compiles = jq_parse_text(text, 0, false, &names, &jq, &end, &error) == 0;
	if (!compiles)
		ASSERT(error.offset <= n && error.length <= n - error.offset && error.text[0]);
	check_embedded(text, &names, compiles);
	if (!compiles)
		return 0;
	if (jq_native(jq) && is_quick(text))
		run(jq);
	jq_free(jq);
	return 0;
}
