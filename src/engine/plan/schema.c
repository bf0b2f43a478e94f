/* schema.c - the JSON Schema of a pipeline file, from the option tables
 *
 * What this room is for: editors (yaml-language-server) complete and check pipelines while they are written. The tables
 *   that drive the parser are written out once more as JSON Schema, draft 2020-12.
 * What flows through:    the registry in, JSON text out.
 * What must hold:
 *  (1) the schema refuses nothing that the parser takes. It may take more: what jq, a template or two options together
 *      mean is the parser's to judge.
 *  (2) every description is the table's doc line: help, reference and editor say the same. */
#include "engine/schema.h"
#include "base/json.h"
#include "engine/plan/planning.h"

#include "base/banned.h"

#define DURATION_PATTERN "(0|[0-9]+([.][0-9]+)?(ns|us|ms|s|m|h|d))$"

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_put_string(w, slice_str(text));
}

static void put_strings(struct json_writer *w, const char *key, const char *const *words)
{
	json_key(w, key);
	json_open(w, '[');
	for (; *words; words++)
		json_put_string(w, slice_str(*words));
	json_close(w, ']');
}

static void put_ref(struct json_writer *w, const char *role, const char *name)
{
	char ref[160];
	snprintf(ref, sizeof ref, "#/$defs/%s%s%s", role, name ? "-" : "", name ? name : "");
	json_open(w, '{');
	put_text(w, "$ref", ref);
	json_close(w, '}');
}

/* ---- values ---------------------------------------------------------------------------------------------- */

static const char *const text_types[] = { "string", "number", "boolean", NULL };
static const char *const jq_types[] = { "string", "number", "boolean", "object", NULL };
static const char *const jq_or_list_types[] = { "string", "number", "boolean",
						"object", "array",  NULL };
static const char *const rate_types[] = { "string", "object", NULL };
static const char *const size_types[] = { "string", "integer", NULL };

static void put_value(struct json_writer *w, const struct opt *o, enum opt_type type);

static void put_duration_pattern(struct json_writer *w, const char *word)
{
	char pattern[120];
	snprintf(pattern, sizeof pattern, "^%s%s%s" DURATION_PATTERN "%s", word ? "(" : "",
		 word ? word : "", word ? "$|" : "", word ? ")" : "");
	put_text(w, "pattern", pattern);
}

static void put_concurrency(struct json_writer *w, const struct opt *o)
{
	struct opt number = *o;
	number.type = OPT_INT;
	json_key(w, "anyOf");
	json_open(w, '[');
	json_open(w, '{');
	put_text(w, "const", "auto");
	json_close(w, '}');
	put_value(w, &number, OPT_INT);
	json_open(w, '{');
	put_text(w, "type", "object");
	json_close(w, '}');
	json_close(w, ']');
}

/* The members of a scalar type's schema. */
static void put_scalar(struct json_writer *w, const struct opt *o, enum opt_type type)
{
	switch (type) {
	case OPT_BOOL:
		put_text(w, "type", "boolean");
		break;
	case OPT_INT:
		put_text(w, "type", "integer");
		if (o->min != 0 || o->max != 0) {
			json_key(w, "minimum");
			json_put_int(w, o->min);
			json_key(w, "maximum");
			json_put_int(w, o->max);
		}
		break;
	case OPT_CONCURRENCY:
		put_concurrency(w, o);
		break;
	case OPT_DURATION:
		put_strings(w, "type", size_types); /* 0 is an integer */
		put_duration_pattern(w, o->words ? o->words[0] : NULL);
		break;
	case OPT_SIZE:
		put_strings(w, "type", size_types);
		break;
	case OPT_SHEET:
	case OPT_RATE:
	case OPT_SCHEDULE:
		put_strings(w, "type", rate_types);
		break;
	case OPT_ASSIGN:
		put_text(w, "type", "string");
		break;
	case OPT_FIELD:
		put_text(w, "type", "string");
		put_text(w, "pattern", "^[.]");
		break;
	case OPT_ON_ERROR:
		put_text(w, "type", "string");
		put_text(w, "pattern", "^(dead|stop|into +[.].+)$");
		break;
	case OPT_ENUM:
		put_strings(w, "enum", o->words);
		break;
	case OPT_JQ:
		put_strings(w, "type",
			    o->literal ? jq_or_list_types
			    : o->truth ? text_types
				       : jq_types);
		break;
	case OPT_TREE:
		break;
	default:
		put_strings(w, "type", text_types);
	}
}

