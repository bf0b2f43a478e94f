/* from_websocket.c - what a server says on a WebSocket, for as long as somebody listens
 *
 * What this room is for: feeds that are pushed. Nobody can be asked for a message a second time, unless the server itself can go on
 *   behind one (`resume`): so a message is in the inbox before it has a number.
 *
 *   connect -> send, or resume behind the last record -> gather -> box: kept, then admitted
 *      ^                                                   |          (hooks/hook_box.h)
 *      '-------- back-off 200 ms .. 30 s <---- lost -------'
 *
 * What flows through:    messages; those that came while the inbox was being synced go into it together.
 * What must hold:
 *  (1) `resume` sees a record that is durable: what was received is kept before it is asked for what comes behind it.
 *  (2) what an earlier run has left in the inbox is admitted before anything is asked for.
 *  (3) when pages wait to be admitted, nothing is read: the server's TCP window closes, and memory stays as it is.
 *  (4) a stop keeps what was received, and says good-bye (1001).
 *  (5) a server that is away is waited for; one that refuses us (401, 403, 1008, a certificate) ends the run with its reason. */
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/hooks/hook_box.h"
#include "connectors/socket/message.h"
#include "connectors/socket/socket.h"
#include <errno.h>
#include <hocket/group.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <inttypes.h>
#include <stdlib.h>

#define SPLIT        "messages"
#define PAGE_RECORDS 10000
#define PAGE_BYTES   (1u << 20)
/* For the rest of a message that has begun, while others wait to be kept. */
#define LINGER_NS      (20 * HK_MS)
#define BACKOFF_MIN_NS (200 * HK_MS)
#define BACKOFF_MAX_NS (30 * HK_SEC)
#define STEADY_NS      (10 * HK_SEC) /* a connection that stood so long was a good one */
#define BYE_NS         HK_SEC
#define WRITE_NS       (30 * HK_SEC) /* a server that takes nothing for so long is gone */

struct socket_source {
	struct socket_options socket;
	struct opt_list send, resume; /* v: struct tpl *[] */
	struct jq *each;
	int as;
	int64_t idle_ns, within_ns;
};

static const struct opt options[] = {
	SOCKET_URL(struct socket_source, socket),
	OPT("send", struct socket_source, send, OPT_LIST, struct opt_list, .of = OPT_TREE,
	    .secret = true, .at_plan = true, .tuning = true,
	    .doc = "messages to send when the connection stands: {op: subscribe, channel: "
		   "trades}; a text is sent as it is, anything else as JSON"),
	OPT("resume", struct socket_source, resume, OPT_LIST, struct opt_list, .of = OPT_TREE,
	    .secret = true, .tuning = true,
	    .doc = "messages to send instead when records came before; `.` is the last one: {op: "
		   "subscribe, after: '\\(.seq)'}"),
	OPT("each", struct socket_source, each, OPT_JQ, struct jq *, .of_answer = true,
	    .doc = "a message's records; without it the message itself"),
	OPT("as", struct socket_source, as, OPT_ENUM, int, .words = message_as_words,
	    .fallback = "type",
	    .doc = "how to read a message. type: text that is a JSON object is the record, other "
		   "text and bytes become {\"message\": ...}; json, text, blob"),
	OPT("idle", struct socket_source, idle_ns, OPT_DURATION, int64_t, .tuning = true,
	    .doc = "no message for so long: connect again"),
	OPT("within", struct socket_source, within_ns, OPT_DURATION, int64_t, .tuning = true,
	    .doc = "how long a server that is away is waited for; for ever"),
	SOCKET_OPTIONS(struct socket_source, socket),
	OPT_END,
};

static int websocket_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct socket_source *o = of;
	facts->restart = RESTART_ASKS;
	facts->effect = EFFECT_READS;
	facts->endless = true;
	facts->told = S(SPLIT);
	socket_plan(&o->socket, facts, diag);
	if (o->each && o->as == MESSAGE_BLOB)
		diag_error(diag, "each", "`each` reads JSON or text, and `as: blob` is neither");
	return 0;
}

/* ---- listening ------------------------------------------------------------------------------------------ */

struct listener {
	struct site *site;
	const struct socket_source *o;
	struct intake *intake;
	struct socket socket;
	struct hook_box box;
	struct rec *last;          /* owns; the last record that was kept; NULL: there is none */
	struct hook_teller teller; /* borrows; that record */
	struct hk_scope *life;     /* of its task; NULL: it does not run */
	bool over;                 /* it need not begin any more */
	bool ever;                 /* a connection stood */
	bool heard;                /* a message came on this one */
	unsigned tries;            /* since something came */
	int64_t lost_ns;           /* when the connection was lost; 0: it stands */
	bool told;                 /* that it is away */
	bool doubted;              /* `resume`: it was told of */
	uint64_t messages_most;    /* bytes of one */
};

