/* json_check.c - tests of json_check and json_compact: one table of texts in the manner of JSONTestSuite
 *
 * y: every parser must accept it. n: every parser must refuse it, here at the given byte. i: RFC 8259 leaves it to
 * the implementation; ours is strict about text and generous about numbers. */
#include "base/json.h"
#include "base/rand.h"
#include "check.h"
#include <errno.h>

#define OK SIZE_MAX

static const struct json_case {
	const char *name;
	struct slice text;
	size_t stops; /* OK, or the offset of the error */
} cases[] = {
#define Y(name, text)                                     \
	{                                                 \
		"y " name, { text, sizeof(text) - 1 }, OK \
	}
#define N(name, at, text)                                 \
	{                                                 \
		"n " name, { text, sizeof(text) - 1 }, at \
	}
#define I_YES(name, text)                                 \
	{                                                 \
		"i " name, { text, sizeof(text) - 1 }, OK \
	}
#define I_NO(name, at, text)                              \
	{                                                 \
		"i " name, { text, sizeof(text) - 1 }, at \
	}
	/* values on their own */
	Y("null", "null"),
	Y("true", "true"),
	Y("false", "false"),
	Y("zero", "0"),
	Y("minus zero", "-0"),
	Y("empty string", "\"\""),
	Y("empty array", "[]"),
	Y("empty object", "{}"),
	Y("blanks around", " \t\r\n[] \t\r\n"),
	Y("blanks inside empty", "[ \n]"),
	Y("blanks inside empty object", "{\t}"),
	Y("blanks everywhere", " { \"a\" : [ 1 , 2 ] , \"b\" : { } } "),
	N("nothing", 0, ""),
	N("only blanks", 3, " \n "),
	N("cut null", 3, "nul"),
	N("cut true", 1, "t"),
	N("capital True", 0, "True"),
	N("NULL", 0, "NULL"),
	N("nullx", 4, "nullx"),
	N("wrong word", 2, "trze"),
	N("undefined", 0, "undefined"),
	N("two values", 2, "1 2"),
	N("two containers", 2, "[][]"),
	N("a comma behind", 2, "{},"),
	N("byte order mark", 0, "\xef\xbb\xbf{}"),
	N("UTF-16", 0, "\xff\xfe[\0]\0"),
	N("form feed is no blank", 0, "\f1"),
	N("no-break space is no blank", 1, "[\xc2\xa0]"),
	N("vertical tab", 1, "[\v1]"),
	N("NUL for a value", 0, "\0"),
	N("NUL behind", 1, "1\0"),
	N("comment", 2, "{}/**/"),
	N("comment line", 2, "[]//"),
	N("hash comment", 2, "[]#"),
	N("unquoted", 0, "abc"),
	N("single quotes", 0, "'a'"),
	N("a star", 1, "[*]"),
	N("a lonely colon", 1, "[:]"),
	/* numbers */
	Y("int", "123"),
	Y("negative", "-1"),
	Y("fraction", "1.10"),
	Y("small exponent", "1e5"),
	Y("capital exponent", "1E5"),
	Y("plus exponent", "1e+05"),
	Y("minus exponent", "1E-05"),
	Y("zero exponent", "0e0"),
	Y("fraction and exponent", "-0.0e-0"),
	Y("number then blank", "[1 ]"),
	I_YES("more digits than a double", "12345678901234567890.12345678901234567890"),
	I_YES("beyond double", "1e9999"),
	I_YES("below double", "-1e-9999"),
	I_YES("beyond int64", "-9223372036854775809"),
	N("leading zero", 1, "01"),
	N("two zeros", 1, "00"),
	N("negative leading zero", 2, "-01"),
	N("plus", 0, "+1"),
	N("minus alone", 1, "-"),
	N("two minus", 1, "--1"),
	N("minus letter", 1, "-a"),
	N("minus Infinity", 1, "-Infinity"),
	N("Infinity", 0, "Infinity"),
	N("NaN", 0, "NaN"),
	N("nan", 1, "nan"),
	N("point alone", 0, ".5"),
	N("point at the end", 2, "1."),
	N("point then bracket", 3, "[1.]"),
	N("point then exponent", 2, "1.e5"),
	N("negative point", 1, "-.5"),
	N("exponent without digits", 2, "1e"),
	N("exponent sign without digits", 3, "1e+"),
	N("exponent and letter", 2, "1ea"),
	N("exponent with fraction", 3, "1e5.0"),
	N("two exponents", 3, "1e5e5"),
	N("two points", 3, "1.2.3"),
	N("hex", 1, "0x1F"),
	N("grouping", 1, "1_000"),
	N("blank inside", 3, "[1 000]"),
	N("fullwidth digit", 0, "\xef\xbc\x91"),
	N("trailing letter", 1, "1a"),
	/* strings */
	Y("plain", "\"hello\""),
	Y("all short escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	Y("unicode escape", "\"\\u00e9\\u4E2D\""),
	Y("escaped NUL", "\"\\u0000\""),
	Y("surrogate pair", "\"\\ud83d\\ude00\""),
	Y("last character", "\"\\udbff\\udfff\""),
	Y("first beyond the plane", "\"\\ud800\\udc00\""),
	Y("escaped noncharacter", "\"\\uffff\""),
	Y("two bytes", "\"\xc3\xa9\""),
	Y("three bytes", "\"\xe4\xb8\xad\""),
	Y("four bytes", "\"\xf0\x9f\x98\x80\""),
	Y("highest", "\"\xf4\x8f\xbf\xbf\""),
	Y("noncharacter", "\"\xef\xbf\xbf\""),
	Y("line separator", "\"\xe2\x80\xa8\""),
	Y("DEL", "\"\x7f\""),
	Y("quote at the eighth byte", "\"1234567\""),
	Y("quote at the ninth byte", "\"12345678\""),
	Y("escape across words", "\"1234567\\n9\""),
	Y("backslash last", "\"\\\\\""),
	Y("brackets inside", "\"[{]},:\""),
	N("open", 1, "\""),
	N("open with text", 4, "\"abc"),
	N("open with long text", 20, "\"abcdefghijklmnopqrs"),
	N("newline", 2, "\"a\nb\""),
	N("tab", 1, "\"\t\""),
	N("NUL inside", 2, "\"a\0b\""),
	N("0x1f", 9, "\"12345678\x1f\""),
	N("escape at the end", 1, "\"\\"),
	N("escaped quote at the end", 3, "\"\\\""),
	N("unknown escape", 1, "\"\\x41\""),
	N("escape a", 1, "\"\\a\""),
	N("escape zero", 1, "\"\\0\""),
	N("escaped newline", 1, "\"\\\n\""),
	N("escaped non-ASCII", 1, "\"\\\xc3\xa9\""),
	N("capital U", 1, "\"\\U0041\""),
	N("unicode cut", 1, "\"\\u00e\""),
	N("unicode at the end", 1, "\"\\u00e"),
	N("unicode with a letter", 1, "\"\\u00g0\""),
	N("unicode with a sign", 1, "\"\\u-123\""),
	N("unicode with braces", 1, "\"\\u{41}\""),
	I_NO("lone high surrogate", 1, "\"\\ud800\""),
	I_NO("lone low surrogate", 1, "\"\\udc00\""),
	I_NO("high then text", 1, "\"\\ud800abcdef\""),
	I_NO("high then other escape", 1, "\"\\ud800\\n12345\""),
	I_NO("high then high", 1, "\"\\ud800\\ud800\""),
	I_NO("high then plain unicode", 1, "\"\\ud800\\u0041\""),
	I_NO("high then cut", 1, "\"\\ud800\\udc0\""),
	I_NO("pair in the wrong order", 1, "\"\\udc00\\ud800\""),
	I_NO("low then low", 1, "\"\\udc00\\udc00\""),
	I_NO("high then beyond the low ones", 1, "\"\\ud800\\ue000\""),
	I_NO("pair then lone", 13, "\"\\ud83d\\ude00\\ud83d\""),
	I_NO("continuation alone", 1, "\"\x80\""),
	I_NO("overlong slash", 1, "\"\xc0\xaf\""),
	I_NO("overlong NUL", 1, "\"\xc0\x80\""),
	I_NO("overlong three", 1, "\"\xe0\x80\xaf\""),
	I_NO("overlong four", 1, "\"\xf0\x80\x80\xaf\""),
	I_NO("surrogate in UTF-8", 1, "\"\xed\xa0\x80\""),
	I_NO("beyond U+10FFFF", 1, "\"\xf4\x90\x80\x80\""),
	I_NO("five bytes", 1, "\"\xf8\x88\x80\x80\x80\""),
	I_NO("0xff", 2, "\"a\xff\""),
	I_NO("two bytes cut", 1, "\"\xc3\""),
	I_NO("three bytes cut", 1, "\"\xe4\xb8\""),
	I_NO("four bytes cut", 1, "\"\xf0\x9f\x98\""),
	I_NO("cut by the end", 3, "\"ab\xe4\xb8"),
	I_NO("Latin-1", 4, "\"caf\xe9\""),
	I_NO("broken behind good", 4, "\"\xe4\xb8\xad\xb8\""),
	/* arrays */
	Y("one", "[1]"),
	Y("mixed", "[null,true,false,1,\"a\",[],{}]"),
	Y("nested", "[[[[[]]]]]"),
	Y("empty neighbours", "[[],[],{}]"),
	N("open array", 1, "["),
	N("open after value", 2, "[1"),
	N("open after comma", 3, "[1,"),
	N("trailing comma", 3, "[1,]"),
	N("leading comma", 1, "[,1]"),
	N("double comma", 3, "[1,,2]"),
	N("only comma", 1, "[,]"),
	N("no comma", 3, "[1 true]"),
	N("strings without comma", 4, "[\"a\"\"b\"]"),
	N("colon for comma", 4, "[\"a\":1]"),
	N("semicolon", 2, "[1;2]"),
	N("wrong end", 2, "[1}"),
	N("wrong end of empty", 1, "[}"),
	N("too many ends", 3, "[1]]"),
	N("end alone", 0, "]"),
	N("inner open", 4, "[[1]"),
	N("empty open inner", 2, "[["),
	/* objects */
	Y("one member", "{\"a\":1}"),
	Y("two members", "{\"a\":1,\"b\":2}"),
	Y("empty key", "{\"\":0}"),
	Y("equal keys", "{\"a\":1,\"a\":2}"),
	Y("escaped key", "{\"\\u0061\\n\":1}"),
	Y("nested objects", "{\"a\":{\"b\":{\"c\":{}}}}"),
	Y("array of objects", "[{\"a\":[]},{\"a\":[{}]}]"),
	N("open object", 1, "{"),
	N("key only", 4, "{\"a\"}"),
	N("key cut", 4, "{\"a\""),
	N("colon missing", 5, "{\"a\" 1}"),
	N("comma for colon", 4, "{\"a\",1}"),
	N("value missing", 5, "{\"a\":}"),
	N("value cut", 5, "{\"a\":"),
	N("two colons", 5, "{\"a\"::1}"),
	N("trailing comma", 7, "{\"a\":1,}"),
	N("leading comma", 1, "{,\"a\":1}"),
	N("double comma", 7, "{\"a\":1,,\"b\":2}"),
	N("no comma", 7, "{\"a\":1 \"b\":2}"),
	N("open after value", 6, "{\"a\":1"),
	N("open after comma", 7, "{\"a\":1,"),
	N("number key", 1, "{1:1}"),
	N("null key", 1, "{null:1}"),
	N("unquoted key", 1, "{a:1}"),
	N("single-quoted key", 1, "{'a':1}"),
	N("value without key", 1, "{[]}"),
	N("wrong end", 6, "{\"a\":1]"),
	N("wrong end of empty", 1, "{]"),
	N("end alone", 0, "}"),
	N("bad key text", 2, "{\"\x01\":1}"),
	N("text behind", 2, "{}x"),
	N("brace behind", 2, "{}}"),
};

