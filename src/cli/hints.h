/* hints.h - mistakes that are known by the look of things, and what to do about them */
#pragma once
#include "engine/plan.h"

/* Is this file data (CSV, JSON lines, compressed), where a pipeline is expected? Then it is said, with a pipeline that reads it. */
bool hints_refuse_data(const char *path);
/* Says which folders its outputs miss, and how to make them; how many. */
size_t hints_missing_folders(const struct plan *);
