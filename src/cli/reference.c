/* reference.c - the verbs that only tell: connectors, schema, version
 *
 * What this room is for: reference text from the option tables, so that it cannot disagree with the parser.
 * What flows through:    the registry in, text out.
 * What must hold:        nothing here starts a loop or opens a file. */
#include "cli/exits.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include "connectors/registry.h"
#include "engine/plan/diag.h"
#include "engine/schema.h"
#include <string.h>

static const enum role roles[] = { ROLE_SOURCE, ROLE_STEP, ROLE_SINK };
static const char *const role_titles[] = { "from: what is read",
					   "steps: what happens to each record",
					   "to: where records go" };

static int put_role(struct buf *out, size_t role)
{
	int r = buf_printf(out, "%s%s\n", role ? "\n" : "", role_titles[role]);
	for (size_t i = 0; r == 0 && i < registry.n; i++)
		if (registry.ports[i]->roles & roles[role])
			r = buf_printf(out, "  %-10s %s\n", registry.ports[i]->name,
				       registry.ports[i]->doc);
	return r;
}

static int put_overview(struct buf *out)
{
	int r = 0;
	for (size_t role = 0; r == 0 && role < ARRAY_SIZE(roles); role++)
		r = put_role(out, role);
	return r < 0 ? r : buf_add(out, S("\nhocket connectors NAME shows the options of one.\n"));
}

/* One name can stand for a source and a step and a sink: all that it is are shown. */
static int put_named(struct buf *out, const char *name, size_t *found)
{
	int r = 0;
	*found = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(roles); i++) {
		const struct port *port = registry_find(&registry, slice_str(name), roles[i]);
		if (port && (*found)++ > 0)
			r = buf_add_char(out, '\n');
		if (port && r == 0)
			r = connector_help_put(port, roles[i], out);
	}
	return r;
}

static int refuse_name(const char *name)
{
	const char *known[64];
	size_t n = 0;
	for (size_t i = 0; i < registry.n && n < ARRAY_SIZE(known); i++)
		known[n++] = registry.ports[i]->name;
	const char *near = nearest(slice_str(name), known, n);
	if (near)
		say("no connector '%s': did you mean '%s'?", name, near);
	else
		say("no connector '%s': hocket connectors lists them", name);
	return EXITS_USAGE;
}

int verb_connectors(const struct args *args)
{
	AUTO(buf_done) struct buf out = { 0 };
	size_t found = 1;
	int r;
	if (args_has(args, FLAG_MARKDOWN))
		r = reference_put(&registry, &out);
	else if (args->word_count == 0)
		r = put_overview(&out);
	else
		r = put_named(&out, args->words[0], &found);
	if (found == 0)
		return refuse_name(args->words[0]);
	return r == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

int verb_schema(const struct args *args)
{
	AUTO(buf_done) struct buf out = { 0 };
	return schema_put(&registry, &out) == 0 ? put_stdout(buf_slice(&out)) : EXITS_FAILED;
}

int verb_version(const struct args *args)
{
	return put_stdout(S("hocket " HOCKET_VERSION "\n"));
}
