/* from_lines.c - read a text file line by line
 *
 * What this room is for: lists of words, URLs, log lines: anything that is one item a line and no JSON.
 * What flows through:    {"line": text, "n": number from 1}.
 * What must hold:        empty lines are records too: what is done with them is the pipeline's affair (`where: .line != ""`). */
#include "base/banned.h"
#include "connectors/lines.h"

struct lines_source {
	const char *path;
	uint64_t max_line;
	int packing;
};

static const struct opt options[] = {
	OPT("lines", struct lines_source, path, OPT_PATH, const char *, .verb = true,
	    .required = true, .doc = "text file; each line becomes {line, n}"),
	OPT("max_line", struct lines_source, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = LINES_MAX_DEFAULT, .doc = "a longer line becomes a dead letter"),
	COMPRESS_OPTION(struct lines_source),
	OPT_END,
};

static int lines_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct lines_source *o = of;
	facts->restart = RESTART_SEEKS;
	facts->effect = EFFECT_READS;
	facts->door = slice_str(o->path);
	lines_check_max(o->max_line, diag);
	return 0;
}

static int lines_open(struct site *site, struct err *err) SUSPENDS
{
	const struct lines_source *o = site->options;
	return input_open_file(site->shared, o->path, (enum packing)o->packing, err);
}

static void lines_close(struct site *site)
{
	input_close(site->shared);
}

static int lines_source_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct lines_source *o = site->options;
	struct lines job = {
		.input = site->shared,
		.intake = intake,
		.form = LINE_TEXT,
		.max_line = (size_t)o->max_line,
		.name = o->path,
	};
	return lines_run(&job, err);
}

const struct port from_lines = {
	.name = "lines",
	.doc = "read a text file line by line",
	.more = "Each line is a record {line, n}, n counting from 1. The text must be UTF-8.\n"
		"\n"
		"    from: {lines: urls.txt}\n"
		"    steps:\n"
		"      - http: \\(.line)\n"
		"        into: .page\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct lines_source),
	.shared_size = sizeof(struct input),
	.plan = lines_plan,
	.open = lines_open,
	.close = lines_close,
	.run = lines_source_run,
};
