/* from_http.c - read an HTTP API, page after page
 *
 * What this room is for: lists that come in pages, each of which leads to the next (http_pages.h), and lists that are asked for what
 *   came since the last run (http_since.h).
 * What flows through:    a page's body into the inbox and into jq (`each`), its values out as records, one after the other.
 * What must hold:
 *  (1) a position is the page's URL and how many of its records were taken. A page is kept, whole and checked, before its first
 *      record is given: a resume reads it again where it was kept, and skips what was taken; nobody is asked for it twice.
 *  (2) records are collected before the first is admitted: admit parks, and jq must not be parked in.
 *  (3) a page that was read already is a loop, not more data: the source stops with a sentence.
 *  (4) credentials go to the origin of the file's own URL only; what a `next` link elsewhere gets is headers_for_stranger().
 *  (5) a page is kept with what was known of earlier runs when it came: whoever reads it again drops the same of its records. */
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/units.h"
#include "base/utf8.h"
#include "connectors/http/http_fields.h"
#include "connectors/http/http_headers.h"
#include "connectors/http/http_oauth.h"
#include "connectors/http/http_pages.h"
#include "connectors/http/http_since.h"
#include "connectors/http/http_tls.h"
#include "connectors/files/lines.h"
#include "connectors/seen.h"
#include "connectors/value.h"
#include "io/http/http_quota.h"
#include "io/url.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct http_source {
	struct tpl *url;
	struct jq *each;
	struct pages_options *pages;
	struct since_options *since;
	struct opt_map query; /* v: struct tpl *[] */
	struct header_options head;
	uint64_t max_body;
	struct tls_options tls;
	char origin[288]; /* set by plan: where the first page is */
};

static const struct opt options[] = {
	OPT("http", struct http_source, url, OPT_URL, struct tpl *, .verb = true, .required = true,
	    .secret = true, .at_plan = true, .doc = "URL of the first page"),
	OPT("each", struct http_source, each, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "a page's records; without it the elements of a list, or the answer itself"),
	OPT("pages", struct http_source, pages, OPT_TABLE, struct pages_options *,
	    .sub = pages_option_table, .sub_size = sizeof(struct pages_options),
	    .doc = "how to go on: {next: .links.next}, {link: next}, {page: page}, {offset: "
		   "offset, "
		   "size: 100} or {cursor: after, from: .cursor}"),
	OPT("since", struct http_source, since, OPT_TABLE, struct since_options *,
	    .sub = since_option_table, .sub_size = sizeof(struct since_options),
	    .doc = "ask only for what came since the last run: {query: updated_after, from: "
		   ".updated_at, lag: 5m}"),
	OPT("query", struct http_source, query, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,
	    .secret = true, .at_plan = true,
	    .doc = "parameters behind the URL of the first page: {size: 100}"),
	HEADER_OPTIONS(struct http_source, head, .at_plan = true),
	OPT("max_body", struct http_source, max_body, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = "64MB", .doc = "the largest page"),
	TLS_OPTIONS(struct http_source, tls),
	OPT_END,
};

static void keep_origin(struct http_source *o, const struct url *url, struct facts *facts)
{
	AUTO(buf_done) struct buf origin = { 0 };
	if (url_put_origin(url, &origin) == 0 && origin.n < sizeof(o->origin))
		memcpy(o->origin, origin.p, origin.n);
	facts->origin = slice_str(o->origin);
	facts->door = url->host;
}

static int pages_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct http_source *o = of;
	struct slice head = tpl_head(o->url);
	struct url url;
	const char *why = NULL;
	facts->restart = RESTART_ASKS;
	facts->onward = o->since != NULL;
	facts->effect = EFFECT_READS;
	if (slice_starts(head, S("GET ")))
		diag_error(diag, NULL, "a source is always GET; leave the method out");
	else if (head.n && url_parse(head, &url, &why) == 0)
		keep_origin(o, &url, facts);
	else if (head.n && tpl_constant(o->url))
		diag_error(diag, NULL, "'%.*s' is not a URL: %s", SLICE(head), why);
	headers_check(&o->head, diag);
	pages_check(o->pages, diag);
	since_check(o->since, diag);
	tls_check(&o->tls, facts, diag);
	return 0;
}

/* ---- one page ------------------------------------------------------------------------------------ */

