/* secrets.c - files of secrets, the environment behind them, redaction of what was handed out */
#include "base/banned.h"
#include "check.h"
#include "engine/expr.h"
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static int read_text(struct secrets *s, const char *text, struct err *err)
{
	FILE *f = fopen(path, "w");
	CHECK(f != NULL);
	fputs(text, f);
	fclose(f);
	return secrets_read(s, path, err);
}

static void check_value(const struct secrets *s, const char *name, const char *wanted)
{
	struct slice value = { 0 };
	bool found = secrets_get(s, slice_str(name), &value);
	CHECK_INT(found, wanted != NULL);
	if (wanted)
		CHECK_SLICE(value, slice_str(wanted));
}

TEST(lines)
{
	struct secrets *s = secrets_new();
	struct err err = { 0 };
	CHECK_INT(read_text(s,
			    "# a comment\n\n"
			    "PLAIN=abc\n"
			    "  SPACED =  a b  \n"
			    "export EXPORTED=x\n"
			    "EMPTY=\n"
			    "COMMENTED=abc # not this\n"
			    "HASH=a#b\n"
			    "DOUBLE=\"a\\n\\\"b\\\" \\$ #\" # comment\n"
			    "SINGLE='a\\n \"b\"'\n"
			    "EQUALS=a=b==\r\n"
			    "TWICE=1\nTWICE=2",
			    &err),
		  0);
	check_value(s, "PLAIN", "abc");
	check_value(s, "SPACED", "a b");
	check_value(s, "EXPORTED", "x");
	check_value(s, "EMPTY", "");
	check_value(s, "COMMENTED", "abc");
	check_value(s, "HASH", "a#b");
	check_value(s, "DOUBLE", "a\n\"b\" $ #");
	check_value(s, "SINGLE", "a\\n \"b\"");
	check_value(s, "EQUALS", "a=b==");
	check_value(s, "TWICE", "2");
	check_value(s, "ABSENT", NULL);
	secrets_free(s);
}

