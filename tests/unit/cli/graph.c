/* graph.c - pipelines drawn: the text as it is read in a terminal, DOT and Mermaid as other programs read them */
#include "cli/graph.h"
#include "check.h"
#include "engine/fakes.h"

static struct plan *plan_of(const char *text)
{
	struct diag *diag = diag_new("orders.yaml");
	struct plan_settings settings = { .registry = &fakes };
	struct plan *plan =
		plan_parse(slice_str(text), "dir/orders.yaml", "/data", &settings, diag);
	AUTO(buf_done) struct buf mistakes = { 0 };
	CHECK_INT(diag_print(diag, false, &mistakes), 0);
	CHECK_STR(mistakes.n ? mistakes.p : "", "");
	diag_free(diag);
	return plan;
}

static void check_graph(const char *yaml, enum graph_as as, const char *want)
{
	struct plan *plan = plan_of(yaml);
	AUTO(buf_done) struct buf out = { 0 };
	if (!plan)
		return;
	CHECK_INT(graph_put(plan, as, &out), 0);
	CHECK_STR(out.p, want);
	plan_free(plan);
}

static const char orders[] = "from: {jsonl: in.jsonl}\n"
			     "steps:\n"
			     "  - where: .ok\n"
			     "    if: .x\n"
			     "  - http: https://api.example.com/\\(.id)\n"
			     "    concurrency: auto\n"
			     "    rate: 500/min per host\n"
			     "    retry: 1\n"
			     "    timeout: 2m\n"
			     "  - http: POST https://api.example.com/\n"
			     "    name: note \"it\"\n"
			     "    queue: 7\n"
			     "    on_error: into .a.error\n"
			     "to:\n"
			     "  - {sqlite: out.db, table: t, if: .good}\n"
			     "  - stdout\n"
			     "dead: failed.jsonl\n";

TEST(text_tells_caps_queues_and_promises)
{
	check_graph(orders, GRAPH_TEXT,
		    "orders.yaml: in input order, at most 256 MB of records on the way\n"
		    "\n"
		    "from   jsonl       /data/in.jsonl\n"
		    "  |                R  replayable: goes on where it stopped\n"
		    "  v\n"
		    "step   where       keep some records\n"
		    "  |                records that its `if` does not want pass by\n"
		    "  v\n"
		    "step   http        one HTTP request for each record\n"
		    "  |                auto, at most 256 at a time, queue 1024\n"
		    "  |                1 retry, 2m for each attempt\n"
		    "  |                never more than 500 in 1m per host\n"
		    "  |                reads: it may ask again after a crash\n"
		    "  v\n"
		    "step   note \"it\"   http: one HTTP request for each record\n"
		    "  |                10 at a time, queue 7\n"
		    "  |                4 retries, 30s for each attempt\n"
		    "  |                a failure goes into .a.error\n"
		    "  |                A  append-only: what a crash cuts off may have happened or "
		    "not\n"
		    "  |                   add `idempotency_key: auto`\n"
		    "  v\n"
		    "to     sqlite      /data/out.db\n"
		    "                   only records that its `if` wants\n"
		    "                   T  transactional: each record's effect once\n"
		    "and to stdout      write JSON lines\n"
		    "                   A  append-only: after a crash some may show twice or not\n"
		    "dead   copied to   /data/failed.jsonl\n"
		    "\n"
		    "not exactly once, because of note \"it\" (A), stdout (A)\n");
}

TEST(what_is_exact_is_called_so)
{
	check_graph("from: [{jsonl: a.jsonl}, {jsonl: b.jsonl}]\n"
		    "to: {sqlite: out.db, table: t}\n"
		    "order: any\n"
		    "guarantee: exactly_once\n",
		    GRAPH_TEXT,
		    "orders.yaml: in any order, at most 256 MB of records on the way\n"
		    "\n"
		    "from   jsonl       /data/a.jsonl\n"
		    "  |                R  replayable: goes on where it stopped\n"
		    "then   jsonl 2     /data/b.jsonl\n"
		    "  |                R  replayable: goes on where it stopped\n"
		    "  v\n"
		    "to     sqlite      /data/out.db\n"
		    "                   T  transactional: each record's effect once\n"
		    "\n"
		    "each record has its effect exactly once\n");
}

TEST(dot_stays_well_formed)
{
	check_graph(
		"from: [{jsonl: a.jsonl}, stdin]\n"
		"steps: [{http: 'POST https://x/', name: 'a \"b\" \\c'}]\n"
		"to: [stdout, 'null']\n",
		GRAPH_DOT,
		"digraph \"orders\" {\n"
		"  node [shape=box fontname=monospace]\n"
		"  from0 [label=\"jsonl\\n/data/a.jsonl\\nR  replayable: goes on where it "
		"stopped\"]\n"
		"  from1 [label=\"stdin\\nread JSON lines\\nwithout end: it runs until it is "
		"stopped\\nV  volatile: what was read is gone "
		"after a stop\"]\n"
		"  step0 [label=\"a \\\"b\\\" \\\\c\\nhttp: one HTTP request for each record\\n10 "
		"at a time, queue 100\\n4 retries, 30s for each attempt\\nA  append-only: what a "
		"crash cuts off may have happened or not\\n   add `idempotency_key: auto`\"]\n"
		"  to0 [label=\"stdout\\nwrite JSON lines\\nA  append-only: after a crash some may "
		"show twice or not\"]\n"
		"  to1 [label=\"null\\ncount and forget\\nA  append-only: after a crash some may "
		"show twice or not\"]\n"
		"  from0 -> step0 [label=\"R, A, queue 100\"]\n"
		"  from1 -> step0 [label=\"V, A, queue 100\"]\n"
		"  step0 -> to0 [label=\"A\"]\n"
		"  step0 -> to1 [label=\"A\"]\n"
		"}\n");
}

TEST(mermaid_stays_well_formed)
{
	check_graph("from: {jsonl: a.jsonl}\n"
		    "steps: [{map: ., name: 'a \"b\" <c> #1'}]\n"
		    "to: {sqlite: out.db, table: t}\n",
		    GRAPH_MERMAID,
		    "flowchart TB\n"
		    "  from0[\"jsonl<br/>/data/a.jsonl<br/>R  replayable: goes on where it "
		    "stopped\"]\n"
		    "  step0[\"a #34;b#34; #60;c#62; #35;1<br/>map: make the record anew\"]\n"
		    "  to0[\"sqlite<br/>/data/out.db<br/>T  transactional: each record's effect "
		    "once\"]\n"
		    "  from0 -->|R| step0\n"
		    "  step0 -->|T| to0\n");
}

static const struct test tests[] = {
	T(text_tells_caps_queues_and_promises),
	T(what_is_exact_is_called_so),
	T(dot_stays_well_formed),
	T(mermaid_stays_well_formed),
};
int main(void)
{
	return RUN_TESTS(tests);
}
