/* kept.c (tests) - answers and children as the state keeps them come back as they were; what makes no sense is refused */
#include "engine/call/kept.h"
#include "check.h"
#include "engine/run/children.h"
#include <stdlib.h>

static void fill(struct buf *b, struct slice s)
{
	CHECK_INT(buf_add(b, s), 0);
}

static void check_answer(enum body body, const char *type, struct slice bytes, const char *headers)
{
	AUTO(buf_done) struct buf about = { 0 }, value = { 0 };
	struct answer a = { .body = body, .status = 201, .type = slice_str(type) }, back;
	struct arena *arena = arena_new();
	struct err err = { 0 };
	fill(&a.value, bytes);
	fill(&a.headers, slice_str(headers));
	const uint8_t asked[32] = { 1, 2, 3 }, other[32] = { 0 };
	CHECK_INT(kept_put_about(&a, asked, &about), 0);
	CHECK(kept_is_of(buf_slice(&about), asked));
	CHECK(!kept_is_of(buf_slice(&about), other));
	CHECK(!kept_is_of(S("{\"status\":200}"), other));
	fill(&value, kept_bytes(&a));
	CHECK_INT(kept_restore(buf_slice(&about), &value, arena, &back, &err), 0);
	CHECK_INT(back.body, body);
	CHECK_INT(back.status, 201);
	CHECK_SLICE(back.type, a.type);
	CHECK_SLICE(buf_slice(&back.value), bytes);
	CHECK_SLICE(buf_slice(&back.headers), slice_str(headers));
	answer_done(&a);
	answer_done(&back);
	arena_free(arena);
}

TEST(answers_come_back_as_they_were)
{
	check_answer(BODY_JSON, "application/json", S(" {\"a\": 1.10} "), "{\"x\":\"y\"}");
	check_answer(BODY_TEXT, "text/plain", S("caf\xc3\xa9 \"q\"\n"), "");
	check_answer(BODY_BLOB, "image/png", ((struct slice){ "\0\1\2\xff", 4 }), "");
	check_answer(BODY_NONE, "", S(""), "");
}

/* Once it was judged, the bytes as they came are in raw, also when there were none. */
TEST(the_bytes_are_those_that_came)
{
	struct answer a = { .keep_raw = true, .converted = true };
	fill(&a.value, S("null"));
	CHECK_INT(kept_bytes(&a).n, 0);
	fill(&a.raw, S(" 1 "));
	CHECK_SLICE(kept_bytes(&a), S(" 1 "));
	answer_done(&a);
}

TEST(what_is_no_answer_is_a_broken_state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"{\"status\":200,\"body\":\"json\"}",
		"{\"status\":200,\"body\":\"song\",\"type\":\"\"}",
		"{\"status\":-1,\"body\":\"json\",\"type\":\"\"}",
	};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(buf_done) struct buf value = { 0 };
		struct answer a;
		struct err err = { 0 };
		CHECK_INT(kept_restore(slice_str(bad[i]), &value, arena, &a, &err), -1);
		CHECK_INT(err.fault, FAULT_BROKEN);
	}
	arena_free(arena);
}

TEST(children_come_back_in_their_order)
{
	AUTO(buf_done) struct buf bytes = { 0 }, png = { 0 }, ref = { 0 }, again = { 0 };
	struct rec *made[3] = { rec_new(S("{\"n\":1}")), rec_new(S("{\"f\":{\"$blob\":\"f\"}}")),
				rec_new(S("{\"n\":3}")) };
	size_t n = 0;
	fill(&png, (struct slice){ "\0png", 4 });
	CHECK_INT(rec_add_blob(made[1], S("f"), S("image/png"), &png, &ref), 0);
	CHECK_INT(children_put(made, 3, &bytes), 0);
	struct rec **back = children_restore(buf_slice(&bytes), &n);
	CHECK_INT(n, 3);
	for (size_t i = 0; i < 3 && back; i++)
		CHECK_SLICE(rec_json(back[i]), rec_json(made[i]));
	const struct blob *b = rec_blob(back[1], S("{\"$blob\":\"f\"}"));
	CHECK(b && b->bytes.n == 4 && memcmp(b->bytes.p, "\0png", 4) == 0);
	CHECK_INT(children_put(back, 3, &again), 0);
	CHECK_SLICE(buf_slice(&again), buf_slice(&bytes));
	children_free(back, n);
	for (size_t cut = 0; cut < bytes.n; cut++) { /* half of it is nothing */
		struct rec **half = children_restore((struct slice){ bytes.p, cut }, &n);
		CHECK(!half);
		children_free(half, half ? n : 0);
	}
	for (size_t i = 0; i < 3; i++)
		rec_unref(made[i]);
}

TEST(no_children_are_some_too)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	size_t n = 1;
	CHECK_INT(children_put(NULL, 0, &bytes), 0);
	struct rec **back = children_restore(buf_slice(&bytes), &n);
	CHECK(back && n == 0);
	children_free(back, n);
}

static const struct test tests[] = {
	T(answers_come_back_as_they_were),
	T(the_bytes_are_those_that_came),
	T(what_is_no_answer_is_a_broken_state),
	T(children_come_back_in_their_order),
	T(no_children_are_some_too),
};

int main(void)
{
	return RUN_TESTS(tests);
}
