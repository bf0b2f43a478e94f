/* planning.h - what the files of the planner share beside options.h: a place with the nodes that it was made from */
#pragma once
#include "engine/plan/options.h"
#include "engine/cases.h"
#include "engine/plan.h"

struct draft {
	struct place place;
	const struct node *map;  /* verb and options; NULL: `from: stdin` */
	const struct node *verb; /* its key, or the scalar itself */
	bool good;               /* no mistake in its options: facts are there */
};
struct drafts {
	struct draft *v;
	size_t n;
};

/* plan_place.c: one source, step or sink. The draft's port is NULL if it could not be told which one. */
void place_parse(struct planner *, const struct node *, enum role, struct draft *ret);
/* misplaced.c: options in the verb's own value. Adds the mistake if it would be read as a program, else p->inside and p->beside. */
void misplaced_check(struct planner *, const struct draft *);
/* The common options that mean something for this connector in this role. */
const struct opt *common_options(const struct port *, enum role);

/* An option's value in a mapping, or its key if that is no scalar; "a.b" looks into a's mapping. NULL: not in the file. */
const struct node *node_find(const struct node *map, const char *option);
unsigned place_line(const struct planner *, const struct node *); /* in the file, from 1 */

bool means_every(struct slice word); /* `every`, or what others call it */

extern const struct opt plan_options[]; /* of the top level, but for from, steps, to, vars */

/* plan_check.c: what only shows when all places are known; labels; the hash. */
void places_name(struct planner *, struct drafts *sources, struct drafts *steps,
		 struct drafts *sinks);
void places_check(struct planner *, const struct drafts *sources, const struct drafts *steps,
		  const struct drafts *sinks, const char *dead_path, const struct node *dead);
/* For `guarantee: exactly_once`: each place that cannot keep it is a mistake. */
void places_check_exact(struct planner *, const struct drafts *sources, const struct drafts *steps,
			const struct drafts *sinks);
uint64_t place_hash(const struct planner *, const struct draft *);
uint64_t places_hash(const struct planner *, const struct drafts *sources,
		     const struct drafts *steps, const struct drafts *sinks);

/* cases.c: `tests:`, when all places have their names. */
void cases_parse(struct planner *, const struct node *tests, const struct drafts *steps,
		 const struct drafts *sinks, struct plan *);
/* A value of the file as compact JSON in the arena; false: a mistake was added. */
bool node_to_json(struct planner *, const struct node *, struct slice *ret);

/* mock.c: NULL: a mistake was added. */
struct mock_of {
	bool rows;      /* of a place that answers with rows */
	size_t records; /* of the case's `in` */
};
const struct mock *mock_parse(struct planner *, const struct node *, const struct mock_of *);
