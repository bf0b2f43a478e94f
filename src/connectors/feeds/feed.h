/* feed.h - reading a feed: RSS 0.9x, 1.0, 2.0, Atom, JSON Feed; and saying what it is when it is none
 *
 * Life cycle: feed_new, feed_push as bytes come, feed_end behind the last, feed_free.
 * What flows through:    bytes in; each entry, as soon as it is complete, to a function.
 * What must hold:
 *  (1) memory does not grow with the feed: one entry is held at a time (JSON Feed: its text, up to `most`).
 *  (2) entries that were complete before a mistake were told; then comes FAULT_PROTOCOL with "line:column: what".
 *  (3) links are absolute: resolved by xml:base, else by where the feed was found. */
#pragma once
#include "base/err.h"
#include "connectors/feeds/entry.h"

struct feed_options {
	struct slice url;     /* the feed's name: record.feed.url; borrows */
	struct slice found;   /* where it was, behind redirects; borrows */
	struct slice charset; /* as HTTP says; empty: it does not */
	size_t most;          /* bytes of one entry, and of a feed that is JSON */
	/* Borrows until it returns; does not suspend. A too large entry comes, too. */
	void (*on_entry)(void *arg, struct entry *, const struct feed_about *);
	void *arg;
};
struct feed;
struct feed *feed_new(const struct feed_options *);
void feed_free(struct feed *); /* accepts NULL */
void feed_freep(struct feed **);
MUST int feed_push(struct feed *, struct slice bytes, struct err *);
MUST int feed_end(struct feed *, struct err *);

/* ---- between its files ---- */
struct feed_xml; /* feed_xml.c */
MUST int feed_xml_new(const struct feed_options *, struct feed_about *, struct feed_xml **ret,
		      struct err *);
void feed_xml_free(struct feed_xml *); /* accepts NULL */
MUST int feed_xml_push(struct feed_xml *, struct slice, struct err *);
MUST int feed_xml_end(struct feed_xml *, struct err *);
/* feed_json.c: all of it. */
MUST int feed_json_read(const struct feed_options *, struct feed_about *, struct slice text,
			struct err *);
/* feed_html.c: the feed that a page names: its URL, appended; nothing: it names none. */
MUST int feed_html_find(struct slice page, struct slice found, struct buf *out);
