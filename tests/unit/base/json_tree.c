/* json_tree.c - tests of json_parse, json_get and json_write */
#include <errno.h>
#include "base/json.h"
#include "base/rand.h"
#include "check.h"

static struct json *parse(struct arena *a, const char *text)
{
	struct json *tree = NULL;
	CHECK_INT(json_parse(a, slice_str(text), &tree, NULL), 0);
	return tree;
}

TEST(scalars_keep_their_text)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	static const struct {
		const char *text;
		enum json_type type;
		const char *raw;
	} scalars[] = {
		{ " null ", JSON_NULL, "null" },
		{ "true", JSON_TRUE, "true" },
		{ "false\n", JSON_FALSE, "false" },
		{ "1.10", JSON_NUMBER, "1.10" },
		{ " -1E+05 ", JSON_NUMBER, "-1E+05" },
		{ "\"a\\n\"", JSON_STRING, "\"a\\n\"" },
		{ "12345678901234567890", JSON_NUMBER, "12345678901234567890" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++) {
		struct json *v = parse(a, scalars[i].text);
		CHECK_INT(v->type, scalars[i].type);
		CHECK_SLICE(v->raw, slice_str(scalars[i].raw));
		CHECK_INT(v->n, 0);
	}
}

TEST(strings_are_decoded_and_borrowed_when_plain)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	const char *text = "[\"plain\",\"esc\\n\\u00e9\",\"\",\"nul\\u0000\"]";
	struct json *v = parse(a, text);
	CHECK_INT(v->n, 4);
	CHECK_SLICE(v->items[0].string, S("plain"));
	CHECK(v->items[0].string.p == text + 2);
	CHECK_SLICE(v->items[1].string, S("esc\n\xc3\xa9"));
	CHECK_SLICE(v->items[2].string, S(""));
	CHECK_SLICE(v->items[3].string, S("nul\0"));
}

TEST(containers_hold_their_children_side_by_side)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	struct json *v = parse(a, "{ \"a\" : [1, [2, 3], {\"b\": [ ]}], \"c\" : {} , \"d\":4}");
	CHECK_INT(v->type, JSON_OBJECT);
	CHECK_INT(v->n, 3);
	CHECK_SLICE(v->keys[0], S("a"));
	CHECK_SLICE(v->keys[1], S("c"));
	CHECK_SLICE(v->keys[2], S("d"));
	const struct json *list = &v->items[0];
	CHECK_INT(list->type, JSON_ARRAY);
	CHECK_INT(list->n, 3);
	CHECK_SLICE(list->raw, S("[1, [2, 3], {\"b\": [ ]}]"));
	CHECK_SLICE(list->items[0].raw, S("1"));
	CHECK_SLICE(list->items[1].items[1].raw, S("3"));
	CHECK_SLICE(list->items[2].keys[0], S("b"));
	CHECK_INT(list->items[2].items[0].n, 0);
	CHECK_INT(v->items[1].type, JSON_OBJECT);
	CHECK_INT(v->items[1].n, 0);
	CHECK_SLICE(v->items[2].raw, S("4"));
	CHECK(json_get(v, S("d")) == &v->items[2]);
	CHECK(json_get(v, S("b")) == NULL);
	CHECK(json_get(list, S("a")) == NULL);
	CHECK(json_get(&v->items[1], S("a")) == NULL);
}

TEST(equal_keys_place_of_the_first_value_of_the_last)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	struct json *v = parse(
		a,
		"{\"a\":1,\"b\":[2],\"a\":{\"x\":3},\"\\u0062\":4,\"c\":5,\"a\":6,\"\":7,\"\":8}");
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(json_write(v, &out), 0);
	CHECK_STR(out.p, "{\"a\":6,\"b\":4,\"c\":5,\"\":8}");
}

/* Sizes on both sides of the change of method, with every share of equal keys, against a plain model. */
TEST(equal_keys_in_objects_of_any_size)
{
	struct rand r;
	rand_seed(&r, 41);
	for (int round = 0; round < 400; round++) {
		AUTO(arena_freep) struct arena *a = arena_new();
		AUTO(buf_done) struct buf text = { 0 }, want = { 0 }, got = { 0 };
		enum { MOST = 300 };
		int place[MOST], last[MOST], n = 1 + (int)rand_below(&r, round % 2 ? 45 : MOST),
					     places = 0;
		int kinds =
			1 + (int)rand_below(&r, (uint64_t)n * 2 > MOST ? MOST : (uint64_t)n * 2);
		for (int k = 0; k < MOST; k++)
			last[k] = -1;
		CHECK_INT(buf_add_char(&text, '{'), 0);
		for (int i = 0; i < n; i++) {
			int k = (int)rand_below(&r, (uint64_t)kinds);
			if (last[k] < 0)
				place[places++] = k;
			last[k] = i;
			CHECK_INT(buf_printf(&text, "%s\"key%d\":%d", i ? "," : "", k, i), 0);
		}
		CHECK_INT(buf_add_char(&text, '}'), 0);
		for (int i = 0; i < places; i++)
			CHECK_INT(buf_printf(&want, "%s\"key%d\":%d", i ? "," : "{", place[i],
					     last[place[i]]),
				  0);
		CHECK_INT(buf_add_char(&want, '}'), 0);
		CHECK_INT(json_write(parse(a, text.p), &got), 0);
		CHECK_SLICE(buf_slice(&got), buf_slice(&want));
	}
}

