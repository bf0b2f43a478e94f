/* curl.c - the scripts' legal answers, read by another client
 *
 * What this room is for: a witness who is not ours. What the scripts call legal must be read by curl to the same status and body.
 * What flows through:    a command in the pool beside the loop in which the evil server runs, on the real clock. */
#include "curl.h"
#include <hocket/hocket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool curl_is_there(void)
{
	return access("/usr/bin/curl", X_OK) == 0;
}

static int read_all(struct curl *c, const char *command)
{
	FILE *f = popen(command, "r");
	if (!f)
		return -1;
	for (size_t n = 1; n > 0;) {
		if (buf_reserve(&c->out, 65536) < 0)
			break;
		n = fread(c->out.p + c->out.n, 1, 65536, f);
		buf_added(&c->out, n);
	}
	c->exit = pclose(f);
	return 0;
}

static int run_program(void *arg)
{
	struct curl *c = arg;
	char command[320];
	bool head = c->script->method && strcmp(c->script->method, "HEAD") == 0;
	(void)snprintf(command, sizeof(command),
		       "curl -sS -L --max-redirs 5 --noproxy '*' --max-time %d --compressed %s -w "
		       "'\\n%%{http_code}' "
		       "'http://127.0.0.1:%u/evil?id=%08u' 2>/dev/null",
		       c->seconds, head ? "-I -o /dev/null" : "", c->server.port, c->id);
	return read_all(c, command);
}

int curl_run(void *curl) SUSPENDS
{
	struct curl *c = curl;
	struct hk_group g;
	c->server = (struct evil_server){ .script = c->script };
	int r = evil_server_open(&c->server);
	if (r < 0)
		return r;
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, evil_server_run, &c->server);
	if (r == 0)
		r = hk_offload(run_program, c);
	hk_group_cancel(&g);
	int closed = hk_group_close(&g, 0);
	evil_server_close(&c->server);
	return r < 0 ? r : closed;
}

bool curl_agrees(const struct curl *c)
{
	const struct script *s = c->script;
	char want[64], number[16];
	(void)snprintf(number, sizeof(number), "%08u", c->id);
	(void)snprintf(want, sizeof(want), "%s\n%d", s->body ? s->body : number,
		       s->status ? s->status : 200);
	return c->exit == 0 && slice_eq(buf_slice(&c->out), slice_str(want));
}

void curl_done(struct curl *c)
{
	buf_done(&c->out);
}
