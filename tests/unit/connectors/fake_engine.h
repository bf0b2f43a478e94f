/* fake_engine.h - the engine's side of the port, as small as a test needs it
 *
 * What arrives is kept in an array; positions, faults and stops can be set. Options are filled from an option table by name,
 * with the table's own fallbacks. */
#pragma once
#include "connectors/registry.h"
#include "engine/port.h"

struct fake_arrival {
	char *json;
	uint64_t line, offset;
	char *base;
	bool checked; /* the connector vouches for the JSON */
	bool known;
	struct err fault; /* FAULT_NONE: a good one */
};
struct split {
	char name[256];
	bool begun; /* from is a position */
	struct position from;
	struct position reach; /* a test's */
	uint64_t line;
};
struct fake_page {
	char *base, *about, *value;
};
struct intake {
	struct split split;      /* one is enough */
	struct fake_page *pages; /* what was kept, in its order */
	size_t page_count;
	struct fake_arrival *v;
	size_t n, cap;
	size_t stop_at;  /* admit fails with FAULT_CANCELLED when so many have arrived; 0: never */
	bool count_only; /* for many records: keep none */
	uint64_t bytes;
	uint64_t held, held_most; /* intake_hold: now, at most */
	char *onward;             /* intake_onward: what was said last */
};
void intake_done(struct intake *);
/* The run is finished, and the next one begins behind it: no page is kept any more. */
void intake_go_onward(struct intake *);
/* The next run begins behind the last arrival, as after a crash. */
void intake_rewind(struct intake *, size_t arrivals);

/* One connector at one place: options given as "name=value"; NULL ends. Lists: "fields=a,b"; in a sub-table: "pages.next=.n"; in
 * a map of templates, one each: "headers.X-Key=v". */
struct fake_site {
	struct site site;
	struct facts facts;
	size_t mistakes;     /* plan() found */
	struct arena *arena; /* the options' */
	struct jq *programs[8];
	struct tpl *templates[8];
	size_t program_count, template_count;
};
void fake_site_open(struct fake_site *, const struct port *, ...) __attribute__((sentinel));
void fake_site_plan(struct fake_site *,
		    const struct port *); /* again, after a test has set options by hand */
void fake_site_done(struct fake_site *, const struct port *);

struct out {
	struct rec *recs[64];
	size_t n;
	bool kept;
};
void out_done(struct out *);

extern int64_t fake_lane_paused_ns; /* what site_lane_pause was told last */
extern struct http_client *fake_http;
extern uint64_t fake_text_max;
extern struct object_store *fake_objects; /* site_objects; NULL: the world */
extern const char *fake_folder;           /* site_folder */
/* What call_room was asked last, and how often; above most, if any, it refuses. */
extern struct fake_room {
	unsigned asked;
	enum body kind;
	uint64_t bytes, most;
} fake_room;
extern char fake_lanes[512]; /* origins that site_lane saw, each with a blank behind it */

/* A folder for one test, removed with everything in it. */
struct folder {
	char path[64];
};
void folder_make(struct folder *);
void folder_remove(struct folder *);
const char *folder_file(const struct folder *,
			const char *name); /* static storage, eight at a time */
void file_write(const char *path, struct slice text);
struct buf file_read(const char *path); /* p NULL: there is none */
bool file_exists(const char *path);

/* Runs body as a task of a loop; for operations that suspend. */
void in_loop(void (*body)(void *), void *arg);

/* A sink under test: open and resume, commits of JSON texts, finish, close; each call's story is kept. */
struct fake_sink {
	const struct port *port;
	struct fake_site at;
	struct buf receipt, mark;
	struct err err;
	int result; /* of the last operation */
};
void sink_start(struct fake_sink *,
		bool first); /* at is open; keeps receipt and mark of the run before */
/* Behind a finished run: with its receipt if the sink has one, else as a replay of dead letters. */
void sink_start_more(struct fake_sink *);
int sink_stands(struct fake_sink *); /* at is closed before and after; err: why not */
/* Objects separated by blanks; NULL: a commit without rows. mark may be NULL. */
void sink_commit(struct fake_sink *, const char *records, const char *mark);
void sink_finish(struct fake_sink *);
void sink_stop(struct fake_sink *); /* closes the site, keeps receipt and mark */
/* Runs of this test have no end. */
extern bool fake_endless;
void sink_done(struct fake_sink *);
