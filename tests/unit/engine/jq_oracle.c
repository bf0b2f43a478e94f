/* jq_oracle.c - generated programs over generated records: the native evaluator must say what libjq says
 *
 * ORACLE_PROGRAMS (3000) programs from ORACLE_SEED (1). libjq needs 20 ms to compile anything, so a batch of programs is one
 * program to it: [try [P1] catch {e: .}, try [P2] ...]. Both answers are read by libjq's parser and printed by its printer
 * before they are compared. Left out are numbers whose digits libjq does not keep, and faults of libjq 1.6 (two slices of one
 * array are equal there when they are equally long; a reduce with several starts runs once). */
#include <jq.h>

#include "base/rand.h"
#include "base/units.h"
#include "check.h"
#include "engine/language/jq_val.h"
#include "engine/expr.h"
#include <stdlib.h>

#include "base/banned.h"

enum { BATCH = 50, RECORDS = 3, DEPTH = 4 };

static struct rand rng;
static size_t native_programs, compared, raised, skipped;

static size_t pick(size_t n)
{
	return (size_t)rand_below(&rng, n);
}

static void put(struct buf *b, const char *text)
{
	CHECK_INT(buf_add(b, slice_str(text)), 0);
}

/* ---- records -------------------------------------------------------------------------------------------- */

static const char *const names[] = { "a", "b", "c", "d", "k" };

static void put_scalar(struct buf *b)
{
	static const char *const scalars[] = { "null",      "true",
					       "false",     "0",
					       "1",         "2",
					       "-1",        "3.5",
					       "10",        "0.1",
					       "64",        "\"\"",
					       "\"a\"",     "\"b\"",
					       "\"ab\"",    "\"12\"",
					       "\"x,y\"",   "\"\\u00e9\\n\"",
					       "\"a b&<\"", "-2.25",
					       "1000",      "7",
					       "\"7.5\"",   "\"A\"",
					       "[]",        "{}",
					       "1.5",       "\"long enough to be cut\"" };
	put(b, scalars[pick(ARRAY_SIZE(scalars))]);
}

static void put_json(struct buf *b, int depth)
{
	size_t kind = depth > 0 ? pick(4) : 0, n = pick(4);
	if (kind < 2) {
		put_scalar(b);
		return;
	}
	put(b, kind == 2 ? "[" : "{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(b, ",");
		if (kind == 3)
			CHECK_INT(buf_printf(b, "\"%s\":", names[pick(ARRAY_SIZE(names))]), 0);
		put_json(b, depth - 1);
	}
	put(b, kind == 2 ? "]" : "}");
}

/* Mostly objects whose fields have the types that their names promise, so that programs get somewhere. */
static void put_record(struct buf *b)
{
	if (pick(6) == 0) {
		put_json(b, 3);
		return;
	}
	CHECK_INT(buf_printf(b, "{\"a\":%zu,\"b\":\"%s\",\"c\":[%zu,%zu,%zu],\"d\":", pick(20),
			     pick(2) ? "ab" : "x,y", pick(5), pick(5), pick(5)),
		  0);
	put_json(b, 2);
	put(b, ",\"k\":{\"a\":");
	put_json(b, 1);
	CHECK_INT(buf_printf(b, ",\"b\":%zu.5}}", pick(9)), 0);
}

/* ---- programs --------------------------------------------------------------------------------------------- */

static unsigned variables;

static void put_program(struct buf *b, int depth);

static void put_path(struct buf *b, int depth)
{
	static const char *const fixed[] = { ".",      ".a",       ".b",    ".c",    ".d",
					     ".k",     ".k.a",     ".k.b",  ".c[0]", ".c[-1]",
					     ".c[1:]", ".[\"a\"]", ".c[]",  ".d[]?", ".a?",
					     ".b[1:]", ".k[]",     ".x.y",  ".[]?",  "..",
					     ".d[0]?", ".k.a.b?",  ".\"b\"" };
	put(b, fixed[pick(ARRAY_SIZE(fixed))]);
}

