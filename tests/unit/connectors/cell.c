/* cell.c - tests of typed and inferred cells */
#include "connectors/files/cell.h"
#include "base/banned.h"
#include "check.h"
#include <errno.h>

static void check(enum cell_type type, const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = cell_put(type, slice_str(text), '.', &out);
	CHECK_INT(r, want ? 0 : -EBADMSG);
	CHECK_SLICE(buf_slice(&out), slice_str(want));
}

TEST(strings)
{
	check(CELL_STRING, "", "\"\"");
	check(CELL_STRING, "12", "\"12\"");
	check(CELL_STRING, "a\"b", "\"a\\\"b\"");
}

TEST(ints_keep_their_digits)
{
	check(CELL_INT, "42", "42");
	check(CELL_INT, "-42", "-42");
	check(CELL_INT, "+42", "42");
	check(CELL_INT, "007", "7");
	check(CELL_INT, "000", "0");
	check(CELL_INT, " 5 ", "5");
	check(CELL_INT, "123456789012345678901234567890", "123456789012345678901234567890");
	check(CELL_INT, "", "null");
	check(CELL_INT, "1.0", NULL);
	check(CELL_INT, "1e3", NULL);
	check(CELL_INT, "abc", NULL);
	check(CELL_INT, "-", NULL);
	check(CELL_INT, "1 2", NULL);
}

TEST(floats_are_read_generously)
{
	check(CELL_FLOAT, "1.10", "1.10");
	check(CELL_FLOAT, ".5", "0.5");
	check(CELL_FLOAT, "1.", "1");
	check(CELL_FLOAT, "-0012.50", "-12.50");
	check(CELL_FLOAT, "1E5", "1e5");
	check(CELL_FLOAT, "1e-05", "1e-05");
	check(CELL_FLOAT, "", "null");
	check(CELL_FLOAT, ".", NULL);
	check(CELL_FLOAT, "1e", NULL);
	check(CELL_FLOAT, "nan", NULL);
	check(CELL_FLOAT, "1,5", NULL);
}

TEST(bools)
{
	check(CELL_BOOL, "TRUE", "true");
	check(CELL_BOOL, "y", "true");
	check(CELL_BOOL, "0", "false");
	check(CELL_BOOL, "No", "false");
	check(CELL_BOOL, "", "null");
	check(CELL_BOOL, "maybe", NULL);
}

TEST(json)
{
	check(CELL_JSON, "[1, 2]", "[1,2]");
	check(CELL_JSON, "\"x\"", "\"x\"");
	check(CELL_JSON, "", "null");
	check(CELL_JSON, "[1,", NULL);
}

TEST(a_guess_never_damages)
{
	check(CELL_INFER, "42", "42");
	check(CELL_INFER, "-1.50", "-1.50");
	check(CELL_INFER, "1e5", "1e5");
	check(CELL_INFER, "0", "0");
	check(CELL_INFER, "0.5", "0.5");
	check(CELL_INFER, "true", "true");
	check(CELL_INFER, "False", "false");
	check(CELL_INFER, "", "null");
	check(CELL_INFER, "007", "\"007\"");
	check(CELL_INFER, "+49", "\"+49\"");
	check(CELL_INFER, "1.", "\"1.\"");
	check(CELL_INFER, ".5", "\".5\"");
	check(CELL_INFER, "-", "\"-\"");
	check(CELL_INFER, " 42", "\" 42\"");
	check(CELL_INFER, "12abc", "\"12abc\"");
	check(CELL_INFER, "null", "\"null\"");
}

static const struct test tests[] = {
	T(strings), T(ints_keep_their_digits), T(floats_are_read_generously), T(bools),
	T(json),    T(a_guess_never_damages),
};

int main(void)
{
	return RUN_TESTS(tests);
}
