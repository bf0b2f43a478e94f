/* loading.h - what --set, --env-file and --secrets give to a plan */
#pragma once
#include "cli/args.h"
#include "engine/plan.h"

struct loading {
	struct plan_settings settings; /* for plan_load and plan_parse */
	const char **sets;
	struct secrets *secrets;
};
/* Reads the files. 0, or -1 with *err (the file and the line). loading_done in both cases. */
MUST int loading_init(struct loading *, const struct args *, struct err *);
/* With placeholders for secrets that no --secrets file gives. */
MUST int loading_init_fake(struct loading *, const struct args *, struct err *);
/* For verbs that call nobody: what is given nowhere has a placeholder, so that it is no mistake. */
MUST int loading_init_to_look(struct loading *, const struct args *, struct err *);
void loading_done(struct loading *);
/* The plan of a file; NULL: it was told why, on stderr. */
struct plan *loading_plan(const struct loading *, const char *path);
void loading_drop(struct plan **); /* for AUTO */
/* Mistakes to stderr, in colour where there is some. Returns their number. */
size_t loading_tell(const struct diag *);
