/* curl.h - what the curl program reads from the evil server */
#pragma once
#include "server.h"

struct curl {
	const struct script *script;
	unsigned id;
	int seconds; /* at most */
	/* what it read */
	struct buf out; /* owns; the body, a line feed, the status */
	int exit;
	struct evil_server server;
};
bool curl_is_there(void);
int curl_run(void *curl) SUSPENDS; /* in a loop */
/* Is that the script's answer? */
bool curl_agrees(const struct curl *);
void curl_done(struct curl *);
