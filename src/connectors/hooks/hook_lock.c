/* hook_lock.c - may this delivery come in?
 *
 * What this room is for: the schemes by which senders sign, as one table: where the signature stands, what it is made over, how it
 *   is written. A scheme that is none of them is described in the file in the same words.
 *
 *   github    X-Hub-Signature-256: sha256=HEX                 BODY
 *   stripe    Stripe-Signature: t=TIME,v1=HEX,v1=HEX          TIME.BODY
 *   slack     X-Slack-Signature: v0=HEX                       v0:TIME:BODY     TIME in X-Slack-Request-Timestamp
 *   standard  webhook-signature: v1,BASE64 v1,BASE64          ID.TIME.BODY     in webhook-id, webhook-timestamp
 *
 * What flows through:    a delivery's headers and body in, a verdict out.
 * What must hold:
 *  (1) an old signature is refused where its scheme signs the time: whoever has seen a delivery cannot send it again for ever.
 *  (2) of several signatures and several secrets one pair is enough: both sides change theirs one after the other.
 *  (3) a signature is compared as text that we made, never decoded: there is one way to write it. */
#include "connectors/hooks/hook_lock.h"
#include "base/banned.h"
#include "base/json.h"
#include "connectors/http/http_headers.h"
#include "io/checksum.h"
#include "io/db/db_base64.h"
#include "io/http/http_parse.h"
#include <hocket/types.h>
#include <stdlib.h>
#include <string.h>

enum { ENCODED_MAX = 2 * HMAC_BYTES_MAX + 4 };
enum encoding { HEX, BASE64 };

static const char *const schemes[] = { "custom", "github", "stripe", "slack", "standard", NULL };
enum scheme_name { CUSTOM, GITHUB, STRIPE, SLACK, STANDARD };
static const char *const algorithms[] = { "sha256", "sha512", "sha1", NULL }; /* enum hmac_kind */
static const char *const encodings[] = { "hex", "base64", NULL };

const struct opt hook_signature_table[] = {
	OPT("scheme", struct hook_signature_options, scheme, OPT_ENUM, int, .verb = true,
	    .words = schemes, .fallback = "custom",
	    .doc = "github, stripe, slack, standard (standardwebhooks.com), or what follows"),
	OPT("header", struct hook_signature_options, header, OPT_STRING, const char *,
	    .doc = "the header that has the signature"),
	OPT("algorithm", struct hook_signature_options, algorithm, OPT_ENUM, int,
	    .words = algorithms, .fallback = "sha256", .doc = "of the HMAC"),
	OPT("prefix", struct hook_signature_options, prefix, OPT_STRING, const char *,
	    .doc = "what stands before it: 'sha256='"),
	OPT("encoding", struct hook_signature_options, encoding, OPT_ENUM, int, .words = encodings,
	    .fallback = "hex", .doc = "how it is written"),
	OPT("timestamp", struct hook_signature_options, timestamp, OPT_STRING, const char *,
	    .doc = "a header with the time (seconds since 1970), which is signed, too: TIME.BODY"),
	OPT("tolerance", struct hook_signature_options, tolerance_ns, OPT_DURATION, int64_t,
	    .fallback = "5m", .doc = "how old a signed time may be, or ahead of our clock"),
	OPT_END,
};

const struct opt hook_auth_table[] = {
	OPT("bearer", struct hook_auth_options, bearer, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .at_plan = true, .doc = "Authorization: Bearer ..."),
	OPT("basic", struct hook_auth_options, basic, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .at_plan = true, .doc = "Authorization: Basic ...; written as USER:PASSWORD"),
	OPT("header", struct hook_auth_options, header, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .at_plan = true, .doc = "a header of its own: 'X-Gitlab-Token: ...'"),
	OPT_END,
};

struct scheme {
	const char *header, *id, *timestamp; /* headers */
	const char *lead;                    /* of the text that is signed */
	const char *joint;                   /* between id, time and body */
	const char *prefix;                  /* of a signature */
	char between;                        /* signatures; 0: there is one */
	const char *stamp;                   /* before the time, among the signatures */
	enum encoding encoding;
	enum hmac_kind algorithm;
};

