/* objects.c - tests of upload, download and objects: names, bytes, types, what is said of them, what is refused; a listing cut anywhere
 *
 * The store is the one in memory, or a folder; what a service answers otherwise is asked of real servers in tests/e2e. */
#include "base/banned.h"
#include "base/json.h"
#include "check.h"
#include "connectors/objects/media.h"
#include "connectors/objects/target.h"
#include "fake_engine.h"
#include "io/object.h"
#include <stdlib.h>
#include <sys/stat.h>

static void in_store(void (*body)(void *))
{
	CHECK_INT(object_store_open_memory(&fake_objects), 0);
	in_loop(body, NULL);
	object_store_free(take(fake_objects));
}
#define STORE_TEST(name)                       \
	static void name##_body(void *unused); \
	TEST(name)                             \
	{                                      \
		in_store(name##_body);         \
	}                                      \
	static void name##_body(void *unused __attribute__((unused)))

struct asking {
	const struct port *port;
	const char *options[5];
	struct rec *rec; /* taken */
	bool wants_about;
	struct fake_site f;
	struct arena *arena;
	struct env env;
	struct call call;
	struct err err;
	int result; /* of ask */
};

static void ask(struct asking *a, const char *verb)
{
	const struct port *port = a->port ? a->port : &step_upload;
	a->port = port;
	fake_site_open(&a->f, port, verb, a->options[0], a->options[1], a->options[2],
		       a->options[3], NULL);
	CHECK_INT(a->f.mistakes, 0);
	CHECK_INT(port->open(&a->f.site, &a->err), 0);
	CHECK_STR(a->err.text, "");
	a->arena = arena_new();
	a->env = (struct env){ .record = rec_json(a->rec) };
	a->call = (struct call){ .rec = a->rec,
				 .env = &a->env,
				 .arena = a->arena,
				 .attempt = 1,
				 .wants_about = a->wants_about,
				 .wants_asked = true };
	a->result = port->ask(&a->f.site, &a->call, &a->err);
}

static void asking_done(struct asking *a)
{
	if (a->port->abandon)
		a->port->abandon(&a->f.site, &a->call);
	buf_done(&a->call.answer.value);
	buf_done(&a->call.answer.headers);
	rec_unref(a->rec);
	arena_free(a->arena);
	fake_site_done(&a->f, a->port);
}

static void call(struct asking *a, const char *verb)
{
	ask(a, verb);
	CHECK_STR(a->err.text, "");
	CHECK_INT(a->result, 0);
	if (a->result == 0)
		a->port->call(&a->f.site, &a->call);
}

static struct rec *record(const char *json)
{
	return rec_new(slice_str(json));
}

/* {"n":...,"pdf":{"$blob":...}} */
static struct rec *record_with_blob(const char *type, struct slice bytes)
{
	AUTO(buf_done) struct buf ref = { 0 }, data = { 0 }, json = { 0 };
	struct rec *base = rec_new(S("{}"));
	CHECK_INT(buf_add(&data, bytes), 0);
	CHECK_INT(rec_add_blob(base, S("pdf"), slice_str(type), &data, &ref), 0);
	CHECK_INT(buf_printf(&json, "{\"slug\":\"a\",\"pdf\":%s}", ref.p), 0);
	struct rec *r = rec_next(base, &json);
	rec_unref(base);
	return r;
}

static void check_object(const char *bucket, const char *name, struct slice bytes, const char *type)
{
	AUTO(buf_done) struct buf got = { 0 };
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err = { 0 };
	const struct object_get get = { .bucket = slice_str(bucket), .name = slice_str(name) };
	CHECK_INT(object_get(fake_objects, &get, &got, &info, &err), 0);
	CHECK_STR(err.text, "");
	CHECK_SLICE(buf_slice(&got), bytes);
	CHECK_SLICE(info.type, slice_str(type));
}

/* ---- upload ---------------------------------------------------------------------------------- */

STORE_TEST(a_blob_is_uploaded_as_it_is)
{
	struct asking a = { .options = { "data=.pdf" },
			    .rec = record_with_blob("application/pdf", S("%PDF\0\xff")),
			    .wants_about = true };
	struct slice value;
	call(&a, "upload=gs://my-notes/x/\\(.slug).bin");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.status, 200);
	CHECK_INT(a.call.answer.body, BODY_TEXT);
	CHECK_SLICE(buf_slice(&a.call.answer.value), S("gs://my-notes/x/a.bin"));
	CHECK_SLICE(a.call.shown, S("PUT gs://my-notes/x/a.bin"));
	CHECK_INT(a.call.safety, SAFE);
	CHECK_SLICE(a.call.turn, S("gs://my-notes/x/a.bin"));
	check_object("my-notes", "x/a.bin", S("%PDF\0\xff"), "application/pdf");
	struct slice about = buf_slice(&a.call.answer.headers);
	CHECK_INT(json_check(about, NULL), 0);
	CHECK(json_field(about, S("bytes"), &value));
	CHECK_SLICE(value, S("6"));
	CHECK(json_field(about, S("already"), &value));
	CHECK_SLICE(value, S("false"));
	CHECK(json_field(about, S("md5"), &value));
	CHECK_SLICE(value, S("\"d08462c291f032e55b1a5b27d73d67e3\"") /* md5sum */);
	asking_done(&a);
}

