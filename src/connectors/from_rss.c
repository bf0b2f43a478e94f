/* from_rss.c - read many feeds: what is new in each
 *
 * What this room is for: a list of RSS, Atom and JSON feeds, asked again and again for what came since, by people who own none of them.
 *
 *     list --> tasks that ask (concurrency) --replies--> this task: parse, keep, admit, one feed after the other --> letters, warnings
 *
 * What flows through:    URLs in; entries out; of each feed what is known of it, from one time to the next (feeds/known.h).
 * What must hold:
 *  (1) each feed is a split, named by its URL, in the order of the list. What one does holds up no other: it is asked for `within`, and its
 *      failure is a dead letter, the first of a streak.
 *  (2) only this task admits and parses; those who ask hold compressed bodies, within a part of `memory`.
 *  (3) failures come last, when all others have been heard: a feed that answered says that the pipeline is right (doubt.h). */
#include "base/banned.h"
#include "base/hash.h"
#include "connectors/feeds/place.h"
#include "connectors/feeds/xml.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <inttypes.h>
#include <stdlib.h>

struct rss_source {
	struct opt_list feeds; /* v: struct tpl *[] */
	int64_t concurrency, max_entries;
	bool updates;
	struct ask_options ask;
	char door[160]; /* set by plan */
};

static const struct opt options[] = {
	OPT("rss", struct rss_source, feeds, OPT_LIST, struct opt_list, .of = OPT_TEMPLATE,
	    .verb = true, .required = true, .secret = true, .at_plan = true,
	    .doc = "a file with one URL a line (# comments) or OPML, a URL, or a list of these"),
	OPT("concurrency", struct rss_source, concurrency, OPT_INT, int64_t, .tuning = true,
	    .fallback = "16", .min = 1, .max = 1000, .doc = "feeds that are asked at once"),
	OPT("within", struct rss_source, ask.within_ns, OPT_DURATION, int64_t, .tuning = true,
	    .fallback = "30s",
	    .doc = "a feed that has not answered by then, second tries and pauses included, has "
		   "failed for this time"),
	OPT("max_entries", struct rss_source, max_entries, OPT_INT, int64_t, .tuning = true,
	    .fallback = "10000", .min = 1, .max = 1000000,
	    .doc = "most entries of one answer; the first ones are taken, and it is said how many "
		   "were left out"),
	OPT("updates", struct rss_source, updates, OPT_BOOL, bool,
	    .doc = "an entry whose text has changed comes again"),
	HEADER_OPTIONS(struct rss_source, ask.head, .at_plan = true),
	OPT("max_body", struct rss_source, ask.max_body, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = "32MB", .doc = "the largest answer, as it is sent (compressed or not)"),
	TLS_OPTIONS(struct rss_source, ask.tls),
	OPT_END,
};

static struct tpl *const *words_of(const struct rss_source *o)
{
	return o->feeds.v;
}

static int rss_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct rss_source *o = of;
	facts->restart = RESTART_ASKS;
	facts->onward = true;
	facts->effect = EFFECT_READS;
	if (o->feeds.n == 0)
		diag_error(diag, "rss", "names no feed: a file with one URL a line, or a URL");
	else
		snprintf(o->door, sizeof(o->door), "%.*s",
			 SLICE(slice_head(tpl_head(words_of(o)[0]), 150)));
	facts->door = slice_str(o->door);
	headers_check(&o->ask.head, diag);
	tls_check(&o->ask.tls, facts, diag);
	if (o->ask.within_ns <= 0)
		diag_error(diag, "within", "must be longer than nothing: 30s");
	return 0;
}

static int read_list(const struct rss_source *o, const char *folder, bool constant_only,
		     struct feed_list *list, struct err *err) SUSPENDS
{
	const struct env env = { .record = S("null") };
	for (size_t i = 0; i < o->feeds.n; i++) {
		AUTO(buf_done) struct buf word = { .max = 64 << 10 };
		const struct tpl *tpl = words_of(o)[i];
		if (constant_only && !tpl_constant(tpl))
			continue;
		if (tpl_text(tpl, &env, &word, err) < 0 ||
		    feed_list_add(list, buf_slice(&word), folder, err) < 0)
			return -1;
	}
	return 0;
}

static int rss_look(const void *options_, const char *folder, struct err *err) SUSPENDS
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(feed_list_done) struct feed_list list = { .arena = arena };
	return xml_find(err) < 0 ? -1 : read_list(options_, folder, true, &list, err);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct reading {
	struct site *site;
	const struct rss_source *o;
	struct intake *intake;
	struct arena *arena;
	struct feed_list list;
	struct asker asker;
	struct place_options place_options;
	struct unchanged now, before;
	struct feed_place *places; /* owns */
	size_t next, waiting;      /* to be asked; asked, and not heard yet */
	struct hk_queue *replies;  /* struct heard * */
	bool asker_open;
};
struct heard {
	size_t place;
	struct reply reply;
	bool failed;
	struct err err;
};

