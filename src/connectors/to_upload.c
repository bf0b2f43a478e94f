/* to_upload.c - each record becomes an object, and is delivered when the store has it whole
 *
 * What this room is for: `upload:` as a sink: its options and its words; upload_call.c does the work. In a run it is the last step: there is
 *   nothing to commit but the answer.
 * What flows through:    the record, or what `data` makes of it; of the answer only whether it was good.
 * What must hold:        see upload_call.h; delivered is said only when the store's size and checksum equal ours (I4). */
#include "base/banned.h"
#include "connectors/objects/upload_call.h"

static const struct opt options[] = {
	OPT("upload", struct upload_call, to, OPT_TEMPLATE, struct tpl *, .verb = true,
	    .required = true, .names = true,
	    .doc = "gs://bucket/name, s3://bucket/name, file:///folder/name or file:name beside "
		   "the "
		   "pipeline; what a record fills in stays beneath the folder before it"),
	OPT("data", struct upload_call, data, OPT_JQ, struct jq *,
	    .doc = "what is uploaded: a blob's bytes, a text's characters, JSON of everything "
		   "else; the record itself"),
	UPLOAD_CALL_OPTIONS,
	OPT_END,
};

const struct port to_upload = {
	.name = "upload",
	.doc = "put each record into an object: Google Cloud Storage, S3 or a folder",
	.more = "One object for each record, the record itself as JSON unless `data` says "
		"otherwise. It "
		"is delivered when the store's\n"
		"size and checksum equal ours. Uploading the same again changes nothing: each "
		"record "
		"has its effect exactly once.\n"
		"\n"
		"    to:\n"
		"      upload: s3://my-events/\\(.day)/\\(.id).json\n"
		"      concurrency: 32\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct upload_call),
	.shared_size = sizeof(struct upload_shared),
	.plan = upload_call_plan,
	.open = upload_call_open,
	.close = upload_call_close,
	.ask = upload_call_ask,
	.call = upload_call_call,
	.abandon = upload_call_abandon,
};
