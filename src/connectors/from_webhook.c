/* from_webhook.c - take what others post
 *
 * What this room is for: an address to which other systems send what happens in them. Our own server (io/http/http_server.h) listens.
 *
 *   path -> method -> credentials, signature -> room? -> JSON -> each -> on the disk -> 200
 *    404     405          401 403              503        400             503
 *
 * What flows through:    a delivery's body through jq (`each`) into the inbox (hooks/hook_box.h), from there into the run.
 * What must hold:
 *  (1) 200 is said when every record of the delivery is durable, and never otherwise. Whoever is told anything else sends again.
 *  (2) a stop ends the listening, not what is being answered; what is kept and not begun is the next run's.
 *  (3) senders decide nothing about our memory: bodies, heads and what waits have ceilings, one for all together.
 *  (4) who listens on all interfaces and asks nobody for anything is told so on every run. */
#include "base/banned.h"
#include "base/json.h"
#include "connectors/hooks/hook_address.h"
#include "connectors/hooks/hook_box.h"
#include "connectors/hooks/hook_lock.h"
#include "connectors/http/http_headers.h"
#include <hocket/group.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <inttypes.h>

/* Longer than a proxy before us keeps its connections (nginx: 60 s). */
#define IDLE_NS    (75 * HK_SEC)
#define HEAD_NS    (10 * HK_SEC)
#define BODY_NS    (60 * HK_SEC)
#define STOP_NS    (5 * HK_SEC) /* for answers on the way */
#define HEAD_BYTES (16u << 10)
#define SPLIT      "hooks"

static const char *const methods[] = { "POST", "PUT", "PATCH", NULL };

struct webhook_source {
	struct tpl *address;
	struct opt_list methods; /* v: int[] */
	struct jq *each;
	struct hook_lock_options lock;
	uint64_t max_body;
	int64_t waiting, connections;
};

static const struct opt options[] = {
	OPT("webhook", struct webhook_source, address, OPT_TEMPLATE, struct tpl *, .verb = true,
	    .required = true, .at_plan = true, .tuning = true,
	    .doc = "where to listen: 127.0.0.1:8080/hooks/orders; ':8080/hooks' on all "
		   "interfaces; a '*' at the end takes every path that begins so"),
	OPT("each", struct webhook_source, each, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "a delivery's records; without it the elements of a list, or the body itself"),
	HOOK_LOCK_OPTIONS(struct webhook_source, lock),
	OPT("methods", struct webhook_source, methods, OPT_LIST, struct opt_list, .of = OPT_ENUM,
	    .words = methods, .tuning = true, .doc = "what senders may use; POST and PUT"),
	OPT("max_body", struct webhook_source, max_body, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = "1MB", .doc = "the largest delivery; a larger one is answered 413"),
	OPT("waiting", struct webhook_source, waiting, OPT_INT, int64_t, .tuning = true, .min = 1,
	    .max = 1000000, .fallback = "1000",
	    .doc = "most records that are kept and not yet done; above it 503, with Retry-After"),
	OPT("connections", struct webhook_source, connections, OPT_INT, int64_t, .tuning = true,
	    .min = 1, .max = 100000, .fallback = "4096",
	    .doc = "most connections at once; others get the place of one that is idle"),
	OPT_END,
};

static int webhook_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct webhook_source *o = of;
	struct slice text = tpl_head(o->address);
	struct hook_address at;
	const char *why;
	facts->restart = RESTART_ASKS;
	facts->effect = EFFECT_READS;
	facts->endless = true;
	facts->told = S(SPLIT);
	facts->door = text;
	if (tpl_constant(o->address) && hook_address_read(text, &at, &why) < 0)
		diag_error(diag, NULL, "'%.*s' is nowhere to listen: %s", SLICE(text), why);
	hook_lock_plan(&o->lock, diag);
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

struct status_count {
	int status;
	uint64_t n;
};
struct webhook { /* shared */
	struct site *site;
	struct arena *arena;
	struct hook_address at;
	struct hook_lock lock;
	struct http_server *server;
	struct hook_box box;
	struct hk_scope *life; /* of the server; NULL: it does not run */
	struct status_count refused[8];
	bool said_fault;
};

