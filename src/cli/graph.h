/* graph.h - a pipeline as a picture: for the terminal, for Graphviz, for Markdown */
#pragma once
#include "engine/plan.h"

enum graph_as { GRAPH_TEXT, GRAPH_DOT, GRAPH_MERMAID };
MUST int graph_put(const struct plan *, enum graph_as, struct buf *out);
