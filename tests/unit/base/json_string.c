/* json_string.c - tests of json_unquote and json_quote
 *
 * The expected texts of json_quote are what `jq -Rs .` (1.6) prints for the same bytes. One difference is meant: at
 * the end of its input jq takes up to three valid bytes along with the start of a character that is cut. */
#include "base/json.h"
#include "base/rand.h"
#include "check.h"
#include <errno.h>

static void check_unquote(const char *raw, struct slice want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(buf_add_char(&out, '>'), 0);
	CHECK_INT(json_unquote(slice_str(raw), &out), 0);
	CHECK_SLICE(slice_from(buf_slice(&out), 1), want);
	CHECK(out.p[out.n] == 0);
}

TEST(escapes_become_characters)
{
	check_unquote("\"\"", S(""));
	check_unquote("\"plain\"", S("plain"));
	check_unquote("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", S("\"\\/\b\f\n\r\t"));
	check_unquote("\"\\u0041\\u00e9\\u4e2d\\uD83D\\uDE00\"",
		      S("A\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"));
	check_unquote("\"a\\u0000b\"", S("a\0b"));
	check_unquote("\"\\uABCD\\uabcd\"", S("\xea\xaf\x8d\xea\xaf\x8d"));
	check_unquote("\"more than eight bytes \\n and again more\"",
		      S("more than eight bytes \n and again more"));
	check_unquote("\"\\\\u0041\"", S("\\u0041"));
}

TEST(what_is_no_string_is_refused)
{
	static const char *const bad[] = { "",
					   "\"",
					   "a",
					   "12",
					   "\"a",
					   "a\"",
					   "\"\\\"",
					   "\"\\x\"",
					   "\"\\u12\"",
					   "\"\\ud800\"",
					   "\"\\udc00\"",
					   "\"ok\\ud800\\n\"",
					   "\"1234567\\\"",
					   "\"\\u000g\"" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		CHECK_INT(buf_add_char(&out, '>'), 0);
		CHECK_INT(json_unquote(slice_str(bad[i]), &out), -EBADMSG);
		CHECK_STR(out.p, ">");
	}
}

static void check_quote(struct slice text, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(json_quote(text, &out), 0);
	CHECK_STR(out.p, want);
	CHECK_INT(json_check(buf_slice(&out), NULL), 0);
}

