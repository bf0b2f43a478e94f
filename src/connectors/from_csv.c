/* from_csv.c - read a CSV file; resume behind a row
 *
 * What this room is for: spreadsheets and exports. One file is one split; `next` is the offset behind the row.
 * What flows through:    {column: value}; values are strings unless `types` or `infer` says otherwise.
 * What must hold:        what rows.h and input.h promise. */
#include "base/banned.h"
#include "connectors/lines.h"
#include "connectors/rows.h"

struct csv_source {
	const char *path;
	struct rows_options rows;
	uint64_t max_line;
	int packing;
};

static const struct opt options[] = {
	OPT("csv", struct csv_source, path, OPT_PATH, const char *, .verb = true, .required = true,
	    .doc = "file to read"),
	ROWS_OPTIONS(struct csv_source, rows),
	OPT("max_line", struct csv_source, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = LINES_MAX_DEFAULT, .doc = "a longer row becomes a dead letter"),
	COMPRESS_OPTION(struct csv_source),
	OPT_END,
};

static int csv_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct csv_source *o = of;
	facts->restart = RESTART_SEEKS;
	facts->effect = EFFECT_READS;
	facts->door = slice_str(o->path);
	rows_check(&o->rows, diag);
	lines_check_max(o->max_line, diag);
	return 0;
}

static int csv_open(struct site *site, struct err *err) SUSPENDS
{
	const struct csv_source *o = site->options;
	return input_open_file(site->shared, o->path, (enum packing)o->packing, err);
}

static void csv_close(struct site *site)
{
	input_close(site->shared);
}

static int csv_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct csv_source *o = site->options;
	struct rows job = {
		.input = site->shared,
		.intake = intake,
		.options = &o->rows,
		.max_line = (size_t)o->max_line,
		.name = o->path,
	};
	return rows_run(&job, err);
}

const struct port from_csv = {
	.name = "csv",
	.doc = "read a CSV file",
	.more = "The first row names the columns. Fields are strings; `types` makes some of them "
		"numbers, booleans or JSON, `infer`\n"
		"guesses. Quoted fields may hold line ends (RFC 4180). A row with too few or too "
		"many fields is a dead letter.\n"
		"\n"
		"    from: {csv: users.csv, types: {age: int, score: float}}\n"
		"    to: {sqlite: users.db, table: users}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct csv_source),
	.shared_size = sizeof(struct input),
	.plan = csv_plan,
	.open = csv_open,
	.close = csv_close,
	.run = csv_run,
};
