/* upload_call.c - one object for each record: what the step and the sink share
 *
 * What this room is for: from a record to a name, bytes and what is said about them; from the store's evidence to an answer. How an object gets
 *   there is the store's matter; attempts, lanes, order and dead letters are the engine's.
 * What flows through:    bytes of blobs, borrowed from the record; texts and JSON, in the call's arena; the URL as the answer's body, what
 *   the store says of the object as its headers.
 * What must hold:
 *  (1) name, bytes and everything that is said are evaluated once, in ask: every attempt puts the same.
 *  (2) the same bytes under the same name change nothing more: so each call may be made again.
 *  (3) what arrived of a large object outlives an attempt, and is forgotten when the record leaves: abandon. */
#include "connectors/objects/upload_call.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/objects/media.h"
#include "io/digest.h"

#define DATA_MAX  (256u << 20)
#define WORDS_MAX (64u << 10)
#define GS_GAP_NS INT64_C(1000000000) /* Google takes one write a second to one object */

const char *const upload_modes[] = { "replace", "new", NULL };
enum { MODE_REPLACE, MODE_NEW };

struct request {
	struct object_put put;
	struct object_upload *upload; /* owns: what is on its way */
	struct slice url;
};

/* ---- the file ------------------------------------------------------------------------------------ */

static bool is_token(const char *name)
{
	static const char *const others = "-_.";
	for (const char *p = name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || strchr(others, *p)))
			return false;
	return *name;
}

static void check_metadata(const struct upload_call *o, struct diag *diag)
{
	for (size_t i = 0; i < o->metadata.n; i++)
		if (!is_token(o->metadata.keys[i]))
			diag_error(diag, "metadata",
				   "'%s' cannot name metadata: letters, digits, '-', '_' and '.'",
				   o->metadata.keys[i]);
}

static void check_preconditions(const struct upload_call *o, struct diag *diag)
{
	const char *given = o->if_match ? "if_match" : o->if_generation ? "if_generation" : NULL;
	if (o->if_match && o->if_generation)
		diag_error(diag, "if_match", "if_match and if_generation: choose one of the two");
	else if (given && o->mode == MODE_NEW)
		diag_error(diag, given, "'%s' wants an object to be there, `mode: new` wants none",
			   given);
	else if (o->if_generation && o->target.kind == OBJECT_S3)
		diag_error(diag, "if_generation",
			   "s3:// has no generations: say if_match, an etag");
	else if (o->if_match && o->target.kind == OBJECT_GS)
		diag_error(diag, "if_match",
			   "gs:// compares generations: say if_generation: \\(.generation)");
	else if (given && o->target.kind == OBJECT_FILE)
		diag_error(diag, given, "files have neither etags nor generations");
}

int upload_call_plan(void *options, struct facts *facts, struct diag *diag)
{
	struct upload_call *o = options;
	facts->effect = EFFECT_WRITES;
	facts->guarantee = IDEMPOTENT;
	facts->keyless = true;
	facts->local = true;
	target_plan(&o->target, o->to, false, facts, diag);
	if (!o->target.kind)
		return 0;
	bucket_plan(&o->bucket, &o->target, facts, diag);
	check_preconditions(o, diag);
	check_metadata(o, diag);
	return 0;
}

int upload_call_open(struct site *site, struct err *err)
{
	const struct upload_call *o = site->options;
	struct upload_shared *shared = site->shared;
	return bucket_open(&shared->bucket, &o->bucket, &o->target, o->to, site, err);
}

void upload_call_close(struct site *site)
{
	struct upload_shared *shared = site->shared;
	bucket_close(&shared->bucket);
}

/* ---- the bytes ------------------------------------------------------------------------------------- */

static struct slice blob_type(struct slice json, struct slice name, struct arena *arena)
{
	AUTO(buf_done) struct buf type = { .max = 256 };
	struct slice raw;
	if (!json_field(json, S("type"), &raw) || json_type(raw) != JSON_STRING ||
	    json_unquote(raw, &type) < 0)
		buf_clear(&type);
	struct slice found = media_or_name(buf_slice(&type), name);
	return found.n ? arena_copy(arena, found) : S("application/octet-stream");
}

/* A type that the name has, and of texts in which characters, else what it was in the record. */
static struct slice type_of(const struct object_put *put, const char *kind, struct arena *arena)
{
	struct slice by_name = media_of_name(put->name);
	if (by_name.n == 0)
		return slice_str(kind);
	if (!slice_starts(by_name, S("text/")))
		return by_name;
	return slice_str(arena_printf(arena, "%.*s; charset=utf-8", SLICE(by_name)));
}

