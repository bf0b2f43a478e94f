/* frame.c - fuzz target: any bytes as a frame of a worker, cut into reads in three ways
 *
 * What must hold: however the bytes are cut, the same comes out; parts lie in the frame one behind the other; and what was
 *   read whole is, written again, the same bytes. */
#include "rt/frame.h"
#include <errno.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

/* 1, 0, or the error; *used: bytes that were taken. */
static int feed(struct frame_reader *r, const unsigned char *bytes, size_t n, size_t step,
		size_t *used)
{
	int e = 0;

	for (*used = 0; e == 0 && *used < n;) {
		size_t room_n, some = n - *used;
		unsigned char *room = frame_reader_room(r, &room_n);
		ASSERT(room_n > 0);
		some = some < room_n ? some : room_n;
		some = step && some > step ? step : some;
		memcpy(room, bytes + *used, some);
		*used += some;
		e = frame_reader_got(r, some);
	}
	return e;
}

static void write_again(const struct frame_reader *r, const unsigned char *bytes, size_t used)
{
	size_t prefix_n = frame_prefix_bytes(r->frame.parts_n), at = prefix_n;
	AUTO(freep) unsigned char *prefix = xmalloc(prefix_n);

	ASSERT(frame_put_prefix(prefix, r->frame.kind, r->frame.call, r->parts, r->frame.parts_n) ==
	       0);
	ASSERT(memcmp(prefix, bytes, prefix_n) == 0);
	for (size_t i = 0; i < r->frame.parts_n; i++) {
		ASSERT(memcmp(r->parts[i].bytes, bytes + at, r->parts[i].n) == 0);
		at += r->parts[i].n;
	}
	ASSERT(at == used);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	static const size_t steps[] = { 1, 7, 0 };
	int outcome = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		AUTO(frame_reader_done) struct frame_reader r = { .max_bytes = 1 << 20 };
		size_t used;
		int e = feed(&r, bytes, n, steps[i], &used);
		if (e == 1)
			write_again(&r, bytes, used);
		/* Bytes behind a frame are only seen by a read that brings both. */
		ASSERT(i == 0 || e == outcome ||
		       (e == -EBADMSG && outcome == 1 && used > FRAME_HEAD_BYTES));
		outcome = e;
	}
	return 0;
}
