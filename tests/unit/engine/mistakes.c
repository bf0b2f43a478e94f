/* mistakes.c - every mistake of the folder gets exactly the words that stand beside it
 *
 * What this room is for: mistakes/NAME.yaml is a file with something wrong, mistakes/NAME.txt what hocket says. A new mistake
 *   is a new pair of files; MISTAKES_WRITE=1 writes what is missing, to be read before it is committed. */
#include "../check.h"
#include "engine/plan.h"
#include "fakes.h"

#include <dirent.h>
#include <stdlib.h>

static int failed, count;

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char block[4096];
	size_t n;
	if (!f)
		return false;
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		CHECK_INT(buf_add(out, (struct slice){ block, n }), 0);
	fclose(f);
	return true;
}

static void write_file(const char *path, struct slice text)
{
	FILE *f = fopen(path, "wb");
	CHECK(f && fwrite(text.p, 1, text.n, f) == text.n);
	if (f)
		fclose(f);
}

/* --set texts of a case stand in its first line: # --set name=value */
static size_t read_sets(struct slice text, char *line, size_t cap, const char **sets)
{
	struct slice first, rest;
	slice_cut(text, '\n', &first, &rest);
	if (!slice_starts(first, S("# --set ")))
		return 0;
	snprintf(line, cap, "%.*s", SLICE(slice_from(first, 8)));
	*sets = line;
	return 1;
}

static void explain(struct slice text, const char *file, struct buf *out)
{
	char line[200];
	const char *sets[1];
	struct diag *diag = diag_new(file);
	struct plan_settings settings = { .registry = &fakes,
					  .sets = sets,
					  .set_count = read_sets(text, line, sizeof line, sets) };
	struct plan *plan = plan_parse(text, file, "/data", &settings, diag);
	CHECK(plan == NULL);
	CHECK_INT(diag_print(diag, false, out), 0);
	plan_free(plan);
	diag_free(diag);
}

static void check_one(const char *folder, const char *name)
{
	AUTO(buf_done) struct buf yaml = { 0 }, want = { 0 }, got = { 0 };
	char path[1024], file[300];

	test_failures_ = 0;
	snprintf(file, sizeof file, "%s.yaml", name);
	snprintf(path, sizeof path, "%s/%s", folder, file);
	CHECK(read_file(path, &yaml));
	explain(buf_slice(&yaml), file, &got);
	snprintf(path, sizeof path, "%s/%s.txt", folder, name);
	bool known = read_file(path, &want);
	if (!known && getenv("MISTAKES_WRITE"))
		write_file(path, buf_slice(&got));
	else if (!known || !slice_eq(buf_slice(&got), buf_slice(&want)))
		test_failures_++, printf("# %s, not as in the .txt:\n%s", file,
					 got.p ? got.p : "(no mistake)\n");
	failed += test_failures_ != 0;
	printf("%s %d - %s\n", test_failures_ ? "not ok" : "ok", ++count, name);
}

static int is_yaml(const struct dirent *e)
{
	return slice_ends(slice_str(e->d_name), S(".yaml"));
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "tests/unit/engine/mistakes";
	struct dirent **names;
	int n = scandir(folder, &names, is_yaml, alphasort);
	if (n < 45)
		return printf("Bail out! %s holds only %d mistakes\n", folder, n), 1;
	printf("1..%d\n", n);
	unsetenv("HOCKET_NOT_THERE");
	for (int i = 0; i < n; i++) {
		names[i]->d_name[strlen(names[i]->d_name) - 5] = '\0';
		check_one(folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return failed != 0;
}
