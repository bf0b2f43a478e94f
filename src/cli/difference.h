/* difference.h - what a step changed in a record, a line for each place */
#pragma once
#include "cli/pen.h"

/* Both are checked JSON. "+ .city  "Oslo"", "- .city  "Oslo"", "~ .city  "Oslo" -> "Rome""; how many lines: 0, they mean the same. */
size_t difference_put(struct pen *, unsigned indent, struct slice before, struct slice after);
/* A value on one line, cut to so many characters; a blob as its type and size. */
void difference_put_value(struct pen *, struct slice value, size_t most);
