/* jq.c - programs and what they give: tables in jq/, joined programs, what a program may name, nesting */
#include <hocket/run.h>

#include "check.h"
#include "engine/language/jq_ast.h"
#include <malloc.h>
#include <pthread.h>

#include "base/banned.h"

static const char *folder;
static const struct slice the_record =
	S("{\"id\":7,\"name\":\"Ada\",\"n\":3.5,\"ok\":true,\"no\":null,\"user\":{\"name\":\"x\","
	  "\"tags\":[\"a\",\"b\"]},\"list\":[1,2,3],\"objs\":[{\"k\":1,\"v\":\"p\"},"
	  "{\"k\":2,\"v\":\"q\"}],\"s\":\"a,b,c\",\"e\":\"\"}");
static const struct env_response response = { .status = 404,
					      .headers = S("{\"etag\":\"x\"}"),
					      .body = S("{\"n\":1.50,\"a\":[1,2]}") };
static const struct env_meta meta = {
	.id = S("7"), .source = S("f.jsonl"), .position = 3, .attempt = 2, .wall_ns = 1000000000
};

static struct expr_names all_names(void)
{
	return (struct expr_names){
		.vars = S("{\"base\":\"http://x\",\"n\":1.50,\"big\":12345678901234567890}"),
		.response = true
	};
}

static int add_line(void *arg, struct slice value, struct err *err)
{
	struct buf *out = arg;
	return buf_add(out, value) < 0 || buf_add_char(out, '\n') < 0 ? -1 : 0;
}

/* All values, a line each, and "! " before what is raised. */
static void give(const struct jq *jq, const struct env *env, bool by_libjq, struct buf *out)
{
	struct err err = { 0 };
	int rc = by_libjq ? library_each(jq, env, add_line, out, &err)
			  : jq_each(jq, env, add_line, out, &err);
	if (rc < 0)
		CHECK_INT(buf_printf(out, "! %s\n", err.text), 0);
}

static struct jq *compiled(struct slice program, const struct expr_names *names)
{
	struct jq *jq = NULL;
	struct expr_error error;
	if (jq_program_compile(program, names, &jq, &error) < 0)
		printf("# %.*s: at %zu: %s\n", SLICE(program), error.offset, error.text);
	CHECK(jq != NULL);
	return jq;
}

/* ---- tables ------------------------------------------------------------------------------------------------ */

static void read_table(const char *name, struct buf *out)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "r");
	CHECK(f != NULL);
	for (int c; f && (c = fgetc(f)) != EOF;)
		CHECK_INT(buf_add_char(out, (char)c), 0);
	if (f)
		fclose(f);
}

/* Cuts the first line off. */
static struct slice next_line(struct slice *text)
{
	struct slice line, rest;
	if (!slice_cut(*text, '\n', &line, &rest)) {
		line = *text;
		rest = (struct slice){ 0 };
	}
	*text = rest;
	return line;
}

/* by_libjq: run by libjq as well, which may give something else; p NULL: only as compiled. */
static void run_case(struct slice program, struct slice input, struct slice wanted,
		     struct slice by_libjq)
{
	struct expr_names names = all_names();
	struct env env = { .record = slice_eq_str(input, ".record") ? the_record : input,
			   .res = &response,
			   .meta = &meta };
	AUTO(buf_done) struct buf got = { 0 }, again = { 0 };
	struct expr_error error;
	struct jq *jq = compiled(program, &names);
	if (!jq)
		return;
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), wanted);
	if (by_libjq.p && jq->native) {
		CHECK_INT(library_compile(jq, 0, &error), 0);
		give(jq, &env, true, &again);
		CHECK_SLICE(buf_slice(&again), by_libjq);
	}
	if (!slice_eq(buf_slice(&got), wanted) ||
	    (again.n && !slice_eq(buf_slice(&again), by_libjq)))
		printf("# in %.*s of %.*s\n", SLICE(program), SLICE(input));
	jq_free(jq);
}

/* The lines up to an empty one, or to what libjq gives. */
static struct slice lines_of(struct slice *text)
{
	struct slice lines = { text->p, 0 };
	while (text->n && text->p[0] != '\n' && !slice_starts(*text, S("libjq:\n")))
		lines.n += next_line(text).n + 1;
	return lines;
}

