/* http_coding.h - the decoders behind Content-Encoding: zlib, brotli and zstd, each as three small operations
 *
 * What this room is for: http_inflate.c sets the ceilings once, whichever library does the work.
 * What must hold: (1) a step consumes and produces at most what the window says. (2) when it leaves room in the output, it
 *   has nothing more to say about the input it was given. */
#pragma once
#include "base/slice.h"

struct coding_window {
	const unsigned char *in;
	size_t in_n;
	unsigned char *out;
	size_t out_n;
};

enum coding_result { CODING_MORE, CODING_END, CODING_DAMAGED, CODING_TOO_LARGE };

/* tidy: before a decoder is kept for another body; false: not worth it; NULL: it cannot begin again.
 * follows: a further stream may stand behind the first, and begin with this byte; NULL: none may. */
struct coding {
	const char *names[2];    /* of the Content-Encoding; in any case */
	void *(*make)(void);     /* NULL: no memory */
	void (*destroy)(void *); /* what make gave */
	bool (*tidy)(void *);
	bool (*follows)(unsigned char first);
	bool (*begin)(void *, unsigned char first); /* of a stream; false: no memory */
	enum coding_result (*step)(void *, struct coding_window *);
};

#define CODINGS 4
extern const struct coding codings[CODINGS];