static void heard_free(struct reading *r, struct heard *h)
{
	reply_done(&r->asker, &h->reply);
	free(h);
}

static void drop_heard(void *item, void *arg)
{
	struct heard *const *h = item;
	heard_free(arg, *h);
}

static struct question question_of(const struct feed_place *p)
{
	return (struct question){ .url = p->feed->url,
				  .etag = buf_slice(&p->known.etag),
				  .modified = buf_slice(&p->known.modified) };
}

static bool take_next(struct reading *r, size_t *ret)
{
	while (r->next < r->list.n && r->places[r->next].asked)
		r->next++;
	*ret = r->next;
	return r->next++ < r->list.n;
}

static int ask_main(void *arg) SUSPENDS
{
	struct reading *r = arg;
	size_t i;
	while (take_next(r, &i)) {
		const struct question q = question_of(&r->places[i]);
		struct heard *h = xcalloc(1, sizeof(*h));
		h->place = i;
		h->failed = feed_ask(&r->asker, &q, &h->reply, &h->err) < 0;
		if (!h->failed && h->reply.http.status == 304)
			unchanged_add(&r->now, r->places[i].feed->name);
		if (hk_checkpoint() < 0 || hk_queue_put(r->replies, &h) < 0) {
			heard_free(r, h);
			return -ECANCELED;
		}
	}
	return 0;
}

/* ---- hearing --------------------------------------------------------------------------------- */

static int use(struct reading *r, const struct heard *h, struct err *err) SUSPENDS
{
	struct feed_place *p = &r->places[h->place];
	if (h->failed) {
		place_failed(p, &h->err);
		return 0; /* its end comes behind all others' */
	}
	if (h->reply.http.status == 304)
		place_unchanged(p);
	else if (place_take(p, r->intake, &h->reply, err) < 0)
		return -1;
	if (p->fault)
		return 0;
	intake_heard(r->intake);
	return place_end(p, r->intake, err);
}

static int hear(struct reading *r, struct err *err) SUSPENDS
{
	for (; r->waiting > 0; r->waiting--) {
		struct heard *h = NULL;
		int got = hk_queue_get(r->replies, &h);
		if (got < 0)
			return fail_errno(err, FAULT_CANCELLED, got, "stopped");
		intake_hold(r->intake, r->asker.held);
		int done = use(r, h, err);
		heard_free(r, h);
		if (done < 0)
			return -1;
	}
	return 0;
}

static int ask_all(struct reading *r, struct err *err) SUSPENDS
{
	struct hk_group tasks;
	size_t most = (size_t)r->o->concurrency, begun = 0;
	int spawned = 0;
	r->replies = hk_queue_new(sizeof(struct heard *), most);
	if (!r->replies)
		return fail(err, FAULT_IO, "out of memory");
	hk_group_open(&tasks, &(struct hk_group_options){ .policy = HK_COLLECT, .name = "feeds" });
	while (spawned == 0 && begun < most && begun < r->waiting) {
		spawned = hk_spawn(&tasks, ask_main, r);
		begun += spawned == 0;
	}
	int done = begun || r->waiting == 0 ? hear(r, err)
					    : fail_errno(err, FAULT_IO, spawned, "no task");
	if (done < 0)
		hk_group_cancel(&tasks);
	int closed = hk_group_close(&tasks, 0);
	intake_hold(r->intake, 0);
	hk_queue_abort(r->replies, drop_heard, r);
	hk_queue_free(take(r->replies));
	return done == 0 && closed == -ECANCELED ? fail(err, FAULT_CANCELLED, "stopped") : done;
}

/* ---- what people should know ----------------------------------------------------------------- */

static void warn_of(struct reading *r, const struct feed_place *p)
{
	AUTO(buf_done) struct buf counts = { .max = 128 };
	const char *name = p->feed->name;
	if (p->moved_now)
		site_warnf(r->site, "%.300s has moved for good, to %.*s: change the list", name,
			   SLICE(slice_head(buf_slice(&p->known.moved), 300)));
	if (p->left_out && units_put_count(&counts, (int64_t)p->left_out) == 0)
		site_warnf(r->site,
			   "%.300s has more than %" PRId64
			   " entries: %.*s were left out (max_entries)",
			   name, r->o->max_entries, SLICE(buf_slice(&counts)));
	if (p->twins && p->taken)
		site_warnf(r->site,
			   "%.300s gives %" PRIu64
			   " entries the guid of another one: the first of each was taken",
			   name, p->twins);
}

enum { NAMED_MAX = 5 };

static void warn_of_failures(struct reading *r)
{
	AUTO(buf_done) struct buf names = { .max = 3000 };
	size_t n = 0;
	int done = 0;
	for (size_t i = 0; i < r->list.n; i++) {
		const struct feed_place *p = &r->places[i];
		char class[64];
		if (!p->fault)
			continue;
		(void)err_class(p->fault, class, sizeof(class));
		if (n++ < NAMED_MAX && done == 0)
			done = buf_printf(&names, "%s%.300s: %s", n > 1 ? ", " : "", p->feed->name,
					  class);
	}
	if (n)
		site_warnf(r->site, "%zu of %zu feeds failed%s (%.*s%s)", n, r->list.n,
			   n < r->list.n ? ", the others were read" : "", SLICE(buf_slice(&names)),
			   n > NAMED_MAX ? ", ..." : "");
}

