/* stock.c - `objects:` and `stored:` of a test
 *
 * What this room is for: pipelines that download find what the test has put there; what they have uploaded is looked at.
 * What flows through:    JSON of the case becomes objects in memory; objects become JSON in the form that the test expects.
 * What must hold:        an object is compared as what the test takes it for: a text as a text, JSON as JSON, bytes by type and size. */
#include "cli/stock.h"
#include "base/json.h"
#include "io/object.h"
#include <string.h>

static bool has_words(struct slice json)
{
	struct json_iter it = json_iter(json);
	struct slice raw, value;
	return json_type(json) == JSON_OBJECT && json_next(&it, &raw, &value) &&
	       slice_starts(raw, S("\"$"));
}

static int read_text(struct slice value, struct buf *out)
{
	return json_type(value) == JSON_STRING ? json_unquote(value, out) : buf_add(out, value);
}

static int put_one(struct object_store *store, const struct case_named *o, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf bytes = { .max = 64u << 20 }, type = { .max = 4096 };
	AUTO(object_info_done) struct object_info info = { 0 };
	struct slice json = o->values.v[0], body = json, kind;
	struct object_upload *upload = NULL;
	struct object_url url;
	if (object_url_parse(slice_str(o->name), &url, err) < 0)
		return -1;
	if (has_words(json) && !json_field(json, S("$body"), &body))
		body = S("\"\"");
	int r = read_text(json_trim(body), &bytes);
	if (has_words(json) && json_field(json, S("$type"), &kind))
		r = r < 0 ? r : read_text(json_trim(kind), &type);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "objects: '%s'", o->name);
	const struct object_put put = { .bucket = url.bucket,
					.name = url.name,
					.data = buf_slice(&bytes),
					.type = buf_slice(&type) };
	r = object_put(store, &put, &upload, &info, err);
	object_upload_free(store, upload);
	return r;
}

int stock_fill(struct object_store *store, const struct case_list *objects, struct err *err)
{
	for (size_t i = 0; i < objects->n; i++)
		if (put_one(store, &objects->v[i], err) < 0)
			return err_wrap(err, "objects: '%s': ", objects->v[i].name);
	return 0;
}

/* ---- what is there ---- */
static int put_words(const struct object_info *info, struct slice bytes, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "$type");
	json_put_string(&w, info->type);
	json_key(&w, "$bytes");
	json_put_int(&w, (int64_t)info->bytes);
	json_key(&w, "$body");
	json_put_string(&w, bytes);
	json_close(&w, '}');
	return json_writer_end(&w);
}

static int put_as(struct slice want, const struct object_info *info, struct slice bytes,
		  struct buf *out)
{
	if (has_words(want))
		return put_words(info, bytes, out);
	if (json_type(want) != JSON_STRING && json_check(bytes, NULL) == 0)
		return json_compact(bytes, out, NULL);
	return json_quote(bytes, out);
}

int stock_put_found(struct object_store *store, const struct case_named *wanted, struct buf *out,
		    struct err *err)
{
	AUTO(buf_done) struct buf bytes = { .max = 64u << 20 };
	AUTO(object_info_done) struct object_info info = { 0 };
	struct object_url url;
	if (object_url_parse(slice_str(wanted->name), &url, err) < 0)
		return -1;
	const struct object_get get = { .bucket = url.bucket, .name = url.name };
	int r = object_get(store, &get, &bytes, &info, err);
	if (r < 0 && err->fault == FAULT_STATUS && err->code == 404)
		return buf_add(out, S("null"));
	if (r == 0 && put_as(wanted->values.v[0], &info, buf_slice(&bytes), out) < 0)
		return fail(err, FAULT_TOO_LARGE, "stored: '%s' is too large to be compared",
			    wanted->name);
	return r;
}
