/* mocking.h - a plan that reaches nothing outside: for `hocket test`
 *
 * What must hold: (1) no call that is not `local` is made, whatever the file says: its port has no operation left that could, and it is
 *   not opened. (2) no source and no sink of the file is opened. (3) the plan that it was made of is not changed, and outlives it. */
#pragma once
#include "cli/rehearsal.h"
#include "engine/cases.h"
#include "engine/run.h"

struct capture { /* what a sink was given, in its order */
	struct rec **rows;
	size_t n, cap;
};
struct mocked {
	bool stands_in;          /* this call is not made */
	const struct mock *mock; /* NULL: nobody said how it is answered */
};
struct mocking {
	struct rehearsal as; /* the plan for the run; for journeys */
	const struct test_case *test;
	struct stand_in stand_in;
	struct mocked *steps;     /* by step */
	struct capture *captures; /* by sink that commits */
	struct err err;           /* a call that could not be answered: the first one */
};
void mocking_init(struct mocking *, const struct plan *, const struct test_case *);
void mocking_done(struct mocking *);
