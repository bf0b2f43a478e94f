/* bucket.c - the store behind a place of a pipeline: its options, its credentials, its lane
 *
 * What this room is for: from options to an opened store, and from what it says to answers.
 * What flows through:    templates, evaluated once when the run begins; an object's facts as JSON.
 * What must hold:        see bucket.h. The lane's mark says who asks without saying with which key. */
#include "connectors/objects/bucket.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/url.h"
#include <inttypes.h>
#include <stdlib.h>

#define GS_PIECE (256u << 10) /* resumable uploads: multiples of it */
#define S3_PIECE (5u << 20)   /* multipart uploads: no less, but for the last */

/* ---- the file ------------------------------------------------------------------------------------ */

static const char *first_given(const struct bucket_options *o)
{
	return o->endpoint      ? "endpoint"
	       : o->credentials ? "credentials"
	       : o->access_key  ? "access_key"
	       : o->secret_key  ? "secret_key"
	       : o->region      ? "region"
	       : o->anonymous   ? "anonymous"
				: NULL;
}

static void check_credentials(const struct bucket_options *o, enum object_kind kind,
			      struct diag *diag)
{
	const char *given = first_given(o);
	if (kind == OBJECT_FILE && given)
		diag_error(diag, given, "files need no '%s': it is for gs:// and s3://", given);
	else if (o->credentials && kind == OBJECT_S3)
		diag_error(diag, "credentials",
			   "'credentials' is Google's; s3:// wants access_key and secret_key");
	else if (!o->access_key != !o->secret_key)
		diag_error(diag, o->access_key ? "access_key" : "secret_key",
			   "access_key and secret_key belong together");
	else if (o->session_token && !o->access_key)
		diag_error(diag, "session_token", "session_token belongs to an access_key");
	else if (o->anonymous && (o->credentials || o->access_key))
		diag_error(diag, "anonymous", "anonymous and credentials: choose one of the two");
	else if (o->credentials && o->access_key)
		diag_error(diag, "credentials",
			   "credentials and access_key: choose one of the two");
}

static void check_piece(const struct bucket_options *o, enum object_kind kind, struct diag *diag)
{
	if (kind == OBJECT_GS && o->piece % GS_PIECE != 0)
		diag_error(diag, "piece", "pieces for gs:// are multiples of 256K");
	if (kind == OBJECT_S3 && o->piece && o->piece < S3_PIECE)
		diag_error(diag, "piece", "pieces for s3:// have 5M or more");
}

/* As lanes and guards spell it. */
static void keep_origin(struct bucket_options *o, struct facts *facts, struct diag *diag)
{
	AUTO(buf_done) struct buf origin = { .max = sizeof(o->origin) - 1 };
	struct slice text = o->endpoint ? tpl_head(o->endpoint) : (struct slice){ 0 };
	struct url url;
	const char *why = NULL;
	o->origin[0] = 0;
	if (!o->endpoint || !tpl_constant(o->endpoint))
		return;
	if (url_parse(text, &url, &why) < 0)
		diag_error(diag, "endpoint", "'%.*s' is not a URL: %s", SLICE(text), why);
	else if (url.userinfo.n)
		diag_error(diag, "endpoint",
			   "credentials are not part of it: they have options of "
			   "their own");
	else if (url_put_origin(&url, &origin) == 0)
		memcpy(o->origin, origin.p, origin.n + 1);
	facts->origin = slice_str(o->origin);
}

void bucket_plan(struct bucket_options *o, const struct target *t, struct facts *facts,
		 struct diag *diag)
{
	keep_origin(o, facts, diag);
	check_credentials(o, t->kind, diag);
	check_piece(o, t->kind, diag);
}

/* ---- the store ------------------------------------------------------------------------------------- */

struct texts { /* of the options, evaluated */
	struct buf endpoint, credentials, access_key, secret_key, session_token, region;
};

static void texts_done(struct texts *t)
{
	buf_done(&t->endpoint);
	buf_done(&t->credentials);
	buf_done(&t->access_key);
	buf_done(&t->secret_key);
	buf_done(&t->session_token);
	buf_done(&t->region);
}

/* A secret that is there and empty is a mistake: without it other credentials would be tried. */
static int evaluate(const struct tpl *tpl, const char *option, struct buf *out,
		    struct err *err) SUSPENDS
{
	const struct env env = { .record = S("null") };
	if (!tpl)
		return 0;
	if (tpl_text(tpl, &env, out, err) < 0)
		return err_wrap(err, "%s: ", option);
	struct slice text = slice_trim(buf_slice(out));
	if (text.n == 0)
		return fail(err, FAULT_CONFIG, "'%s' is empty", option);
	buf_truncate(out, (size_t)(text.p - out->p) + text.n);
	buf_consume(out, (size_t)(text.p - out->p));
	return 0;
}

static int evaluate_all(const struct bucket_options *o, struct texts *t, struct err *err) SUSPENDS
{
	return evaluate(o->endpoint, "endpoint", &t->endpoint, err) < 0 ||
			       evaluate(o->credentials, "credentials", &t->credentials, err) < 0 ||
			       evaluate(o->access_key, "access_key", &t->access_key, err) < 0 ||
			       evaluate(o->secret_key, "secret_key", &t->secret_key, err) < 0 ||
			       evaluate(o->session_token, "session_token", &t->session_token, err) <
				       0 ||
			       evaluate(o->region, "region", &t->region, err) < 0
		       ? -1
		       : 0;
}