static const struct scheme known[] = {
	[GITHUB] = { .header = "X-Hub-Signature-256", .prefix = "sha256=" },
	[STRIPE] = { .header = "Stripe-Signature",
		     .joint = ".",
		     .prefix = "v1=",
		     .between = ',',
		     .stamp = "t=" },
	[SLACK] = { .header = "X-Slack-Signature",
		    .timestamp = "X-Slack-Request-Timestamp",
		    .lead = "v0:",
		    .joint = ":",
		    .prefix = "v0=" },
	[STANDARD] = { .header = "webhook-signature",
		       .id = "webhook-id",
		       .timestamp = "webhook-timestamp",
		       .joint = ".",
		       .prefix = "v1,",
		       .between = ' ',
		       .encoding = BASE64 },
};

static struct scheme scheme_of(const struct hook_signature_options *o)
{
	if (o->scheme != CUSTOM)
		return known[o->scheme];
	return (struct scheme){
		.header = o->header,
		.timestamp = o->timestamp,
		.joint = ".",
		.prefix = o->prefix ? o->prefix : "",
		.encoding = (enum encoding)o->encoding,
		.algorithm = (enum hmac_kind)o->algorithm,
	};
}

/* ---- what may stand in the file ---------------------------------------------------------------------- */

static void check_custom(const struct hook_signature_options *o, struct diag *diag)
{
	const char *names[] = { o->header, o->timestamp };
	bool own = o->header || o->prefix || o->timestamp;
	if (o->scheme != CUSTOM && own)
		diag_error(diag, "signature",
			   "'%s' says all that there is to say: leave header, prefix and timestamp "
			   "out",
			   schemes[o->scheme]);
	if (o->scheme == CUSTOM && !o->header)
		diag_error(diag, "signature",
			   "`signature` wants a scheme (github, stripe, slack, "
			   "standard) or the header that has it");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i] && !http_is_token(slice_str(names[i])))
			diag_error(diag, "signature", "'%s' cannot be a header's name", names[i]);
}