static void handle(void *arg, const struct http_incoming *, struct http_reply *) SUSPENDS;

static uint64_t body_max(struct site *site)
{
	const struct webhook_source *o = site->options;
	uint64_t most = site_text_max(site);
	return o->max_body < most ? o->max_body : most;
}

static int open_server(struct webhook *w, struct err *err) SUSPENDS
{
	const struct webhook_source *o = w->site->options;
	return http_server_open(w->at.host, w->at.port, handle, w,
				&(struct http_server_options){
					.max_body_bytes = body_max(w->site),
					.idle_ns = IDLE_NS,
					.head_ns = HEAD_NS,
					.body_ns = BODY_NS,
					.max_connections = (unsigned)o->connections,
					.max_head_bytes = HEAD_BYTES,
					.max_held_bytes = 2 * site_text_max(w->site),
				},
				&w->server, err);
}

static int webhook_open(struct site *site, struct err *err) SUSPENDS
{
	const struct webhook_source *o = site->options;
	struct webhook *w = site->shared;
	AUTO(buf_done) struct buf text = { .max = 4096 };
	const struct env env = { .record = S("null") };
	const char *why;
	w->site = site;
	w->arena = arena_new();
	if (tpl_text(o->address, &env, &text, err) < 0)
		return -1;
	struct slice address = arena_copy(w->arena, slice_trim(buf_slice(&text)));
	if (hook_address_read(address, &w->at, &why) < 0)
		return fail(err, FAULT_CONFIG, "'%.*s' is nowhere to listen: %s", SLICE(address),
			    why);
	return hook_lock_open(&o->lock, w->arena, &w->lock, err) < 0 ? -1 : open_server(w, err);
}

static void webhook_close(struct site *site)
{
	struct webhook *w = site->shared;
	http_server_free(w->server);
	arena_free(w->arena);
}

/* ---- a delivery -------------------------------------------------------------------------------------- */

/* The first of each kind is said; how many there were, at the end. */
static void note_refusal(struct webhook *w, int status, const char *why)
{
	struct status_count *c = w->refused;
	while (c->n > 0 && c->status != status && c + 1 < w->refused + ARRAY_SIZE(w->refused))
		c++;
	c->status = status;
	if (c->n++ == 0)
		site_warnf(w->site, "a delivery was answered %d: %s (said once)", status, why);
}

static void refuse(struct webhook *w, struct http_reply *out, int status, const char *why)
{
	out->status = status;
	out->content_type = "text/plain";
	note_refusal(w, status, why);
	if (buf_printf(&out->body, "%s\n", why) < 0)
		out->close = true; /* the status is there */
}

static bool takes_method(const struct webhook_source *o, struct slice method)
{
	const int *some = o->methods.v;
	if (o->methods.n == 0)
		return slice_eq(method, S("POST")) || slice_eq(method, S("PUT"));
	for (size_t i = 0; i < o->methods.n; i++)
		if (slice_eq_str(method, methods[some[i]]))
			return true;
	return false;
}

static void refuse_method(struct webhook *w, struct http_reply *out)
{
	const struct webhook_source *o = w->site->options;
	bool comma = false;
	int r = buf_add(&out->lines, S("Allow: "));
	for (size_t i = 0; methods[i]; i++) {
		if (!takes_method(o, slice_str(methods[i])))
			continue;
		r = r < 0 ? r : buf_printf(&out->lines, "%s%s", comma ? ", " : "", methods[i]);
		comma = true;
	}
	r = r < 0 ? r : buf_add(&out->lines, S("\r\n"));
	if (r < 0)
		buf_clear(&out->lines);
	refuse(w, out, 405, "this method is not taken here");
}

static void refuse_stranger(struct webhook *w, struct http_reply *out, int status, const char *why)
{
	if (status == 401 && w->lock.challenge &&
	    buf_printf(&out->lines, "WWW-Authenticate: %s\r\n", w->lock.challenge) < 0)
		buf_clear(&out->lines);
	refuse(w, out, status, why);
}

