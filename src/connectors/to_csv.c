/* to_csv.c - write records to a file of CSV: a header, then one row per record
 *
 * What this room is for: exactly-once output without a database: the receipt of each commit is the file's length.
 * What flows through:    batches of records, rendered (rendering.h) into a file that is renamed at the end (part_file.h).
 * What must hold:        what text_sink.h and part_file.h promise. */
#include "base/banned.h"
#include "connectors/files/text_sink.h"

static const struct opt options[] = {
	OPT("csv", struct text_sink, files, OPT_FILES, struct files_name, .verb = true,
	    .required = true, .doc = "file to write; \\( ) in it: one file for each value"),
	FIELDS_OPTION(struct text_sink, render),
	DELIMITER_OPTION(struct text_sink, render),
	MODE_OPTION,
	GZIP_OPTIONS,
	ROTATE_OPTION,
	OPT_END,
};

static int csv_open(struct site *site, struct err *err)
{
	(void)err;
	text_sink_open(site, RENDER_CSV);
	return 0;
}

const struct port to_csv = {
	.name = "csv",
	.doc = "write a CSV file with a header",
	.more = "Columns are `fields`, or the keys of the first record; a later record with "
		"another key is a dead letter. Missing\n"
		"fields and null are empty cells, nested values are JSON text. PATH.part is "
		"renamed when all is delivered.\n"
		"\n"
		"    to: {csv: users.csv, fields: [id, name, email]}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct text_sink),
	.shared_size = sizeof(struct text_output),
	.plan = text_sink_plan,
	.open = csv_open,
	.close = text_sink_close,
	.resume = text_sink_resume,
	.commit = text_sink_commit,
	.finish = text_sink_finish,
	.stands = text_sink_stands,
};
