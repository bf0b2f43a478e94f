/* utf8.c - tests of base/utf8.h: every character once, every way to be broken */
#include "base/utf8.h"
#include "check.h"

TEST(every_character_is_valid_and_every_surrogate_is_not)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		char out[4];
		size_t n = utf8_put(c, out);
		size_t want = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		CHECK_INT(n, want);
		if (!utf8_valid((struct slice){ out, n }))
			CHECK_INT(c, -1);
		if (n > 1 && utf8_valid((struct slice){ out, n - 1 }))
			CHECK_INT(c, -2);
	}
	for (unsigned c = 0xd800; c <= 0xdfff; c++) {
		char text[3] = { (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
				 (char)(0x80 | (c & 0x3f)) };
		CHECK(!utf8_valid((struct slice){ text, 3 }));
	}
}

TEST(broken_texts_are_refused)
{
	static const struct slice bad[] = {
		{ "\x80", 1 },
		{ "\xbf", 1 },
		{ "\xc0\x80", 2 },
		{ "\xc1\xbf", 2 },
		{ "\xc2", 1 },
		{ "\xc2 ", 2 },
		{ "\xc2\xc2", 2 },
		{ "\xe0\x9f\xbf", 3 },
		{ "\xe0\x80\x80", 3 },
		{ "\xe1\x80", 2 },
		{ "\xe1\x80 ", 3 },
		{ "\xed\xa0\x80", 3 },
		{ "\xed\xbf\xbf", 3 },
		{ "\xf0\x8f\xbf\xbf", 4 },
		{ "\xf0\x90\x80", 3 },
		{ "\xf4\x90\x80\x80", 4 },
		{ "\xf5\x80\x80\x80", 4 },
		{ "\xf8\x88\x80\x80\x80", 5 },
		{ "\xfe", 1 },
		{ "\xff", 1 },
		{ "abcdefgh\xff", 9 },
		{ "\xff"
		  "abcdefgh",
		  9 },
		{ "1234567\xc3", 8 },
		{ "\xc3\xa9\xa9", 3 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(freep) char *copy = xstrndup(bad[i].p, bad[i].n);
		if (utf8_valid((struct slice){ copy, bad[i].n }))
			CHECK_INT(i, -1);
	}
	CHECK(utf8_valid((struct slice){ 0 }));
	CHECK(utf8_valid(S("plain ASCII, longer than eight bytes")));
	CHECK(utf8_valid(S("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80 mixed \xc3\xa9")));
	CHECK(utf8_valid(S(
		"\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbf"))); /* BOM and non-characters are characters */
}

TEST(heads_end_between_characters)
{
	struct slice text = S("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80z");
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };
	for (size_t n = 0; n < ARRAY_SIZE(want); n++) {
		struct slice head = utf8_head(text, n);
		CHECK_INT(head.n, want[n]);
		CHECK(utf8_valid(head));
	}
	CHECK_INT(utf8_head(S("\x80\x80\x80\x80\x80\x80\x80\x80"), 6).n,
		  6); /* no characters: cut as asked */
}

TEST(count_is_of_characters)
{
	CHECK_INT(utf8_count(S("")), 0);
	CHECK_INT(utf8_count(S("abc")), 3);
	CHECK_INT(utf8_count(S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!")), 4);
}

static const struct test tests[] = { T(count_is_of_characters),
				     T(every_character_is_valid_and_every_surrogate_is_not),
				     T(broken_texts_are_refused), T(heads_end_between_characters) };

int main(void)
{
	return RUN_TESTS(tests);
}
