/* journey.h - the ways of a few records through a pipeline, as `hocket try` shows them
 *
 * What this room is for: a run's sightings (engine/run/watch.h), gathered by record. A journey is one record's; its children have
 *   journeys of their own. When all is known of the record that was read, the whole tree is handed on, in the order of reading.
 * What must hold: what is kept of a record is a reference to it, so that showing it later costs no copy. */
#pragma once
#include "engine/run.h"

struct stop {                        /* at a step */
	size_t step;                 /* in the plan */
	bool passed_by;              /* its `if:` did not want it */
	struct rec *after;           /* owns; NULL: as it came */
	struct journey *first_child; /* of those that it became here */
	size_t children;
	/* of its last attempt; request NULL: there was none */
	char *request, *sends; /* sends: its body, with what secrets are in it; NULL: none */
	unsigned attempts;
	int status;
	int64_t took_ns;
	uint64_t bytes;
	char failed[480]; /* why it was not good */
};
struct journey {
	struct journey *parent, *first_child, *last_child, *sibling;
	struct journey *next_same; /* in the table */
	uint64_t number, id;
	char *source;
	uint64_t line;
	bool made;         /* by a step, of records that came to it before */
	struct rec *start; /* owns: as it was read, or made */
	struct stop *stops;
	size_t n, cap;
	enum sight end; /* FILTERED, EXPANDED, FAILED, READY, ROW; NONE: it is on its way still */
	uint64_t sinks; /* with ROW: which have got it */
	const char *label; /* with FAILED: at which place; borrows from the plan */
	char class[48], message[480];
};
enum { JOURNEY_BUCKETS = 1024 };
struct journeys {
	struct watch watch; /* for the run */
	/* All is known of it, and of its children. */
	void (*done)(void *arg, const struct journey *root);
	/* The last that was read was dead before its first step; NULL: that is nothing special. */
	void (*stillborn)(void *arg);
	void *arg;                    /* of both */
	uint64_t from_line;           /* what is read before it is not looked at; 0: all is */
	struct journey *first, *last; /* read, and not done */
	struct journey *table[JOURNEY_BUCKETS];
};
void journeys_init(struct journeys *, void (*done)(void *arg, const struct journey *root),
		   void *arg);
/* The record that was read last is none that is meant: forgets it. */
void journeys_drop_last(struct journeys *);
/* Hands on what the run has left undone. */
void journeys_end(struct journeys *);
