/* from_lines.c - read a text file line by line
 *
 * What this room is for: lists of words, URLs, log lines: anything that is one item a line and no JSON.
 * What flows through:    {"line": text, "n": number from 1}.
 * What must hold:        empty lines are records too: what is done with them is the pipeline's affair (`where: .line != ""`). */
#include "base/banned.h"
#include "connectors/files/files.h"
#include "connectors/files/lines.h"

struct lines_source {
	struct files_options files;
	const char *encoding;
	uint64_t max_line;
};

static const struct opt options[] = {
	FILES_OPTIONS(struct lines_source, files, "lines",
		      "text file; each line becomes {line, n}"),
	ENCODING_OPTION(struct lines_source, encoding),
	OPT("max_line", struct lines_source, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = LINES_MAX_DEFAULT, .doc = "a longer line becomes a dead letter"),
	OPT_END,
};

static int lines_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct lines_source *o = of;
	files_check(&o->files, "lines", facts, diag);
	charset_check(o->encoding, diag);
	lines_check_max(o->max_line, diag);
	return 0;
}

static int lines_open(struct site *site, struct err *err) SUSPENDS
{
	const struct lines_source *o = site->options;
	return files_open(site->shared, site, &o->files, err);
}

static void lines_close(struct site *site)
{
	files_close(site->shared);
}

static int read_file(const void *of, struct input *in, struct intake *intake,
		     struct err *err) SUSPENDS
{
	const struct lines_source *o = of;
	struct lines job = {
		.input = in,
		.intake = intake,
		.form = LINE_TEXT,
		.encoding = o->encoding,
		.max_line = (size_t)o->max_line,
		.name = in->path,
	};
	return lines_run(&job, err);
}

static bool lines_reads(const void *of, const char *path)
{
	const struct lines_source *o = of;
	return files_match(&o->files, path);
}

static int lines_source_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	return files_run(site->shared, intake, read_file, site->options, err);
}

const struct port from_lines = {
	.name = "lines",
	.doc = "read a text file line by line",
	.more = "Each line is a record {line, n}, n counting from 1. The text is UTF-8, or what "
		"`encoding` says.\n"
		"\n"
		"    from: {lines: urls.txt}\n"
		"    steps:\n"
		"      - http: \\(.line)\n"
		"        into: .page\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct lines_source),
	.shared_size = sizeof(struct files),
	.plan = lines_plan,
	.open = lines_open,
	.close = lines_close,
	.reads = lines_reads,
	.run = lines_source_run,
};
