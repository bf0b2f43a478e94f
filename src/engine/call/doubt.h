/* doubt.h - death, and the suspicion that it is not the record's fault
 *
 * What this room is for: a wrong host name, a typo in jq or the wrong file format makes every record fail the same way. As
 *   long as nothing has succeeded at a place, what fails there is kept in doubt: neither dead nor settled.
 * What must hold: (1) DOOM_LIMIT failures of one class and no success stop the run, and none of them is dead: the mended
 *   pipeline takes them up again. (2) with the first success, the first failure of another class, or the end of the input,
 *   what is in doubt is dead. (3) what is in doubt never keeps the source waiting for good. */
#pragma once
#include "engine/run/running.h"

/* The item failed at the place: dead, or in doubt. Takes the attempts (may be NULL). May end the run. */
void doubt_die(struct step *, struct item *, const struct err *, struct buf *attempts_taken);
/* The same, without doubt. */
void doubt_die_certainly(struct step *, struct item *, const struct err *,
			 struct buf *attempts_taken);
/* Something did: who is in doubt is dead; cheap when it is not the first. */
void doubt_succeeded(struct step *);
/* No more will come here. dead: it was the records; else they are left to the next run. */
void doubt_end(struct step *, bool dead);
void doubt_end_all(struct run *); /* the source waits, and nothing else moves */
