/* http_pages.h - `pages:`: how an HTTP API names its next page
 *
 *     {next: .links.next}                 the answer holds its URL
 *     {link: next}                        the Link header does (RFC 8288)
 *     {page: page, start: 1}              it is the next number
 *     {offset: offset, size: 100}         it begins behind the records that came
 *     {cursor: after, from: .cursor}      the answer holds a word for it, which goes into the query
 *
 * What this room is for: from one page and its URL to the URL of the next, or to the end.
 * What must hold: (1) all that is needed for the next page is this page, as it is kept, and the URL that it was asked by: a resumed run
 *   finds the same one. (2) an end is never guessed: a page that is empty, a place that is null, a status that the file names, or
 *   `more`, which is true or false and nothing else. */
#pragma once
#include "engine/port.h"

enum pages_repeat { REPEAT_ERROR, REPEAT_END, REPEAT_PAGE };
struct pages_options {
	struct jq *next, *from, *more, *count;
	const char *link, *page, *offset, *cursor; /* exactly one of them, or next */
	const char *start, *limit;
	int64_t size, max;
	int repeat;                 /* enum pages_repeat */
	struct opt_list end_status; /* v: int64_t[] */
};
extern const struct opt pages_option_table[];

/* In plan(); all of it also takes NULL: no `pages:`, one page is all. */
void pages_check(const struct pages_options *, struct diag *);
bool pages_want_headers(const struct pages_options *);
/* The first page's URL: where to begin to count goes into its query. */
MUST int pages_first(const struct pages_options *, struct buf *url, struct err *);
/* Such an answer says that there are no more pages, unless it is that to the first. */
bool pages_end_at(const struct pages_options *, int status);
/* Numbers that lead to the page before once more: the API clamps them, or does not heed them. 1: that is the end; 0: it is a page like
 * any other; -1 with *err. */
MUST int pages_judge_repeat(const struct pages_options *, struct slice shown_url, struct err *);
bool pages_may_repeat(const struct pages_options *);

struct pages_answer {
	const struct env *env; /* `.` and $res: the page */
	struct slice asked;    /* its URL, as it was asked for */
	struct slice url;      /* where it was found, behind redirects */
	uint64_t records;      /* that `each` gave */
};
/* Appends the next page's URL; nothing: there is none. */
MUST int pages_next(const struct pages_options *, const struct pages_answer *, struct buf *next,
		    struct err *) SUSPENDS;
