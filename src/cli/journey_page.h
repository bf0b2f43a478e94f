/* journey_page.h - a journey for people, and for programs */
#pragma once
#include "cli/journey.h"
#include "cli/pen.h"
#include "cli/rehearsal.h"

/* The record, what each step did with it, what the sinks would get; n: which of those that are tried, from 1. */
void journey_put(const struct rehearsal *, const struct journey *, size_t n, struct pen *);
/* One line of JSON. */
MUST int journey_put_json(const struct rehearsal *, const struct journey *, struct buf *out);
/* What a sink gets of a record: all of it, or its `fields`. */
MUST int journey_put_row(const struct place *, struct slice record, struct buf *out);
const char *journey_end_name(const struct rehearsal *, const struct journey *);
