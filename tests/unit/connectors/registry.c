/* registry.c - the list against the folder: every connector file stands in it, and every one can be explained
 *
 * The folder is found from this file's own path, which the compiler wrote down. */
#include "connectors/registry.h"
#include "base/banned.h"
#include "base/buf.h"
#include "check.h"
#include "engine/plan.h"
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static void secrets_free_p(struct secrets **s)
{
	secrets_free(*s);
}

static struct slice stem(const char *file)
{
	struct slice name, rest;
	(void)slice_cut(slice_str(file), '.', &name, &rest);
	return name;
}

static enum role role_of_file(struct slice stem_, struct slice *name)
{
	static const struct {
		const char *prefix;
		enum role role;
	} kinds[] = { { "from_", ROLE_SOURCE }, { "step_", ROLE_STEP }, { "to_", ROLE_SINK } };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (slice_starts(stem_, slice_str(kinds[i].prefix))) {
			*name = slice_from(stem_, strlen(kinds[i].prefix));
			return kinds[i].role;
		}
	return 0;
}

static DIR *open_folder(void)
{
	AUTO(buf_done) struct buf path = { 0 };
	const char *here = strrchr(__FILE__, '/');
	CHECK_INT(buf_printf(&path, "%.*s/../../../src/connectors",
			     here ? (int)(here - __FILE__) : 1, here ? __FILE__ : "."),
		  0);
	return opendir(path.p);
}

TEST(every_file_is_listed_and_nothing_else)
{
	DIR *dir = open_folder();
	size_t files = 0;
	CHECK(dir != NULL);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct slice name = { 0 };
		enum role role = role_of_file(stem(e->d_name), &name);
		if (!role || !slice_ends(slice_str(e->d_name), S(".c")))
			continue;
		files++;
		const struct port *port = registry_find(&registry, name, role);
		CHECK(port != NULL);
		if (!port)
			printf("# %s is not in the registry\n", e->d_name);
	}
	CHECK_INT(files, registry.n);
	if (dir)
		closedir(dir);
}

TEST(a_name_stands_once_per_role)
{
	for (size_t i = 0; i < registry.n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct port *a = registry.ports[i], *b = registry.ports[k];
			CHECK(!(a->roles & b->roles) || !slice_eq_str(slice_str(a->name), b->name));
		}
}

static bool has_name(const char *name, unsigned roles)
{
	for (size_t i = 0; i < registry.n; i++)
		if ((registry.ports[i]->roles & roles) &&
		    strcmp(registry.ports[i]->name, name) == 0)
			return true;
	return false;
}

TEST(a_foreign_word_leads_to_a_name_and_is_none)
{
	CHECK(registry.foreign_count > 0);
	for (size_t i = 0; i < registry.foreign_count; i++) {
		const struct foreign_word *f = &registry.foreign[i];
		bool good = false;
		for (unsigned role = ROLE_SOURCE; role <= ROLE_SINK; role <<= 1)
			good |= has_name(f->name, role) && !has_name(f->word, role);
		CHECK(good);
		if (!good)
			printf("# '%s' for '%s'\n", f->word, f->name);
	}
}

TEST(a_port_has_the_operations_of_its_shape)
{
	for (size_t i = 0; i < registry.n; i++) {
		const struct port *p = registry.ports[i];
		bool calls = p->ask && p->call;
		CHECK_INT((p->ask != NULL), (p->call != NULL));
		CHECK_INT(p->run != NULL, p->roles == ROLE_SOURCE);
		bool folds = p->key || p->build || p->gather;
		CHECK(p->roles != ROLE_STEP || (p->apply != NULL) + calls + folds == 1);
		CHECK(p->roles != ROLE_SINK || (p->commit != NULL) != calls);
		CHECK(p->roles != ROLE_SOURCE || (!p->apply && !calls && !p->commit));
		CHECK(p->doc && p->more && p->options);
	}
}