static void put_literal(struct buf *b)
{
	static const char *const literals[] = { "1",    "2",          "0",     "\"a\"", "\"\"",
						"null", "true",       "false", "[]",    "{}",
						"3.5",  "-1",         "[1,2]", "{a:1}", "\",\"",
						"10",   "\"b\"",      "1.5",   "100",   "[\"a\"]",
						"0.25", "{\"b\":[1]}" };
	put(b, literals[pick(ARRAY_SIZE(literals))]);
}

/* (left op right) */
static void put_between(struct buf *b, int depth, const char *op)
{
	put(b, "(");
	put_program(b, depth);
	put(b, op);
	put_program(b, depth);
	put(b, ")");
}

static void put_around(struct buf *b, int depth, const char *before, const char *after)
{
	put(b, before);
	put_program(b, depth);
	put(b, after);
}

static void put_operator(struct buf *b, int depth)
{
	static const char *const ops[] = { " + ",   " - ",  " * ", " / ",  " % ",  " == ",
					   " != ",  " < ",  " > ", " <= ", " >= ", " // ",
					   " and ", " or ", " | ", ", " };
	put_between(b, depth, ops[pick(ARRAY_SIZE(ops))]);
}

static void put_function(struct buf *b, int depth)
{
	static const char *const plain[] = { "length",
					     "keys",
					     "add",
					     "tostring",
					     "tonumber",
					     "type",
					     "not",
					     "tojson",
					     "ascii_downcase",
					     "first",
					     "last",
					     "sort",
					     "unique",
					     "min",
					     "max",
					     "reverse",
					     "flatten",
					     "to_entries",
					     "floor",
					     "ceil",
					     "any",
					     "all",
					     "values",
					     "numbers",
					     "strings",
					     "scalars",
					     "keys_unsorted",
					     "empty",
					     "utf8bytelength",
					     "ascii_upcase",
					     "round",
					     "fabs",
					     "arrays",
					     "objects",
					     "iterables",
					     "recurse",
					     "@json",
					     "@text",
					     "@csv",
					     "@tsv",
					     "@html",
					     "@uri",
					     "@sh",
					     "@base64" };
	static const char *const with[] = { "map(",      "select(",    "has(",
					    "join(",     "split(",     "startswith(",
					    "endswith(", "ltrimstr(",  "rtrimstr(",
					    "sort_by(",  "group_by(",  "unique_by(",
					    "min_by(",   "max_by(",    "first(",
					    "error(",    "[limit(2; ", "[range(2)] | map(",
					    "flatten(" };
	size_t i = pick(ARRAY_SIZE(with) + 1);
	if (pick(2)) {
		put_around(b, depth, "(", " | ");
		put(b, plain[pick(ARRAY_SIZE(plain))]);
		put(b, ")");
	} else if (i == ARRAY_SIZE(with)) {
		put(b, pick(2) ? "any(. == 1)" : "all(. > 0)");
	} else {
		put_around(b, depth, with[i], strchr(with[i], ';') ? ")]" : ")");
	}
}

static void put_object(struct buf *b, int depth)
{
	size_t n = pick(4);
	put(b, "{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(b, ", ");
		if (pick(4) == 0) {
			put(b, names[pick(ARRAY_SIZE(names))]);
			continue;
		}
		if (pick(4) == 0)
			put_around(b, depth, "(", pick(3) ? " | tostring)" : ", .a)");
		else
			put(b, names[pick(ARRAY_SIZE(names))]);
		put_around(b, depth, ": (", ")");
	}
	put(b, "}");
}

static void put_binding(struct buf *b, int depth)
{
	unsigned own = variables++;
	put_around(b, depth, "(", "");
	CHECK_INT(buf_printf(b, " as $v%u | ", own), 0);
	put_program(b, depth);
	CHECK_INT(buf_printf(b, ", $v%u)", own), 0);
}

