/* once.h - a process for each record: what it is told on standard input, what it says on standard output
 *
 * What must hold: its exit status is $res.status, and success is 0 unless `accept` says otherwise; it ends within the step's time-out, with
 *   all that it has started. */
#pragma once
#include "connectors/workers/work.h"

struct once {
	struct site *site; /* borrows: who wants to see what it prints on standard error */
	struct work *work; /* borrows: the environment, the limits */
	const char *const *argv;
	struct hk_process_options process;
	int64_t timeout_ns;
};
void once_call(const struct once *, struct slice input, struct call *) SUSPENDS;
