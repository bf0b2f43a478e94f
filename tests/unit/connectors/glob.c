/* glob.c - tests of patterns: what they match, what they find, what is said when that is nothing */
#include "connectors/files/glob.h"
#include "base/banned.h"
#include "check.h"
#include "fake_engine.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool matches(const char *pattern, const char *path)
{
	return glob_matches(slice_str(pattern), slice_str(path));
}

TEST(names)
{
	CHECK(matches("/a/*.x", "/a/b.x"));
	CHECK(matches("/a/*.x", "/a/.x") == false);
	CHECK(matches("/a/*", "/a/b/c") == false);
	CHECK(matches("/a/*/c", "/a/b/c"));
	CHECK(matches("/a/b*d*f", "/a/bcdcdef"));
	CHECK(matches("/a/b*d*f", "/a/bcdcde") == false);
	CHECK(matches("/a/.*", "/a/.x"));
	CHECK(matches("/a/**b", "/a/xb"));
	CHECK(matches("/a//b", "/a/b"));
	CHECK(matches("/a/b", "/a") == false);
	CHECK(matches("/a", "/a/b") == false);
}

TEST(sets_and_characters)
{
	CHECK(matches("/[a-c]", "/b"));
	CHECK(matches("/[a-c]", "/d") == false);
	CHECK(matches("/[!a-c]", "/d"));
	CHECK(matches("/[^a-c]", "/a") == false);
	CHECK(matches("/[]x]", "/]"));
	CHECK(matches("/[a-]", "/-"));
	CHECK(matches("/[*]", "/*"));
	CHECK(matches("/[*]", "/x") == false);
	CHECK(matches("/[a", "/[a"));
	CHECK(matches("/?", "/\xc3\xa9"));
	CHECK(matches("/??", "/\xc3\xa9") == false);
	CHECK(matches("/[\xc3\xa0-\xc3\xaf]", "/\xc3\xa9"));
	CHECK(matches("/?", "/\xff"));
}

TEST(any_depth)
{
	CHECK(matches("/a/**/x", "/a/x"));
	CHECK(matches("/a/**/x", "/a/b/c/x"));
	CHECK(matches("/a/**/x", "/b/x") == false);
	CHECK(matches("/a/**/x", "/a/.b/x") == false);
	CHECK(matches("/a/**", "/a/b/c"));
	CHECK(matches("/a/**", "/a") == false);
	CHECK(matches("/**/b/**/d", "/x/b/y/b/z/d"));
}

static void check_found(const struct folder *f, const char *pattern, const char *want)
{
	AUTO(glob_done) struct glob g = { 0 };
	AUTO(buf_done) struct buf names = { 0 };
	struct err err = { 0 };
	CHECK_INT(glob_add(&g, folder_file(f, pattern), &err), 0);
	CHECK_STR(err.text, "");
	glob_finish(&g);
	for (size_t i = 0; i < g.n; i++) {
		CHECK(glob_matches(slice_str(folder_file(f, pattern)), slice_str(g.v[i])));
		CHECK_INT(buf_printf(&names, "%s%s", i ? " " : "", g.v[i] + strlen(f->path) + 1),
			  0);
	}
	CHECK_SLICE(buf_slice(&names), slice_str(want));
}

static void check_fails(const struct folder *f, const char *pattern, const char *why)
{
	AUTO(glob_done) struct glob g = { 0 };
	struct err err = { 0 };
	CHECK_INT(glob_add(&g, folder_file(f, pattern), &err), -1);
	CHECK(strstr(err.text, why));
	if (!strstr(err.text, why))
		CHECK_STR(err.text, why);
	glob_finish(&g);
}

static void make(struct folder *f, const char *const *names, size_t n)
{
	folder_make(f);
	for (size_t i = 0; i < n; i++)
		file_write(folder_file(f, names[i]), S("x\n"));
}

TEST(files_in_a_folder)
{
	struct folder f;
	make(&f,
	     (const char *const[]){ "b.x", "a.x", "A.x", "\xc3\xa9.x", ".h.x", "a[1].x", "a1.x" },
	     7);
	CHECK_INT(mkdir(folder_file(&f, "d.x"), 0700), 0);
	check_found(&f, "*.x", "A.x a.x a1.x a[1].x b.x \xc3\xa9.x");
	check_found(&f, "?.x", "A.x a.x b.x \xc3\xa9.x");
	check_found(&f, "**/a.x", "a.x");
	check_found(&f, ".*.x", ".h.x");
	check_found(&f, "a.x", "a.x");
	check_found(&f, "a[1].x", "a[1].x");
	check_found(&f, "a[1]?x", "a1.x");
	check_fails(&f, "c?.x", "; did you mean 'A.x'?");
	check_fails(&f, "nothing*", "it has others, such as 'A.x'");
	check_fails(&f, "d.x/*", "is empty");
	check_fails(&f, "d?x", "finds folders only");
	check_fails(&f, "a.x/*", "a.x' is no folder");
	check_fails(&f, "none", "cannot open");
	folder_remove(&f);
}

TEST(links_and_patterns_that_overlap)
{
	AUTO(glob_done) struct glob g = { 0 };
	struct err err = { 0 };
	struct folder f;
	make(&f, (const char *const[]){ "a.x", "b.x" }, 2);
	CHECK_INT(symlink("b.x", folder_file(&f, "0.x")), 0);
	CHECK_INT(glob_add(&g, folder_file(&f, "*.x"), &err), 0);
	CHECK_INT(glob_add(&g, folder_file(&f, "a.x"), &err), 0);
	glob_finish(&g);
	CHECK_INT(g.n, 2);
	CHECK_STR(g.v[0], folder_file(&f, "a.x"));
	CHECK_STR(g.v[1], folder_file(&f, "b.x"));
	CHECK_INT(symlink("gone", folder_file(&f, "c.x")), 0);
	check_fails(&f, "*.x", "c.x', which is a link");
	folder_remove(&f);
}

static const struct test tests[] = {
	T(names),
	T(sets_and_characters),
	T(any_depth),
	T(files_in_a_folder),
	T(links_and_patterns_that_overlap),
};

int main(void)
{
	return RUN_TESTS(tests);
}
