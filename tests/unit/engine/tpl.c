/* tpl.c - templates as text, as URLs, as JSON, and the traps in them */
#include "base/banned.h"
#include "check.h"
#include "engine/expr.h"
#include <stdlib.h>

static struct secrets *secrets;

static struct expr_names all_names(void)
{
	return (struct expr_names){
		.vars = S("{\"base\":\"https://"
			  "api.example.com\",\"n\":1.50,\"on\":true,\"o\":{\"k\":[1]}}"),
		.secrets = secrets
	};
}

static struct tpl *compiled(const char *text, enum tpl_kind kind)
{
	struct expr_names names = all_names();
	struct expr_error error;
	struct tpl *t = NULL;
	if (tpl_compile(slice_str(text), kind, &names, &t, &error) < 0)
		printf("# %s: at %zu: %s\n", text, error.offset, error.text);
	CHECK(t != NULL);
	return t;
}

static const struct slice record =
	S("{\"id\":7,\"big\":12345678901234567890,\"name\":\"A "
	  "b/\\u00e9\",\"url\":\"http://x/y?z=1\",\"no\":null,\"empty\":\"\",\"up\":\"..\","
	  "\"list\":[1,\"x\"],\"q\":\"\\\"\",\"user\":{\"name\":\"Ada\"}}");

static void give(const struct tpl *t, bool json, struct buf *out)
{
	struct env env = { .record = record };
	struct err err = { 0 };
	int rc = json ? tpl_json(t, &env, out, &err) : tpl_text(t, &env, out, &err);
	if (rc < 0)
		CHECK_INT(buf_printf(out, "! %s", err.text), 0);
	else
		CHECK_INT(rc, 0);
}

static void check_given(const char *text, enum tpl_kind kind, bool json, const char *wanted)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct tpl *t = compiled(text, kind);
	if (!t)
		return;
	give(t, json, &out);
	CHECK_SLICE(buf_slice(&out), slice_str(wanted));
	tpl_free(t);
}

TEST(text)
{
	check_given("", TPL_TEXT, false, "");
	check_given("plain", TPL_TEXT, false, "plain");
	check_given("a\\b \\\\ \"q\" (.id) $x {.}", TPL_TEXT, false,
		    "a\\b \\\\ \"q\" (.id) $x {.}");
	check_given("id \\(.id)!", TPL_TEXT, false, "id 7!");
	check_given("\\(.big)", TPL_TEXT, false, "12345678901234567890");
	check_given("\\(.name)|\\(.no)|\\(.list)|\\(.q)", TPL_TEXT, false,
		    "A b/é|null|[1,\"x\"]|\"");
	check_given("\\(\"a\\(\"b\\(.id)\")\")-\\((.id))", TPL_TEXT, false, "ab7-7");
	check_given("\\(.list | map(tostring) | join(\")\"))", TPL_TEXT, false, "1)x");
	check_given("\\(\"\\\\(\")", TPL_TEXT, false, "\\(");
	check_given("\\( .id # seven\n )", TPL_TEXT, false, "7");
	check_given("\\($vars.base)/\\($vars.n)", TPL_TEXT, false, "https://api.example.com/1.50");
	check_given("\\(.name | test(\"A\"))\\(.name | sub(\"A\"; \"B\"))", TPL_TEXT, false,
		    "trueB b/é");
	check_given("$vars.base", TPL_TEXT, false, "https://api.example.com");
	check_given("Bearer \\($secret.TPL_KEY)", TPL_TEXT, false, "Bearer s3cret\"value");
	check_given("$5 and 3.5 ..x ./y .5", TPL_TEXT, false, "$5 and 3.5 ..x ./y .5");
	check_given("\\(.list[])", TPL_TEXT, false,
		    "! \\(.list[]): gave 2 values where one is wanted: [...] collects them, "
		    "first(...) takes the first");
	check_given("x\\(select(.id > 9))", TPL_TEXT, false,
		    "! \\(select(.id > 9)): gave no value");
	check_given("x\\(.id.a)", TPL_TEXT, false,
		    "! \\(.id.a): cannot index number with string \"a\"");
}

TEST(names_of_objects)
{
	check_given("gs://b/\\(.name)/\\(.id).pdf", TPL_NAME, false, "gs://b/A b/\xc3\xa9/7.pdf");
	check_given("\\(.name)", TPL_NAME, false, "A b/\xc3\xa9");
	check_given("x/\\(.Id)", TPL_NAME, false, "! '.Id' is null, and stands in the text");
	check_given("x/\\(.list)", TPL_NAME, false, "! '.list' is a list, and stands in the text");
	check_given("x/\\(.user).pdf", TPL_NAME, false,
		    "! '.user' is an object, and stands in the text");
}