static void put_members(struct json_writer *w, const struct opt *table, const struct opt *shadow)
{
	for (const struct opt *o = table; o && o->name; o++) {
		if (options_find(shadow, slice_str(o->name)))
			continue;
		json_key(w, o->name);
		put_value(w, o, o->type);
	}
}

static void put_required(struct json_writer *w, const char *verb, const struct opt *table)
{
	json_key(w, "required");
	json_open(w, '[');
	if (verb)
		json_put_string(w, slice_str(verb));
	for (const struct opt *o = table; o && o->name; o++)
		if (o->required && !(verb && strcmp(verb, o->name) == 0))
			json_put_string(w, slice_str(o->name));
	json_close(w, ']');
}

static void put_object(struct json_writer *w, const struct opt *table)
{
	json_open(w, '{');
	put_text(w, "type", "object");
	json_key(w, "additionalProperties");
	json_put_bool(w, false);
	put_required(w, NULL, table);
	json_key(w, "properties");
	json_open(w, '{');
	put_members(w, table, NULL);
	json_close(w, '}');
	json_close(w, '}');
}

/* One of the forms in which a container may be written: a scalar for its verb or only element, or the whole. */
static void put_forms(struct json_writer *w, const struct opt *o, enum opt_type type)
{
	json_key(w, "anyOf");
	json_open(w, '[');
	if (type == OPT_LIST) {
		put_value(w, o, o->of);
		json_open(w, '{');
		put_text(w, "type", "array");
		json_key(w, "items");
		put_value(w, o, o->of);
		json_close(w, '}');
	} else {
		put_object(w, o->sub);
		for (const struct opt *sub = o->sub; sub->name; sub++)
			if (sub->verb)
				put_value(w, sub, sub->type);
	}
	json_close(w, ']');
}

static void put_value(struct json_writer *w, const struct opt *o, enum opt_type type)
{
	json_open(w, '{');
	if (o->doc)
		put_text(w, "description", o->doc);
	if (type == OPT_LIST || type == OPT_TABLE) {
		put_forms(w, o, type);
	} else if (type == OPT_MAP) {
		put_text(w, "type", "object");
		json_key(w, "additionalProperties");
		put_value(w, o, o->of);
	} else {
		put_scalar(w, o, type);
	}
	json_close(w, '}');
}

/* ---- places ---------------------------------------------------------------------------------------------- */

struct role_word {
	enum role role;
	const char *word, *key, *doc;
};
static const struct role_word roles[] = {
	{ ROLE_SOURCE, "source", "from",
	  "where records come from; several are read one after the other" },
	{ ROLE_STEP, "step", "steps", "what happens to each record, from top to bottom" },
	{ ROLE_SINK, "sink", "to",
	  "where records go; every sink whose if: is true gets the record" },
};

static bool is_bare(const struct port *port)
{
	for (const struct opt *o = port->options; o && o->name; o++)
		if (o->required)
			return false;
	return true;
}

static void put_port(struct json_writer *w, const struct port *port, enum role role)
{
	bool has_value = options_find(port->options, slice_str(port->name)) != NULL;

	json_open(w, '{');
	put_text(w, "description", port->doc);
	put_text(w, "type", "object");
	json_key(w, "additionalProperties");
	json_put_bool(w, false);
	put_required(w, port->name, port->options);
	json_key(w, "properties");
	json_open(w, '{');
	if (!has_value) {
		json_key(w, port->name);
		json_put_raw(w, S("{\"type\":\"null\"}"));
	}
	put_members(w, port->options, NULL);
	put_members(w, common_options(port, role), port->options);
	json_close(w, '}');
	json_close(w, '}');
}

static void put_bare(struct json_writer *w, const struct port *port)
{
	json_open(w, '{');
	put_text(w, "description", port->doc);
	if (strcmp(port->name, "null") == 0)
		put_text(w, "type", "null");
	else
		put_text(w, "const", port->name);
	json_close(w, '}');
}

