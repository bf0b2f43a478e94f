/* hooks.c - tests of what a webhook decides about a delivery: where it may go, who sent it, what records it holds
 *
 * The signatures are those of the senders' own documentation: GitHub's "Validating webhook deliveries", Slack's "Verifying requests",
 * Standard Webhooks (its reference libraries' tests). Stripe documents the scheme without an example: that one, and those of the
 * schemes of one's own, were made by `openssl dgst -hmac`. */
#include "connectors/hooks/hook_address.h"
#include "connectors/hooks/hook_body.h"
#include "connectors/hooks/hook_lock.h"
#include "connectors/hooks/hook_pace.h"
#include "base/banned.h"
#include "check.h"
#include <errno.h>
#include <hocket/types.h>
#include <stdlib.h>

/* ---- addresses --------------------------------------------------------------------------------------- */

struct place {
	const char *text, *host;
	int port; /* < 0: it is refused */
	const char *path;
	bool below, everywhere;
};

static const struct place places[] = {
	{ "127.0.0.1:8080/hooks/orders", "127.0.0.1", 8080, "/hooks/orders" },
	{ ":8080/hooks", "0.0.0.0", 8080, "/hooks", .everywhere = true },
	{ "0.0.0.0:1/", "0.0.0.0", 1, "/", .everywhere = true },
	{ "[::]:80/x", "::", 80, "/x", .everywhere = true },
	{ "[::1]:80/x", "::1", 80, "/x" },
	{ "localhost:0", "localhost", 0, "/" },
	{ "127.0.0.1:65535/a/*", "127.0.0.1", 65535, "/a/", .below = true },
	{ "127.0.0.1:1/*", "127.0.0.1", 1, "/", .below = true },
	{ "127.0.0.1:1/a:b", "127.0.0.1", 1, "/a:b" },
	{ "", .port = -1 },
	{ "8080", .port = -1 },
	{ "/hooks", .port = -1 },
	{ "127.0.0.1", .port = -1 },
	{ "127.0.0.1:/x", .port = -1 },
	{ "127.0.0.1:65536/x", .port = -1 },
	{ "127.0.0.1:-1/x", .port = -1 },
	{ "127.0.0.1:80x/x", .port = -1 },
	{ "http://127.0.0.1:80/x", .port = -1 },
	{ "::1:80/x", .port = -1 },
	{ "127.0.0.1:80/a*b", .port = -1 },
	{ "127.0.0.1:80/a?b", .port = -1 },
	{ "127.0.0.1:80/a b", .port = -1 },
	{ "127.0.0.1:80/**", .port = -1 },
};

TEST(addresses)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct place *p = &places[i];
		int before = test_failures_;
		struct hook_address a;
		const char *why = NULL;
		int r = hook_address_read(slice_str(p->text), &a, &why);
		CHECK_INT(r == 0, p->port >= 0);
		CHECK_INT(why == NULL, r == 0);
		if (r == 0) {
			CHECK_STR(a.host, p->host);
			CHECK_INT(a.port, p->port);
			CHECK_SLICE(a.path, slice_str(p->path));
			CHECK_INT(a.below, p->below);
			CHECK_INT(a.everywhere, p->everywhere);
		}
		if (test_failures_ > before)
			printf("# ... in '%s'\n", p->text);
	}
}

static bool takes(const char *address, const char *path)
{
	struct hook_address a;
	const char *why;
	CHECK_INT(hook_address_read(slice_str(address), &a, &why), 0);
	return hook_address_takes(&a, slice_str(path));
}

TEST(paths)
{
	CHECK(takes(":1/a", "/a"));
	CHECK(!takes(":1/a", "/a/") && !takes(":1/a", "/ab") && !takes(":1/a", "/A"));
	CHECK(!takes(":1/a", "/%61") && !takes(":1/a", "/b/../a"));
	CHECK(takes(":1", "/") && !takes(":1", "/a"));
	CHECK(takes(":1/a/*", "/a/") && takes(":1/a/*", "/a/b/c") && !takes(":1/a/*", "/a"));
	CHECK(takes(":1/*", "/") && takes(":1/*", "/anything"));
}

/* ---- who sends --------------------------------------------------------------------------------------- */

enum { CUSTOM, GITHUB, STRIPE, SLACK, STANDARD };
enum { SHA256, SHA512, SHA1 };
enum { HEX, BASE64 };

