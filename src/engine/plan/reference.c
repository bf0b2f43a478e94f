/* reference.c - connectors and their options in words: the reference page and `hocket connectors NAME`
 *
 * What this room is for: people read here what editors read in the schema; both come from the option tables.
 * What flows through:    ports in; Markdown or plain text out.
 * What must hold: nothing is said here that a table does not say, so that help, page and parser cannot disagree; but for the five
 *   words of the top level that have no table. */
#include "engine/plan/planning.h"
#include "engine/schema.h"

#include "base/banned.h"

const char *opt_type_name(enum opt_type type)
{
	static const char *const names[] = {
		[OPT_STRING] = "text",
		[OPT_PATH] = "path",
		[OPT_FILES] = "path template",
		[OPT_TEMPLATE] = "template",
		[OPT_URL] = "URL template",
		[OPT_TREE] = "tree of templates",
		[OPT_SHEET] = "template file",
		[OPT_JQ] = "jq",
		[OPT_BOOL] = "true or false",
		[OPT_INT] = "number",
		[OPT_DURATION] = "duration",
		[OPT_SIZE] = "size",
		[OPT_CONCURRENCY] = "number or auto",
		[OPT_RATE] = "rate",
		[OPT_SCHEDULE] = "duration or cron",
		[OPT_ENUM] = "word",
		[OPT_FIELD] = "field",
		[OPT_ASSIGN] = ".field = jq",
		[OPT_ON_ERROR] = "policy",
		[OPT_LIST] = "list",
		[OPT_MAP] = "mapping",
		[OPT_TABLE] = "options",
	};
	ASSERT((size_t)type < ARRAY_SIZE(names));
	return names[type];
}

/* "list: text", "json, text, blob" */
static int put_type(struct buf *out, const struct opt *o)
{
	int r = 0;

	if (o->type == OPT_LIST || o->type == OPT_MAP)
		return buf_printf(out, "%s: %s", opt_type_name(o->type), opt_type_name(o->of));
	for (size_t i = 0; o->words && o->words[i] && r == 0; i++)
		r = buf_printf(out, "%s%s", i ? ", " : "", o->words[i]);
	if (o->type == OPT_ENUM || r < 0)
		return r;
	return buf_printf(out, "%s%s", o->words ? " or " : "", opt_type_name(o->type));
}

static int put_default(struct buf *out, const struct opt *o)
{
	if (o->required)
		return buf_add(out, S("required"));
	return o->fallback ? buf_printf(out, "default %s", o->fallback) : 0;
}

/* ---- Markdown -------------------------------------------------------------------------------------------- */

/* A '|' would end the cell. */
static int put_cell(struct buf *out, const char *text)
{
	int r = 0;
	for (; *text && r == 0; text++)
		r = *text == '|' ? buf_add(out, S("\\|")) : buf_add_char(out, *text);
	return r;
}

static int put_rows(struct buf *out, const struct opt *table, const struct opt *shadow,
		    const char *prefix)
{
	int r = 0;

	for (const struct opt *o = table; o && o->name && r == 0; o++) {
		char inner[128];
		if (options_find(shadow, slice_str(o->name)))
			continue;
		r = buf_printf(out, "| `%s%s` | ", prefix, o->name);
		if (r == 0)
			r = put_type(out, o);
		if (r == 0)
			r = buf_add(out, S(" | "));
		if (r == 0)
			r = put_default(out, o);
		if (r == 0)
			r = buf_add(out, S(" | "));
		if (r == 0)
			r = put_cell(out, o->doc ? o->doc : "");
		if (r == 0)
			r = buf_add(out, S(" |\n"));
		snprintf(inner, sizeof inner, "%s%s.", prefix, o->name);
		if (r == 0 && o->type == OPT_TABLE)
			r = put_rows(out, o->sub, NULL, inner);
	}
	return r;
}

static int put_head(struct buf *out)
{
	return buf_add(out, S("\n| option | type | | what it does |\n|---|---|---|---|\n"));
}

static int put_page_table(struct buf *out, const struct opt *table, const struct opt *shadow)
{
	int r = put_head(out);
	return r < 0 ? r : put_rows(out, table, shadow, "");
}

static int put_page(struct buf *out, const struct port *port)
{
	int r = buf_printf(out, "\n### %s\n\n%s.\n", port->name, port->doc);
	if (r == 0 && port->more)
		r = buf_printf(out, "\n%s", port->more);
	if (r == 0 && port->options && port->options->name)
		r = put_page_table(out, port->options, NULL);
	if (r == 0 && port->file_options)
		r = buf_printf(out, "\n#### %s\n", port->file_title);
	return r < 0 || !port->file_options ? r : put_page_table(out, port->file_options, NULL);
}

static int put_pages(struct buf *out, const struct registry *reg, enum role role, const char *title)
{
	int r = buf_printf(out, "\n## %s\n", title);
	for (size_t i = 0; i < reg->n && r == 0; i++)
		if (reg->ports[i]->roles & role)
			r = put_page(out, reg->ports[i]);
	return r;
}

