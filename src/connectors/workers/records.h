/* records.h - records as parts of a call, and the parts of its answer as answers
 *
 * What flows through: part 0 says how many records there are, and the names of the blobs of each; then each one's JSON text and its blobs, in
 *   that order. Back comes the same: part 0 says of each answer what it is, then text and blobs. docs/reference/worker-protocol.md has it
 *   byte by byte.
 * What must hold: (1) blobs are never copied on their way to a worker, and never encoded. (2) an answer's text is checked before it is one. */
#pragma once
#include "engine/port.h"
#include "connectors/workers/work.h"
#include <hocket/process_pool.h>

/* There and back: each call has its verdict. What is no answer to these calls at all: -1 with *err, and no verdicts were given. */
MUST int records_work(struct work *, struct call *const *, size_t n, struct err *err) SUSPENDS;