TEST(urls)
{
	check_given("https://x/\\(.name)/y", TPL_URL, false, "https://x/A%20b%2F%C3%A9/y");
	check_given("\\(.url)", TPL_URL, false, "http://x/y?z=1");
	check_given("\\(.url)&u=\\(.url)", TPL_URL, false,
		    "http://x/y?z=1&u=http%3A%2F%2Fx%2Fy%3Fz%3D1");
	check_given("\\($vars.base)/\\($vars.base)", TPL_URL, false,
		    "https://api.example.com/https%3A%2F%2Fapi.example.com");
	check_given("$vars.base", TPL_URL, false, "https://api.example.com");
	check_given("\\(.empty)\\(.url)", TPL_URL, false, "http%3A%2F%2Fx%2Fy%3Fz%3D1");
	check_given("https://x/\\(.id)?q=\\(.list | tojson)", TPL_URL, false,
		    "https://x/7?q=%5B1%2C%22x%22%5D");
	check_given("https://x/\\(.Id)", TPL_URL, false, "! '.Id' is null, and stands in the URL");
	check_given("\\(.Id)", TPL_URL, false, "! '.Id' is null, and stands in the URL");
	check_given("https://x/\\( .list )", TPL_URL, false,
		    "! '.list' is a list, and stands in the URL");
	check_given("https://x/?q=\\(.user)", TPL_URL, false,
		    "! '.user' is an object, and stands in the URL");
	check_given("https://x/\\(.id > 3)", TPL_URL, false, "https://x/true");
	check_given("https://x/\\(.up)/y", TPL_URL, false,
		    "! '..' would be a step through the path of 'https://x/...'");
	check_given("https://x/\\(.up)", TPL_URL, false,
		    "! '..' would be a step through the path of 'https://x/...'");
	check_given("https://x/\\(.up).txt", TPL_URL, false, "https://x/...txt");
	check_given("https://x/y?q=/\\(.up)", TPL_URL, false, "https://x/y?q=/..");
}

TEST(json)
{
	check_given("\\(.id)", TPL_TEXT, true, "7");
	check_given("\\(.big)", TPL_TEXT, true, "12345678901234567890");
	check_given("\\(.list)", TPL_TEXT, true, "[1,\"x\"]");
	check_given("\\(.id) ", TPL_TEXT, true, "\"7 \"");
	check_given("say \\(.q)", TPL_TEXT, true, "\"say \\\"\"");
	check_given("plain \"x\"", TPL_TEXT, true, "\"plain \\\"x\\\"\"");
	check_given("$vars.n", TPL_TEXT, true, "1.50");
	check_given("$vars.on", TPL_TEXT, true, "true");
	check_given("$vars.o.k", TPL_TEXT, true, "[1]");
	check_given("$secret.TPL_KEY", TPL_TEXT, true, "\"s3cret\\\"value\"");
	check_given("\\(.list[])", TPL_TEXT, true,
		    "! \\(.list[]): gave 2 values where one is wanted: [...] collects them, "
		    "first(...) takes the first");
}

TEST(trees)
{
	struct slice keys[] = { S("model"), S("a \"b\""), S("list") };
	struct tpl *list[] = { compiled("\\(.id)", TPL_TEXT), tpl_new_json(S(" null ")),
			       compiled("x\\(.id)", TPL_TEXT) };
	struct tpl *values[] = { compiled("small", TPL_TEXT), tpl_new_json(S("1.50")),
				 tpl_new_array(list, 3) };
	struct tpl *t = tpl_new_object(keys, values, 3), *empty = tpl_new_array(NULL, 0);
	AUTO(buf_done) struct buf out = { 0 };
	give(t, true, &out);
	CHECK_SLICE(buf_slice(&out),
		    S("{\"model\":\"small\",\"a \\\"b\\\"\":1.50,\"list\":[7,null,\"x7\"]}"));
	CHECK(!tpl_constant(t) && tpl_reads_input(t));
	CHECK(tpl_constant(empty) && !tpl_reads_input(empty));
	CHECK(tpl_constant(values[0]) && !tpl_constant(list[0]));
	tpl_free(t);
	tpl_free(empty);
	struct tpl *text = tpl_new_json(S("\"a\\nb\""));
	buf_clear(&out);
	give(text, false, &out);
	CHECK_SLICE(buf_slice(&out), S("a\nb"));
	tpl_free(text);
}

TEST(a_failed_tree_adds_nothing)
{
	struct tpl *list[] = { compiled("\\(.id)", TPL_TEXT), compiled("\\(.id.x)", TPL_TEXT) };
	struct tpl *t = tpl_new_array(list, 2);
	struct env env = { .record = record };
	struct err err = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(buf_add(&out, S("kept")), 0);
	CHECK_INT(tpl_json(t, &env, &out, &err), -1);
	CHECK_INT(err.fault, FAULT_JQ);
	CHECK_INT(tpl_text(t, &env, &out, &err), -1);
	CHECK_SLICE(buf_slice(&out), S("kept"));
	tpl_free(t);
}

