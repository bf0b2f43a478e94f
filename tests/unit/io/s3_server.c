/* s3_server.c - the S3 store against a service that is not ours and checks every signature (tools/s3-server)
 *
 * What it cannot be made to say - redirects, wrong clocks, lost answers - is in tests/e2e/test_s3_faults.py. */
#include "object_rules.h"

#include <errno.h>
#include <hocket/hocket.h>
#include <sys/wait.h>

static char folder_[64], endpoint_[128], access_[64], secret_[64];

static void read_line(FILE *f, char *to, size_t room)
{
	to[0] = 0;
	CHECK(fgets(to, (int)room, f) != NULL);
	to[strcspn(to, "\n")] = 0;
}

/* 0: it runs; 77: it cannot be had here. */
static int start_server(const char *options)
{
	char text[256];
	snprintf(folder_, sizeof folder_, "/tmp/hocket-s3-XXXXXX");
	CHECK(mkdtemp(folder_) != NULL);
	snprintf(text, sizeof text, SOURCE_ROOT "/tools/s3-server start %s %s", folder_, options);
	FILE *f = popen(text, "r");
	if (!fgets(endpoint_, sizeof endpoint_, f))
		endpoint_[0] = 0;
	endpoint_[strcspn(endpoint_, "\n")] = 0;
	int status = pclose(f);
	if (status != 0)
		return WEXITSTATUS(status);
	snprintf(text, sizeof text, "mkdir -p %s/buckets/notes %s/buckets/my.notes", folder_,
		 folder_);
	CHECK_INT(system(text), 0);
	snprintf(text, sizeof text, "%s/keys", folder_);
	f = fopen(text, "r");
	read_line(f, access_, sizeof access_);
	read_line(f, secret_, sizeof secret_);
	fclose(f);
	return 0;
}

static void stop_server(void)
{
	char text[256];
	snprintf(text, sizeof text, SOURCE_ROOT "/tools/s3-server stop %s", folder_);
	CHECK_INT(system(text), 0);
}

/* ---- a store of it --------------------------------------------------------------------------- */

static struct http_client *http_;

static struct object_store *open_store(const char *access, const char *secret) SUSPENDS
{
	struct object_store *s = NULL;
	struct err err = { 0 };
	struct object_store_options o = { .kind = OBJECT_S3,
					  .http = http_,
					  .endpoint = slice_str(endpoint_),
					  .access_key = slice_str(access),
					  .secret_key = slice_str(secret) };
	CHECK_INT(object_store_open(&o, &s, &err), 0);
	CHECK_STR(err.text, "");
	return s;
}

static void in_task(hk_fn *fn)
{
	CHECK_INT(hk_run(fn, NULL, NULL), 0);
}

static int with_store(int (*body)(struct object_store *) SUSPENDS) SUSPENDS
{
	struct err err = { 0 };
	CHECK_INT(http_client_new(NULL, &http_, &err), 0);
	struct object_store *s = open_store(access_, secret_);
	bucket_ = S("notes");
	int r = body(s);
	object_store_free(s);
	http_client_free(http_);
	return r;
}

static int rules(struct object_store *s) SUSPENDS
{
	CHECK_SLICE(object_store_origin(s), slice_str(endpoint_));
	check_conditions(s);
	check_missing(s);
	check_lists(s);
	return 0;
}

static int rules_task(void *arg) SUSPENDS
{
	(void)arg;
	return with_store(rules);
}
TEST(s3_has_the_rules_of_a_bucket)
{
	in_task(rules_task);
}

/* ---- names, descriptions --------------------------------------------------------------------- */

static int names(struct object_store *s) SUSPENDS
{
	static const char *const odd[] = {
		"n/a b",     "n/a+b", "n/a%20b",     "n/\xc3\xbc/\xe2\x82\xac",
		"n/a?b=c&d", "n/a#b", "n/'\"<>&;:@", "n/(!*),$=~",
		"n/\\x",     "n/=",
	};
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		CHECK_INT(put(s, odd[i], odd[i], OBJECT_IF_NEW, NULL, &info, &err), 0);
		CHECK_STR(err.text, "");
		check_content(s, odd[i], odd[i]);
	}
	check_names(s, "n/a", 2, "n/a b n/a#b n/a%20b n/a+b n/a?b=c&d");
	check_names(s, "n/'", 2, "n/'\"<>&;:@");
	bucket_ = S("my.notes");
	CHECK_INT(put(s, "a", "in the path", OBJECT_IF_NEW, NULL, &info, &err), 0);
	check_content(s, "a", "in the path");
	return 0;
}

static int names_task(void *arg) SUSPENDS
{
	(void)arg;
	return with_store(names);
}
TEST(names_arrive_as_they_are)
{
	in_task(names_task);
}

static int described(struct object_store *s) SUSPENDS
{
	static const struct http_header metadata[] = { { { "topic", 5 }, { "a  b", 4 } },
						       { { "Run-Id", 6 }, { "7", 1 } } };
	AUTO(object_info_done) struct object_info info = { 0 };
	struct object_upload *upload = NULL;
	struct err err = { 0 };
	struct object_put p = { .bucket = bucket_,
				.name = S("described"),
				.data = S("x"),
				.type = S("text/plain; charset=utf-8"),
				.cache_control = S("max-age=60"),
				.content_disposition = S("attachment; filename=\"a  b.txt\""),
				.metadata = metadata,
				.metadata_n = 2 };
	CHECK_INT(object_put(s, &p, &upload, &info, &err), 0);
	CHECK_STR(err.text, "");
	object_info_done(&info);
	CHECK_INT(object_stat(s, bucket_, p.name, &info, &err), 0);
	CHECK_SLICE(info.type, p.type);
	CHECK(info.updated.n >= 20);
	return 0;
}

