/* list.c - reading the list of feeds, anew in each round
 *
 * What this room is for: see list.h. Lists are kept by people and by other programs, and change while a pipeline runs.
 * What flows through:    a file's text, or OPML's outline elements; URLs out.
 * What must hold:
 *  (1) URLs are checked here, so that whoever asks does not have to. (2) what OPML has beside xmlUrl (folders, titles) is read over. */
#include "connectors/feeds/list.h"
#include "base/banned.h"
#include "base/hash.h"
#include "connectors/feeds/xml.h"
#include "io/url.h"
#include <errno.h>
#include <hocket/file.h>
#include <stdlib.h>

void feed_list_done(struct feed_list *l)
{
	free(l->v);
	seen_done(&l->names);
	*l = (struct feed_list){ 0 };
}

static bool is_url(struct slice word)
{
	return slice_eq_nocase(slice_head(word, 7), S("http://")) ||
	       slice_eq_nocase(slice_head(word, 8), S("https://"));
}

/* Two feeds that differ in their userinfo only are two. */
static const char *name_of(struct arena *arena, struct slice url, const struct url *parts)
{
	AUTO(buf_done) struct buf shown = { .max = 64 << 10 };
	if (url_put_shown(url, &shown) < 0)
		return arena_str(arena, url);
	if (parts->userinfo.n == 0)
		return arena_str(arena, buf_slice(&shown));
	return arena_printf(arena, "%.*s#%06x", SLICE(buf_slice(&shown)),
			    (unsigned)(hash_end(hash_add(HASH_START, parts->userinfo)) & 0xffffff));
}

static int add_url(struct feed_list *l, struct slice text, struct err *err)
{
	struct url parts;
	const char *why = NULL;
	if (url_parse(text, &parts, &why) < 0)
		return fail(err, FAULT_CONFIG, "'%.*s' is not the URL of a feed: %s",
			    SLICE(slice_head(text, 100)), why);
	if (l->n == FEEDS_MAX)
		return fail(err, FAULT_CONFIG, "more than %d feeds: make two pipelines of them",
			    FEEDS_MAX);
	const char *name = name_of(l->arena, text, &parts);
	if (!seen_add(&l->names, slice_str(name)))
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = xrealloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = (struct listed){ arena_copy(l->arena, text), name };
	return 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static struct slice without_comment(struct slice line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return slice_trim(slice_head(line, i));
	return slice_trim(line);
}

static int add_lines(struct feed_list *l, struct slice text, const char *path, struct err *err)
{
	struct slice line;
	size_t number = 0;
	for (bool more = true; more;) {
		more = slice_cut(text, '\n', &line, &text);
		line = without_comment(line);
		number++;
		if (line.n && add_url(l, line, err) < 0)
			return err_wrap(err, "%s:%zu", path, number);
	}
	return 0;
}

/* ---- OPML ------------------------------------------------------------------------------------ */

struct opml {
	struct feed_list *list;
	struct err err;
	bool failed;
};

static void on_start(void *arg, const struct xml_name *name, const struct xml_attribute *list,
		     size_t n)
{
	struct opml *o = arg;
	if (!slice_eq_nocase(name->local, S("outline")) || o->failed)
		return;
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(list[i].name.local, S("xmlUrl")))
			o->failed |= add_url(o->list, slice_trim(list[i].value), &o->err) < 0;
}

static void on_end(void *arg)
{
	(void)arg;
}

static void on_text(void *arg, struct slice text)
{
	(void)arg;
	(void)text;
}

static int add_opml(struct feed_list *l, struct slice text, const char *path, struct err *err)
{
	static const struct xml_events events = { on_start, on_end, on_text };
	AUTO(xml_freep) struct xml *xml = NULL;
	struct opml o = { .list = l };
	if (xml_new(&events, &o, S(""), &xml, err) < 0)
		return -1;
	if (xml_push(xml, text, err) < 0 || xml_end(xml, err) < 0) {
		err->fault = FAULT_CONFIG;
		err_wrap(err, "not OPML, at ");
		return err_wrap(err, "%s", path);
	}
	if (!o.failed)
		return 0;
	*err = o.err;
	return err_wrap(err, "%s", path);
}

/* ---- */

static int add_file(struct feed_list *l, const char *path, struct err *err) SUSPENDS
{
	AUTO(freep) char *bytes = NULL;
	size_t n = 0, before = l->n;
	int r = hk_file_read_whole(path, LIST_BYTES_MAX, &bytes, &n);
	if (r < 0)
		return fail_errno(err, FAULT_CONFIG, r, "the list of feeds '%s' cannot be read%s",
				  path,
				  r == -ENOENT ? " (a URL begins with http:// or https://)" : "");
	struct slice text = { bytes, n };
	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = slice_from(text, 3);
	bool is_xml = slice_starts(slice_trim(text), S("<"));
	if ((is_xml ? add_opml(l, text, path, err) : add_lines(l, text, path, err)) < 0)
		return -1;
	return l->n > before ? 0
			     : fail(err, FAULT_CONFIG,
				    "the list '%s' names no feed: write one URL a line", path);
}

int feed_list_add(struct feed_list *l, struct slice word, const char *folder, struct err *err)
{
	word = slice_trim(word);
	if (is_url(word))
		return add_url(l, word, err);
	if (word.n == 0)
		return fail(err, FAULT_CONFIG, "a feed is a URL, or a file with one URL a line");
	bool absolute = word.p[0] == '/';
	return add_file(l,
			absolute ? arena_str(l->arena, word)
				 : arena_printf(l->arena, "%s/%.*s", folder, SLICE(word)),
			err);
}