static void put_role(struct json_writer *w, const struct registry *r, const struct role_word *role)
{
	json_key(w, role->word);
	json_open(w, '{');
	json_key(w, "anyOf");
	json_open(w, '[');
	for (size_t i = 0; i < r->n; i++) {
		if (!(r->ports[i]->roles & role->role))
			continue;
		put_ref(w, role->word, r->ports[i]->name);
		if (is_bare(r->ports[i]))
			put_bare(w, r->ports[i]);
	}
	json_close(w, ']');
	json_close(w, '}');
	for (size_t i = 0; i < r->n; i++) {
		char key[128];
		if (!(r->ports[i]->roles & role->role))
			continue;
		snprintf(key, sizeof key, "%s-%s", role->word, r->ports[i]->name);
		json_key(w, key);
		put_port(w, r->ports[i], role->role);
	}
}

/* ---- the file -------------------------------------------------------------------------------------------- */

static void put_places(struct json_writer *w, const struct role_word *role)
{
	bool steps = role->role == ROLE_STEP;

	json_key(w, role->key);
	json_open(w, '{');
	put_text(w, "description", role->doc);
	json_key(w, "anyOf");
	json_open(w, '[');
	if (steps)
		json_put_raw(w, S("{\"type\":\"null\"}"));
	else
		put_ref(w, role->word, NULL);
	json_open(w, '{');
	put_text(w, "type", "array");
	json_key(w, "items");
	put_ref(w, role->word, NULL);
	if (!steps) {
		json_key(w, "minItems");
		json_put_int(w, 1);
	}
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
}

/* The words of a case: cases.c. */
static const struct {
	const char *word, *type, *doc;
} case_words[] = {
	{ "name", "\"type\":[\"string\",\"number\"]", "a few words" },
	{ "in", "\"type\":[\"object\",\"array\"]", "the record that goes in, or a list" },
	{ "mock", "\"type\":\"object\"", "what calls are answered, by step or verb" },
	{ "out", "\"type\":[\"object\",\"array\"]",
	  "what the sink would get, or a part of it; several sinks by their names" },
	{ "sent", "\"type\":\"object\"", "what steps send, by step or verb" },
	{ "dead", "\"type\":[\"object\",\"array\"]",
	  "which records are dead: step, class, message, record, at_step" },
	{ "stops", "\"type\":\"string\"", "the run ends early, and says this" },
	{ "objects", "\"type\":\"object\"", "what is in buckets before, by URL" },
	{ "stored", "\"type\":\"object\"", "what is in buckets then, by URL" },
	{ "exact", "\"type\":\"boolean\"", "records in out have nothing beside what is named" },
	{ "vars", "\"type\":\"object\"", "values over the file's vars" },
	{ "now", "\"type\":\"string\"", "what $meta.time says: 2026-01-31T12:30:00Z" },
};

static void put_tests(struct json_writer *w)
{
	static const char *const required[] = { "in", NULL };
	json_key(w, "tests");
	json_open(w, '{');
	put_text(w, "description", "cases for hocket test");
	json_key(w, "type");
	json_put_raw(w, S("[\"array\",\"null\"]"));
	json_key(w, "items");
	json_open(w, '{');
	put_text(w, "type", "object");
	json_key(w, "additionalProperties");
	json_put_bool(w, false);
	put_strings(w, "required", required);
	json_key(w, "properties");
	json_open(w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(case_words); i++) {
		char text[200];
		snprintf(text, sizeof text, "{%s,\"description\":\"%s\"}", case_words[i].type,
			 case_words[i].doc);
		json_key(w, case_words[i].word);
		json_put_raw(w, slice_str(text));
	}
	json_close(w, '}');
	json_close(w, '}');
	json_close(w, '}');
}

int schema_put(const struct registry *r, struct buf *out)
{
	static const char *const required[] = { "from", "to", NULL };
	struct json_writer w = json_writer(out);

	json_open(&w, '{');
	put_text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	put_text(&w, "title", "hocket pipeline");
	put_text(&w, "type", "object");
	json_key(&w, "additionalProperties");
	json_put_bool(&w, false);
	put_strings(&w, "required", required);
	json_key(&w, "properties");
	json_open(&w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		put_places(&w, &roles[i]);
	json_key(&w, "vars");
	json_put_raw(&w, S("{\"description\":\"values that programs see as $vars; $env.NAME comes "
			   "from the environment\","
			   "\"type\":[\"object\",\"null\"]}"));
	put_members(&w, plan_options, NULL);
	put_tests(&w);
	json_close(&w, '}');
	json_key(&w, "$defs");
	json_open(&w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		put_role(&w, r, &roles[i]);
	json_close(&w, '}');
	json_close(&w, '}');
	int error = json_writer_end(&w);
	return error < 0 ? error : buf_add_char(out, '\n');
}
