/* children.c - what a record was expanded into, as bytes for the state
 *
 * What this room is for: children that may already have been paid for come back as they were, whatever the far side would answer
 *   today.
 * What flows through:    records in, bytes out, and back: their number, then for each its lengths (text, blobs) and both.
 * What must hold:        what children_put wrote, children_restore reads back to equal records, in the same order. */
#include "engine/run/children.h"

#include <stdlib.h>
#include <string.h>

struct head {
	uint64_t text, blobs;
};

static int put_bytes(const void *p, size_t n, struct buf *out)
{
	return buf_add(out, (struct slice){ p, n });
}

static int put_child(const struct rec *r, struct buf *out)
{
	AUTO(buf_done) struct buf blobs = { .max = out->max };
	int error = rec_put_blobs(r, &blobs);
	const struct head head = { rec_json(r).n, blobs.n };
	error = error < 0 ? error : put_bytes(&head, sizeof head, out);
	error = error < 0 ? error : buf_add(out, rec_json(r));
	return error < 0 ? error : buf_add(out, buf_slice(&blobs));
}

int children_put(struct rec *const *children, size_t n, struct buf *out)
{
	const uint64_t count = n;
	int error = put_bytes(&count, sizeof count, out);
	for (size_t i = 0; i < n && error == 0; i++)
		error = put_child(children[i], out);
	return error;
}

static bool take_bytes(struct slice *from, void *to, size_t n)
{
	if (from->n < n)
		return false;
	memcpy(to, from->p, n);
	*from = slice_from(*from, n);
	return true;
}

static struct slice take_slice(struct slice *from, size_t n)
{
	struct slice s = { from->p, n };
	*from = slice_from(*from, n);
	return s;
}

static struct rec *take_child(struct slice *from)
{
	struct head head;
	if (!take_bytes(from, &head, sizeof head) || head.text > from->n ||
	    head.blobs > from->n - head.text)
		return NULL;
	struct slice text = take_slice(from, (size_t)head.text);
	return rec_restore(text, take_slice(from, (size_t)head.blobs));
}

void children_free(struct rec **children, size_t n)
{
	for (size_t i = 0; children && i < n; i++)
		rec_unref(children[i]);
	free(children);
}

struct rec **children_restore(struct slice bytes, size_t *ret_n)
{
	uint64_t count;
	if (!take_bytes(&bytes, &count, sizeof count) || count > bytes.n / sizeof(struct head))
		return NULL;
	struct rec **children = xcalloc((size_t)count + 1, sizeof(struct rec *));
	for (size_t i = 0; i < count; i++) {
		children[i] = take_child(&bytes);
		if (children[i])
			continue;
		children_free(children, i);
		return NULL;
	}
	*ret_n = (size_t)count;
	return children;
}
