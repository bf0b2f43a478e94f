/* progress.h - what a run says while it runs */
#pragma once
#include "base/buf.h"
#include "engine/run.h"
#include <hocket/run.h>

enum progress_kind {
	PROGRESS_AUTO,
	PROGRESS_BAR,
	PROGRESS_PLAIN,
	PROGRESS_JSON,
	PROGRESS_NONE
}; /* as --progress lists them */

struct progress;
/* AUTO becomes the bar on a terminal, else plain lines. Borrows both. */
struct progress *progress_new(struct run *, const struct plan *, enum progress_kind);
void progress_free(struct progress *);      /* accepts NULL; takes the bar off the screen */
int progress_task(void *progress) SUSPENDS; /* until cancelled */
/* All tasks with their calls, above the bar. */
void progress_dump(void);
/* hk_run_options.report: above the bar, also from the thread that watches a loop which is blocked. */
void progress_report(enum hk_report, const char *text, void *arg);
/* A message among it: above the bar. */
void progress_say(struct progress *, const char *fmt, ...) PRINTF(2, 3);
/* What a worker printed; above the bar. */
void progress_said(const char *label, struct slice line);
/* What people should know though nothing failed; above the bar, as a message of ours. */
void progress_warned(const char *label, struct slice line);