/* "https://host 0123456789abcdef" */
static int make_lane(struct bucket *b, const struct texts *t, bool anonymous)
{
	AUTO(buf_done) struct buf lane = { .max = 4096 };
	struct slice origin = object_store_origin(b->store);
	uint64_t mark = hash_add(HASH_START, buf_slice(&t->access_key));
	mark = hash_add(hash_add(mark, buf_slice(&t->credentials)), anonymous ? S("a") : S(""));
	if (origin.n == 0)
		return 0;
	int r = buf_printf(&lane, "%.*s", SLICE(origin));
	if (r == 0 && (t->access_key.n || t->credentials.n || anonymous))
		r = buf_printf(&lane, " %016" PRIx64, hash_end(mark));
	if (r == 0)
		b->lane = xstrndup(lane.p, lane.n);
	return r;
}

static int open_store(struct bucket *b, const struct bucket_options *o, const struct target *t,
		      const struct tpl *url, struct site *site, struct texts *texts,
		      struct err *err) SUSPENDS
{
	bool is_file = t->kind == OBJECT_FILE;
	bool is_text = texts->credentials.n && texts->credentials.p[0] == '{';
	b->root = is_file ? target_root(t, url, site_folder(site)) : NULL;
	AUTO(buf_done) struct buf path = { .max = 4096 };
	if (texts->credentials.n && !is_text &&
	    buf_printf(&path, "%s%s%s", texts->credentials.p[0] == '/' ? "" : site_folder(site),
		       texts->credentials.p[0] == '/' ? "" : "/", texts->credentials.p) < 0)
		return fail(err, FAULT_CONFIG, "the name of the credentials' file is too long");
	struct object_store_options options = {
		.kind = t->kind,
		.http = is_file ? NULL : site_http(site),
		.endpoint = buf_slice(&texts->endpoint),
		.credentials_file = path.p,
		.credentials = is_text ? buf_slice(&texts->credentials) : (struct slice){ 0 },
		.access_key = buf_slice(&texts->access_key),
		.secret_key = buf_slice(&texts->secret_key),
		.session_token = buf_slice(&texts->session_token),
		.region = buf_slice(&texts->region),
		.anonymous = o->anonymous,
		.root = b->root,
		.piece_bytes = o->piece,
	};
	if (site->clocks)
		options.clocks = *site->clocks;
	return object_store_open(&options, &b->store, err);
}

int bucket_open(struct bucket *b, const struct bucket_options *o, const struct target *t,
		const struct tpl *url, struct site *site, struct err *err)
{
	AUTO(texts_done) struct texts texts = { 0 };
	b->kind = t->kind;
	b->store = site_objects(site);
	if (b->store)
		return 0;
	if (evaluate_all(o, &texts, err) < 0 || open_store(b, o, t, url, site, &texts, err) < 0)
		return -1;
	b->owns = true;
	return make_lane(b, &texts, o->anonymous) < 0
		       ? fail(err, FAULT_CONFIG, "'endpoint' is too long")
		       : 0;
}

void bucket_close(struct bucket *b)
{
	if (b->owns)
		object_store_free(b->store);
	free(b->lane);
	free(b->root);
	*b = (struct bucket){ 0 };
}

struct slice bucket_lane(const struct bucket *b)
{
	return slice_str(b->lane);
}

struct slice bucket_name(const struct bucket *b, struct slice name)
{
	size_t n = b->root ? strlen(b->root) : 0;
	if (n == 0)
		return name;
	n += b->root[n - 1] != '/';
	ASSERT(n <= name.n);
	return slice_from(name, n);
}

/* ---- what it says ------------------------------------------------------------------------------------ */

static void put_word(struct json_writer *w, const char *key, struct slice value)
{
	json_key(w, key);
	if (value.n)
		json_put_string(w, value);
	else
		json_put_raw(w, S("null"));
}

static void put_url(struct json_writer *w, const struct bucket *b, const struct object_info *o)
{
	AUTO(buf_done) struct buf url = { .max = 16384 };
	size_t n = b->root ? strlen(b->root) : 0;
	int r;
	if (b->kind == OBJECT_FILE)
		r = buf_printf(&url, "file://%s%s%.*s", n ? b->root : "",
			       n && b->root[n - 1] != '/' ? "/" : "", SLICE(o->name));
	else
		r = buf_printf(&url, "%s://%.*s/%.*s", b->kind == OBJECT_GS ? "gs" : "s3",
			       SLICE(o->bucket), SLICE(o->name));
	put_word(w, "url", r < 0 ? (struct slice){ 0 } : buf_slice(&url));
}

int bucket_put_about(const struct bucket *b, const struct object_info *o, bool already,
		     struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	put_url(&w, b, o);
	put_word(&w, "bucket", o->bucket);
	put_word(&w, "name", o->name);
	json_key(&w, "bytes");
	json_put_int(&w, (int64_t)o->bytes);
	put_word(&w, "type", o->type);
	put_word(&w, "etag", o->etag);
	put_word(&w, "generation", o->generation);
	put_word(&w, "updated", o->updated);
	put_word(&w, "md5", o->md5);
	put_word(&w, "crc32c", o->crc32c);
	if (already) {
		json_key(&w, "already");
		json_put_bool(&w, o->already);
	}
	json_close(&w, '}');
	return json_writer_end(&w);
}

void bucket_give_failure(struct call *c, const struct err *err)
{
	bool answered = err->fault == FAULT_STATUS || err->fault == FAULT_RATE_LIMITED;
	c->verdict = VERDICT_FAULT;
	c->err = *err;
	if (err->fault == FAULT_STATUS && err->code == 429)
		c->err.fault = FAULT_RATE_LIMITED;
	if (!answered || err->code < 400 || buf_add(&c->answer.value, slice_str(err->text)) < 0)
		return;
	c->verdict = VERDICT_ANSWER;
	c->answer.status = err->code;
	c->answer.body = BODY_TEXT;
	c->answer.type = S("text/plain");
}