static size_t run_table(const char *name, bool both)
{
	AUTO(buf_done) struct buf table = { 0 };
	size_t n = 0;
	read_table(name, &table);
	for (struct slice text = buf_slice(&table); text.n;) {
		struct slice program = next_line(&text);
		if (!program.n || program.p[0] == '#')
			continue;
		struct slice input = next_line(&text), wanted = lines_of(&text), by_libjq = wanted;
		if (slice_starts(text, S("libjq:\n"))) {
			next_line(&text);
			by_libjq = lines_of(&text);
		}
		run_case(program, input, wanted, both ? by_libjq : (struct slice){ 0 });
		n++;
	}
	return n;
}

TEST(cases)
{
	CHECK(run_table("cases.txt", false) >= 250);
}

TEST(digits)
{
	CHECK(run_table("digits.txt", true) >= 40);
}

TEST(mistakes_are_placed)
{
	AUTO(buf_done) struct buf table = { 0 };
	size_t n = 0;
	struct expr_names names = { .vars = S("{\"base\":1}"), .response = true };
	read_table("wrong.txt", &table);
	for (struct slice text = buf_slice(&table); text.n;) {
		struct slice program = next_line(&text);
		struct expr_error error;
		struct jq *jq = NULL;
		if (!program.n || program.p[0] == '#')
			continue;
		struct slice said = next_line(&text);
		size_t at = 0, length = 0;
		while (at < said.n && said.p[at] == ' ')
			at++;
		while (at + length < said.n && said.p[at + length] == '^')
			length++;
		CHECK_INT(jq_program_compile(program, &names, &jq, &error), -1);
		CHECK(jq == NULL);
		CHECK_INT(error.offset, at);
		CHECK_INT(error.length, at == program.n ? 0 : length);
		CHECK_SLICE(slice_str(error.text), slice_from(said, at + length + 1));
		if (error.offset != at ||
		    !slice_eq_str(slice_from(said, at + length + 1), error.text))
			printf("# in %.*s\n", SLICE(program));
		n++;
	}
	CHECK(n >= 60);
}

/* ---- outer names --------------------------------------------------------------------------------------------- */

static void check_outer(const char *program, const char *wanted, bool native, bool about,
			bool reads)
{
	struct expr_names names = all_names();
	struct env env = { .record = the_record, .res = &response, .meta = &meta };
	AUTO(buf_done) struct buf got = { 0 };
	struct jq *jq = compiled(slice_str(program), &names);
	if (!jq)
		return;
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), slice_str(wanted));
	CHECK_INT(jq_native(jq), native);
	CHECK_INT(jq_wants_about(jq), about);
	CHECK_INT(jq_reads_input(jq), reads);
	jq_free(jq);
}

TEST(outer_names)
{
	check_outer("$res.body.n", "1.50\n", true, false, false);
	check_outer("$res.status, $res.headers.etag", "404\n\"x\"\n", true, true, false);
	check_outer(
		"$res",
		"{\"status\":404,\"headers\":{\"etag\":\"x\"},\"body\":{\"n\":1.50,\"a\":[1,2]}}\n",
		true, true, false);
	check_outer("$res.body.a[] as $x | {$x, id: .id}",
		    "{\"x\":1,\"id\":7}\n{\"x\":2,\"id\":7}\n", true, false, true);
	check_outer("$vars.base, $vars.n, $vars.big", "\"http://x\"\n1.50\n12345678901234567890\n",
		    true, false, false);
	check_outer("$vars | keys", "[\"base\",\"big\",\"n\"]\n", true, false, false);
	check_outer("$vars.other // 5", "5\n", true, false, false);
	check_outer("$vars.other?", "null\n", true, false, false);
	check_outer("$meta.id, $meta.position, $meta.attempt, $meta.source",
		    "\"7\"\n3\n2\n\"f.jsonl\"\n", true, false, false);
	check_outer("$meta.time", "\"1970-01-01T00:00:01.000Z\"\n", true, false, false);
	check_outer("[$res.status, $meta.id, $vars.big, .id] | map(tostring) | join(\"-\") | "
		    "test(\"404-7-1234.*-7\")",
		    "true\n", false, true, true);
	check_outer("1 | .", "1\n", true, false, false);
	check_outer("[range(2)]", "[0,1]\n", true, false, false);
	check_outer("\"x\" | test(\"x\")", "true\n", false, false, false);
	check_outer("length", "10\n", true, false, true);
	check_outer("select(.id == 7) | .name", "\"Ada\"\n", true, false, true);
}

