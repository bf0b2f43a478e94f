/* from_objects.c - the objects of a bucket, one record each
 *
 * What this room is for: listing: gs://bucket/prefix/, or a pattern beneath a literal prefix. What the objects contain is read by a step,
 *   `download`, which has what steps have: a cap, retries, dead letters.
 * What flows through:    pages of a listing, kept in the inbox, then one record for each object that is meant.
 * What must hold:
 *  (1) a bucket may list otherwise when it is asked again. So a page is kept, whole, before its first record is given: a resumed run reads it
 *      where it was kept, and asks for those behind it only.
 *  (2) a position is the page and how many of its records were taken. The first page's name is "first", which no service uses for another.
 *  (3) one page is in memory, however many objects there are. */
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include "connectors/files/glob.h"
#include "connectors/objects/bucket.h"
#include "connectors/seen.h"
#include <inttypes.h>

#define FIRST_PAGE "first"

struct object_source {
	struct tpl *url;
	struct bucket_options bucket;
	/* set by plan */
	struct target target;
};
struct object_shared {
	struct bucket bucket;
};

static const struct opt options[] = {
	OPT("objects", struct object_source, url, OPT_TEMPLATE, struct tpl *, .verb = true,
	    .required = true, .at_plan = true,
	    .doc = "gs://bucket/prefix/, s3://bucket/prefix/, file:///folder/: all beneath it; or "
		   "a "
		   "pattern: gs://bucket/logs/**/*.json (*, **, ?, [a-f])"),
	BUCKET_OPTIONS(struct object_source, bucket),
	OPT_END,
};

static int objects_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct object_source *o = of;
	facts->restart = RESTART_ASKS;
	facts->effect = EFFECT_READS;
	target_plan(&o->target, o->url, true, facts, diag);
	if (o->target.kind)
		bucket_plan(&o->bucket, &o->target, facts, diag);
	return 0;
}

static int objects_open(struct site *site, struct err *err) SUSPENDS
{
	const struct object_source *o = site->options;
	struct object_shared *shared = site->shared;
	return bucket_open(&shared->bucket, &o->bucket, &o->target, o->url, site, err);
}

static void objects_close(struct site *site) SUSPENDS
{
	struct object_shared *shared = site->shared;
	bucket_close(&shared->bucket);
}

/* ---- which objects --------------------------------------------------------------------------------- */

struct lister {
	struct site *site;
	const struct object_source *o;
	struct object_shared *shared;
	struct intake *intake;
	struct split *split;
	struct arena *arena;
	struct object_url url; /* the name is the pattern, or the prefix */
	struct slice prefix;   /* of it */
	bool is_pattern;
	struct buf page; /* its name; FIRST_PAGE */
	struct seen seen;
	uint64_t line;
};

static void lister_done(struct lister *l)
{
	arena_free(l->arena);
	buf_done(&l->page);
	seen_done(&l->seen);
}

static int find_where(struct lister *l, struct err *err) SUSPENDS
{
	const struct env env = { .record = S("null") };
	AUTO(buf_done) struct buf text = { .max = 8192 }, url = { .max = 16384 };
	if (tpl_text(l->o->url, &env, &text, err) < 0 ||
	    target_put_url(&l->o->target, buf_slice(&text), site_folder(l->site), &url, err) < 0)
		return -1;
	if (object_url_parse(arena_copy(l->arena, buf_slice(&url)), &l->url, err) < 0) {
		err->fault = FAULT_CONFIG;
		return -1;
	}
	l->url.name = bucket_name(&l->shared->bucket, l->url.name);
	l->is_pattern = glob_is_pattern(l->url.name);
	l->prefix = target_prefix(l->url.name);
	return 0;
}

/* Consoles make "folders": empty objects whose names end with '/'. They are no content. */
static bool is_meant(const struct lister *l, const struct object_info *object)
{
	if (slice_ends(object->name, S("/")) && object->bytes == 0)
		return false;
	return !l->is_pattern || glob_matches(l->url.name, object->name);
}

/* ---- a page ------------------------------------------------------------------------------------------ */

struct page {
	struct buf records; /* JSON array */
	struct buf next;    /* name of the next; empty: it is the last */
	uint64_t n;
};

static void page_done(struct page *p)
{
	buf_done(&p->records);
	buf_done(&p->next);
}

static int put_records(const struct lister *l, const struct object_page *from, struct page *p)
{
	int r = buf_add_char(&p->records, '[');
	for (size_t i = 0; i < from->n && r == 0; i++) {
		if (!is_meant(l, &from->objects[i]))
			continue;
		r = p->n++ ? buf_add_char(&p->records, ',') : 0;
		r = r < 0 ? r
			  : bucket_put_about(&l->shared->bucket, &from->objects[i], false,
					     &p->records);
	}
	r = r < 0 ? r : buf_add_char(&p->records, ']');
	return r < 0 ? r : buf_add(&p->next, buf_slice(&from->next));
}

/* A refusal for lack of quota holds back all that goes through the lane. */
static int list_failed(const struct lister *l, struct err *err)
{
	if (err->retry_after_ns > 0)
		site_lane_pause(l->site, bucket_lane(&l->shared->bucket), err->retry_after_ns);
	return -1;
}

