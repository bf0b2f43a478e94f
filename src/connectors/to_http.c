/* to_http.c - each record is sent to a server, and delivered when that has accepted it
 *
 * What this room is for: `http:` as a sink: its options and its words; http_call.c does the work. In a run it is the last step: there is
 *   nothing to commit but the answer.
 * What flows through:    the record, or what `body` makes of it; of the answer only whether it was good.
 * What must hold:        see http_call.h; delivered is said only when the answer was accepted and read to its end (I4). */
#include "base/banned.h"
#include "connectors/http/http_call.h"

static const struct opt options[] = {
	OPT("http", struct http_call, url, OPT_URL, struct tpl *, .verb = true, .required = true,
	    .secret = true, .doc = "URL, with a method before it if that is not POST"),
	OPT("body", struct http_call, body, OPT_TREE, struct tpl *, .secret = true,
	    .doc = "JSON to send; the record itself. A text is sent as it is when a header says "
		   "another content-type"),
	HTTP_CALL_OPTIONS,
	OPT_END,
};

static int http_plan(void *options_of_sink, struct facts *facts, struct diag *diag)
{
	return http_call_plan(options_of_sink, true, facts, diag);
}

const struct port to_http = {
	.name = "http",
	.doc = "send each record to a server",
	.more = "POST unless another method stands before the URL, one request for each record; "
		"the record itself is the body\n"
		"unless `body` says otherwise. What the server accepts (status 200 to 299, or "
		"`accept`) is delivered, the rest is dead.\n"
		"With `idempotency_key`, or by PUT or DELETE, each record has its effect exactly "
		"once; without, at most once.\n"
		"\n"
		"    to:\n"
		"      http: POST https://api.example.com/events\n"
		"      auth: {bearer: $secret.API_KEY}\n"
		"      idempotency_key: auto\n"
		"      concurrency: 20\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct http_call),
	.shared_size = sizeof(struct http_shared),
	.plan = http_plan,
	.open = http_call_open,
	.close = http_call_close,
	.ask = http_call_ask,
	.call = http_call_call,
};
