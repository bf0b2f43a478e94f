/* steps.c - tests of the pure steps: map, set, where, emit */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include "engine/expr.h"
#include <stdlib.h>

struct applied {
	struct out out;
	struct err err;
	int result;
};

static struct applied apply(const struct port *port, const char *option, const char *record)
{
	struct applied a = { 0 };
	struct fake_site f;
	AUTO(rec_unrefp) struct rec *rec = rec_new(slice_str(record));
	const struct env env = { .record = rec_json(rec) };
	fake_site_open(&f, port, option, NULL);
	CHECK_INT(f.mistakes, 0);
	a.result = port->apply(&f.site, rec, &env, &a.out, &a.err);
	fake_site_done(&f, port);
	return a;
}

static void check_makes(const struct port *port, const char *option, const char *record,
			const char *want)
{
	struct applied a = apply(port, option, record);
	CHECK_INT(a.result, 0);
	CHECK_INT(a.out.n, 1);
	CHECK(!a.out.kept);
	if (a.out.n == 1)
		CHECK_SLICE(rec_json(a.out.recs[0]), slice_str(want));
	out_done(&a.out);
}

static void check_filters(const struct port *port, const char *option, const char *record)
{
	struct applied a = apply(port, option, record);
	CHECK_INT(a.result, 0);
	CHECK_INT(a.out.n, 0);
	CHECK(!a.out.kept);
	out_done(&a.out);
}

static void check_fails(const struct port *port, const char *option, const char *record,
			enum fault fault, const char *why)
{
	struct applied a = apply(port, option, record);
	CHECK_INT(a.result, -1);
	CHECK_INT(a.err.fault, fault);
	CHECK(strstr(a.err.text, why));
	out_done(&a.out);
}

TEST(map_makes_the_record_anew)
{
	check_makes(&step_map, "map={id, total: (.n + 1)}",
		    "{\"id\":12345678901234567890,\"n\":1,\"x\":2}",
		    "{\"id\":12345678901234567890,\"total\":2}");
	check_makes(&step_map, "map=.inner", "{\"inner\":{\"a\":1.10}}", "{\"a\":1.10}");
	check_filters(&step_map, "map=empty", "{}");
	check_filters(&step_map, "map=select(.a > 1)", "{\"a\":1}");
}

TEST(map_refuses_what_is_no_record)
{
	check_fails(&step_map, "map=.a", "{\"a\":3}", FAULT_BAD_VALUE,
		    "map gave a number, not an object: 3");
	check_fails(&step_map, "map=.a", "{\"a\":[1]}", FAULT_BAD_VALUE,
		    "map gave an array, not an object: [1]");
	check_fails(&step_map, "map=.a", "{}", FAULT_BAD_VALUE, "map gave null");
	check_fails(&step_map, "map=(., .)", "{}", FAULT_JQ, "2 values");
	check_fails(&step_map, "map={a: (.a + 1)}", "{\"a\":\"x\"}", FAULT_JQ, "");
}

TEST(set_lays_fields_over_the_record)
{
	check_makes(&step_set, "set={total: (.a + .b)}", "{\"a\":1,\"b\":2,\"c\":1.10}",
		    "{\"a\":1,\"b\":2,\"c\":1.10,\"total\":3}");
	check_makes(&step_set, "set={a: .b, b: .a}", "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}");
	check_makes(&step_set, "set={a: null}", "{\"a\":{\"x\":1}}", "{\"a\":null}");
	check_makes(&step_set, "set={}", "{\"a\":1}", "{\"a\":1}");
	check_makes(&step_set, "set={\"k\\\"\": 1}", "{}", "{\"k\\\"\":1}");
	check_filters(&step_set, "set=empty", "{\"a\":1}");
	check_fails(&step_set, "set=.a", "{\"a\":1}", FAULT_BAD_VALUE, "set gave a number");
}

TEST(where_keeps_by_jqs_truth)
{
	static const char *const kept[] = { "where=.a", "where=true", "where=0", "where=\"\"",
					    "where=.a == 1 and .b == null" };
	static const char *const gone[] = { "where=false", "where=.b", "where=empty",
					    "where=.a > 1" };
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		struct applied a = apply(&step_where, kept[i], "{\"a\":1}");
		CHECK_INT(a.result, 0);
		CHECK(a.out.kept);
		CHECK_INT(a.out.n, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		check_filters(&step_where, gone[i], "{\"a\":1}");
	check_fails(&step_where, "where=.a.b", "{\"a\":1}", FAULT_JQ, "");
}

TEST(emit_makes_children_in_order)
{
	struct applied a = apply(&step_emit, "emit=.id as $o | .lines[] | {o: $o, sku}",
				 "{\"id\":7,\"lines\":[{\"sku\":\"a\"},{\"sku\":\"b\"}]}");
	CHECK_INT(a.result, 0);
	CHECK_INT(a.out.n, 2);
	CHECK_SLICE(rec_json(a.out.recs[0]), S("{\"o\":7,\"sku\":\"a\"}"));
	CHECK_SLICE(rec_json(a.out.recs[1]), S("{\"o\":7,\"sku\":\"b\"}"));
	out_done(&a.out);
	check_filters(&step_emit, "emit=.lines[]", "{\"lines\":[]}");
	check_fails(&step_emit, "emit=.lines[]", "{\"lines\":[{},2]}", FAULT_BAD_VALUE,
		    "emit gave a number");
}

TEST(a_next_version_keeps_the_blobs)
{
	struct fake_site f;
	struct out out = { 0 };
	struct err err = { 0 };
	AUTO(buf_done) struct buf bytes = { 0 }, ref = { 0 };
	AUTO(rec_unrefp) struct rec *rec = rec_new(S("{\"a\":1}"));
	CHECK_INT(buf_add(&bytes, S("pixels")), 0);
	CHECK_INT(rec_add_blob(rec, S("image"), S("image/png"), &bytes, &ref), 0);
	const struct env env = { .record = rec_json(rec) };
	fake_site_open(&f, &step_map, "map={b: .a}", NULL);
	CHECK_INT(step_map.apply(&f.site, rec, &env, &out, &err), 0);
	CHECK_INT(out.n, 1);
	CHECK(rec_blob(out.recs[0], buf_slice(&ref)) != NULL);
	out_done(&out);
	fake_site_done(&f, &step_map);
}

TEST(only_emit_makes_many)
{
	struct fake_site f;
	fake_site_open(&f, &step_emit, "emit=.", NULL);
	CHECK(f.facts.many);
	fake_site_done(&f, &step_emit);
	fake_site_open(&f, &step_map, "map=.", NULL);
	CHECK(!f.facts.many);
	fake_site_done(&f, &step_map);
}

static const struct test tests[] = {
	T(map_makes_the_record_anew),
	T(map_refuses_what_is_no_record),
	T(set_lays_fields_over_the_record),
	T(where_keeps_by_jqs_truth),
	T(emit_makes_children_in_order),
	T(a_next_version_keeps_the_blobs),
	T(only_emit_makes_many),
};

int main(void)
{
	return RUN_TESTS(tests);
}