static void refuse_for_now(struct webhook *w, struct http_reply *out, int64_t after_s,
			   const char *why)
{
	if (buf_printf(&out->lines, "Retry-After: %" PRId64 "\r\n", after_s) < 0)
		buf_clear(&out->lines);
	refuse(w, out, 503, why);
}

static void refuse_full(struct webhook *w, struct http_reply *out, int64_t after_s)
{
	refuse_for_now(w, out, after_s, "too many deliveries wait: send it again later");
}

/* Is it for us, and from somebody who may? */
static bool is_welcome(struct webhook *w, const struct http_incoming *in, struct http_reply *out)
{
	struct slice coding;
	const char *why = "";
	int64_t after_s;
	if (!hook_address_takes(&w->at, in->path)) {
		refuse(w, out, 404, "nothing is taken at this path");
		return false;
	}
	if (!takes_method(w->site->options, in->method)) {
		refuse_method(w, out);
		return false;
	}
	int status = hook_lock_check(&w->lock, in, hk_wall_ns(), &why);
	if (status != 0)
		refuse_stranger(w, out, status, why);
	else if (http_incoming_header(in, "content-encoding", &coding) &&
		 !slice_eq_nocase(coding, S("identity")))
		refuse(w, out, 415, "the body is compressed: send it as it is");
	else if (hook_box_full(&w->box, &after_s))
		refuse_full(w, out, after_s);
	else
		return true;
	return false;
}

/* false: it is answered. */
static bool read_records(struct webhook *w, const struct http_incoming *in, struct http_reply *out,
			 struct hook_records *ret) SUSPENDS
{
	const struct webhook_source *o = w->site->options;
	const struct hook_about about = { in->headers, in->header_count, in->method, in->path,
					  in->query };
	struct err why = { 0 };
	if (hook_records_read(o->each, &about, in->body, 2 * site_text_max(w->site), ret, &why) ==
	    0)
		return true;
	if (why.fault == FAULT_CANCELLED)
		refuse_for_now(w, out, 1, "we are going down: send it again later");
	else
		refuse(w, out, why.fault == FAULT_TOO_LARGE ? 413 : 400, why.text);
	return false;
}

/* They become dead letters, and nothing stops: a mistake in `each` should be seen before the thousandth. */
static void say_faults(struct webhook *w, const struct hook_records *records)
{
	for (size_t i = 0; i < records->n && !w->said_fault; i++) {
		const struct err *fault = records->v[i].fault;
		if (!fault)
			continue;
		w->said_fault = true;
		site_warnf(w->site,
			   "`each` could make no record of a delivery: %s (said once; they are "
			   "dead letters)",
			   fault->text);
	}
}

static void answer_challenge(struct slice value, struct http_reply *out)
{
	if (buf_printf(&out->body, "{\"challenge\":%.*s}", SLICE(value)) < 0)
		out->status = 503;
}

static void handle(void *arg, const struct http_incoming *in, struct http_reply *out) SUSPENDS
{
	struct webhook *w = arg;
	AUTO(hook_records_done) struct hook_records records = { 0 };
	struct slice challenge;
	int64_t after_s;
	if (!is_welcome(w, in, out))
		return;
	if (json_check(in->body, NULL) == 0 && hook_lock_asks(&w->lock, in->body, &challenge)) {
		answer_challenge(challenge, out);
		return;
	}
	if (!read_records(w, in, out, &records))
		return;
	if (hook_box_full(&w->box, &after_s)) { /* others came while `each` worked elsewhere */
		refuse_full(w, out, after_s);
		return;
	}
	out->content_type = "text/plain"; /* of nothing: some senders show a body to people */
	say_faults(w, &records);
	if (records.n > 0 && hook_box_put(&w->box, &records) < 0)
		refuse_for_now(w, out, 30, "it cannot be kept now: send it again later");
}

/* ---- running ----------------------------------------------------------------------------------------- */

static bool is_open_to_all(const struct webhook *w)
{
	return w->at.everywhere && !w->lock.signature && w->lock.shows.n == 0;
}

