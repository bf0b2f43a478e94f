/* from_http.c - read an HTTP API, page after page
 *
 * What this room is for: lists that come in pages, each of which names the next.
 * What flows through:    a page's body into the inbox and into jq (`each`), its values out as records, one after the other.
 * What must hold:
 *  (1) a position is the page's URL and how many of its records were taken. A page is kept, whole and checked, before its first
 *      record is given: a resume reads it again where it was kept, and skips what was taken; nobody is asked for it twice.
 *  (2) records are collected before the first is admitted: admit parks, and jq must not be parked in.
 *  (3) a page that was read already is a loop, not more data: the source stops with a sentence.
 *  (4) credentials go to the origin of the file's own URL only; what a `next` link elsewhere gets is headers_for_stranger(). */
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/units.h"
#include "base/utf8.h"
#include "connectors/http_fields.h"
#include "connectors/http_headers.h"
#include "connectors/http_oauth.h"
#include "connectors/http_tls.h"
#include "connectors/lines.h"
#include "connectors/value.h"
#include "io/http_quota.h"
#include "io/url.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct pages_options {
	struct jq *next;
};
struct http_source {
	struct tpl *url;
	struct jq *each;
	struct pages_options *pages;
	struct opt_map query; /* v: struct tpl *[] */
	struct header_options head;
	uint64_t max_body;
	struct tls_options tls;
	char origin[288]; /* set by plan: where the first page is */
};

static const struct opt pages_options[] = {
	OPT("next", struct pages_options, next, OPT_JQ, struct jq *, .required = true,
	    .of_answer = true, .response = true,
	    .doc = "where the answer holds the next page's URL; null, missing or empty: no more "
		   "pages"),
	OPT_END,
};
static const struct opt options[] = {
	OPT("http", struct http_source, url, OPT_URL, struct tpl *, .verb = true, .required = true,
	    .secret = true, .at_plan = true, .doc = "URL of the first page"),
	OPT("each", struct http_source, each, OPT_JQ, struct jq *, .of_answer = true,
	    .response = true,
	    .doc = "a page's records; without it the elements of a list, or the answer itself"),
	OPT("pages", struct http_source, pages, OPT_TABLE, struct pages_options *,
	    .sub = pages_options, .sub_size = sizeof(struct pages_options),
	    .doc = "how to go on: {next: .links.next}"),
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
	facts->effect = EFFECT_READS;
	if (slice_starts(head, S("GET ")))
		diag_error(diag, NULL, "a source is always GET; leave the method out");
	else if (head.n && url_parse(head, &url, &why) == 0)
		keep_origin(o, &url, facts);
	else if (head.n && tpl_constant(o->url))
		diag_error(diag, NULL, "'%.*s' is not a URL: %s", SLICE(head), why);
	headers_check(&o->head, diag);
	tls_check(&o->tls, facts, diag);
	return 0;
}

/* ---- pages that were read ---------------------------------------------------------------------- */

struct seen { /* hashes of URLs, open addressing; 0: free */
	uint64_t *v;
	size_t n, cap;
};

static void seen_put(struct seen *s, uint64_t hash)
{
	size_t i = (size_t)hash & (s->cap - 1);
	while (s->v[i])
		i = (i + 1) & (s->cap - 1);
	s->v[i] = hash;
	s->n++;
}

static void seen_grow(struct seen *s)
{
	struct seen more = { .cap = s->cap ? s->cap * 2 : 64 };
	more.v = xcalloc(more.cap, sizeof(*more.v));
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i])
			seen_put(&more, s->v[i]);
	free(s->v);
	*s = more;
}

/* false: it was there already. */
static bool seen_add(struct seen *s, struct slice url)
{
	uint64_t hash = hash_end(hash_add(HASH_START, url)) | 1;
	if (s->n * 2 >= s->cap)
		seen_grow(s);
	for (size_t i = (size_t)hash & (s->cap - 1); s->v[i]; i = (i + 1) & (s->cap - 1))
		if (s->v[i] == hash)
			return false;
	seen_put(s, hash);
	return true;
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
	uint64_t line;
};

struct page {
	struct text *base; /* its URL, shared by its records' positions */
	struct http_response answer;
	struct buf headers; /* as JSON, when somebody asks */
	struct buf body;    /* compact JSON; empty: there was none */
	struct buf next;    /* URL; empty: it is the last */
	struct rec **recs;
	size_t n, cap;
	uint64_t skip, taken;
};

static void page_done(struct page *p)
{
	text_unref(p->base);
	http_response_done(&p->answer);
	buf_done(&p->headers);
	buf_done(&p->body);
	buf_done(&p->next);
	for (size_t i = 0; i < p->n; i++)
		rec_unref(p->recs[i]);
	free(p->recs);
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

static int judge(const struct reader *r, const struct http_response *a, struct slice lane,
		 struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 }, excerpt = { 0 };
	int64_t pause = pause_of(a);
	if (pause > 0)
		site_lane_pause(r->site, lane, pause);
	if (a->status >= 200 && a->status < 300)
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

static int read_body(const struct reader *r, struct page *p, struct err *err)
{
	AUTO(buf_done) struct buf shown = { 0 };
	struct json_error where = { 0 };
	struct slice raw = buf_slice(&p->answer.body);
	if (slice_trim(raw).n == 0)
		return 0;
	int done = json_compact(raw, &p->body, &where);
	if (done == 0)
		return 0;
	struct slice url = shown_url(r, &shown);
	return fail(err, FAULT_INVALID_JSON, "the answer of %.*s is not JSON: %s at byte %zu",
		    SLICE(url), where.what ? where.what : "too large", where.offset);
}

/* ---- its records ----------------------------------------------------------------------------------- */

static int collect(void *arg, struct slice value, struct err *err)
{
	struct page *p = arg;
	(void)err;
	if (p->taken++ < p->skip)
		return 0;
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->recs = xrealloc(p->recs, p->cap, sizeof(struct rec *));
	}
	p->recs[p->n++] = rec_new(value);
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

static int admit_item(struct reader *r, const struct page *p, struct rec *rec, uint64_t taken,
		      struct err *err) SUSPENDS
{
	struct err why = { 0 };
	bool good = value_check_object(rec_json(rec), "each", &why) == 0;
	if (!good) {
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
			     .fault = good ? NULL : &why,
		     },
		     err);
}

