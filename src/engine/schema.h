/* schema.h - JSON Schema and reference pages from the option tables, so that they cannot disagree with the parser */
#pragma once
#include "engine/port.h"

MUST int schema_put(const struct registry *,
		    struct buf *out); /* JSON Schema (draft 2020-12) of a pipeline file */
MUST int reference_put(const struct registry *,
		       struct buf *out); /* Markdown: every connector with its options */
MUST int connector_help_put(const struct port *, enum role,
			    struct buf *out); /* plain text for `hocket connectors NAME` */
const char *opt_type_name(enum opt_type);     /* "jq", "template", "duration" */