TEST(names_that_are_not_given_are_null)
{
	struct expr_names names = { .response = true, .rows = true };
	struct env env = { .record = the_record };
	AUTO(buf_done) struct buf got = { 0 };
	struct jq *jq = compiled(S("[$res, $rows, $meta, $vars]"), &names);
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), S("[null,null,null,{}]\n"));
	jq_free(jq);
}

TEST(no_record_yet)
{
	struct expr_names names = { .vars = S("{\"a\":1}"), .no_record = true };
	struct expr_error error;
	struct jq *jq = compiled(S("$vars.a + ([1,2] | length)"), &names);
	jq_free(jq);
	CHECK_INT(jq_program_compile(S("$vars.a + .id"), &names, &jq, &error), -1);
	CHECK_INT(error.offset, 10);
	CHECK_INT(error.length, 3);
	CHECK_INT(jq_program_compile(S("[1] | map(.) | length + ($vars | length)"), &names, &jq,
				     &error),
		  0);
	jq_free(jq);
}

/* ---- one value, truth ------------------------------------------------------------------------------------------ */

static int one(const char *program, struct buf *out, struct err *err)
{
	struct expr_names names = all_names();
	struct env env = { .record = the_record, .res = &response, .meta = &meta };
	struct jq *jq = compiled(slice_str(program), &names);
	int rc = jq ? jq_one(jq, &env, out, err) : -2;
	jq_free(jq);
	return rc;
}

TEST(exactly_one_value)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct err err = { 0 };
	CHECK_INT(buf_add(&out, S("kept")), 0);
	CHECK_INT(one(".id", &out, &err), 1);
	CHECK_SLICE(buf_slice(&out), S("kept7"));
	CHECK_INT(one("empty", &out, &err), 0);
	CHECK_INT(one(".list[]", &out, &err), -1);
	CHECK_INT(err.fault, FAULT_JQ);
	CHECK(strncmp(err.text, "gave 2 values", 13) == 0);
	CHECK_INT(one("{a: .id, b: (.id | error(\"no\"))}", &out, &err), -1);
	CHECK_STR(err.text, "no");
	CHECK_INT(one("{a: 1, b: .id.x}", &out, &err), -1);
	CHECK_SLICE(buf_slice(&out), S("kept7"));
	CHECK_INT(one(".s | sub(\"a\"; \"x\")", &out, &err), 1);
	CHECK_SLICE(buf_slice(&out), S("kept7\"x,b,c\""));
}

TEST(truth)
{
	static const struct {
		const char *program;
		int truth;
	} cases[] = { { ".id == 7", 1 },
		      { ".id > 7", 0 },
		      { ".no", 0 },
		      { "0", 1 },
		      { "empty", 0 },
		      { ".list[] > 1", 0 },
		      { "true, error(1)", 1 },
		      { ".s | test(\"b\")", 1 },
		      { ".id.x", -1 },
		      { ".s.x | test(\"b\")", -1 } };
	struct expr_names names = all_names();
	struct env env = { .record = the_record };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		struct jq *jq = compiled(slice_str(cases[i].program), &names);
		CHECK_INT(jq_truth(jq, &env, &err), cases[i].truth);
		jq_free(jq);
	}
}

static int stop_at_two(void *arg, struct slice value, struct err *err)
{
	return ++*(int *)arg == 2 ? 42 : 0;
}

TEST(a_yield_can_stop)
{
	struct expr_names names = all_names();
	struct env env = { .record = the_record };
	const char *programs[] = { ".list[]", "repeat(1)", "[.list[]?][] | ., .",
				   ".list[] | (., error(\"never\"))?" };
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		int n = 0;
		struct err err = { 0 };
		struct jq *jq = compiled(slice_str(programs[i]), &names);
		CHECK_INT(jq_each(jq, &env, stop_at_two, &n, &err), 42);
		CHECK_INT(n, 2);
		jq_free(jq);
	}
}