static int described_task(void *arg) SUSPENDS
{
	(void)arg;
	return with_store(described);
}
TEST(what_describes_an_object_is_signed_too)
{
	in_task(described_task);
}

/* ---- parts ----------------------------------------------------------------------------------- */

enum { LARGE = (11 << 20) + 17 };

static int put_large(struct object_store *s, struct slice data, enum object_when when,
		     struct object_info *ret, struct err *err) SUSPENDS
{
	struct object_upload *upload = NULL;
	struct object_put p = {
		.bucket = bucket_, .name = S("large/one"), .data = data, .when = when
	};
	*err = (struct err){ 0 };
	object_info_done(ret);
	int r = object_put(s, &p, &upload, ret, err);
	object_upload_free(s, upload);
	return r;
}

static int large(struct object_store *s) SUSPENDS
{
	AUTO(freep) char *data = xmalloc(LARGE);
	AUTO(object_info_done) struct object_info info = { 0 };
	AUTO(buf_done) struct buf bytes = { 0 };
	struct err err;
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	struct slice all = { data, LARGE };
	CHECK_INT(put_large(s, all, OBJECT_IF_NEW, &info, &err), 0);
	CHECK_STR(err.text, "");
	CHECK(!info.already && slice_ends(info.etag, S("-2")));
	CHECK_INT(put_large(s, all, OBJECT_IF_NEW, &info, &err), 0);
	CHECK(info.already);
	data[LARGE - 1] ^= 1;
	CHECK_INT(put_large(s, all, OBJECT_IF_NEW, &info, &err), -1);
	CHECK_INT(err.code, 412);
	CHECK_INT(put_large(s, all, OBJECT_ALWAYS, &info, &err), 0);
	object_info_done(&info);
	struct object_get g = { .bucket = bucket_, .name = S("large/one") };
	CHECK_INT(object_get(s, &g, &bytes, &info, &err), 0);
	CHECK(slice_eq(buf_slice(&bytes), all));
	return 0;
}

static int large_task(void *arg) SUSPENDS
{
	(void)arg;
	return with_store(large);
}
TEST(what_is_large_goes_in_parts)
{
	in_task(large_task);
}

/* The task is cancelled in the middle of it, and what is on its way is given up, still cancelled. */
static int cancelled(struct object_store *s) SUSPENDS
{
	enum { BYTES = 80 << 20 };
	AUTO(freep) char *data = xcalloc(1, BYTES);
	AUTO(object_info_done) struct object_info info = { 0 };
	struct object_upload *upload = NULL;
	struct hk_scope scope;
	struct err err = { 0 };
	struct object_put p = { .bucket = bucket_, .name = S("cut"), .data = { data, BYTES } };
	hk_scope_open(&scope, 200 * HK_MS);
	int r = object_put(s, &p, &upload, &info, &err);
	CHECK_INT(r, -1);
	CHECK_INT(err.fault, FAULT_CANCELLED);
	CHECK(upload != NULL);
	object_upload_free(s, upload);
	CHECK_INT(hk_scope_close(&scope, 0), 0);
	char text[320];
	/* That is where this service keeps uploads: a folder each, parts in it. It may still be busy with the piece that was cut; one that was
	 * cut while it was made has no parts. */
	snprintf(text, sizeof text,
		 "cd %s/buckets/notes/.sgwtmp/multipart && for i in $(seq 200); do "
		 "test -z \"$(find . -mindepth 3 -type f)\" && exit 0; sleep 0.05; done; exit 1",
		 folder_);
	CHECK_INT(system(text), 0);
	return 0;
}

static int cancelled_task(void *arg) SUSPENDS
{
	(void)arg;
	return with_store(cancelled);
}
TEST(who_is_cancelled_leaves_no_parts)
{
	in_task(cancelled_task);
}

/* ---- who may not ----------------------------------------------------------------------------- */

static int refused_keys(struct object_store *s) SUSPENDS
{
	static const char secret[] = "canary-secret-canary";
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err = { 0 };
	CHECK_INT(put(s, "refused", "x", OBJECT_ALWAYS, NULL, &info, &err), -1);
	CHECK_INT(err.fault, FAULT_CONFIG);
	CHECK(strstr(err.text, "SignatureDoesNotMatch") && strstr(err.text, "secret_key"));
	CHECK(!strstr(err.text, secret) && !strstr(err.text, access_));
	return 0;
}

static int refused(struct object_store *s) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err;
	struct object_store *other = open_store(access_, "canary-secret-canary");
	CHECK_INT(refused_keys(other), 0);
	object_store_free(other);
	bucket_ = S("nowhere");
	CHECK_INT(put(s, "a", "x", OBJECT_ALWAYS, NULL, &info, &err), -1);
	CHECK_INT(err.code, 404);
	CHECK(strstr(err.text, "NoSuchBucket"));
	return 0;
}

static int refused_task(void *arg) SUSPENDS
{
	(void)arg;
	return with_store(refused);
}
TEST(wrong_keys_are_the_configurations_fault)
{
	in_task(refused_task);
}

static const struct test tests[] = {
	T(s3_has_the_rules_of_a_bucket),           T(names_arrive_as_they_are),
	T(what_describes_an_object_is_signed_too), T(what_is_large_goes_in_parts),
	T(who_is_cancelled_leaves_no_parts),       T(wrong_keys_are_the_configurations_fault),
};

int main(void)
{
	int r = start_server("");
	if (r == 77) {
		printf("1..0 # SKIP there is no S3 server (tools/s3-server)\n");
		return 0;
	}
	CHECK_INT(r, 0);
	int failed = RUN_TESTS(tests);
	stop_server();
	return failed;
}
