/* plan.c - files without a mistake: what the plan holds, to the field */
#include "../check.h"
#include "engine/plan/options.h"
#include "engine/plan.h"
#include "fakes.h"

#include <stdlib.h>
#include <unistd.h>

/* NULL and a failed check with the mistakes, if there are any. */
static struct plan *plan_of_(const char *file, int line, const char *text,
			     const struct plan_settings *given)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct plan_settings settings = given ? *given : (struct plan_settings){ 0 };
	struct diag *diag = diag_new("p.yaml");
	settings.registry = &fakes;
	struct plan *plan = plan_parse(slice_str(text), "dir/p.yaml", "/data", &settings, diag);
	CHECK_INT(diag_print(diag, false, &out), 0);
	if (!plan)
		test_failures_++, printf("# %s:%d: refused:\n%s", file, line, out.p ? out.p : "");
	CHECK((plan == NULL) == (diag_count(diag) > 0));
	diag_free(diag);
	return plan;
}
#define PLAN(text) plan_of_(__FILE__, __LINE__, (text), NULL)
#define PLAN_SET(text, ...) \
	plan_of_(__FILE__, __LINE__, (text), &(struct plan_settings){ __VA_ARGS__ })

static uint64_t hash_of_(int line, const char *text)
{
	struct plan *plan = plan_of_(__FILE__, line, text, NULL);
	uint64_t h = plan ? plan->hash : 0;
	plan_free(plan);
	return h;
}
#define HASH(text) hash_of_(__LINE__, (text))

static const char first[] = "from: {jsonl: users.jsonl}\n"
			    "steps:\n"
			    "  - http: https://api.example.com/users/\\(.id)\n"
			    "    concurrency: 20\n"
			    "    retry: 5\n"
			    "    into: .profile\n"
			    "to: {sqlite: users.db, table: users, key: id}\n"
			    "dead: failed.jsonl\n";

TEST(plans_the_first_example)
{
	struct plan *p = PLAN(first);
	if (!p)
		return;
	CHECK_STR(p->name, "p");
	CHECK_STR(p->file, "dir/p.yaml");
	CHECK_STR(p->folder, "/data");
	CHECK_STR(p->dead_path, "/data/failed.jsonl");
	CHECK_INT(p->memory_bytes, 256 << 20);
	CHECK(!p->any_order);
	CHECK_STR(p->text.p, first);
	CHECK_INT(p->source_count, 1);
	CHECK_INT(p->step_count, 1);
	CHECK_INT(p->sink_count, 1);
	const struct fake_file *in = p->sources[0].options;
	CHECK(p->sources[0].port == &fake_jsonl_in && p->sources[0].role == ROLE_SOURCE);
	CHECK_STR(in->path, "/data/users.jsonl");
	CHECK_INT(in->max_line, 64 << 20);
	CHECK_INT(p->sources[0].facts.restart, RESTART_SEEKS);
	const struct place *http = &p->steps[0];
	const struct fake_http *o = http->options;
	CHECK_STR(http->label, "http");
	CHECK_INT(http->line, 3);
	CHECK_SLICE(tpl_head(o->url), S("https://api.example.com/users/"));
	CHECK_INT(http->common.concurrency.most, 20);
	CHECK_INT(http->common.queue, 0);
	CHECK(http->common.retry && http->common.retry->times == 5 && !http->common.retry->unsafe);
	CHECK(http->common.timeout == NULL);
	CHECK_INT(http->common.into.n, 1);
	CHECK_SLICE(http->common.into.keys[0], S("profile"));
	CHECK_INT(http->common.on_error.kind, ON_ERROR_DEAD);
	const struct fake_sqlite *db = p->sinks[0].options;
	CHECK_STR(db->path, "/data/users.db");
	CHECK_STR(db->table, "users");
	CHECK_INT(db->key.n, 1);
	CHECK_STR(((const char **)db->key.v)[0], "id");
	CHECK(p->sinks[0].facts.own_mark);
	plan_free(p);
}

