/* memory_store.c - a bucket of every name, in memory, with the rules of Google's
 *
 * What this room is for: `hocket test` and unit tests upload without a service, and what must hold there holds here: generations,
 *   preconditions, equal content, pages.
 * What flows through:    copies of what is put, given out again as copies.
 * What must hold:
 *  (1) objects lie in the order of (bucket, name), as bytes: that is the order of a listing, and a page begins behind the last name of
 *      the page before, whatever came or went meanwhile.
 *  (2) a generation is given out once in the life of a store. */
#include "base/clock.h"
#include "io/checksum.h"
#include "io/object/crc32c.h"
#include "io/object/store.h"

#include <errno.h>
#include <hocket/run.h>
#include <inttypes.h>

struct object {
	struct buf bucket, name, bytes, type, updated;
	uint64_t generation;
	uint8_t md5[MD5_BYTES];
	uint32_t crc32c;
};

struct memory_store {
	struct object_store base; /* first */
	struct object *objects;   /* sorted, see (1) */
	size_t n, room;
	uint64_t last_generation;
};

static struct memory_store *of(struct object_store *s)
{
	return container_of(s, struct memory_store, base);
}

/* ---- objects --------------------------------------------------------------------------------- */

static void object_done(struct object *o)
{
	buf_done(&o->bucket);
	buf_done(&o->name);
	buf_done(&o->bytes);
	buf_done(&o->type);
	buf_done(&o->updated);
}

