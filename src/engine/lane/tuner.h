/* tuner.h - `concurrency: auto`: how many at once does this origin bear?
 *
 * What this room is for: finding the knee, beyond which more at once only makes each slower, and staying near it.
 * What flows through:    how long each answer took; refusals and failures; the limit out.
 * What must hold: (1) 1 <= limit <= most. (2) the limit grows only while it is used up. (3) what was started under an earlier limit
 *   says nothing about this one and is not counted. */
#pragma once
#include <hocket/types.h>
#include <stdbool.h>

struct tuner {
	double limit; /* 0: there is no tuner */
	unsigned most, windows;
	bool rising;        /* nothing has held it back yet: it doubles */
	bool measuring;     /* lowered for one window, to see how fast an answer can be */
	double resume;      /* the limit before that */
	int64_t base_ns;    /* the mean time of an answer when nobody waits for another */
	unsigned base_n;    /* of so many answers; 0: unknown */
	int64_t changed_ns; /* when the limit was set; the window began */
	int64_t sum_ns;
	unsigned n, failed;
	bool used_up;
};
void tuner_init(struct tuner *, unsigned most, int64_t now);
void tuner_took(struct tuner *, int64_t took_ns, bool used_up, int64_t now);
void tuner_refused(struct tuner *, int64_t took_ns, int64_t now); /* 429 */
void tuner_failed(struct tuner *, int64_t took_ns, int64_t now);  /* 5xx, no answer */
