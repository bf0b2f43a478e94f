/* place.c - from an answer to records, page by page
 *
 * What this room is for: see place.h.
 *
 *   body --inflate--> pieces --feed.h--> entries --known.h--> new ones --page--> inbox --> admit
 *
 * What flows through:    one answer at a time: who parses does not wait for the net, and admits alone.
 * What must hold:
 *  (1) a page carries what is known behind it: in the middle of an answer the old validators, so that the rest is asked for again. (2) the
 *      failures of a feed are a split of their own: whether one comes does not move the ordinals of its entries, whatever comes first after
 *      a crash. (3) a streak of failures is one dead letter, also over a crash in the middle of it. (4) the first page of
 *      a run() says which feeds had answered 304 by then: who goes on behind it does not ask them again. */
#include "connectors/feeds/place.h"
#include "base/banned.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "connectors/feeds/feed.h"
#include "io/http/http_inflate.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PAGE_BYTES = 1 << 20, PIECE = 64 << 10, PACKED_PIECE = 8 << 10, PIECE_MAX = 16 << 20 };
enum { FOUND_MAX = 2048 }; /* a link of each entry begins with it */
#define INFLATED_MAX (UINT64_C(256) << 20)
#define FAILING      " (failing)"

void place_done(struct feed_place *p)
{
	known_done(&p->known);
	free(take(p->fault));
}

/* ---- pages ----------------------------------------------------------------------------------- */

struct page {
	/* JSON array; of an entry that is too large, an array with what is said of it */
	struct buf value;
	struct buf about;
	uint64_t n;
};

static void page_done(struct page *page)
{
	buf_done(&page->value);
	buf_done(&page->about);
}

static int fail_large(const struct feed_place *p, struct err *err)
{
	AUTO(buf_done) struct buf size = { .max = 32 };
	(void)!units_put_size(&size, p->o->most);
	return fail(err, FAULT_TOO_LARGE, "an entry of %s has more than %.*s", p->feed->name,
		    SLICE(buf_slice(&size)));
}

static int admit_one(struct feed_place *p, struct intake *in, struct text *base, uint64_t taken,
		     struct slice value, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf guid = { 0 };
	struct slice raw;
	struct err why = { 0 };
	bool large = json_type(value) == JSON_ARRAY && json_index(value, 0, &value);
	if (large)
		fail_large(p, &why);
	if (!p->o->updates && json_field(value, S("guid"), &raw) && json_unquote(raw, &guid) < 0)
		buf_clear(&guid);
	return admit(in,
		     &(struct arrival){ .rec = rec_new(value),
					.split = p->split,
					.next = { base, taken },
					.id = buf_slice(&guid),
					.line = ++p->line,
					.fault = large ? &why : NULL },
		     err);
}

/* Those behind the first `skip`, which were taken already. */
static int admit_page(struct feed_place *p, struct intake *in, const struct page *page,
		      uint64_t skip, struct err *err) SUSPENDS
{
	char name[24];
	snprintf(name, sizeof(name), "%" PRIu64, p->known.answers);
	struct text *base = text_new(slice_str(name));
	struct json_iter it = json_iter(buf_slice(&page->value));
	struct slice key, value;
	uint64_t taken = 0;
	int r = 0;
	while (r == 0 && json_next(&it, &key, &value))
		if (taken++ >= skip)
			r = admit_one(p, in, base, taken, value, err);
	text_unref(base);
	return r;
}

static int put_about(const struct feed_place *p, struct page *page, bool last)
{
	AUTO(buf_done) struct buf known = { 0 };
	int r = known_put(&p->known, &known);
	struct json_writer w = json_writer(&page->about);
	json_open(&w, '{');
	json_key(&w, "records");
	json_put_int(&w, (int64_t)page->n);
	json_key(&w, "last");
	json_put_bool(&w, last);
	json_key(&w, "known");
	json_put_raw(&w, buf_slice(&known));
	if (!p->o->now->told && p->o->now->n) {
		json_key(&w, "unchanged");
		unchanged_put(p->o->now, &w);
	}
	p->o->now->told = true;
	json_close(&w, '}');
	return r < 0 ? r : json_writer_end(&w);
}