STORE_TEST(what_data_gives_is_what_is_uploaded)
{
	static const struct {
		const char *data, *json, *name, *bytes, *type;
	} cases[] = {
		{ "data=.a", "{\"a\":\"x\\u00e9\\n\"}", "n", "x\xc3\xa9\n",
		  "text/plain; charset=utf-8" },
		{ "data=.a", "{\"a\":\"# x\"}", "n.md", "# x", "text/markdown; charset=utf-8" },
		{ "data=.a", "{\"a\":\"<p>\"}", "n.HTML", "<p>", "text/html; charset=utf-8" },
		{ "data=.a", "{\"a\":{\"b\":1.10}}", "n", "{\"b\":1.10}", "application/json" },
		{ "data=.a", "{\"a\":[]}", "n.bin", "[]", "application/json" },
		{ "data=.a", "{\"a\":false}", "n.txt", "false", "text/plain; charset=utf-8" },
		{ "data=.a", "{\"a\":\"\"}", "n.pdf", "", "application/pdf" },
		{ "data=.a", "{\"a\":\"{}\"}", "d.json/n", "{}", "text/plain; charset=utf-8" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_done) struct buf verb = { 0 };
		struct asking a = { .options = { cases[i].data }, .rec = record(cases[i].json) };
		CHECK_INT(buf_printf(&verb, "upload=gs://bucket/%s", cases[i].name), 0);
		call(&a, verb.p);
		CHECK_INT(a.call.verdict, VERDICT_ANSWER);
		check_object("bucket", cases[i].name, slice_str(cases[i].bytes), cases[i].type);
		asking_done(&a);
	}
}

STORE_TEST(a_blob_without_a_type_has_its_names)
{
	struct asking a = { .options = { "data=.pdf" },
			    .rec = record_with_blob("application/octet-stream", S("x")) };
	call(&a, "upload=s3://bucket/\\(.slug).png");
	check_object("bucket", "a.png", S("x"), "image/png");
	asking_done(&a);
	a = (struct asking){ .options = { "data=.pdf", "type=text/x-\\(.slug)" },
			     .rec = record_with_blob("application/pdf", S("y")) };
	call(&a, "upload=s3://bucket/\\(.slug).png");
	check_object("bucket", "a.png", S("y"), "text/x-a");
	asking_done(&a);
}

STORE_TEST(a_sink_uploads_the_record_itself)
{
	struct asking a = { .port = &to_upload, .rec = record("{\"id\":7,\"x\":1.0}") };
	call(&a, "upload=gs://bucket/\\(.id).json");
	check_object("bucket", "7.json", S("{\"id\":7,\"x\":1.0}"), "application/json");
	asking_done(&a);
}

STORE_TEST(names_stay_beneath_their_folder)
{
	static const char *const names[] = {
		"..", "../x", "x/../../y", ".", "./x", "/x", "x//y", "x/", "", "a\\u0000b", "a\\nb",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO(buf_done) struct buf json = { 0 };
		struct asking a = { .options = { "data=1" } };
		CHECK_INT(buf_printf(&json, "{\"n\":\"%s\"}", names[i]), 0);
		a.rec = record(json.p);
		ask(&a, "upload=gs://bucket/out/\\(.n)");
		CHECK_INT(a.result, -1);
		CHECK_INT(a.err.fault, FAULT_BAD_VALUE);
		asking_done(&a);
	}
	struct asking a = { .options = { "data=1" },
			    .rec = record("{\"n\":\"%2e%2e/\xc3\xa9 ?#\"}") };
	call(&a, "upload=gs://bucket/out/\\(.n)");
	check_object("bucket", "out/%2e%2e/\xc3\xa9 ?#", S("1"), "application/json");
	asking_done(&a);
}