static void put_reduce(struct buf *b, int depth)
{
	unsigned own = variables++;
	CHECK_INT(buf_printf(b, "(reduce %s as $v%u (", pick(2) ? ".c[]?" : "(.[]?, 1)", own), 0);
	put_literal(b);
	put(b, "; ");
	if (pick(2))
		put_program(b, depth);
	else
		CHECK_INT(buf_printf(b, ". %c $v%u", "+-*"[pick(3)], own), 0);
	put(b, "))");
}

static void put_string(struct buf *b, int depth)
{
	static const char *const formats[] = { "", "@json ", "@uri ", "@base64 ", "@html " };
	put(b, formats[pick(2) ? 0 : pick(ARRAY_SIZE(formats))]);
	put_around(b, depth, "\"x\\(", ")");
	if (pick(2))
		put_around(b, depth, "-\\(", ")");
	put(b, " y\"");
}

static void put_condition(struct buf *b, int depth)
{
	put_around(b, depth, "if ", " then ");
	put_program(b, depth);
	put_around(b, depth, " else ", " end");
}

/* Everything stands in parentheses where it must; precedence has tests of its own. */
static void put_program(struct buf *b, int depth)
{
	size_t kind = depth > 0 ? pick(14) : pick(2);
	switch (kind) {
	case 0:
		put_literal(b);
		return;
	case 1:
	case 2:
		put_path(b, depth);
		return;
	case 3:
	case 4:
		put_operator(b, depth - 1);
		return;
	case 5:
	case 6:
		put(b, "(");
		put_function(b, depth - 1);
		put(b, ")");
		return;
	case 7:
		put_object(b, depth - 1);
		return;
	case 8:
		put_around(b, depth - 1, "[", "]");
		return;
	case 9:
		put_binding(b, depth - 1);
		return;
	case 10:
		put_reduce(b, depth - 1);
		return;
	case 11:
		put_string(b, depth - 1);
		return;
	case 12:
		put(b, "(");
		put_condition(b, depth - 1);
		put(b, ")");
		return;
	default:
		put_around(b, depth - 1, pick(2) ? "(try (" : "((", pick(2) ? ")?)" : ") | .)");
	}
}

/* ---- both answers ------------------------------------------------------------------------------------------- */

static int add_value(void *arg, struct slice value, struct err *err)
{
	struct buf *all = arg;
	if (all->n > 1 && buf_add_char(all, ',') < 0)
		return -1;
	return buf_add(all, value) < 0 ? -1 : 0;
}

