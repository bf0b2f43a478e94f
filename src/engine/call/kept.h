/* kept.h - an answer as the state keeps it: what is said about it, in JSON, and its bytes as they came
 *
 * What must hold: an answer that was kept and restored is judged and placed like the one that came, also by a newer `accept`, `as`
 *   or `result`. */
#pragma once
#include "engine/port.h"

/* {"status":200,"body":"json","type":"application/json","headers":{...}}; before it is judged. */
MUST int kept_put_about(const struct answer *, const uint8_t asked[static 32], struct buf *out);
/* Was this kept for the same request? What an earlier version kept does not say. */
bool kept_is_of(struct slice about, const uint8_t asked[static 32]);
/* The bytes as they came, judged or not. */
struct slice kept_bytes(const struct answer *);
/* Takes the value. -1 with *err (FAULT_BROKEN): that is no answer. */
MUST int kept_restore(struct slice about, struct buf *value_taken, struct arena *,
		      struct answer *ret, struct err *);
void answer_done(struct answer *);