static int tell_stopped(struct err *err)
{
	return fail(err, FAULT_CANCELLED, "stopped");
}

/* Pages that wait are in memory: no more than two. */
static int wait_room(struct listener *l) SUSPENDS
{
	int r = 0;
	while (r == 0 && l->box.pages && l->box.pages->next) {
		hk_event_clear(&l->box.room);
		r = hk_event_wait(&l->box.room);
	}
	return r;
}

static int wait_left(struct listener *l) SUSPENDS
{
	int r = 0;
	while (r == 0 && hook_box_left(&l->box) > 0) {
		hk_event_clear(&l->box.room);
		r = hk_event_wait(&l->box.room);
	}
	return r;
}

/* Takes it. */
static void set_last(struct listener *l, struct rec *last)
{
	rec_unref(l->last);
	l->last = last;
	l->teller.last = last ? rec_json(last) : (struct slice){ 0 };
}

/* It has a null, and the record is not why: it would say the same behind any. */
static bool says_nothing(struct tpl *const tree, struct slice record, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 }, behind_none = { 0 };
	const struct env env = { .record = record }, none = { .record = S("null") };
	struct err ignored = { 0 };
	if (socket_text(tree, &env, &text, err) < 0)
		return true;
	return text.n && memmem(text.p, text.n, "null", 4) &&
	       socket_text(tree, &none, &behind_none, &ignored) == 0 &&
	       slice_eq(buf_slice(&text), buf_slice(&behind_none));
}

/* A misspelt field in `resume` is null, and a server that is told null begins at its start: what is kept would come once more. That is told with
 * the first record, not with the first break. */
static void look_at_resume(struct listener *l) SUSPENDS
{
	struct tpl *const *trees = l->o->resume.v;
	struct slice record = rec_json(l->last);
	for (size_t i = 0; i < l->o->resume.n && !l->doubted; i++) {
		struct err err = { 0 };
		l->doubted = says_nothing(trees[i], record, &err);
		if (l->doubted)
			site_warnf(
				l->site,
				"`resume` %s behind the record %.*s: the server may say again what "
				"is kept; take a field that each record has",
				err.text[0] ? err.text : "says null", SLICE(utf8_head(record, 80)));
	}
}

/* 0 when they are durable; else the box knows why not. */
static int keep(struct listener *l, struct hook_records *records) SUSPENDS
{
	AUTO(rec_unrefp) struct rec *last = hook_records_last(records);
	if (last)
		rec_ref(last);
	if (records->n == 0)
		return 0;
	if (hook_box_put(&l->box, records) < 0)
		return -1;
	bool first = last && !l->last;
	if (last)
		set_last(l, take(last));
	if (first)
		look_at_resume(l);
	return 0;
}

static int receive(struct ws *ws, int64_t within_ns, struct ws_message *ret,
		   struct err *err) SUSPENDS
{
	struct hk_scope clock;
	hk_scope_open(&clock, within_ns > 0 ? within_ns : HK_FOREVER);
	int r = ws_receive(ws, ret, err);
	int code = hk_scope_close(&clock, r < 0 && err->fault == FAULT_CANCELLED ? -ECANCELED : 0);
	return code == -ETIMEDOUT ? -ETIMEDOUT : r;
}

/* The messages that are there, once the first is; never waits long for another. What receiving gave: 1, 0, -1; -ETIMEDOUT: `idle`. */
static int gather(struct listener *l, struct ws *ws, struct hook_records *out,
		  struct err *err) SUSPENDS
{
	const struct message_rules rules = { (enum message_as)l->o->as, l->o->each,
					     l->messages_most };
	struct ws_message m;
	int r = receive(ws, l->o->idle_ns, &m, err);
	while (r == 1) {
		l->heard = true;
		if (message_read(&rules, &m, out, err) < 0)
			return -1;
		if (out->n >= PAGE_RECORDS || out->bytes >= PAGE_BYTES || !ws_has_more(ws))
			return 1;
		r = receive(ws, LINGER_NS, &m, err);
		if (r == -ETIMEDOUT)
			return 1;
	}
	return r;
}