TEST(fills_every_type)
{
	struct plan *p = PLAN("from: stdin\n"
			      "steps:\n"
			      "  - http: POST https://x.org/\n"
			      "    name: ask\n"
			      "    if: .ok\n"
			      "    codes: [200, 204]\n"
			      "    headers: {accept: text/plain, x-n: 5}\n"
			      "    auth: {bearer: t}\n"
			      "    body: {a: [1, 2.50, true, null, 'x\\(.y)'], b: {}}\n"
			      "    concurrency: 3\n"
			      "    queue: 7\n"
			      "    rate: 500/min per host\n"
			      "    retry: {within: 1h, unsafe: true}\n"
			      "    timeout: {connect: 2s, total: 1m}\n"
			      "    accept: $res.status == 404\n"
			      "    as: text\n"
			      "    into: .a.\"b c\".d\n"
			      "    result: .n = $res.body.x\n"
			      "    on_error: into .error.http\n"
			      "  - http: https://y.org\n"
			      "    timeout: 90s\n"
			      "    on_error: stop\n"
			      "    emit: $res.body[]\n"
			      "to: {jsonl: /tmp/out.jsonl, mode: append, fields: [a, b], commit: "
			      "{rows: 500, bytes: 1MB, every: 250ms}}\n");
	if (!p)
		return;
	const struct common *c = &p->steps[0].common;
	const struct fake_http *o = p->steps[0].options;
	CHECK_STR(p->steps[0].label, "ask");
	CHECK(c->when && c->accept && !c->emit && o->body);
	CHECK_INT(o->codes.n, 2);
	CHECK_INT(((int64_t *)o->codes.v)[1], 204);
	CHECK_INT(o->headers.n, 2);
	CHECK_STR(o->headers.keys[1], "x-n");
	CHECK(tpl_constant(((struct tpl **)o->headers.v)[1]));
	CHECK(o->auth && o->auth->bearer);
	CHECK_INT(c->queue, 7);
	CHECK(c->rate.starts.count == 500 && c->rate.starts.per_ns == INT64_C(60000000000) &&
	      c->rate.starts.per_host && !c->rate.key);
	CHECK(c->retry->times == 4 && c->retry->within_ns == INT64_C(3600000000000) &&
	      c->retry->unsafe);
	CHECK(c->timeout->connect_ns == INT64_C(2000000000) &&
	      c->timeout->total_ns == INT64_C(60000000000));
	CHECK_INT(c->as, AS_TEXT);
	CHECK_INT(c->into.n, 3);
	CHECK_SLICE(c->into.keys[1], S("b c"));
	CHECK(c->result.value && c->result.to.n == 1);
	CHECK_INT(c->on_error.kind, ON_ERROR_INTO);
	CHECK_INT(c->on_error.into.n, 2);
	CHECK_INT(p->steps[0].facts.effect, EFFECT_WRITES);
	CHECK_INT(p->steps[1].common.timeout->total_ns, INT64_C(90000000000));
	CHECK_INT(p->steps[1].common.on_error.kind, ON_ERROR_STOP);
	CHECK(p->steps[1].common.emit);
	const struct fake_file *f = p->sinks[0].options;
	CHECK_STR(f->path, "/tmp/out.jsonl");
	CHECK_INT(f->mode, 1);
	CHECK_INT(f->fields.n, 2);
	const struct commit_options *commit = p->sinks[0].common.commit;
	CHECK(commit && commit->rows == 500 && commit->bytes == 1 << 20 &&
	      commit->every_ns == 250000000);
	plan_free(p);
}

TEST(sub_table_scalar_and_fallbacks)
{
	struct plan *p = PLAN("from: {http: https://x.org, pages: .next}\nto: null\n");
	if (!p)
		return;
	const struct fake_source *o = p->sources[0].options;
	CHECK(o->pages && o->pages->next && !o->pages->page);
	CHECK_INT(o->pages->start, 1);
	CHECK(o->each != NULL);
	plan_free(p);
}