struct nest {
	const struct jq *jq;
	struct buf *out;
	int depth;
};

static int evaluate_again(void *arg, struct slice value, struct err *err)
{
	struct nest *nest = arg, inner = { nest->jq, nest->out, nest->depth + 1 };
	struct env env = { .record = the_record };
	if (buf_printf(nest->out, "%d:%.*s ", nest->depth, SLICE(value)) < 0)
		return -1;
	return nest->depth < 1 ? jq_each(nest->jq, &env, evaluate_again, &inner, err) : 0;
}

TEST(evaluations_nest)
{
	struct expr_names names = all_names();
	struct env env = { .record = the_record };
	const char *programs[] = { ".list[] | select(. < 3) | \"\\(.)\"",
				   ".list[] | select(. < 3) | tostring | sub(\"x\"; \"\")" };
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct err err = { 0 };
		struct jq *jq = compiled(slice_str(programs[i]), &names);
		struct nest nest = { jq, &out, 0 };
		CHECK_INT(jq_each(jq, &env, evaluate_again, &nest, &err), 0);
		CHECK_SLICE(buf_slice(&out), S("0:\"1\" 1:\"1\" 1:\"2\" 0:\"2\" 1:\"1\" 1:\"2\" "));
		jq_free(jq);
	}
}

/* ---- joined programs ----------------------------------------------------------------------------------------------- */

static struct jq *joined(const char *const *keys, const char *const *programs, size_t n)
{
	struct expr_names names = all_names();
	struct slice key[8];
	struct jq *value[8];
	for (size_t i = 0; i < n; i++) {
		key[i] = slice_str(keys[i]);
		value[i] = compiled(slice_str(programs[i]), &names);
	}
	return jq_new_object(key, value, n);
}

static void check_joined(const char *const *keys, const char *const *programs, size_t n,
			 const char *wanted, bool native)
{
	struct env env = { .record = the_record, .res = &response };
	AUTO(buf_done) struct buf got = { 0 };
	struct jq *jq = joined(keys, programs, n);
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), slice_str(wanted));
	CHECK_INT(jq_native(jq), native);
	jq_free(jq);
}

TEST(joined_programs)
{
	const char *keys[] = { "id", "a \"b\"", "n" };
	check_joined(keys, (const char *[]){ ".id", ".user.name", ".n * 2" }, 3,
		     "{\"id\":7,\"a \\\"b\\\"\":\"x\",\"n\":7}\n", true);
	check_joined(keys, (const char *[]){ ".id", ".name | test(\"A\")", ".n" }, 3,
		     "{\"id\":7,\"a \\\"b\\\"\":true,\"n\":3.5}\n", false);
	check_joined(keys, (const char *[]){ ".list[] as $x | $x", ".list[0,1] as $y | $y", ".n" },
		     3,
		     "{\"id\":1,\"a \\\"b\\\"\":1,\"n\":3.5}\n{\"id\":1,\"a "
		     "\\\"b\\\"\":2,\"n\":3.5}\n{\"id\":2,\"a \\\"b\\\"\":1,\"n\":3.5}\n"
		     "{\"id\":2,\"a \\\"b\\\"\":2,\"n\":3.5}\n{\"id\":3,\"a "
		     "\\\"b\\\"\":1,\"n\":3.5}\n{\"id\":3,\"a \\\"b\\\"\":2,\"n\":3.5}\n",
		     true);
	check_joined(keys, (const char *[]){ ".id", "empty", ".n" }, 3, "", true);
	check_joined(keys,
		     (const char *[]){ ".id",
				       "$res.body.a | map(tostring) | join(\"\") | splits(\"x\")",
				       "$res.status" },
		     3, "{\"id\":7,\"a \\\"b\\\"\":\"12\",\"n\":404}\n", false);
	check_joined(keys, (const char *[]){ ".id.x" }, 1,
		     "! cannot index number with string \"x\"\n", true);
	check_joined(keys, NULL, 0, "{}\n", true);
}