/* Until the connection is lost, or the run stops: -1 with *err. */
static int listen_on(struct listener *l, struct ws *ws, struct err *err) SUSPENDS
{
	for (;;) {
		AUTO(hook_records_done) struct hook_records records = { 0 };
		if (wait_room(l) < 0)
			return tell_stopped(err);
		int r = gather(l, ws, &records, err);
		if (keep(l, &records) < 0) {
			*err = l->box.err;
			return err->fault ? -1 : fail(err, FAULT_IO, "it cannot be kept now");
		}
		if (r == -ETIMEDOUT)
			return fail(err, FAULT_TIMEOUT, "'%.*s': no message for too long",
				    SLICE(l->socket.shown));
		if (r < 0)
			return -1;
		if (r == 1)
			continue;
		return fail(err, ws_closed(ws, NULL) == WS_POLICY ? FAULT_CONFIG : FAULT_RESET,
			    "'%.*s' ended it: %s", SLICE(l->socket.shown), ws_said(ws));
	}
}

static void say_back(struct listener *l)
{
	if (l->told)
		site_warnf(l->site, "'%.*s' is back after %" PRId64 " s", SLICE(l->socket.shown),
			   (hk_now_ns() - l->lost_ns) / HK_SEC);
	l->told = false;
	l->lost_ns = 0;
	l->ever = true;
}

static int greet(struct listener *l, struct ws *ws, struct err *err) SUSPENDS
{
	const struct socket_source *o = l->o;
	if (!l->last || o->resume.n == 0)
		return socket_say(ws, &o->send, S("null"), err);
	look_at_resume(l);
	return socket_say(ws, &o->resume, rec_json(l->last), err);
}

/* One connection, from beginning to end: always -1, with why. */
static int connect_and_listen(struct listener *l, struct err *err) SUSPENDS
{
	AUTO(ws_freep) struct ws *ws = NULL;
	const struct ws_options how = { .max_message_bytes = l->messages_most,
					.cut = true,
					.ping_ns = l->o->socket.ping_ns,
					.write_ns = WRITE_NS };
	l->heard = false;
	if (socket_connect(&l->socket, &how, &ws, err) < 0)
		return -1;
	int64_t since = hk_now_ns();
	int r = greet(l, ws, err);
	if (r == 0) {
		say_back(l);
		r = listen_on(l, ws, err);
	}
	if (l->heard || hk_now_ns() - since >= STEADY_NS)
		l->tries = 0;
	if (err->fault == FAULT_CANCELLED || err->fault == FAULT_TIMEOUT)
		ws_close(ws, WS_GOING_AWAY, S(""), BYE_NS);
	return r;
}

/* ---- between two connections --------------------------------------------------------------------------- */

static bool refuses_us(const struct listener *l, const struct err *err)
{
	switch (err->fault) {
	case FAULT_STATUS:
		return err->code == 401 || err->code == 403 ||
		       (!l->ever && err->code / 100 != 5 && err->code != 408 && err->code != 425);
	case FAULT_PROTOCOL:
		return !l->ever;
	default:
		return fault_policy(err) != POLICY_RETRY && err->fault != FAULT_TOO_LARGE;
	}
}

static int64_t backoff_ns(const struct listener *l, const struct err *err)
{
	unsigned doublings = l->tries < 8 ? l->tries : 8;
	int64_t most = BACKOFF_MIN_NS << doublings;
	most = most < BACKOFF_MAX_NS ? most : BACKOFF_MAX_NS;
	int64_t jittered = most / 2 + (int64_t)(hk_random() % (uint64_t)(most / 2));
	return err->retry_after_ns > 0 ? err->retry_after_ns + jittered : jittered;
}

/* No longer than `within` has left. */
static int64_t pause_ns(const struct listener *l, const struct err *err)
{
	int64_t pause = backoff_ns(l, err), within = l->o->within_ns;
	int64_t left = l->lost_ns + within - hk_now_ns();
	return within > 0 && left < pause ? left : pause;
}

/* A short break is nobody's business; that it does not come back at once is. */
static void say_away(struct listener *l, const struct err *err)
{
	if (l->told || (l->ever && l->tries == 0))
		return;
	l->told = true;
	site_warnf(l->site, "%s; it is tried again until it is there", err->text);
}

/* 0: try again; -1 with *err: no more. */
static int wait_turn(struct listener *l, struct err *err) SUSPENDS
{
	int64_t now = hk_now_ns();
	if (err->fault == FAULT_CANCELLED || l->box.err.fault)
		return -1;
	if (refuses_us(l, err)) {
		if (fault_policy(err) != POLICY_STOP)
			err->fault = FAULT_CONFIG;
		return -1;
	}
	l->lost_ns = l->lost_ns ? l->lost_ns : now;
	if (l->o->within_ns > 0 && now - l->lost_ns >= l->o->within_ns) {
		err->fault = FAULT_IO;
		return err_wrap(err, "waited for it as long as `within` says: ");
	}
	say_away(l, err);
	if (hk_sleep(pause_ns(l, err)) < 0)
		return tell_stopped(err);
	l->tries++;
	return 0;
}