static void say_begin(const struct webhook *w)
{
	const char *host = w->at.host;
	bool six = strchr(host, ':') != NULL;
	site_warnf(w->site, "listens on http://%s%s%s:%d%.*s%s", six ? "[" : "", host,
		   six ? "]" : "", http_server_port(w->server), SLICE(w->at.path),
		   w->at.below ? "*" : "");
	if (is_open_to_all(w))
		site_warn(w->site, S("it listens on all interfaces and asks for no secret: anybody "
				     "who reaches it can send; set signature and secret, or auth"));
	if (!site_keeps(w->site))
		site_warn(w->site, S("there is no state: what is answered 200 lives in memory "
				     "until it is done"));
}

static void say_end(const struct webhook *w)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	uint64_t left = hook_box_left(&w->box);
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(w->refused) && w->refused[i].n && r == 0; i++)
		r = buf_printf(&text, "%s%" PRIu64 " with %d",
			       i ? ", " : "refused deliveries: ", w->refused[i].n,
			       w->refused[i].status);
	if (r == 0 && left > 0)
		r = buf_printf(&text, "%s%" PRIu64 " records are kept for the next run",
			       text.n ? "; " : "", left);
	if (r == 0 && text.n)
		site_warn(w->site, buf_slice(&text));
}

/* Shielded: a stop of the run ends it by http_server_stop, so that what is on the way is answered. */
static int serve(void *arg) SUSPENDS
{
	struct webhook *w = arg;
	struct hk_scope life;
	struct err err = { 0 };
	hk_scope_open_shield(&life, HK_FOREVER);
	w->life = &life;
	int r = http_server_run(w->server, &err);
	w->life = NULL;
	(void)hk_scope_close(&life, 0); /* how it ended is in r */
	if (r < 0)
		hook_box_fail(&w->box, &err);
	hook_box_close(&w->box);
	return 0;
}

static int serve_and_admit(struct webhook *w, struct err *err) SUSPENDS
{
	struct hk_group g;
	hk_group_open(&g, &(struct hk_group_options){ .policy = HK_COLLECT, .name = "webhook" });
	int r = hk_spawn(&g, serve, w);
	r = r < 0 ? r : hk_spawn(&g, hook_box_keeper, &w->box);
	if (r < 0) {
		r = fail_errno(err, FAULT_IO, r, "starting the server");
		hook_box_fail(&w->box, err);
	} else {
		say_begin(w);
		r = hook_box_admit(&w->box, err);
	}
	http_server_stop(w->server);
	if (w->life)
		hk_scope_extend(w->life, STOP_NS);
	(void)!hk_group_close(&g, 0); /* its tasks do not fail; that the run was stopped is in r */
	return r;
}

static int webhook_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct webhook_source *o = site->options;
	struct webhook *w = site->shared;
	int r = hook_box_open(&w->box, site, intake, SPLIT, (uint64_t)o->waiting, err);
	if (r == 0)
		r = serve_and_admit(w, err);
	say_end(w);
	hook_box_done(&w->box);
	return r;
}

const struct port from_webhook = {
	.name = "webhook",
	.doc = "take what others post",
	.more = "A delivery is answered 200 when it is on the disk, and done once, also when "
		"hocket "
		"is killed and started again. `.` is\n"
		"the body, $res.headers its headers in lower case, with \":path\", \":query\" and "
		"\":method\". When more wait than `waiting`\n"
		"says, or the disk is full, the answer is 503 with Retry-After, and the sender "
		"comes again. Senders repeat themselves:\n"
		"`unique` takes each delivery once.\n"
		"\n"
		"    from:\n"
		"      webhook: 127.0.0.1:8080/hooks/github\n"
		"      signature: github\n"
		"      secret: $secret.WEBHOOK_SECRET\n"
		"      each: '. + {delivery: $res.headers[\"x-github-delivery\"]}'\n"
		"    steps:\n"
		"      - unique: .delivery\n"
		"    to: {sqlite: events.db, table: events}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct webhook_source),
	.shared_size = sizeof(struct webhook),
	.plan = webhook_plan,
	.open = webhook_open,
	.close = webhook_close,
	.run = webhook_run,
};
