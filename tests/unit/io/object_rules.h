/* object_rules.h - what every object store must do, whichever it is
 *
 * How to use it: set bucket_ to an empty bucket (files: none), open a store, and call the checks from a task. */
#pragma once
#include "../check.h"
#include "io/object.h"
#include <string.h>

static struct slice bucket_;

static int put(struct object_store *s, const char *name, const char *data, enum object_when when,
	       const char *match, struct object_info *ret, struct err *err) SUSPENDS
{
	struct object_upload *upload = NULL;
	struct object_put p = { .bucket = bucket_,
				.name = slice_str(name),
				.data = slice_str(data),
				.when = when,
				.match = slice_str(match) };
	*err = (struct err){ 0 };
	object_info_done(ret);
	int r = object_put(s, &p, &upload, ret, err);
	CHECK(!upload);
	return r;
}

static void check_content(struct object_store *s, const char *name, const char *data) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	AUTO(buf_done) struct buf bytes = { 0 };
	struct err err = { 0 };
	struct object_get g = { .bucket = bucket_, .name = slice_str(name) };
	CHECK_INT(object_get(s, &g, &bytes, &info, &err), 0);
	CHECK_STR(err.text, "");
	CHECK_SLICE(buf_slice(&bytes), slice_str(data));
	CHECK_INT(info.bytes, strlen(data));
	CHECK_SLICE(info.name, slice_str(name));
	CHECK_INT(info.md5.n, 32);
}

static void check_conditions(struct object_store *s) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 }, other = { 0 };
	struct err err;
	CHECK_INT(put(s, "a/b", "one", OBJECT_IF_NEW, NULL, &info, &err), 0);
	CHECK(!info.already);
	CHECK_SLICE(info.md5, S("f97c5d29941bfb1b2fdab0874906ab82"));
	CHECK_INT(put(s, "a/b", "one", OBJECT_IF_NEW, NULL, &info, &err), 0);
	CHECK(info.already);
	CHECK_INT(put(s, "a/b", "two", OBJECT_IF_NEW, NULL, &other, &err), -1);
	CHECK_INT(err.fault, FAULT_STATUS);
	CHECK_INT(err.code, 412);
	CHECK(strstr(err.text, "3 bytes"));
	check_content(s, "a/b", "one");
	AUTO(freep) char *etag = xstrndup(info.etag.p, info.etag.n);
	CHECK_INT(put(s, "a/b", "two", OBJECT_IF_MATCH, etag, &info, &err), 0);
	CHECK(!info.already);
	CHECK_INT(put(s, "a/b", "three", OBJECT_IF_MATCH, etag, &info, &err), -1);
	CHECK_INT(err.code, 412);
	CHECK_INT(put(s, "a/b", "two", OBJECT_IF_MATCH, etag, &info, &err),
		  0); /* its answer was lost */
	CHECK(info.already);
	CHECK_INT(put(s, "a/c", "two", OBJECT_IF_MATCH, etag, &info, &err), -1);
	CHECK_INT(err.code, 412);
	CHECK_INT(put(s, "a/b", "four", OBJECT_ALWAYS, NULL, &info, &err), 0);
	check_content(s, "a/b", "four");
	CHECK_INT(put(s, "empty", "", OBJECT_IF_NEW, NULL, &info, &err), 0);
	check_content(s, "empty", "");
}

static void check_missing(struct object_store *s) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	AUTO(buf_done) struct buf bytes = { 0 };
	struct err err = { 0 };
	CHECK_INT(object_stat(s, bucket_, S("none"), &info, &err), -1);
	CHECK_INT(err.fault, FAULT_STATUS);
	CHECK_INT(err.code, 404);
	err = (struct err){ 0 };
	struct object_get g = { .bucket = bucket_, .name = S("a/b"), .generation = S("17-17") };
	CHECK_INT(object_get(s, &g, &bytes, &info, &err), -1);
	CHECK_INT(err.code, 404);
	err = (struct err){ 0 };
	CHECK_INT(object_stat(s, bucket_, S("a/../b"), &info, &err), -1);
	CHECK_INT(err.fault, FAULT_BAD_VALUE);
	err = (struct err){ 0 };
	g = (struct object_get){ .bucket = bucket_, .name = S("a/b"), .max_bytes = 3 };
	CHECK_INT(object_get(s, &g, &bytes, &info, &err), -1);
	CHECK_INT(err.fault, FAULT_TOO_LARGE);
}

/* All names beneath a prefix, page by page, with blanks between them. */
static void check_names(struct object_store *s, const char *prefix, unsigned most,
			const char *want) SUSPENDS
{
	AUTO(buf_done) struct buf names = { 0 }, next = { 0 };
	struct err err = { 0 };
	bool more = true;
	while (more) {
		AUTO(object_page_done) struct object_page page = { 0 };
		struct object_list l = { .bucket = bucket_,
					 .prefix = slice_str(prefix),
					 .page = buf_slice(&next),
					 .most = most };
		CHECK_INT(object_list(s, &l, &page, &err), 0);
		CHECK_STR(err.text, "");
		CHECK(page.n <= most);
		for (size_t i = 0; i < page.n; i++)
			CHECK_INT(buf_printf(&names, "%s%.*s", names.n ? " " : "",
					     SLICE(page.objects[i].name)),
				  0);
		buf_done(&next);
		next = buf_take(&page.next);
		more = next.n > 0 && page.n > 0;
	}
	CHECK_SLICE(buf_slice(&names), slice_str(want));
}

static void check_lists(struct object_store *s) SUSPENDS
{
	static const char *const names[] = { "l/a/z", "l/a-b",      "l/a.b",  "l/a/b/c",
					     "l/b",   "l/a0",       "l/A",    "l/a/b.",
					     "m",     "l/\xc3\xbc", "l/a/b/d" };
	static const char all[] =
		"l/A l/a-b l/a.b l/a/b. l/a/b/c l/a/b/d l/a/z l/a0 l/b l/\xc3\xbc";
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		CHECK_INT(put(s, names[i], "x", OBJECT_IF_NEW, NULL, &info, &err), 0);
	for (unsigned most = 1; most <= 12; most++)
		check_names(s, "l/", most, all);
	check_names(s, "l/a/b", 2, "l/a/b. l/a/b/c l/a/b/d");
	check_names(s, "l/a/b/", 1, "l/a/b/c l/a/b/d");
	check_names(s, "l/a", 3, "l/a-b l/a.b l/a/b. l/a/b/c l/a/b/d l/a/z l/a0");
	check_names(s, "none", 3, "");
	check_names(s, "l/b/c", 3, "");
}
