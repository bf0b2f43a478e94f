/* digest.c (tests) - known digests, and parts that must not run together */
#include "io/digest.h"
#include "check.h"

static void hex_of(struct slice a, struct slice b, bool two, struct buf *out)
{
	AUTO(digest_done) struct digest d = { NULL };
	uint8_t sum[DIGEST_BYTES];
	CHECK_INT(digest_init(&d), 0);
	digest_add(&d, a);
	if (two)
		digest_add(&d, b);
	digest_end(&d, sum);
	CHECK_INT(digest_put_hex(sum, out), 0);
}

/* Of sha256sum: printf '\3\0\0\0\0\0\0\0abc' | sha256sum. These must never change: keys that were sent depend on them. */
TEST(digests_stay_what_they_were)
{
	AUTO(buf_done) struct buf abc = { 0 }, none = { 0 };
	hex_of(S("abc"), S(""), false, &abc);
	CHECK_STR(abc.p, "ce91dc5eec0139adf091900d225971d6ad246a845bad791b5693a9d0d55dd391");
	hex_of((struct slice){ 0 }, S(""), false, &none);
	CHECK_STR(none.p, "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc");
}

TEST(parts_do_not_run_together)
{
	AUTO(buf_done) struct buf x = { 0 }, y = { 0 }, z = { 0 };
	hex_of(S("ab"), S("c"), true, &x);
	hex_of(S("a"), S("bc"), true, &y);
	hex_of(S("abc"), S(""), false, &z);
	CHECK(strcmp(x.p, y.p) != 0 && strcmp(x.p, z.p) != 0);
}

TEST(one_that_was_begun_can_be_left)
{
	struct digest d;
	CHECK_INT(digest_init(&d), 0);
	digest_add(&d, S("abc"));
	digest_done(&d);
	digest_done(&d);
	CHECK(!d.context_);
}

static const struct test tests[] = {
	T(digests_stay_what_they_were),
	T(parts_do_not_run_together),
	T(one_that_was_begun_can_be_left),
};

int main(void)
{
	return RUN_TESTS(tests);
}
