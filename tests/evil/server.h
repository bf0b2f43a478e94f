/* server.h - the evil server: plays a script (script.h) to whoever asks for /evil, and is decent to all others
 *
 * Life cycle: evil_server_open; evil_server_run in a task of its own until cancelled; look at the counts; evil_server_close. */
#pragma once
#include "script.h"
#include <stdint.h>

struct evil_server {
	const struct script *script;
	int listener;
	uint16_t port;
	unsigned connections, asked, evil; /* evil: times that the script was played */
	bool told_secrets; /* a request came with credentials that nobody gave to the client */
};

MUST int evil_server_open(struct evil_server *);
int evil_server_run(void *server) SUSPENDS;
void evil_server_close(struct evil_server *);
