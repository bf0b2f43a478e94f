/* fakes.h - a small registry of ports that do nothing: the planner is tested without the real connectors */
#pragma once
#include "engine/port.h"

#include <string.h>

/* ---- http-like: a call step, and a source with pages ------------------------------------------------------- */
struct fake_auth {
	struct tpl *bearer;
};
struct fake_http {
	struct tpl *url, *body;
	struct opt_map headers;
	struct fake_auth *auth;
	struct opt_list codes;
};
static const struct opt fake_auth_options[] = {
	OPT("bearer", struct fake_auth, bearer, OPT_TEMPLATE, struct tpl *, .secret = true,
	    .required = true, .doc = "token"),
	OPT_END,
};
static const struct opt fake_http_options[] = {
	OPT("http", struct fake_http, url, OPT_URL, struct tpl *, .verb = true, .required = true,
	    .secret = true, .doc = "method and URL"),
	OPT("body", struct fake_http, body, OPT_TREE, struct tpl *, .secret = true,
	    .doc = "JSON to send"),
	OPT("headers", struct fake_http, headers, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,
	    .secret = true, .tuning = true, .doc = "more headers"),
	OPT("auth", struct fake_http, auth, OPT_TABLE, struct fake_auth *, .sub = fake_auth_options,
	    .sub_size = sizeof(struct fake_auth), .tuning = true, .doc = "credentials"),
	OPT("codes", struct fake_http, codes, OPT_LIST, struct opt_list, .of = OPT_INT, .min = 100,
	    .max = 599, .doc = "statuses"),
	OPT_END,
};
static int fake_http_plan(void *options, struct facts *f, struct diag *d)
{
	struct fake_http *o = options;
	bool post = tpl_cut(o->url, "POST");
	f->effect = post ? EFFECT_WRITES : EFFECT_READS;
	if (o->auth && o->headers.n > 3)
		diag_error(d, "auth.bearer", "too many headers beside credentials");
	if (tpl_constant(o->url) && !slice_starts(tpl_head(o->url), S("http")))
		diag_error(d, NULL, "'%.*s' is not a URL", SLICE(tpl_head(o->url)));
	return 0;
}
static int fake_ask(struct site *site, struct call *c, struct err *err)
{
	return 0;
}
static void fake_call(struct site *site, struct call *c)
{
}
static const struct port fake_http = {
	.name = "http",
	.doc = "one HTTP request for each record",
	.roles = ROLE_STEP,
	.options = fake_http_options,
	.options_size = sizeof(struct fake_http),
	.plan = fake_http_plan,
	.ask = fake_ask,
	.call = fake_call,
};

struct fake_pages {
	struct jq *next;
	struct tpl *page;
	int64_t start;
};
struct fake_source {
	struct tpl *url;
	struct fake_pages *pages;
	struct jq *each;
};
static const struct opt fake_pages_options[] = {
	OPT("next", struct fake_pages, next, OPT_JQ, struct jq *, .verb = true, .of_answer = true,
	    .response = true, .doc = "URL of the next page"),
	OPT("page", struct fake_pages, page, OPT_TEMPLATE, struct tpl *, .at_plan = true,
	    .doc = "query parameter"),
	OPT("start", struct fake_pages, start, OPT_INT, int64_t, .fallback = "1",
	    .doc = "first page"),
	OPT_END,
};
static const struct opt fake_source_options[] = {
	OPT("http", struct fake_source, url, OPT_URL, struct tpl *, .verb = true, .required = true,
	    .at_plan = true, .doc = "first page"),
	OPT("pages", struct fake_source, pages, OPT_TABLE, struct fake_pages *,
	    .sub = fake_pages_options, .sub_size = sizeof(struct fake_pages),
	    .doc = "how to go on"),
	OPT("each", struct fake_source, each, OPT_JQ, struct jq *, .fallback = ".[]",
	    .of_answer = true, .doc = "the records of a page"),
	OPT_END,
};
static const struct port fake_http_source = {
	.name = "http",
	.doc = "read a paginated API",
	.roles = ROLE_SOURCE,
	.options = fake_source_options,
	.options_size = sizeof(struct fake_source),
};

/* ---- pure steps ------------------------------------------------------------------------------------------------ */
struct fake_pure {
	struct jq *program;
};
static const struct opt fake_map_options[] = {
	OPT("map", struct fake_pure, program, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "what the record becomes"),
	OPT_END,
};
static const struct opt fake_where_options[] = {
	OPT("where", struct fake_pure, program, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .truth = true, .doc = "what stays"),
	OPT_END,
};
static const struct opt fake_emit_options[] = {
	OPT("emit", struct fake_pure, program, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "children"),
	OPT_END,
};
static int fake_apply(struct site *site, const struct rec *rec, const struct env *env,
		      struct out *out, struct err *err)
{
	return 0;
}
#define FAKE_PURE(name_, doc_, table)                                             \
	{                                                                         \
		.name = name_, .doc = doc_, .roles = ROLE_STEP, .options = table, \
		.options_size = sizeof(struct fake_pure), .apply = fake_apply     \
	}
