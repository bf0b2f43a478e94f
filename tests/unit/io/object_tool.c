/* object_tool.c - an object store's operations as a command, for tests that judge by official clients (tests/e2e/test_gcs.py)
 *
 *   object_tool put URL FILE [when=new|match:GENERATION] [type=...] [cache=...] [encoding=...] [meta:NAME=VALUE]...
 *   object_tool get URL FILE    stat URL    list URL [page size]
 *   endpoint=... credentials=FILE text=FILE access=... secret=... anonymous=yes proxies=yes piece=BYTES tries=N apply to all.
 *   The last line is JSON: what the store said, or the error.
 *   tries: a put is attempted so often with the same upload, as the engine would. */
#include "base/json.h"
#include "io/object.h"
#include <hocket/file.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tool {
	int argc;
	char **argv;
	struct http_client *http;
	struct object_store *store;
	struct object_url url;
	int tries;
};

static struct slice option(const struct tool *t, const char *name)
{
	size_t n = strlen(name);
	for (int i = 3; i < t->argc; i++)
		if (strncmp(t->argv[i], name, n) == 0)
			return slice_str(t->argv[i] + n);
	return S("");
}

static void say_info(const struct object_info *o)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct json_writer w = json_writer(&out);
	const struct {
		const char *key;
		struct slice value;
	} texts[] = { { "bucket", o->bucket },
		      { "name", o->name },
		      { "type", o->type },
		      { "etag", o->etag },
		      { "updated", o->updated },
		      { "md5", o->md5 },
		      { "generation", o->generation },
		      { "crc32c", o->crc32c } };
	json_open(&w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		json_key(&w, texts[i].key);
		json_put_string(&w, texts[i].value);
	}
	json_key(&w, "bytes");
	json_put_int(&w, (int64_t)o->bytes);
	json_key(&w, "already");
	json_put_bool(&w, o->already);
	json_close(&w, '}');
	ASSERT(json_writer_end(&w) == 0);
	printf("%s\n", out.p);
}

static int say_err(const struct err *err)
{
	AUTO(buf_done) struct buf out = { 0 };
	char class[64];
	struct json_writer w = json_writer(&out);
	(void)err_class(err, class, sizeof(class));
	json_open(&w, '{');
	json_key(&w, "class");
	json_put_string(&w, slice_str(class));
	json_key(&w, "error");
	json_put_string(&w, slice_str(err->text));
	json_key(&w, "retry_after_ns");
	json_put_int(&w, err->retry_after_ns);
	json_close(&w, '}');
	ASSERT(json_writer_end(&w) == 0);
	printf("%s\n", out.p);
	return 1;
}

static int do_put(struct tool *t, struct err *err) SUSPENDS
{
	AUTO(freep) char *bytes = NULL;
	AUTO(object_info_done) struct object_info info = { 0 };
	struct http_header meta[8];
	struct object_upload *upload = NULL;
	struct slice when = option(t, "when=");
	size_t n = 0;
	ASSERT(hk_file_read_whole(t->argv[3], SIZE_MAX / 2, &bytes, &n) == 0);
	struct object_put put = { .bucket = t->url.bucket,
				  .name = t->url.name,
				  .data = { bytes, n },
				  .type = option(t, "type="),
				  .cache_control = option(t, "cache="),
				  .content_encoding = option(t, "encoding="),
				  .metadata = meta };
	for (int i = 4; i < t->argc && put.metadata_n < ARRAY_SIZE(meta); i++)
		if (strncmp(t->argv[i], "meta:", 5) == 0 &&
		    slice_cut(slice_str(t->argv[i] + 5), '=', &meta[put.metadata_n].name,
			      &meta[put.metadata_n].value))
			put.metadata_n++;
	put.when = slice_eq_str(when, "new") ? OBJECT_IF_NEW
		   : when.n                  ? OBJECT_IF_MATCH
					     : OBJECT_ALWAYS;
	put.match = when.n > 6 ? slice_from(when, 6) : S("");
	int r = -1;
	for (int i = 0; i < t->tries && r < 0; i++) {
		if (i > 0)
			printf("%s\n", err->text);
		*err = (struct err){ 0 };
		r = object_put(t->store, &put, &upload, &info, err);
	}
	object_upload_free(t->store, upload);
	if (r == 0)
		say_info(&info);
	return r;
}