struct delivery {
	const char *name;
	struct hook_signature_options signature;
	const char *secrets[2];
	const char *headers[6]; /* name, value */
	const char *body;
	int64_t now_s;
	int status; /* that it is answered with; 0: it is taken */
};

#define SLACK_BODY                                                                            \
	"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id" \
	"=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2F"   \
	"webhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC"  \
	"2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.474456291"   \
	"21.803a0bc887a14d10d2c447fce8b6703c"
#define GITHUB_SIGN "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define SLACK_SIGN  "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
#define STRIPE_SIGN "v1=952cd89626c79cd65f12880afd38333422a10b88ff71136627ceb92ccdb0132c"
#define STANDARD_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define ZEROS       "v1=0000000000000000000000000000000000000000000000000000000000000000"
#define WHSEC       "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define FIVE        .tolerance_ns = 300 * HK_SEC

static const struct delivery deliveries[] = {
	{ "github",
	  { .scheme = GITHUB },
	  { "It's a Secret to Everybody" },
	  { "X-Hub-Signature-256", GITHUB_SIGN },
	  "Hello, World!" },
	{ "github, a word changed",
	  { .scheme = GITHUB },
	  { "It's a Secret to Everybody" },
	  { "X-Hub-Signature-256", GITHUB_SIGN },
	  "Hello, World?",
	  .status = 403 },
	{ "github, another secret",
	  { .scheme = GITHUB },
	  { "It's a Secret to Nobody" },
	  { "X-Hub-Signature-256", GITHUB_SIGN },
	  "Hello, World!",
	  .status = 403 },
	{ "github, the second secret",
	  { .scheme = GITHUB },
	  { "new", "It's a Secret to Everybody" },
	  { "x-hub-signature-256", GITHUB_SIGN },
	  "Hello, World!" },
	{ "github, none",
	  { .scheme = GITHUB },
	  { "It's a Secret to Everybody" },
	  { "X-Hub-Signature", GITHUB_SIGN },
	  "Hello, World!",
	  .status = 401 },
	{ "github, an empty one",
	  { .scheme = GITHUB },
	  { "It's a Secret to Everybody" },
	  { "X-Hub-Signature-256", "" },
	  "Hello, World!",
	  .status = 403 },
	{ "github, only the prefix",
	  { .scheme = GITHUB },
	  { "It's a Secret to Everybody" },
	  { "X-Hub-Signature-256", "sha256=" },
	  "Hello, World!",
	  .status = 403 },
	{ "stripe",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=1492774577," STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577 },
	{ "stripe, several, some of another kind",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=1492774577,v0=1," ZEROS ", " STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577 + 300 },
	{ "stripe, too old",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=1492774577," STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577 + 301,
	  403 },
	{ "stripe, ahead of us",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=1492774577," STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577 - 301,
	  403 },
	{ "stripe, another time",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=1492774578," STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577,
	  403 },
	{ "stripe, no time",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577,
	  401 },
	{ "stripe, a time that is none",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=9223372036854775807," STRIPE_SIGN },
	  "{\"id\": \"evt_1\"}",
	  1492774577,
	  403 },
	{ "stripe, only the wrong kind",
	  { .scheme = STRIPE, FIVE },
	  { "whsec_test" },
	  { "Stripe-Signature", "t=1492774577,v0=952cd89626c79cd65f12880afd38333422a10b" },
	  "{\"id\": \"evt_1\"}",
	  1492774577,
	  403 },
	{ "slack",
	  { .scheme = SLACK, FIVE },
	  { "8f742231b10e8888abcd99yyyzzz85a5" },
	  { "X-Slack-Request-Timestamp", "1531420618", "X-Slack-Signature", SLACK_SIGN },
	  SLACK_BODY,
	  1531420618 },
	{ "slack, no time",
	  { .scheme = SLACK, FIVE },
	  { "8f742231b10e8888abcd99yyyzzz85a5" },
	  { "X-Slack-Signature", SLACK_SIGN },
	  SLACK_BODY,
	  1531420618,
	  401 },
	{ "slack, replayed",
	  { .scheme = SLACK, FIVE },
	  { "8f742231b10e8888abcd99yyyzzz85a5" },
	  { "X-Slack-Request-Timestamp", "1531420618", "X-Slack-Signature", SLACK_SIGN },
	  SLACK_BODY,
	  1531420618 + 3600,
	  403 },
	{ "standard",
	  { .scheme = STANDARD, FIVE },
	  { WHSEC },
	  { "webhook-id", STANDARD_ID, "webhook-timestamp", "1614265330", "webhook-signature",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
	  "{\"test\": 2432232314}",
	  1614265330 },
	{ "standard, several",
	  { .scheme = STANDARD, FIVE },
	  { WHSEC },
	  { "webhook-id", STANDARD_ID, "webhook-timestamp", "1614265330", "webhook-signature",
	    "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "
	    "v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
	  "{\"test\": 2432232314}",
	  1614265330 },
	{ "standard, another message",
	  { .scheme = STANDARD, FIVE },
	  { WHSEC },
	  { "webhook-id", "msg_other", "webhook-timestamp", "1614265330", "webhook-signature",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
	  "{\"test\": 2432232314}",
	  1614265330,
	  403 },
	{ "standard, without its id",
	  { .scheme = STANDARD, FIVE },
	  { WHSEC },
	  { "webhook-timestamp", "1614265330", "webhook-signature",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
	  "{\"test\": 2432232314}",
	  1614265330,
	  401 },
	{ "one's own, SHA-512",
	  { .header = "X-Sign", .algorithm = SHA512 },
	  { "k" },
	  { "X-Sign", "bb9ec7701f7de8a362d775b9bfcb61a474bf8bf69d5dbee0689a4b284bc59a54ffd1cfdc0515"
		      "1759afd97ffd1a255b3849ce775ea4be799a65e6a19ac97e2ade" },
	  "abc" },
	{ "one's own, SHA-1 in base64",
	  { .header = "X-Sign", .prefix = "s1 ", .algorithm = SHA1, .encoding = BASE64 },
	  { "k" },
	  { "X-Sign", "s1 +b7wkf4A2fUShZODbbqZ4ZPwgXQ=" },
	  "abc" },
	{ "one's own, without its prefix",
	  { .header = "X-Sign", .prefix = "s1 ", .algorithm = SHA1, .encoding = BASE64 },
	  { "k" },
	  { "X-Sign", "+b7wkf4A2fUShZODbbqZ4ZPwgXQ=" },
	  "abc",
	  .status = 403 },
	{ "one's own, with the time",
	  { .header = "X-Sign", .timestamp = "X-Time", FIVE },
	  { "whsec_test" },
	  { "X-Time", "1492774577", "X-Sign",
	    "952cd89626c79cd65f12880afd38333422a10b88ff71136627ceb92ccdb0132c" },
	  "{\"id\": \"evt_1\"}",
	  1492774577 },
};

static struct tpl *template(const char *text)
{
	const struct expr_names names = { 0 };
	struct expr_error why;
	struct tpl *tpl = NULL;
	CHECK_INT(tpl_compile(slice_str(text), TPL_TEXT, &names, &tpl, &why), 0);
	return tpl;
}

static int check_delivery(const struct delivery *d)
{
	struct arena *arena = arena_new();
	struct tpl *secrets[2] = { 0 };
	struct hook_signature_options signature = d->signature;
	struct hook_lock_options o = { .secrets.v = secrets, .signature = &signature };
	struct http_header headers[3];
	struct http_incoming in = { .headers = headers, .body = slice_str(d->body) };
	struct hook_lock lock;
	struct err err = { 0 };
	const char *why;
	for (; o.secrets.n < 2 && d->secrets[o.secrets.n]; o.secrets.n++)
		secrets[o.secrets.n] = template(d->secrets[o.secrets.n]);
	for (; in.header_count < 3 && d->headers[2 * in.header_count]; in.header_count++)
		headers[in.header_count] =
			(struct http_header){ slice_str(d->headers[2 * in.header_count]),
					      slice_str(d->headers[2 * in.header_count + 1]) };
	CHECK_INT(hook_lock_open(&o, arena, &lock, &err), 0);
	int status = hook_lock_check(&lock, &in, d->now_s * HK_SEC, &why);
	tpl_free(secrets[0]);
	tpl_free(secrets[1]);
	arena_free(arena);
	return status;
}

TEST(signatures)
{
	for (size_t i = 0; i < ARRAY_SIZE(deliveries); i++) {
		int before = test_failures_;
		CHECK_INT(check_delivery(&deliveries[i]), deliveries[i].status);
		if (test_failures_ > before)
			printf("# ... in '%s'\n", deliveries[i].name);
	}
}

TEST(secrets_that_are_none)
{
	static const struct {
		const char *secret;
		int scheme;
	} bad[] = {
		{ "", GITHUB }, { " \n", GITHUB }, { "whsec_", STANDARD }, { "whsec_%", STANDARD }
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct arena *arena = arena_new();
		struct tpl *secret = template(bad[i].secret);
		struct hook_signature_options signature = { .scheme = bad[i].scheme };
		struct hook_lock_options o = { .secrets = { &secret, 1 }, .signature = &signature };
		struct hook_lock lock;
		struct err err = { 0 };
		CHECK_INT(hook_lock_open(&o, arena, &lock, &err), -1);
		CHECK_STR(fault_name(err.fault), "config");
		tpl_free(secret);
		arena_free(arena);
	}
}

/* What is shown, and what it is answered with. */
static int show(struct hook_auth_options auth, const char *name, const char *value,
		const char **challenge)
{
	struct arena *arena = arena_new();
	struct hook_lock_options o = { .auth = &auth };
	struct http_header header = { slice_str(name), slice_str(value) };
	struct http_incoming in = { .headers = &header, .header_count = 1 };
	struct hook_lock lock;
	struct err err = { 0 };
	const char *why;
	CHECK_INT(hook_lock_open(&o, arena, &lock, &err), 0);
	*challenge = lock.challenge;
	int status = hook_lock_check(&lock, &in, 0, &why);
	arena_free(arena);
	return status;
}

TEST(credentials)
{
	struct tpl *token = template("t0ken"), *basic = template("me:pass"),
		   *header = template("X-Gitlab-Token: abc");
	struct hook_auth_options bearer = { .bearer = token }, user = { .basic = basic },
				 own = { .header = header };
	const char *asks;
	CHECK_INT(show(bearer, "Authorization", "Bearer t0ken", &asks), 0);
	CHECK_STR(asks, "Bearer");
	CHECK_INT(show(bearer, "Authorization", "bearer t0ken", &asks), 0);
	CHECK_INT(show(bearer, "Authorization", "BEARER  t0ken", &asks), 0);
	CHECK_INT(show(bearer, "Authorization", "bearer T0ken", &asks), 403);
	CHECK_INT(show(bearer, "Authorization", "Bearert0ken", &asks), 403);
	CHECK_INT(show(bearer, "Authorization", "t0ken", &asks), 403);
	CHECK_INT(show(bearer, "Authorization", "Basic t0ken", &asks), 403);
	CHECK_INT(show(bearer, "authorization", "Bearer t0kem", &asks), 403);
	CHECK_INT(show(bearer, "authorization", "Bearer t0ken2", &asks), 403);
	CHECK_INT(show(bearer, "X-Other", "Bearer t0ken", &asks), 401);
	CHECK_INT(show(user, "Authorization", "Basic bWU6cGFzcw==", &asks), 0);
	CHECK_STR(asks, "Basic realm=\"hocket\"");
	CHECK_INT(show(user, "Authorization", "Basic bWU6cGFzczI=", &asks), 403);
	CHECK_INT(show(own, "x-gitlab-token", "abc", &asks), 0);
	CHECK(asks == NULL);
	CHECK_INT(show(own, "x-gitlab-token", "", &asks), 403);
	tpl_free(token);
	tpl_free(basic);
	tpl_free(header);
}

/* ---- bodies -------------------------------------------------------------------------------------------- */

static struct jq *program(const char *text)
{
	const struct expr_names names = { .response = true };
	struct expr_error why;
	struct jq *jq = NULL;
	CHECK_INT(jq_program_compile(slice_str(text), &names, &jq, &why), 0);
	return jq;
}

/* The records, each with a blank behind it; "!class" for a fault. Or the class of what the sender is told. */
static void check_body(const char *each, const char *body, const char *want)
{
	AUTO(buf_done) struct buf got = { 0 };
	AUTO(hook_records_done) struct hook_records records = { 0 };
	static const struct http_header headers[] = { { { "X-Id", 4 }, { "7", 1 } } };
	const struct hook_about about = { headers, 1, S("POST"), S("/a"), S("q=1") };
	struct jq *jq = each ? program(each) : NULL;
	struct err why = { 0 };
	if (hook_records_read(jq, &about, slice_str(body), 1000, &records, &why) < 0)
		CHECK_INT(buf_printf(&got, "%s", fault_name(why.fault)), 0);
	for (size_t i = 0; i < records.n; i++) {
		const struct err *fault = records.v[i].fault;
		CHECK_INT(buf_printf(&got, "%s%s%.*s ", fault ? "!" : "",
				     fault ? fault_name(fault->fault) : "",
				     SLICE(rec_json(records.v[i].rec))),
			  0);
	}
	CHECK_SLICE(buf_slice(&got), slice_str(want));
	jq_free(jq);
}

TEST(bodies)
{
	check_body(NULL, " {\"a\": 1 }\r\n", "{\"a\":1} ");
	check_body(NULL, "[{\"a\":1}, {\"a\":2}]", "{\"a\":1} {\"a\":2} ");
	check_body(NULL, "[]", "");
	check_body(NULL, "", "invalid_json");
	check_body(NULL, "payload=%7B%7D", "invalid_json");
	check_body(NULL, "{\"a\":1}{\"a\":2}", "invalid_json");
	check_body(NULL, "3", "bad_value");
	check_body(NULL, "[{\"a\":1}, 2]", "bad_value");
	check_body(".items[]", "{\"items\":[{\"a\":1},{\"a\":2}]}", "{\"a\":1} {\"a\":2} ");
	check_body("select(.a > 1)", "{\"a\":1}", "");
	check_body("{i: $res.headers[\"x-id\"], p: $res.headers[\":path\"], q: "
		   "$res.headers[\":query\"], m: $res.headers[\":method\"]}",
		   "{}", "{\"i\":\"7\",\"p\":\"/a\",\"q\":\"q=1\",\"m\":\"POST\"} ");
	check_body(".a", "{\"a\":1}", "!bad_value{\"line\":\"1\"} ");
	check_body(".a + {}", "{\"a\":1}", "!jq{\"a\":1} ");
	/* what came before the fault is in the evidence: it is not done twice when that is replayed */
	check_body("{b: .a}, (.a + {})", "{\"a\":1}", "!jq{\"a\":1} ");
	check_body("range(100) | {i: .}", "{}", "too_large");
}

TEST(pages_are_read_as_they_were_put)
{
	AUTO(hook_records_done) struct hook_records all = { 0 }, some = { 0 }, back = { 0 };
	AUTO(buf_done) struct buf about = { 0 }, value = { 0 }, keeper = { 0 };
	static const struct hook_about nothing;
	struct jq *jq = program("if .bad then .bad + {} else . end");
	struct err why = { 0 };
	uint64_t number = 0;
	static const char *const bodies[] = { "{\"a\":\"x\\ny\"}", "{\"bad\":1}", "{\"b\":1.10}" };
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		CHECK_INT(hook_records_read(jq, &nothing, slice_str(bodies[i]), 1000, &some, &why),
			  0);
		hook_records_join(&all, &some);
		CHECK_INT(some.n, 0);
	}
	CHECK_INT(hook_page_put(&all, 7, "run-1", NULL, &about, &value), 0);
	CHECK_INT(hook_page_read(buf_slice(&about), buf_slice(&value), &number, &keeper, &back), 0);
	CHECK_INT(number, 7);
	CHECK_SLICE(buf_slice(&keeper), S("run-1"));
	CHECK_INT(back.n, 3);
	CHECK_INT(back.bytes, all.bytes);
	for (size_t i = 0; i < back.n; i++) {
		CHECK_SLICE(rec_json(back.v[i].rec), slice_str(bodies[i]));
		CHECK_INT(back.v[i].fault != NULL, i == 1);
	}
	CHECK(back.v[1].fault && back.v[1].fault->fault == FAULT_JQ);
	CHECK_STR(back.v[1].fault->text, all.v[1].fault->text);
	jq_free(jq);
}

TEST(pages_that_make_no_sense)
{
	static const char *const bad[][2] = {
		{ "", "" },
		{ "{}", "{}\n" },
		{ "{\"number\":1,\"keeper\":\"r\",\"faults\":[]}", "{\n" },
		{ "{\"number\":-1,\"keeper\":\"r\",\"faults\":[]}", "{}\n" },
		{ "{\"number\":1,\"keeper\":\"r\",\"faults\":[{\"at\":1,\"class\":\"jq\",\"text\":"
		  "\"\"}]}",
		  "{}\n" },
		{ "{\"number\":1,\"keeper\":\"r\",\"faults\":[{\"at\":0,\"class\":\"odd\",\"text\":"
		  "\"\"}]}",
		  "{}\n" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(hook_records_done) struct hook_records back = { 0 };
		AUTO(buf_done) struct buf keeper = { 0 };
		uint64_t number;
		CHECK_INT(hook_page_read(slice_str(bad[i][0]), slice_str(bad[i][1]), &number,
					 &keeper, &back),
			  -EBADMSG);
	}
}

/* ---- when to come again ------------------------------------------------------------------------------ */

#define AT(s) ((int64_t)((s) * (double)HK_SEC))

TEST(a_pace_that_nobody_knows_is_a_few_seconds)
{
	struct hook_pace p = { 0 };
	CHECK_INT(hook_pace_after_s(&p, 1000000), HOOK_PACE_UNKNOWN_S);
	hook_pace_look(&p, AT(7), 0, 0);
	hook_pace_look(&p, AT(7.9), 1000, 500); /* in less than a second nothing is measured */
	CHECK_INT(hook_pace_after_s(&p, 1000000), HOOK_PACE_UNKNOWN_S);
}

TEST(idle_time_is_no_pace)
{
	struct hook_pace p = { 0 };
	hook_pace_look(&p, AT(0), 0, 0);
	hook_pace_look(&p, AT(2), 1000, 1000); /* 500/s */
	CHECK_INT(hook_pace_after_s(&p, 10000), 11);
	hook_pace_look(&p, AT(3600), 0, 2000); /* an hour later: all was done long ago */
	CHECK_INT(hook_pace_after_s(&p, 10000), 11);
	hook_pace_look(&p, AT(3602), 1000, 3000);
	CHECK_INT(hook_pace_after_s(&p, 10000), 11);
}

TEST(a_burst_behind_a_quiet_hour_is_measured_by_itself)
{
	struct hook_pace p = { 0 };
	hook_pace_look(&p, AT(0), 0, 0); /* one, now and then, each done before the next comes */
	for (int i = 1; i < 60; i++)
		hook_pace_look(&p, AT(60 * i), 0, i);
	for (int i = 1; i < 1000; i++)
		hook_pace_look(&p, AT(3540.0 + i * 0.0011), (uint64_t)i, 59 + i);
	CHECK_INT(hook_pace_after_s(&p, 1000), 1);
}

TEST(a_pace_that_is_slow_has_a_bound)
{
	struct hook_pace p = { 0 };
	hook_pace_look(&p, AT(0), 1, -500); /* what an earlier run has left is done, too */
	hook_pace_look(&p, AT(10), 1000, -490);
	CHECK_INT(hook_pace_after_s(&p, 1000), HOOK_PACE_MAX_S);
	CHECK_INT(hook_pace_after_s(&p, 20), 11);
	for (int i = 2; i < 100; i++) /* the sink is gone */
		hook_pace_look(&p, AT(10 * i), 1000, -490);
	CHECK_INT(hook_pace_after_s(&p, 1000), HOOK_PACE_MAX_S);
	hook_pace_look(&p, AT(1000), 1000, 9510); /* and back */
	hook_pace_look(&p, AT(1001), 1000, 19510);
	CHECK_INT(hook_pace_after_s(&p, 1000), 1);
}

static const struct test tests[] = {
	T(addresses),
	T(paths),
	T(signatures),
	T(secrets_that_are_none),
	T(credentials),
	T(bodies),
	T(pages_are_read_as_they_were_put),
	T(pages_that_make_no_sense),
	T(a_pace_that_nobody_knows_is_a_few_seconds),
	T(idle_time_is_no_pace),
	T(a_burst_behind_a_quiet_hour_is_measured_by_itself),
	T(a_pace_that_is_slow_has_a_bound),
};

int main(void)
{
	return RUN_TESTS(tests);
}
