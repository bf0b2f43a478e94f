/* choosing.h - IDs, --where and --all of the command line: which dead letters are meant */
#pragma once
#include "cli/args.h"
#include "engine/again/choice.h"

struct choosing {
	struct choice choice;
	struct jq *where; /* owns */
};
/* Words are those behind FILE. 0, or -1: it was told why (exit code 2). In a task; choosing_done in both cases. */
MUST int choosing_init(struct choosing *, const struct args *);
void choosing_done(struct choosing *);
/* An ID, or a flag that chooses. */
bool choosing_is_given(const struct args *);
