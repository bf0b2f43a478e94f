/* plan.c - fuzz target: a pipeline file of any bytes
 *
 * What must hold, for every input:
 *  (1) there is a plan, or there are mistakes; never both, never neither.
 *  (2) what is printed is text that a terminal survives: UTF-8 without control characters.
 *  (3) a file that made a plan makes it again, with the same hash. */
#include "../unit/engine/fakes.h"
#include "base/utf8.h"
#include "engine/plan.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

/* libfyaml 0.7.12 forgets a block when a quoted scalar with many escapes is never closed. It is not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void check_printed(const struct diag *diag)
{
	AUTO(buf_done) struct buf out = { 0 };
	ASSERT(diag_print(diag, false, &out) == 0);
	ASSERT(utf8_valid(buf_slice(&out)));
	for (size_t i = 0; i < out.n; i++) {
		unsigned char c = (unsigned char)out.p[i];
		ASSERT(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f));
	}
	ASSERT((out.n > 0) == (diag_count(diag) > 0));
}

/* The plan's hash; 0: there is no plan. */
static uint64_t plan_once(struct slice text)
{
	const struct plan_settings settings = { .registry = &fakes };
	struct diag *diag = diag_new("fuzz.yaml");
	struct plan *plan = plan_parse(text, "fuzz.yaml", "/data", &settings, diag);
	uint64_t hash = plan ? plan->hash | 1 : 0;

	ASSERT((plan != NULL) == (diag_count(diag) == 0));
	check_printed(diag);
	plan_free(plan);
	diag_free(diag);
	return hash;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	uint64_t hash = plan_once(text);

	ASSERT(hash == 0 || plan_once(text) == hash);
	return 0;
}
