/* play.h - one script, played against the real client, and judged
 *
 * What must hold: whatever the far side does, (1) the exchange ends within PLAY_TOTAL_NS; (2) it holds at most PLAY_MEMORY and takes at
 *   most PLAY_BYTES from the far side; (3) its class is the script's; (4) the client's next requests get their own answers; (5) nothing of
 *   the client is in use any more, and no descriptor is left. */
#pragma once
#include "server.h"

#define PLAY_TOTAL_NS (60 * HK_SEC)
#define PLAY_MEMORY   (3u << 19)
#define PLAY_BYTES    (2u << 20)

struct play {
	const struct script *script;
	bool in_pieces; /* a byte's place in a read means nothing: the pool may learn later of what comes too much */
	bool memory;       /* nobody else's memory is counted */
	int64_t gap_ns;    /* before the next requests */
	unsigned first_id; /* of its requests */

	/* what came of it */
	char class[48];
	char why[240]; /* why it failed; empty: it did not */
	int64_t took_ns;
	size_t peak_bytes;
	uint64_t bytes_in;
	unsigned later; /* requests after it that got their own answers */

	struct evil_server server;
};

int play_run(void *play) SUSPENDS; /* in a loop. 0, or -EBADMSG with ->why */