struct reader {
	struct site *site;
	const struct http_source *o;
	struct intake *intake;
	struct split *split;
	struct arena *arena; /* for what lives as long as the run: headers, the home origin */
	struct header_list headers, stranger_headers;
	const struct http_trust *trust;
	struct oauth oauth;
	struct slice home; /* the origin that credentials were written for */
	struct buf url;    /* of the page at hand */
	bool begun;        /* with a page, in this run or before */
	struct seen seen;
	struct since *since;   /* owns; NULL: everything is asked for */
	uint64_t line, number; /* of the last record, page */
	uint64_t last_hash;    /* of the page before, if it had records; else 0 */
};

struct item { /* a record of a page */
	struct rec *rec;
	struct err *fault; /* owns; NULL: it is good */
	bool known;        /* it came before, as it is */
};

struct page {
	struct text *base; /* its URL, shared by its records' positions */
	struct http_response answer;
	struct buf headers; /* as JSON, when somebody asks */
	struct buf body;    /* compact JSON; empty: there was none */
	struct buf next;    /* URL; empty: it is the last */
	struct buf since;   /* what was known before it, as text */
	struct item *items;
	size_t n, cap;
	uint64_t number; /* from 1 */
	bool is_end;     /* there is no such page: the one before was the last */
};

static void drop_items(struct page *p)
{
	for (size_t i = 0; i < p->n; i++) {
		rec_unref(p->items[i].rec);
		free(p->items[i].fault);
	}
	p->n = 0;
}

static void page_done(struct page *p)
{
	text_unref(p->base);
	http_response_done(&p->answer);
	buf_done(&p->headers);
	buf_done(&p->body);
	buf_done(&p->next);
	buf_done(&p->since);
	drop_items(p);
	free(p->items);
}

static struct slice shown_url(const struct reader *r, struct buf *room)
{
	return url_put_shown(buf_slice(&r->url), room) < 0 ? S("the page")
							   : slice_head(buf_slice(room), 200);
}

/* ": what the body says", on one line; nothing when it is not text. */
static void put_excerpt(struct slice body, struct buf *out)
{
	struct slice said = utf8_head(slice_trim(body), 120);
	if (said.n == 0 || !utf8_valid(said) || buf_printf(out, ": %.*s", SLICE(said)) < 0)
		return;
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}

/* Asked for, or because nothing is left of the quota. */
static int64_t pause_of(const struct http_response *a)
{
	struct http_quota quota;
	int64_t asked = http_retry_after_ns(a);
	if (asked > 0 || !http_quota_get(a, &quota) || quota.left > 0)
		return asked;
	return quota.reset_ns;
}

/* A list without a first page is none, whatever `end_status` says. */
static bool ends_list(const struct reader *r, int status)
{
	return r->number > 0 && pages_end_at(r->o->pages, status);
}

static bool is_page(const struct reader *r, int status)
{
	return (status >= 200 && status < 300) || ends_list(r, status);
}

static int judge(const struct reader *r, const struct http_response *a, struct slice lane,
		 struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 }, excerpt = { 0 };
	int64_t pause = pause_of(a);
	if (pause > 0)
		site_lane_pause(r->site, lane, pause);
	if (is_page(r, a->status))
		return 0;
	struct slice url = shown_url(r, &shown);
	put_excerpt(buf_slice(&a->body), &excerpt);
	if (err) {
		err->code = a->status;
		err->sent = true;
		err->retry_after_ns = pause;
	}
	return fail(err, a->status == 429 ? FAULT_RATE_LIMITED : FAULT_STATUS,
		    "GET %.*s answered %d%.*s", SLICE(url), a->status, SLICE(buf_slice(&excerpt)));
}

static int origin_of(struct slice text, struct url *ret, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	const char *why = NULL;
	if (url_parse(text, ret, &why) < 0) {
		(void)!url_put_shown(text, &shown);
		return fail(err, FAULT_CONFIG, "'%.*s' is not a URL: %s",
			    SLICE(slice_head(buf_slice(&shown), 200)), why);
	}
	int r = url_put_origin(ret, out);
	return r < 0 ? fail_errno(err, FAULT_CONFIG, r, "the page's URL cannot be used") : 0;
}

