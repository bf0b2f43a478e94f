/* report.h - what the runtime says by itself: reports go on, misuse ends the process
 *
 * What must hold: (1) a report is one call of hk_run_options.report, or one write to standard error: lines of several
 *   threads do not mix. (2) a misuse names the running task and where it was spawned, and never returns. */
#pragma once
#include "base/slice.h"
#include <hocket/run.h>

struct hk_loop;

/* "hocket: " + text + line feed. loop NULL: to standard error. From any thread. */
void report(const struct hk_loop *, enum hk_report, const char *fmt, ...) PRINTF(3, 4);
/* All of it, blocking; who is full for five seconds is given up. 0, -errno. */
MUST int report_write(int fd, struct slice);
/* "hocket: misuse: task "x", spawned at pages.c:12: " + text, then abort. Says what the caller should do instead. */
NORETURN void misuse(const char *fmt, ...) PRINTF(1, 2);