STORE_TEST(what_cannot_be_uploaded_is_dead)
{
	static const struct {
		const char *url, *option, *json, *text;
	} cases[] = {
		{ "gs://bucket/x", "data=.a", "{}",
		  "data: it is null: there is nothing to upload" },
		{ "gs://bucket/\\(.slug).pdf", "data=1", "{}",
		  "'.slug' is null, and stands in the text" },
		{ "gs://bucket/\\(.a)", "data=1", "{\"a\":[1]}",
		  "'.a' is a list, and stands in the text" },
		{ "gs://bucket/x", "data=empty", "{}",
		  "data: it gives no value: there is nothing to upload" },
		{ "gs://bucket/x", "data=.a", "{\"a\":{\"$blob\":\"gone\"}}",
		  "data: the record has no blob \"gone\"" },
		{ "gs://\\(.b)/x", "data=1", "{\"b\":\"evil.example:80@x\"}",
		  "bucket 'evil.example:80@x' cannot be used: only lower-case letters, digits, '-' "
		  "and "
		  "'.' make a bucket's name" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_done) struct buf verb = { 0 };
		struct asking a = { .options = { cases[i].option }, .rec = record(cases[i].json) };
		CHECK_INT(buf_printf(&verb, "upload=%s", cases[i].url), 0);
		ask(&a, verb.p);
		CHECK_INT(a.result, -1);
		CHECK_INT(a.err.fault, FAULT_BAD_VALUE);
		CHECK_STR(a.err.text, cases[i].text);
		asking_done(&a);
	}
}

STORE_TEST(words_of_data_cannot_make_headers)
{
	struct asking a = { .options = { "data=1", "metadata.who=\\(.w)" },
			    .rec = record("{\"w\":\"a\\r\\nX-Evil: 1\"}") };
	ask(&a, "upload=gs://bucket/x");
	CHECK_INT(a.result, -1);
	CHECK_INT(a.err.fault, FAULT_BAD_VALUE);
	CHECK_STR(a.err.text, "metadata: there is a control character in it");
	asking_done(&a);
	a = (struct asking){ .options = { "data=1", "if_generation=\\(.g)" }, .rec = record("{}") };
	ask(&a, "upload=gs://bucket/x");
	CHECK_STR(a.err.text, "if_generation: the record does not say which");
	asking_done(&a);
	a = (struct asking){ .options = { "data=1", "if_generation=x" }, .rec = record("{}") };
	ask(&a, "upload=gs://bucket/x");
	CHECK_STR(a.err.text, "if_generation: 'x' is no generation");
	asking_done(&a);
}

static void put_new(const char *json, struct asking *a)
{
	*a = (struct asking){ .options = { "data=.a", "mode=new" },
			      .rec = record(json),
			      .wants_about = true };
	call(a, "upload=gs://bucket/x");
}

STORE_TEST(new_objects_replace_nothing)
{
	struct asking a;
	put_new("{\"a\":\"one\"}", &a);
	CHECK_INT(a.call.answer.status, 200);
	asking_done(&a);
	put_new("{\"a\":\"one\"}", &a);
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.status, 200);
	CHECK(strstr(a.call.answer.headers.p, "\"already\":true"));
	asking_done(&a);
	put_new("{\"a\":\"two\"}", &a);
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.status, 412);
	CHECK_INT(a.call.err.fault, FAULT_STATUS);
	CHECK_INT(a.call.err.code, 412);
	CHECK_STR(a.call.answer.value.p, a.call.err.text);
	asking_done(&a);
	check_object("bucket", "x", S("one"), "text/plain; charset=utf-8");
}

