/* site.c - a request becomes a feed, a page, "not modified", or what its address has in store for it
 *
 * What this room is for: the far side of a reader of feeds, with what happens there in a week: papers that move, close, are slow, send half of
 *   a document or another one.
 * What flows through:
 *
 *   /feed/N --> moved 301 302 | gone 404 410 | 500 twice | 304 | HTML | cut off | with an entity | gzip | plain
 *   page   ---> moved 301 | gone 404 | 500 twice | 100 MB | gzip | plain
 * What must hold: site.h. */
#include "site.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "feed.h"
#include "markup.h"
#include "page.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <stdlib.h>
#include <zlib.h>

enum mishap {
	GOOD,
	CUT_OFF,
	IS_HTML,
	NOT_FOUND,
	GONE,
	FAILS_TWICE,
	SLOW,
	MOVED,
	MOVED_FOUND,
	MOVED_TWICE,
	ENTITY,
	GIANT
};

static const char *const mishap_names[] = { "good",        "cut_off",     "is_html", "not_found",
					    "gone",        "fails_twice", "slow",    "moved",
					    "moved_found", "moved_twice", "entity",  "giant" };

static const struct {
	unsigned paper;
	enum mishap mishap;
} feed_mishaps[] = {
	{ 3, CUT_OFF },       { 16, IS_HTML }, { 29, NOT_FOUND }, { 42, GONE },
	{ 55, FAILS_TWICE },  { 68, SLOW },    { 81, MOVED },     { 94, MOVED_FOUND },
	{ 107, MOVED_TWICE }, { 12, ENTITY },
};

static enum mishap feed_mishap(const struct site *s, unsigned paper)
{
	for (size_t i = 0; s->mishaps && i < ARRAY_SIZE(feed_mishaps); i++)
		if (feed_mishaps[i].paper == paper)
			return feed_mishaps[i].mishap;
	return GOOD;
}

static enum mishap page_mishap(const struct site *s, const struct article *a)
{
	static const enum mishap of_hundred[] = { NOT_FOUND, FAILS_TWICE, FAILS_TWICE,
						  MOVED,     MOVED,       SLOW };
	if (!s->mishaps)
		return GOOD;
	if (a->day == 1 && a->paper == 21 && a->slot == 1)
		return GIANT;
	uint64_t drawn = grammar_draw(a->telling, S("mishap"), 100);
	return drawn < ARRAY_SIZE(of_hundred) ? of_hundred[drawn] : GOOD;
}

/* ---- answers ---- */

static const int statuses[STATUS_KINDS] = { 200, 301, 302, 304, 404, 405, 410, 500, 503, 400, 0 };

static void count(struct tally *t, const struct http_reply *reply)
{
	size_t i = 0;
	int status = reply->status ? reply->status : 200;
	while (statuses[i] && statuses[i] != status)
		i++;
	t->by_status[i]++;
	t->bytes += reply->body.n;
}

/* What cannot be written for lack of memory is not answered at all. */
static void must(struct http_reply *reply, int r)
{
	reply->drop |= r < 0;
}

static void answer(struct http_reply *reply, int status, const char *text)
{
	reply->status = status;
	reply->content_type = "text/plain";
	must(reply, buf_add(&reply->body, slice_str(text)));
}

static void move(struct http_reply *reply, int status, const char *before, struct slice rest)
{
	reply->status = status;
	must(reply, buf_printf(&reply->lines, "Location: %s%.*s\r\n", before, SLICE(rest)));
}

static bool accepts_gzip(const struct http_incoming *in)
{
	struct slice codings = { 0 };
	http_incoming_header(in, "Accept-Encoding", &codings);
	return codings.n && memmem(codings.p, codings.n, "gzip", 4);
}

static int gzip(struct buf *text)
{
	AUTO(buf_done) struct buf out = { 0 };
	z_stream z = { 0 };
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	size_t most = deflateBound(&z, text->n);
	int r = buf_reserve(&out, most);
	if (r == 0) {
		z.next_in = (unsigned char *)text->p;
		z.avail_in = (unsigned)text->n;
		z.next_out = (unsigned char *)out.p;
		z.avail_out = (unsigned)most;
		r = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
		buf_added(&out, z.total_out);
	}
	deflateEnd(&z);
	if (r == 0) {
		buf_done(text);
		*text = buf_take(&out);
	}
	return r;
}

