/* site.h - the papers on the web: feeds with their conditional GETs and their mishaps, pages, and an account of who asked for what
 *
 *   GET /feeds.txt                      the list of all feeds
 *   GET /feed/17                        a feed: ETag and Last-Modified, 304
 *   GET /2026/03/02/...-1-17-2.html     a page
 *   GET /admin/account                  requests by status, for feeds and pages
 *   GET /admin/articles                 what was printed today and before, a line each: address, subject, title, text, event, mishap
 *   GET /admin/archive                  the same of the day before the first one, which no feed has
 *   POST /admin/day                     tomorrow begins
 * What must hold: (1) each request is counted once, by the status that it got. (2) mishaps follow from the seed and the address. */
#pragma once
#include "io/http/http_server.h"
#include "press.h"

enum { STATUS_KINDS = 11, PAGE_TRIES = 8191 };

struct tally {
	uint64_t by_status[STATUS_KINDS], requests, bytes, now, most_at_once;
};
struct site {
	struct press press;
	struct tally feeds, pages;
	unsigned char feed_tries[PAPERS]; /* of the one that fails twice */
	unsigned char page_tries[PAGE_TRIES];
	bool mishaps;
	uint64_t giant_bytes; /* of the page that is too large */
	int64_t slow_ns;      /* of feeds and pages that are slow */
	int64_t latency_ns;   /* of all others */
};
void site_handle(void *site, const struct http_incoming *, struct http_reply *) SUSPENDS;