static void check_options(const struct port *p, const struct opt *table)
{
	for (const struct opt *o = table; o->name; o++) {
		CHECK(o->doc && o->doc[0]);
		CHECK(o->type != OPT_ENUM || o->words);
		CHECK(!o->required || !o->fallback);
		CHECK(o->type != OPT_TABLE || o->sub);
		if (o->verb && table == p->options)
			CHECK_STR(o->name, p->name);
		if (o->type == OPT_TABLE)
			check_options(p, o->sub);
	}
}

TEST(every_option_is_documented)
{
	for (size_t i = 0; i < registry.n; i++)
		check_options(registry.ports[i], registry.ports[i]->options);
}

/* Files that examples name and that are read with the pipeline: they are there, and empty. */
static char folder[] = "/tmp/hocket-examples-XXXXXX";
static const char *const files[] = { "digest.html", "style.css" };

static void each_file(bool make)
{
	char path[200];
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		FILE *f = make ? fopen(path, "wb") : NULL;
		CHECK(make ? f && fclose(f) == 0 : unlink(path) == 0);
	}
}

/* At the example's own left margin: a mail has a `from` and a `to`, too. */
static bool has_line(struct slice block, const char *start)
{
	return slice_starts(block, slice_str(start + 1)) ||
	       memmem(block.p, block.n, start, strlen(start));
}

/* The indented part of `more`, made a whole file; blocks are apart by an empty line. */
static void check_example(const struct port *p, struct slice block)
{
	AUTO(buf_done) struct buf file = { 0 }, said = { 0 };
	AUTO(secrets_free_p) struct secrets *secrets = secrets_new_fake(); /* what examples name */
	struct diag *diag = diag_new(p->name);
	const struct plan_settings settings = { .registry = &registry, .secrets = secrets };
	bool from = has_line(block, "\n    from:"), to = has_line(block, "\n    to:");
	CHECK_INT(buf_printf(&file, "%s%.*s%s", from ? "" : "    from: stdin\n", SLICE(block),
			     to ? "" : "    to: 'null'\n"),
		  0);
	struct plan *plan = plan_parse(buf_slice(&file), "example.yaml", folder, &settings, diag);
	CHECK_INT(diag_print(diag, false, &said), 0);
	/* A library that is opened at run time, and is not here, is no fault of the example. */
	if (!plan && (strstr(said.p, "cannot be loaded") || strstr(said.p, "install the package")))
		printf("# skipped: the example of %s: its library is missing\n", p->name);
	else if (!plan || diag_count(diag) > 0)
		CHECK_STR(said.p, "");
	plan_free(plan);
	diag_free(diag);
}

static size_t check_examples(const struct port *p)
{
	struct slice rest = slice_str(p->more), line;
	AUTO(buf_done) struct buf block = { 0 };
	size_t n = 0;
	for (bool more = true; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		if (slice_starts(line, S("    "))) {
			CHECK_INT(buf_printf(&block, "%.*s\n", SLICE(line)), 0);
		} else if (block.n) {
			check_example(p, buf_slice(&block));
			buf_clear(&block);
			n++;
		}
	}
	return n;
}

TEST(every_example_is_a_good_file)
{
	setenv("API_KEY", "a secret for the examples", 1);
	CHECK(mkdtemp(folder));
	each_file(true);
	for (size_t i = 0; i < registry.n; i++)
		CHECK(check_examples(registry.ports[i]) > 0);
	each_file(false);
	CHECK(rmdir(folder) == 0);
}

static const struct test tests[] = {
	T(every_file_is_listed_and_nothing_else),
	T(a_name_stands_once_per_role),
	T(a_foreign_word_leads_to_a_name_and_is_none),
	T(a_port_has_the_operations_of_its_shape),
	T(every_option_is_documented),
	T(every_example_is_a_good_file),
};

int main(void)
{
	return RUN_TESTS(tests);
}
