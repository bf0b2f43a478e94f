/* gs_store.c - Google Cloud Storage: a store's life
 *
 * What this room is for: from options and the environment to a store that can be asked.
 * What flows through:    endpoint and credential in; the operations are in gs_put.c, gs_resume.c and gs_read.c.
 * What must hold:
 *  (1) nothing is asked of any server when a store is opened.
 *  (2) what is spoken to without TLS is an emulator: it gets no credential that was not named for it. */
#include "io/object/gs.h"
#include "io/url.h"
#include <stdlib.h>
#include <string.h>

#define SERVICE     "https://storage.googleapis.com"
#define PIECE_BYTES (UINT64_C(8) << 20)
/* The service takes pieces of this size, but for the last. */
#define PIECE_UNIT (UINT64_C(256) << 10)

static void gs_free(struct object_store *store)
{
	struct gs_store *s = gs_of(store);
	gs_credential_done(&s->credential);
	token_done(&s->token);
	buf_done(&s->endpoint);
	free(s);
}

static const struct object_ops ops = { .kind = OBJECT_GS,
				       .free = gs_free,
				       .put_object = gs_put,
				       .forget_upload = gs_forget,
				       .get_object = gs_get,
				       .stat_object = gs_stat,
				       .list_objects = gs_list };

/* "localhost:4443" means http, as in Google's own clients. */
static int put_endpoint(struct slice text, bool from_environment, struct buf *out)
{
	int r = 0;
	while (slice_ends(text, S("/")))
		text.n--;
	if (from_environment && !slice_starts(text, S("http://")) &&
	    !slice_starts(text, S("https://")))
		r = buf_add(out, S("http://"));
	return r < 0 ? r : buf_add(out, text);
}

static int find_endpoint(struct gs_store *s, struct slice given, bool *ret_tls, struct err *err)
{
	struct slice named = slice_trim(slice_str(getenv("STORAGE_EMULATOR_HOST")));
	const char *why = "it does not fit";
	struct url url;
	bool emulator = given.n == 0 && named.n > 0;
	struct slice text = given.n ? given : named.n ? named : S(SERVICE);
	int r = put_endpoint(text, emulator, &s->endpoint);
	if (r == 0)
		r = url_parse(buf_slice(&s->endpoint), &url, &why);
	if (r == 0 && (url.userinfo.n || memchr(url.target.p, '?', url.target.n))) {
		why = "no user and no '?' in it";
		r = -1;
	}
	r = r < 0 ? r : url_put_origin(&url, &s->base.origin);
	if (r < 0)
		return fail(err, FAULT_CONFIG, "%s '%.*s': %s",
			    emulator ? "STORAGE_EMULATOR_HOST" : "endpoint",
			    SLICE(slice_head(text, 200)), why);
	*ret_tls = url.tls;
	return 0;
}

static uint64_t whole_pieces(uint64_t bytes)
{
	bytes = bytes ? bytes : PIECE_BYTES;
	return bytes < PIECE_UNIT ? PIECE_UNIT : bytes / PIECE_UNIT * PIECE_UNIT;
}

static int fill(struct gs_store *s, const struct object_store_options *o, struct err *err) SUSPENDS
{
	struct object_store_options with = *o;
	bool tls = true,
	     named = o->credentials.n || o->credentials_file || o->access_key.n || o->secret_key.n;
	if (find_endpoint(s, o->endpoint, &tls, err) < 0)
		return -1;
	with.anonymous = o->anonymous || (!tls && !named);
	if (gs_credential_find(&with, &s->credential, err) < 0)
		return -1;
	s->dialect = s->credential.kind == GS_HMAC ? &gs_xml : &gs_json;
	return 0;
}

int gs_store_open(const struct object_store_options *o, struct object_store **ret, struct err *err)
{
	struct gs_store *s = xcalloc(1, sizeof(*s));
	ASSERT(o->http);
	s->base.ops = &ops;
	s->http = o->http;
	s->clocks = o->clocks;
	s->piece_bytes = whole_pieces(o->piece_bytes);
	if (fill(s, o, err) < 0) {
		buf_done(&s->base.origin);
		gs_free(&s->base);
		return -1;
	}
	*ret = &s->base;
	return 0;
}
