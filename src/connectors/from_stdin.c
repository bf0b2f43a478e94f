/* from_stdin.c - read what is piped in: JSON lines, lines or CSV
 *
 * What this room is for: `... | hocket run pipeline.yaml`.
 * What flows through:    the same records as from_jsonl.c, from_lines.c and from_csv.c.
 * What must hold:        there are no positions: an interrupted run cannot be resumed, and says so (RESTART_LOSES). */
#include "base/banned.h"
#include "connectors/files/lines.h"
#include "connectors/files/rows.h"

enum stdin_format { STDIN_JSONL, STDIN_LINES, STDIN_CSV };
static const char *const formats[] = { "jsonl", "lines", "csv", NULL };

struct stdin_source {
	int format;
	struct rows_options rows;
	uint64_t max_line;
};

static const struct opt options[] = {
	OPT("stdin", struct stdin_source, format, OPT_ENUM, int, .verb = true, .words = formats,
	    .fallback = "jsonl", .doc = "what is piped in"),
	ROWS_OPTIONS(struct stdin_source, rows),
	OPT("max_line", struct stdin_source, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = LINES_MAX_DEFAULT, .doc = "a longer line becomes a dead letter"),
	OPT_END,
};

static int stdin_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct stdin_source *o = of;
	facts->restart = RESTART_LOSES;
	facts->effect = EFFECT_READS;
	facts->door = S("stdin");
	rows_check(&o->rows, diag);
	if (o->format == STDIN_JSONL && !charset_is_utf8(o->rows.encoding))
		diag_error(diag, "encoding", "JSON lines are UTF-8; convert them: iconv -t utf-8");
	lines_check_max(o->max_line, diag);
	return 0;
}

static int stdin_open(struct site *site, struct err *err)
{
	(void)err;
	input_open_stdin(site->shared);
	return 0;
}

static void stdin_close(struct site *site)
{
	input_close(site->shared);
}

static int run_rows(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct stdin_source *o = site->options;
	struct rows job = {
		.input = site->shared,
		.intake = intake,
		.options = &o->rows,
		.max_line = (size_t)o->max_line,
		.name = "stdin",
	};
	return rows_run(&job, err);
}

static int stdin_run(struct site *site, struct intake *intake, struct err *err) SUSPENDS
{
	const struct stdin_source *o = site->options;
	if (o->format == STDIN_CSV)
		return run_rows(site, intake, err);
	struct lines job = {
		.input = site->shared,
		.intake = intake,
		.form = o->format == STDIN_LINES ? LINE_TEXT : LINE_JSON,
		.encoding = o->rows.encoding,
		.max_line = (size_t)o->max_line,
		.name = "stdin",
	};
	return lines_run(&job, err);
}

const struct port from_stdin = {
	.name = "stdin",
	.doc = "read what is piped in",
	.more = "JSON lines unless another format is named. An interrupted run cannot be resumed: "
		"what was read is gone.\n"
		"\n"
		"    from: stdin\n"
		"    to: {sqlite: events.db, table: events}\n"
		"\n"
		"    from: {stdin: csv, delimiter: ';'}\n",
	.roles = ROLE_SOURCE,
	.options = options,
	.options_size = sizeof(struct stdin_source),
	.shared_size = sizeof(struct input),
	.plan = stdin_plan,
	.open = stdin_open,
	.close = stdin_close,
	.run = stdin_run,
};