static int ask_page(const struct lister *l, struct page *p, struct err *err) SUSPENDS
{
	AUTO(object_page_done) struct object_page answer = { 0 };
	struct slice lane = bucket_lane(&l->shared->bucket), name = buf_slice(&l->page);
	const struct object_list list = {
		.bucket = l->url.bucket,
		.prefix = l->prefix,
		.page = slice_eq(name, S(FIRST_PAGE)) ? (struct slice){ 0 } : name,
	};
	if (lane.n && site_lane(l->site, lane, err) < 0)
		return -1;
	if (object_list(l->shared->bucket.store, &list, &answer, err) < 0)
		return list_failed(l, err);
	return put_records(l, &answer, p) < 0
		       ? fail(err, FAULT_TOO_LARGE,
			      "a page of the listing does not fit into memory")
		       : 0;
}

/* ---- the inbox --------------------------------------------------------------------------------------- */

static int keep_page(const struct lister *l, const struct page *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { 0 };
	struct json_writer w = json_writer(&about);
	json_open(&w, '{');
	json_key(&w, "records");
	json_put_int(&w, (int64_t)p->n);
	json_key(&w, "next");
	json_put_string(&w, buf_slice(&p->next));
	json_close(&w, '}');
	if (json_writer_end(&w) < 0)
		return fail(err, FAULT_TOO_LARGE,
			    "the name of the listing's next page is too long");
	return intake_keep(l->intake, l->split, buf_slice(&l->page), p->n, buf_slice(&about),
			   buf_slice(&p->records), err);
}

static int read_about(struct slice about, struct page *p)
{
	struct slice n, next;
	int64_t count;
	if (!json_field(about, S("records"), &n) || units_int(n, &count) < 0 || count < 0 ||
	    !json_field(about, S("next"), &next))
		return -1;
	p->n = (uint64_t)count;
	return json_unquote(next, &p->next);
}

/* 1: it was kept; 0: it is to be asked for. */
static int kept_page(const struct lister *l, struct page *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { 0 };
	int found = intake_kept(l->intake, l->split, buf_slice(&l->page), &about, &p->records, err);
	if (found > 0 && read_about(buf_slice(&about), p) < 0)
		return fail(err, FAULT_BROKEN, "a page that was kept makes no sense: %.*s",
			    SLICE(slice_head(buf_slice(&about), 200)));
	return found;
}

/* ---- and on ------------------------------------------------------------------------------------------ */

static int admit_page(struct lister *l, const struct page *p, uint64_t skip,
		      struct err *err) SUSPENDS
{
	struct text *base = text_new(buf_slice(&l->page));
	struct json_iter it = json_iter(buf_slice(&p->records));
	struct slice key, value;
	uint64_t taken = 0;
	int r = 0;
	intake_hold(l->intake, p->records.cap);
	while (r == 0 && json_next(&it, &key, &value)) {
		if (taken++ < skip)
			continue;
		r = admit(l->intake,
			  &(struct arrival){ .rec = rec_new(value),
					     .split = l->split,
					     .next = { base, taken },
					     .line = ++l->line },
			  err);
	}
	intake_hold(l->intake, 0);
	text_unref(base);
	return r;
}

/* 1: l->page is the next; 0: there is none. */
static int read_page(struct lister *l, uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(page_done) struct page p = { 0 };
	if (!seen_add(&l->seen, buf_slice(&l->page)))
		return fail(err, FAULT_CONFIG,
			    "the listing goes in a circle: page '%.*s' was read before",
			    SLICE(slice_head(buf_slice(&l->page), 80)));
	int kept = kept_page(l, &p, err);
	if (kept < 0 || (!kept && (ask_page(l, &p, err) < 0 || keep_page(l, &p, err) < 0)) ||
	    admit_page(l, &p, skip, err) < 0)
		return -1;
	buf_done(&l->page);
	l->page = buf_take(&p.next);
	return l->page.n > 0;
}

static int objects_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	AUTO(lister_done)
	struct lister l = { .site = site,
			    .o = site->options,
			    .shared = site->shared,
			    .intake = intake,
			    .arena = arena_new() };
	l.split = intake_split(intake, "objects");
	l.line = split_line(l.split);
	const struct position *from = split_from(l.split);
	uint64_t skip = from ? from->offset : 0;
	if (find_where(&l, err) < 0)
		return -1;
	if (buf_add(&l.page, from ? text_slice(from->base) : S(FIRST_PAGE)) < 0)
		return fail(err, FAULT_IO, "out of memory");
	int more = 1;
	for (; more > 0; skip = 0)
		more = read_page(&l, skip, err);
	return more < 0 ? -1 : 0;
}

const struct port from_objects = {
	.name = "objects",
	.doc = "list the objects of a bucket or folder: Google Cloud Storage, S3, files",
	.more = "One record for each object, in the order of their names: url, bucket, name, "
		"bytes, "
		"type, etag, generation, updated,\n"
		"md5, crc32c; what the store does not say is null. An interrupted run asks for no "
		"page twice. The content is read by\n"
		"a step, `download`. A run behind a finished one lists all again; `unique` before "
		"the download leaves out what was\n"
		"read already and is as it was.\n"
		"\n"
		"    from: {objects: 'gs://my-data/orders/**/*.json'}\n"
		"    steps:\n"
		"      - unique: '[.url, .etag, .generation]'\n"
		"        for: 3650d\n"
		"      - download: gs://my-data/\\(.name)\n"
		"        concurrency: 16\n"
		"        into: .order\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct object_source),
	.shared_size = sizeof(struct object_shared),
	.plan = objects_plan,
	.open = objects_open,
	.close = objects_close,
	.run = objects_run,
};
