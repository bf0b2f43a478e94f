/* scene.h - what tests of whole runs have in common: a folder, a plan of three places, records that are numbers */
#pragma once
#include "base/json.h"
#include "base/units.h"
#include "check.h"
#include "engine/run.h"

#include <stdio.h>
#include <stdlib.h>

static inline void folder_make(char folder[static 64])
{
	snprintf(folder, 64, "/dev/shm/hocket-test-XXXXXX");
	ASSERT(mkdtemp(folder));
}

static inline void folder_remove(const char *folder)
{
	char command[128];
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	CHECK_INT(system(command), 0);
}

/* All are borrowed; step may be NULL. */
static inline struct plan plan_of(const char *folder, struct place *source, struct place *step,
				  struct place *sink)
{
	return (struct plan){ .file = "test.yaml",
			      .folder = folder,
			      .name = "test",
			      .sources = source,
			      .steps = step,
			      .sinks = sink,
			      .source_count = 1,
			      .step_count = step ? 1 : 0,
			      .sink_count = 1,
			      .memory_bytes = 64u << 20,
			      .hash = 7 };
}

/* Records are {"n": N}. */
static inline int64_t number_of(const struct rec *r)
{
	struct slice raw;
	int64_t n = -1;
	CHECK(json_field(rec_json(r), S("n"), &raw) && units_int(raw, &n) == 0);
	return n;
}

static inline int admit_number(struct intake *in, struct split *split, int64_t n, struct err *err)
{
	AUTO(buf_done) struct buf json = { 0 };
	CHECK_INT(buf_printf(&json, "{\"n\":%lld}", (long long)n), 0);
	struct arrival a = { .rec = rec_take(&json),
			     .split = split,
			     .next = { NULL, (uint64_t)n + 1 },
			     .line = (uint64_t)n + 1 };
	return admit(in, &a, err);
}
