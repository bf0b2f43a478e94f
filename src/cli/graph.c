/* graph.c - hocket graph FILE: the flow, with caps, queues and what each edge promises
 *
 * What this room is for: one look at what a pipeline will do, before it does it; the same for a wiki page.
 * What flows through:    a file in; text, DOT or Mermaid out.
 * What must hold:
 *  (1) no source, host, table or output is touched. (2) the text is read in 80 columns, unless names are longer than that.
 *  (3) whatever stands in names, DOT and Mermaid stay well-formed. */
#include "cli/graph.h"
#include "base/units.h"
#include "cli/describe.h"
#include "cli/exits.h"
#include "cli/loading.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include "engine/plan/classes.h"
#include "engine/plan/defaults.h"
#include <hocket/run.h>
#include <string.h>

/* ---- text ---- */
static int put_head(const struct plan *plan, struct buf *out)
{
	const char *slash = strrchr(plan->file, '/');
	int r = buf_printf(out, "%s: %s, at most ", slash ? slash + 1 : plan->file,
			   plan->any_order ? "in any order" : "in input order");
	r = r < 0 ? r : units_put_size(out, plan->memory_bytes);
	return r < 0 ? r : buf_add(out, S(" of records on the way\n\n"));
}

/* Each line of `lines` behind the bar that leads on to the next place. */
static int put_lines(struct slice lines, const char *bar, struct buf *out)
{
	struct slice line;
	int r = 0;
	while (r == 0 && lines.n > 0) {
		slice_cut(lines, '\n', &line, &lines);
		r = buf_printf(out, "%-19s%.*s\n", bar, SLICE(line));
	}
	return r;
}

static int put_place(const struct place *p, const char *role, bool last, struct buf *out)
{
	AUTO(buf_done) struct buf door = { 0 }, lines = { 0 };
	int r = describe_door(p, &door);
	r = r < 0 ? r : describe_place(p, &lines);
	r = r < 0 ? r : buf_printf(out, "%-6s %-11s %s\n", role, p->label, door.n ? door.p : "");
	return r < 0 ? r : put_lines(buf_slice(&lines), last ? "" : "  |", out);
}

/* A sink that calls stands behind the steps: records pass through it. */
static bool calls_to_sink(const struct plan *plan)
{
	return plan->step_count > 0 && plan->steps[plan->step_count - 1].role == ROLE_SINK;
}

static int put_text(const struct plan *plan, struct buf *out)
{
	int r = put_head(plan, out);
	for (size_t i = 0; r == 0 && i < plan->source_count; i++)
		r = put_place(&plan->sources[i], i == 0 ? "from" : "then", false, out);
	for (size_t i = 0; r == 0 && i < plan->step_count; i++) {
		r = buf_add(out, S("  v\n"));
		const char *role = plan->steps[i].role == ROLE_SINK ? "to" : "step";
		bool last = i + 1 == plan->step_count && plan->sink_count == 0;
		r = r < 0 ? r : put_place(&plan->steps[i], role, last, out);
	}
	if (r == 0 && plan->sink_count > 0)
		r = buf_add(out, S("  v\n"));
	const char *first = calls_to_sink(plan) ? "and to" : "to";
	for (size_t i = 0; r == 0 && i < plan->sink_count; i++)
		r = put_place(&plan->sinks[i], i == 0 ? first : "and to", true, out);
	if (r == 0 && plan->dead_path)
		r = buf_printf(out, "%-6s %-11s %s\n", "dead", "copied to",
			       path_shown(plan->dead_path));
	r = r < 0 ? r : buf_add_char(out, '\n');
	r = r < 0 ? r : promise_put_whole(plan, out);
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* ---- DOT and Mermaid: boxes and arrows ---- */
struct drawing {
	const struct plan *plan;
	struct buf *out;
	bool dot;
};

/* Text within quotes: what would end them, or begin a tag, is written otherwise; a line end becomes a break. */
static int put_quoted(const struct drawing *d, struct slice text)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < text.n; i++) {
		char c = text.p[i];
		if (c == '\n')
			r = buf_add(d->out, d->dot ? S("\\n") : S("<br/>"));
		else if (d->dot)
			r = c == '"' || c == '\\' ? buf_printf(d->out, "\\%c", c)
						  : buf_add_char(d->out, c);
		else if (strchr("\"<>#&`", c))
			r = buf_printf(d->out, "#%d;", c);
		else
			r = buf_add_char(d->out, c);
	}
	return r;
}

static int put_node_text(const struct place *p, struct buf *text)
{
	AUTO(buf_done) struct buf lines = { 0 };
	int r = buf_printf(text, "%s\n", p->label);
	r = r < 0 ? r : describe_door(p, text);
	r = r < 0 ? r : describe_place(p, &lines);
	if (r == 0 && lines.n > 0)
		r = buf_printf(text, "\n%.*s", (int)lines.n - 1, lines.p);
	return r;
}

/* "step2" */
static int put_name(const struct drawing *d, const struct place *p)
{
	const struct plan *plan = d->plan;
	if (p->role == ROLE_SOURCE)
		return buf_printf(d->out, "from%td", p - plan->sources);
	if (p >= plan->steps && p < plan->steps + plan->step_count)
		return buf_printf(d->out, "step%td", p - plan->steps);
	return buf_printf(d->out, "to%td", p - plan->sinks);
}

