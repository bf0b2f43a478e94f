/* object.c - names that may be used, and the stores that need no service: memory and folders */
#include "../check.h"
#include "object_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <hocket/hocket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- URLs ------------------------------------------------------------------------------------ */

static void check_url(const char *url, int kind, const char *bucket, const char *name)
{
	struct object_url u = { 0 };
	struct err err = { 0 };
	CHECK_INT(object_url_parse(slice_str(url), &u, &err), 0);
	CHECK_STR(err.text, "");
	CHECK_INT(u.kind, kind);
	CHECK_SLICE(u.bucket, slice_str(bucket));
	CHECK_SLICE(u.name, slice_str(name));
}

TEST(urls_name_objects)
{
	check_url("gs://notes/a/b.pdf", OBJECT_GS, "notes", "a/b.pdf");
	check_url("gs://my_notes.example.com/a", OBJECT_GS, "my_notes.example.com", "a");
	check_url("s3://notes", OBJECT_S3, "notes", "");
	check_url("s3://notes/", OBJECT_S3, "notes", "");
	check_url("s3://a.b-c.d/x//y ?#%2e%2e/ü", OBJECT_S3, "a.b-c.d", "x//y ?#%2e%2e/ü");
	check_url("s3://notes/..a/b../...", OBJECT_S3, "notes", "..a/b../...");
	check_url("file:///srv/a.pdf", OBJECT_FILE, "", "/srv/a.pdf");
	check_url("file:///", OBJECT_FILE, "", "/");
}

TEST(urls_that_lead_elsewhere_are_refused)
{
	static const char *const bad[] = {
		"",
		"notes/a",
		"https://notes/a",
		"GS://notes/a",
		"gs:/notes/a",
		"file://host/a",
		"file://",
		"file://../a",
		"gs://",
		"gs:///a",
		"s3://ab/a",
		"s3://Notes/a",
		"s3://my_notes/a",
		"s3://notes:80/a",
		"s3://user@notes/a",
		"s3://notes?x/a",
		"s3://notes#x/a",
		"s3://not%2fes/a",
		"s3://n\xc3\xb6tes/a",
		"s3://notes./a",
		"s3://.notes/a",
		"s3://-notes/a",
		"s3://notes-/a",
		"s3://no..tes/a",
		"s3://127.0.0.1/a",
		"s3://[::1]/a",
		"gs://notes\\evil.com/a",
		"gs://no tes/a",
		"gs://notes/..",
		"gs://notes/a/../b",
		"gs://notes/./b",
		"gs://notes/a/.",
		"gs://notes/a\nb",
		"gs://notes/a\rb",
		"gs://notes/a\x7f",
		"gs://notes/\xff",
		"file:///srv/../etc/passwd",
		"s3://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/a",
	};
	struct object_url u = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };
		if (object_url_parse(slice_str(bad[i]), &u, &err) == 0)
			printf("# taken: %s\n", bad[i]);
		CHECK_INT(err.fault, FAULT_BAD_VALUE);
		CHECK(u.kind == 0 && u.name.p == NULL);
	}
	struct err err = { 0 };
	CHECK_INT(object_url_parse(S("gs://notes/a\0b"), &u, &err), -1);
	char long_name[1100] = "gs://notes/";
	memset(long_name + 11, 'x', 1025);
	CHECK_INT(object_url_parse((struct slice){ long_name, 11 + 1025 }, &u, &err), -1);
	CHECK_INT(object_url_parse((struct slice){ long_name, 11 + 1024 }, &u, &err), 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int in_memory(void *arg) SUSPENDS
{
	struct object_store *s = NULL;
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err = { 0 };
	(void)arg;
	bucket_ = S("notes");
	CHECK_INT(object_store_open_memory(&s), 0);
	CHECK_SLICE(object_store_origin(s), S(""));
	check_conditions(s);
	check_missing(s);
	check_lists(s);
	CHECK_INT(put(s, "a/b", "x", OBJECT_ALWAYS, NULL, &info, &err), 0);
	CHECK_SLICE(info.generation, info.etag);
	CHECK_SLICE(info.crc32c, S("a93c5f93"));
	CHECK_SLICE(info.type, S("application/octet-stream"));
	bucket_ = S("other");
	check_names(s, "", 10, "");
	CHECK_INT(put(s, "a/b", "y", OBJECT_IF_NEW, NULL, &info, &err), 0);
	bucket_ = S("notes");
	check_content(s, "a/b", "x");
	object_store_free(s);
	return 0;
}

TEST(memory_has_the_rules_of_a_bucket)
{
	CHECK_INT(hk_run(in_memory, NULL, NULL), 0);
}

/* ---- files ----------------------------------------------------------------------------------- */

static char folder_[64];

static void shell(const char *command)
{
	char text[512];
	snprintf(text, sizeof text, "cd %s && %s", folder_, command);
	CHECK_INT(system(text), 0);
}

/* What `command` prints, run in the folder. */
static void check_shell(const char *command, const char *want)
{
	char text[512], got[512];
	snprintf(text, sizeof text, "cd %s && %s", folder_, command);
	FILE *f = popen(text, "r");
	size_t n = fread(got, 1, sizeof got - 1, f);
	pclose(f);
	got[n] = 0;
	CHECK_STR(got, want);
}

static struct object_store *open_folder(const char *beneath) SUSPENDS
{
	char root[128];
	struct object_store *s = NULL;
	struct err err = { 0 };
	snprintf(root, sizeof root, "%s/%s", folder_, beneath);
	CHECK_INT(object_store_open(
			  &(struct object_store_options){ .kind = OBJECT_FILE, .root = root }, &s,
			  &err),
		  0);
	return s;
}

static int in_files(void *arg) SUSPENDS
{
	struct object_store *s = open_folder("new/root/");
	(void)arg;
	bucket_ = S("");
	check_conditions(s);
	check_missing(s);
	shell("mkdir new/root/void; ln -s / new/root/l; rm new/root/l; touch "
	      "new/root/.hocket-1.part");
	check_lists(s);
	check_shell("find new -name '.hocket*' | wc -l; cat new/root/a/b", "1\nfour");
	object_store_free(s);
	return 0;
}

static int out_of_the_folder(void *arg) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	struct object_store *s = open_folder("in");
	struct err err;
	(void)arg;
	bucket_ = S("");
	shell("mkdir in out out/deep; echo secret >out/file; ln -s ../out in/link; ln -s "
	      "../out/file in/one;"
	      "mkfifo in/pipe; mkdir in/folder; mkfifo in/folder/pipe; touch in/plain");
	static const char *const names[] = { "link/x",  "link/file",   "one",       "pipe",
					     "folder",  "plain/below", "x/.part",   "a//b",
					     "folder/", "/etc/passwd", "x/.hocket", "link/deep/x" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (int when = OBJECT_ALWAYS; when <= OBJECT_IF_NEW; when++) {
			CHECK_INT(put(s, names[i], "x", when, NULL, &info, &err), -1);
			CHECK_INT(err.fault, FAULT_BAD_VALUE);
		}
		err = (struct err){ 0 };
		CHECK_INT(object_stat(s, bucket_, slice_str(names[i]), &info, &err), -1);
		CHECK(err.fault == FAULT_BAD_VALUE || err.code == 404);
	}
	check_names(s, "", 10, "plain");
	check_names(s, "link/", 10, "");
	check_shell("cat out/file; ls out; ls in",
		    "secret\ndeep\nfile\nfolder\nlink\none\npipe\nplain\n");
	object_store_free(s);
	return 0;
}

