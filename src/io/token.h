/* token.h - a bearer token that lives for an hour, shared by all calls of a run that lasts for days
 *
 *     no token, or its time is over --lock--> still none? --fetch--> token, until when
 *         ^                                                  '-- its failure is the failure of all who waited
 *         '------ 401, and the token is older than 10 s ------ calls
 *
 * Life cycle: one `struct token` a place, all zero at first; token_get before each call; token_refused on its 401; token_done.
 * What must hold: (1) however many calls want a token, one asks for it. (2) a token is in memory only, and is used until a tenth of its life,
 *   or 30 s, is left. (3) a token that has just come is not asked for again on a 401: that is the answer then. (4) text that is given back
 *   to the allocator is wiped before. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "io/http.h"
#include <hocket/sync.h>

struct token {
	struct hk_mutex turn;
	struct buf text; /* owns */
	int64_t made_ns, until_ns;
	uint64_t version; /* of the token */
	uint64_t tries;   /* that are over */
	bool failed;      /* the last of them */
	struct err failure;
};
void token_done(struct token *);

/* Asks whoever gives tokens: its text, and how long it lives (0: nobody said; then until a 401). 0, or -1 with *err. */
typedef int token_fetch(void *arg, struct buf *text, int64_t *life_ns, struct err *err) SUSPENDS;
/* Appends the token: while the caller waits for its answer another task may bring a new one. *ret_version tells which it was. A failure has
 * err.sent false: the call that the token is for did not happen. */
MUST int token_get(struct token *, token_fetch *, void *arg, struct buf *out, uint64_t *ret_version,
		   struct err *err) SUSPENDS;
/* A call with that version was answered 401. True: there is another, or might be: call once more. */
bool token_refused(struct token *, uint64_t version);

/* ---- what token servers say (RFC 6749 section 5) ---- */
/* The token of a good answer. -1: there is none in it. */
MUST int token_read(struct slice answer, struct buf *text, int64_t *life_ns);
/* ": invalid_grant: Invalid JWT signature.", as far as it may be shown; nothing when the answer does not say why. */
void token_put_reason(struct slice answer, struct buf *out);
void buf_wipe(struct buf *); /* AUTO: buf_done for what is secret */