static int fetch(struct reader *r, struct http_response *ret, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf origin = { 0 }, lane = { 0 };
	struct url url;
	if (origin_of(buf_slice(&r->url), &url, &origin, err) < 0)
		return -1;
	uint64_t most = site_text_max(r->site);
	bool at_home = slice_eq(buf_slice(&origin), r->home);
	const struct header_list *headers = at_home ? &r->headers : &r->stranger_headers;
	if (headers_lane(at_home ? &r->o->head : NULL, headers, &url, &lane) < 0)
		return fail(err, FAULT_CONFIG, "the page's URL cannot be used");
	struct http_request q = {
		.method = S("GET"),
		.url = buf_slice(&r->url),
		.headers = headers->v,
		.header_count = headers->n,
		.max_body_bytes = r->o->max_body < most ? r->o->max_body : most,
		.trust = r->trust && !at_home ? r->trust->stranger : r->trust,
		.insecure = r->o->tls.insecure,
		.guard = site_guard(r->site),
		.data_host = !at_home,
	};
	if (r->site->clocks)
		q.clocks = *r->site->clocks;
	if (site_lane(r->site, buf_slice(&lane), err) < 0 ||
	    oauth_exchange(&r->oauth, headers->bearer ? r->o->head.auth->oauth2 : NULL, r->site, &q,
			   headers->bearer, ret, err) < 0)
		return err && err->fault == FAULT_TOO_LARGE && most < r->o->max_body
			       ? err_wrap(err,
					  "a page may have %" PRIu64
					  " bytes, a sixteenth of `memory` (raise `memory:`)",
					  most)
			       : -1;
	return judge(r, ret, buf_slice(&lane), err);
}

/* "; it is text/html: <!DOCTYPE html>..." */
static void put_kind(const struct page *p, struct arena *arena, struct buf *out)
{
	AUTO(buf_done) struct buf excerpt = { 0 };
	struct slice type = media_type(&p->answer, arena);
	put_excerpt(buf_slice(&p->answer.body), &excerpt);
	if (type.n && !media_is_json(type))
		(void)!buf_printf(out, "; it is %.*s%.*s", SLICE(type), SLICE(buf_slice(&excerpt)));
}

static int read_body(const struct reader *r, struct page *p, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 }, kind = { 0 };
	struct json_error where = { 0 };
	struct slice raw = buf_slice(&p->answer.body);
	p->is_end = ends_list(r, p->answer.status);
	if (p->is_end || slice_trim(raw).n == 0)
		return 0;
	int done = json_compact(raw, &p->body, &where);
	if (done == 0)
		return 0;
	struct slice url = shown_url(r, &shown);
	put_kind(p, r->arena, &kind);
	return fail(err, FAULT_INVALID_JSON, "the answer of %.*s is not JSON: %s at byte %zu%.*s",
		    SLICE(url), where.what ? where.what : "too large", where.offset,
		    SLICE(buf_slice(&kind)));
}

/* ---- its records ----------------------------------------------------------------------------------- */

static int collect(void *arg, struct slice value, struct err *err)
{
	struct page *p = arg;
	(void)err;
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->items = xrealloc(p->items, p->cap, sizeof(*p->items));
	}
	p->items[p->n++] = (struct item){ .rec = rec_new(value) };
	return 0;
}

static int collect_elements(struct page *p, struct err *err)
{
	struct slice body = buf_slice(&p->body), key, value;
	if (json_type(body) != JSON_ARRAY)
		return collect(p, body, err);
	struct json_iter it = json_iter(body);
	while (json_next(&it, &key, &value))
		if (collect(p, value, err) < 0)
			return -1;
	return 0;
}

static struct env page_env(const struct page *p, struct env_response *res)
{
	struct slice body = p->body.n ? buf_slice(&p->body) : S("null");
	*res = (struct env_response){
		.status = p->answer.status,
		.headers = p->headers.n ? buf_slice(&p->headers) : S("{}"),
		.body = body,
	};
	return (struct env){ .record = body, .res = res };
}

static int split_page(const struct http_source *o, struct page *p, struct err *err) SUSPENDS
{
	struct env_response res;
	if (p->body.n == 0)
		return 0;
	if (!o->each)
		return collect_elements(p, err);
	struct env env = page_env(p, &res);
	return jq_each(o->each, &env, collect, p, err);
}

static void set_fault(const struct page *p, struct item *item, const struct err *why)
{
	item->fault = xcalloc(1, sizeof(*item->fault));
	*item->fault = *why;
	if (p->number > 0)
		err_wrap(item->fault, "record %zu of page %" PRIu64, (size_t)(item - p->items) + 1,
			 p->number);
}