static int listen_for_ever(void *arg) SUSPENDS
{
	struct listener *l = arg;
	struct hk_scope life;
	struct err err = { 0 };
	hk_scope_open(&life, l->over ? 0 : HK_FOREVER);
	l->life = &life;
	int r = wait_left(l);
	while (r == 0) {
		err = (struct err){ 0 };
		(void)!connect_and_listen(l, &err); /* it never ends well */
		r = wait_turn(l, &err);
	}
	l->life = NULL;
	(void)hk_scope_close(&life, 0); /* how it ended is in err */
	if (err.fault && err.fault != FAULT_CANCELLED)
		hook_box_fail(&l->box, &err);
	hook_box_close(&l->box);
	return 0;
}

/* ---- running ----------------------------------------------------------------------------------------------- */

/* The last record of a page, if the server that told it is the one that we ask now. */
static struct rec *last_of_page(const struct listener *l, struct slice about, struct slice value)
{
	AUTO(hook_records_done) struct hook_records records = { 0 };
	AUTO(buf_done) struct buf keeper = { 0 };
	uint64_t number;
	if (hook_page_read(about, value, &number, &keeper, &records) < 0)
		return NULL;
	return hook_page_last(about, &records, l->teller.name);
}

/* What an earlier run heard last: pages are kept until there is a later one (state/inbox.h). */
static int find_last(struct listener *l, struct err *err) SUSPENDS
{
	int found = 1;
	for (uint64_t n = l->box.number; n-- > 0 && found > 0 && !l->last;) {
		AUTO(buf_done) struct buf about = { .max = SIZE_MAX / 2 };
		AUTO(buf_done) struct buf value = { .max = SIZE_MAX / 2 };
		char base[32];
		snprintf(base, sizeof base, "%" PRIu64, n);
		found = intake_kept(l->intake, l->box.split, slice_str(base), &about, &value, err);
		if (found > 0)
			set_last(l, last_of_page(l, buf_slice(&about), buf_slice(&value)));
	}
	return found < 0 ? -1 : 0;
}

static int listen_and_admit(struct listener *l, struct err *err) SUSPENDS
{
	struct hk_group g;
	hk_group_open(&g, &(struct hk_group_options){ .policy = HK_COLLECT, .name = "websocket" });
	int r = hk_spawn(&g, hook_box_keeper, &l->box);
	int e = r < 0 ? r : hk_spawn(&g, listen_for_ever, l);
	if (e < 0) {
		fail_errno(err, FAULT_IO, e, "listening");
		hook_box_close(&l->box);
		r = -1;
	} else {
		r = hook_box_admit(&l->box, err);
	}
	l->over = true;
	if (l->life)
		hk_scope_cancel(l->life);
	(void)!hk_group_close(&g, 0); /* its tasks do not fail; that the run was stopped is in r */
	return r;
}

static void listener_done(struct listener *l)
{
	rec_unref(l->last);
	socket_done(&l->socket);
	hook_box_done(&l->box);
}

static int websocket_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct socket_source *o = site->options;
	AUTO(listener_done) struct listener l = { .site = site, .o = o, .intake = intake };
	uint64_t most = site_text_max(site);
	l.messages_most = o->socket.max_message < most ? o->socket.max_message : most;
	int r = socket_open(&l.socket, site, &o->socket, err);
	r = r < 0 ? r : hook_box_open(&l.box, site, intake, SPLIT, UINT64_MAX / 2, err);
	if (r < 0)
		return -1;
	l.teller.name = l.socket.shown;
	l.box.teller = &l.teller;
	return find_last(&l, err) < 0 ? -1 : listen_and_admit(&l, err);
}

const struct port from_websocket = {
	.name = "websocket",
	.doc = "listen to a server on a WebSocket",
	.more = "Each message is a record: the object that it is, or {\"message\": ...}. It is on "
		"the disk before anything is done with it,\n"
		"and done once, also when hocket is killed and started again. A connection that is "
		"lost is made again, for as long as it\n"
		"takes; what the server said meanwhile is lost, unless it can go on behind a "
		"record: "
		"`resume` asks for that. While the\n"
		"pipeline is busy nothing is read, so that the server waits. A message above "
		"`max_message` is dead: too_large.\n"
		"\n"
		"    from:\n"
		"      websocket: wss://feed.example.com/v1\n"
		"      auth: {bearer: $secret.FEED_TOKEN}\n"
		"      send: {op: subscribe, channel: trades}\n"
		"      resume: {op: subscribe, channel: trades, after: '\\(.seq)'}\n"
		"    to: {jsonl: trades.jsonl}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct socket_source),
	.plan = websocket_plan,
	.run = websocket_run,
};
