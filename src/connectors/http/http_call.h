/* http_call.h - one HTTP request for each record: what the step and the sink share
 *
 * What must hold: `http:` in steps and in `to` means the same; only what becomes of the answer differs, and what is sent when the file
 *   does not say. */
#pragma once
#include "connectors/http/http_headers.h"
#include "connectors/http/http_oauth.h"
#include "connectors/http/http_tls.h"
#include "engine/port.h"

struct http_call {
	struct tpl *url, *body;
	struct opt_map query, form; /* v: struct tpl *[] */
	struct header_options head;
	const char *key_header; /* what the idempotency key is called */
	uint64_t max_body;
	struct tls_options tls;
	bool sends_record; /* set by plan: the record itself, when the file gives no body */
	int method;        /* set by plan: index into methods */
	char origin[288];  /* set by plan: where all requests go; empty: the record says */
};

/* Lines of an option table, behind those for `http` and `body`. */
#define HTTP_CALL_OPTIONS                                                                         \
	OPT("query", struct http_call, query, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,        \
	    .secret = true, .doc = "parameters behind the URL: {page: 1, name: '\\(.name)'}"),    \
		OPT("form", struct http_call, form, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,  \
		    .secret = true,                                                               \
		    .doc = "fields to send as a form (application/x-www-form-urlencoded), by "    \
			   "POST"),                                                               \
		HEADER_OPTIONS(struct http_call, head, .at_plan = false),                         \
		OPT("idempotency_header", struct http_call, key_header, OPT_STRING, const char *, \
		    .tuning = true, .fallback = "Idempotency-Key",                                \
		    .doc = "the header that carries `idempotency_key`"),                          \
		OPT("max_body", struct http_call, max_body, OPT_SIZE, uint64_t, .tuning = true,   \
		    .fallback = "64MB", .doc = "a larger answer is dead: too_large"),             \
		TLS_OPTIONS(struct http_call, tls)

/* What all requests of a place share; its shared bytes. */
struct http_shared {
	const struct http_trust *trust;
	struct oauth oauth;
};

/* In plan(): a sink sends by POST, and the record, unless the file says otherwise. */
int http_call_plan(struct http_call *, bool sink, struct facts *, struct diag *);
int http_call_open(struct site *, struct err *) SUSPENDS;
void http_call_close(struct site *) SUSPENDS;
int http_call_ask(struct site *, struct call *, struct err *) SUSPENDS;
void http_call_call(struct site *, struct call *) SUSPENDS;