/* Which of them are none, and which came before. */
static int judge_items(struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	for (size_t i = 0; i < p->n; i++) {
		struct item *item = &p->items[i];
		struct err why = { 0 };
		int is_new = value_check_object(rec_json(item->rec), "each", &why);
		if (is_new == 0)
			is_new = r->since ? since_look(r->since, rec_json(item->rec), &why) : 1;
		item->known = is_new == 0;
		if (is_new < 0)
			set_fault(p, item, &why);
		if (is_new < 0 && why.fault == FAULT_CONFIG) { /* not the record's fault */
			*err = *item->fault;
			return -1;
		}
	}
	return 0;
}

static int admit_item(struct reader *r, const struct page *p, struct item *item, uint64_t taken,
		      struct err *err) SUSPENDS
{
	struct rec *rec = take(item->rec);
	if (item->fault && json_type(rec_json(rec)) != JSON_OBJECT) {
		struct rec *evidence = lines_evidence(rec_json(rec));
		rec_unref(rec);
		rec = evidence;
	}
	return admit(r->intake,
		     &(struct arrival){
			     .rec = rec,
			     .split = r->split,
			     .next = { p->base, taken },
			     .line = ++r->line,
			     .known = item->known,
			     .fault = item->fault,
		     },
		     err);
}

static uint64_t page_bytes(const struct page *p)
{
	uint64_t bytes = p->answer.body.cap + p->body.cap;
	for (size_t i = 0; i < p->n; i++)
		bytes += rec_bytes(p->items[i].rec);
	return bytes;
}

/* Those behind the first `skip`, which were taken already. */
static int admit_page(struct reader *r, struct page *p, uint64_t skip, struct err *err) SUSPENDS
{
	int done = 0;
	intake_hold(r->intake, page_bytes(p));
	for (size_t i = skip; i < p->n && done == 0; i++)
		done = admit_item(r, p, &p->items[i], i + 1, err);
	intake_hold(r->intake, 0);
	return done;
}

/* ---- from page to page ------------------------------------------------------------------------------- */

static int want_headers(const struct http_source *o, struct page *p, struct err *err)
{
	bool wanted = (o->each && jq_wants_about(o->each)) || pages_want_headers(o->pages);
	int r = wanted ? headers_put_json(&p->answer, &p->headers) : 0;
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the answer's headers do not fit") : 0;
}

static int find_next(const struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	struct env_response res;
	if (p->is_end)
		return 0;
	struct env env = page_env(p, &res);
	const struct pages_answer a = {
		.env = &env,
		.asked = buf_slice(&r->url),
		.url = p->answer.url.n ? buf_slice(&p->answer.url) : buf_slice(&r->url),
		.records = p->n,
	};
	return pages_next(r->o->pages, &a, &p->next, err);
}

/* A page that is the same as the one before it. */
static int check_repeat(struct reader *r, struct page *p, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	uint64_t hash = hash_end(hash_add(HASH_START, buf_slice(&p->body))) | 1;
	bool same = p->n > 0 && hash == r->last_hash && pages_may_repeat(r->o->pages);
	r->last_hash = p->n > 0 ? hash : 0;
	if (!same)
		return 0;
	int end = pages_judge_repeat(r->o->pages, shown_url(r, &shown), err);
	if (end < 0)
		return -1;
	drop_items(p);
	p->is_end = true;
	return 0;
}

/* The page's records, and which of them are taken. */
static int use_page(struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	int done = 0;
	if (!p->is_end && split_page(r->o, p, err) < 0)
		return -1;
	if (check_repeat(r, p, err) < 0 || find_next(r, p, err) < 0)
		return -1;
	if (r->since && p->since.n == 0)
		done = since_put(r->since, &p->since);
	if (done < 0)
		return fail_errno(err, FAULT_TOO_LARGE, done, "what is known does not fit");
	return judge_items(r, p, err);
}

/* ---- the inbox --------------------------------------------------------------------------------------- */