static int take_text(struct call *c, struct slice json, struct object_put *put, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = DATA_MAX };
	int r = json_unquote(json, &text);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the data do not fit into memory");
	put->data = arena_copy(c->arena, buf_slice(&text));
	put->type = type_of(put, "text/plain; charset=utf-8", c->arena);
	return 0;
}

/* A reference to bytes is those bytes, a text its characters, everything else its JSON. */
static int take_data(struct call *c, struct slice json, struct object_put *put, struct err *err)
{
	enum json_type type = json_type(json);
	const struct blob *blob = type == JSON_OBJECT ? rec_blob(c->rec, json) : NULL;
	struct slice gone;
	if (type == JSON_NULL)
		return fail(err, FAULT_BAD_VALUE, "data: it is null: there is nothing to upload");
	if (blob) {
		put->data = blob->bytes;
		put->type = blob_type(json, put->name, c->arena);
		return 0;
	}
	if (type == JSON_OBJECT && json_field(json, S("$blob"), &gone))
		return fail(err, FAULT_BAD_VALUE, "data: the record has no blob %.*s",
			    SLICE(slice_head(gone, 80)));
	if (type == JSON_STRING)
		return take_text(c, json, put, err);
	put->data = arena_copy(c->arena, json);
	put->type = type_of(put, "application/json", c->arena);
	return 0;
}

static int ask_data(const struct upload_call *o, struct call *c, struct object_put *put,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { .max = DATA_MAX };
	if (!o->data) { /* a sink's record, as it is */
		put->data = rec_json(c->rec);
		put->type = type_of(put, "application/json", c->arena);
		return 0;
	}
	int n = jq_one(o->data, c->env, &value, err);
	if (n < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "data: ");
	if (n == 0)
		return fail(err, FAULT_BAD_VALUE,
			    "data: it gives no value: there is nothing to upload");
	return take_data(c, json_trim(buf_slice(&value)), put, err);
}

/* ---- what is said about them ------------------------------------------------------------------------- */

static int refuse_word(const char *option, struct slice value, struct err *err)
{
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
			return fail(err, FAULT_BAD_VALUE, "%s: there is a control character in it",
				    option);
	return 0;
}

static int ask_word(const struct tpl *tpl, const char *option, struct call *c, struct slice *ret,
		    struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { .max = WORDS_MAX };
	if (!tpl)
		return 0;
	if (tpl_text(tpl, c->env, &text, err) < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "%s: ", option);
	*ret = arena_copy(c->arena, slice_trim(buf_slice(&text)));
	return refuse_word(option, *ret, err);
}