static int give_page(struct feed_place *p, struct intake *in, struct page *page, bool last,
		     struct err *err) SUSPENDS
{
	char name[24];
	if (page->n == 0)
		return 0;
	p->known.answers++;
	p->taken += page->n;
	snprintf(name, sizeof(name), "%" PRIu64, p->known.answers);
	if (buf_add_char(&page->value, ']') < 0 || put_about(p, page, last) < 0)
		return fail(err, FAULT_TOO_LARGE, "the entries of %s do not fit", p->feed->name);
	if (intake_keep(in, p->split, slice_str(name), page->n, buf_slice(&page->about),
			buf_slice(&page->value), err) < 0 ||
	    admit_page(p, in, page, 0, err) < 0)
		return -1;
	buf_clear(&page->value);
	buf_clear(&page->about);
	page->n = 0;
	return 0;
}

/* ---- going on -------------------------------------------------------------------------------- */

static int fail_kept(const struct feed_place *p, struct slice what, struct err *err)
{
	return fail(err, FAULT_BROKEN, "what was kept of %s makes no sense: %.*s", p->feed->name,
		    SLICE(slice_head(what, 120)));
}

static int read_known(struct feed_place *p, struct slice text, struct err *err)
{
	known_done(&p->known);
	return known_read(&p->known, text) < 0 ? fail_kept(p, text, err) : 0;
}

static int use_kept(struct feed_place *p, struct intake *in, struct page *page, uint64_t skip,
		    struct err *err) SUSPENDS
{
	struct slice about = buf_slice(&page->about), n, last, known, unchanged;
	int64_t records;
	if (!json_field(about, S("records"), &n) || units_int(n, &records) < 0 ||
	    !json_field(about, S("last"), &last) || !json_field(about, S("known"), &known))
		return fail_kept(p, about, err);
	if (read_known(p, known, err) < 0)
		return -1;
	p->asked = json_type(last) == JSON_TRUE && skip < (uint64_t)records;
	if (skip < (uint64_t)records && json_field(about, S("unchanged"), &unchanged))
		unchanged_read(p->o->before, unchanged);
	return admit_page(p, in, page, skip, err);
}

/* 1: the page behind the last one that is known was kept, and is done. */
static int go_on(struct feed_place *p, struct intake *in, uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(page_done) struct page page = { .value.max = SIZE_MAX / 2 };
	char name[24];
	snprintf(name, sizeof(name), "%" PRIu64, p->known.answers + 1);
	int found = intake_kept(in, p->split, slice_str(name), &page.about, &page.value, err);
	if (found <= 0)
		return found;
	return use_kept(p, in, &page, skip, err) < 0 ? -1 : 1;
}

/* A position is what is known, behind a round, or a page's name and how much of it was taken. */
int place_open(struct feed_place *p, struct intake *in, struct err *err)
{
	const struct position *from = split_from(p->split);
	struct slice base = from ? text_slice(from->base) : (struct slice){ 0 };
	bool in_page = base.n && base.p[0] != '{';
	uint64_t skip = in_page ? from->offset : 0;
	int64_t number = 0;
	p->line = split_line(p->split);
	if (base.n && !in_page && read_known(p, base, err) < 0)
		return -1;
	if (in_page && (units_int(base, &number) < 0 || number < 1))
		return fail_kept(p, base, err);
	if (in_page)
		p->known.answers = (uint64_t)number - 1;
	int found = go_on(p, in, skip, err);
	if (found == 0 && in_page)
		p->known.answers = (uint64_t)number;
	while (found > 0)
		found = go_on(p, in, 0, err);
	return found;
}

/* ---- an answer ------------------------------------------------------------------------------- */

struct taking {
	struct feed_place *place;
	struct page page;
	struct feed *feed;
	bool failed; /* an entry could not be put down: no memory */
};

static void on_entry(void *arg, struct entry *e, const struct feed_about *about)
{
	struct taking *t = arg;
	struct feed_place *p = t->place;
	struct page *page = &t->page;
	uint64_t digest;
	if (++p->entries > p->o->max_entries) {
		p->left_out++;
		return;
	}
	if (entry_digest(e, p->o->updates, &digest) < 0) {
		t->failed = true;
		return;
	}
	enum known_kind kind = known_look(&p->known, digest);
	p->twins += kind == ENTRY_TWIN;
	if (kind != ENTRY_NEW)
		return;
	int r = buf_add_char(&page->value, page->n++ ? ',' : '[');
	r = r < 0 || !e->too_large ? r : buf_add_char(&page->value, '[');
	r = r < 0 ? r : entry_put_json(e, about, &page->value);
	r = r < 0 || !e->too_large ? r : buf_add_char(&page->value, ']');
	t->failed |= r < 0;
}