static int keep_page(const struct reader *r, const struct page *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { 0 };
	struct json_writer w = json_writer(&about);
	json_open(&w, '{');
	json_key(&w, "asked");
	json_put_string(&w, text_slice(p->base));
	json_key(&w, "url");
	json_put_string(&w, buf_slice(&p->answer.url));
	json_key(&w, "status");
	json_put_int(&w, p->answer.status);
	json_key(&w, "headers");
	json_put_raw(&w, p->headers.n ? buf_slice(&p->headers) : S("{}"));
	json_key(&w, "number");
	json_put_int(&w, (int64_t)p->number);
	if (p->since.n) {
		json_key(&w, "since");
		json_put_raw(&w, buf_slice(&p->since));
	}
	json_close(&w, '}');
	int done = json_writer_end(&w);
	if (done < 0)
		return fail_errno(err, FAULT_TOO_LARGE, done, "the answer's headers do not fit");
	return intake_keep(r->intake, r->split, text_slice(p->base), p->n, buf_slice(&about),
			   buf_slice(&p->body), err);
}

static int read_about(struct page *p, struct buf *asked, struct slice about)
{
	struct slice url, from, status, headers;
	int64_t code;
	if (!json_field(about, S("asked"), &from) || !json_field(about, S("url"), &url) ||
	    !json_field(about, S("status"), &status) ||
	    !json_field(about, S("headers"), &headers) || units_int(status, &code) < 0 ||
	    json_unquote(from, asked) < 0 || json_unquote(url, &p->answer.url) < 0)
		return -EBADMSG;
	p->answer.status = (int)code;
	p->number = json_field(about, S("number"), &from) && units_int(from, &code) == 0
			    ? (uint64_t)code
			    : 0; /* an older version kept it */
	if (json_field(about, S("since"), &from) && buf_add(&p->since, from) < 0)
		return -EMSGSIZE;
	return buf_add(&p->headers, headers);
}

/* 1: the page as it was when it was asked for; 0: it was not kept. The first URL may be another one today: its page is the
 * first that was kept. */
static int kept_page(struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { 0 }, asked = { 0 };
	struct slice base = r->begun ? buf_slice(&r->url) : S("");
	p->body.max = SIZE_MAX / 2; /* its size has a ceiling: max_body */
	int found = intake_kept(r->intake, r->split, base, &about, &p->body, err);
	if (found <= 0)
		return found;
	if (read_about(p, &asked, buf_slice(&about)) < 0)
		return fail(err, FAULT_BROKEN, "a page that was kept makes no sense: %.*s",
			    SLICE(slice_head(buf_slice(&about), 200)));
	buf_done(&r->url);
	r->url = buf_take(&asked);
	r->number = p->number ? p->number - 1 : r->number;
	p->is_end = p->number != 1 && ends_list(r, p->answer.status);
	return r->since && p->since.n
		       ? (since_read(r->since, buf_slice(&p->since), err) < 0 ? -1 : 1)
		       : 1;
}

static int ask_page(struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	return fetch(r, &p->answer, err) < 0 || want_headers(r->o, p, err) < 0
		       ? -1
		       : read_body(r, p, err);
}

/* ---- and on ------------------------------------------------------------------------------------------ */

static int check_circle(struct reader *r, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	if (seen_add(&r->seen, buf_slice(&r->url)))
		return 0;
	struct slice url = shown_url(r, &shown);
	return fail(err, FAULT_CONFIG, "the pages go in a circle: %.*s was read before",
		    SLICE(url));
}

static int check_most(const struct reader *r, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	int64_t most = r->o->pages ? r->o->pages->max : 0;
	if (most == 0 || r->number < (uint64_t)most)
		return 0;
	struct slice url = shown_url(r, &shown);
	return fail(err, FAULT_CONFIG,
		    "%" PRId64 " pages were read, and there are more, at %.*s: raise pages.max, or "
		    "find out why the list does not end",
		    most, SLICE(url));
}

/* 1: r->url is the next page, 0: there is none. */
static int read_page(struct reader *r, uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(page_done) struct page p = { 0 };
	int kept = kept_page(r, &p, err);
	if (kept < 0 || check_circle(r, err) < 0 ||
	    (!kept && (check_most(r, err) < 0 || ask_page(r, &p, err) < 0)))
		return -1;
	r->begun = true;
	p.number = ++r->number;
	p.base = text_new(buf_slice(&r->url));
	if (use_page(r, &p, err) < 0 || (!kept && keep_page(r, &p, err) < 0) ||
	    admit_page(r, &p, skip, err) < 0)
		return -1;
	buf_done(&r->url);
	r->url = buf_take(&p.next);
	return r->url.n > 0;
}

