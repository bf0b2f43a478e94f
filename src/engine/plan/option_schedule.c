/* option_schedule.c - `every: 30m`, `every: "0 6 * * *"`, `every: {cron: "0 6 * * 1-5", zone: Europe/Berlin}`
 *
 * What this room is for: a schedule as it stands in the file; schedule.c knows what it means.
 * What flows through:    one node in, one struct schedule out.
 * What must hold:        a number without a unit is a mistake with a proposal, as with any duration. */
#include "engine/plan/options.h"

#include <errno.h>

#include "base/banned.h"

struct cron_map {
	const char *cron, *zone;
};
static const struct opt cron_table[] = {
	OPT("cron", struct cron_map, cron, OPT_STRING, const char *, .required = true,
	    .doc = "minute hour day month weekday, as in crontab(5); @daily"),
	OPT("zone", struct cron_map, zone, OPT_STRING, const char *,
	    .doc = "whose clocks: Europe/Berlin; the machine's"),
	OPT_END,
};

static const char hint[] =
	"a duration such as 30m, or a line of cron such as '0 6 * * 1-5' or '@daily'";

static bool parse_text(struct planner *p, const struct opt *o, const struct node *node,
		       struct slice text, struct schedule *ret)
{
	AUTO(buf_done) struct buf why = { .max = 1024 };
	if (schedule_parse(p->arena, text, NULL, ret, &why) == 0)
		return true;
	return option_refuse(p, node, hint, "'%s': %s", o->name, why.n ? why.p : "too long");
}

/* The line itself is good. */
static bool parse_zone(struct planner *p, const struct opt *o, const struct node *node,
		       const struct cron_map *m, struct schedule *ret)
{
	AUTO(buf_done) struct buf why = { .max = 1024 };
	if (schedule_parse(p->arena, slice_str(m->cron), m->zone, ret, &why) == 0)
		return true;
	return option_refuse(p, node, NULL, "'%s': %s", o->name, why.n ? why.p : "too long");
}

static bool parse_mapping(struct planner *p, const struct opt *o, const struct node *node,
			  struct schedule *ret)
{
	struct cron_map *m = NULL;
	if (!option_parse_mapping(p, o, cron_table, sizeof *m, node, &m))
		return false;
	const struct node *cron = node_get(node, "cron");
	if (!strpbrk(m->cron, " \t@"))
		return option_refuse(
			p, cron, NULL,
			"'cron' wants a line of cron such as '0 6 * * 1-5', not '%.*s'",
			SHOWN(slice_str(m->cron)));
	if (!parse_text(p, o, cron, slice_str(m->cron), ret))
		return false;
	return !m->zone || parse_zone(p, o, node_get(node, "zone"), m, ret);
}

bool option_parse_schedule(struct planner *p, const struct opt *o, const struct node *node,
			   struct schedule *ret)
{
	if (node->kind == NODE_MAP)
		return parse_mapping(p, o, node, ret);
	if (node->kind == NODE_LIST)
		return option_refuse_kind(p, o, node, "a duration or a line of cron");
	if (node->kind == NODE_INT || node->kind == NODE_FLOAT) {
		char guess[80];
		snprintf(guess, sizeof guess, "did you mean '%.*sm'?",
			 SLICE(slice_head(node->text, 40)));
		return option_refuse(p, node, guess, "'%s' wants a unit: s, m, h or d", o->name);
	}
	return parse_text(p, o, node, node->text, ret);
}
