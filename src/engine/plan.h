/* plan.h - a pipeline file, understood: places with their options, nothing touched yet
 *
 * What this room is for: YAML text -> plan, with every mistake reported at once. The run reads only this.
 * What must hold: (1) the plan is immutable once made and owns all that its options point to. (2) a plan exists only if the
 *   file had no mistake. (3) the hash covers what makes a pipeline "changed": from, verbs, jq and templates, to and key; not tuning. */
#pragma once
#include "engine/plan/common.h"
#include "engine/plan/diag.h"

enum {
	PLAN_MEMORY_MIN = 16 << 20
}; /* of `memory:` and --memory; with less a run could stand still */

enum { PLAN_FOLDS_MAX = 16 }; /* steps that hold records */
enum { PLAN_SINKS_MAX = 64 }; /* that commit: a run keeps a bit for each */

struct place {
	enum role role;
	const struct port *port;
	const void *options;
	struct facts facts;
	struct common common;
	const char *label; /* `name:`, else the verb; made unique within the plan: http, http 2 */
	unsigned line;     /* in the file */
	uint64_t hash;     /* its share in plan.hash: tells which place was changed */
};
struct plan {
	struct arena *arena;
	const char *file;   /* as the user wrote it; "-" for stdin, "fetch" for the one-liner */
	const char *folder; /* absolute: what relative paths count from */
	const char *name;   /* `name:`, else the file's name without .yaml */
	/* Sinks that call (ROLE_SINK) stand behind the steps; `sinks` are those that commit, maybe none. */
	struct place *sources, *steps, *sinks;
	size_t source_count, step_count, sink_count;
	const char *dead_path;  /* absolute; NULL: no copy */
	const char *state_path; /* NULL: .hocket/NAME.db in the folder: plan_put_state_path */
	bool state_off;         /* nothing is kept: all sources are of class V then */
	uint64_t memory_bytes;
	const char *const *allow; /* where hosts from data may lead: io/guard.h */
	size_t allow_count;
	bool any_order; /* order: any */
	uint64_t hash;
	const struct secrets *secrets; /* borrows: what must not show in any message */
	struct slice text;             /* the file */
	const struct test_case *tests; /* cases.h */
	size_t test_count;
};
struct plan_settings {
	const struct registry *registry;
	const char *const *sets; /* "k=v" from --set, over vars: */
	size_t set_count;
	struct secrets *secrets; /* for $secret.NAME; a missing one is a mistake */
	const char *state;       /* --state, over state: */
	bool once;               /* as if no source had `every` */
};
/* text: the whole file; file: its name for messages; folder: for relative paths. NULL: diag has the mistakes. */
struct plan *plan_parse(struct slice text, const char *file, const char *folder,
			const struct plan_settings *, struct diag *);
/* Reads the file ("-": stdin) and parses it. -1 with *err when it cannot be read; -2 when diag has mistakes. */
int plan_load(const char *path, const struct plan_settings *, struct diag **ret_diag,
	      struct plan **ret, struct err *);
void plan_free(struct plan *);
/* It ends only when it is stopped. */
bool plan_is_endless(const struct plan *);
/* What was read is gone after a stop: no run goes on with another. */
bool plan_is_volatile(const struct plan *);
/* Where its state is, or will be; ":memory:" when it is off. */
MUST int plan_put_state_path(const struct plan *, struct buf *out);