static const struct port fake_map = FAKE_PURE("map", "make the record anew", fake_map_options);
static const struct port fake_where = FAKE_PURE("where", "keep some records", fake_where_options);
static const struct port fake_emit = FAKE_PURE("emit", "make several of one", fake_emit_options);

/* ---- files, a database, and what needs no value ------------------------------------------------------------- */
struct fake_file {
	const char *path;
	uint64_t max_line;
	int mode;
	struct opt_list fields;
};
static const char *const fake_modes[] = { "replace", "append", "new", NULL };
static const struct opt fake_jsonl_in_options[] = {
	OPT("jsonl", struct fake_file, path, OPT_PATH, const char *, .verb = true, .required = true,
	    .doc = "file with one object per line"),
	OPT("max_line", struct fake_file, max_line, OPT_SIZE, uint64_t, .tuning = true,
	    .fallback = "64MB", .doc = "longest line"),
	OPT_END,
};
static const struct opt fake_jsonl_out_options[] = {
	OPT("jsonl", struct fake_file, path, OPT_PATH, const char *, .verb = true, .required = true,
	    .doc = "file to write"),
	OPT("mode", struct fake_file, mode, OPT_ENUM, int, .words = fake_modes,
	    .fallback = "replace", .doc = "what happens to an old file"),
	OPT("fields", struct fake_file, fields, OPT_LIST, struct opt_list, .of = OPT_STRING,
	    .doc = "only these"),
	OPT_END,
};
static int fake_file_plan(void *options, struct facts *f, struct diag *d)
{
	const struct fake_file *o = options;
	f->door = slice_str(o->path);
	f->finite_output = true;
	return 0;
}
static int fake_in_plan(void *options, struct facts *f, struct diag *d)
{
	const struct fake_file *o = options;
	f->door = slice_str(o->path);
	f->restart = RESTART_SEEKS;
	return 0;
}
static int fake_commit(struct site *site, const struct batch *batch, struct buf *receipt,
		       struct err *err)
{
	return 0;
}
static const struct port fake_jsonl_in = {
	.name = "jsonl",
	.doc = "read a file of JSON lines",
	.roles = ROLE_SOURCE,
	.options = fake_jsonl_in_options,
	.options_size = sizeof(struct fake_file),
	.plan = fake_in_plan,
};
static const struct port fake_jsonl_out = {
	.name = "jsonl",
	.doc = "write a file of JSON lines",
	.roles = ROLE_SINK,
	.options = fake_jsonl_out_options,
	.options_size = sizeof(struct fake_file),
	.plan = fake_file_plan,
	.commit = fake_commit,
};

struct fake_sqlite {
	const char *path, *table;
	struct opt_list key;
};
static const struct opt fake_sqlite_options[] = {
	OPT("sqlite", struct fake_sqlite, path, OPT_PATH, const char *, .verb = true,
	    .required = true, .doc = "database file"),
	OPT("table", struct fake_sqlite, table, OPT_STRING, const char *, .required = true,
	    .doc = "made when missing"),
	OPT("key", struct fake_sqlite, key, OPT_LIST, struct opt_list, .of = OPT_STRING,
	    .doc = "columns that identify a row"),
	OPT_END,
};
static int fake_sqlite_plan(void *options, struct facts *f, struct diag *d)
{
	const struct fake_sqlite *o = options;
	f->guarantee = TRANSACTIONAL;
	f->own_mark = true;
	f->door = slice_str(o->path);
	if (strchr(o->table, '"'))
		diag_error(d, "table", "a table's name holds no quotes");
	return 0;
}
static const struct port fake_sqlite = {
	.name = "sqlite",
	.doc = "write a table",
	.roles = ROLE_SINK,
	.options = fake_sqlite_options,
	.options_size = sizeof(struct fake_sqlite),
	.plan = fake_sqlite_plan,
	.commit = fake_commit,
};

static const struct opt fake_no_options[] = { OPT_END };
static int fake_stdin_plan(void *options, struct facts *f, struct diag *d)
{
	f->endless = true;
	return 0;
}
static const struct port fake_stdin = { .name = "stdin",
					.doc = "read JSON lines",
					.roles = ROLE_SOURCE,
					.options = fake_no_options,
					.plan = fake_stdin_plan };
static const struct port fake_stdout = { .name = "stdout",
					 .doc = "write JSON lines",
					 .roles = ROLE_SINK,
					 .options = fake_no_options,
					 .commit = fake_commit };
static const struct port fake_null = { .name = "null",
				       .doc = "count and forget",
				       .roles = ROLE_SINK,
				       .options = fake_no_options,
				       .commit = fake_commit };

static const struct port *const fake_ports[] = {
	&fake_http_source, &fake_jsonl_in,  &fake_stdin,  &fake_http,   &fake_map,  &fake_where,
	&fake_emit,        &fake_jsonl_out, &fake_sqlite, &fake_stdout, &fake_null,
};
static const struct foreign_word fake_foreign[] = {
	{ "filter", "where" }, { "file", "jsonl" }, { "file", "sqlite" },
	{ "curl", "http" },    { "body", "jsonl" },
};
static const struct registry fakes = { fake_ports, ARRAY_SIZE(fake_ports), fake_foreign,
				       ARRAY_SIZE(fake_foreign) };
