/* job.h - one pipeline, run from the command line: load, run, show, account */
#pragma once
#include "cli/account.h"
#include "cli/choosing.h"
#include "cli/loading.h"
#include "cli/progress.h"
#include "cli/until.h"

struct job {
	const struct args *args;
	const char *path; /* the pipeline file, "-": stdin; NULL: text is the pipeline */
	struct slice text;
	const char *folder; /* of text */
	struct run_options options;
	const char **allow; /* owns; for options */
	bool keep_nothing;  /* the state is a temporary one: tell nobody where it is */
	/* Looks at the end of the run; what it returns is worse than or equal to the code it is given. May be NULL. */
	int (*judge)(const struct account *, int exit_code);

	bool replays; /* dead letters, not the pipeline's source */

	struct loading loading;
	struct choosing choosing;
	struct diag *diag;
	struct plan *plan;
	struct run *run;
	struct progress *progress;
	struct run_result result;
	struct counts before;
	struct until until;
	bool told_stopping;
};
/* Starts the loop, runs it, prints everything. The exit code. */
int job_run(struct job *);