static int put_common(struct buf *out, const char *title, const struct opt *table)
{
	int r = buf_printf(out, "\n### %s\n", title);
	return r < 0 ? r : put_page_table(out, table, NULL);
}

/* Only what the other table does not say in the same words. */
static int put_different(struct buf *out, const char *title, const struct opt *table,
			 const struct opt *from)
{
	struct opt different[32] = { 0 };
	size_t n = 0;
	for (const struct opt *o = table; o->name; o++) {
		const struct opt *other = options_find(from, slice_str(o->name));
		if (other && strcmp(other->doc, o->doc) == 0)
			continue;
		ASSERT(n + 1 < ARRAY_SIZE(different));
		different[n++] = *o;
	}
	return put_common(out, title, different);
}

/* The places have tables of their own, and vars: has no fixed keys. */
static const char top_rows[] =
	"| `from` | source, or list of them | required | where records come from; several are "
	"read one after the other |\n"
	"| `steps` | list of steps | | what happens to each record, from top to bottom |\n"
	"| `to` | sink, or list of them | required | where records go: each to every sink whose "
	"`if` is true |\n"
	"| `vars` | mapping | | values that programs see as $vars; $env.NAME comes from the "
	"environment, --set overrides |\n"
	"| `tests` | list of cases | | what `hocket test` runs: in, mock, out and more |\n";

static int put_top(struct buf *out)
{
	int r = put_head(out);
	if (r == 0)
		r = buf_add(out, S(top_rows));
	return r < 0 ? r : put_rows(out, plan_options, NULL, "");
}

int reference_put(const struct registry *reg, struct buf *out)
{
	int r = buf_add(out, S("# Reference\n\nMade from the option tables that the parser "
			       "uses.\n\n## Top level\n"));

	if (r == 0)
		r = put_top(out);
	if (r == 0)
		r = put_pages(out, reg, ROLE_SOURCE, "from: where records come from");
	if (r == 0)
		r = put_common(out, "Common to sources", common_source_options);
	if (r == 0)
		r = put_pages(out, reg, ROLE_STEP, "steps: what happens to each record");
	if (r == 0)
		r = put_common(out, "Common to steps that call out", common_call_options);
	if (r == 0)
		r = put_different(out, "Other in steps that ask a database", common_rows_options,
				  common_call_options);
	if (r == 0)
		r = put_common(out, "Common to the other steps", common_step_options);
	if (r == 0)
		r = put_pages(out, reg, ROLE_SINK, "to: where records go");
	return r < 0 ? r : put_common(out, "Common to sinks", common_sink_options);
}

/* ---- plain text ------------------------------------------------------------------------------------------ */

static int put_line(struct buf *out, const struct opt *o, const char *prefix)
{
	AUTO(buf_done) struct buf type = { .max = 1024 }, value = { .max = 1024 };
	char name[128];

	snprintf(name, sizeof name, "%s%s", prefix, o->name);
	int r = put_type(&type, o);
	if (r == 0)
		r = put_default(&value, o);
	if (r < 0)
		return r;
	return buf_printf(out, "  %-18s %s%s%s%s%s\n", name, type.p ? type.p : "",
			  value.n ? ", " : "", value.n ? value.p : "",
			  o->doc ? "\n                     " : "", o->doc ? o->doc : "");
}

static int put_lines(struct buf *out, const struct opt *table, const struct opt *shadow,
		     const char *prefix)
{
	int r = 0;

	for (const struct opt *o = table; o && o->name && r == 0; o++) {
		char inner[128];
		if (options_find(shadow, slice_str(o->name)))
			continue;
		r = put_line(out, o, prefix);
		snprintf(inner, sizeof inner, "%s%s.", prefix, o->name);
		if (r == 0 && o->type == OPT_TABLE)
			r = put_lines(out, o->sub, NULL, inner);
	}
	return r;
}

int connector_help_put(const struct port *port, enum role role, struct buf *out)
{
	const char *word = role == ROLE_SOURCE ? "source" : role == ROLE_STEP ? "step" : "sink";
	bool options = port->options && port->options->name;
	int r = buf_printf(out, "%s (%s): %s\n", port->name, word, port->doc);

	if (r == 0 && port->more)
		r = buf_printf(out, "\n%s", port->more);
	if (r == 0 && options)
		r = buf_add(out, S("\nOptions\n"));
	if (r == 0)
		r = put_lines(out, port->options, NULL, "");
	if (r == 0 && port->file_options)
		r = buf_printf(out, "\n%s\n", port->file_title);
	if (r == 0)
		r = put_lines(out, port->file_options, NULL, "");
	if (r == 0)
		r = buf_printf(out, "\nCommon to %s\n",
			       role == ROLE_STEP && port->call ? "steps that call out"
			       : role == ROLE_STEP             ? "steps that do not call out"
			       : role == ROLE_SOURCE           ? "sources"
							       : "sinks");
	return r < 0 ? r : put_lines(out, common_options(port, role), port->options, "");
}