/* ---- a round --------------------------------------------------------------------------------- */

/* A token in a URL is no part of the feed's name: names go into records, messages and the state. */
static void hide_secrets(struct reading *r)
{
	for (size_t i = 0; i < r->list.n; i++) {
		struct listed *l = &r->list.v[i];
		struct slice head, query;
		if (!site_is_secret(r->site, slice_str(l->name)))
			continue;
		(void)slice_cut(slice_str(l->name), '?', &head, &query);
		uint64_t mark = hash_end(hash_add(HASH_START, slice_str(l->name)));
		l->name = site_is_secret(r->site, head)
				  ? arena_printf(r->arena, "feed#%06x", (unsigned)(mark & 0xffffff))
				  : arena_printf(r->arena, "%.*s#%06x", SLICE(head),
						 (unsigned)(mark & 0xffffff));
	}
}

/* In the order of the list; what was kept goes on first. */
static int open_places(struct reading *r, struct err *err) SUSPENDS
{
	r->places = xcalloc(r->list.n, sizeof(*r->places));
	for (size_t i = 0; i < r->list.n; i++)
		r->places[i] = (struct feed_place){
			.feed = &r->list.v[i],
			.o = &r->place_options,
			.split = intake_split(r->intake, r->list.v[i].name),
		};
	for (size_t i = 0; i < r->list.n; i++)
		if (place_open(&r->places[i], r->intake, err) < 0)
			return -1;
	for (size_t i = 0; i < r->list.n; i++) {
		struct feed_place *p = &r->places[i];
		place_recall(p, r->intake);
		if (p->asked && place_end(p, r->intake, err) < 0)
			return -1;
		r->waiting += !p->asked;
	}
	return 0;
}

static int end_failures(struct reading *r, struct err *err) SUSPENDS
{
	for (size_t i = 0; i < r->list.n; i++)
		if (r->places[i].fault && place_end(&r->places[i], r->intake, err) < 0)
			return -1;
	for (size_t i = 0; i < r->list.n; i++)
		warn_of(r, &r->places[i]);
	warn_of_failures(r);
	return 0;
}

static void reading_done(struct reading *r)
{
	for (size_t i = 0; r->places && i < r->list.n; i++)
		place_done(&r->places[i]);
	free(r->places);
	if (r->asker_open)
		asker_close(&r->asker);
	unchanged_done(&r->now);
	unchanged_done(&r->before);
	feed_list_done(&r->list);
	arena_free(r->arena);
}

static uint64_t entry_most(struct site *site)
{
	uint64_t most = site_text_max(site);
	return most < (16u << 20) ? most : 16u << 20;
}

static int rss_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct rss_source *o = site->options;
	AUTO(reading_done)
	struct reading r = { .site = site, .o = o, .intake = intake, .arena = arena_new() };
	r.list.arena = r.arena;
	r.place_options = (struct place_options){ .max_entries = (uint64_t)o->max_entries,
						  .updates = o->updates,
						  .most = entry_most(site),
						  .now = &r.now,
						  .before = &r.before };
	if (xml_find(err) < 0 || read_list(o, site_folder(site), false, &r.list, err) < 0)
		return -1;
	hide_secrets(&r);
	r.asker_open = true;
	if (asker_open(&r.asker, site, &o->ask, &r.list, site->shared, err) < 0)
		return -1;
	return open_places(&r, err) < 0 || ask_all(&r, err) < 0 ? -1 : end_failures(&r, err);
}

static void rss_close(struct site *site)
{
	ask_pauses_done(site->shared);
}

const struct port from_rss = {
	.name = "rss",
	.doc = "read feeds: RSS, Atom, JSON Feed; each run gives what is new in them",
	.more = "Feeds are asked with ETag and Last-Modified, several at once; a later run, or "
		"round (`every`), gives only entries that did\n"
		"not come before. Every record has the same fields, null or [] where the feed "
		"says nothing: guid, link, title, summary,\n"
		"content, author, published, updated, categories, enclosures [{url, type, "
		"bytes}], feed {url, title, link}. Times are\n"
		"UTC, titles are text, summary and content are HTML as the feed has it.\n"
		"\n"
		"A feed that fails (no answer, no feed, a mistake in its XML: at line and column) "
		"is a dead letter once, until it is well\n"
		"again; the other feeds go on. Entries before the mistake are taken. A feed that "
		"has moved for good is told.\n"
		"\n"
		"    from: {rss: feeds.txt, concurrency: 16}\n"
		"    to: {sqlite: news.db, table: articles, key: guid}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct rss_source),
	.plan = rss_plan,
	.look = rss_look,
	.shared_size = sizeof(struct ask_pauses),
	.close = rss_close,
	.run = rss_run,
};