TEST(heads)
{
	static const struct {
		const char *text, *head;
		bool constant, reads;
	} cases[] = {
		{ "https://x/\\(.id)/y", "https://x/", false, true },
		{ "https://x/y", "https://x/y", true, false },
		{ "\\($vars.base)/users/\\(.id)", "https://api.example.com/users/", false, true },
		{ "\\($vars.base)/users", "https://api.example.com/users", true, false },
		{ "$vars.base", "https://api.example.com", true, false },
		{ "\\(.url)", "", false, true },
		{ "x\\($meta.id)", "x", false, false },
		{ "x\\([1] | length)", "x1", true, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tpl *t = compiled(cases[i].text, TPL_URL);
		CHECK_SLICE(tpl_head(t), slice_str(cases[i].head));
		CHECK_INT(tpl_constant(t), cases[i].constant);
		CHECK_INT(tpl_reads_input(t), cases[i].reads);
		tpl_free(t);
	}
}

static void check_cut(const char *text, const char *word, bool cut, const char *head,
		      const char *wanted)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct tpl *t = compiled(text, TPL_URL);
	CHECK_INT(tpl_cut(t, word), cut);
	CHECK_SLICE(tpl_head(t), slice_str(head));
	give(t, false, &out);
	CHECK_SLICE(buf_slice(&out), slice_str(wanted));
	tpl_free(t);
}

TEST(cutting_a_word)
{
	check_cut("POST https://x/\\(.id)", "POST", true, "https://x/", "https://x/7");
	check_cut("POST  \\(.url)", "POST", true, "", "http://x/y?z=1");
	check_cut("PUT \\($vars.base)/\\(.id)", "PUT", true, "https://api.example.com/",
		  "https://api.example.com/7");
	check_cut("GET https://x", "POST", false, "GET https://x", "GET https://x");
	check_cut("POSTED https://x", "POST", false, "POSTED https://x", "POSTED https://x");
	check_cut("\\(.url)", "POST", false, "", "http://x/y?z=1");
	check_cut("GET", "GET", false, "GET", "GET");
}

static void check_wrong(const char *text, size_t at, size_t length, const char *said)
{
	struct expr_names names = { .vars = S("{\"base\":1}") };
	struct expr_error error;
	struct tpl *t = NULL;
	CHECK_INT(tpl_compile(slice_str(text), TPL_TEXT, &names, &t, &error), -1);
	CHECK(t == NULL);
	CHECK_INT(error.offset, at);
	CHECK_INT(error.length, length);
	CHECK_STR(error.text, said);
}

TEST(mistakes)
{
	check_wrong(".id", 0, 3, "this is sent as text; write \\(.id)");
	check_wrong(".user.name and more", 0, 19,
		    "this is sent as text; write \\(.user.name and more)");
	check_wrong("$res.body", 0, 9, "this is sent as text; write \\($res.body)");
	check_wrong("$meta.id", 0, 8, "this is sent as text; write \\($meta.id)");
	check_wrong("$rows", 0, 5, "this is sent as text; write \\($rows)");
	check_wrong("$vars.base/x", 0, 12, "this is sent as text; write \\($vars.base/x)");
	check_wrong("$vars", 0, 5, "this is sent as text; write \\($vars)");
	check_wrong("x/\\(.id", 2, 2, "'\\(' is never closed: ')' is missing");
	check_wrong("x/\\(.id | lenght)", 10, 6,
		    "unknown function 'lenght'; did you mean 'length'?");
	check_wrong("x/\\()", 4, 1, "the program is empty: write '.' for the record itself");
	check_wrong("a\\(.x)b\\(.y]c", 11, 1,
		    "expected ')' to close the '\\(' at column 8, found ']'");
	check_wrong("\\(\"a\\(.b)", 2, 7, "this string is never closed: a '\"' is missing");
	check_wrong("$secret.KEY", 0, 7,
		    "$secret exists only in the options auth, headers, url, body and db");
	check_wrong("$vars.bsae", 6, 4, "vars: has no 'bsae'; did you mean 'base'?");
	check_wrong("x\\(1 | error(\"no\"))", 1, 18, "no");
	check_wrong("x\\(empty)", 1, 8, "gives no value");
	check_wrong("\\($res.body)", 2, 4,
		    "$res exists only where there is an answer: in accept, result and emit");
}

TEST(missing_secrets_are_mistakes)
{
	struct expr_names names = all_names();
	struct expr_error error;
	struct tpl *t = NULL;
	CHECK_INT(tpl_compile(S("\\($secret.NOT_THERE_AT_ALL)"), TPL_TEXT, &names, &t, &error), -1);
	CHECK_INT(error.offset, 10);
	CHECK_INT(error.length, 16);
	CHECK_STR(error.text, "secret 'NOT_THERE_AT_ALL' is missing: set it in the environment or "
			      "with --secrets");
}

static const struct test tests[] = {
	T(text),
	T(urls),
	T(names_of_objects),
	T(json),
	T(trees),
	T(a_failed_tree_adds_nothing),
	T(heads),
	T(cutting_a_word),
	T(mistakes),
	T(missing_secrets_are_mistakes),
};

int main(void)
{
	setenv("TPL_KEY", "s3cret\"value", 1);
	secrets = secrets_new();
	int failed = RUN_TESTS(tests);
	secrets_free(secrets);
	return failed;
}
