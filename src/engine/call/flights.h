/* flights.h - who asks for what right now: identical remembered requests share one call
 *
 * What must hold: (1) of those who ask the same, one leads and calls; the others wait and hold nothing. (2) when the leader fails it
 *   fails alone: another one leads. (3) when it has an answer, the others find it in the state. */
#pragma once
#include "engine/port.h"
#include <hocket/sync.h>

struct flight { /* as long as somebody asks for it */
	struct flight *next;
	uint8_t key[32];
	unsigned users;
	bool led, landed; /* somebody calls; somebody has called, and the answer is there */
	struct hk_event changed;
};
struct flights {
	struct flight *buckets[1024];
};
struct flight *flight_join(struct flights *, const uint8_t key[static 32]);
/* The leader is through, for better or worse: the others look again. */
void flight_end(struct flight *, bool landed);
void flight_leave(struct flights *, struct flight *); /* accepts NULL; the last one frees it */
