/* ask.h - asking one feed over HTTP: is there anything new?
 *
 * What this room is for: one question with its second tries, bounded in time and in memory, for many tasks at once.
 * Life cycle: asker_open, feed_ask by as many tasks as one likes, asker_close.
 * What must hold:
 *  (1) no feed holds up the others: what has not answered within `within_ns`, second tries and pauses included, has failed for this time.
 *  (2) bodies stay compressed, and all of them together stay within a part of `memory`; one of them may always go on.
 *  (3) credentials go where they were written for: to one origin. A list with feeds of several is refused with them. */
#pragma once
#include "connectors/feeds/list.h"
#include "connectors/http/http_headers.h"
#include "connectors/http/http_oauth.h"
#include "connectors/http/http_tls.h"
#include <hocket/sync.h>

struct ask_options {
	struct header_options head;
	struct tls_options tls;
	uint64_t max_body;
	int64_t within_ns;
};
struct ask_pauses { /* asked for with a 429; they outlive a round. All zero: none */
	struct server_pause {
		struct buf lane;
		int64_t until_ns;
	} * v; /* owns */
	size_t n;
};
void ask_pauses_done(struct ask_pauses *);

struct asker {
	struct site *site;
	const struct ask_options *o;
	struct arena *arena; /* owns */
	struct header_list headers;
	bool one_origin; /* all feeds have it, and get all headers */
	const struct http_trust *trust;
	struct oauth oauth;
	uint64_t held, done, most; /* bytes of bodies: all, of whole ones, that there may be */
	const void *first;         /* who may have more all the same; NULL: nobody */
	struct hk_event freed;
	struct ask_pauses *pauses; /* borrows */
};
/* Of the feeds of this time. */
MUST int asker_open(struct asker *, struct site *, const struct ask_options *,
		    const struct feed_list *, struct ask_pauses *, struct err *) SUSPENDS;
void asker_close(struct asker *);

struct question {
	struct slice url, etag, modified; /* the latter may be empty */
};
struct reply {
	struct http_response http; /* 200, or 304; its body as it was sent */
	uint64_t held;             /* its bytes, until reply_done */
	bool whole;
};
/* 0: it answered; -1: it did not, or with another status. */
MUST int feed_ask(struct asker *, const struct question *, struct reply *ret,
		  struct err *) SUSPENDS;
void reply_done(struct asker *, struct reply *);