TEST(bare_words_lists_and_null)
{
	struct plan *p = PLAN("from: [{jsonl: a, name: stdin}, {stdin: , name: again}]\nto: [null, "
			      "{null: , if: .a}, stdout]\n");
	if (!p)
		return;
	CHECK_INT(p->source_count, 2);
	CHECK_INT(p->sink_count, 3);
	CHECK(p->sinks[0].port == &fake_null && p->sinks[1].port == &fake_null &&
	      p->sinks[2].port == &fake_stdout);
	CHECK(p->sinks[1].common.when && !p->sinks[0].common.when);
	CHECK_STR(p->sources[1].label, "again");
	CHECK_STR(p->sinks[0].label, "null");
	CHECK_STR(p->sinks[1].label, "null 2");
	plan_free(p);
	p = PLAN("from: {stdin: }\nsteps:\nto: ~\n");
	CHECK(p && p->step_count == 0 && p->sinks[0].port == &fake_null);
	plan_free(p);
}

TEST(labels_differ_and_given_names_win)
{
	struct plan *p = PLAN("from: {jsonl: a}\n"
			      "steps:\n"
			      "  - http: https://x.org\n"
			      "  - http: https://x.org\n"
			      "    name: http\n"
			      "  - http: https://x.org\n"
			      "  - map: .a\n"
			      "to: {jsonl: b}\n");
	if (!p)
		return;
	CHECK_STR(p->steps[0].label, "http 2");
	CHECK_STR(p->steps[1].label, "http");
	CHECK_STR(p->steps[2].label, "http 3");
	CHECK_STR(p->steps[3].label, "map");
	CHECK_STR(p->sources[0].label, "jsonl");
	CHECK_STR(p->sinks[0].label, "jsonl");
	plan_free(p);
}

