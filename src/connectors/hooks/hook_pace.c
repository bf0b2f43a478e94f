/* hook_pace.c - records done in the time in which there were some
 *
 * What this room is for: Retry-After. Too short, and senders come in vain; too long, and the pipeline stands idle while they wait.
 * What flows through:    a clock and two counts, at each delivery; seconds out.
 * What must hold:
 *  (1) a time without work ends with a delivery, which finds that nothing waits: the measure begins anew there, and so no such time is
 *      ever within it. (2) it is taken over a second or more; a quarter of what was known stays, so that a short stop is not the end of all. */
#include "connectors/hooks/hook_pace.h"
#include "base/banned.h"
#include <hocket/types.h>

static void begin(struct hook_pace *p, int64_t now_ns, int64_t done)
{
	p->begun = true;
	p->since_ns = now_ns;
	p->done_then = done;
}

void hook_pace_look(struct hook_pace *p, int64_t now_ns, uint64_t waiting, int64_t done)
{
	int64_t ns = now_ns - p->since_ns, n = done - p->done_then;
	if (!p->begun || waiting == 0) {
		begin(p, now_ns, done);
		return;
	}
	if (ns < HK_SEC)
		return;
	double rate = n > 0 ? (double)n * (double)HK_SEC / (double)ns : 0;
	p->per_s = p->known ? 0.25 * p->per_s + 0.75 * rate : rate;
	p->known = true;
	begin(p, now_ns, done);
}

int64_t hook_pace_after_s(const struct hook_pace *p, uint64_t waiting)
{
	if (!p->known)
		return HOOK_PACE_UNKNOWN_S;
	double s = p->per_s > 0 ? (double)waiting / 2 / p->per_s + 1 : HOOK_PACE_MAX_S;
	return s < HOOK_PACE_MAX_S ? (int64_t)s : HOOK_PACE_MAX_S;
}
