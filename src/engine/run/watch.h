/* watch.h - what happens to each record, told while it happens: for `hocket try`
 *
 * What this room is for: somebody looks on. The ledger tells what becomes of an item, because all of it goes through there; flow.c
 *   and step.c tell where it is by then.
 * What must hold: (1) who looks on changes nothing, waits for nothing and keeps what it needs (rec_ref). (2) what a sighting points
 *   to is borrowed for the call. (3) a run that nobody watches pays a comparison for it. */
#pragma once
#include "engine/record.h"
#include "base/err.h"

enum sight {
	SIGHT_NONE,
	SIGHT_READ,   /* a source has given it: rec, source, line */
	SIGHT_AT,     /* it comes to a step: step */
	SIGHT_PASSES, /* it passes a step by, whose `if:` does not want it: step */
	SIGHT_CALLED, /* an attempt has ended: step, request, status, took_ns, bytes; err: why it was not good, or NULL */
	SIGHT_CHANGED, /* its next version: rec */
	SIGHT_SPAWNED, /* it is a child of `parent`: rec */
	SIGHT_FAILED,  /* for good, at `label`: err. It may be told twice: in doubt, then dead */
	SIGHT_FILTERED,
	SIGHT_DUPLICATE,
	SIGHT_EXPANDED,
	SIGHT_MERGED, /* into what a fold makes, or back into the record that it is a child of */
	SIGHT_READY,  /* through all steps */
	SIGHT_ROW,    /* its row is in these sinks: a bit for each; rec */
	SIGHT_SETTLED, /* all that became of the record that was read is known: nothing more comes of this `number` */
};
struct sighting {
	enum sight what;
	/* Of the record that was read, in their order, and of all that it became */
	uint64_t number;
	uint64_t id, parent; /* within those: $meta.id */
	size_t step;         /* in the plan */
	const struct rec *rec;
	const char *source, *label;
	bool made;     /* READ: a step has made it of others, and they are done */
	uint64_t line; /* or its number within the source, from 1 */
	uint64_t sinks;
	const struct err *err;
	struct slice request; /* without secrets: "GET https://host/path" */
	struct slice sends;   /* its body; may hold secrets */
	int status;           /* 0: there is none */
	int64_t took_ns;
	uint64_t bytes; /* of the answer's body */
};
struct watch {
	void (*saw)(void *arg, const struct sighting *);
	void *arg;
};