TEST(quotes_as_jq_does)
{
	check_quote((struct slice){ 0 }, "\"\"");
	check_quote(S("plain"), "\"plain\"");
	check_quote(S("\"\\/"), "\"\\\"\\\\/\"");
	check_quote(S("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
	check_quote(S("\x01\x0b\x1f"), "\"\\u0001\\u000b\\u001f\"");
	check_quote(S("a\0b"), "\"a\\u0000b\"");
	check_quote(S("\x7f"), "\"\\u007f\"");
	check_quote(S("12345678\x7f"
		      "90"),
		    "\"12345678\\u007f90\"");
	check_quote(S("<>&'"), "\"<>&'\"");
	check_quote(S("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"),
		    "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"");
	check_quote(S("\xe2\x80\xa8\xc2\x80"), "\"\xe2\x80\xa8\xc2\x80\"");
}

#define FFFD "\xef\xbf\xbd"

TEST(broken_utf8_becomes_replacement_characters)
{
	check_quote(S("\xff"), "\"" FFFD "\"");
	check_quote(S("a\x80z"), "\"a" FFFD "z\"");
	check_quote(S("\xc3(x"), "\"" FFFD "(x\"");
	check_quote(S("\xe4\xb8(x"), "\"" FFFD "(x\"");
	check_quote(S("\xed\xa0\x80x"), "\"" FFFD "x\"");
	check_quote(S("\xe0\x80\x80x"), "\"" FFFD "x\"");
	check_quote(S("\xf4\x90\x80\x80x"), "\"" FFFD "x\"");
	check_quote(S("\xc0\x80x"), "\"" FFFD FFFD "x\"");
	check_quote(S("\x80\x80x"), "\"" FFFD FFFD "x\"");
	check_quote(S("\xf5\x80\x80\x80x"), "\"" FFFD FFFD FFFD FFFD "x\"");
	check_quote(S("ab\xe4\xb8"), "\"ab" FFFD "\"");
	check_quote(S("\xc3\xa9\xc3"), "\"\xc3\xa9" FFFD "\"");
}

TEST(any_valid_text_comes_back)
{
	struct rand r;
	rand_seed(&r, 21);
	for (int i = 0; i < 20000; i++) {
		AUTO(buf_done) struct buf text = { 0 }, quoted = { 0 }, back = { 0 };
		size_t n = rand_below(&r, 30);
		for (size_t k = 0; k < n; k++) {
			static const uint32_t limits[] = { 0x20,  0x80,   0x80,    0x80,
							   0x100, 0x3000, 0x110000 };
			uint32_t c = (uint32_t)rand_below(
				&r, limits[rand_below(&r, ARRAY_SIZE(limits))]);
			char utf8[4];
			if ((c & 0xfffff800) == 0xd800)
				c = '"';
			CHECK_INT(buf_add(&text, (struct slice){ utf8, utf8_put(c, utf8) }), 0);
		}
		CHECK_INT(json_quote(buf_slice(&text), &quoted), 0);
		CHECK_INT(json_check(buf_slice(&quoted), NULL), 0);
		CHECK_INT(json_unquote(buf_slice(&quoted), &back), 0);
		CHECK_SLICE(buf_slice(&back), buf_slice(&text));
	}
}

TEST(any_bytes_become_a_valid_string)
{
	static const char likely[] = "\xe4\xb8\xf0\x9f\xed\xa0\x80\xc3";
	struct rand r;
	rand_seed(&r, 22);
	for (int i = 0; i < 20000; i++) {
		size_t n = rand_below(&r, 24);
		AUTO(freep) char *bytes = xmalloc(n); /* exact, for ASan */
		for (size_t k = 0; k < n; k++)
			bytes[k] = rand_below(&r, 2) ? (char)rand_below(&r, 256)
						     : likely[rand_below(&r, 8)];
		AUTO(buf_done) struct buf quoted = { 0 }, text = { 0 }, again = { 0 };
		CHECK_INT(json_quote((struct slice){ bytes, n }, &quoted), 0);
		CHECK_INT(json_check(buf_slice(&quoted), NULL), 0);
		CHECK_INT(json_unquote(buf_slice(&quoted), &text), 0);
		CHECK(utf8_valid(buf_slice(&text)));
		CHECK_INT(json_quote(buf_slice(&text), &again), 0);
		CHECK_SLICE(buf_slice(&again), buf_slice(&quoted));
		AUTO(buf_done) struct buf out = { 0 };
		if (json_unquote((struct slice){ bytes, n }, &out) < 0)
			CHECK_INT(out.n, 0);
	}
}

TEST(full_buffers_get_nothing)
{
	struct slice text = S("a \"quoted\" line\n\xc3\xa9 and a broken \xff");
	AUTO(buf_done) struct buf whole = { 0 };
	CHECK_INT(json_quote(text, &whole), 0);
	for (size_t max = 1; max <= whole.n; max++) {
		AUTO(buf_done) struct buf out = { .max = max };
		CHECK_INT(json_quote(text, &out), max < whole.n ? -EMSGSIZE : 0);
		CHECK_INT(out.n, max < whole.n ? 0 : whole.n);
		buf_clear(&out);
		if (json_unquote(buf_slice(&whole), &out) < 0)
			CHECK_INT(out.n, 0);
		else
			CHECK(max >= whole.n - 2);
	}
}

static const struct test tests[] = {
	T(escapes_become_characters), T(what_is_no_string_is_refused),
	T(quotes_as_jq_does),         T(broken_utf8_becomes_replacement_characters),
	T(any_valid_text_comes_back), T(any_bytes_become_a_valid_string),
	T(full_buffers_get_nothing),
};

int main(void)
{
	return RUN_TESTS(tests);
}