static void send_small(const struct http_incoming *in, struct http_reply *reply)
{
	if (!accepts_gzip(in) || !reply->body.n)
		return;
	must(reply, gzip(&reply->body));
	must(reply,
	     buf_add(&reply->lines, S("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n")));
}

static void wait_for(int64_t ns, struct http_reply *reply) SUSPENDS
{
	if (ns > 0)
		must(reply, hk_sleep(ns));
}

/* ---- feeds ---- */

/* Most papers send both validators, some one, a few none. */
static bool sends_etag(unsigned paper)
{
	return paper % 10 != 9 && paper % 30 != 14;
}

static bool sends_date(unsigned paper)
{
	return paper % 30 != 14;
}

static bool unchanged(const struct http_incoming *in, unsigned paper, const char *etag,
		      int64_t modified_ns)
{
	struct slice seen;
	int64_t since;
	if (sends_etag(paper) && http_incoming_header(in, "If-None-Match", &seen))
		return slice_eq_str(seen, etag);
	return sends_date(paper) && http_incoming_header(in, "If-Modified-Since", &seen) &&
	       clock_parse_http_date(seen, &since) == 0 && since >= modified_ns / HK_SEC * HK_SEC;
}

static void add_validators(struct http_reply *reply, unsigned paper, const char *etag,
			   int64_t modified_ns)
{
	if (sends_etag(paper))
		must(reply, buf_printf(&reply->lines, "ETag: %s\r\n", etag));
	if (!sends_date(paper))
		return;
	must(reply, buf_add(&reply->lines, S("Last-Modified: ")));
	must(reply, markup_put_mail_date(&reply->lines, modified_ns));
	must(reply, buf_add(&reply->lines, S("\r\n")));
}

static struct slice base_of(const struct http_incoming *in, char *room, size_t n)
{
	struct slice host = { 0 };
	http_incoming_header(in, "Host", &host);
	snprintf(room, n, "http://%.*s", SLICE(host));
	return slice_str(room);
}

static const char entity_feed[] =
	"<?xml version=\"1.0\"?>\n<!DOCTYPE rss [<!ENTITY leak SYSTEM "
	"\"file:///etc/passwd\"><!ENTITY a \"aaaaaaaaaa\">"
	"<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n<rss "
	"version=\"2.0\"><channel><title>&c;</title>"
	"<item><title>&leak;</title><link>http://127.0.0.1/leak</link><guid>leak</guid></item></"
	"channel></rss>\n";

static void write_feed(struct site *s, const struct http_incoming *in, unsigned paper,
		       enum mishap mishap, struct http_reply *reply) SUSPENDS
{
	char base[128], etag[48];
	int64_t modified = feed_modified_ns(&s->press, paper);
	snprintf(etag, sizeof(etag), "\"%u-%u-%x\"", paper, press_changed(&s->press, paper),
		 (unsigned)s->press.seed);
	add_validators(reply, paper, etag, modified);
	if (unchanged(in, paper, etag, modified)) {
		reply->status = 304;
		return;
	}
	reply->content_type = feed_type(feed_format(paper));
	reply->body.max = SIZE_MAX / 2;
	must(reply, mishap == ENTITY ? buf_add(&reply->body, S(entity_feed))
				     : feed_put(&s->press, paper, base_of(in, base, sizeof(base)),
						&reply->body));
	if (mishap == CUT_OFF)
		buf_truncate(&reply->body, reply->body.n * 2 / 3);
	if (paper % 5 == 2)
		send_small(in, reply);
}

