/* link.c - fuzz target: a Link header field, and behind a line feed the relation that is looked for
 *
 * What must hold: links lie inside the text, one behind the other; what is found is the first of its relation; what is said to be
 *   wrong lies inside the text, too; and a field that was read whole, with one link more, is read whole again. */
#include "base/buf.h"
#include "io/link.h"
#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool inside(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* 0, or -EBADMSG; *ret_first: the first of that relation. */
static int walk(struct slice field, struct slice rel, struct slice *ret_first, bool *ret_found)
{
	struct slice rest = field;
	struct link l;
	struct link_error why = { SIZE_MAX, NULL };
	int r;
	*ret_found = false;
	for (size_t last = field.n + 1; (r = link_next(&rest, &l, &why)) > 0; last = rest.n) {
		ASSERT(rest.n < last && inside(rest, field));
		ASSERT(inside(l.target, field) && inside(l.rel, field));
		if (*ret_found || l.anchored || !link_has_rel(&l, rel))
			continue;
		*ret_found = true;
		*ret_first = l.target;
	}
	ASSERT(r == 0 || (r == -EBADMSG && why.what && why.offset <= field.n));
	return r;
}

static void check_longer(struct slice field, struct slice rel, bool found)
{
	AUTO(buf_done) struct buf longer = { 0 };
	struct slice target;
	ASSERT(buf_add(&longer, field) == 0 && buf_add(&longer, S(",<x>;rel=\"fuzzed\"")) == 0);
	ASSERT(link_find(buf_slice(&longer), S("fuzzed"), &target, NULL) == 1);
	ASSERT(link_find(buf_slice(&longer), rel, &target, NULL) == 1 || !found);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice field, rel, first = { 0 }, target = { 0 };
	struct link_error why = { SIZE_MAX, NULL };
	bool found;
	slice_cut((struct slice){ (const char *)bytes, n }, '\n', &field, &rel);
	int r = walk(field, rel, &first, &found), got = link_find(field, rel, &target, &why);
	if (r < 0) {
		ASSERT(got == -EBADMSG && why.what && why.offset <= field.n);
		return 0;
	}
	ASSERT(got == found && slice_eq(first, target));
	check_longer(field, rel, found);
	return 0;
}
