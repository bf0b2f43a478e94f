/* world.h - a pipeline, what it reads and calls, and what goes wrong: all of it drawn from one seed
 *
 * What this room is for: whole runs as a user has them (a YAML file, every connector, the HTTP client, SQLite and files) in
 *   virtual time, against a far side that counts. A seed is a life: the run is cut off, stopped, and run again until it is done.
 * Life cycle: world_draw, then the test may change what it likes, world_write, world_live, world_check, world_done.
 * What must hold: (1) everything is drawn from world.rnd: a seed replays. (2) the far side (far.c) knows nothing of hocket's own
 *   accounts, and expect.c nothing of either: what should be there is computed from the seed by plain recursion. */
#pragma once
#include "base/rand.h"
#include "engine/plan.h"
#include "engine/run.h"
#include "rt/in_loop.h"

/* Checks of all files count together; sim.c makes a failure of its seed of them. */
extern int world_failures;
#define test_failures_ world_failures

enum { STEPS_MAX = 3, SINKS_MAX = 2, RECORDS_MAX = 100, PATH_BYTES = 96, ASKED_CAP = 32768 };
enum source_kind { FROM_JSONL, FROM_CSV, FROM_PAGES, SOURCE_KINDS };
enum sink_kind { TO_JSONL, TO_CSV, TO_SQLITE, SINK_KINDS };
/* POST_ONCE has no key: its answer can get lost, and then nobody knows. REMEMBERED: `remember: 30d`. SORT gives what came in order as it
 * came; BATCH is taken apart again: what they hold shows only in what is lost or there twice. */
enum step_kind {
	GET,
	GET_EMIT,
	WHERE,
	EMIT,
	SORT,
	BATCH,
	POST_KEYED,
	REMEMBERED,
	POST_ONCE,
	STEP_KINDS
};

struct row {
	int64_t n, c,
		a; /* the record; its path of children: c * 5 + i + 1; the sum of what was answered */
	size_t p; /* length of the last answer's padding */
};
struct rows {
	struct row *v;
	size_t n, cap;
};

struct drawn_step {
	enum step_kind kind;
	int64_t concurrency, queue, rate_per_s; /* rate 0: none */
};
struct drawn_sink {
	enum sink_kind kind;
	bool half; /* only even records */
	int64_t rows, every_ms;
};
/* What goes wrong, in percent of requests or as a way of the world. */
struct trouble {
	struct hk_sim_net net;
	bool parts, resets, restarts; /* of the net, of its streams, of the server */
	int64_t weather_ns;           /* between two of these, at most */
	unsigned fail, throttle, drop, cut, late;
	/* Each so-many-th record gets 503 until slow_ns, for the server's clock; 0: none. */
	int64_t slow_every, slow_from_ns, slow_ns;
	int64_t outage_ns;    /* from OUTAGE_FROM_NS on, once */
	bool outage_parts;    /* nothing comes through, instead of being refused */
	unsigned crash, stop; /* percent of a run's parts that end like this */
	int64_t part_ns;      /* ... within so long */
};

struct asked { /* by one record, of one step; how often the far side heard it */
	unsigned step, requests, good, effects;
	int64_t n, c;
	uint64_t key; /* hash of its Idempotency-Key; 0: none yet */
	bool used;
};
struct far {
	struct http_server *server;
	struct asked *asked; /* hash table */
	size_t asked_count;
	struct hk_event fall; /* the server dies, and is back after down_ns */
	int64_t down_ns;
	bool deaf; /* hocket is dead: what it sent and what has not been handled yet never comes */
	uint64_t requests, faults;
	int64_t *arrivals; /* when requests came, for those who look at rates; NULL: nobody does */
	size_t arrival_count, arrivals_max; /* of the array; owned by the world */
};

struct world {
	uint64_t seed;
	struct rand rnd;
	enum source_kind source;
	int64_t records;
	bool any_order, bad_lines;
	size_t padding; /* of answers, at most */
	struct drawn_step steps[STEPS_MAX];
	struct drawn_sink sinks[SINKS_MAX];
	size_t step_count, sink_count;
	uint64_t memory_bytes; /* 0: the default */
	struct trouble trouble;

	/* expect.c */
	struct rows want;                          /* what reaches the sinks, in order */
	uint64_t want_dead, want_calls[STEPS_MAX]; /* calls: those that are answered well */

	char folder[PATH_BYTES], kept[PATH_BYTES + 16]; /* kept: as it was at the crash */
	struct plan *plan;
	struct run_options options;
	struct run *run;
	struct run_result result;
	struct far far;

	/* parts.c */
	bool crashed;
	uint64_t moments; /* of the far side, until misfortune strikes; 0: not waited for */
	struct hk_event moment;
	unsigned parts, crashes, stops, storms;
	uint64_t attempts; /* by hocket's own count */

	uint64_t lost, duplicated, wrong;
	int failures_before;
};

/* The words of a plan that the program does not know yet are not drawn. */
void world_draw(struct world *, uint64_t seed);
void world_write(struct world *);
void world_live(struct world *) SUSPENDS; /* until the run is finished */
void world_be_kind(struct world *);       /* nothing goes wrong any more */
void world_check(struct world *);
void world_done(struct world *);

bool happens(struct world *, unsigned percent);
int64_t up_to(struct world *, int64_t most); /* 1..most */
void rows_add(struct rows *, struct row);
bool step_calls(enum step_kind);

/* pipeline.c */
void pipeline_put(const struct world *, struct buf *out);
void pipeline_write_input(const struct world *);
int64_t pipeline_bad_lines(const struct world *);

/* expect.c: what the far side decides is always the same */
void expect_all(struct world *);
bool expect_death(struct row, unsigned step);
int64_t expect_value(struct row, unsigned step);
unsigned expect_children(struct row, unsigned step);
size_t expect_padding(const struct world *, struct row, unsigned step);
struct row row_child(struct row, unsigned i);

/* far.c */
#define OUTAGE_FROM_NS (3 * HK_SEC)
void far_open(struct world *);
int far_main(void *world) SUSPENDS; /* until cancelled */
int far_weather(void *world) SUSPENDS;
void far_done(struct world *);
void far_check(struct world *); /* everything was asked for, nothing twice that must not be */

/* parts.c */
void parts_live(struct world *) SUSPENDS;
void parts_moment(struct world *); /* something happened at the far side */

/* harvest.c: what is in a sink */
void harvest(const struct world *, size_t sink, struct rows *out);
size_t harvest_letters(const struct world *);

/* folder.c */
void folder_keep(const char *folder, const char *kept);
void folder_put_back(const char *kept, const char *folder);
void folder_remove(const char *path);
