/* sheet.c - fuzz target: any template, in HTML, with data that wants out
 *
 * What must hold, for every input: a mistake's place lies in the text; and for what compiles: with hostile data the document has
 * the same tags, attributes and places as with harmless data. The input is a template; it is rendered twice, and both documents go
 * through the machine of places side by side: outside of what data wrote they agree byte for byte, and both end in text. */
#include "base/json.h"
#include "engine/language/sheet_markup.h"
#include "engine/sheet.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static void note(void *arg, const struct expr_error *e)
{
	const struct slice *text = arg;
	ASSERT(e->offset <= text->n && e->length <= text->n - e->offset && e->text[0]);
}

/* Programs that libjq runs, or that run for long, end the run: it compiles in 20 ms. */
static bool is_quick(struct slice text)
{
	static const char *const slow[] = { "range",   "*",    "recurse", "..",  "reduce",
					    "foreach", "def",  "label",   "=.",  "|=",
					    "(?",      "as [", "as {",    "raw", "sub" };
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++)
		if (memmem(text.p, text.n, slow[i], strlen(slow[i])))
			return false;
	return text.n <= 300;
}

static const struct slice harmless =
	S("{\"a\":\"x\",\"b\":[\"x\",\"y\"],\"c\":{\"d\":\"x\",\"e\":1}}");
static const struct slice hostile[] = {
	S("{\"a\":\"</script></style></title></textarea>--><x y='z' \\\"\",\"b\":[\"'\\\"><x\",\" "
	  "onclick=x\"],"
	  "\"c\":{\"d\":\"\\\\\\\" ]]>*/\\n\",\"e\":1}}"),
	S("{\"a\":\"javascript:x\",\"b\":[\"/\",\"!--\"],\"c\":{\"d\":\"script\",\"e\":-1}}"),
	S("{\"a\":\"\",\"b\":[\"-\",\"\"],\"c\":{\"d\":\"/title \",\"e\":1}}"),
};

/* The places that a document goes through, without what stands there: runs of them are one. */
static bool places_of(struct slice document, bool xml, struct buf *out)
{
	struct markup m;
	struct markup_mistake mistake = { 0 };
	const char *last;
	markup_init(&m, xml);
	last = markup_where(&m);
	for (size_t i = 0; i < document.n; i++) {
		if (!markup_pass(&m, (struct slice){ document.p + i, 1 }, &mistake))
			return false;
		if (markup_where(&m) != last) {
			last = markup_where(&m);
			ASSERT(buf_add(out, slice_str(last)) == 0 && buf_add_char(out, '\n') == 0);
		}
	}
	return true;
}

static void compare(const struct sheet *s, bool xml, struct slice record, struct slice wanted)
{
	struct env env = { .record = record };
	struct err err = { 0 };
	AUTO(buf_done) struct buf out = { 0 }, places = { 0 };
	if (sheet_render(s, &env, true, &out, &err) < 0) {
		ASSERT(err.text[0] && !out.n);
		return;
	}
	ASSERT(places_of(buf_slice(&out), xml, &places));
	ASSERT(slice_eq(buf_slice(&places), wanted));
}

/* Conditions may go another way with other data: only templates without them are compared. */
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	struct expr_names names = { .vars = S("{\"v\":1}") };
	enum sheet_kind kind = (enum sheet_kind)(n % 3);
	AUTO(buf_done) struct buf out = { 0 }, places = { 0 };
	struct err err = { 0 };
	struct sheet *s;
	if (!is_quick(text) || sheet_compile(text, kind, "t", &names, note, &text, &s) < 0)
		return 0;
	bool straight = kind != SHEET_TEXT && !memmem(bytes, n, "if", 2) &&
			!memmem(bytes, n, "//", 2) && !memmem(bytes, n, "CDATA", 5) &&
			!memmem(bytes, n, "<!-", 3) && !memmem(bytes, n, "for", 3);
	if (sheet_render(s, &(struct env){ .record = harmless }, true, &out, &err) == 0 &&
	    straight && places_of(buf_slice(&out), kind == SHEET_XML, &places))
		for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
			compare(s, kind == SHEET_XML, hostile[i], buf_slice(&places));
	sheet_free(s);
	return 0;
}
