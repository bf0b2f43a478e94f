/* s3_call.c - one signed question to S3, and what its answer means
 *
 * What this room is for: everything that is the same for all operations: place, keys, time, signature; and the three mistakes that the
 *   service tells us how to mend.
 * What flows through:
 *
 *     ask --keys, place, date, signature--> http_exchange --> 2xx, or a refusal that is the caller's
 *              ^                                 |
 *              '-- once each: another region, ---'
 *                  their clock, new keys of a role
 *
 * What must hold:
 *  (1) an ask is sent again only when the service said why it did not act on it.
 *  (2) the body is borrowed, also by what is sent again. Bodies of answers are read as they were sent: what is stored compressed stays so.
 *  (3) redirects are not followed: they would be signed for the wrong place. */
#include "base/clock.h"
#include "base/utf8.h"
#include "io/object/s3.h"
#include "io/object/s3_xml.h"

#include <hocket/run.h>

#define REFUSAL_MAX (64u << 10)
#define ANSWER_MAX  (1u << 20) /* where the ask says nothing: of what is short */

/* Headers of our own: Host, date, content's hash, token, Accept-Encoding, Authorization. */
enum { OWN_HEADERS = 6 };
_Static_assert((int)S3_HEADERS + OWN_HEADERS <= SIGV4_HEADERS, "all that is sent can be signed");

