/* run.c - hocket run FILE
 *
 * What this room is for: the main verb; job.c does it.
 * What flows through:    flags in, an exit code out.
 * What must hold:        nothing of its own. */
#include "cli/job.h"
#include "cli/verbs.h"

int verb_run(const struct args *args)
{
	struct job job = { .args = args, .path = args->words[0] };
	return job_run(&job);
}
