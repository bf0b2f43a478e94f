/* progress.h - what a run says while it runs */
#pragma once
#include "base/buf.h"
#include "engine/run.h"

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
/* A message among it: above the bar. */
void progress_say(struct progress *, const char *fmt, ...) PRINTF(2, 3);