static uint64_t page_bytes(const struct page *p)
{
	uint64_t bytes = p->answer.body.cap + p->body.cap;
	for (size_t i = 0; i < p->n; i++)
		bytes += rec_bytes(p->recs[i]);
	return bytes;
}

static int admit_page(struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	uint64_t first = p->taken - p->n;
	int done = 0;
	intake_hold(r->intake, page_bytes(p));
	for (size_t i = 0; i < p->n && done == 0; i++)
		done = admit_item(r, p, take(p->recs[i]), first + i + 1, err);
	intake_hold(r->intake, 0);
	return done;
}

/* ---- from page to page ------------------------------------------------------------------------------- */

static int want_headers(const struct http_source *o, struct page *p, struct err *err)
{
	bool wanted = (o->each && jq_wants_about(o->each)) ||
		      (o->pages && jq_wants_about(o->pages->next));
	int r = wanted ? headers_put_json(&p->answer, &p->headers) : 0;
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the answer's headers do not fit") : 0;
}

/* The text of the next link; an empty one: no more pages. */
static int next_link(const struct http_source *o, const struct page *p, struct buf *link,
		     struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf value = { 0 };
	struct env_response res;
	if (!o->pages)
		return 0;
	struct env env = page_env(p, &res);
	int n = jq_one(o->pages->next, &env, &value, err);
	if (n <= 0)
		return n;
	struct slice text = json_trim(buf_slice(&value));
	enum json_type type = json_type(text);
	if (type == JSON_NULL || type == JSON_FALSE)
		return 0;
	if (type != JSON_STRING)
		return fail(err, FAULT_CONFIG, "pages.next gave %s, not a URL: %.*s",
			    value_type_name(text), SLICE(utf8_head(text, 80)));
	int r = json_unquote(text, link);
	return r < 0 ? fail_errno(err, FAULT_TOO_LARGE, r, "the next page's URL is too long") : 0;
}

static int find_next(const struct reader *r, struct page *p, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf link = { 0 };
	if (next_link(r->o, p, &link, err) < 0)
		return -1;
	struct slice text = slice_trim(buf_slice(&link));
	struct slice here = p->answer.url.n ? buf_slice(&p->answer.url) : buf_slice(&r->url);
	struct url url;
	const char *why = "it does not parse";
	if (text.n == 0)
		return 0;
	if (url_resolve(here, text, &p->next) == 0 &&
	    url_parse(buf_slice(&p->next), &url, &why) == 0)
		return 0;
	return fail(err, FAULT_CONFIG, "pages.next gave '%.*s', which is not a URL: %s",
		    SLICE(utf8_head(text, 200)), why);
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
	return 1;
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

/* 1: r->url is the next page, 0: there is none. */
static int read_page(struct reader *r, uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(page_done) struct page p = { .skip = skip };
	int kept = kept_page(r, &p, err);
	if (kept < 0 || check_circle(r, err) < 0 || (!kept && ask_page(r, &p, err) < 0))
		return -1;
	r->begun = true;
	p.base = text_new(buf_slice(&r->url));
	if (split_page(r->o, &p, err) < 0 || find_next(r, &p, err) < 0 ||
	    (!kept && keep_page(r, &p, err) < 0) || admit_page(r, &p, err) < 0)
		return -1;
	buf_done(&r->url);
	r->url = buf_take(&p.next);
	return r->url.n > 0;
}

static int begin(struct reader *r, const struct position *from, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf first = { 0 }, home = { 0 };
	const struct env env = { .record = S("null") };
	struct url url;
	if (tls_open(&r->o->tls, r->site, &r->trust, err) < 0 ||
	    tpl_text(r->o->url, &env, &first, err) < 0 ||
	    fields_put_query(&r->o->query, &env, &first, err) < 0 ||
	    headers_make(&r->o->head, &env, r->arena, &r->headers, err) < 0 ||
	    origin_of(buf_slice(&first), &url, &home, err) < 0)
		return -1;
	r->begun = from != NULL;
	headers_for_stranger(&r->headers, r->arena, &r->stranger_headers);
	r->home = arena_copy(r->arena, buf_slice(&home));
	int done = buf_add(&r->url, from ? text_slice(from->base) : buf_slice(&first));
	return done < 0 ? fail_errno(err, FAULT_CONFIG, done, "the URL does not fit") : 0;
}

static void reader_done(struct reader *r)
{
	arena_free(r->arena);
	oauth_done(&r->oauth);
	buf_done(&r->url);
	free(r->seen.v);
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
	return more;
}

const struct port from_http = {
	.name = "http",
	.doc = "read an HTTP API, page after page",
	.more = "`each` gives a page's records, `pages.next` the URL of the next page, absolute or "
		"relative. Both see the answer as\n"
		"`.`, its headers as $res.headers. Failed pages are retried; an interrupted run "
		"asks for no page twice.\n"
		"Credentials are not sent along when `next` leads to another origin.\n"
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
