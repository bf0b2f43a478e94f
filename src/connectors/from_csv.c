/* from_csv.c - read a CSV file; resume behind a row
 *
 * What this room is for: spreadsheets and exports. Each file is a split; `next` is the offset behind the row.
 * What flows through:    {column: value}; values are strings unless `types` or `infer` says otherwise.
 * What must hold:        what rows.h and input.h promise. */
#include "base/banned.h"
#include "connectors/files/files.h"
#include "connectors/files/lines.h"
#include "connectors/files/rows.h"

struct csv_source {
	struct files_options files;
	struct rows_options rows;
	uint64_t max_line;
};

static const struct opt options[] = {
	FILES_OPTIONS(struct csv_source, files, "csv", "file to read"),
	ROWS_OPTIONS(struct csv_source, rows),
	OPT("max_line", struct csv_source, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = LINES_MAX_DEFAULT, .doc = "a longer row becomes a dead letter"),
	OPT_END,
};

static int csv_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct csv_source *o = of;
	files_check(&o->files, "csv", facts, diag);
	rows_check(&o->rows, diag);
	lines_check_max(o->max_line, diag);
	return 0;
}

static int csv_open(struct site *site, struct err *err) SUSPENDS
{
	const struct csv_source *o = site->options;
	return files_open(site->shared, site, &o->files, err);
}

static void csv_close(struct site *site)
{
	files_close(site->shared);
}

static int read_file(const void *of, struct input *in, struct intake *intake,
		     struct err *err) SUSPENDS
{
	const struct csv_source *o = of;
	struct rows job = {
		.input = in,
		.intake = intake,
		.options = &o->rows,
		.max_line = (size_t)o->max_line,
		.name = in->path,
	};
	return rows_run(&job, err);
}

static bool csv_reads(const void *of, const char *path)
{
	const struct csv_source *o = of;
	return files_match(&o->files, path);
}

static int csv_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	return files_run(site->shared, intake, read_file, site->options, err);
}

const struct port from_csv = {
	.name = "csv",
	.doc = "read a CSV file",
	.more = "The first row names the columns. Fields are strings; `types` makes some of them "
		"numbers, booleans or JSON, `infer`\n"
		"guesses. Quoted fields may hold line ends (RFC 4180). A row with too few or too "
		"many fields is a dead letter. Of many\n"
		"files each has its own header, and $meta.source is the file.\n"
		"\n"
		"    from: {csv: users.csv, types: {age: int, score: float}}\n"
		"    to: {sqlite: users.db, table: users}\n"
		"\n"
		"    from: {csv: 'exports/2026-*.csv.gz', delimiter: ';', decimal: ',', encoding: "
		"windows-1252, null: ['', NA]}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct csv_source),
	.shared_size = sizeof(struct files),
	.plan = csv_plan,
	.open = csv_open,
	.close = csv_close,
	.reads = csv_reads,
	.run = csv_run,
};
