/* upkeep.c - the state of a run that does not end, kept small, and its dead letters in sight
 *
 * What this room is for: a run that ends drops what has expired when it begins, and copies its dead letters when it has ended. One that
 *   goes on for months does both on its way.
 * What flows through:    nothing: the state does the work. The committer calls between two batches, and the source between two rounds.
 * What must hold:
 *  (1) neither is done so often that it would be noticed. (2) a copy that fails ends nothing: it is told, and the letters stand in the
 *      state. (3) a replay ends, and does neither. */
#include "engine/run/upkeep.h"

#include "engine/run/claims.h"
#include "engine/state/answers.h"
#include "engine/state/listing.h"

#define COPY_EVERY_NS (60 * HK_SEC)
#define DROP_EVERY_NS (3600 * HK_SEC)

int upkeep_drop_expired(struct run *run, struct err *err)
{
	struct upkeep *u = &run->upkeep;
	if (!plan_is_endless(run->plan) || run->replay || hk_now_ns() < u->drop_again_ns)
		return 0;
	u->drop_again_ns = hk_now_ns() + DROP_EVERY_NS;
	int r = state_drop_expired(run->state, hk_wall_ns(), err);
	return r < 0 ? r : claims_tidy(run, err);
}

void upkeep_copy_dead(struct run *run, bool now)
{
	struct upkeep *u = &run->upkeep;
	struct err err = { 0 };
	uint64_t dead = run->ledger.settled.dead;
	if (!run->plan->dead_path || run->replay || dead == u->copied || u->copying)
		return;
	if (!now && (!plan_is_endless(run->plan) || hk_now_ns() < u->copy_again_ns))
		return;
	u->copying = true;
	int r = state_copy_letters(run->state, run->plan->name, run->plan->dead_path, &err);
	u->copying = false;
	u->copied = dead;
	u->copy_again_ns = hk_now_ns() + COPY_EVERY_NS;
	if (r < 0 && run->options.warned && err.fault != FAULT_CANCELLED) {
		run_redact(run, &err);
		run->options.warned(run->options.said_arg, "dead", slice_str(err.text));
	}
}