static int ask_words(const struct upload_call *o, struct call *c, struct object_put *put,
		     struct err *err) SUSPENDS
{
	const struct {
		const struct tpl *tpl;
		const char *option;
		struct slice *ret;
	} words[] = {
		{ o->type, "type", &put->type },
		{ o->cache_control, "cache_control", &put->cache_control },
		{ o->content_encoding, "content_encoding", &put->content_encoding },
		{ o->content_disposition, "content_disposition", &put->content_disposition },
		{ o->storage_class, "storage_class", &put->storage_class },
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (ask_word(words[i].tpl, words[i].option, c, words[i].ret, err) < 0)
			return -1;
	return 0;
}

static int ask_metadata(const struct upload_call *o, struct call *c, struct object_put *put,
			struct err *err) SUSPENDS
{
	struct tpl *const *values = o->metadata.v;
	struct http_header *v = arena_zero(c->arena, (o->metadata.n + 1) * sizeof *v);
	for (size_t i = 0; i < o->metadata.n; i++) {
		v[i].name = slice_str(o->metadata.keys[i]);
		if (ask_word(values[i], "metadata", c, &v[i].value, err) < 0)
			return -1;
	}
	put->metadata = v;
	put->metadata_n = o->metadata.n;
	return 0;
}

/* Of something that is not there: \(.generation) is "null", and that would match nothing, ever. */
static int ask_when(const struct upload_call *o, struct call *c, struct object_put *put,
		    struct err *err) SUSPENDS
{
	const char *option = o->if_match ? "if_match" : "if_generation";
	const struct tpl *tpl = o->if_match ? o->if_match : o->if_generation;
	put->when = o->mode == MODE_NEW ? OBJECT_IF_NEW : OBJECT_ALWAYS;
	if (!tpl)
		return 0;
	if (ask_word(tpl, option, c, &put->match, err) < 0)
		return -1;
	if (put->match.n == 0 || slice_eq(put->match, S("null")))
		return fail(err, FAULT_BAD_VALUE, "%s: the record does not say which", option);
	for (size_t i = 0; o->if_generation && i < put->match.n; i++)
		if (put->match.p[i] < '0' || put->match.p[i] > '9')
			return fail(err, FAULT_BAD_VALUE, "%s: '%.*s' is no generation", option,
				    SLICE(slice_head(put->match, 80)));
	put->when = OBJECT_IF_MATCH;
	return 0;
}

/* ---- the request ------------------------------------------------------------------------------------- */

static int ask_digest(const struct upload_shared *shared, struct call *c, struct err *err)
{
	AUTO(digest_done) struct digest d = { NULL };
	const struct request *q = c->request;
	const struct object_put *put = &q->put;
	const struct slice parts[] = {
		S("hocket upload 1"),
		object_store_origin(shared->bucket.store),
		q->url,
		put->type,
		put->cache_control,
		put->content_encoding,
		put->content_disposition,
		put->storage_class,
		put->when == OBJECT_ALWAYS   ? S("")
		: put->when == OBJECT_IF_NEW ? S("new")
					     : S("match"),
		put->match,
		put->data,
	};
	if (digest_init(&d) < 0)
		return fail(err, FAULT_IO, "out of memory");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		digest_add(&d, parts[i].p ? parts[i] : S(""));
	for (size_t i = 0; i < put->metadata_n; i++) {
		digest_add(&d, put->metadata[i].name);
		digest_add(&d, put->metadata[i].value);
	}
	digest_end(&d, c->asked);
	return 0;
}

/* What is text is shown as it is, everything else by its size. */
static void show(struct call *c, const struct request *q)
{
	const struct object_put *put = &q->put;
	c->shown = slice_str(arena_printf(c->arena, "PUT %.*s", SLICE(q->url)));
	if (!c->wants_sends)
		return;
	c->sends = utf8_valid(put->data) ? put->data
					 : slice_str(arena_printf(c->arena, "(%zu bytes, %.*s)",
								  put->data.n, SLICE(put->type)));
}

int upload_call_ask(struct site *site, struct call *c, struct err *err)
{
	const struct upload_call *o = site->options;
	const struct upload_shared *shared = site->shared;
	struct request *q = arena_zero(c->arena, sizeof *q);
	struct object_put *put = &q->put;
	struct object_url url = { 0 };
	if (target_make(&o->target, o->to, site, c->env, c->arena, &url, &q->url, err) < 0)
		return -1;
	put->bucket = url.bucket;
	put->name = bucket_name(&shared->bucket, url.name);
	if (ask_data(o, c, put, err) < 0 || ask_words(o, c, put, err) < 0 ||
	    ask_metadata(o, c, put, err) < 0 || ask_when(o, c, put, err) < 0)
		return -1;
	c->request = q;
	c->safety = SAFE;
	c->lane = bucket_lane(&shared->bucket);
	c->turn = q->url;
	c->turn_gap_ns = shared->bucket.owns && o->target.kind == OBJECT_GS ? GS_GAP_NS : 0;
	show(c, q);
	return c->wants_asked ? ask_digest(shared, c, err) : 0;
}

/* ---- the call ------------------------------------------------------------------------------------------ */

static int give_answer(const struct bucket *b, struct call *c, const struct object_info *info)
{
	const struct request *q = c->request;
	c->answer.status = 200;
	c->answer.body = BODY_TEXT;
	c->answer.type = S("text/plain");
	int r = buf_add(&c->answer.value, q->url);
	return r < 0 || !c->wants_about ? r : bucket_put_about(b, info, true, &c->answer.headers);
}

void upload_call_call(struct site *site, struct call *c)
{
	struct upload_shared *shared = site->shared;
	struct request *q = c->request;
	AUTO(object_info_done) struct object_info info = { 0 };
	struct err err = { 0 };
	if (object_put(shared->bucket.store, &q->put, &q->upload, &info, &err) < 0) {
		bucket_give_failure(c, &err);
		return;
	}
	c->verdict = VERDICT_ANSWER;
	if (give_answer(&shared->bucket, c, &info) < 0) {
		c->verdict = VERDICT_FAULT;
		fail(&c->err, FAULT_IO, "out of memory");
	}
}

void upload_call_abandon(struct site *site, struct call *c)
{
	struct upload_shared *shared = site->shared;
	struct request *q = c->request;
	if (q && q->upload)
		object_upload_free(shared->bucket.store, take(q->upload));
}
