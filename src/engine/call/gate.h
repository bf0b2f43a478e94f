/* gate.h - `batch: N`: where those meet that go into one call */
#pragma once
#include "engine/call/visit.h"

/* For steps with a batch: as attempt_make, in company. What it says is of this visit alone. */
int gate_attempt(struct visit *) SUSPENDS;

/* ---- for attempt.c: of a visit that makes an attempt, alone or for its mates ---- */
size_t gate_most(const struct visit *);  /* so many may be in its call; 1: it goes alone */
size_t gate_count(const struct visit *); /* so many are */
/* The slot is there: who waits at the gate goes along, and the next of those who stay leads. */
void gate_close(struct visit *);
/* Intents of all. Who cannot have one, or leaves, is no mate any more. As attempt_intend, for the leader. */
int gate_intend(struct visit *) SUSPENDS;
