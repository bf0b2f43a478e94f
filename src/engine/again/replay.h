/* replay.h - a run whose source is the dead letters
 *
 * What this room is for: `hocket dead replay`. The engine is the same; where it asks whether run->replay is there, these answer.
 * What must hold: (1) the chosen letters are fixed in the state before the run begins; their rank is their ordinal, in a split of
 *   their own. (2) a replay that was cut off goes on before another one begins, and before a run of the same outputs does. (3) a replay
 *   that ends in order leaves nothing to go on with: what it did not get through is dead as before. But answers that it has paid
 *   for are not lost: if there are any, it is unfinished, as if it were cut off. */
#pragma once
#include "engine/run/running.h"

/* In place of the pipeline's own beginning: goes on with what was cut off, or takes up what was chosen. `fresh`: what was cut off
 * is given up first. */
MUST int replay_begin(struct run *, struct state_run *cut_off, struct err *) SUSPENDS;
/* For a run of the pipeline: is there a replay that was cut off in outputs that both would write? -1 says so. */
MUST int replay_check_none(struct run *, struct err *) SUSPENDS;
/* The resumption of a sink when a replay begins: with the receipt of the run behind which it stands, if the output is as that has left
 * it. */
MUST int replay_resumption(struct run *, struct sink *, struct resumption *, struct err *) SUSPENDS;
/* In place of the sources. 0, or -1: stopped, or the run was aborted. */
int replay_source(struct run *) SUSPENDS;
/* The letter that intake->letter is, as a track that was admitted: where it enters. false: it cannot, and is dead again. */
bool replay_enter(struct intake *, struct track *, size_t *at);
/* From where a letter came at first to the split, ordinal and path that it has here. */
void replay_locate(const struct run *, const char **split, uint64_t *ordinal, struct slice *path);
/* Tracks that recovery.c made again: from now on they know where they came from. */
MUST int replay_restore(struct run *, struct track *first, struct err *) SUSPENDS;
/* 1: it has paid for what it did not get through, and is to go on: its outputs are not whole; 0; -1 */
MUST int replay_owes(struct run *, struct err *) SUSPENDS;
/* The last word on the run, in the state. */
MUST int replay_end(struct run *, const char *status, struct err *) SUSPENDS;
struct replay *replay_new(void);
/* "users", "users replay": the mark of a run stays while its letters are replayed. */
char *replay_mark_name(const char *pipeline, const struct replay *);
void replay_free(struct replay *); /* accepts NULL */
