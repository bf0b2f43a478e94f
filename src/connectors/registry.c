/* registry.c - the list of connectors
 *
 * What this room is for: the engine knows no connector by name; cli hands it this array as a pointer.
 * What flows through:    nothing: constants.
 * What must hold:        a name stands at most once per role. */
#include "connectors/registry.h"
#include "base/banned.h"

static const struct port *const ports[] = {
	&from_postgres, &from_sqlite,    &to_postgres,               /* databases */
	&from_objects,  &step_download,  &step_upload,   &to_upload, /* object stores */
	&from_webhook,  &from_websocket, &to_websocket,              /* what is sent to us */
	&from_csv,      &from_http,      &from_jsonl,    &from_lines,  &from_rss,
	&from_stdin, /* sources */
	&step_batch,    &step_group,     &step_pdf,      &step_join,   &step_sort,
	&step_python,   &step_run,       &step_emit,     &step_http,   &step_map,
	&step_set,      &step_sql,       &step_template, &step_unique, &step_where, /* steps */
	&to_csv,        &to_http,        &to_jsonl,      &to_null,     &to_sqlite,
	&to_parquet,    &to_stdout, /* sinks */
	&step_smtp,     &to_smtp,   /* mail */
};

/* Words of other tools and of the trade; what is a letter or two off a name is found without. */
static const struct foreign_word foreign[] = {
	{ "feed", "rss" },         { "feeds", "rss" },
	{ "atom", "rss" },         { "opml", "rss" },
	{ "ws", "websocket" },     { "wss", "websocket" },
	{ "socket", "websocket" }, { "hook", "webhook" },
	{ "listen", "webhook" },   { "mail", "smtp" },
	{ "email", "smtp" },       { "e-mail", "smtp" },
	{ "sendmail", "smtp" },    { "pg", "postgres" },
	{ "psql", "postgres" },    { "postgresql", "postgres" },
	{ "sqlite3", "sqlite" },   { "s3", "objects" },
	{ "s3", "upload" },        { "s3", "download" },
	{ "gs", "objects" },       { "gs", "upload" },
	{ "gs", "download" },      { "gcs", "objects" },
	{ "gcs", "upload" },       { "gcs", "download" },
	{ "bucket", "objects" },   { "bucket", "upload" },
	{ "https", "http" },       { "url", "http" },
	{ "api", "http" },         { "rest", "http" },
	{ "get", "http" },         { "post", "http" },
	{ "request", "http" },     { "fetch", "http" },
	{ "file", "jsonl" },       { "file", "csv" },
	{ "file", "lines" },       { "ndjson", "jsonl" },
	{ "tsv", "csv" },          { "text", "lines" },
	{ "txt", "lines" },        { "print", "stdout" },
	{ "console", "stdout" },   { "filter", "where" },
	{ "select", "where" },     { "transform", "map" },
	{ "project", "map" },      { "dedupe", "unique" },
	{ "dedup", "unique" },     { "deduplicate", "unique" },
	{ "distinct", "unique" },  { "group_by", "group" },
	{ "groupby", "group" },    { "aggregate", "group" },
	{ "sort_by", "sort" },     { "order_by", "sort" },
	{ "chunk", "batch" },      { "flatten", "emit" },
	{ "explode", "emit" },     { "split", "emit" },
	{ "exec", "run" },         { "shell", "run" },
	{ "command", "run" },      { "query", "sql" },
	{ "render", "template" },
};

const struct registry registry = { ports, ARRAY_SIZE(ports), foreign, ARRAY_SIZE(foreign) };