/* The text in memory of exactly its size, so that ASan sees any byte read behind it. */
static struct slice exact(struct slice text)
{
	char *p = xmalloc(text.n);
	memcpy(p, text.p, text.n);
	return (struct slice){ p, text.n };
}

static void check_case(const struct json_case *c)
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(buf_done) struct buf out = { 0 };
	struct slice text = exact(c->text);
	struct json_error err = { 0 };
	struct json *tree;
	int error = json_check(text, &err);
	size_t stopped = error ? err.offset : OK;
	if (stopped != c->stops || (error && !err.what))
		printf("# %s\n", c->name);
	CHECK_INT(stopped, c->stops);
	CHECK(!error || err.what);
	CHECK_INT(error, c->stops == OK ? 0 : -EBADMSG);
	CHECK_INT(json_check(text, NULL), error);
	CHECK_INT(json_compact(text, &out, NULL), error);
	CHECK(!error || out.n == 0);
	CHECK_INT(json_parse(arena, text, &tree, NULL), error);
	freep(&text.p);
}

TEST(table)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_case(&cases[i]);
	CHECK(ARRAY_SIZE(cases) >= 120);
}

/* A valid text of more than a bare number has no valid prefix; a cut is noticed where the text ends, or at
 * the start of the token that is cut. */
