/* schema.c - schema, reference and help say what the option tables say */
#include "engine/schema.h"
#include "../check.h"
#include "base/json.h"
#include "engine/plan/planning.h"
#include "fakes.h"

static const enum role roles[] = { ROLE_SOURCE, ROLE_STEP, ROLE_SINK };
static const char *const role_words[] = { "source", "step", "sink" };

static bool has(struct slice text, const char *word)
{
	return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

static const struct json *get(const struct json *object, const char *key)
{
	return object ? json_get(object, slice_str(key)) : NULL;
}

static bool lists(const struct json *array, const char *word)
{
	for (size_t i = 0; array && i < array->n; i++)
		if (slice_eq_str(array->items[i].string, word))
			return true;
	return false;
}

/* Every $ref leads somewhere; every description is there for a reader. */
static void check_refs(const struct json *defs, const struct json *v)
{
	const struct json *ref = v->type == JSON_OBJECT ? get(v, "$ref") : NULL;
	if (ref) {
		CHECK(slice_starts(ref->string, S("#/$defs/")));
		CHECK(json_get(defs, slice_from(ref->string, 8)) != NULL);
	}
	if (v->type == JSON_OBJECT || v->type == JSON_ARRAY)
		for (size_t i = 0; i < v->n; i++)
			check_refs(defs, &v->items[i]);
}

static void check_properties(const struct json *def, const struct opt *table)
{
	for (const struct opt *o = table; o && o->name; o++) {
		const struct json *property = get(get(def, "properties"), o->name);
		CHECK(property != NULL);
		if (property && o->doc)
			CHECK_SLICE(get(property, "description")->string, slice_str(o->doc));
	}
}

static void check_port(const struct json *defs, const struct port *port, size_t role)
{
	char name[100];
	snprintf(name, sizeof name, "%s-%s", role_words[role], port->name);
	const struct json *def = get(defs, name);
	CHECK(def != NULL);
	CHECK(lists(get(def, "required"), port->name));
	check_properties(def, port->options);
	check_properties(def, common_options(port, roles[role]));
	for (const struct opt *o = port->options; o->name; o++)
		CHECK(lists(get(def, "required"), o->name) ==
		      (o->required || strcmp(o->name, port->name) == 0));
}

TEST(the_schema_has_every_option_of_every_port)
{
	AUTO(buf_done) struct buf out = { 0 };
	AUTO(arena_freep) struct arena *arena = arena_new();
	struct json_error error;
	struct json *schema = NULL;

	CHECK_INT(schema_put(&fakes, &out), 0);
	CHECK_INT(json_parse(arena, buf_slice(&out), &schema, &error), 0);
	if (!schema)
		return;
	const struct json *defs = get(schema, "$defs");
	CHECK_SLICE(get(schema, "$schema")->string,
		    S("https://json-schema.org/draft/2020-12/schema"));
	CHECK(lists(get(schema, "required"), "from") && lists(get(schema, "required"), "to"));
	check_properties(schema, plan_options);
	check_refs(defs, schema);
	for (size_t i = 0; i < fakes.n; i++)
		for (size_t role = 0; role < ARRAY_SIZE(roles); role++)
			if (fakes.ports[i]->roles & roles[role])
				check_port(defs, fakes.ports[i], role);
}

TEST(a_connector_without_a_value_may_stand_alone)
{
	AUTO(buf_done) struct buf out = { 0 };
	CHECK_INT(schema_put(&fakes, &out), 0);
	CHECK(has(buf_slice(&out), "\"const\":\"stdin\""));
	CHECK(has(buf_slice(&out), "\"const\":\"stdout\""));
	CHECK(!has(buf_slice(&out), "\"const\":\"jsonl\""));
	CHECK(has(buf_slice(&out), "{\"description\":\"count and forget\",\"type\":\"null\"}"));
}

static void check_mentions(struct slice text, const struct opt *table)
{
	for (const struct opt *o = table; o && o->name; o++) {
		CHECK(has(text, o->name));
		CHECK(has(text, o->doc));
		if (o->type == OPT_TABLE)
			check_mentions(text, o->sub);
	}
}

TEST(help_and_reference_mention_all)
{
	AUTO(buf_done) struct buf page = { 0 };
	CHECK_INT(reference_put(&fakes, &page), 0);
	for (size_t i = 0; i < fakes.n; i++) {
		AUTO(buf_done) struct buf help = { 0 };
		const struct port *port = fakes.ports[i];
		char title[100];
		CHECK_INT(connector_help_put(port, port->roles, &help), 0);
		check_mentions(buf_slice(&help), port->options);
		check_mentions(buf_slice(&help), common_options(port, port->roles));
		check_mentions(buf_slice(&page), port->options);
		snprintf(title, sizeof title, "\n### %s\n", port->name);
		CHECK(has(buf_slice(&page), title));
	}
	check_mentions(buf_slice(&page), plan_options);
}

TEST(every_type_has_a_name)
{
	for (int type = OPT_STRING; type <= OPT_TABLE; type++)
		CHECK(opt_type_name((enum opt_type)type) != NULL &&
		      opt_type_name((enum opt_type)type)[0]);
}

static const struct test tests[] = {
	T(the_schema_has_every_option_of_every_port),
	T(a_connector_without_a_value_may_stand_alone),
	T(help_and_reference_mention_all),
	T(every_type_has_a_name),
};

int main(void)
{
	return RUN_TESTS(tests);
}