/* The first that is not before (bucket, name); after: that is behind it. */
static size_t lower_bound(const struct memory_store *m, struct slice bucket, struct slice name,
			  bool after)
{
	size_t low = 0, high = m->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = slice_cmp(buf_slice(&m->objects[middle].bucket), bucket);
		c = c ? c : slice_cmp(buf_slice(&m->objects[middle].name), name);
		if (c < 0 || (after && c == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct object *find(struct memory_store *m, struct slice bucket, struct slice name)
{
	size_t at = lower_bound(m, bucket, name, false);
	struct object *o = at < m->n ? &m->objects[at] : NULL;
	return o && slice_eq(buf_slice(&o->bucket), bucket) && slice_eq(buf_slice(&o->name), name)
		       ? o
		       : NULL;
}

/* Takes the object; one that stood there is gone. */
static struct object *place(struct memory_store *m, struct object *o)
{
	struct object *there = find(m, buf_slice(&o->bucket), buf_slice(&o->name));
	if (there) {
		object_done(there);
		*there = *o;
		return there;
	}
	size_t at = lower_bound(m, buf_slice(&o->bucket), buf_slice(&o->name), false);
	if (m->n == m->room) {
		m->room = m->room ? 2 * m->room : 16;
		m->objects = xrealloc(m->objects, m->room, sizeof(m->objects[0]));
	}
	memmove(&m->objects[at + 1], &m->objects[at], (m->n - at) * sizeof(m->objects[0]));
	m->objects[at] = *o;
	m->n++;
	return &m->objects[at];
}

static int tell(const struct object *o, bool already, struct object_info *ret, struct err *err)
{
	char generation[24];
	int n = snprintf(generation, sizeof generation, "%" PRIu64, o->generation);
	AUTO(buf_done) struct buf md5 = { 0 }, crc = { 0 };
	struct object_info info = { .bucket = buf_slice(&o->bucket),
				    .name = buf_slice(&o->name),
				    .bytes = o->bytes.n,
				    .type = buf_slice(&o->type),
				    .etag = { generation, (size_t)n },
				    .generation = { generation, (size_t)n },
				    .updated = buf_slice(&o->updated),
				    .already = already };
	int r = checksum_put_hex(o->md5, sizeof o->md5, &md5);
	r = r < 0 ? r : crc32c_put_hex(o->crc32c, &crc);
	info.md5 = buf_slice(&md5);
	info.crc32c = buf_slice(&crc);
	r = r < 0 ? r : object_info_copy(&info, ret);
	return r < 0 ? fail_errno(err, FAULT_IO, r, "object '%.*s' in memory", SLICE(info.name))
		     : 0;
}

static int missing(struct slice bucket, struct slice name, struct err *err)
{
	if (err)
		err->code = 404;
	return fail(err, FAULT_STATUS, "there is no object '%.*s' in bucket '%.*s'", SLICE(name),
		    SLICE(bucket));
}

/* ---- put ------------------------------------------------------------------------------------- */

static bool is_generation(const struct object *o, struct slice text)
{
	char generation[24];
	int n = snprintf(generation, sizeof generation, "%" PRIu64, o->generation);
	return slice_eq((struct slice){ generation, (size_t)n }, text);
}

static bool may_put(const struct object *there, const struct object_put *p)
{
	switch (p->when) {
	case OBJECT_ALWAYS:
		break;
	case OBJECT_IF_NEW:
		return !there;
	case OBJECT_IF_MATCH:
		return there && is_generation(there, p->match);
	}
	return true;
}

static int refuse(const struct object *there, const struct object_put *p, struct object_info *ret,
		  struct err *err)
{
	if (there && slice_eq(buf_slice(&there->bytes), p->data))
		return tell(there, true, ret, err);
	if (err)
		err->code = 412;
	if (!there)
		return fail(err, FAULT_STATUS, "object '%.*s' is not there any more",
			    SLICE(p->name));
	return fail(err, FAULT_STATUS,
		    "object '%.*s' stands there with other content: %zu bytes, generation %" PRIu64,
		    SLICE(p->name), there->bytes.n, there->generation);
}

static int make(struct memory_store *m, const struct object_put *p, struct object *o)
{
	o->bytes.max = p->data.n;
	int r = buf_add(&o->bytes, p->data);
	r = r < 0 ? r : buf_add(&o->bucket, p->bucket);
	r = r < 0 ? r : buf_add(&o->name, p->name);
	r = r < 0 ? r : buf_add(&o->type, p->type.n ? p->type : S("application/octet-stream"));
	r = r < 0 ? r : clock_put_utc(&o->updated, hk_wall_ns());
	if (r < 0)
		return r;
	checksum_md5(p->data, o->md5);
	o->crc32c = crc32c(0, p->data);
	o->generation = ++m->last_generation;
	return 0;
}

static int memory_put(struct object_store *s, const struct object_put *p,
		      struct object_upload **upload, struct object_info *ret, struct err *err)
{
	struct memory_store *m = of(s);
	struct object made = { 0 };
	(void)upload; /* nothing is ever half on its way */
	const struct object *there = find(m, p->bucket, p->name);
	if (!may_put(there, p))
		return refuse(there, p, ret, err);
	int r = make(m, p, &made);
	if (r < 0) {
		object_done(&made);
		return fail_errno(err, FAULT_IO, r, "object '%.*s' in memory", SLICE(p->name));
	}
	return tell(place(m, &made), false, ret, err);
}

static void memory_forget(struct object_store *s, struct object_upload *u)
{
	(void)s;
	ASSERT(!u);
}

/* ---- get, stat, list ------------------------------------------------------------------------- */

static struct object *find_that(struct memory_store *m, const struct object_get *g)
{
	struct object *o = find(m, g->bucket, g->name);
	return o && g->generation.n && !is_generation(o, g->generation) ? NULL : o;
}

static int memory_get(struct object_store *s, const struct object_get *g, struct buf *bytes,
		      struct object_info *ret, struct err *err) SUSPENDS
{
	struct memory_store *m = of(s);
	const struct object *o = find_that(m, g);
	uint64_t max = g->max_bytes ? g->max_bytes : BUF_DEFAULT_MAX;
	int r = 0;
	if (o && g->room)
		r = g->room(g->room_arg, NULL, o->bytes.n, o->bytes.n);
	o = find_that(m, g); /* while it waited, anything may have happened */
	if (!o)
		return missing(g->bucket, g->name, err);
	r = r == 0 && o->bytes.n > max ? -EMSGSIZE : r;
	bytes->max = max;
	r = r < 0 ? r : buf_add(bytes, buf_slice(&o->bytes));
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "object '%.*s' of %zu bytes", SLICE(g->name),
				  o->bytes.n);
	return tell(o, false, ret, err);
}

static int memory_stat(struct object_store *s, struct slice bucket, struct slice name,
		       struct object_info *ret, struct err *err)
{
	const struct object *o = find(of(s), bucket, name);
	return o ? tell(o, false, ret, err) : missing(bucket, name, err);
}

static int list_from(const struct memory_store *m, size_t at, const struct object_list *l,
		     struct object_page *page, struct err *err)
{
	AUTO(object_info_done) struct object_info info = { 0 };
	for (; at < m->n; at++) {
		const struct object *o = &m->objects[at];
		struct slice name = buf_slice(&o->name);
		if (!slice_eq(buf_slice(&o->bucket), l->bucket) || !slice_starts(name, l->prefix))
			return 0;
		if (page->n == l->most)
			return buf_add(&page->next, page->objects[page->n - 1].name);
		if (tell(o, false, &info, err) < 0 || object_page_add(page, &info) < 0)
			return -1;
		object_info_done(&info);
	}
	return 0;
}

static int memory_list(struct object_store *s, const struct object_list *l, struct object_page *ret,
		       struct err *err)
{
	struct memory_store *m = of(s);
	bool behind = slice_cmp(l->page, l->prefix) > 0;
	size_t at = lower_bound(m, l->bucket, behind ? l->page : l->prefix, behind);
	int r = list_from(m, at, l, ret, err);
	if (r < 0)
		object_page_done(ret);
	return r;
}

/* ---- its life -------------------------------------------------------------------------------- */

static void memory_free(struct object_store *s)
{
	struct memory_store *m = of(s);
	for (size_t i = 0; i < m->n; i++)
		object_done(&m->objects[i]);
	free(m->objects);
	free(m);
}

static const struct object_ops memory_ops = {
	.free = memory_free,
	.put_object = memory_put,
	.forget_upload = memory_forget,
	.get_object = memory_get,
	.stat_object = memory_stat,
	.list_objects = memory_list,
};

int memory_store_open(struct object_store **ret)
{
	struct memory_store *m = xcalloc(1, sizeof *m);
	m->base.ops = &memory_ops;
	*ret = &m->base;
	return 0;
}
