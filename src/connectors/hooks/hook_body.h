/* hook_body.h - a delivery's body as records, and records as a page of the inbox */
#pragma once
#include "engine/port.h"
#include "io/http.h"

struct hook_record {
	struct rec *rec;   /* owns */
	struct err *fault; /* owns; NULL: it is good. What `each` made no record of */
};
struct hook_records {          /* all zero: none */
	struct hook_record *v; /* owns */
	size_t n, cap;
	uint64_t bytes;
};
void hook_records_done(struct hook_records *); /* AUTO */
void hook_records_add(struct hook_records *, struct rec *gives);
/* One that is none, with the evidence. */
void hook_records_add_fault(struct hook_records *, struct rec *gives, const struct err *why);

struct hook_about { /* what $res.headers shows: the headers, and ":method", ":path", ":query" */
	const struct http_header *headers;
	size_t header_count;
	struct slice method, path, query;
};
/* The values of `each`; without it the elements of a list, or the body itself. What `each` cannot do is a record with a fault: the
 * delivery is none the less whole. 0; -1 with *why: invalid_json, bad_value: the sender's mistake, a sentence for it; too_large. */
MUST int hook_records_read(const struct jq *each, const struct hook_about *, struct slice body,
			   uint64_t most_bytes, struct hook_records *ret, struct err *why) SUSPENDS;
struct rec *hook_records_last(const struct hook_records *); /* that is good; NULL: none. Borrows */
/* Moves all of `gives` behind the others. */
void hook_records_join(struct hook_records *, struct hook_records *gives);

/* Who tells, where it can be asked to go on behind a record. */
struct hook_teller {
	struct slice name;
	struct slice last; /* the record before the page; empty: there was none */
};
/* A page for the inbox: which number it has, who kept it, who had told it (NULL: that does not matter), and its records. 0, or
 * buf_add's errors. */
MUST int hook_page_put(const struct hook_records *, uint64_t number, const char *keeper,
		       const struct hook_teller *, struct buf *about, struct buf *value);
/* The last record that is good, counting that before the page: a reference, or NULL; also when somebody else had told it. */
struct rec *hook_page_last(struct slice about, const struct hook_records *, struct slice teller);
/* -EBADMSG: it makes no sense. */
MUST int hook_page_read(struct slice about, struct slice value, uint64_t *number,
			struct buf *keeper, struct hook_records *ret);