static void check_wrong(const char *text, unsigned line, const char *said)
{
	struct secrets *s = secrets_new();
	struct err err = { 0 };
	char wanted[200];
	CHECK_INT(read_text(s, text, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	snprintf(wanted, sizeof(wanted), "%s:%u: %s", path, line, said);
	CHECK_STR(err.text, wanted);
	secrets_free(s);
}

TEST(mistakes)
{
	check_wrong("A=1\nnothing\n", 2, "expected NAME=VALUE");
	check_wrong("A B=1\n", 1, "a name has letters, digits and _ only");
	check_wrong("=1\n", 1, "a name has letters, digits and _ only");
	check_wrong("1A=1\n", 1, "a name has letters, digits and _ only");
	check_wrong("\n\nA=\"x\n", 3, "the closing quote is missing");
	check_wrong("A='x' y\n", 1, "nothing but a comment may follow the closing quote");
	check_wrong("A=\"\\x\"\n", 1,
		    "a backslash in \"...\" needs n, t, r, \", \\ or $ behind it");
}

TEST(a_file_that_is_not_there)
{
	struct secrets *s = secrets_new();
	struct err err = { 0 };
	CHECK_INT(secrets_read(s, "/nowhere/at/all", &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	CHECK(strstr(err.text, "'/nowhere/at/all'") != NULL);
	secrets_free(s);
}

TEST(a_file_that_is_too_large)
{
	struct secrets *s = secrets_new();
	struct err err = { 0 };
	FILE *f = fopen(path, "w");
	for (int i = 0; i < 40000; i++)
		fputs("# a line that is thirty bytes\n", f);
	fclose(f);
	CHECK_INT(secrets_read(s, path, &err), -1);
	CHECK(strstr(err.text, "too large") != NULL);
	secrets_free(s);
}

TEST(the_environment_stands_behind)
{
	struct secrets *s = secrets_new();
	struct err err = { 0 };
	setenv("SECRETS_TEST_A", "from the environment", 1);
	setenv("SECRETS_TEST_B", "also there", 1);
	CHECK_INT(read_text(s, "SECRETS_TEST_A=from the file\n", &err), 0);
	check_value(s, "SECRETS_TEST_A", "from the file");
	check_value(s, "SECRETS_TEST_B", "also there");
	check_value(s, "SECRETS_TEST_B", "also there");
	check_value(s, "not a name", NULL);
	secrets_free(s);
}

static void check_redacted(const struct secrets *s, const char *text, const char *wanted)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(secrets_redact(s, slice_str(text), &out), 0);
	CHECK_SLICE(buf_slice(&out), slice_str(wanted));
}

TEST(placeholders_are_not_the_environments_and_are_shown)
{
	struct secrets *s = secrets_new_fake();
	struct err err = { 0 };
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(setenv("API_KEY", "the-real-key", 1), 0);
	CHECK_INT(read_text(s, "GIVEN=by-the-file\n", &err), 0);
	check_value(s, "API_KEY", "secret-API_KEY");
	check_value(s, "HOOK_URL", "https://secret.example/HOOK_URL");
	check_value(s, "PG_URL", "postgres://secret.example/PG_URL");
	check_value(s, "DATABASE_URI", "postgres://secret.example/DATABASE_URI");
	check_value(s, "WAREHOUSE_DSN", "postgres://secret.example/WAREHOUSE_DSN");
	check_value(s, "GIVEN", "by-the-file");
	check_value(s, "not a name", NULL);
	CHECK_INT(secrets_redact(s, S("secret-API_KEY by-the-file"), &out), 0);
	CHECK_STR(out.p, "secret-API_KEY ***");
	secrets_free(s);
	CHECK_INT(unsetenv("API_KEY"), 0);
}

TEST(who_only_looks_gets_placeholders_for_what_is_missing)
{
	struct secrets *s = secrets_new_lenient();
	struct err err = { 0 };
	AUTO(buf_done) struct buf out = { 0 }, missing = { 0 };
	CHECK_INT(setenv("SECRETS_TEST_C", "the-real-key", 1), 0);
	CHECK_INT(read_text(s, "GIVEN=by-the-file\n", &err), 0);
	CHECK_INT(unsetenv("SECRETS_TEST_D"), 0);
	check_value(s, "GIVEN", "by-the-file");
	check_value(s, "SECRETS_TEST_C", "the-real-key");
	CHECK_INT(secrets_put_missing(s, &missing), 0);
	CHECK_INT(missing.n, 0);
	check_value(s, "SECRETS_TEST_D", "secret-SECRETS_TEST_D");
	check_value(s, "SECRETS_TEST_URL", "https://secret.example/SECRETS_TEST_URL");
	CHECK_INT(secrets_put_missing(s, &missing), 0);
	CHECK_STR(missing.p, "'SECRETS_TEST_URL', 'SECRETS_TEST_D'");
	CHECK_INT(secrets_redact(s, S("secret-SECRETS_TEST_D the-real-key"), &out), 0);
	CHECK_STR(out.p, "secret-SECRETS_TEST_D ***");
	secrets_free(s);
}

TEST(redaction)
{
	struct secrets *s = secrets_new();
	struct err err = { 0 };
	struct slice value;
	CHECK_INT(read_text(s,
			    "LONG=abcdefgh\nLONGER=abcdefghij\nSHORT=abc1234\nUNUSED=never-handed-"
			    "out\n",
			    &err),
		  0);
	check_redacted(s, "abcdefgh", "abcdefgh");
	CHECK(secrets_get(s, S("LONG"), &value));
	CHECK(secrets_get(s, S("SHORT"), &value));
	check_redacted(s, "x abcdefgh y abcdefghij z", "x *** y ***ij z");
	CHECK(secrets_get(s, S("LONGER"), &value));
	check_redacted(s, "x abcdefgh y abcdefghij z", "x *** y *** z");
	check_redacted(s, "abcdefghabcdefghijabcdefg", "******abcdefg");
	check_redacted(s, "abc1234 never-handed-out", "abc1234 never-handed-out");
	check_redacted(s, "", "");
	CHECK_INT(read_text(s, "ODD='pass\"word/1'\n", &err), 0);
	CHECK(secrets_get(s, S("ODD"), &value));
	check_redacted(s, "pass\"word/1 {\"p\":\"pass\\\"word/1\"} ?p=pass%22word%2F1.",
		       "*** {\"p\":\"***\"} ?p=***.");
	secrets_free(s);
	secrets_free(NULL);
}

static const struct test tests[] = {
	T(lines),
	T(mistakes),
	T(a_file_that_is_not_there),
	T(a_file_that_is_too_large),
	T(the_environment_stands_behind),
	T(placeholders_are_not_the_environments_and_are_shown),
	T(who_only_looks_gets_placeholders_for_what_is_missing),
	T(redaction),
};

int main(void)
{
	snprintf(path, sizeof(path), "/tmp/hocket-secrets-%ld", (long)getpid());
	int failed = RUN_TESTS(tests);
	unlink(path);
	return failed;
}
