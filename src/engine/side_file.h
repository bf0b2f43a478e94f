/* side_file.h - a file of options that stands beside the pipeline: a style, say
 *
 * What this room is for: it is checked as the pipeline is: by a table, each mistake with its place and the nearest right word.
 *   It may also be the pipeline itself (or another one): then the options are its `vars.NAME`, and where it has none, none are given.
 * What must hold: (1) what was read points into the arena. (2) without a file, all is as the table's fallbacks say. */
#pragma once
#include "base/arena.h"
#include "engine/port.h"

/* Reads the mapping in `path` (NULL: none), of a pipeline `vars.VAR`, into `into`, which is zero; check (may be NULL) then sees it and places with diag_error
 * what it finds. 0; -1: each mistake is a line of `mistakes`: "style.yaml:3:5: 'boddy' is unknown: did you mean 'body'?" */
MUST int side_file_read(const char *path, const char *var, const struct opt *table, struct arena *,
			void *into, void (*check)(void *into, struct diag *), struct buf *mistakes);