TEST(every_cut_is_refused)
{
	struct slice text = S("{\"a\":[1.5e3,true,null,\"x\\u00e9\\ud83d\\ude00\xe4\xb8\xad\"],"
			      "\"b\":{\"c\":false}}");
	CHECK_INT(json_check(text, NULL), 0);
	for (size_t n = 0; n < text.n; n++) {
		struct slice cut = exact(slice_head(text, n));
		struct json_error err = { 0 };
		CHECK_INT(json_check(cut, &err), -EBADMSG);
		CHECK(err.offset <= n && n - err.offset < 12);
		freep(&cut.p);
	}
}

static struct buf nested(const char *open, const char *close, size_t depth, const char *inner)
{
	struct buf b = { 0 };
	for (size_t i = 0; i < depth; i++)
		CHECK_INT(buf_add(&b, slice_str(open)), 0);
	CHECK_INT(buf_add(&b, slice_str(inner)), 0);
	for (size_t i = 0; i < depth; i++)
		CHECK_INT(buf_add(&b, slice_str(close)), 0);
	return b;
}

TEST(depth_has_a_limit)
{
	static const struct {
		const char *open, *close, *inner;
	} shapes[] = { { "[", "]", "" },
		       { "[", "]", "1" },
		       { "{\"a\":", "}", "null" },
		       { "[{\"a\":", "}]", "0" } };
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t levels = i == 3 ? JSON_MAX_DEPTH / 2 : JSON_MAX_DEPTH;
		AUTO(buf_done)
		struct buf fits = nested(shapes[i].open, shapes[i].close, levels, shapes[i].inner);
		AUTO(buf_done)
		struct buf deeper =
			nested(shapes[i].open, shapes[i].close, levels + 1, shapes[i].inner);
		AUTO(arena_freep) struct arena *arena = arena_new();
		struct json_error err;
		struct json *tree;
		CHECK_INT(json_check(buf_slice(&fits), NULL), 0);
		CHECK_INT(json_parse(arena, buf_slice(&fits), &tree, NULL), 0);
		CHECK_INT(json_check(buf_slice(&deeper), &err), -EBADMSG);
		CHECK_INT(json_parse(arena, buf_slice(&deeper), &tree, NULL), -EBADMSG);
		CHECK_INT(err.offset, levels * strlen(shapes[i].open));
		CHECK_STR(err.what, "nested too deep");
	}
	AUTO(buf_done) struct buf bomb = nested("[", "", 1000000, "");
	CHECK_INT(json_check(buf_slice(&bomb), NULL), -EBADMSG);
}