TEST(order_follows_the_sources)
{
	static const struct {
		const char *text;
		bool any;
	} cases[] = {
		{ "from: {jsonl: a}\nto: stdout\n", false },
		{ "from: stdin\nto: stdout\n", true },
		{ "from: stdin\nto: stdout\norder: input\n", false },
		{ "from: {jsonl: a}\nto: stdout\norder: any\n", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan *p = PLAN(cases[i].text);
		CHECK(p && p->any_order == cases[i].any);
		plan_free(p);
	}
}

TEST(names_memory_tests)
{
	struct plan *p = PLAN("name: nightly\nmemory: 64MB\nfrom: stdin\nto: stdout\ntests:\n  - "
			      "in: {a: 1}\n    out: {a: 1}\n");
	CHECK(p && p->memory_bytes == 64 << 20);
	if (p)
		CHECK_STR(p->name, "nightly");
	plan_free(p);
}

/* What $vars holds can be seen through a template that is exactly one value. */
static void check_var(const struct plan_settings *settings, const char *vars, const char *name,
		      const char *want)
{
	AUTO(buf_done) struct buf text = { 0 }, got = { 0 };
	struct err err = { 0 };
	CHECK_INT(buf_printf(&text,
			     "%sfrom: stdin\nsteps:\n  - http: https://x.org\n    body: "
			     "$vars.%s\nto: stdout\n",
			     vars, name),
		  0);
	struct plan *p = plan_of_(__FILE__, __LINE__, text.p, settings);
	if (!p)
		return;
	const struct fake_http *o = p->steps[0].options;
	CHECK_INT(tpl_json(o->body, &(struct env){ .record = S("{}") }, &got, &err), 0);
	CHECK_STR(got.p ? got.p : "", want);
	plan_free(p);
}

TEST(vars_come_from_the_file_the_environment_and_set)
{
	static const char *const sets[] = { "n=5", "s=text", "q=\"5\"", "o={\"a\": [1, 2]}",
					    "new=x=y" };
	static const char vars[] = "vars: {n: 1, base: $env.HOCKET_TEST_BASE, time: 12:30:00, no: "
				   "no, hex: 0x1F, f: +.50, deep: {x: [$env.HOCKET_TEST_BASE]}}\n";
	const struct plan_settings with = { .sets = sets, .set_count = ARRAY_SIZE(sets) },
				   without = { 0 };

	setenv("HOCKET_TEST_BASE", "007", 1);
	check_var(&without, vars, "n", "1");
	check_var(&without, vars, "base", "\"007\"");
	check_var(&without, vars, "time", "\"12:30:00\"");
	check_var(&without, vars, "no", "\"no\"");
	check_var(&without, vars, "hex", "31");
	check_var(&without, vars, "f", "0.50");
	check_var(&without, vars, "deep", "{\"x\":[\"007\"]}");
	check_var(&with, vars, "n", "5");
	check_var(&with, vars, "s", "\"text\"");
	check_var(&with, vars, "q", "\"5\"");
	check_var(&with, "", "o", "{\"a\":[1,2]}");
	check_var(&with, vars, "new", "\"x=y\"");
}

/* ---- jq in YAML ---------------------------------------------------------------------------------------------- */

static void check_map(const char *value, const char *record, const char *want)
{
	AUTO(buf_done) struct buf text = { 0 }, got = { 0 };
	struct err err = { 0 };
	CHECK_INT(buf_printf(&text, "from: stdin\nsteps:\n  - map: %s\nto: stdout\n", value), 0);
	struct plan *p = PLAN(text.p);
	if (!p)
		return;
	const struct fake_pure *o = p->steps[0].options;
	CHECK_INT(jq_one(o->program, &(struct env){ .record = slice_str(record) }, &got, &err), 1);
	CHECK_STR(got.p ? got.p : err.text, want);
	plan_free(p);
}

TEST(programs_and_mappings_of_programs)
{
	check_map(".a", "{\"a\":5}", "5");
	check_map("'{id, n: .a}'", "{\"id\":1,\"a\":2}", "{\"id\":1,\"n\":2}");
	check_map("{id, n: .a}", "{\"id\":1,\"a\":2}", "{\"id\":1,\"n\":2}");
	check_map("{id: , total: '.lines | map(.q) | add'}",
		  "{\"id\":1,\"lines\":[{\"q\":2},{\"q\":3}]}", "{\"id\":1,\"total\":5}");
	check_map("{a: 1, b: true, c: null, d: {e: .x, f: 1.10}, 'two words': }",
		  "{\"x\":9,\"two words\":3}",
		  "{\"a\":1,\"b\":true,\"c\":null,\"d\":{\"e\":9,\"f\":1.10},\"two words\":3}");
	check_map("'\"Hello\"'", "{}", "\"Hello\"");
	check_map("|\n      {id,\n       n: .a}", "{\"id\":1,\"a\":2}", "{\"id\":1,\"n\":2}");
	check_map("{gr\xc3\xb6\xc3\x9f"
		  "e: }",
		  "{\"gr\xc3\xb6\xc3\x9f"
		  "e\":1}",
		  "{\"gr\xc3\xb6\xc3\x9f"
		  "e\":1}");
	check_map("{}", "{}", "{}");
	check_map("5", "{}", "5");
}

/* ---- the hash -------------------------------------------------------------------------------------------------- */

#define HEAD "from: {jsonl: a}\nsteps:\n"
#define TAIL "to: {sqlite: a.db, table: t, key: id}\n"

TEST(tuning_does_not_change_the_hash)
{
	static const char *const same[] = {
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n    concurrency: 50\n    "
		     "queue: 5\n    rate: 5/s\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n    retry: 9\n    timeout: "
		     "5s\n    name: fetch\n" TAIL,
		HEAD "  - into: .a\n    http: 'https://x.org/\\(.id)' # a comment\n\n" TAIL,
		"name: other\nmemory: 1G\ndead: d.jsonl\n" HEAD
		"  - {http: 'https://x.org/\\(.id)', into: .a}\n" TAIL,
		("from: {jsonl: a, max_line: 1MB}\nsteps:\n  - {http: 'https://x.org/\\(.id)', "
		 "into: .a}\n"
		 "to: {sqlite: a.db, commit: 5, table: t, key: id}\n"),
	};
	uint64_t want = HASH(same[0]);
	for (size_t i = 1; i < ARRAY_SIZE(same); i++)
		CHECK(HASH(same[i]) == want);
}

TEST(meaning_changes_the_hash)
{
	static const char *const other[] = {
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .b\n" TAIL,
		HEAD "  - http: https://x.org/\\(.no)\n    into: .a\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n    body: {x: 1}\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n    body: {x: '1'}\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n    if: .x\n" TAIL,
		HEAD "  - http: https://x.org/\\(.id)\n    into: .a\n  - map: .a\n" TAIL,
		HEAD "  - map: .a\n  - http: https://x.org/\\(.id)\n    into: .a\n" TAIL,
		HEAD "  - map: .a\n" TAIL,
		HEAD "  - where: .a\n" TAIL,
		"from: {jsonl: b}\nsteps:\n  - where: .a\n" TAIL,
		HEAD "  - where: .a\nto: {sqlite: a.db, table: u, key: id}\n",
		HEAD "  - where: .a\nto: {sqlite: a.db, table: t, key: [id, b]}\n",
		HEAD "  - where: .a\nto: [{sqlite: a.db, table: t, key: id}, stdout]\n",
	};
	uint64_t h[ARRAY_SIZE(other)];
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		h[i] = HASH(other[i]);
		for (size_t k = 0; k < i; k++)
			CHECK(h[i] != h[k]);
	}
}