/* What asks the same is asked the same; what is said of an object counts, too. */
STORE_TEST(the_digest_is_of_all_that_is_put)
{
	static const char *const variants[][3] = {
		{ "upload=gs://bucket/x", "data=1", NULL },
		{ "upload=gs://bucket/y", "data=1", NULL },
		{ "upload=gs://bucket/x", "data=2", NULL },
		{ "upload=gs://bucket/x", "data=1", "type=a/b" },
		{ "upload=gs://bucket/x", "data=1", "cache_control=a/b" },
		{ "upload=gs://bucket/x", "data=1", "metadata.a=b" },
		{ "upload=gs://bucket/x", "data=1", "metadata.b=a" },
		{ "upload=gs://bucket/x", "data=1", "mode=new" },
		{ "upload=gs://bucket/x", "data=1", "if_generation=1" },
		{ "upload=s3://bucket/x", "data=1", NULL },
	};
	uint8_t seen[ARRAY_SIZE(variants)][32];
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		for (int again = 0; again < 2; again++) {
			struct asking a = { .options = { variants[i][1], variants[i][2] },
					    .rec = record("{}") };
			ask(&a, variants[i][0]);
			CHECK_INT(a.result, 0);
			if (again)
				CHECK_INT(memcmp(seen[i], a.call.asked, 32), 0);
			memcpy(seen[i], a.call.asked, 32);
			asking_done(&a);
		}
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		for (size_t k = 0; k < i; k++)
			CHECK(memcmp(seen[i], seen[k], 32) != 0);
}

/* ---- what the file may say --------------------------------------------------------------------- */

TEST(mistakes_are_found_in_the_file)
{
	static const char *const wrong[][3] = {
		{ "upload=bucket/x", "data=1" },
		{ "upload=ftp://bucket/x", "data=1" },
		{ "upload=\\(.url)", "data=1" },
		{ "upload=gs://bucket", "data=1" },
		{ "upload=gs://bucket/", "data=1" },
		{ "upload=gs://bucket/../x", "data=1" },
		{ "upload=gs://bucket/../\\(.x)", "data=1" },
		{ "upload=gs://BUCKET/\\(.x)", "data=1" },
		{ "upload=file:///\\(.x)", "data=1" },
		{ "upload=file:\\(.x)", "data=1" },
		{ "upload=file://out/\\(.x)", "data=1" },
		{ "upload=gs://bucket/x", "data=1", "access_key=a" },
		{ "upload=gs://bucket/x", "data=1", "endpoint=localhost:9000" },
		{ "upload=gs://bucket/x", "data=1", "endpoint=http://me:it@localhost" },
		{ "upload=gs://bucket/x", "data=1", "session_token=a" },
		{ "upload=s3://bucket/x", "data=1", "credentials=a" },
		{ "upload=s3://bucket/x", "data=1", "if_generation=1" },
		{ "upload=gs://bucket/x", "data=1", "if_match=1" },
		{ "upload=file:out/x", "data=1", "region=x" },
		{ "upload=gs://bucket/x", "data=1", "metadata.a b=x" },
		{ "upload=gs://bucket/x", "data=1", "piece=1000" },
		{ "upload=s3://bucket/x", "data=1", "piece=1M" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct fake_site f;
		fake_site_open(&f, &step_upload, wrong[i][0], wrong[i][1], wrong[i][2], NULL);
		CHECK(f.mistakes > 0);
		if (f.mistakes == 0)
			CHECK_STR(wrong[i][0], wrong[i][2] ? wrong[i][2] : "a mistake");
		fake_site_done(&f, &step_upload);
	}
}

TEST(what_is_said_of_a_place)
{
	struct fake_site f;
	fake_site_open(&f, &step_upload, "upload=gs://bucket/a/\\(.x).pdf", "data=1", NULL);
	CHECK_INT(f.mistakes, 0);
	CHECK_INT(f.facts.effect, EFFECT_WRITES);
	CHECK_INT(f.facts.guarantee, IDEMPOTENT);
	CHECK_SLICE(f.facts.door, S("gs://bucket"));
	fake_site_done(&f, &step_upload);
	fake_site_open(&f, &to_upload, "upload=s3://bucket/\\(.x)", "endpoint=HTTP://Localhost:80/",
		       NULL);
	CHECK_INT(f.mistakes, 0);
	CHECK_SLICE(f.facts.origin, S("http://localhost"));
	fake_site_done(&f, &to_upload);
	fake_site_open(&f, &from_objects, "objects=file:a/b/*.json", NULL);
	CHECK_INT(f.mistakes, 0);
	CHECK_INT(f.facts.restart, RESTART_ASKS);
	CHECK_SLICE(f.facts.door, S("file:a/b/*.json"));
	fake_site_done(&f, &from_objects);
	CHECK_SLICE(media_of_name(S("a.b/c.PDF")), S("application/pdf"));
	CHECK_SLICE(media_of_name(S("a.pdf/c")), S(""));
	CHECK_SLICE(media_of_name(S("a.json.gz")), S("application/gzip"));
}

/* ---- a folder ------------------------------------------------------------------------------------ */

static void folder_body(void *arg)
{
	const struct folder *folder = arg;
	struct slice value;
	fake_folder = folder->path;
	struct asking a = { .options = { "data=.a" },
			    .rec = record("{\"n\":\"x/y\",\"a\":\"hello\"}"),
			    .wants_about = true };
	call(&a, "upload=file:out/\\(.n).txt");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	AUTO(buf_done) struct buf got = file_read(folder_file(folder, "out/x/y.txt"));
	CHECK_SLICE(buf_slice(&got), S("hello"));
	AUTO(buf_done) struct buf url = { 0 };
	CHECK_INT(buf_printf(&url, "\"file://%s\"", folder_file(folder, "out/x/y.txt")), 0);
	CHECK(json_field(buf_slice(&a.call.answer.headers), S("url"), &value));
	CHECK_SLICE(value, buf_slice(&url));
	CHECK(json_field(buf_slice(&a.call.answer.headers), S("name"), &value));
	CHECK_SLICE(value, S("\"x/y.txt\""));
	asking_done(&a);

	a = (struct asking){ .port = &step_download, .rec = record("{\"name\":\"x/y.txt\"}") };
	call(&a, "download=file:out/\\(.name)");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.body, BODY_TEXT);
	CHECK_SLICE(buf_slice(&a.call.answer.value), S("hello"));
	asking_done(&a);

	a = (struct asking){ .port = &step_download, .rec = record("{\"name\":\"gone\"}") };
	call(&a, "download=file:out/\\(.name)");
	CHECK_INT(a.call.verdict, VERDICT_ANSWER);
	CHECK_INT(a.call.answer.status, 404);
	CHECK_INT(a.call.err.fault, FAULT_STATUS);
	asking_done(&a);
}