/* Each byte value at each place of a string that crosses word boundaries. */
TEST(every_byte_at_every_place)
{
	for (size_t at = 0; at < 20; at++) {
		for (int c = 0; c < 256; c++) {
			char text[22];
			memset(text, 'x', sizeof(text));
			text[0] = text[sizeof(text) - 1] = '"';
			text[1 + at] = (char)c;
			bool valid = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
			struct slice s = exact((struct slice){ text, sizeof(text) });
			if ((json_check(s, NULL) == 0) != valid)
				CHECK_INT(c, -1 - (int)at);
			freep(&s.p);
		}
	}
}

static void check_compact(struct slice text, struct slice want)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct slice copy = exact(text);
	CHECK_INT(buf_add(&out, S("before")), 0);
	CHECK_INT(json_compact(copy, &out, NULL), 0);
	CHECK_SLICE(slice_from(buf_slice(&out), 6), want);
	CHECK(out.p[out.n] == 0);
	freep(&copy.p);
}

TEST(compact_drops_blanks_between_tokens_only)
{
	check_compact(S("1"), S("1"));
	check_compact(S("  1  "), S("1"));
	check_compact(S("[ 1 , \"a b\" ,\n\t{ \"k \" : null } ]\r\n"),
		      S("[1,\"a b\",{\"k \":null}]"));
	check_compact(S(" \" \\\" [ \" "), S("\" \\\" [ \""));
	check_compact(S("{ \"\\\\\" : \" \" }"), S("{\"\\\\\":\" \"}"));
	check_compact(S("1.10 "), S("1.10"));
	check_compact(S(" 12345678901234567890"), S("12345678901234567890"));
	check_compact(S("{\"a\":1,\"a\":2}"), S("{\"a\":1,\"a\":2}")); /* bytes, not meaning */
}