/* [values], or {"e": words} as `try [P] catch {e: .}` makes it; through libjq's parser and printer. */
static jv native_answer(const struct jq *jq, const struct env *env)
{
	AUTO(buf_done) struct buf all = { 0 };
	struct err err = { 0 };
	CHECK_INT(buf_add_char(&all, '['), 0);
	if (jq_each(jq, env, add_value, &all, &err) < 0) {
		raised++;
		return jv_object_set(jv_object(), jv_string("e"), jv_string(err.text));
	}
	CHECK_INT(buf_add_char(&all, ']'), 0);
	return jv_dump_string(jv_parse_sized(all.p, (int)all.n), 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Words may differ in their first letter's case, and where a number is shown with more digits or a text is cut. */
static bool same_words(const char *ours, jv theirs)
{
	if (jv_get_kind(theirs) != JV_KIND_STRING)
		return strncmp(ours, "error(", 6) == 0;
	const char *words = jv_string_value(theirs);
	if (strstr(words, "(while parsing") || strchr(words, '.') || strstr(words, "\xef\xbf\xbd"))
		return true;
	return lower(ours[0]) == lower(words[0]) && (!ours[0] || strcmp(ours + 1, words + 1) == 0);
}

static bool same(jv ours, jv theirs)
{
	bool error = jv_get_kind(theirs) == JV_KIND_OBJECT, equal;
	if (error != (jv_get_kind(ours) == JV_KIND_OBJECT))
		return false;
	if (error) {
		jv words = jv_object_get(jv_copy(theirs), jv_string("e")),
		   own = jv_object_get(jv_copy(ours), jv_string("e"));
		equal = same_words(jv_string_value(own), words);
		jv_free(words);
		jv_free(own);
		return equal;
	}
	jv text = jv_dump_string(jv_copy(theirs), 0);
	equal = jv_equal(jv_copy(text), jv_copy(ours));
	jv_free(text);
	return equal;
}

static void show(const char *who, jv v)
{
	jv text = jv_get_kind(v) == JV_KIND_STRING ? v : jv_dump_string(v, 0);
	printf("#   %s %s\n", who, jv_string_value(text));
	jv_free(text);
}

static void compare(const struct jq *jq, struct slice program, struct slice record, jv theirs)
{
	struct env env = { .record = record };
	jv ours = native_answer(jq, &env);
	compared++;
	if (!same(ours, theirs)) {
		test_failures_++;
		printf("# %.*s\n#   of %.*s\n", SLICE(program), SLICE(record));
		show("native", jv_copy(ours));
		show("libjq ", jv_copy(theirs));
	}
	jv_free(ours);
	jv_free(theirs);
}

static void complain(void *arg, jv message)
{
	jv text = jq_format_error(message);
	printf("# libjq: %s\n", jv_string_value(text));
	jv_free(text);
}

static void run_batch(void)
{
	AUTO(buf_done) struct buf all = { 0 }, record = { 0 };
	struct jq *jq[BATCH] = { NULL };
	struct buf programs[BATCH] = { 0 };
	struct expr_names none = { 0 };
	struct expr_error error;
	put(&all, "[");
	for (size_t i = 0; i < BATCH; i++) {
		variables = 0;
		put_program(&programs[i], DEPTH);
		int rc = jq_program_compile(buf_slice(&programs[i]), &none, &jq[i], &error);
		if (rc < 0 &&
		    strcmp(error.text, "division by zero") == 0) { /* libjq refuses these, too */
			buf_clear(&programs[i]);
			put(&programs[i], ".");
			rc = jq_program_compile(buf_slice(&programs[i]), &none, &jq[i], &error);
		}
		CHECK_INT(rc, 0);
		if (!jq[i])
			printf("# %s: %s\n", programs[i].p, error.text);
		native_programs += jq[i] && jq_native(jq[i]);
		CHECK_INT(buf_printf(&all, "%s(try [%s] catch {e: .})", i ? ",\n" : "",
				     programs[i].p),
			  0);
	}
	put(&all, "]");
	jq_state *oracle = jq_init();
	jq_set_error_cb(oracle, complain, NULL);
	bool compiled = jq_compile_args(oracle, all.p, jv_object());
	CHECK(compiled);
	for (size_t r = 0; compiled && r < RECORDS; r++) {
		buf_clear(&record);
		put_record(&record);
		jq_start(oracle, jv_parse_sized(record.p, (int)record.n), 0);
		jv answers = jq_next(oracle);
		skipped += jv_get_kind(answers) !=
			   JV_KIND_ARRAY; /* a rare fault of libjq's own try: it raises ...__jq */
		for (size_t i = 0; i < BATCH && jv_get_kind(answers) == JV_KIND_ARRAY; i++)
			if (jq[i])
				compare(jq[i], buf_slice(&programs[i]), buf_slice(&record),
					jv_array_get(jv_copy(answers), (int)i));
		jv_free(answers);
	}
	jq_teardown(&oracle);
	for (size_t i = 0; i < BATCH; i++) {
		jq_free(jq[i]);
		buf_done(&programs[i]);
	}
}

static uint64_t setting(const char *name, int64_t otherwise)
{
	int64_t value;
	const char *text = getenv(name);
	return (uint64_t)(text && units_int(slice_str(text), &value) == 0 ? value : otherwise);
}

TEST(native_says_what_libjq_says)
{
	uint64_t seed = setting("ORACLE_SEED", 1), programs = setting("ORACLE_PROGRAMS", 3000);
	rand_seed(&rng, seed);
	for (uint64_t i = 0; i < programs; i += BATCH)
		run_batch();
	printf("# seed %" PRIu64
	       ": %zu answers compared, %zu of them errors, %zu programs native\n",
	       seed, compared, raised, native_programs);
	CHECK(native_programs * 10 >= programs * 8);
	CHECK(raised * 3 <= compared * 2);
	CHECK(skipped * 100 <= programs / BATCH * RECORDS);
}

static void check_number(double d)
{
	AUTO(buf_done) struct buf ours = { 0 };
	jv theirs = jv_dump_string(jv_number(d), 0);
	CHECK_INT(number_put(d, &ours), 0);
	CHECK_STR(jv_string_value(theirs), ours.p);
	jv_free(theirs);
}

TEST(numbers_are_printed_as_libjq_prints_them)
{
	static const double edges[] = { 0,
					-0.0,
					0.001,
					0.0009,
					1e-5,
					0.1,
					0.3,
					1e9,
					999999999.5,
					9007199254740991.0,
					9007199254740992.0,
					1e15,
					1e16,
					1e17,
					1.5e300,
					5e-324,
					0.1 + 0.2,
					1 / 3.0,
					2.5,
					123456.789,
					-0.05,
					100.25,
					1e22,
					4.35,
					2.675,
					1.005 };
	rand_seed(&rng, 7);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		check_number(edges[i]);
	for (int i = 0; i < 100000; i++) {
		double scale[] = { 1, 10, 100, 1e3, 1e6, 1e9, 7, 3 }, d;
		uint64_t bits = rand_u64(&rng);
		check_number((double)(int64_t)rand_below(&rng, 1000000000000) /
			     scale[pick(ARRAY_SIZE(scale))]);
		check_number((double)pick(10000) / 100 * (double)pick(1000));
		memcpy(&d, &bits, sizeof(d));
		check_number(d);
	}
}

/* Our parser's table of functions is jq's own, without what is refused. */
TEST(functions_are_those_of_jq)
{
	struct expr_names none = { 0 };
	jq_state *oracle = jq_init();
	CHECK(jq_compile_args(oracle, "builtins", jv_object()));
	jq_start(oracle, jv_null(), 0);
	jv list = jq_next(oracle);
	size_t known = 0;
	jv_array_foreach(list, i, name)
	{
		AUTO(buf_done) struct buf program = { 0 };
		struct expr_error error = { 0 };
		struct jq *jq = NULL;
		struct slice head, arity;
		CHECK(slice_cut(slice_str(jv_string_value(name)), '/', &head, &arity));
		CHECK_INT(buf_add(&program, head), 0);
		for (char n = '0'; n < arity.p[0]; n++)
			put(&program, n == '0' ? "(1" : "; 1");
		if (arity.p[0] != '0')
			put(&program, ")");
		bool compiles = jq_program_compile(buf_slice(&program), &none, &jq, &error) == 0;
		CHECK(compiles || strstr(error.text, "is refused"));
		if (!compiles && !strstr(error.text, "is refused"))
			printf("# %s: %s\n", program.p, error.text);
		known += compiles;
		jq_free(jq);
		jv_free(name);
	}
	CHECK(known > 180);
	jv_free(list);
	jq_teardown(&oracle);
}

/* libjq 1.6 loses memory by itself: ltrimstr of what is no string, arrays searched for arrays. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libjq.so\n";
}

static const struct test tests[] = { T(native_says_what_libjq_says),
				     T(numbers_are_printed_as_libjq_prints_them),
				     T(functions_are_those_of_jq) };

int main(void)
{
	return RUN_TESTS(tests);
}
