/* answers.h - remembered answers: never paid for again (I7, `remember: 30d`)
 *
 * What this room is for: answers by what was asked, across runs and records, until they expire. --fresh does not forget them.
 * What must hold: (1) the key is a SHA-256 of all that decides what the far side answers (connectors make it: call.asked), never of
 *   credentials. (2) an expired answer is never given; it is deleted when the state is opened for a run, and each hour of one that has no end. */
#pragma once
#include "engine/state/state.h"

struct state_answer { /* borrowed */
	uint8_t key[32];
	const char *step;
	int64_t expires_wall_ns;
	/* JSON: {"status":200,"body":"json","type":"application/json","headers":{...}} */
	struct slice about;
	struct slice value; /* the body */
};
MUST int state_get_answer(struct state *, const uint8_t key[static 32], int64_t now_wall_ns,
			  struct buf *about, struct buf *value, bool *found, struct err *) SUSPENDS;
MUST int state_drop_answer(struct state *, const uint8_t key[static 32], struct err *) SUSPENDS;
MUST int state_drop_expired(struct state *, int64_t now_wall_ns, struct err *) SUSPENDS;
