/* known.h - what is known of a feed from one time it is asked to the next
 *
 * What this room is for: asking whether there is anything new (ETag, Last-Modified), and telling which entries are.
 * What flows through:    digests of entries; a text (JSON) that the engine keeps as the feed's position.
 * What must hold:
 *  (1) what known_put() wrote, known_read() reads back. (2) an entry that was told once is not told again as long as the feed has it, and for
 *      some time after: servers behind a balancer give now this list, now that one. (3) it is bounded: by twice what the feed gives.
 *  (4) a feed that was not read to its end forgets nothing, and is asked without ETag: what is behind the mistake will come. */
#pragma once
#include "base/buf.h"
#include "connectors/seen.h"

struct known {
	uint64_t answers; /* that were kept, ever: the name of the next one is one more */
	struct buf etag, modified;
	struct buf moved;  /* where it has moved for good, as people were told */
	uint64_t *digests; /* of entries that came, the newest answer's first */
	size_t n, cap;
	struct seen old; /* the same, to look them up */
	bool failing;    /* so it was when it was asked for last */
	/* the answer that is read now */
	uint64_t *now;
	size_t now_n, now_cap;
	struct seen came;
};
void known_done(struct known *);
/* -EBADMSG: it makes no sense. Into an empty one. */
MUST int known_read(struct known *, struct slice text);
MUST int known_put(const struct known *, struct buf *out);

enum known_kind { ENTRY_NEW, ENTRY_OLD, ENTRY_TWIN }; /* a twin of one in this answer */
enum known_kind known_look(struct known *, uint64_t digest);
/* The answer was read to its end, or as far as it could be. What came is known now; its validators, when it was whole. */
void known_end(struct known *, bool whole);
void known_set_validators(struct known *, struct slice etag, struct slice modified);
