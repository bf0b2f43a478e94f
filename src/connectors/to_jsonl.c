/* to_jsonl.c - write records to a file of JSON lines: each record as it is, or only some of its fields
 *
 * What this room is for: exactly-once output without a database: the receipt of each commit is the file's length.
 * What flows through:    batches of records, rendered (rendering.h) into a file that is renamed at the end (part_file.h).
 * What must hold:        what text_sink.h and part_file.h promise. */
#include "base/banned.h"
#include "connectors/files/text_sink.h"

static const struct opt options[] = {
	OPT("jsonl", struct text_sink, files, OPT_FILES, struct files_name, .verb = true,
	    .required = true,
	    .doc = "file to write: one JSON object per line; \\( ) in it: one file for each value"),
	FIELDS_OPTION(struct text_sink, render),
	MODE_OPTION,
	GZIP_OPTIONS,
	ROTATE_OPTION,
	OPT_END,
};

static int jsonl_open(struct site *site, struct err *err)
{
	(void)err;
	text_sink_open(site, RENDER_JSONL);
	return 0;
}

const struct port to_jsonl = {
	.name = "jsonl",
	.doc = "write a file of JSON lines",
	.more = "The output is PATH.part until everything is delivered, then it is renamed; an "
		"interrupted run goes on where it\n"
		"committed last. `mode: append` writes behind what is there, `mode: new` refuses a "
		"file that exists.\n"
		"\n"
		"    to: {jsonl: done.jsonl, fields: [id, url]}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct text_sink),
	.shared_size = sizeof(struct text_output),
	.plan = text_sink_plan,
	.open = jsonl_open,
	.close = text_sink_close,
	.resume = text_sink_resume,
	.commit = text_sink_commit,
	.finish = text_sink_finish,
	.stands = text_sink_stands,
};
