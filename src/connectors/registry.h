/* registry.h - all connectors, by name; the one place where they are listed
 *
 * What must hold: every from_*.c, step_*.c and to_*.c of this folder exports one port of the same name, and it stands
 *   here; tests/unit/connectors/registry.c compares the folder with the list. */
#pragma once
#include "engine/port.h"

extern const struct registry registry;

extern const struct port from_webhook, from_websocket, to_websocket;
extern const struct port from_csv, from_http, from_jsonl, from_lines, from_rss, from_stdin;
extern const struct port step_template, step_batch, step_group, step_join, step_sort;
extern const struct port step_python, step_run;
extern const struct port step_emit, step_http, step_map, step_set, step_sql, step_unique,
	step_where;
extern const struct port from_postgres, from_sqlite, to_postgres;
extern const struct port from_objects, step_download, step_upload, to_upload;
extern const struct port to_csv, to_http, to_jsonl, to_null, to_parquet, to_sqlite, to_stdout;
extern const struct port step_pdf;
extern const struct port step_smtp, to_smtp;