static int do_get(struct tool *t, struct err *err) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	AUTO(buf_done) struct buf bytes = { 0 };
	struct object_get get = { .bucket = t->url.bucket,
				  .name = t->url.name,
				  .generation = option(t, "generation=") };
	if (object_get(t->store, &get, &bytes, &info, err) < 0)
		return -1;
	ASSERT(hk_file_replace(t->argv[3], bytes.n ? bytes.p : "", bytes.n, 0600) == 0);
	say_info(&info);
	return 0;
}

static int do_stat(struct tool *t, struct err *err) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	if (object_stat(t->store, t->url.bucket, t->url.name, &info, err) < 0)
		return -1;
	say_info(&info);
	return 0;
}

/* A line each; then how many pages it took. */
static int do_list(struct tool *t, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf next = { 0 };
	int pages = 0;
	do {
		AUTO(object_page_done) struct object_page page = { 0 };
		struct slice most = option(t, "most=");
		struct object_list list = { .bucket = t->url.bucket,
					    .prefix = t->url.name,
					    .page = buf_slice(&next),
					    .most = most.n ? (unsigned)strtoul(most.p, NULL, 10)
							   : 0 };
		if (object_list(t->store, &list, &page, err) < 0)
			return -1;
		for (size_t i = 0; i < page.n; i++)
			say_info(&page.objects[i]);
		buf_done(&next);
		next = buf_take(&page.next);
		pages++;
	} while (next.n);
	printf("{\"pages\":%d}\n", pages);
	return 0;
}

static int open_store(struct tool *t, struct err *err) SUSPENDS
{
	AUTO(freep) char *text = NULL;
	size_t n = 0;
	struct slice file = option(t, "credentials="), inside = option(t, "text="),
		     piece = option(t, "piece=");
	if (inside.n)
		ASSERT(hk_file_read_whole(inside.p, 1u << 20, &text, &n) == 0);
	struct object_store_options o = { .kind = t->url.kind,
					  .http = t->http,
					  .endpoint = option(t, "endpoint="),
					  .credentials_file = file.n ? file.p : NULL,
					  .credentials = { text, n },
					  .access_key = option(t, "access="),
					  .secret_key = option(t, "secret="),
					  .anonymous = option(t, "anonymous=").n > 0,
					  .piece_bytes =
						  piece.n ? strtoull(piece.p, NULL, 10) : 0 };
	return object_store_open(&o, &t->store, err);
}

static int run(struct tool *t, struct err *err) SUSPENDS
{
	const char *verb = t->argv[1];
	struct http_client_options with = { .environment_proxies = option(t, "proxies=").n > 0 };
	struct slice tries = option(t, "tries=");
	t->tries = tries.n ? (int)strtoul(tries.p, NULL, 10) : 1;
	if (object_url_parse(slice_str(t->argv[2]), &t->url, err) < 0 ||
	    http_client_new(&with, &t->http, err) < 0 || open_store(t, err) < 0)
		return -1;
	return strcmp(verb, "put") == 0    ? do_put(t, err)
	       : strcmp(verb, "get") == 0  ? do_get(t, err)
	       : strcmp(verb, "stat") == 0 ? do_stat(t, err)
					   : do_list(t, err);
}

static int main_task(void *arg) SUSPENDS
{
	struct tool *t = arg;
	struct err err = { 0 };
	int r = run(t, &err);
	if (r < 0)
		(void)say_err(&err);
	object_store_free(t->store);
	http_client_free(t->http);
	return r < 0;
}

int main(int argc, char **argv)
{
	struct tool t = { .argc = argc, .argv = argv };
	if (argc < 3)
		return 2;
	return hk_run(main_task, &t, NULL);
}
