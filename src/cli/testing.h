/* testing.h - one case of `tests:`, carried out and judged */
#pragma once
#include "cli/loading.h"
#include "engine/cases.h"

struct trouble {         /* one thing that is not as expected */
	char *what;      /* owns: a sentence */
	struct buf diff; /* lines: "~ .url  "a" -> "b""; may be empty */
};
struct outcome {
	struct trouble *list;
	size_t n, cap;
	bool error; /* it could not be judged: a call without an answer, a run that broke off */
	struct buf ways; /* with `verbose`: what each step did */
};
struct testing_options {
	const struct loading *loading;
	bool verbose, color;
	unsigned width;
};
/* The plan's i-th. 0: it was judged, and is good when outcome.n is 0; -1: its vars make the file a wrong one, which was told. */
MUST int testing_run(const struct testing_options *, const struct plan *, size_t i,
		     struct outcome *ret) SUSPENDS;
void outcome_done(struct outcome *);
