/* step_upload.c - an object in a bucket for each record
 *
 * What this room is for: `upload:` as a step: its options and its words; upload_call.c does the work.
 * What flows through:    the record, and the object's URL that goes `into` it.
 * What must hold:        see upload_call.h. */
#include "base/banned.h"
#include "connectors/objects/upload_call.h"

static const struct opt options[] = {
	OPT("upload", struct upload_call, to, OPT_TEMPLATE, struct tpl *, .verb = true,
	    .required = true, .names = true,
	    .doc = "gs://bucket/name, s3://bucket/name, file:///folder/name or file:name beside "
		   "the "
		   "pipeline; what a record fills in stays beneath the folder before it"),
	OPT("data", struct upload_call, data, OPT_JQ, struct jq *, .required = true,
	    .doc = "what is uploaded: a blob's bytes, a text's characters, JSON of everything "
		   "else"),
	UPLOAD_CALL_OPTIONS,
	OPT_END,
};

const struct port step_upload = {
	.name = "upload",
	.doc = "an object in Google Cloud Storage, S3 or a folder, for each record",
	.more = "The answer is the object's URL ($res.body); $res.headers has `bytes`, `type`, "
		"`etag`, "
		"`generation`, `updated`,\n"
		"`md5`, `crc32c` and `already` (an equal object stood there, and nothing was "
		"written). Size and checksum are the\n"
		"store's own: an object that differs is no answer. Uploading the same again "
		"changes "
		"nothing, so failed attempts are\n"
		"always retried. Records that name the same object are written one after the "
		"other.\n"
		"\n"
		"    steps:\n"
		"      - upload: gs://my-notes/\\(.slug).pdf\n"
		"        data: .pdf\n"
		"        concurrency: 32\n"
		"        into: .url\n",
	.roles = ROLE_STEP,
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
