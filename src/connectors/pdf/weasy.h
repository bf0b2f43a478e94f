/* weasy.h - pages from HTML and CSS, by WeasyPrint
 *
 * What this room is for: `pdf: {html: ...}`: what the step_pdf of Markdown cannot do. WeasyPrint is Python and leaks: it runs in workers
 *   that are replaced (connectors/work), and what comes out of it passes the same limits.
 * Life cycle: weasy_plan in plan(), weasy_open, weasy_ask and weasy_call as the port's operations, weasy_close.
 * What must hold: (1) no network: workers can open no connection, and fetch only data: URLs, files beneath the folder and blobs. (2) the same
 *   input gives the same bytes. */
#pragma once
#include "connectors/workers/python.h"
#include "connectors/workers/work.h"
#include "io/digest.h"

struct weasy_options {
	struct jq *html; /* NULL: not given */
	struct opt_list css;
	const char *interpreter;
	struct recycle_options *recycle;
	uint64_t memory;
};
extern const struct opt weasy_recycle_table[];

/* Lines of an option table. */
#define WEASY_OPTIONS(T, field)                                                               \
	OPT("html", T, field.html, OPT_JQ, struct jq *,                                       \
	    .doc = "instead of Markdown: a page, by WeasyPrint; text, or a blob. .html"),     \
		OPT("css", T, field.css, OPT_LIST, struct opt_list, .of = OPT_PATH,           \
		    .doc = "with `html`: style sheets beside its own"),                       \
		OPT("interpreter", T, field.interpreter, OPT_STRING, const char *,            \
		    .fallback = "/usr/bin/python3",                                           \
		    .doc = "with `html`: a Python that has weasyprint"),                      \
		OPT("recycle", T, field.recycle, OPT_TABLE, struct recycle_options *,         \
		    .sub = weasy_recycle_table, .sub_size = sizeof(struct recycle_options),   \
		    .tuning = true,                                                           \
		    .doc = "with `html`: when a worker is replaced; after 200 documents, or " \
			   "512MB"),                                                          \
		OPT("memory", T, field.memory, OPT_SIZE, uint64_t, .tuning = true,            \
		    .doc = "with `html`: address space that a worker may have: worker_oom")

struct weasy {
	struct work work;
	struct work_options options;
	struct recycle_options recycle;
	struct python python;
	const char *argv[8];         /* borrows */
	uint8_t style[DIGEST_BYTES]; /* of the style sheets */
	bool wants_blobs;            /* they name some */
};
struct weasy_limits {
	uint64_t html, pdf; /* bytes */
	unsigned pages;
	bool placeholders; /* what cannot be had is left out */
};

void weasy_plan(const struct weasy_options *, int64_t workers, struct facts *, struct diag *);
/* Is WeasyPrint there? */
MUST int weasy_look(const struct weasy_options *, const char *folder, struct err *) SUSPENDS;
MUST int weasy_open(struct weasy *, const struct weasy_options *, struct site *,
		    struct err *) SUSPENDS;
void weasy_close(struct weasy *) SUSPENDS;
MUST int weasy_ask(const struct weasy *, const struct weasy_options *, const struct weasy_limits *,
		   struct call *, struct err *) SUSPENDS;
MUST int weasy_call(struct weasy *, const struct weasy_limits *, struct call *,
		    struct err *) SUSPENDS;