TEST(last_of_equal_keys_counts)
{
	struct expr_names names = all_names();
	struct env env = { .record = S("{\"a\":{\"b\":1},\"x\":1,\"\\u0061\":{\"c\":2},\"x\":2}") };
	AUTO(buf_done) struct buf got = { 0 };
	struct jq *jq = compiled(S(".a.b, .a.c, .x, length, [.[]], keys"), &names);
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), S("null\n2\n2\n2\n[{\"c\":2},2]\n[\"a\",\"x\"]\n"));
	jq_free(jq);
}

TEST(many_fields)
{
	AUTO(buf_done) struct buf record = { 0 }, program = { 0 }, got = { 0 };
	struct expr_names names = all_names();
	for (int i = 0; i < 200; i++)
		CHECK_INT(buf_printf(&record, "%c\"k%d\":{\"v\":%d}", i ? ',' : '{', i, i) +
				  buf_printf(&program, "%c.k%d.v", i ? ',' : '[', i),
			  0);
	CHECK_INT(buf_add(&record, S("}")) + buf_add(&program, S("] | add, length")), 0);
	struct env env = { .record = buf_slice(&record) };
	struct jq *jq = compiled(buf_slice(&program), &names);
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), S("19900\n200\n"));
	jq_free(jq);
}

/* ---- limits ----------------------------------------------------------------------------------------------------------- */

TEST(nothing_takes_the_stack)
{
	struct expr_names names = all_names();
	const char *opening[] = { "(",           "[",       "{a:",
				  "-",           "def f: ", "if ",
				  "try ",        ". as [",  "\"\\(",
				  "1+",          "1|",      "reduce . as $x (",
				  "{a:-",        "{a:.|",   "if . then . elif ",
				  "{(",          ".[",      "{a:{b:",
				  "label $x|",   "map(",    ". as {a:",
				  "try . catch " };
	for (size_t i = 0; i < ARRAY_SIZE(opening); i++) {
		AUTO(buf_done) struct buf text = { 0 };
		struct expr_error error = { 0 };
		struct jq *jq = NULL;
		for (int n = 0; n < 20000; n++)
			CHECK_INT(buf_add(&text, slice_str(opening[i])), 0);
		CHECK_INT(jq_program_compile(buf_slice(&text), &names, &jq, &error), -1);
		CHECK(error.offset <= text.n && error.text[0]);
	}
}

TEST(too_much_is_refused)
{
	struct expr_names names = all_names();
	struct env env = { .record = the_record };
	const char *programs[] = { "[range(1e9)]", "reduce range(1e9) as $x (\"x\"; . + .)",
				   "\"x\" * 1e9" };
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct err err = { 0 };
		struct jq *jq = compiled(slice_str(programs[i]), &names);
		CHECK_INT(jq_one(jq, &env, &out, &err), -1);
		CHECK_INT(err.fault, FAULT_TOO_LARGE);
		jq_free(jq);
	}
	AUTO(buf_done) struct buf got = { 0 };
	struct jq *jq = compiled(S("reduce range(1000) as $x (0; [.])"), &names);
	give(jq, &env, false, &got);
	CHECK_SLICE(buf_slice(&got), S("! the value is nested more than 128 deep\n"));
	jq_free(jq);
}

/* ---- in tasks, in threads, for long ---------------------------------------------------------------------- */

struct deep {
	const char *open, *inside, *close;
	int levels;
};

/* A program as deep as native ones may be, in a task with the usual stack. */
static int evaluate_deep(void *arg)
{
	const struct deep *d = arg;
	AUTO(buf_done) struct buf program = { 0 }, out = { 0 };
	struct expr_names names = all_names();
	struct err err = { 0 };
	for (int i = 0; i < d->levels; i++)
		CHECK_INT(buf_add(&program, slice_str(d->open)), 0);
	CHECK_INT(buf_add(&program, slice_str(d->inside)), 0);
	for (int i = 0; i < d->levels; i++)
		CHECK_INT(buf_add(&program, slice_str(d->close)), 0);
	struct jq *jq = compiled(buf_slice(&program), &names);
	struct env env = { .record = S("[[[[[[[[{\"a\":[1,2]}]]]]]]]]") };
	CHECK(jq && jq_native(jq));
	if (jq && jq_each(jq, &env, add_line, &out, &err) < 0)
		CHECK(err.text[0]);
	jq_free(jq);
	return 0;
}

