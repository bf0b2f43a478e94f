/* gs_answer.c - what the service says of objects: read strictly, and held against what we have
 *
 * What this room is for: the evidence. "Done" rests on what is read here.
 * What flows through:    resources of the JSON API in, object_info out.
 * What must hold:
 *  (1) a resource without a name, a size or a checksum is no evidence: FAULT_PROTOCOL.
 *  (2) the service's base64 becomes the hex digits of object.h, whatever their length was supposed to be is checked.
 *  (3) a page is in the order of its names, as bytes; sources resume by it. */
#include "base/json.h"
#include "base/units.h"
#include "io/db/db_base64.h"
#include "io/object/crc32c.h"
#include "io/object/gs.h"
#include <errno.h>
#include <stdio.h>

static struct slice text_of(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, slice_str(key));
	return v && v->type == JSON_STRING ? v->string : S("");
}

static int not_understood(struct err *err, const char *what)
{
	return fail(
		err, FAULT_PROTOCOL,
		"the service's answer is not an object of the JSON API: %s; is the endpoint right?",
		what);
}

/* Base64 of n bytes as hex digits. */
static int put_digits(struct slice base64, size_t n, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	int r = db_base64_read(base64, &bytes);
	if (r == 0 && bytes.n != n)
		r = -EBADMSG;
	for (size_t i = 0; r == 0 && i < bytes.n; i++)
		r = buf_printf(out, "%02x", (unsigned char)bytes.p[i]);
	return r;
}

static int read_sums(const struct json *o, struct buf *md5, struct buf *crc, struct err *err)
{
	struct slice md5_text = text_of(o, "md5Hash"), crc_text = text_of(o, "crc32c");
	if ((md5_text.n && put_digits(md5_text, 16, md5) < 0) ||
	    (crc_text.n && put_digits(crc_text, CRC32C_BYTES, crc) < 0))
		return not_understood(err, "a checksum that is none");
	return 0;
}

/* Sizes and generations come as text: they may be above what JSON's numbers are good for. */
static int read_size(const struct json *o, uint64_t *ret, struct err *err)
{
	int64_t n;
	const struct json *v = json_get(o, S("size"));
	struct slice text = !v ? S("") : v->type == JSON_NUMBER ? v->raw : text_of(o, "size");
	if (units_int(text, &n) < 0 || n < 0)
		return not_understood(err, "no size");
	*ret = (uint64_t)n;
	return 0;
}

/* What borrows from the tree and from sums. */
static int view(const struct json *o, struct buf sums[2], struct object_info *ret, struct err *err)
{
	if (o->type != JSON_OBJECT || text_of(o, "name").n == 0)
		return not_understood(err, "no name");
	if (read_size(o, &ret->bytes, err) < 0 || read_sums(o, &sums[0], &sums[1], err) < 0)
		return -1;
	ret->bucket = text_of(o, "bucket");
	ret->name = text_of(o, "name");
	ret->type = text_of(o, "contentType");
	ret->etag = text_of(o, "etag");
	if (ret->etag.n > 1 && ret->etag.p[0] == '"' && slice_ends(ret->etag, S("\"")))
		ret->etag = (struct slice){ ret->etag.p + 1, ret->etag.n - 2 };
	ret->generation = text_of(o, "generation");
	ret->updated = text_of(o, "updated");
	ret->md5 = buf_slice(&sums[0]);
	ret->crc32c = buf_slice(&sums[1]);
	return 0;
}

static int parse(struct arena *arena, struct slice text, struct json **ret, struct err *err)
{
	return json_parse(arena, text, ret, NULL) < 0 ? not_understood(err, "not JSON") : 0;
}

int gs_read_object(struct slice text, struct object_info *ret, struct err *err)
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(buf_done) struct buf md5 = { 0 }, crc = { 0 };
	struct buf sums[2] = { md5, crc };
	struct object_info info = { 0 };
	struct json *o;
	if (parse(arena, text, &o, err) < 0)
		return -1;
	int r = view(o, sums, &info, err);
	if (r == 0 && object_info_copy(&info, ret) < 0)
		r = fail(err, FAULT_TOO_LARGE, "what the service says of the object does not fit");
	md5 = sums[0];
	crc = sums[1];
	return r;
}

/* ---- a page ---------------------------------------------------------------------------------------------------- */

static int add(const struct json *o, struct object_page *page, struct err *err)
{
	struct buf sums[2] = { { 0 }, { 0 } };
	struct object_info info = { 0 };
	int r = view(o, sums, &info, err);
	if (r == 0 && page->n && slice_cmp(page->objects[page->n - 1].name, info.name) >= 0)
		r = not_understood(err, "a list that is not in the order of its names");
	if (r == 0 && object_page_add(page, &info) < 0)
		r = fail(err, FAULT_TOO_LARGE, "a page of the list does not fit");
	buf_done(&sums[0]);
	buf_done(&sums[1]);
	return r;
}

int gs_read_page(struct slice text, const struct object_list *asked, struct object_page *ret,
		 struct err *err)
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(object_page_done) struct object_page page = { 0 };
	struct json *o;
	if (parse(arena, text, &o, err) < 0)
		return -1;
	const struct json *items = o->type == JSON_OBJECT ? json_get(o, S("items")) : NULL;
	if (o->type != JSON_OBJECT || (items && items->type != JSON_ARRAY))
		return not_understood(err, "no list");
	for (uint32_t i = 0; items && i < items->n; i++)
		if (add(&items->items[i], &page, err) < 0)
			return -1;
	struct slice next = text_of(o, "nextPageToken");
	if (slice_eq(next, asked->page) && next.n)
		return not_understood(err, "the page after this one is this one");
	if (buf_add(&page.next, next) < 0)
		return not_understood(err, "the next page's token does not fit");
	*ret = page;
	page = (struct object_page){ 0 };
	return 0;
}

/* ---- proof ------------------------------------------------------------------------------------------------------ */

int gs_prove(const struct gs_name *name, const struct object_info *info, uint64_t bytes,
	     uint32_t crc, struct err *err)
{
	char ours[2 * CRC32C_BYTES + 1];
	(void)snprintf(ours, sizeof(ours), "%08x", crc);
	if (info->crc32c.n == 0)
		return fail(err, FAULT_PROTOCOL, GS_SHOWN ": the service says no crc32c of it",
			    GS_NAME(*name));
	if (!slice_eq(info->bucket, name->bucket) || !slice_eq(info->name, name->name))
		return fail(err, FAULT_PROTOCOL, GS_SHOWN ": the service speaks of another object",
			    GS_NAME(*name));
	if (info->bytes == bytes && slice_eq_str(info->crc32c, ours))
		return 0;
	return fail(err, FAULT_TRUNCATED,
		    GS_SHOWN ": the service keeps %llu bytes (crc32c %.*s), we have %llu (%s)",
		    GS_NAME(*name), (unsigned long long)info->bytes, SLICE(info->crc32c),
		    (unsigned long long)bytes, ours);
}