void hook_lock_plan(const struct hook_lock_options *o, struct diag *diag)
{
	const struct hook_auth_options *a = o->auth;
	if (o->signature && o->secrets.n == 0)
		diag_error(diag, "signature",
			   "`signature` needs the secret that it is made with: secret: "
			   "$secret.WEBHOOK_SECRET");
	if (!o->signature && o->secrets.n > 0)
		diag_error(diag, "secret",
			   "`secret` is for a signature; say which (signature: github), or use "
			   "`auth` for a token that senders show");
	if (o->signature)
		check_custom(o->signature, diag);
	if (a && (a->bearer != NULL) + (a->basic != NULL) + (a->header != NULL) != 1)
		diag_error(diag, "auth", "`auth` wants one of bearer, basic and header");
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static int text_of(const struct tpl *tpl, const char *option, struct arena *arena,
		   struct slice *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { .max = 1u << 16 };
	const struct env env = { .record = S("null") };
	if (tpl_text(tpl, &env, &text, err) < 0)
		return -1;
	*ret = arena_copy(arena, slice_trim(buf_slice(&text)));
	return ret->n ? 0
		      : fail(err, FAULT_CONFIG, "%s: it is empty, which anybody can guess", option);
}

/* "whsec_" and base64 (standardwebhooks.com). */
static int read_standard(struct slice text, struct arena *arena, struct slice *ret, struct err *err)
{
	AUTO(buf_done) struct buf key = { .max = 1u << 16 };
	if (slice_starts(text, S("whsec_")))
		text = slice_from(text, 6);
	if (db_base64_read(text, &key) < 0 || key.n == 0)
		return fail(err, FAULT_CONFIG,
			    "secret: with `signature: standard` it is base64, mostly behind "
			    "'whsec_'");
	*ret = arena_copy(arena, buf_slice(&key));
	return 0;
}

static int open_keys(const struct hook_lock_options *o, struct arena *arena, struct hook_lock *ret,
		     struct err *err) SUSPENDS
{
	struct tpl *const *secrets = o->secrets.v;
	bool standard = o->signature && o->signature->scheme == STANDARD;
	ret->keys = arena_alloc(arena, (o->secrets.n + 1) * sizeof(*ret->keys));
	for (size_t i = 0; i < o->secrets.n; i++) {
		struct slice *key = &ret->keys[ret->key_count++];
		if (text_of(secrets[i], "secret", arena, key, err) < 0 ||
		    (standard && read_standard(*key, arena, key, err) < 0))
			return -1;
	}
	return 0;
}

static int open_auth(const struct hook_auth_options *a, struct arena *arena, struct hook_lock *ret,
		     struct err *err) SUSPENDS
{
	struct slice text;
	ret->header = S("Authorization");
	if (text_of(a->bearer  ? a->bearer
		    : a->basic ? a->basic
			       : a->header,
		    "auth", arena, &text, err) < 0)
		return -1;
	if (a->header) {
		bool both = slice_cut(text, ':', &ret->header, &ret->shows);
		ret->header = slice_trim(ret->header);
		ret->shows = slice_trim(ret->shows);
		return both && http_is_token(ret->header) && ret->shows.n
			       ? 0
			       : fail(err, FAULT_CONFIG, "auth: header wants 'NAME: VALUE'");
	}
	ret->scheme = a->bearer ? "Bearer" : "Basic";
	ret->challenge = a->bearer ? ret->scheme : "Basic realm=\"hocket\"";
	if (a->basic && !memchr(text.p, ':', text.n))
		return fail(err, FAULT_CONFIG,
			    "auth: basic wants USER:PASSWORD; there is no ':' in it");
	ret->shows = a->bearer ? text : headers_base64(arena, text);
	return 0;
}

int hook_lock_open(const struct hook_lock_options *o, struct arena *arena, struct hook_lock *ret,
		   struct err *err)
{
	*ret = (struct hook_lock){ .signature = o->signature };
	if (open_keys(o, arena, ret, err) < 0)
		return -1;
	return o->auth ? open_auth(o->auth, arena, ret, err) : 0;
}

/* ---- a delivery -------------------------------------------------------------------------------------- */

/* Of digests, so that also their lengths take the same time. */
static bool same_text(struct slice a, struct slice b)
{
	uint8_t of_a[SHA256_BYTES], of_b[SHA256_BYTES];
	checksum_sha256(a, of_a);
	checksum_sha256(b, of_b);
	return checksum_same((struct slice){ (const char *)of_a, sizeof of_a },
			     (struct slice){ (const char *)of_b, sizeof of_b });
}

/* A scheme's name has no case, and blanks may follow it (RFC 9110, 11.1 and 11.4). */
static bool take_scheme(struct slice *shown, const char *scheme)
{
	struct slice name;
	if (!scheme)
		return true;
	bool both = slice_cut(*shown, ' ', &name, shown);
	*shown = slice_trim(*shown);
	return both && slice_eq_nocase(name, slice_str(scheme));
}

static int check_auth(const struct hook_lock *l, const struct http_incoming *in, const char **why)
{
	char name[128];
	struct slice shown;
	snprintf(name, sizeof name, "%.*s", SLICE(l->header));
	*why = "the credentials are missing";
	if (!http_incoming_header(in, name, &shown))
		return 401;
	*why = "the credentials are wrong";
	return take_scheme(&shown, l->scheme) && same_text(shown, l->shows) ? 0 : 403;
}

/* The next of the signatures and their kin. */
static bool next_part(const struct scheme *s, struct slice *rest, struct slice *part)
{
	if (rest->n == 0)
		return false;
	struct slice all = *rest;
	*part = all;
	*rest = (struct slice){ 0 };
	if (s->between)
		(void)slice_cut(all, s->between, part, rest);
	*part = slice_trim(*part);
	return true;
}

/* The header's time, or the one among the signatures. false: it is missing. */
static bool find_time(const struct scheme *s, const struct http_incoming *in, struct slice given,
		      struct slice *ret)
{
	struct slice part;
	if (s->timestamp)
		return http_incoming_header(in, s->timestamp, ret);
	while (s->stamp && next_part(s, &given, &part)) {
		if (!slice_starts(part, slice_str(s->stamp)))
			continue;
		*ret = slice_from(part, strlen(s->stamp));
		return true;
	}
	*ret = (struct slice){ 0 };
	return !s->stamp;
}

static bool is_of_now(struct slice time, int64_t tolerance_ns, int64_t wall_ns)
{
	int64_t s, most = tolerance_ns / HK_SEC, now = wall_ns / HK_SEC;
	return units_int(time, &s) == 0 && s >= 0 && s <= INT64_MAX / 2 && now - s <= most &&
	       s - now <= most;
}

static int put_signed(const struct scheme *s, struct slice id, struct slice time, struct slice body,
		      struct buf *out)
{
	int r = buf_add(out, slice_str(s->lead));
	if (r == 0 && s->id)
		r = buf_printf(out, "%.*s%s", SLICE(id), s->joint);
	if (r == 0 && time.n)
		r = buf_printf(out, "%.*s%s", SLICE(time), s->joint);
	return r < 0 ? r : buf_add(out, body);
}

static int put_mac(const struct scheme *s, struct slice key, struct slice text, struct buf *out)
{
	uint8_t mac[HMAC_BYTES_MAX];
	size_t n = checksum_hmac_of(s->algorithm, key, text, mac);
	if (s->encoding == BASE64)
		return db_base64_put((struct slice){ (const char *)mac, n }, out);
	return checksum_put_hex(mac, n, out);
}

/* Is one of the signatures this one? Looks at all of them, found or not. */
static bool has_mac(const struct scheme *s, struct slice given, struct slice mac)
{
	struct slice part, prefix = slice_str(s->prefix);
	bool found = false;
	while (next_part(s, &given, &part))
		if (slice_starts(part, prefix))
			found |= checksum_same(slice_from(part, prefix.n), mac);
	return found;
}

static int check_macs(const struct hook_lock *l, const struct scheme *s, struct slice given,
		      struct slice text)
{
	bool found = false;
	for (size_t i = 0; i < l->key_count; i++) {
		AUTO(buf_done) struct buf mac = { .max = ENCODED_MAX };
		if (put_mac(s, l->keys[i], text, &mac) < 0)
			return 503;
		found |= has_mac(s, given, buf_slice(&mac));
	}
	return found ? 0 : 403;
}

static int check_signature(const struct hook_lock *l, const struct http_incoming *in,
			   int64_t wall_ns, const char **why)
{
	const struct scheme s = scheme_of(l->signature);
	AUTO(buf_done) struct buf joined = { 0 };
	struct slice given, id = { 0 }, time = { 0 }, text = in->body;
	*why = "the signature is missing";
	if (!http_incoming_header(in, s.header, &given) || !find_time(&s, in, given, &time) ||
	    (s.id && !http_incoming_header(in, s.id, &id)))
		return 401;
	bool timed = s.timestamp || s.stamp;
	*why = "the signature's time is not ours: it is an old delivery, or a clock is wrong";
	if (timed && !is_of_now(time, l->signature->tolerance_ns, wall_ns))
		return 403;
	*why = "not enough memory";
	if (timed || s.id) {
		if (put_signed(&s, id, time, in->body, &joined) < 0)
			return 503;
		text = buf_slice(&joined);
	}
	*why = "the signature is wrong: another secret, or a body that was changed on its way";
	return check_macs(l, &s, given, text);
}

int hook_lock_check(const struct hook_lock *l, const struct http_incoming *in, int64_t wall_ns,
		    const char **why)
{
	int status = l->shows.n ? check_auth(l, in, why) : 0;
	return status == 0 && l->signature ? check_signature(l, in, wall_ns, why) : status;
}

bool hook_lock_asks(const struct hook_lock *l, struct slice json, struct slice *ret)
{
	struct slice type;
	return l->signature && l->signature->scheme == SLACK && json_type(json) == JSON_OBJECT &&
	       json_field(json, S("type"), &type) && slice_eq(type, S("\"url_verification\"")) &&
	       json_field(json, S("challenge"), ret) && json_type(*ret) == JSON_STRING;
}
