/* circuit.h - does this origin answer at all?
 *
 * What this room is for: a host that is down is not hammered, and nobody dies of it.
 *
 *             5 failures in a row               its time has come
 *   CLOSED ------------------------> OPEN ----------------------> PROBING: one request is on its way
 *     ^  ^-- any answer that is none   ^------ it failed too: twice as long, up to 30 s --'   |
 *     '---------------------------------------------------------------------------------------'
 *
 * What flows through:    outcomes of attempts; when the next probe may start.
 * What must hold: (1) it opens only where something has succeeded before: what never worked is the pipeline's mistake, see
 *   doubt.c. But for an origin that takes nothing from anybody (circuit_away): there it opens at once, and until it is given up.
 *   (2) one probe at a time. (3) failures of requests that were on their way when it opened change nothing. */
#pragma once
#include <hocket/types.h>

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_PROBING };
struct circuit {
	enum circuit_state state;
	bool served, many; /* something has succeeded; more than one record failed since */
	bool given_up;     /* nothing ever has, and nobody waits for it any more */
	bool told;         /* the caller's: that it is waited for has been said */
	unsigned failures, probes, probe; /* probe: the number of the one on its way */
	uintptr_t who;                    /* the record that failed first */
	int64_t failed_ns;                /* the last time */
	int64_t since_ns, probe_ns,
		open_ns; /* down since; the next probe; all time that it was open before */
};
void circuit_up(struct circuit *, int64_t now); /* it answered */
/* probe: what circuit_start said. */
void circuit_down(struct circuit *, uintptr_t who, unsigned probe, int64_t now);
/* As circuit_down; no request could have done better. */
void circuit_away(struct circuit *, uintptr_t who, unsigned probe, int64_t now);
/* It was never there: from now on each failure is its record's, until nobody has asked for five minutes: who comes then waits anew. */
void circuit_give_up(struct circuit *, int64_t now);
void circuit_lost(struct circuit *, unsigned probe,
		  int64_t now); /* an attempt that tells nothing */
/* A record is about to die of failures that all fell on this origin in a row. true: it opens instead. */
bool circuit_trip(struct circuit *, unsigned failures, int64_t now);
int64_t circuit_open_ns(const struct circuit *, int64_t now); /* how long it was down, in all */
int64_t circuit_next_ns(const struct circuit *); /* INT64_MAX: when the probe is back */
unsigned circuit_start(struct circuit *);        /* 0, or this start is a probe: its number */