TEST(vars_count_only_where_they_are_named)
{
	static const char *const one[] = { "a=1" }, *const two[] = { "a=2" };
	static const char uses[] = HEAD "  - where: .x == $vars.a\n" TAIL,
			  ignores[] = HEAD "  - where: .x\n" TAIL;
	struct plan *p = PLAN_SET(uses, .sets = one, .set_count = 1),
		    *q = PLAN_SET(uses, .sets = two, .set_count = 1);
	CHECK(p && q && p->hash != q->hash);
	plan_free(p);
	plan_free(q);
	p = PLAN_SET(ignores, .sets = one, .set_count = 1);
	q = PLAN_SET(ignores, .sets = two, .set_count = 1);
	CHECK(p && q && p->hash == q->hash);
	plan_free(p);
	plan_free(q);
}

/* ---- YAML ------------------------------------------------------------------------------------------------------ */

TEST(plain_text_has_the_kinds_of_the_core_schema)
{
	static const struct {
		const char *text;
		enum node_kind kind;
	} cases[] = {
		{ "", NODE_NULL },           { "~", NODE_NULL },      { "null", NODE_NULL },
		{ "nUll", NODE_STRING },     { "true", NODE_BOOL },   { "False", NODE_BOOL },
		{ "no", NODE_STRING },       { "yes", NODE_STRING },  { "on", NODE_STRING },
		{ "12:30:00", NODE_STRING }, { "0", NODE_INT },       { "-12", NODE_INT },
		{ "+3", NODE_INT },          { "0o17", NODE_INT },    { "0x1f", NODE_INT },
		{ "0x", NODE_STRING },       { "0xg", NODE_STRING },  { "1_000", NODE_STRING },
		{ "1.5", NODE_FLOAT },       { ".5", NODE_FLOAT },    { "5.", NODE_FLOAT },
		{ "1e3", NODE_FLOAT },       { "1e", NODE_STRING },   { "-1.e-3", NODE_FLOAT },
		{ ".inf", NODE_FLOAT },      { "-.INF", NODE_FLOAT }, { ".nan", NODE_FLOAT },
		{ "-.nan", NODE_STRING },    { ".", NODE_STRING },    { "-", NODE_STRING },
		{ "+", NODE_STRING },        { ".id", NODE_STRING },  { "2024-01-01", NODE_STRING },
		{ "1.2.3", NODE_STRING },    { "e5", NODE_STRING },   { ".e5", NODE_STRING },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (yaml_plain_kind(slice_str(cases[i].text)) != cases[i].kind)
			test_failures_++, printf("# '%s' has kind %d\n", cases[i].text,
						 yaml_plain_kind(slice_str(cases[i].text)));
}

/* Every character of a scalar's text, looked up in the file, must be that character. */
static void check_places(const char *file_text, bool exact)
{
	struct arena *arena = arena_new();
	struct diag *diag = diag_new("x");
	struct slice file = slice_str(file_text);
	struct node *root = yaml_parse(arena, file, diag);
	const struct node *v = root ? node_get(root, "v") : NULL;
	CHECK(v && v->text.n > 0);
	for (size_t i = 0; v && i < v->text.n; i++) {
		size_t at, length;
		node_locate(v, file, i, 1, &at, &length);
		CHECK(at <= file.n);
		if (exact && v->text.p[i] != '\n')
			CHECK(at < file.n && file.p[at] == v->text.p[i]);
		else if (!exact)
			CHECK_INT(at, v->at);
	}
	diag_free(diag);
	arena_free(arena);
}

TEST(places_in_scalars_are_exact_or_the_start)
{
	check_places("v: .abc | def\n", true);
	check_places("a: 1\nv: 'it''s ''quoted'' text'\n", true);
	check_places("v: \"plain enough\"\n", true);
	check_places("v: |\n   first\n     second\n\n   third\n", true);
	check_places("v: |-\r\n  a\r\n  b\r\n", true);
	check_places("v: |2\n    two more\n  x\n", true);
	check_places("\xef\xbb\xbfv: .x\n", true);
	check_places("{a: {b: [1, 'x']}, v: .abc}\n", true);
	check_places("v: \"esc\\taped\"\n", false);
	check_places("v: >\n  folded\n  text\n", false);
	check_places("v: plain over\n  two lines\n", false);
	check_places("v: 'quoted over\n  two lines'\n", false);
}

TEST(loads_files_and_says_when_it_cannot)
{
	const struct plan_settings settings = { .registry = &fakes };
	char folder[] = "/tmp/hocket-plan-XXXXXX", path[64];
	struct diag *diag = NULL;
	struct plan *plan = NULL;
	struct err err = { 0 };

	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/enrich.yml", folder);
	CHECK_INT(plan_load(path, &settings, &diag, &plan, &err), -1);
	CHECK(err.fault == FAULT_CONFIG && strstr(err.text, "enrich.yml") && !plan && !diag);
	CHECK_INT(plan_load(folder, &settings, &diag, &plan, &err), -1);

	FILE *f = fopen(path, "w");
	CHECK(f && fputs(first, f) >= 0 && fclose(f) == 0);
	CHECK_INT(plan_load(path, &settings, &diag, &plan, &err), 0);
	CHECK(plan && !diag);
	if (plan) {
		CHECK_STR(plan->folder, folder);
		CHECK_STR(plan->name, "enrich");
	}
	plan_free(plan);

	f = fopen(path, "w");
	CHECK(f && fputs("from: x\n", f) >= 0 && fclose(f) == 0);
	CHECK_INT(plan_load(path, &settings, &diag, &plan, &err), -2);
	CHECK(!plan && diag && diag_count(diag) == 2);
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(diag_print(diag, false, &out), 0);
	CHECK(slice_starts(buf_slice(&out), slice_str(path)));
	diag_free(diag);

	f = fopen(path, "w");
	CHECK(f != NULL);
	for (int i = 0; i < 1 << 21 && f; i++)
		fputc('#', f);
	CHECK(f && fclose(f) == 0);
	CHECK_INT(plan_load(path, &settings, &diag, &plan, &err), -1);
	CHECK(strstr(err.text, "1 MiB") != NULL);
	unlink(path);
	rmdir(folder);
}

static const struct test tests[] = {
	T(plans_the_first_example),
	T(fills_every_type),
	T(sub_table_scalar_and_fallbacks),
	T(bare_words_lists_and_null),
	T(labels_differ_and_given_names_win),
	T(order_follows_the_sources),
	T(names_memory_tests),
	T(vars_come_from_the_file_the_environment_and_set),
	T(programs_and_mappings_of_programs),
	T(tuning_does_not_change_the_hash),
	T(meaning_changes_the_hash),
	T(vars_count_only_where_they_are_named),
	T(plain_text_has_the_kinds_of_the_core_schema),
	T(places_in_scalars_are_exact_or_the_start),
	T(loads_files_and_says_when_it_cannot),
};

int main(void)
{
	return RUN_TESTS(tests);
}