TEST(files_lie_beside_the_pipeline)
{
	struct folder folder;
	folder_make(&folder);
	in_loop(folder_body, &folder);
	folder_remove(&folder);
	fake_folder = "/nowhere";
}

/* ---- objects ------------------------------------------------------------------------------------- */

static void put(const char *name, const char *data)
{
	AUTO(object_info_done) struct object_info info = { 0 };
	struct object_upload *upload = NULL;
	struct err err = { 0 };
	const struct object_put p = { .bucket = S("bucket"),
				      .name = slice_str(name),
				      .data = slice_str(data) };
	CHECK_INT(object_put(fake_objects, &p, &upload, &info, &err), 0);
	object_upload_free(fake_objects, upload);
}

static int list(struct intake *in, const char *pattern, struct err *err)
{
	AUTO(buf_done) struct buf verb = { 0 };
	struct fake_site f;
	CHECK_INT(buf_printf(&verb, "objects=%s", pattern), 0);
	fake_site_open(&f, &from_objects, verb.p, NULL);
	CHECK_INT(f.mistakes, 0);
	CHECK_INT(from_objects.open(&f.site, err), 0);
	int r = from_objects.run(&f.site, in, err);
	fake_site_done(&f, &from_objects);
	return r;
}

static void check_listed(const char *pattern, const char *want)
{
	AUTO(intake_done) struct intake in = { 0 };
	AUTO(buf_done) struct buf got = { 0 };
	struct err err = { 0 };
	struct slice name;
	CHECK_INT(list(&in, pattern, &err), 0);
	CHECK_STR(err.text, "");
	for (size_t i = 0; i < in.n; i++) {
		CHECK(json_field(slice_str(in.v[i].json), S("name"), &name));
		CHECK_INT(json_unquote(name, &got), 0);
		CHECK_INT(buf_add_char(&got, ' '), 0);
		CHECK_INT(in.v[i].line, i + 1);
		CHECK_INT(json_check(slice_str(in.v[i].json), NULL), 0);
	}
	CHECK_SLICE(buf_slice(&got), slice_str(want));
}