static int put_node(const struct drawing *d, const struct place *p)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = put_node_text(p, &text);
	r = r < 0 ? r : buf_add(d->out, S("  "));
	r = r < 0 ? r : put_name(d, p);
	r = r < 0 ? r : buf_add(d->out, d->dot ? S(" [label=\"") : S("[\""));
	r = r < 0 ? r : put_quoted(d, buf_slice(&text));
	return r < 0 ? r : buf_add(d->out, S("\"]\n"));
}

static int put_nodes(const struct drawing *d, const struct place *places, size_t n)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_node(d, &places[i]);
	return r;
}

static int put_letter(const struct place *p, struct buf *text)
{
	const struct promise *promise = promise_of(p);
	return promise && promise->letter
		       ? buf_printf(text, "%s%c", text->n ? ", " : "", promise->letter)
		       : 0;
}

/* The class of the source it comes from, that of what it leads to, and the queue before that. */
static int put_edge_text(const struct place *from, const struct place *to, struct buf *text)
{
	int r = from->role == ROLE_SOURCE ? put_letter(from, text) : 0;
	r = r < 0 ? r : put_letter(to, text);
	if (r == 0 && to->port->call)
		r = buf_printf(text, "%squeue %zu", text->n ? ", " : "", limits_of(to).window);
	return r;
}

static int put_edge(const struct drawing *d, const struct place *from, const struct place *to)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = put_edge_text(from, to, &text);
	r = r < 0 ? r : buf_add(d->out, S("  "));
	r = r < 0 ? r : put_name(d, from);
	r = r < 0 ? r : buf_add(d->out, d->dot ? S(" -> ") : S(" -->"));
	if (r == 0 && !d->dot)
		r = text.n > 0 ? buf_printf(d->out, "|%s| ", text.p) : buf_add_char(d->out, ' ');
	r = r < 0 ? r : put_name(d, to);
	if (r == 0 && d->dot && text.n > 0)
		r = buf_printf(d->out, " [label=\"%s\"]", text.p);
	return r < 0 ? r : buf_add_char(d->out, '\n');
}

/* All places of a row lead to the next: sources and sinks may be several, steps stand one behind the other. */
static int put_edges(const struct drawing *d)
{
	const struct plan *p = d->plan;
	const struct place *row = p->sources;
	size_t n = p->source_count;
	int r = 0;
	for (size_t s = 0; r == 0 && s < p->step_count; s++) {
		for (size_t i = 0; r == 0 && i < n; i++)
			r = put_edge(d, &row[i], &p->steps[s]);
		row = &p->steps[s];
		n = 1;
	}
	for (size_t k = 0; r == 0 && k < p->sink_count; k++)
		for (size_t i = 0; r == 0 && i < n; i++)
			r = put_edge(d, &row[i], &p->sinks[k]);
	return r;
}

static int put_drawing(const struct plan *plan, bool dot, struct buf *out)
{
	const struct drawing d = { plan, out, dot };
	int r = 0;
	if (dot) {
		r = buf_add(out, S("digraph \""));
		r = r < 0 ? r : put_quoted(&d, slice_str(plan->name));
		r = r < 0 ? r : buf_add(out, S("\" {\n  node [shape=box fontname=monospace]\n"));
	} else {
		r = buf_add(out, S("flowchart TB\n"));
	}
	r = r < 0 ? r : put_nodes(&d, plan->sources, plan->source_count);
	r = r < 0 ? r : put_nodes(&d, plan->steps, plan->step_count);
	r = r < 0 ? r : put_nodes(&d, plan->sinks, plan->sink_count);
	r = r < 0 ? r : put_edges(&d);
	return r < 0 || !dot ? r : buf_add(out, S("}\n"));
}

int graph_put(const struct plan *plan, enum graph_as as, struct buf *out)
{
	return as == GRAPH_TEXT ? put_text(plan, out) : put_drawing(plan, as == GRAPH_DOT, out);
}

/* ---- the verb ---- */
static int show(const struct args *args, const struct loading *loading)
{
	AUTO(loading_drop) struct plan *plan = loading_plan(loading, args->words[0]);
	AUTO(buf_done) struct buf out = { 0 };
	if (!plan)
		return EXITS_FILE;
	enum graph_as as = args_has(args, FLAG_DOT)       ? GRAPH_DOT
			   : args_has(args, FLAG_MERMAID) ? GRAPH_MERMAID
							  : GRAPH_TEXT;
	return graph_put(plan, as, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

/* In a task, because programs keep libjq's state per loop. */
static int graph_main(void *arg)
{
	const struct args *args = arg;
	AUTO(loading_done) struct loading loading = { 0 };
	struct err err = { 0 };
	if (loading_init_to_look(&loading, args, &err) < 0) {
		say("%s", err.text);
		return EXITS_FILE;
	}
	return show(args, &loading);
}

int verb_graph(const struct args *args)
{
	int code = hk_run(graph_main, (void *)args,
			  &(struct hk_run_options){ .stall_ns = HK_FOREVER });
	if (code < 0)
		say("cannot start: %s", strerror(-code));
	return code < 0 ? EXITS_FAILED : code;
}
