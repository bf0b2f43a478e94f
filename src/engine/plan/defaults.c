/* defaults.c - the defaults of steps that call out
 *
 * What this room is for: what a step does when the file does not say; the run keeps to it, `check` and `graph` show it.
 * What flows through:    common options in, numbers out.
 * What must hold:        each default stands here and nowhere else (docs/reference/language.md tells them). */
#include "engine/plan/defaults.h"

#include <hocket/types.h>

#define WITHIN_DEFAULT_NS  (3600 * HK_SEC)
#define TIMEOUT_DEFAULT_NS (30 * HK_SEC)

enum {
	CONCURRENCY_DEFAULT = 10,
	CONCURRENCY_AUTO = 256,
	QUEUE_MIN = 100,
	QUEUE_MAX = 1000000,
	RETRIES_DEFAULT = 4,
	RETRIES_OF_WORK = 1 /* once more, alone */
};

static unsigned cap_of(const struct place *p)
{
	const struct concurrency *c = &p->common.concurrency;
	if (c->most)
		return (unsigned)c->most;
	if (c->automatic)
		return CONCURRENCY_AUTO;
	return p->facts.concurrency ? p->facts.concurrency : CONCURRENCY_DEFAULT;
}

static size_t window_of(const struct place *p, unsigned cap)
{
	if (p->common.queue)
		return (size_t)p->common.queue;
	size_t calls = 4 * (size_t)cap, most = calls;
	if (p->common.batch > 1) /* all that is in calls, and as much again */
		most = 2 * ((size_t)cap + 1) * (size_t)p->common.batch;
	most = most > calls ? most : calls;
	return most < QUEUE_MIN ? QUEUE_MIN : most < QUEUE_MAX ? most : QUEUE_MAX;
}

struct limits limits_of(const struct place *p)
{
	const struct retry_options *retry = p->common.retry;
	const struct timeout_options *timeout = p->common.timeout;
	int64_t within = retry ? retry->within_ns : 0;
	unsigned cap = cap_of(p);
	return (struct limits){
		.cap = cap,
		.automatic = p->common.concurrency.automatic,
		.window = window_of(p, cap),
		.retries = retry            ? retry->times
			   : p->port->works ? RETRIES_OF_WORK
					    : RETRIES_DEFAULT,
		.within_ns = within ? within : WITHIN_DEFAULT_NS,
		.away_ns = within             ? within
			   : p->facts.away_ns ? p->facts.away_ns
					      : WITHIN_DEFAULT_NS,
		.timeout_ns = timeout && timeout->total_ns ? timeout->total_ns
			      : p->facts.timeout_ns        ? p->facts.timeout_ns
							   : TIMEOUT_DEFAULT_NS,
		.batch = p->common.batch > 1 ? (size_t)p->common.batch : 1,
		.linger_ns = p->common.linger_ns,
	};
}
