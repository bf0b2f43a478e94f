/* expect.h - is it what a test expects? A part of it is enough
 *
 * Both are checked JSON. An object has the members that are named, and may have others; a list has as many elements, each as expected;
 * numbers are equal by value; null is also what is not there. exact: objects have no other members, and null is null. */
#pragma once
#include "base/buf.h"

bool expect_matches(struct slice want, struct slice got, bool exact);
/* Appends of `got` what can be compared: what is as expected stands as in `want`, what nobody asks for is left out. A difference
 * between `want` and this is what is not as expected, and nothing else. */
MUST int expect_put(struct slice want, struct slice got, bool exact, struct buf *out);
