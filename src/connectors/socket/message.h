/* message.h - a WebSocket message as records */
#pragma once
#include "connectors/hooks/hook_body.h"
#include "io/ws.h"

enum message_as { MESSAGE_TYPE, MESSAGE_JSON, MESSAGE_TEXT, MESSAGE_BLOB };
extern const char *const message_as_words[];

struct message_rules {
	enum message_as as;
	const struct jq *each; /* NULL: the message is the record */
	uint64_t most;         /* bytes of a message */
};
/* Adds its records; what is none is added with its fault. 0, or -1 when it was cancelled: then nothing was added. */
MUST int message_read(const struct message_rules *, const struct ws_message *,
		      struct hook_records *, struct err *) SUSPENDS;
