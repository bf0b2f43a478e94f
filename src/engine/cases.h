/* cases.h - the `tests:` of a pipeline file: what goes in, how calls are answered, what is expected
 *
 * What this room is for: `hocket test` runs them; `check` and everybody else who reads the file has them checked.
 * What must hold: (1) all JSON here is checked and compact, and lives as long as the plan. (2) a name in a case is that of a place
 *   that calls out, or of its verb; which of the two it is, does not matter: case_find(). */
#pragma once
#include "engine/expr.h"

struct call;
struct mock;
struct place;

struct case_values {
	const struct slice *v; /* JSON texts */
	size_t n;
};
struct case_named { /* what is said of one place, or of all with this verb */
	const char *name;
	const struct mock *mock;   /* of `mock:` */
	struct case_values values; /* of `sent:`, and of `out:` with several sinks */
};
struct case_list {
	const struct case_named *v;
	size_t n;
};
struct test_case {
	const char *name; /* NULL: none was given */
	unsigned line;    /* in the file */
	struct case_values in;
	struct case_list mocks, sent;
	struct case_list outs; /* by sink; with one sink its name */
	struct case_list objects,
		stored; /* by URL: what lies there before, and after; a value each */
	bool exact;     /* in `out`: nothing but what is named there */
	bool has_dead;  /* else: nothing may be dead */
	struct case_values dead;
	const char *stops; /* the run ends early, and says this among others; NULL: it does not */
	const char *const *sets; /* "name=json", over vars: */
	size_t set_count;
	int64_t now_ns; /* $meta.time; 0: it is the wall clock */
};

/* A place's own name counts more than its verb, which stands for all places of that verb. NULL: nothing is said of it. */
const struct case_named *case_find(const struct case_list *, const struct place *);

/* Answers the call, which is the attempt-th of its record: its verdict is there then. 0, or -1 with *err: the mock has no answer for it,
 * or none that makes sense. */
MUST int mock_answer(const struct mock *, bool rows, struct call *, struct err *) SUSPENDS;