/* Gives what is complete, when it is much; others may run in between. -1 with *err: the run cannot go on. */
static int breathe(struct taking *t, struct intake *in, struct err *err) SUSPENDS
{
	if (t->failed)
		return fail(err, FAULT_IO, "out of memory while reading %s", t->place->feed->name);
	if (t->page.value.n >= PAGE_BYTES && give_page(t->place, in, &t->page, false, err) < 0)
		return -1;
	return hk_yield() < 0 ? fail(err, FAULT_CANCELLED, "stopped") : 0;
}

/* 0; 1: the feed is at fault, *why; -1: the run cannot go on. */
static int push(struct taking *t, struct intake *in, struct slice bytes, struct err *why,
		struct err *err) SUSPENDS
{
	while (bytes.n) {
		struct slice piece = slice_head(bytes, PIECE);
		bytes = slice_from(bytes, piece.n);
		if (feed_push(t->feed, piece, why) < 0)
			return 1;
		if (breathe(t, in, err) < 0)
			return -1;
	}
	return 0;
}

static int push_packed(struct taking *t, struct intake *in, struct http_inflate *packing,
		       struct slice body, struct err *why, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf plain = { .max = PIECE_MAX };
	const char *what = "out of memory";
	uint64_t all = 0;
	int r = 0;
	while (body.n && r == 0) {
		struct slice piece = slice_head(body, PACKED_PIECE);
		body = slice_from(body, piece.n);
		buf_clear(&plain);
		int done = http_inflate_add(packing, piece, &plain, &what);
		if (done < 0) {
			fail(why, done == -EBADMSG ? FAULT_PROTOCOL : FAULT_TOO_LARGE, "%s", what);
			return 1;
		}
		all += plain.n;
		if (all > INFLATED_MAX) {
			fail(why, FAULT_TOO_LARGE, "it has more than 256 MB when it is unpacked");
			return 1;
		}
		r = push(t, in, buf_slice(&plain), why, err);
	}
	if (r != 0 || http_inflate_end(packing) == 0)
		return r;
	fail(why, FAULT_TRUNCATED, "its compressed body is cut off");
	return 1;
}

static int push_body(struct taking *t, struct intake *in, const struct http_response *a,
		     struct err *why, struct err *err) SUSPENDS
{
	struct http_inflate_spare spare = { 0 };
	struct http_inflate *packing = NULL;
	struct slice coding = { 0 };
	(void)http_response_header(a, "Content-Encoding", &coding);
	if (http_inflate_open(&spare, coding, &packing) < 0) {
		fail(why, FAULT_PROTOCOL, "its Content-Encoding '%.*s' was not asked for",
		     SLICE(slice_head(coding, 40)));
		return 1;
	}
	int r = packing ? push_packed(t, in, packing, buf_slice(&a->body), why, err)
			: push(t, in, buf_slice(&a->body), why, err);
	http_inflate_close(&spare, packing);
	http_inflate_spare_done(&spare);
	if (r == 0 && feed_end(t->feed, why) < 0)
		r = 1;
	return r < 0 || breathe(t, in, err) == 0 ? r : -1;
}

/* "windows-1252" of "text/xml; charset=windows-1252". */
static struct slice charset_of(const struct http_response *a)
{
	struct slice type, part, name, value;
	if (!http_response_header(a, "Content-Type", &type))
		return (struct slice){ 0 };
	for (bool more = true; more;) {
		more = slice_cut(type, ';', &part, &type);
		if (!slice_cut(slice_trim(part), '=', &name, &value) ||
		    !slice_eq_nocase(slice_trim(name), S("charset")))
			continue;
		value = slice_trim(value);
		bool quoted = value.n > 1 && value.p[0] == '"' && slice_ends(value, S("\""));
		return quoted ? slice_from(slice_head(value, value.n - 1), 1) : value;
	}
	return (struct slice){ 0 };
}

/* What was changed within the second in which it was sent may change once more without a new date (RFC 9110 8.8.2.2). */
static bool may_change_unseen(const struct http_response *r, struct slice modified)
{
	struct slice date;
	int64_t changed, sent;
	return http_response_header(r, "Date", &date) && clock_parse_http_date(date, &sent) == 0 &&
	       clock_parse_http_date(modified, &changed) == 0 && sent - changed < HK_SEC;
}

