/* step_download.c - an object's content for each record
 *
 * What this room is for: the other half of `objects`, which lists: reading is a step, so that it has what steps have: a cap, retries, a
 *   dead letter for each object that cannot be read, and `unique` before it for those that were read already.
 * What flows through:    the object's bytes, as the answer: JSON and text by its media type or `as`, everything else a blob.
 * What must hold:        the file names the store and the folder, so no record makes it read elsewhere; size and checksum are proven. */
#include "base/banned.h"
#include "connectors/http/http_headers.h"
#include "connectors/objects/bucket.h"
#include "connectors/objects/media.h"
#include "io/digest.h"

struct download {
	struct tpl *from, *generation;
	uint64_t max_body;
	struct bucket_options bucket;
	struct target target; /* set by plan */
};
struct download_shared {
	struct bucket bucket;
};
struct request {
	struct object_get get;
};

static const struct opt options[] = {
	OPT("download", struct download, from, OPT_TEMPLATE, struct tpl *, .verb = true,
	    .required = true, .names = true,
	    .doc = "gs://bucket/\\(.name), s3://bucket/\\(.name), file:///folder/\\(.name)"),
	OPT("generation", struct download, generation, OPT_TEMPLATE, struct tpl *,
	    .doc = "this generation (gs) or version (s3): \\(.generation); else the newest"),
	OPT("max_body", struct download, max_body, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = "64MB", .doc = "a larger object is dead: too_large"),
	BUCKET_OPTIONS(struct download, bucket),
	OPT_END,
};

static int download_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct download *o = of;
	facts->effect = EFFECT_READS;
	facts->guarantee = IDEMPOTENT;
	facts->local = true;
	target_plan(&o->target, o->from, false, facts, diag);
	if (o->target.kind)
		bucket_plan(&o->bucket, &o->target, facts, diag);
	return 0;
}

static int download_open(struct site *site, struct err *err) SUSPENDS
{
	const struct download *o = site->options;
	struct download_shared *shared = site->shared;
	return bucket_open(&shared->bucket, &o->bucket, &o->target, o->from, site, err);
}

static void download_close(struct site *site) SUSPENDS
{
	struct download_shared *shared = site->shared;
	bucket_close(&shared->bucket);
}

/* ---- the request ----------------------------------------------------------------------------------- */

static enum body body_of(struct slice type, struct slice name)
{
	struct slice word, rest;
	(void)slice_cut(media_or_name(type, name), ';', &word, &rest);
	word = slice_trim(word);
	return media_is_json(word) ? BODY_JSON : media_is_text(word) ? BODY_TEXT : BODY_BLOB;
}

static int make_room(void *arg, const struct http_response *head, uint64_t length,
		     uint64_t bytes) SUSPENDS
{
	struct call *c = arg;
	const struct request *q = c->request;
	struct slice type = head ? media_type(head, c->arena) : (struct slice){ 0 };
	return call_room(c, body_of(type, q->get.name), length, bytes);
}

static int ask_generation(const struct download *o, struct call *c, struct object_get *get,
			  struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	if (!o->generation)
		return 0;
	if (tpl_text(o->generation, c->env, &text, err) < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "generation: ");
	if (!slice_eq(buf_slice(&text), S("null"))) /* the store did not say one */
		get->generation = arena_copy(c->arena, slice_trim(buf_slice(&text)));
	return 0;
}

static int ask_digest(const struct download_shared *shared, struct slice url, struct call *c,
		      struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct request *q = c->request;
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	digest_add(&d, S("hocket download 1"));
	digest_add(&d, object_store_origin(shared->bucket.store));
	digest_add(&d, url);
	digest_add(&d, q->get.generation.p ? q->get.generation : S(""));
	digest_end(&d, c->asked);
	return 0;
}

static int download_ask(struct site *site, struct call *c, struct err *err) SUSPENDS
{
	const struct download *o = site->options;
	const struct download_shared *shared = site->shared;
	struct request *q = arena_zero(c->arena, sizeof *q);
	struct object_url url = { 0 };
	struct slice text = { 0 };
	if (target_make(&o->target, o->from, site, c->env, c->arena, &url, &text, err) < 0 ||
	    ask_generation(o, c, &q->get, err) < 0)
		return -1;
	q->get.bucket = url.bucket;
	q->get.name = bucket_name(&shared->bucket, url.name);
	q->get.room = make_room;
	q->get.room_arg = c;
	q->get.max_bytes = o->max_body;
	c->request = q;
	c->safety = SAFE;
	c->lane = bucket_lane(&shared->bucket);
	c->shown = slice_str(arena_printf(c->arena, "GET %.*s", SLICE(text)));
	return c->wants_asked ? ask_digest(shared, text, c, err) : 0;
}

/* ---- the call ---------------------------------------------------------------------------------------- */

static void download_call(struct site *site, struct call *c) SUSPENDS
{
	struct download_shared *shared = site->shared;
	const struct request *q = c->request;
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err = { 0 };
	c->answer.value.max = SIZE_MAX / 2; /* its size has a ceiling: max_body */
	if (object_get(shared->bucket.store, &q->get, &c->answer.value, &info, &err) < 0) {
		buf_done(&c->answer.value);
		bucket_give_failure(c, &err);
		return;
	}
	c->verdict = VERDICT_ANSWER;
	c->answer.status = 200;
	c->answer.type = arena_copy(c->arena, media_or_name(info.type, q->get.name));
	c->answer.body = body_of(info.type, q->get.name);
	if (c->wants_about &&
	    bucket_put_about(&shared->bucket, &info, false, &c->answer.headers) < 0) {
		c->verdict = VERDICT_FAULT;
		fail(&c->err, FAULT_IO, "out of memory");
	}
}

const struct port step_download = {
	.name = "download",
	.doc = "read an object from Google Cloud Storage, S3 or a folder, for each record",
	.more = "JSON and text go into the record as such, by the object's media type, its name's "
		"ending, or "
		"`as`; everything else\n"
		"is a blob. $res.headers has what `objects` gives of each. One that is not there "
		"is "
		"dead: status(404).\n"
		"\n"
		"    from: {objects: 'gs://my-data/orders/**/*.json'}\n"
		"    steps:\n"
		"      - download: gs://my-data/\\(.name)\n"
		"        concurrency: 16\n"
		"        as: json\n"
		"        into: .order\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct download),
	.shared_size = sizeof(struct download_shared),
	.plan = download_plan,
	.open = download_open,
	.close = download_close,
	.ask = download_ask,
	.call = download_call,
};
