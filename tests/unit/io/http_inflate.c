/* http_inflate.c - tests of src/io/http/http_inflate.c: codings, splits, ceilings, damage */
#include "check.h"
#include "io/http/http_inflate.h"
#include "packed.h"
#include <errno.h>
#include <stdlib.h>

static const char *const all[] = { "gzip", "deflate", "raw deflate", "br", "zstd" };

/* What the Content-Encoding says: servers call both kinds of deflate by one name. */
static const char *said(const char *coding)
{
	return strcmp(coding, "raw deflate") == 0 ? "deflate" : coding;
}

/* Inflates in pieces of `step` bytes. The first failure, or what http_inflate_end says. */
static int inflate_all(struct http_inflate_spare *spare, const char *coding, struct slice in,
		       size_t step, struct buf *out, const char **why)
{
	struct http_inflate *f;
	CHECK_INT(http_inflate_open(spare, slice_str(coding), &f), 0);
	CHECK(f != NULL);
	int r = 0;
	while (r == 0 && in.n > 0) {
		struct slice part = slice_head(in, step);
		char *copy = malloc(part.n); /* so that a sanitizer sees reads beyond it */
		memcpy(copy, part.p, part.n);
		r = http_inflate_add(f, (struct slice){ copy, part.n }, out, why);
		free(copy);
		in = slice_from(in, part.n);
	}
	if (r == 0)
		r = http_inflate_end(f);
	http_inflate_close(spare, f);
	return r;
}

static void check_text(const char *coding, struct slice text)
{
	static const size_t steps[] = { 1, 2, 3, 7, 1000, 1 << 20 };
	struct http_inflate_spare spare = { 0 };
	for (int level = 0; level <= 9; level += 3) {
		AUTO(buf_done) struct buf zipped = packed(text, coding, level);
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			AUTO(buf_done) struct buf out = { 0 };
			const char *why = "";
			CHECK_INT(inflate_all(&spare, said(coding), buf_slice(&zipped), steps[i],
					      &out, &why),
				  0);
			CHECK(slice_eq(buf_slice(&out), text));
			CHECK_STR(why, "");
		}
	}
	/* One decoder did all of it, but for brotli's, which cannot begin again. */
	CHECK_INT(spare.kept, strcmp(coding, "br") == 0 ? 0 : 1);
	http_inflate_spare_done(&spare);
}

static struct buf sample(size_t n)
{
	struct buf b = { .max = 256 << 20 };
	for (size_t i = 0; b.n < n; i++)
		CHECK_INT(buf_printf(&b, "{\"id\":%zu,\"name\":\"item %zu\"},", i, i * i % 9973),
			  0);
	return b;
}

TEST(codings_at_every_split)
{
	AUTO(buf_done) struct buf text = sample(100000);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		check_text(all[i], buf_slice(&text));
		check_text(all[i], S("short"));
		check_text(all[i], S(""));
	}
}

TEST(names_in_any_case)
{
	static const char *const names[][2] = {
		{ "X-GZip", "gzip" }, { "Deflate", "deflate" }, { "BR", "br" }, { "Zstd", "zstd" }
	};
	struct http_inflate_spare spare = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO(buf_done) struct buf zipped = packed(S("hello"), names[i][1], 6);
		AUTO(buf_done) struct buf out = { 0 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, names[i][0], buf_slice(&zipped), 100, &out, &why), 0);
		CHECK_SLICE(buf_slice(&out), S("hello"));
	}
	CHECK_INT(spare.kept, 3);
	http_inflate_spare_done(&spare);
}

TEST(codings_that_are_none)
{
	struct http_inflate_spare spare = { 0 };
	struct http_inflate *f;
	CHECK_INT(http_inflate_open(&spare, S(""), &f), 0);
	CHECK(f == NULL);
	CHECK_INT(http_inflate_open(&spare, S("identity"), &f), 0);
	CHECK(f == NULL);
	CHECK_INT(http_inflate_open(&spare, S("compress"), &f), -ENOTSUP);
	CHECK_INT(http_inflate_open(&spare, S("gzip, gzip"), &f), -ENOTSUP);
	http_inflate_close(&spare, NULL);
	http_inflate_spare_done(&spare);
}

static void check_members(const char *coding)
{
	struct http_inflate_spare spare = { 0 };
	AUTO(buf_done)
	struct buf first = packed(S("one,"), coding, 6), second = packed(S("two"), coding, 6);
	CHECK_INT(buf_add(&first, buf_slice(&second)), 0);
	for (size_t step = 1; step <= first.n; step++) {
		AUTO(buf_done) struct buf out = { 0 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, coding, buf_slice(&first), step, &out, &why), 0);
		CHECK_SLICE(buf_slice(&out), S("one,two"));
	}
	http_inflate_spare_done(&spare);
}

TEST(members_follow_each_other)
{
	check_members("gzip");
	check_members("zstd");
}

/* RFC 8878 3.1.2: what is in a skippable frame is nobody's text. */
TEST(skippable_frames)
{
	struct http_inflate_spare spare = { 0 };
	AUTO(buf_done) struct buf text = packed(S("text"), "zstd", 6);
	CHECK_INT(buf_add(&text, (struct slice){ "\x5a\x2a\x4d\x18\x03\0\0\0xyz", 11 }), 0);
	AUTO(buf_done) struct buf out = { 0 };
	const char *why = "";
	CHECK_INT(inflate_all(&spare, "zstd", buf_slice(&text), 2, &out, &why), 0);
	CHECK_SLICE(buf_slice(&out), S("text"));
	http_inflate_spare_done(&spare);
}

