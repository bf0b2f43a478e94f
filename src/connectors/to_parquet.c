/* to_parquet.c - write records to Parquet files, with DuckDB's library
 *
 * What this room is for: a format that has its index at the end, written as exactly as a file of lines: rows are staged as JSON
 *   lines (spread.h), with receipts as any; when all is delivered each part becomes a Parquet file (parquet.h).
 * What flows through:    batches of records; the files when the run ends.
 * What must hold:
 *  (1) what spread.h and parts.h promise; a crash while a file is made leaves what is staged, and it is made again.
 *  (2) a value that does not fit a type of `types` is its record's fault, when it comes. */
#include "base/banned.h"
#include "connectors/files/parquet.h"
#include "connectors/files/spread.h"
#include <hocket/offload.h>

#define MEMORY_LEAST (128u << 20)
#define MEMORY_MOST  (16ull << 30)

struct parquet_sink {
	struct text_sink text; /* first: text_sink.h's options are at its offsets */
	struct opt_map types;
	int codec;
	int64_t row_group;
};
struct parquet_output {
	struct spread *spread;
	struct parquet *parquet;
	struct parquet_options options;
};

static const char *const codecs[] = { "zstd", "snappy", "gzip", "none", NULL };
static const char *const codec_words[] = { "zstd", "snappy", "gzip", "uncompressed" };

static const struct opt options[] = {
	OPT("parquet", struct parquet_sink, text.files, OPT_FILES, struct files_name, .verb = true,
	    .required = true, .doc = "file to write; \\( ) in it: one for each value"),
	OPT("fields", struct parquet_sink, text.render.fields, OPT_LIST, struct opt_list,
	    .of = OPT_STRING, .doc = "write only these fields of the record, in this order"),
	OPT("types", struct parquet_sink, types, OPT_MAP, struct opt_map, .of = OPT_STRING,
	    .doc = "columns whose type is not to be found out: {price: 'DECIMAL(18,2)', at: "
		   "TIMESTAMP}"),
	OPT("mode", struct parquet_sink, text.mode, OPT_ENUM, int, .words = part_modes,
	    .fallback = "replace",
	    .doc = "replace the file at the end, add to its rows (append), or refuse one that "
		   "exists (new)"),
	OPT("compress", struct parquet_sink, codec, OPT_ENUM, int, .words = codecs,
	    .fallback = "zstd", .doc = "of the pages in the file"),
	OPT("row_group", struct parquet_sink, row_group, OPT_INT, int64_t, .min = 2048,
	    .max = 100000000, .fallback = "122880", .tuning = true,
	    .doc = "rows that are written, and read, together"),
	OPT("rotate", struct parquet_sink, text.rotate, OPT_TABLE, const struct rotate_options *,
	    .sub = rotate_table, .sub_size = sizeof(struct rotate_options),
	    .doc = "begin another file, name-00002 and so on, when one has so many rows, or bytes "
		   "of JSON, or is so old"),
	OPT_END,
};

static bool is_type(struct slice type)
{
	for (size_t i = 0; i < type.n; i++) {
		char c = type.p[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
			    (c >= '0' && c <= '9');
		if (!word && !strchr(" (),[]\"", c))
			return false;
	}
	return type.n > 0;
}

static int parquet_plan(void *of, struct facts *facts, struct diag *diag)
{
	struct parquet_sink *o = of;
	const char *const *types = o->types.v;
	struct err err = { 0 };
	o->text.render.delimiter = ","; /* of no use, but checked */
	o->text.packing = PACKING_NONE;
	for (size_t i = 0; i < o->types.n; i++)
		if (!is_type(slice_str(types[i])))
			diag_error(diag, "types", "'%s' is not a type of SQL", types[i]);
	if (duckdb_find(&err) < 0)
		diag_error(diag, NULL, "%s", err.text);
	facts->needs_end = true;
	return text_sink_plan(&o->text, facts, diag);
}

static int parquet_open(struct site *site, struct err *err)
{
	const struct parquet_sink *o = site->options;
	struct parquet_output *t = site->shared;
	uint64_t memory = site_text_max(site);
	(void)err;
	memory = memory < MEMORY_MOST / 8 ? memory * 8 : MEMORY_MOST; /* half of `memory` */
	t->options = (struct parquet_options){
		.fields = o->text.render.fields,
		.types = o->types,
		.codec = codec_words[o->codec],
		.row_group = o->row_group,
		.memory_bytes = memory > MEMORY_LEAST ? memory : MEMORY_LEAST,
	};
	t->parquet = parquet_new(&t->options);
	t->spread = spread_new(site, &o->text, RENDER_JSONL, false);
	t->spread->parts.staged = parquet_make;
	t->spread->parts.stage = t->parquet;
	t->spread->parts.publishes = false;
	return 0;
}

static void parquet_close(struct site *site)
{
	struct parquet_output *t = site->shared;
	spread_free(take(t->spread));
	parquet_free(take(t->parquet));
}

static int parquet_resume(struct site *site, struct resumption *r, struct err *err) SUSPENDS
{
	struct parquet_output *t = site->shared;
	return spread_resume(t->spread, r, err);
}

struct job {
	struct parquet_output *t;
	const struct batch *batch;
	struct err *err;
};

static int check_job(void *arg)
{
	struct job *job = arg;
	return parquet_check(job->t->parquet, job->batch, job->err);
}

static int look_job(void *arg)
{
	struct job *job = arg;
	return parquet_look(job->t->parquet, &job->t->spread->parts, job->err);
}

static int parquet_commit(struct site *site, const struct batch *b, struct buf *receipt,
			  struct err *err) SUSPENDS
{
	struct parquet_output *t = site->shared;
	struct err own = { 0 };
	struct job job = { .t = t, .batch = b, .err = &own };
	if (t->options.types.n && b->n &&
	    parts_off(check_job, &job, &t->spread->parts, &own, err) < 0)
		return -1;
	return spread_commit(t->spread, b, receipt, err);
}

static int parquet_finish(struct site *site, struct err *err) SUSPENDS
{
	struct parquet_output *t = site->shared;
	struct err own = { 0 };
	struct job job = { .t = t, .err = &own };
	/* A file without columns is none. */
	bool columns = t->options.types.n || t->options.fields.n;
	if (parts_off(look_job, &job, &t->spread->parts, &own, err) < 0)
		return -1;
	return columns ? spread_finish(t->spread, err) : parts_finish(&t->spread->parts, err);
}

static int parquet_stands(struct site *site, const char *pipeline, struct slice receipt,
			  struct err *why) SUSPENDS
{
	struct parquet_output *t = site->shared;
	(void)pipeline;
	return spread_stands(t->spread, receipt, why);
}

const struct port to_parquet = {
	.name = "parquet",
	.doc = "write Parquet files (needs DuckDB's library)",
	.more = "Rows are staged in PATH.part; when all is delivered DuckDB makes the file of "
		"them. "
		"Columns are the fields of all\n"
		"records, and their types the narrowest that change no value; `types` says "
		"otherwise. HOCKET_DUCKDB names the\n"
		"library (libduckdb.so), if it is not where the system looks.\n"
		"\n"
		"    to: {parquet: 'out/\\(.day).parquet', types: {price: 'DECIMAL(18,2)'}}\n",
	.roles = ROLE_SINK,
	.options = options,
	.options_size = sizeof(struct parquet_sink),
	.shared_size = sizeof(struct parquet_output),
	.plan = parquet_plan,
	.open = parquet_open,
	.close = parquet_close,
	.resume = parquet_resume,
	.commit = parquet_commit,
	.finish = parquet_finish,
	.stands = parquet_stands,
};
