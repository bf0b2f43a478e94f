/* crc32c.c - tests of the checksum (src/io/object/crc32c.c): the vectors of RFC 3720 B.4, and both ways against each other */
#include "io/object/crc32c.h"
#include "base/rand.h"
#include "check.h"
#include "rt/in_loop.h"

static void fill(char *p, size_t n, int first, int step)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(first + (int)i * step);
}

TEST(vectors_of_the_rfc)
{
	static const struct {
		int first, step;
		uint32_t sum;
	} vectors[] = { { 0, 0, 0x8a9136aa },
			{ 0xff, 0, 0x62a8ab43 },
			{ 0, 1, 0x46dd794e },
			{ 31, -1, 0x113fdb5c } };
	char bytes[32];
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		fill(bytes, sizeof(bytes), vectors[i].first, vectors[i].step);
		CHECK_INT(crc32c(0, (struct slice){ bytes, 32 }), vectors[i].sum);
		CHECK_INT(crc32c_by_table(0, (struct slice){ bytes, 32 }), vectors[i].sum);
	}
	CHECK_INT(crc32c(0, S("123456789")), 0xe3069283);
	CHECK_INT(crc32c(0, S("")), 0);
}

/* Every length and every place in a word, cut everywhere. */
TEST(both_ways_are_one)
{
	struct rand r;
	char bytes[96];
	rand_seed(&r, 1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)rand_u64(&r);
	for (size_t from = 0; from < 8; from++)
		for (size_t n = 0; from + n <= sizeof(bytes); n++) {
			struct slice all = { bytes + from, n };
			uint32_t sum = crc32c(0, all);
			CHECK_INT(crc32c_by_table(0, all), sum);
			for (size_t cut = 0; cut <= n; cut++)
				CHECK_INT(crc32c(crc32c(0, slice_head(all, cut)),
						 slice_from(all, cut)),
					  sum);
		}
}

TEST_IN_LOOP(much_goes_to_a_thread)
{
	size_t n = (3u << 20) + 5;
	char *p = xcalloc(n, 1);
	uint32_t sum = 0;
	fill(p, n, 3, 7);
	CHECK_INT(crc32c_whole((struct slice){ p, n }, &sum), 0);
	CHECK_INT(sum, crc32c_by_table(0, (struct slice){ p, n }));
	free(p);
}

TEST(as_services_write_it)
{
	AUTO(buf_done) struct buf hex = { 0 }, base64 = { 0 };
	CHECK_INT(crc32c_put_hex(crc32c(0, S("hello\n")), &hex), 0);
	CHECK_INT(crc32c_put_base64(crc32c(0, S("hello\n")), &base64), 0);
	CHECK_SLICE(buf_slice(&hex), S("353dd8be"));
	CHECK_SLICE(buf_slice(&base64), S("NT3Yvg=="));
	buf_clear(&hex);
	CHECK_INT(crc32c_put_hex(0x1f, &hex), 0);
	CHECK_SLICE(buf_slice(&hex), S("0000001f"));
}

static const struct test tests[] = {
	T(vectors_of_the_rfc),
	T(both_ways_are_one),
	T(much_goes_to_a_thread),
	T(as_services_write_it),
};

int main(void)
{
	return RUN_TESTS(tests);
}