TEST(cut_anywhere_it_is_truncated)
{
	struct http_inflate_spare spare = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(buf_done)
		struct buf zipped = packed(S("the same text, the same text"), all[i], 6);
		for (size_t n = 1; n < zipped.n; n++) {
			AUTO(buf_done) struct buf out = { 0 };
			const char *why = "";
			CHECK_INT(inflate_all(&spare, said(all[i]),
					      slice_head(buf_slice(&zipped), n), 4, &out, &why),
				  -ENODATA);
		}
	}
	http_inflate_spare_done(&spare);
}

static void check_refused(struct slice in, const char *coding, int error, const char *want)
{
	struct http_inflate_spare spare = { 0 };
	for (size_t step = 1; step <= in.n + 1; step += in.n) {
		AUTO(buf_done) struct buf out = { 0 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, coding, in, step, &out, &why), error);
		CHECK_STR(why, want);
	}
	http_inflate_spare_done(&spare);
}

TEST(damage_is_refused)
{
	static const char *const what = "the compressed body is damaged";
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(buf_done)
		struct buf zipped = packed(S("the same text, the same text"), all[i], 6);
		CHECK_INT(buf_add(&zipped, S("junk")), 0);
		check_refused(buf_slice(&zipped), said(all[i]), -EBADMSG,
			      "bytes behind the end of the compressed body");
	}
	AUTO(buf_done) struct buf zipped = packed(S("the same text, the same text"), "gzip", 6);
	zipped.p[zipped.n - 6] ^= 1; /* the checksum */
	check_refused(buf_slice(&zipped), "gzip", -EBADMSG, what);
	check_refused(S("{\"plain\":\"text\"}"), "gzip", -EBADMSG, what);
	check_refused(S("{\"plain\":\"text\"}"), "zstd", -EBADMSG, what);
	check_refused(S("\xff\xff\xff\xff"), "br", -EBADMSG, what);
	check_refused(S("\xff\xff\xff\xff"), "deflate", -EBADMSG, what);
}

/* RFC 9659: a frame may ask for 8 MiB of window, not for more. */
TEST(zstd_windows)
{
	static const char larger[] = "\x28\xb5\x2f\xfd\x00\x70\x01\x00"; /* a window of 16 MiB */
	static const char largest[] =
		"\x28\xb5\x2f\xfd\x00\x68\x01\x00"; /* 8 MiB; an empty block */
	struct http_inflate_spare spare = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	const char *why = "";
	check_refused((struct slice){ larger, 8 }, "zstd", -EMSGSIZE,
		      "the compressed body needs more than 8 MiB to be read");
	CHECK_INT(inflate_all(&spare, "zstd", (struct slice){ largest, 9 }, 3, &out, &why), 0);
	CHECK_INT(spare.kept, 0); /* it has grown: not kept */
	http_inflate_spare_done(&spare);
}

TEST(bombs)
{
	struct http_inflate_spare spare = { 0 };
	struct buf zeros = { .max = 32 << 20 };
	CHECK_INT(buf_reserve(&zeros, 20 << 20), 0);
	memset(zeros.p, 0, 20 << 20);
	buf_added(&zeros, 20 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(buf_done) struct buf bomb = packed(buf_slice(&zeros), all[i], 9);
		AUTO(buf_done) struct buf out = { .max = 256 << 20 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, said(all[i]), buf_slice(&bomb), 4096, &out, &why),
			  -EMSGSIZE);
		CHECK_STR(why, "the body decompresses to more than 200 times its size");
		CHECK(out.n < 4 << 20);
	}
	buf_done(&zeros);
	http_inflate_spare_done(&spare);
}

TEST(tiny_bodies_of_blanks_are_no_bombs)
{
	struct http_inflate_spare spare = { 0 };
	char blanks[60000];
	memset(blanks, ' ', sizeof(blanks));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(buf_done)
		struct buf zipped = packed((struct slice){ blanks, sizeof(blanks) }, all[i], 9);
		AUTO(buf_done) struct buf out = { 0 };
		const char *why = "";
		CHECK(zipped.n * HTTP_INFLATE_RATIO < sizeof(blanks));
		CHECK_INT(inflate_all(&spare, said(all[i]), buf_slice(&zipped), 1000, &out, &why),
			  0);
		CHECK_INT(out.n, sizeof(blanks));
	}
	http_inflate_spare_done(&spare);
}

static void check_ceiling(const char *coding, struct slice text, struct slice zipped)
{
	struct http_inflate_spare spare = { 0 };
	for (size_t step = 1; step < zipped.n; step += 999) {
		AUTO(buf_done)
		struct buf fits = { .max = text.n }, short_by_one = { .max = text.n - 1 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, said(coding), zipped, step, &fits, &why), 0);
		CHECK_INT(fits.n, text.n);
		CHECK_INT(inflate_all(&spare, said(coding), zipped, step, &short_by_one, &why),
			  -EMSGSIZE);
		CHECK_STR(why, "the decompressed body is larger than allowed");
	}
	http_inflate_spare_done(&spare);
}

TEST(the_ceiling_is_exact)
{
	AUTO(buf_done) struct buf text = sample(50000);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(buf_done) struct buf zipped = packed(buf_slice(&text), all[i], 6);
		check_ceiling(all[i], buf_slice(&text), buf_slice(&zipped));
	}
}

static const struct test tests[] = {
	T(codings_at_every_split),
	T(names_in_any_case),
	T(codings_that_are_none),
	T(members_follow_each_other),
	T(skippable_frames),
	T(cut_anywhere_it_is_truncated),
	T(damage_is_refused),
	T(zstd_windows),
	T(bombs),
	T(tiny_bodies_of_blanks_are_no_bombs),
	T(the_ceiling_is_exact),
};

int main(void)
{
	return RUN_TESTS(tests);
}
