/* gzip.c - text into members of a gzip file (RFC 1952), with zlib
 *
 * What this room is for: see gzip.h.
 * What flows through:    text in, compressed bytes appended to the caller's buffer.
 * What must hold:
 *  (1) deflate is never called with less room than it may want for one step, so that a full buffer is an error, not a loop.
 *  (2) no time and no name stand in the header: a run that is repeated writes the same file. */
#include "connectors/files/gzip.h"
#include "base/banned.h"
#include <errno.h>
#include <hocket/offload.h>
#include <stdlib.h>
#include <zlib.h>

#define STEP_BYTES (64u << 10)
#define MOST       (1u << 30) /* what zlib's unsigned counters bear */

struct gzip {
	z_stream z;
};

struct gzip *gzip_new(int level)
{
	struct gzip *g = xcalloc(1, sizeof(*g));
	if (deflateInit2(&g->z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK)
		return g;
	free(g);
	return NULL;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	deflateEnd(&g->z);
	free(g);
}

void gzip_drop(struct gzip *g)
{
	int r = deflateReset(&g->z);
	ASSERT(r == Z_OK);
}

struct job {
	struct gzip *g;
	struct slice text;
	struct buf *out;
	bool end;
};

static int step(struct job *job, int flush)
{
	z_stream *z = &job->g->z;
	int r = buf_reserve(job->out, STEP_BYTES);
	if (r < 0)
		return r;
	size_t room = job->out->cap - job->out->n;
	z->next_out = (Bytef *)job->out->p + job->out->n;
	z->avail_out = (unsigned)(room < MOST ? room : MOST);
	unsigned before = z->avail_out;
	r = deflate(z, flush);
	ASSERT(r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR);
	buf_added(job->out, before - z->avail_out);
	return r == Z_STREAM_END;
}

/* On a thread of the pool. */
static int deflate_job(void *arg)
{
	struct job *job = arg;
	z_stream *z = &job->g->z;
	int r = 0;
	while (job->text.n && r >= 0) {
		unsigned n = (unsigned)(job->text.n < MOST ? job->text.n : MOST);
		z->next_in = (Bytef *)(uintptr_t)job->text.p;
		z->avail_in = n;
		r = step(job, Z_NO_FLUSH);
		job->text.p += n - z->avail_in;
		job->text.n -= n - z->avail_in;
	}
	while (job->end && r == 0)
		r = step(job, Z_FINISH);
	return r < 0 ? r : 0;
}

int gzip_add(struct gzip *g, struct slice text, struct buf *out)
{
	struct job job = { .g = g, .text = text, .out = out };
	if (text.n == 0)
		return 0;
	return hk_offload_cpu(deflate_job, &job);
}

int gzip_end(struct gzip *g, struct buf *out)
{
	struct job job = { .g = g, .out = out, .end = true };
	int r = hk_offload_cpu(deflate_job, &job);
	if (r == 0)
		gzip_drop(g);
	return r;
}
