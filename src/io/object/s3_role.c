/* s3_role.c - the keys of a role: from the container's agent, or from the instance's metadata
 *
 * What this room is for: keys that nobody wrote down. They live for some hours; token.c asks again before they end, once for all.
 * What flows through:
 *
 *     container:  GET the URL -> {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
 *     instance:   PUT latest/api/token -> session -> GET .../security-credentials/ -> role -> GET .../role -> the same JSON
 *
 * What must hold:        nothing of the keys is in a message. Only version 2 of the instance's protocol is spoken: its session token keeps
 *   pages that a confused server fetches from being keys. */
#include "base/clock.h"
#include "base/json.h"
#include "io/object/s3_credential.h"
#include "io/url.h"

#include <hocket/run.h>
#include <stdlib.h>

#define INSTANCE_HOST "http://169.254.169.254"
#define SESSION_PATH  "/latest/api/token"
#define ROLE_PATH     "/latest/meta-data/iam/security-credentials/"
#define CONNECT_NS    (2 * HK_SEC) /* it is next door or nowhere */
enum { ANSWER_MAX = 1 << 16, ROLE_MAX = 64 };

static int ask(const struct s3_asker *q, const char *method, struct slice url,
	       const struct http_header *header, struct http_response *ret,
	       struct err *err) SUSPENDS
{
	struct http_request request = { .method = slice_str(method),
					.url = url,
					.headers = header,
					.header_count = header ? 1 : 0,
					.clocks = *q->clocks,
					.max_body_bytes = ANSWER_MAX,
					.keyed = true,
					.direct = true,
					.no_redirects = true };
	int64_t *connect = &request.clocks.connect_ns;
	if (*connect == 0 || *connect > CONNECT_NS)
		*connect = CONNECT_NS;
	if (http_exchange(q->http, &request, ret, err) < 0)
		return err_wrap(err, "%s", q->credential->from);
	if (ret->status == 200)
		return 0;
	bool later = ret->status >= 500 || ret->status == 429;
	if (err)
		err->code = ret->status;
	return fail(err, later ? FAULT_STATUS : FAULT_CONFIG, "%s: no keys: status %d",
		    q->credential->from, ret->status);
}

/* ---- its answer ------------------------------------------------------------------------------ */

static int put_text(struct slice json, const char *name, struct buf *out)
{
	struct slice raw;
	if (!json_field(json, slice_str(name), &raw) || json_type(raw) != JSON_STRING)
		return -1;
	return json_unquote(raw, out);
}

static int64_t life_of(struct slice json)
{
	AUTO(buf_done) struct buf text = { 0 };
	int64_t until;
	if (put_text(json, "Expiration", &text) < 0 ||
	    clock_parse_utc(buf_slice(&text), &until) < 0)
		return 0;
	int64_t life = until - hk_wall_ns();
	return life > HK_SEC ? life : HK_SEC;
}

static int read_keys(const struct s3_asker *q, struct slice answer, struct buf *text,
		     int64_t *life_ns, struct err *err)
{
	struct slice json = json_trim(answer);
	bool good = json_check(answer, NULL) == 0 && json_type(json) == JSON_OBJECT;
	good = good && put_text(json, "AccessKeyId", text) == 0 && buf_add_char(text, '\n') == 0;
	good = good && put_text(json, "SecretAccessKey", text) == 0 &&
	       buf_add_char(text, '\n') == 0;
	/* A key with a line break in it would be two. */
	size_t breaks = 0;
	if (good && put_text(json, "Token", text) < 0)
		good = true; /* an agent of somebody's own may have none */
	for (size_t i = 0; i < text->n; i++)
		breaks += text->p[i] == '\n';
	if (!good || breaks != 2)
		return fail(err, FAULT_CONFIG, "%s: what it answers are no keys",
			    q->credential->from);
	*life_ns = life_of(json);
	q->credential->shown = true;
	return 0;
}

/* ---- the instance ---------------------------------------------------------------------------- */

static int put_instance_url(const char *path, struct slice more, struct buf *out)
{
	struct slice base = slice_trim(slice_str(getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")));
	base = base.n ? base : S(INSTANCE_HOST);
	while (slice_ends(base, S("/")))
		base.n--;
	int r = buf_add(out, base);
	r = r < 0 ? r : buf_add(out, slice_str(path));
	return r < 0 ? r : url_put_segment(more, out);
}

static int ask_instance(const struct s3_asker *q, const char *method, const char *path,
			struct slice more, const struct http_header *header,
			struct http_response *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf url = { 0 };
	int r = put_instance_url(path, more, &url);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "%s", q->credential->from);
	return ask(q, method, buf_slice(&url), header, ret, err);
}

static int tell_none(const struct s3_asker *q, struct err *err)
{
	if (q->credential->shown || !err ||
	    (err->fault != FAULT_CONNECT_TIMEOUT && err->fault != FAULT_REFUSED &&
	     err->fault != FAULT_RESET))
		return -1;
	return fail(err, FAULT_CONFIG,
		    "no S3 credentials: give access_key and secret_key, AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials, or say anonymous: true; "
		    "this machine has no role either");
}

static int fetch_from_instance(const struct s3_asker *q, struct http_response *ret,
			       struct err *err) SUSPENDS
{
	const struct http_header life = { S("X-aws-ec2-metadata-token-ttl-seconds"), S("21600") };
	AUTO(http_response_done) struct http_response session = { 0 }, role = { 0 };
	if (ask_instance(q, "PUT", SESSION_PATH, S(""), &life, &session, err) < 0)
		return tell_none(q, err);
	struct http_header with = { S("X-aws-ec2-metadata-token"),
				    slice_trim(buf_slice(&session.body)) };
	if (ask_instance(q, "GET", ROLE_PATH, S(""), &with, &role, err) < 0)
		return -1;
	struct slice name, rest;
	(void)slice_cut(buf_slice(&role.body), '\n', &name, &rest);
	name = slice_trim(name);
	if (name.n == 0 || name.n > ROLE_MAX)
		return fail(err, FAULT_CONFIG, "%s: the instance has none", q->credential->from);
	return ask_instance(q, "GET", ROLE_PATH, name, &with, ret, err);
}

int s3_role_fetch(void *arg, struct buf *text, int64_t *life_ns, struct err *err)
{
	const struct s3_asker *q = arg;
	AUTO(http_response_done) struct http_response answer = { 0 };
	struct slice secret = buf_slice(&q->credential->authorization);
	struct http_header with = { S("Authorization"), secret };
	int r;
	if (q->credential->kind == S3_CONTAINER)
		r = ask(q, "GET", buf_slice(&q->credential->url), secret.n ? &with : NULL, &answer,
			err);
	else
		r = fetch_from_instance(q, &answer, err);
	if (r == 0)
		r = read_keys(q, buf_slice(&answer.body), text, life_ns, err);
	if (answer.body.p)
		explicit_bzero(answer.body.p, answer.body.cap);
	return r;
}