TEST(native_programs_fit_a_task)
{
	static struct deep cases[] = {
		{ "[", ".", "]", 90 },
		{ "{a:", ".", "}", 90 },
		{ "(1,", "2", ")|(.,3)", 2 },
		{ "map(", "[..]", ")", 30 },
		{ "(. as $x | ", "$x", ")", 45 },
		{ "try (", "error(\"x\")", ")", 70 },
		{ "\"\\(", "1", "\"", 45 },
		{ "(1 + ", "2", ")", 80 },
		{ "if . then ", ".", " else 0 end", 90 },
		{ "[.[]? | ", ".", "]", 45 },
		{ "first(", ".", ")", 90 },
		{ "(.. | ", ".", ")", 3 },
		{ "{(\"a\",\"b\"):", "1", "}", 3 },
		{ "select(", "true", ")", 90 },
		{ "reduce (", "1", ") as $x (0; . + $x)", 90 },
	};
	cases[6].close = ")\"";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_INT(hk_run(evaluate_deep, &cases[i], NULL), 0);
}

static int evaluate_in_task(void *arg)
{
	struct expr_names names = all_names();
	struct env env = { .record = the_record, .res = &response, .meta = &meta };
	AUTO(buf_done) struct buf got = { 0 };
	struct jq *jq = arg ? arg : compiled(S(".s | sub(\"a\"; \"x\") | [splits(\",\")]"), &names);
	for (int i = 0; i < 50; i++) {
		buf_clear(&got);
		give(jq, &env, false, &got);
		CHECK_SLICE(buf_slice(&got), S("[\"x\",\"b\",\"c\"]\n"));
	}
	if (!arg)
		jq_free(jq);
	return 0;
}

TEST(libjq_runs_in_tasks)
{
	CHECK_INT(hk_run(evaluate_in_task, NULL, NULL), 0);
}

static void *evaluate_in_thread(void *jq)
{
	evaluate_in_task(jq);
	return NULL;
}

TEST(threads_share_a_program)
{
	struct expr_names names = all_names();
	struct jq *jq = compiled(S(".s | sub(\"a\"; \"x\") | [splits(\",\")]"), &names);
	pthread_t threads[3];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, evaluate_in_thread, jq), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	jq_free(jq);
}

TEST(memory_stays_flat)
{
	static const char *const programs[] = { "{id, name: .user.name}",
						"[.objs[] | {k, v: (.v | ascii_upcase)}]",
						"$meta, $res",
						".s | sub(\"a\"; \"x\")",
						".s |= test(\"b\")",
						".id |= ltrimstr(\"a\")",
						"$meta, $res | tojson | test(\"x\")",
						"try (.id | test(\"x\")) catch .",
						".big = 12345678901234567890 | .big + 1" };
	struct expr_names names = all_names();
	struct env env = { .record = the_record, .res = &response, .meta = &meta };
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct jq *jq = compiled(slice_str(programs[i]), &names);
		size_t before = 0;
		for (int n = 0; n < 300; n++) {
			buf_clear(&out);
			give(jq, &env, false, &out);
			before = n == 50 ? mallinfo2().uordblks : before;
		}
		CHECK(mallinfo2().uordblks < before + 2000);
		jq_free(jq);
	}
}

/* libjq 1.6 loses a few bytes by itself, when it joins constant strings; what we lose, memory_stays_flat finds. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libjq.so\n";
}

static const struct test tests[] = {
	T(cases),
	T(digits),
	T(mistakes_are_placed),
	T(outer_names),
	T(names_that_are_not_given_are_null),
	T(no_record_yet),
	T(exactly_one_value),
	T(truth),
	T(a_yield_can_stop),
	T(evaluations_nest),
	T(joined_programs),
	T(last_of_equal_keys_counts),
	T(many_fields),
	T(nothing_takes_the_stack),
	T(too_much_is_refused),
	T(native_programs_fit_a_task),
	T(libjq_runs_in_tasks),
	T(threads_share_a_program),
	T(memory_stays_flat),
};

int main(int argc, char **argv)
{
	folder = argc > 1 ? argv[1] : "jq";
	return RUN_TESTS(tests);
}
