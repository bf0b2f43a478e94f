/* json_write.c - tests of json_splice and struct json_writer (trees are written in json_tree.c) */
#include <errno.h>
#include "base/json.h"
#include "base/rand.h"
#include "check.h"

/* path: keys with a dot between them; "" is no key at all. */
static int splice(const char *object, const char *path, const char *value, struct buf *out)
{
	struct slice keys[8], rest = slice_str(path);
	size_t n = 0;
	while (rest.n)
		slice_cut(rest, '.', &keys[n++], &rest);
	return json_splice(slice_str(object), keys, n, slice_str(value), out);
}

static void check_splice(const char *object, const char *path, const char *value, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(splice(object, path, value, &out), 0);
	CHECK_STR(out.p ? out.p : "", want);
	CHECK_INT(json_check(buf_slice(&out), NULL), 0);
}

TEST(splicing_replaces_and_adds)
{
	check_splice("{\"a\":1,\"b\":2}", "a", "[9]", "{\"a\":[9],\"b\":2}");
	check_splice("{\"a\":1,\"b\":2}", "b", "null", "{\"a\":1,\"b\":null}");
	check_splice("{\"a\":1}", "c", "\"x\"", "{\"a\":1,\"c\":\"x\"}");
	check_splice("{}", "c", "3", "{\"c\":3}");
	check_splice("{\"a\":{\"b\":1}}", "a.b", "2", "{\"a\":{\"b\":2}}");
	check_splice("{\"a\":{\"b\":1}}", "a.c", "2", "{\"a\":{\"b\":1,\"c\":2}}");
	check_splice("{\"a\":{}}", "a.b.c", "2", "{\"a\":{\"b\":{\"c\":2}}}");
	check_splice("{\"x\":0}", "a.b.c", "2", "{\"x\":0,\"a\":{\"b\":{\"c\":2}}}");
	check_splice("{\"a\":null,\"x\":0}", "a.b", "2", "{\"a\":{\"b\":2},\"x\":0}");
	check_splice("null", "a.b", "2", "{\"a\":{\"b\":2}}");
	check_splice("{\"a\":1}", "", "7", "7");
}

TEST(what_is_not_on_the_path_stays_byte_for_byte)
{
	check_splice(" { \"n\" : 1.10 , \"a\" : 1 , \"s\":\"\\u00e9\" } ", "a", " 2 ",
		     " { \"n\" : 1.10 , \"a\" : 2 , \"s\":\"\\u00e9\" } ");
	check_splice("{ \"n\":12345678901234567890 }", "a", "1",
		     "{ \"n\":12345678901234567890,\"a\":1 }");
	check_splice("{ }", "a", "1", "{\"a\":1 }");
	check_splice("{\"k\":1,\"\\u006b\":2,\"z\":0}", "k", "3",
		     "{\"k\":1,\"\\u006b\":3,\"z\":0}"); /* the one that counts */
}

TEST(keys_are_written_as_strings)
{
	check_splice("{}", "a\"b", "1", "{\"a\\\"b\":1}");
	check_splice("null", "\n.\xff", "1", "{\"\\n\":{\"\xef\xbf\xbd\":1}}");
}

TEST(a_path_through_other_values_is_refused)
{
	static const char *const texts[] = { "1",         "[]",         "\"a\"",
					     "true",      "",           " ",
					     "{\"a\":1}", "{\"a\":[]}", "{\"a\":\"null\"}" };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		CHECK_INT(splice(texts[i], "a.b", "1", &out), -ENOTDIR);
		CHECK_INT(out.n, 0);
	}
}

TEST(splicing_fails_whole_at_every_ceiling)
{
	const char *want = "{\"x\":[1,2],\"a\":{\"b\":{\"c\":true}}}";
	for (size_t max = 1; max <= strlen(want); max++) {
		AUTO(buf_done) struct buf out = { .max = max };
		int error = splice("{\"x\":[1,2]}", "a.b.c", "true", &out);
		CHECK_INT(error, max < strlen(want) ? -EMSGSIZE : 0);
		CHECK_INT(out.n, max < strlen(want) ? 0 : strlen(want));
	}
}

TEST(what_was_spliced_is_found)
{
	static const char *const names[] = { "a", "b",   "key with blanks", "\xc3\xa9",
					     "",  "q\"", "back\\slash" };
	struct rand r;
	rand_seed(&r, 51);
	AUTO(buf_done) struct buf record = { 0 };
	CHECK_INT(buf_add(&record, S("{}")), 0);
	for (int i = 0; i < 2000; i++) {
		struct slice path[2] = { slice_str(names[rand_below(&r, 3)]),
					 slice_str(names[rand_below(&r, ARRAY_SIZE(names))]) };
		char value[32];
		snprintf(value, sizeof(value), "[%d]", i);
		AUTO(buf_done) struct buf next = { 0 };
		CHECK_INT(json_splice(buf_slice(&record), path, 2, slice_str(value), &next), 0);
		struct slice found = { 0 };
		CHECK_INT(json_check(buf_slice(&next), NULL), 0);
		CHECK(json_field(buf_slice(&next), path[0], &found) &&
		      json_field(found, path[1], &found));
		CHECK_SLICE(found, slice_str(value));
		buf_done(&record);
		record = buf_take(&next);
	}
	CHECK(record.n < 600); /* three objects of at most seven members: replaced, not heaped up */
}

TEST(a_writer_places_commas)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct json_writer w = json_writer(&out);
	json_open(&w, '{');
	json_key(&w, "list");
	json_open(&w, '[');
	json_put_int(&w, 0);
	json_put_int(&w, INT64_MIN);
	json_put_int(&w, INT64_MAX);
	json_open(&w, '{');
	json_close(&w, '}');
	json_open(&w, '[');
	json_close(&w, ']');
	json_put_bool(&w, true);
	json_close(&w, ']');
	json_key(&w, "te\"xt");
	json_put_string(&w, S("a\nb"));
	json_key(&w, "raw");
	json_put_raw(&w, S("1.10"));
	json_key(&w, "no");
	json_put_bool(&w, false);
	json_close(&w, '}');
	CHECK_INT(json_writer_end(&w), 0);
	CHECK_STR(out.p, "{\"list\":[0,-9223372036854775808,9223372036854775807,{},[],true],"
			 "\"te\\\"xt\":\"a\\nb\","
			 "\"raw\":1.10,\"no\":false}");
	CHECK_INT(json_check(buf_slice(&out), NULL), 0);
}

TEST(a_writer_keeps_its_first_error)
{
	AUTO(buf_done) struct buf out = { .max = 10 };
	struct json_writer w = json_writer(&out);
	json_open(&w, '[');
	json_put_string(&w, S("longer than ten"));
	json_put_int(&w, 1); /* would fit */
	json_close(&w, ']');
	CHECK_INT(json_writer_end(&w), -EMSGSIZE);
	CHECK_STR(out.p, "[");
}

static const struct test tests[] = {
	T(splicing_replaces_and_adds),
	T(what_is_not_on_the_path_stays_byte_for_byte),
	T(keys_are_written_as_strings),
	T(a_path_through_other_values_is_refused),
	T(splicing_fails_whole_at_every_ceiling),
	T(what_was_spliced_is_found),
	T(a_writer_places_commas),
	T(a_writer_keeps_its_first_error),
};

int main(void)
{
	return RUN_TESTS(tests);
}
