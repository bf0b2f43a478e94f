/* from_jsonl.c - read a file of JSON lines; resume at a byte offset
 *
 * What this room is for: the plainest source. Each file is a split; `next` is the offset behind the line.
 * What flows through:    each line as it stands; the engine checks that it is a JSON object.
 * What must hold:        an offset is only trusted in the file in which it was taken (connectors/files/input.h). */
#include "base/banned.h"
#include "connectors/files/files.h"
#include "connectors/files/lines.h"

struct jsonl_source {
	struct files_options files;
	uint64_t max_line;
};

static const struct opt options[] = {
	FILES_OPTIONS(struct jsonl_source, files, "jsonl", "file with one JSON object per line"),
	OPT("max_line", struct jsonl_source, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = LINES_MAX_DEFAULT, .doc = "a longer line becomes a dead letter"),
	OPT_END,
};

static int jsonl_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct jsonl_source *o = of;
	files_check(&o->files, "jsonl", facts, diag);
	lines_check_max(o->max_line, diag);
	return 0;
}

static int jsonl_open(struct site *site, struct err *err) SUSPENDS
{
	const struct jsonl_source *o = site->options;
	return files_open(site->shared, site, &o->files, err);
}

static void jsonl_close(struct site *site)
{
	files_close(site->shared);
}

static int read_file(const void *of, struct input *in, struct intake *intake,
		     struct err *err) SUSPENDS
{
	const struct jsonl_source *o = of;
	struct lines job = {
		.input = in,
		.intake = intake,
		.form = LINE_JSON,
		.max_line = (size_t)o->max_line,
		.name = in->path,
	};
	return lines_run(&job, err);
}

static bool jsonl_reads(const void *of, const char *path)
{
	const struct jsonl_source *o = of;
	return files_match(&o->files, path);
}

static int jsonl_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	return files_run(site->shared, intake, read_file, site->options, err);
}

const struct port from_jsonl = {
	.name = "jsonl",
	.doc = "read a file of JSON lines",
	.more = "Empty lines are skipped, a byte order mark is tolerated. A line that is not a "
		"JSON object becomes a dead letter\n"
		"and reading goes on. An interrupted run goes on behind the last line that is "
		"done. A pattern is read in the order of\n"
		"the names; $meta.source is the file. Run again, it reads what is new.\n"
		"\n"
		"    from: {jsonl: users.jsonl}\n"
		"    to: {sqlite: users.db, table: users}\n"
		"\n"
		"    from: {jsonl: 'logs/2026-*/part-?.jsonl.gz'}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct jsonl_source),
	.shared_size = sizeof(struct files),
	.plan = jsonl_plan,
	.open = jsonl_open,
	.close = jsonl_close,
	.reads = jsonl_reads,
	.run = jsonl_run,
};
