/* frame.c - every byte of a frame, and everything that is none */
#include "../check.h"
#include "rt/frame.h"
#include <errno.h>

/* docs/reference/worker-protocol.md shows these very bytes. */
static const unsigned char answer[] = {
	'H', 'K', 'W', 1,   3,   0, 0, 0, /* magic, version, kind, zero */
	7,   0,   0,   0,   2,   0, 0, 0, /* call, parts */
	21,  0,   0,   0,   0,   0, 0, 0, /* body */
	2,   0,   0,   0,   0,   0, 0, 0, /* length of part 0 */
	3,   0,   0,   0,   0,   0, 0, 0, /* length of part 1 */
	'{', '}', 'p', 'd', 'f',
};

TEST(a_frame_is_written_byte_by_byte)
{
	struct hk_part parts[2] = { { "{}", 2 }, { "pdf", 3 } };
	unsigned char prefix[40];

	CHECK_INT(frame_prefix_bytes(2), sizeof(prefix));
	CHECK_INT(frame_put_prefix(prefix, FRAME_ANSWER, 7, parts, 2), 0);
	CHECK(memcmp(prefix, answer, sizeof(prefix)) == 0);
	parts[1].n = SIZE_MAX;
	CHECK_INT(frame_put_prefix(prefix, FRAME_ANSWER, 7, parts, 2), -E2BIG);
}

/* Feeds the bytes in steps; what the reader said last. */
static int feed(struct frame_reader *r, const unsigned char *bytes, size_t n, size_t step)
{
	int e = 0;

	for (size_t at = 0; at < n && e == 0;) {
		size_t room_n, some = n - at < step ? n - at : step;
		unsigned char *room = frame_reader_room(r, &room_n);
		some = some < room_n ? some : room_n;
		memcpy(room, bytes + at, some);
		at += some;
		e = frame_reader_got(r, some);
	}
	return e;
}

TEST(a_frame_is_read_in_any_steps)
{
	for (size_t step = 1; step <= sizeof(answer); step++) {
		struct frame_reader r = { .max_bytes = 21 };
		CHECK(!frame_reader_began(&r));
		CHECK_INT(feed(&r, answer, sizeof(answer), step), 1);
		CHECK_INT(r.frame.kind, FRAME_ANSWER);
		CHECK_INT(r.frame.call, 7);
		CHECK_INT(r.frame.parts_n, 2);
		CHECK_SLICE(((struct slice){ r.parts[0].bytes, r.parts[0].n }), S("{}"));
		CHECK_SLICE(((struct slice){ r.parts[1].bytes, r.parts[1].n }), S("pdf"));
		frame_reader_done(&r);
		CHECK(!frame_reader_began(&r));
		CHECK_INT(feed(&r, answer, sizeof(answer) - 1, step), 0);
		CHECK(frame_reader_began(&r));
		frame_reader_done(&r);
	}
}

/* The answer with one byte changed. */
static int changed(size_t at, unsigned char byte)
{
	struct frame_reader r = { .max_bytes = 64 };
	unsigned char bytes[sizeof(answer)];
	int e;

	memcpy(bytes, answer, sizeof(bytes));
	bytes[at] = byte;
	e = feed(&r, bytes, sizeof(bytes), sizeof(bytes));
	frame_reader_done(&r);
	return e;
}

TEST(what_is_no_frame_is_refused)
{
	CHECK_INT(changed(0, 'h'), -EBADMSG);       /* magic */
	CHECK_INT(changed(3, 2), -EPROTONOSUPPORT); /* version */
	CHECK_INT(changed(4, 0), -EBADMSG);         /* kind */
	CHECK_INT(changed(4, 5), -EBADMSG);         /* kind */
	CHECK_INT(changed(7, 1), -EBADMSG);         /* zero */
	CHECK_INT(changed(12, 3), -EBADMSG);        /* more lengths than the body has room for */
	CHECK_INT(changed(12, 1), -EBADMSG);        /* one length: 2, and too many bytes */
	CHECK_INT(changed(15, 1), -EBADMSG);        /* 16 million parts */
	CHECK_INT(changed(16, 20), -EBADMSG);       /* a byte too many */
	CHECK_INT(changed(16, 22), 0);              /* one too few: it goes on */
	CHECK_INT(changed(16, 65), -EMSGSIZE);      /* above the ceiling */
	CHECK_INT(changed(23, 0xff), -EMSGSIZE);    /* above all memory */
	CHECK_INT(changed(24, 1), -EBADMSG);        /* lengths that add up to less */
	CHECK_INT(changed(24, 3), -EBADMSG);        /* and to more */
	CHECK_INT(changed(31, 0xff), -EBADMSG);     /* and to more than all */
	CHECK_INT(changed(8, 9), 1);                /* another call is a frame all the same */
}

TEST(text_is_found_out_by_its_first_byte)
{
	struct frame_reader r = { .max_bytes = 64 };

	CHECK_INT(feed(&r, (const unsigned char *)"hello\n", 6, 1), -EBADMSG);
	CHECK_INT(r.first_n, 1);
	frame_reader_done(&r);
	CHECK_INT(feed(&r, (const unsigned char *)"HK hello\n", 9, 9), -EBADMSG);
}

/* Behind the first buffer bytes are read to where they stay. */
TEST(a_large_body_is_read_in_place)
{
	enum { N = 3 * FRAME_FIRST_BYTES };
	struct hk_part part = { xcalloc(1, N), N };
	unsigned char prefix[FRAME_HEAD_BYTES + FRAME_LENGTH_BYTES];
	struct frame_reader r = { .max_bytes = N + FRAME_LENGTH_BYTES };
	size_t n;

	CHECK_INT(frame_put_prefix(prefix, FRAME_CALL, 1, &part, 1), 0);
	CHECK_INT(feed(&r, prefix, sizeof(prefix), sizeof(prefix)), 0);
	CHECK(frame_reader_room(&r, &n) == r.body + FRAME_LENGTH_BYTES);
	CHECK_INT(n, N);
	CHECK_INT(feed(&r, part.bytes, N, N), 1);
	CHECK(r.parts[0].bytes == r.body + FRAME_LENGTH_BYTES);
	CHECK_INT(r.parts[0].n, N);
	frame_reader_done(&r);
	free((void *)(uintptr_t)part.bytes);
}

TEST(a_frame_may_be_empty)
{
	unsigned char head[FRAME_HEAD_BYTES];
	struct frame_reader r = { .max_bytes = 1 };

	CHECK_INT(frame_put_prefix(head, FRAME_HELLO, 0, NULL, 0), 0);
	CHECK_INT(feed(&r, head, sizeof(head), sizeof(head)), 1);
	CHECK_INT(r.frame.kind, FRAME_HELLO);
	CHECK_INT(r.frame.parts_n, 0);
	frame_reader_done(&r);
}

static const struct test tests[] = {
	T(a_frame_is_written_byte_by_byte), T(a_frame_is_read_in_any_steps),
	T(what_is_no_frame_is_refused),     T(text_is_found_out_by_its_first_byte),
	T(a_large_body_is_read_in_place),   T(a_frame_may_be_empty),
};

int main(void)
{
	return RUN_TESTS(tests);
}
