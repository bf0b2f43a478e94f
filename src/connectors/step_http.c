/* step_http.c - one HTTP request for each record
 *
 * What this room is for: `http:` as a step: its options and its words; http_call.c does the work.
 * What flows through:    the record, and an answer that goes `into` it.
 * What must hold:        see http_call.h. */
#include "base/banned.h"
#include "connectors/http/http_call.h"

static const struct opt options[] = {
	OPT("http", struct http_call, url, OPT_URL, struct tpl *, .verb = true, .required = true,
	    .secret = true,
	    .doc = "URL, with a method before it if it is neither GET nor, with a body, POST"),
	OPT("body", struct http_call, body, OPT_TREE, struct tpl *, .secret = true,
	    .doc = "JSON to send; a text is sent as it is when a header says another content-type"),
	HTTP_CALL_OPTIONS,
	OPT_END,
};

static int http_plan(void *options_of_step, struct facts *facts, struct diag *diag)
{
	return http_call_plan(options_of_step, false, facts, diag);
}

const struct port step_http = {
	.name = "http",
	.doc = "one HTTP request for each record",
	.more = "GET without a body, POST with one; another method stands before the URL: `http: "
		"DELETE https://...`. What is\n"
		"interpolated into a URL is percent-encoded; at its very beginning it is taken as "
		"it is. Success is a status\n"
		"from 200 to 299 unless `accept` says otherwise. The answer goes where `into` or "
		"`result` says; without them the\n"
		"record stays as it was.\n"
		"\n"
		"    steps:\n"
		"      - http: https://api.example.com/users/\\(.id)\n"
		"        auth: {bearer: $secret.API_KEY}\n"
		"        concurrency: 20\n"
		"        retry: 5\n"
		"        into: .profile\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct http_call),
	.shared_size = sizeof(struct http_shared),
	.plan = http_plan,
	.open = http_call_open,
	.close = http_call_close,
	.ask = http_call_ask,
	.call = http_call_call,
};
