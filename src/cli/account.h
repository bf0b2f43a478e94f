/* account.h - the end of a run in words, in JSON and as an exit code */
#pragma once
#include "base/buf.h"
#include "engine/run.h"

struct account {
	const struct plan *plan;
	const struct run_result *result;
	struct run *run;        /* still open: places, limit */
	const char *state_path; /* where dead letters and positions are; NULL: nothing was kept */
	struct counts before;   /* when this part of the run began */
	bool verbose, replay;
};
int account_exit(const struct account *); /* exits.h */
MUST int account_put(const struct account *, struct buf *out);
MUST int account_put_json(const struct account *, int exit_code, struct buf *out); /* one line */
/* For a run that never began: the summary is written even then (GUARANTEES.md, I11). */
MUST int account_put_json_failed(int exit_code, const char *text, struct buf *out);