void s3_answer_done(struct s3_answer *a)
{
	http_response_done(&a->http);
	a->code[0] = a->message[0] = 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct attempt {
	struct s3_store *store;
	const struct s3_ask *ask;
	struct s3_keys keys;
	struct arena *arena;
	struct s3_place place;
	struct http_header headers[S3_HEADERS + OWN_HEADERS];
	size_t n;
};

static void attempt_done(struct attempt *a)
{
	s3_keys_done(&a->keys);
	arena_free(a->arena);
}

static void add(struct attempt *a, const char *name, struct slice value)
{
	ASSERT(a->n < ARRAY_SIZE(a->headers));
	a->headers[a->n++] = (struct http_header){ slice_str(name), value };
}

static int put_payload(const struct s3_ask *ask, struct buf *out)
{
	uint8_t sum[SHA256_BYTES];
	if (!ask->sha256)
		checksum_sha256(ask->body, sum);
	return checksum_put_hex(ask->sha256 ? ask->sha256 : sum, sizeof sum, out);
}

static int sign(struct attempt *a, struct slice payload, struct slice time, struct buf *out)
{
	const struct s3_ask *ask = a->ask;
	struct sigv4 q = { .scheme = &sigv4_aws,
			   .access_key = a->keys.access_key,
			   .secret_key = a->keys.secret_key,
			   .region = s3_region_of(a->store, ask->name.bucket),
			   .service = S("s3"),
			   .time = time,
			   .method = slice_str(ask->method),
			   .path = a->place.path,
			   .query = ask->query,
			   .headers = a->headers,
			   .header_count = a->n,
			   .payload = payload };
	return sigv4_put_authorization(&q, out);
}

static int add_signature(struct attempt *a, struct err *err)
{
	AUTO(buf_done) struct buf payload = { 0 }, time = { 0 }, text = { 0 };
	int r = put_payload(a->ask, &payload);
	r = r < 0 ? r : sigv4_put_time(hk_wall_ns() + a->store->skew_ns, &time);
	if (r == 0) {
		add(a, "x-amz-date", arena_copy(a->arena, buf_slice(&time)));
		add(a, "x-amz-content-sha256", arena_copy(a->arena, buf_slice(&payload)));
		if (a->keys.session_token.n)
			add(a, "x-amz-security-token", a->keys.session_token);
		r = sign(a, buf_slice(&payload), buf_slice(&time), &text);
	}
	if (r < 0)
		return fail_errno(err, FAULT_BAD_VALUE, r, S3_SHOWN ": signing",
				  S3_NAME(a->ask->name));
	add(a, "Authorization", arena_copy(a->arena, buf_slice(&text)));
	return 0;
}

static int prepare(struct attempt *a, struct err *err) SUSPENDS
{
	struct s3_store *s = a->store;
	const struct s3_ask *ask = a->ask;
	ASSERT(ask->header_count <= S3_HEADERS);
	a->arena = arena_new();
	if (s3_keys_get(&s->credential, s->http, &s->clocks, &a->keys, err) < 0 ||
	    s3_place(s, &ask->name, ask->query, a->arena, &a->place, err) < 0)
		return -1;
	for (size_t i = 0; i < ask->header_count; i++)
		a->headers[a->n++] = ask->headers[i];
	add(a, "Host", a->place.host);
	if (s->credential.kind != S3_ANONYMOUS && add_signature(a, err) < 0)
		return -1;
	add(a, "Accept-Encoding", S("identity"));
	return 0;
}

static int exchange(struct attempt *a, struct s3_answer *ret, struct err *err) SUSPENDS
{
	const struct s3_ask *ask = a->ask;
	bool put = ask->method[0] == 'P';
	struct http_request request = {
		.method = slice_str(ask->method),
		.url = a->place.url,
		.headers = a->headers,
		.header_count = a->n,
		.body = { put && !ask->body.p ? "" : ask->body.p, ask->body.n },
		.clocks = a->store->clocks,
		.room = ask->room,
		.room_arg = ask->room_arg,
		.max_body_bytes = ask->max_bytes ? ask->max_bytes : ANSWER_MAX,
		.keyed = !ask->once,
		.no_redirects = true,
		.as_sent = true
	};
	if (http_exchange(a->store->http, &request, &ret->http, err) < 0)
		return err_wrap(err, S3_SHOWN, S3_NAME(ask->name));
	return 0;
}

/* ---- what was refused ------------------------------------------------------------------------ */

static void copy_text(char *to, size_t room, struct slice text)
{
	struct slice s = utf8_head(text, room - 1);
	for (size_t i = 0; i < s.n; i++)
		to[i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ? ' ' : s.p[i];
	to[s.n] = 0;
}

struct refusal {
	struct s3_answer *answer;
	char region[64];
};

static int take_error(void *arg, const char *path, struct slice text)
{
	struct refusal *r = arg;
	if (strcmp(path, "Error/Code") == 0)
		copy_text(r->answer->code, sizeof r->answer->code, text);
	else if (strcmp(path, "Error/Message") == 0)
		copy_text(r->answer->message, sizeof r->answer->message, text);
	else if (strcmp(path, "Error/Region") == 0)
		copy_text(r->region, sizeof r->region, text);
	return 0;
}

/* What could be a key of ours or a signature is blotted out: some services quote what they were sent. */
static void blot(char *text, struct slice secret)
{
	char *at = text;
	while (secret.n >= 4 && (at = memmem(at, strlen(at), secret.p, secret.n)))
		memset(at, '*', secret.n);
}

static void blot_digits(char *text)
{
	size_t run = 0;
	for (char *p = text;; p++) {
		bool hex = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f');
		if (!hex && run >= 2 * SHA256_BYTES)
			memset(p - run, '*', run);
		if (!*p)
			return;
		run = hex ? run + 1 : 0;
	}
}

static void read_refusal(const struct attempt *a, struct refusal *r)
{
	struct s3_answer *answer = r->answer;
	struct slice body = buf_slice(&answer->http.body);
	int bad = s3_xml_read(slice_head(body, REFUSAL_MAX), take_error, r);
	if (bad < 0)
		answer->code[0] = answer->message[0] = r->region[0] = 0;
	blot(answer->message, a->keys.access_key);
	blot(answer->message, a->keys.secret_key);
	blot(answer->message, a->keys.session_token);
	blot_digits(answer->message);
}

bool s3_answer_is_error(struct s3_answer *a)
{
	struct refusal r = { .answer = a };
	return s3_xml_read(buf_slice(&a->http.body), take_error, &r) == 0 && a->code[0];
}

/* ---- what can be mended ---------------------------------------------------------------------- */

struct mended {
	bool region, clock, keys;
};

static bool mend_region(const struct attempt *a, const struct refusal *r)
{
	struct slice region = slice_str(r->region), header;
	int status = r->answer->http.status;
	bool elsewhere = status == 301 || status == 307 || status == 400;
	if (!elsewhere)
		return false;
	if (http_response_header(&r->answer->http, "x-amz-bucket-region", &header))
		region = header;
	return s3_region_set(a->store, a->ask->name.bucket, region);
}

static bool mend_clock(const struct attempt *a, const struct refusal *r)
{
	struct slice date;
	int64_t theirs;
	if (strcmp(r->answer->code, "RequestTimeTooSkewed") != 0 ||
	    !http_response_header(&r->answer->http, "Date", &date) ||
	    clock_parse_http_date(date, &theirs) < 0)
		return false;
	a->store->skew_ns = theirs - hk_wall_ns();
	return true;
}

static bool mend_keys(const struct attempt *a, const struct refusal *r)
{
	static const char *const codes[] = { "ExpiredToken", "InvalidToken", "InvalidAccessKeyId",
					     "TokenRefreshRequired" };
	bool old = false;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		old |= strcmp(r->answer->code, codes[i]) == 0;
	return old && s3_keys_refused(&a->store->credential, &a->keys);
}

/* Is there reason to think that the same ask would be taken now? */
static bool mend(const struct attempt *a, const struct refusal *r, struct mended *m)
{
	if (!m->region && mend_region(a, r))
		return m->region = true;
	if (!m->clock && mend_clock(a, r))
		return m->clock = true;
	if (!m->keys && mend_keys(a, r))
		return m->keys = true;
	return false;
}

static int attempt(struct s3_store *s, const struct s3_ask *ask, struct mended *m, bool *ret_again,
		   struct s3_answer *answer, struct err *err) SUSPENDS
{
	AUTO(attempt_done) struct attempt a = { .store = s, .ask = ask };
	struct refusal refusal = { .answer = answer };
	*ret_again = false;
	if (prepare(&a, err) < 0 || exchange(&a, answer, err) < 0)
		return -1;
	if (answer->http.status < 300)
		return 0;
	read_refusal(&a, &refusal);
	*ret_again = mend(&a, &refusal, m);
	return 0;
}

int s3_call(struct s3_store *s, const struct s3_ask *ask, struct s3_answer *ret, struct err *err)
{
	struct mended mended = { 0 };
	bool again = true;
	int r = 0;
	while (r == 0 && again) {
		s3_answer_done(ret);
		r = attempt(s, ask, &mended, &again, ret, err);
	}
	return r;
}

/* ---- what it means to the caller ------------------------------------------------------------- */

static const struct meaning {
	const char *code;
	enum fault fault;
	int status; /* 0: the answer's */
	const char *advice;
} meanings[] = {
	{ "InvalidAccessKeyId", FAULT_CONFIG, 0, "; check access_key" },
	{ "SignatureDoesNotMatch", FAULT_CONFIG, 0, "; check secret_key" },
	{ "ExpiredToken", FAULT_CONFIG, 0, "; new temporary keys are needed" },
	{ "InvalidToken", FAULT_CONFIG, 0, "; check session_token" },
	{ "AuthorizationHeaderMalformed", FAULT_CONFIG, 0, "; check region" },
	{ "RequestTimeTooSkewed", FAULT_CONFIG, 0, "; set this machine's clock" },
	{ "PermanentRedirect", FAULT_CONFIG, 0, "; check region and endpoint" },
	{ "BadDigest", FAULT_TRUNCATED, 0, "" },
	{ "IncompleteBody", FAULT_TRUNCATED, 0, "" },
	{ "XAmzContentSHA256Mismatch", FAULT_TRUNCATED, 0, "" },
	{ "XAmzContentChecksumMismatch", FAULT_TRUNCATED, 0, "" },
	{ "RequestTimeout", FAULT_STATUS, 408, "" },
	{ "SlowDown", FAULT_STATUS, 503, "" },
	{ "ServiceUnavailable", FAULT_STATUS, 503, "" },
	{ "TemporaryRedirect", FAULT_STATUS, 503, "" },
	{ "OperationAborted", FAULT_STATUS, 503, "" },
	{ "ConditionalRequestConflict", FAULT_STATUS, 503, "" },
};

static const struct meaning *meaning_of(const struct s3_answer *a)
{
	static const struct meaning plain = { "", FAULT_STATUS, 0, "" };
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (strcmp(a->code, meanings[i].code) == 0)
			return &meanings[i];
	return &plain;
}

int s3_refuse(const struct s3_name *name, const struct s3_answer *a, struct err *err)
{
	const struct meaning *m = meaning_of(a);
	int status = m->status ? m->status : a->http.status < 300 ? 500 : a->http.status;
	struct slice says = slice_str(a->message);
	if (m->advice[0] && slice_ends(says, S("."))) /* a sentence, and more is to come */
		says.n--;
	if (err) {
		err->code = status;
		err->sent = true;
		err->retry_after_ns = http_retry_after_ns(&a->http);
	}
	return fail(err, m->fault, S3_SHOWN ": status %d%s%s%s%.*s%s", S3_NAME(*name),
		    a->http.status, a->code[0] ? " " : "", a->code, says.n ? ": " : "", SLICE(says),
		    m->advice);
}
