/* tpl.c - fuzz target: any bytes are a template, or give a mistake with a place inside the text
 *
 * What must hold, for every input: an error's place lies in the text; what compiles gives text, or JSON that is JSON, or an
 * error with words; the head is what every text begins with. Programs that need libjq end the run: it compiles in 20 ms. */
#include "base/json.h"
#include "engine/expr.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static bool is_quick(struct slice text)
{
	static const char *const slow[] = { "range", "*",     "recurse", "..", "reduce", "foreach",
					    "def",   "label", "=",       "(?", "as" };
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++)
		if (memmem(text.p, text.n, slow[i], strlen(slow[i])))
			return false;
	return text.n <= 200;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	struct expr_names names = { .vars = S("{\"a\":1,\"b\":\"x\"}") };
	struct env env = { .record = S("{\"a\":1,\"b\":[1,2.50,\"x\"],\"c\":{\"d\":null}}") };
	enum tpl_kind kind = n % 2 ? TPL_URL : TPL_TEXT;
	AUTO(buf_done) struct buf out = { 0 };
	struct expr_error error;
	struct err err = { 0 };
	struct tpl *t;
	if (!n || !is_quick(text))
		return 0;
	if (tpl_compile(text, kind, &names, &t, &error) < 0) {
		ASSERT(error.offset <= n && error.length <= n - error.offset && error.text[0]);
		return 0;
	}
	if (tpl_text(t, &env, &out, &err) == 0)
		ASSERT(slice_starts(buf_slice(&out), tpl_head(t)));
	else
		ASSERT(err.text[0] && !out.n);
	buf_clear(&out);
	if (utf8_valid(text) && tpl_json(t, &env, &out, &err) == 0)
		ASSERT(json_check(buf_slice(&out), NULL) == 0);
	tpl_free(t);
	return 0;
}
