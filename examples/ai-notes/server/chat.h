/* chat.h - the chat API of OpenAI, as far as pipelines use it: POST /v1/chat/completions, GET /v1/models
 *
 * Beside it, GET /admin/account and GET /admin/keys: the far side's own account.
 * What must hold: (1) with an Idempotency-Key an answer is made and billed once; who asks again gets the same one, who asks while it is made
 *   waits for it. (2) who is over a limit gets 429 with Retry-After, and nothing is billed. (3) every answer of /v1 says what is left. */
#pragma once
#include "account.h"
#include "fate.h"
#include "io/http/http_server.h"

struct chat {
	struct account account;
	struct fate fate;
	struct limit requests, tokens;
	const char *key; /* that clients must send; NULL: any */
};
void chat_handle(void *chat, const struct http_incoming *, struct http_reply *) SUSPENDS;