/* Behind a finished run the position is what that one knew. */
static int begin_since(struct reader *r, const struct position **from, struct err *err) SUSPENDS
{
	struct slice text = *from ? text_slice((*from)->base) : (struct slice){ 0 };
	if (!r->o->since)
		return 0;
	r->since = since_new(r->o->since);
	if (!since_is_text(text))
		return 0;
	*from = NULL;
	return since_read(r->since, text, err);
}

static int first_url(const struct reader *r, struct buf *first, struct err *err) SUSPENDS
{
	const struct env env = { .record = S("null") };
	if (tpl_text(r->o->url, &env, first, err) < 0 ||
	    fields_put_query(&r->o->query, &env, first, err) < 0 ||
	    pages_first(r->o->pages, first, err) < 0)
		return -1;
	return r->since ? since_put_query(r->since, first, err) : 0;
}

static int begin(struct reader *r, const struct position *from, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf first = { 0 }, home = { 0 };
	const struct env env = { .record = S("null") };
	struct url url;
	if (begin_since(r, &from, err) < 0 || tls_open(&r->o->tls, r->site, &r->trust, err) < 0 ||
	    first_url(r, &first, err) < 0 ||
	    headers_make(&r->o->head, &env, r->arena, &r->headers, err) < 0 ||
	    origin_of(buf_slice(&first), &url, &home, err) < 0)
		return -1;
	r->begun = from != NULL;
	headers_for_stranger(&r->headers, r->arena, &r->stranger_headers);
	r->home = arena_copy(r->arena, buf_slice(&home));
	int done = buf_add(&r->url, from ? text_slice(from->base) : buf_slice(&first));
	return done < 0 ? fail_errno(err, FAULT_CONFIG, done, "the URL does not fit") : 0;
}

/* A run behind this one begins here. */
static int end_since(const struct reader *r, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	int done = r->since ? since_put_end(r->since, &text) : 0;
	if (done < 0)
		return fail_errno(err, FAULT_TOO_LARGE, done, "what is known does not fit");
	if (r->since)
		intake_onward(r->intake, r->split, buf_slice(&text));
	return 0;
}

static void reader_done(struct reader *r)
{
	arena_free(r->arena);
	oauth_done(&r->oauth);
	buf_done(&r->url);
	seen_done(&r->seen);
	since_free(r->since);
}

static int pages_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	AUTO(reader_done)
	struct reader r = {
		.site = site, .o = site->options, .intake = intake, .arena = arena_new()
	};
	r.split = intake_split(intake, "pages");
	r.line = split_line(r.split);
	const struct position *from = split_from(r.split);
	uint64_t skip = from ? from->offset : 0;
	if (begin(&r, from, err) < 0)
		return -1;
	int more = 1;
	for (; more > 0; skip = 0)
		more = read_page(&r, skip, err);
	return more < 0 ? -1 : end_since(&r, err);
}

const struct port from_http = {
	.name = "http",
	.doc = "read an HTTP API, page after page",
	.more = "`each` gives a page's records, `pages` says how to get to the next. Both see the "
		"answer as `.`, its headers as\n"
		"$res.headers. Failed pages are retried; an interrupted run asks for no page "
		"twice. "
		"Credentials are not sent along\n"
		"when a link leads to another origin.\n"
		"\n"
		"- `{next: .links.next}`: the answer holds the URL, absolute or relative\n"
		"- `{link: next}`: the Link header does (RFC 8288)\n"
		"- `{page: page, start: 1}`: page=1, page=2, ... until a page is empty\n"
		"- `{offset: offset, size: 100}`: offset=0&limit=100, ... until a page is empty\n"
		"- `{cursor: after, from: .next_cursor}`: the answer holds a word for the query\n"
		"\n"
		"With `since` a run behind a finished one asks only for what came since: "
		"from the largest cursor that was seen,\n"
		"less `lag`. A record that comes again unchanged is counted as a duplicate:\n"
		"`since: {query: updated_after, from: .updated_at, lag: 5m}`.\n"
		"\n"
		"    from:\n"
		"      http: https://api.example.com/orders\n"
		"      pages: {next: .links.next}\n"
		"      each: .orders[]\n"
		"    to: {sqlite: orders.db, table: orders, key: id}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct http_source),
	.plan = pages_plan,
	.run = pages_run,
};
