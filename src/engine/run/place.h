/* place.h - one source, step or sink of a run: its storage, its defaults, its door */
#pragma once
#include "engine/run/running.h"

void site_init(struct site *, struct run *, const struct place *);
int site_open(struct site *, const struct place *, struct err *) SUSPENDS;
void site_close(struct site *, const struct place *) SUSPENDS; /* half-opened too */

void step_init(struct step *, struct run *, const struct place *,
	       size_t index); /* steps and sources */
MUST int step_init_call(struct step *,
			struct err *); /* also for one that calls out: window and slots */
void step_close(struct step *) SUSPENDS;