/* A file larger than the process may write: a full disk, from where the store stands. */
static int full(void *arg) SUSPENDS
{
	struct rlimit old, small = { 1000, 1000 };
	AUTO(object_info_done) struct object_info info = { 0 };
	AUTO(freep) char *big = xmalloc(5001);
	struct object_store *s = open_folder("full");
	struct err err;
	(void)arg;
	memset(big, 'x', 5000);
	big[5000] = 0;
	bucket_ = S("");
	CHECK_INT(put(s, "old", "old", OBJECT_IF_NEW, NULL, &info, &err), 0);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	CHECK_INT(sigaction(SIGXFSZ, &ignore, &before), 0);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	CHECK_INT(put(s, "new", big, OBJECT_IF_NEW, NULL, &info, &err), -1);
	CHECK_INT(err.fault, FAULT_IO);
	CHECK_INT(put(s, "old", big, OBJECT_ALWAYS, NULL, &info, &err), -1);
	CHECK_INT(err.fault, FAULT_IO);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_INT(sigaction(SIGXFSZ, &before, NULL), 0);
	check_shell("ls -A full; cat full/old", "old\nold");
	object_store_free(s);
	return 0;
}

enum { RACERS = 12 };
struct racer {
	struct object_store *store;
	int result;
	bool already;
	char data[2];
};

static int race(void *arg) SUSPENDS
{
	struct racer *c = arg;
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err;
	c->result = put(c->store, "one/name", c->data, OBJECT_IF_NEW, NULL, &info, &err);
	c->already = info.already;
	return 0;
}

/* Of those who come at once with two contents, one makes it, his likes find it there, the others are told. */
static int races(void *arg) SUSPENDS
{
	struct racer all[RACERS];
	int made = 0, already = 0, refused = 0;
	struct object_store *s = open_folder("race");
	(void)arg;
	bucket_ = S("");
	for (int i = 0; i < RACERS; i++)
		all[i] = (struct racer){ .store = s, .data = { (char)('a' + i % 2) } };
	CHECK_INT(hk_gather(race, all, RACERS, sizeof(all[0]), NULL), 0);
	for (int i = 0; i < RACERS; i++) {
		made += all[i].result == 0 && !all[i].already;
		already += all[i].result == 0 && all[i].already;
		refused += all[i].result < 0;
	}
	CHECK_INT(made, 1);
	CHECK_INT(already, RACERS / 2 - 1);
	CHECK_INT(refused, RACERS / 2);
	check_shell("ls -A race/one", "name\n");
	object_store_free(s);
	return 0;
}

static void in_folder(hk_fn *fn)
{
	snprintf(folder_, sizeof folder_, "/tmp/hocket-object-XXXXXX");
	CHECK(mkdtemp(folder_) != NULL);
	CHECK_INT(hk_run(fn, NULL, NULL), 0);
	shell("rm -rf \"$PWD\"");
}

TEST(folders_have_the_rules_of_a_bucket)
{
	in_folder(in_files);
}
TEST(nothing_leaves_the_folder)
{
	in_folder(out_of_the_folder);
}
TEST(a_full_disk_leaves_nothing_half)
{
	in_folder(full);
}
TEST(one_of_many_makes_the_file)
{
	in_folder(races);
}
TEST(a_root_is_absolute)
{
	struct object_store *s = NULL;
	struct err err = { 0 };
	struct object_store_options o = { .kind = OBJECT_FILE, .root = "here" };
	CHECK_INT(object_store_open(&o, &s, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
}

static const struct test tests[] = {
	T(urls_name_objects),
	T(urls_that_lead_elsewhere_are_refused),
	T(memory_has_the_rules_of_a_bucket),
	T(folders_have_the_rules_of_a_bucket),
	T(nothing_leaves_the_folder),
	T(a_full_disk_leaves_nothing_half),
	T(one_of_many_makes_the_file),
	T(a_root_is_absolute),
};

int main(void)
{
	return RUN_TESTS(tests);
}