static void serve_feed(struct site *s, const struct http_incoming *in, struct slice number,
		       bool moved, struct http_reply *reply) SUSPENDS
{
	int64_t n;
	if (units_int(number, &n) < 0 || n < 0 || n >= PAPERS) {
		answer(reply, 404, "no such feed\n");
		return;
	}
	unsigned paper = (unsigned)n;
	enum mishap mishap = feed_mishap(s, paper);
	wait_for(mishap == SLOW ? s->slow_ns : s->latency_ns, reply);
	if (!moved && mishap == MOVED)
		move(reply, 301, "/moved/", number);
	else if (!moved && mishap == MOVED_FOUND)
		move(reply, 302, "/moved/", number);
	else if (!moved && mishap == MOVED_TWICE)
		move(reply, 302, "/feeds/", number);
	else if (mishap == NOT_FOUND)
		answer(reply, 404, "this paper is not here\n");
	else if (mishap == GONE)
		answer(reply, 410, "this paper has closed\n");
	else if (mishap == FAILS_TWICE && s->feed_tries[paper]++ % 3 < 2)
		answer(reply, 500, "the paper's database is away\n");
	else if (mishap == IS_HTML) {
		struct article a = article_of(&s->press, 1, paper, 0);
		reply->content_type = "text/html; charset=utf-8";
		must(reply, page_put(&a, &reply->body));
	} else
		write_feed(s, in, paper, mishap, reply);
}

/* ---- pages ---- */

enum { GIANT_LINES = 8192 }; /* in one go: not quite a megabyte */

/* Others are served meanwhile: filling so much takes long where the machine has other things to do. */
static void make_giant(struct site *s, struct http_reply *reply) SUSPENDS
{
	const struct slice filler = S("<!-- this line stands here a great many times, so that the "
				      "page is larger than anybody wants to read -->\n");
	reply->body.max = SIZE_MAX / 2;
	must(reply, buf_reserve(&reply->body, s->giant_bytes));
	for (size_t line = 1; !reply->drop && reply->body.n < s->giant_bytes; line++) {
		must(reply, buf_add(&reply->body, filler));
		if (line % GIANT_LINES == 0)
			must(reply, hk_yield());
	}
}

static bool fails(struct site *s, const struct article *a)
{
	unsigned char *tries = &s->page_tries[a->telling % PAGE_TRIES];
	return (*tries)++ % 3 < 2;
}

static void serve_page(struct site *s, const struct http_incoming *in, struct slice path,
		       bool moved, struct http_reply *reply) SUSPENDS
{
	struct article a;
	bool there = article_find(&s->press, path, &a);
	enum mishap mishap = there ? page_mishap(s, &a) : NOT_FOUND;
	wait_for(mishap == SLOW ? s->slow_ns : s->latency_ns, reply);
	if (mishap == NOT_FOUND) {
		answer(reply, 404, "no such page\n");
		return;
	}
	if (mishap == MOVED && !moved) {
		move(reply, 301, "/story", path);
		return;
	}
	if (mishap == FAILS_TWICE && fails(s, &a)) {
		answer(reply, 500, "the paper's database is away\n");
		return;
	}
	reply->content_type = "text/html; charset=utf-8";
	must(reply, page_put(&a, &reply->body));
	if (mishap == GIANT)
		make_giant(s, reply);
	else if (a.paper % 3 == 1)
		send_small(in, reply);
}

/* ---- what is true ---- */

static void put_truth(struct site *s, const struct article *a, struct slice base, struct buf *out,
		      struct http_reply *reply)
{
	AUTO(buf_done) struct buf url = { 0 }, title = { 0 }, text = { 0 };
	char event[24];
	snprintf(event, sizeof(event), "%016llx", (unsigned long long)a->event);
	must(reply, buf_add(&url, base));
	must(reply, article_put_path(a, &url));
	must(reply, article_put_title(a, &title));
	must(reply, article_put_text(a, &text));
	const struct {
		const char *key;
		struct slice value;
	} members[] = {
		{ "url", buf_slice(&url) },
		{ "topic", slice_str(a->beat->slug) },
		{ "paper", press_name(a->paper) },
		{ "title", buf_slice(&title) },
		{ "text", buf_slice(&text) },
		{ "event", slice_str(event) },
		{ "feed", slice_str(mishap_names[feed_mishap(s, a->paper)]) },
		{ "page", slice_str(mishap_names[page_mishap(s, a)]) },
	};
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_key(&w, members[i].key);
		json_put_string(&w, members[i].value);
	}
	json_close(&w, '}');
	must(reply, json_writer_end(&w));
	must(reply, buf_add_char(out, '\n'));
}

