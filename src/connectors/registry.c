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

const struct registry registry = { ports, ARRAY_SIZE(ports) };