static void note_reply(struct feed_place *p, const struct reply *reply, bool whole)
{
	struct slice etag = { 0 }, modified = { 0 }, to = buf_slice(&reply->http.url);
	(void)http_response_header(&reply->http, "ETag", &etag);
	(void)http_response_header(&reply->http, "Last-Modified", &modified);
	known_end(&p->known, whole);
	if (etag.n == 0 && may_change_unseen(&reply->http, modified))
		modified = (struct slice){ 0 };
	if (whole)
		known_set_validators(&p->known, etag, modified);
	p->moved_now = reply->http.moved && !slice_eq(to, buf_slice(&p->known.moved));
	buf_clear(&p->known.moved);
	if (reply->http.moved && buf_add(&p->known.moved, to) < 0)
		buf_clear(&p->known.moved);
}

int place_take(struct feed_place *p, struct intake *in, const struct reply *reply, struct err *err)
{
	struct err why = { 0 };
	struct taking t = { .place = p, .page.value.max = SIZE_MAX / 2 };
	struct slice found = buf_slice(&reply->http.url);
	const struct feed_options options = {
		.url = slice_str(p->feed->name),
		.found = found.n && found.n <= FOUND_MAX ? found : p->feed->url,
		.charset = charset_of(&reply->http),
		.most = p->o->most,
		.on_entry = on_entry,
		.arg = &t,
	};
	t.feed = feed_new(&options);
	int r = push_body(&t, in, &reply->http, &why, err);
	feed_free(t.feed);
	if (r >= 0)
		note_reply(p, reply, r == 0);
	if (r > 0)
		place_failed(p, &why);
	if (r == 0)
		place_unchanged(p);
	if (r >= 0)
		r = give_page(p, in, &t.page, true, err);
	page_done(&t.page);
	return r;
}

void place_unchanged(struct feed_place *p)
{
	p->recovered = p->known.failing;
	p->known.failing = false;
}

void place_recall(struct feed_place *p, struct intake *in)
{
	if (p->asked || !unchanged_has(p->o->before, p->feed->name))
		return;
	p->asked = true;
	place_unchanged(p);
	intake_heard(in);
}

void place_failed(struct feed_place *p, const struct err *why)
{
	free(p->fault);
	p->fault = xcalloc(1, sizeof(*p->fault));
	*p->fault = *why;
	err_wrap(p->fault, "%s", p->feed->name);
}

/* ---- behind it ------------------------------------------------------------------------------- */

/* In a split of its own: "failing 12", while 12 answers had been kept. */
static int admit_failure(struct feed_place *p, struct intake *in, struct split *failures,
			 struct slice base, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf json = { 0 };
	const struct feed_about about = { .url = slice_str(p->feed->name) };
	if (buf_add(&json, S("{\"feed\":{\"url\":")) < 0 || json_quote(about.url, &json) < 0 ||
	    buf_add(&json, S("}}")) < 0)
		return fail(err, FAULT_IO, "out of memory");
	struct text *text = text_new(base);
	int r = admit(in,
		      &(struct arrival){ .rec = rec_take(&json),
					 .split = failures,
					 .next = { text, 1 },
					 .fault = p->fault },
		      err);
	text_unref(text);
	return r;
}

static struct split *failures_of(const struct feed_place *p, struct intake *in)
{
	AUTO(freep) char *name = xcalloc(strlen(p->feed->name) + sizeof(FAILING), 1);
	memcpy(name, p->feed->name, strlen(p->feed->name));
	memcpy(name + strlen(p->feed->name), FAILING, sizeof(FAILING));
	return intake_split(in, name);
}

static int end_failing(struct feed_place *p, struct intake *in, struct err *err) SUSPENDS
{
	char name[40];
	struct split *failures = failures_of(p, in);
	const struct position *from = split_from(failures);
	snprintf(name, sizeof(name), "failing %" PRIu64, p->known.answers);
	bool told = p->known.failing || (from && slice_eq(text_slice(from->base), slice_str(name)));
	p->known.failing = true;
	return told ? 0 : admit_failure(p, in, failures, slice_str(name), err);
}

int place_end(struct feed_place *p, struct intake *in, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	if (p->fault && end_failing(p, in, err) < 0)
		return -1;
	if (p->recovered) {
		intake_onward(in, failures_of(p, in), S("well"));
		intake_renew(in);
	}
	if (known_put(&p->known, &text) < 0)
		return fail(err, FAULT_TOO_LARGE, "what is known of %s does not fit",
			    p->feed->name);
	intake_onward(in, p->split, buf_slice(&text));
	return 0;
}