static void serve_truth(struct site *s, const struct http_incoming *in, unsigned from, unsigned to,
			struct http_reply *reply)
{
	char room[128];
	struct slice base = base_of(in, room, sizeof(room));
	reply->content_type = "application/jsonl";
	for (unsigned day = from; day <= to; day++)
		for (unsigned paper = 0; paper < PAPERS; paper++)
			for (unsigned slot = 0;
			     !reply->drop && slot < press_prints(&s->press, day, paper); slot++) {
				struct article a = article_of(&s->press, day, paper, slot);
				put_truth(s, &a, base, &reply->body, reply);
			}
}

static void put_tally(struct json_writer *w, const char *name, const struct tally *t)
{
	json_key(w, name);
	json_open(w, '{');
	json_key(w, "requests");
	json_put_int(w, (int64_t)t->requests);
	json_key(w, "most_at_once");
	json_put_int(w, (int64_t)t->most_at_once);
	json_key(w, "bytes");
	json_put_int(w, (int64_t)t->bytes);
	for (size_t i = 0; statuses[i]; i++) {
		char key[8];
		snprintf(key, sizeof(key), "%d", statuses[i]);
		json_key(w, key);
		json_put_int(w, (int64_t)t->by_status[i]);
	}
	json_close(w, '}');
}

static void serve_account(const struct site *s, struct http_reply *reply)
{
	struct json_writer w = json_writer(&reply->body);
	json_open(&w, '{');
	json_key(&w, "day");
	json_put_int(&w, s->press.day);
	put_tally(&w, "feeds", &s->feeds);
	put_tally(&w, "pages", &s->pages);
	json_close(&w, '}');
	must(reply, json_writer_end(&w));
}

static void serve_list(const struct http_incoming *in, struct http_reply *reply)
{
	char room[128];
	struct slice base = base_of(in, room, sizeof(room));
	reply->content_type = "text/plain; charset=utf-8";
	must(reply, buf_add(&reply->body, S("# one feed a line\n")));
	for (unsigned paper = 0; paper < PAPERS; paper++)
		must(reply, buf_printf(&reply->body, "%.*s/feed/%u\n", SLICE(base), paper));
}

static bool serve_admin(struct site *s, const struct http_incoming *in, struct http_reply *reply)
{
	if (slice_eq(in->path, S("/feeds.txt")))
		serve_list(in, reply);
	else if (slice_eq(in->path, S("/admin/account")))
		serve_account(s, reply);
	else if (slice_eq(in->path, S("/admin/articles")))
		serve_truth(s, in, 1, s->press.day, reply);
	else if (slice_eq(in->path, S("/admin/archive")))
		serve_truth(s, in, 0, 0, reply);
	else if (!slice_eq(in->path, S("/admin/day")))
		return false;
	else if (slice_eq(in->method, S("POST"))) {
		s->press.day++;
		serve_account(s, reply);
	} else
		answer(reply, 405, "POST begins another day\n");
	return true;
}

/* ---- the way in ---- */

static const struct {
	const char *prefix;
	bool feed, moved;
} routes[] = { { "/feed/", true, false },
	       { "/feeds/", true, false },
	       { "/moved/", true, true },
	       { "/story/", false, true },
	       { "/", false, false } };

void site_handle(void *arg, const struct http_incoming *in, struct http_reply *reply)
{
	struct site *s = arg;
	size_t i = 0;
	if (serve_admin(s, in, reply))
		return;
	while (!slice_starts(in->path, slice_str(routes[i].prefix)))
		i++;
	struct tally *t = routes[i].feed ? &s->feeds : &s->pages;
	struct slice rest = slice_from(in->path, strlen(routes[i].prefix) - !routes[i].feed);
	t->requests++;
	if (++t->now > t->most_at_once)
		t->most_at_once = t->now;
	if (slice_eq(in->path, S("/feeds/107")) && s->mishaps)
		move(reply, 301, "/moved/", rest);
	else if (routes[i].feed)
		serve_feed(s, in, rest, routes[i].moved, reply);
	else
		serve_page(s, in, rest, routes[i].moved, reply);
	t->now--;
	count(t, reply);
}