STORE_TEST(a_listing_is_a_prefix_or_a_pattern)
{
	put("a/1.json", "1");
	put("a/2.txt", "1");
	put("a/b/3.json", "1");
	put("a/b/", ""); /* as consoles make folders */
	put("ab.json", "1");
	put("z", "1");
	check_listed("gs://bucket", "a/1.json a/2.txt a/b/3.json ab.json z ");
	check_listed("gs://bucket/", "a/1.json a/2.txt a/b/3.json ab.json z ");
	check_listed("gs://bucket/a/", "a/1.json a/2.txt a/b/3.json ");
	check_listed("gs://bucket/a", "a/1.json a/2.txt a/b/3.json ab.json ");
	check_listed("gs://bucket/a/*.json", "a/1.json ");
	check_listed("gs://bucket/a/**/*.json", "a/1.json a/b/3.json ");
	check_listed("gs://bucket/**/*.json", "a/1.json a/b/3.json ab.json ");
	check_listed("gs://bucket/nothing/", "");
	check_listed("gs://other/", "");
}

static void many_objects(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, "o/%05u", i);
		put(name, "x");
	}
}

static void check_run_of(const struct intake *in, size_t from, size_t n)
{
	for (size_t i = 0; i < in->n; i++) {
		char want[40];
		snprintf(want, sizeof want, "\"name\":\"o/%05zu\"", from + i);
		CHECK(strstr(in->v[i].json, want));
	}
	CHECK_INT(in->n, n);
}

/* Pages have 1,000. Cut anywhere, also between them: what comes next is the next one, from the inbox while it has it. */
STORE_TEST(a_listing_goes_on_where_it_stopped)
{
	static const size_t cuts[] = { 1, 500, 999, 1000, 1001, 2000, 2499 };
	many_objects(2500);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		AUTO(intake_done) struct intake in = { .stop_at = cuts[i] };
		struct err err = { 0 };
		CHECK_INT(list(&in, "gs://bucket/o/", &err), -1);
		CHECK_INT(err.fault, FAULT_CANCELLED);
		check_run_of(&in, 0, cuts[i]);
		size_t pages = in.page_count;
		intake_rewind(&in, cuts[i]);
		err = (struct err){ 0 };
		CHECK_INT(list(&in, "gs://bucket/o/", &err), 0);
		check_run_of(&in, cuts[i], 2500 - cuts[i]);
		CHECK_INT(in.page_count, 3);
		CHECK_INT(pages, (cuts[i] + 1000) / 1000); /* the one of the next record, too */
	}
}

/* What was kept is what counts, whatever became of the bucket. */
STORE_TEST(a_page_is_not_asked_for_twice)
{
	AUTO(intake_done) struct intake in = { .stop_at = 3 };
	struct err err = { 0 };
	many_objects(10);
	CHECK_INT(list(&in, "gs://bucket/o/", &err), -1);
	intake_rewind(&in, 3);
	put("o/00003a", "new");
	CHECK_INT(list(&in, "gs://bucket/o/", &err), 0);
	check_run_of(&in, 3, 7);
}

STORE_TEST(a_page_is_all_that_is_held)
{
	AUTO(intake_done) struct intake in = { .count_only = true };
	struct err err = { 0 };
	many_objects(5000);
	CHECK_INT(list(&in, "gs://bucket/o/", &err), 0);
	CHECK_INT(in.n, 5000);
	CHECK(in.held_most < 600000);
	CHECK_INT(in.held, 0);
}

static const struct test tests[] = {
	T(a_blob_is_uploaded_as_it_is),
	T(what_data_gives_is_what_is_uploaded),
	T(a_blob_without_a_type_has_its_names),
	T(a_sink_uploads_the_record_itself),
	T(names_stay_beneath_their_folder),
	T(what_cannot_be_uploaded_is_dead),
	T(words_of_data_cannot_make_headers),
	T(new_objects_replace_nothing),
	T(the_digest_is_of_all_that_is_put),
	T(mistakes_are_found_in_the_file),
	T(what_is_said_of_a_place),
	T(files_lie_beside_the_pipeline),
	T(a_listing_is_a_prefix_or_a_pattern),
	T(a_listing_goes_on_where_it_stopped),
	T(a_page_is_not_asked_for_twice),
	T(a_page_is_all_that_is_held),
};

int main(void)
{
	return RUN_TESTS(tests);
}