TEST(compact_fails_whole_at_every_ceiling)
{
	struct slice loose = S("[ 1, \"two words\", {\"three\": [4, 5.0]} ]");
	struct slice tight = S("[1,\"two words\",{\"three\":[4,5.0]}]");
	for (size_t max = 1; max <= tight.n + 1; max++) {
		AUTO(buf_done) struct buf out = { .max = max };
		int want = max < tight.n ? -EMSGSIZE : 0;
		CHECK_INT(json_compact(loose, &out, NULL), want);
		CHECK_INT(out.n, want ? 0 : tight.n);
		buf_clear(&out);
		CHECK_INT(json_compact(tight, &out, NULL), want);
	}
}

/* Random blanks between random tokens: whatever json_check accepts, compact accepts and makes a fixed point. */
TEST(random_token_soups_agree)
{
	static const char *const tokens[] = {
		"{",  "}",  "[",  "]",  "1",    ",",    ":",    "\"a\"",        " ",
		"\n", "{}", "[]", "-0", "null", "true", "1e-5", "\"\xc3\xa9\"", "\"\\n\""
	};
	struct rand r;
	rand_seed(&r, 99);
	int valid = 0;
	for (int i = 0; i < 200000; i++) {
		AUTO(buf_done) struct buf text = { 0 }, once = { 0 }, twice = { 0 };
		size_t n = 1 + rand_below(&r, 7);
		for (size_t k = 0; k < n; k++)
			CHECK_INT(buf_add(&text,
					  slice_str(tokens[rand_below(&r, ARRAY_SIZE(tokens))])),
				  0);
		int error = json_check(buf_slice(&text), NULL);
		CHECK_INT(json_compact(buf_slice(&text), &once, NULL), error);
		if (error)
			continue;
		valid++;
		CHECK_INT(json_compact(buf_slice(&once), &twice, NULL), 0);
		CHECK_SLICE(buf_slice(&twice), buf_slice(&once));
	}
	CHECK(valid > 1000);
}

static const struct test tests[] = {
	T(table),
	T(every_cut_is_refused),
	T(depth_has_a_limit),
	T(every_byte_at_every_place),
	T(compact_drops_blanks_between_tokens_only),
	T(compact_fails_whole_at_every_ceiling),
	T(random_token_soups_agree),
};

int main(void)
{
	return RUN_TESTS(tests);
}
