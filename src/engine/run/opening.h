/* opening.h - a run's doors: state, sinks, steps, sources opened in this order, and closed again */
#pragma once
#include "engine/run/running.h"

/* Opens everything and finds the place to go on from. After -1, run_close_parts takes down what was opened. */
int run_open_parts(struct run *, struct err *) SUSPENDS;
/* The key of this sink's mark, when it keeps one; the caller owns it. */
char *sink_mark_name(const struct sink *, const char *pipeline);
void run_close_parts(struct run *) SUSPENDS;
