/* http_inflate.c - tests of src/io/http_inflate.c: codings, splits, ceilings, damage */
#include "check.h"
#include "io/http_inflate.h"
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP = 31, ZLIB = 15, RAW = -15 };

static struct buf deflated(struct slice text, int bits, int level)
{
	struct buf out = { .max = 256 << 20 };
	z_stream z = { 0 };
	CHECK_INT(deflateInit2(&z, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	CHECK_INT(buf_reserve(&out, deflateBound(&z, text.n) + 64), 0);
	z.next_in = (Bytef *)(uintptr_t)text.p;
	z.avail_in = (unsigned)text.n;
	z.next_out = (Bytef *)out.p;
	z.avail_out = (unsigned)out.cap;
	CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_added(&out, z.total_out);
	deflateEnd(&z);
	return out;
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

static void check_text(const char *coding, int bits, struct slice text)
{
	static const size_t steps[] = { 1, 2, 3, 7, 1000, 1 << 20 };
	struct http_inflate_spare spare = { 0 };
	for (int level = 0; level <= 9; level += 3) {
		AUTO(buf_done) struct buf packed = deflated(text, bits, level);
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			AUTO(buf_done) struct buf out = { 0 };
			const char *why = "";
			CHECK_INT(inflate_all(&spare, coding, buf_slice(&packed), steps[i], &out,
					      &why),
				  0);
			CHECK(slice_eq(buf_slice(&out), text));
			CHECK_STR(why, "");
		}
	}
	CHECK_INT(spare.kept, 1); /* one inflater did all of it */
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
	check_text("gzip", GZIP, buf_slice(&text));
	check_text("X-GZip", GZIP, S("short"));
	check_text("gzip", GZIP, S(""));
	check_text("deflate", ZLIB, buf_slice(&text));
	check_text("deflate", RAW, buf_slice(&text));
	check_text("Deflate", RAW, S("short"));
}

TEST(codings_that_are_none)
{
	struct http_inflate_spare spare = { 0 };
	struct http_inflate *f;
	CHECK_INT(http_inflate_open(&spare, S(""), &f), 0);
	CHECK(f == NULL);
	CHECK_INT(http_inflate_open(&spare, S("identity"), &f), 0);
	CHECK(f == NULL);
	CHECK_INT(http_inflate_open(&spare, S("br"), &f), -ENOTSUP);
	CHECK_INT(http_inflate_open(&spare, S("gzip, gzip"), &f), -ENOTSUP);
	http_inflate_close(&spare, NULL);
	http_inflate_spare_done(&spare);
}

TEST(members_follow_each_other)
{
	struct http_inflate_spare spare = { 0 };
	AUTO(buf_done)
	struct buf packed = deflated(S("one,"), GZIP, 6), second = deflated(S("two"), GZIP, 6);
	CHECK_INT(buf_add(&packed, buf_slice(&second)), 0);
	for (size_t step = 1; step <= packed.n; step++) {
		AUTO(buf_done) struct buf out = { 0 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, "gzip", buf_slice(&packed), step, &out, &why), 0);
		CHECK_SLICE(buf_slice(&out), S("one,two"));
	}
	http_inflate_spare_done(&spare);
}

TEST(cut_anywhere_it_is_truncated)
{
	struct http_inflate_spare spare = { 0 };
	static const int bits[] = { GZIP, ZLIB, RAW };
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		AUTO(buf_done)
		struct buf packed = deflated(S("the same text, the same text"), bits[i], 6);
		for (size_t n = 1; n < packed.n; n++) {
			AUTO(buf_done) struct buf out = { 0 };
			const char *why = "";
			CHECK_INT(inflate_all(&spare, bits[i] == GZIP ? "gzip" : "deflate",
					      slice_head(buf_slice(&packed), n), 4, &out, &why),
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
	AUTO(buf_done) struct buf packed = deflated(S("the same text, the same text"), GZIP, 6);
	CHECK_INT(buf_add(&packed, S("junk")), 0);
	check_refused(buf_slice(&packed), "gzip", -EBADMSG,
		      "bytes behind the end of the compressed body");
	buf_truncate(&packed, packed.n - 4);
	packed.p[packed.n - 6] ^= 1; /* the checksum */
	check_refused(buf_slice(&packed), "gzip", -EBADMSG, "the compressed body is damaged");
	check_refused(S("{\"plain\":\"text\"}"), "gzip", -EBADMSG,
		      "the compressed body is damaged");
	check_refused(S("\xff\xff\xff\xff"), "deflate", -EBADMSG, "the compressed body is damaged");
}

TEST(bombs)
{
	struct http_inflate_spare spare = { 0 };
	struct buf zeros = { .max = 32 << 20 };
	CHECK_INT(buf_reserve(&zeros, 20 << 20), 0);
	memset(zeros.p, 0, 20 << 20);
	buf_added(&zeros, 20 << 20);
	AUTO(buf_done) struct buf bomb = deflated(buf_slice(&zeros), GZIP, 9);
	AUTO(buf_done) struct buf out = { .max = 256 << 20 };
	const char *why = "";
	CHECK_INT(inflate_all(&spare, "gzip", buf_slice(&bomb), 4096, &out, &why), -EMSGSIZE);
	CHECK_STR(why, "the body decompresses to more than 200 times its size");
	CHECK(out.n < 4 << 20);
	buf_done(&zeros);
	http_inflate_spare_done(&spare);
}

TEST(tiny_bodies_of_blanks_are_no_bombs)
{
	struct http_inflate_spare spare = { 0 };
	char blanks[60000];
	memset(blanks, ' ', sizeof(blanks));
	AUTO(buf_done)
	struct buf packed = deflated((struct slice){ blanks, sizeof(blanks) }, GZIP, 9);
	AUTO(buf_done) struct buf out = { 0 };
	const char *why = "";
	CHECK(packed.n * HTTP_INFLATE_RATIO < sizeof(blanks));
	CHECK_INT(inflate_all(&spare, "gzip", buf_slice(&packed), 1000, &out, &why), 0);
	CHECK_INT(out.n, sizeof(blanks));
	http_inflate_spare_done(&spare);
}

TEST(the_ceiling_is_exact)
{
	struct http_inflate_spare spare = { 0 };
	AUTO(buf_done) struct buf text = sample(50000);
	AUTO(buf_done) struct buf packed = deflated(buf_slice(&text), GZIP, 6);
	for (size_t step = 1; step < packed.n; step += 999) {
		AUTO(buf_done)
		struct buf fits = { .max = text.n }, short_by_one = { .max = text.n - 1 };
		const char *why = "";
		CHECK_INT(inflate_all(&spare, "gzip", buf_slice(&packed), step, &fits, &why), 0);
		CHECK_INT(fits.n, text.n);
		CHECK_INT(
			inflate_all(&spare, "gzip", buf_slice(&packed), step, &short_by_one, &why),
			-EMSGSIZE);
		CHECK_STR(why, "the decompressed body is larger than allowed");
	}
	http_inflate_spare_done(&spare);
}

static const struct test tests[] = {
	T(codings_at_every_split),
	T(codings_that_are_none),
	T(members_follow_each_other),
	T(cut_anywhere_it_is_truncated),
	T(damage_is_refused),
	T(bombs),
	T(tiny_bodies_of_blanks_are_no_bombs),
	T(the_ceiling_is_exact),
};

int main(void)
{
	return RUN_TESTS(tests);
}