TEST(writing_keeps_numbers_and_strings_as_written)
{
	static const char *const texts[] = {
		"null",
		"[]",
		"{}",
		"[[],{},[[]]]",
		"{\"a\":[1.10,12345678901234567890,-0,1E+2]}",
		"[\"\\u00e9\\/\",\"\xc3\xa9\",\"\"]",
		"{\"a\":{\"b\":{\"c\":[true,false,null]}},\"d\":\"x\"}",
		"[{\"a\":1},{\"a\":2},[{\"b\":{}}]]",
	};
	AUTO(arena_freep) struct arena *a = arena_new();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		CHECK_INT(json_write(parse(a, texts[i]), &out), 0);
		CHECK_STR(out.p, texts[i]);
	}
}

TEST(writing_what_a_program_made)
{
	struct json items[] = {
		{ .type = JSON_STRING, .string = S("say \"hi\"\n") },
		{ .type = JSON_NUMBER, .raw = S("42") },
		{ .type = JSON_ARRAY },
		{ .type = JSON_TRUE },
	};
	struct slice keys[] = { S("text"), S("n"), S("li\tst"), S("\xff") };
	struct json object = { .type = JSON_OBJECT, .n = 4, .items = items, .keys = keys };
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(json_write(&object, &out), 0);
	CHECK_STR(out.p,
		  "{\"text\":\"say \\\"hi\\\"\\n\",\"n\":42,\"li\\tst\":[],\"\xef\xbf\xbd\":true}");
	CHECK_INT(json_check(buf_slice(&out), NULL), 0);
}

TEST(trees_too_deep_to_read_back_are_not_written)
{
	struct json chain[JSON_MAX_DEPTH + 1] = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(chain); i++) {
		chain[i].type = JSON_ARRAY;
		chain[i].n = i > 0;
		chain[i].items = i ? &chain[i - 1] : NULL;
	}
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(json_write(&chain[JSON_MAX_DEPTH - 1], &out), 0);
	CHECK_INT(json_check(buf_slice(&out), NULL), 0);
	buf_clear(&out);
	CHECK_INT(json_write(&chain[JSON_MAX_DEPTH], &out), -EMSGSIZE);
	CHECK_INT(out.n, 0);
}

TEST(writing_fails_whole_at_every_ceiling)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	const char *text = "{\"a\":[1,\"two\",{\"three\":null}],\"b\\n\":false}";
	struct json *v = parse(a, text);
	size_t n = strlen(text);
	for (size_t max = 1; max <= n + 1; max++) {
		AUTO(buf_done) struct buf out = { .max = max };
		CHECK_INT(json_write(v, &out), max < n ? -EMSGSIZE : 0);
		CHECK_INT(out.n, max < n ? 0 : n);
	}
}

/* Random documents: what is parsed and written is the compact text (keys without escapes, all different). */
static void put_random(struct rand *r, struct buf *out, int depth)
{
	static const char *const scalars[] = { "null",  "true",           "1.50", "-7e-3",
					       "\"s\"", "\"\\u00e9\\n\"", "0",    "\"\"" };
	uint64_t kind = rand_below(r, depth > 6 ? 1 : 3);
	if (kind == 0) {
		CHECK_INT(buf_add(out, slice_str(scalars[rand_below(r, ARRAY_SIZE(scalars))])), 0);
		return;
	}
	int n = (int)rand_below(r, 6);
	CHECK_INT(buf_add_char(out, kind == 1 ? '[' : '{'), 0);
	for (int i = 0; i < n; i++) {
		CHECK_INT(buf_printf(out, "%s%*s", i ? "," : "", (int)rand_below(r, 3), ""), 0);
		if (kind == 2)
			CHECK_INT(buf_printf(out, "\"k%d\"%*s:", i, (int)rand_below(r, 2), ""), 0);
		put_random(r, out, depth + 1);
		CHECK_INT(buf_printf(out, "%*s", (int)rand_below(r, 2), ""), 0);
	}
	CHECK_INT(buf_add_char(out, kind == 1 ? ']' : '}'), 0);
}

TEST(random_documents_survive)
{
	struct rand r;
	rand_seed(&r, 43);
	AUTO(arena_freep) struct arena *a = arena_new();
	for (int i = 0; i < 5000; i++) {
		AUTO(buf_done) struct buf text = { 0 }, compact = { 0 }, written = { 0 };
		put_random(&r, &text, 0);
		arena_reset(a);
		CHECK_INT(json_compact(buf_slice(&text), &compact, NULL), 0);
		CHECK_INT(json_write(parse(a, text.p), &written), 0);
		CHECK_SLICE(buf_slice(&written), buf_slice(&compact));
	}
}

TEST(errors_say_where)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	struct json *tree = NULL;
	struct json_error err;
	CHECK_INT(json_parse(a, S("[1,2"), &tree, &err), -EBADMSG);
	CHECK_INT(err.offset, 4);
	CHECK_STR(err.what, "expected ',' or ']'");
	CHECK(tree == NULL);
}

static const struct test tests[] = {
	T(scalars_keep_their_text),
	T(strings_are_decoded_and_borrowed_when_plain),
	T(containers_hold_their_children_side_by_side),
	T(equal_keys_place_of_the_first_value_of_the_last),
	T(equal_keys_in_objects_of_any_size),
	T(writing_keeps_numbers_and_strings_as_written),
	T(writing_what_a_program_made),
	T(trees_too_deep_to_read_back_are_not_written),
	T(writing_fails_whole_at_every_ceiling),
	T(random_documents_survive),
	T(errors_say_where),
};

int main(void)
{
	return RUN_TESTS(tests);
}
