/* account.h - the far side's own account: what was asked, what was done and billed, and what was done twice
 *
 * What this room is for: the proof. A pipeline's account says what it believes; this one says what happened.
 * What must hold: (1) a key has its effect once: whoever sends it again gets the answer of the first time. (2) the counts are only
 *   ever added to. (3) keys and prompts are told apart by 64-bit hashes. */
#pragma once
#include "base/buf.h"
#include <hocket/sync.h>

enum job { JOB_NONE, JOB_WORKING, JOB_DONE };

/* An idempotency key, or a prompt: whatever can be asked for again. Lives as long as the account. */
struct entry {
	uint64_t hash;
	char *key;       /* as it was sent; NULL: a prompt */
	uint64_t prompt; /* of a key: what it was first sent with */
	uint64_t requests, effects, tokens;
	int64_t created_s; /* of its effect */
	bool cut_short;    /* its answer ended for its length */
	enum job job;
	struct hk_event done;
};
struct account {
	struct entry **slots; /* open addressing; a power of two */
	size_t n, size;
	uint64_t requests, answered, effects, replayed, keys, without_key;
	uint64_t paid_again; /* effects for a prompt that had one already */
	uint64_t
		key_twice; /* effects beyond the first of a key: a bug of ours if it is ever above 0 */
	uint64_t prompt_tokens, completion_tokens;
	uint64_t limited, refused, failed_500, failed_503, cut, torn, slow, cut_short, garbage;
	uint64_t in_flight, most_at_once;
};

struct entry *account_prompt(struct account *, uint64_t hash);
struct entry *account_key(struct account *, struct slice key);
/* The effect of a prompt happens now, under a key or none (NULL). */
void account_effect(struct account *, struct entry *prompt, struct entry *key,
		    uint64_t prompt_tokens, uint64_t completion_tokens);
MUST int account_write(const struct account *, struct buf *out);
/* A line of JSON for each key. */
MUST int account_write_keys(const struct account *, struct buf *out);
void account_done(struct account *);
