/* chat.c - a room on a WebSocket: what one says, all hear
 *
 * Python: async with websockets.serve(handler, "127.0.0.1", 0): ...
 *         async with websockets.connect(url) as ws: await ws.send("hello")
 *
 * The server's handler is one task a member: it joins, hears, leaves. Ten guests come, each says a hundred lines, and each hears all
 * thousand. A member that does not listen holds back who speaks: nothing piles up. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>

enum { GUESTS = 10, LINES = 100 };

struct room {
	struct hk_ws *members[GUESTS];
	int here;
	struct hk_event full;
	char url[64];
	struct hk_http_client *client;
};

static int say_to_all(struct room *room, const struct hk_ws_message *m, struct hk_http_error *error)
{
	for (int i = 0; i < GUESTS; i++) {
		int r = room->members[i]
				? hk_ws_send(room->members[i], m->data, m->n, m->text, error)
				: 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Server: a member comes, speaks, and goes. */
static int meet(const struct hk_http_incoming *in, struct hk_http_reply *reply, void *arg)
{
	struct room *room = arg;
	struct hk_http_error error;
	struct hk_ws_message m;
	struct hk_ws *ws;
	int r = hk_ws_accept(in, reply, &(struct hk_ws_options){ .ping_ns = 20 * HK_SEC }, &ws,
			     &error);
	if (r < 0)
		return 0; /* the reply says why */
	int seat = room->here++;
	room->members[seat] = ws;
	if (room->here == GUESTS)
		hk_event_set(&room->full);
	while ((r = hk_ws_receive(ws, &m, &error)) > 0)
		if (say_to_all(room, &m, &error) < 0)
			break;
	room->members[seat] = NULL;
	hk_ws_free(ws);
	return 0;
}

struct guest {
	struct room *room;
	struct hk_ws *ws;
	int heard;
};

static int speak(void *arg)
{
	struct guest *g = arg;
	struct hk_http_error error;
	int r = hk_event_wait(&g->room->full);
	for (int i = 0; i < LINES && r == 0; i++)
		r = hk_ws_send(g->ws, "hello", 5, true, &error);
	return r;
}

/* Speaks and listens at the same time: two tasks, one socket. */
static int visit(void *arg)
{
	struct guest *g = arg;
	struct hk_group both;
	struct hk_http_error error;
	struct hk_ws_message m;
	int r = hk_ws_connect(g->room->client, g->room->url, NULL, &g->ws, &error);
	if (r < 0) {
		fprintf(stderr, "%s\n", error.text);
		return r;
	}
	hk_group_open(&both, NULL);
	r = hk_spawn(&both, speak, g);
	while (r >= 0 && g->heard < GUESTS * LINES && (r = hk_ws_receive(g->ws, &m, &error)) > 0)
		g->heard++;
	r = hk_group_close(&both, r < 0 ? r : 0);
	hk_ws_close(g->ws, 1000, "good night", HK_SEC);
	hk_ws_free(g->ws);
	return r;
}

static int serve(void *arg)
{
	struct hk_http_error error;
	return hk_http_server_run(arg, &error);
}

static int evening(void *arg)
{
	struct room room = { .here = 0 };
	struct guest guests[GUESTS];
	struct hk_http_server *server;
	struct hk_http_error error;
	struct hk_group g;
	int heard = 0;
	(void)arg;
	int r = hk_http_server_open("127.0.0.1", 0, meet, &room, NULL, &server, &error);
	if (r < 0 || (r = hk_http_client_new(NULL, &room.client, &error)) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return r;
	}
	snprintf(room.url, sizeof room.url, "ws://127.0.0.1:%d/room", hk_http_server_port(server));
	for (int i = 0; i < GUESTS; i++)
		guests[i] = (struct guest){ .room = &room };
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, serve, server);
	if (r == 0)
		r = hk_gather(visit, guests, GUESTS, sizeof guests[0], NULL);
	hk_group_cancel(&g);
	(void)!hk_group_close(&g, 0); /* the server was told to end */
	hk_http_server_free(server);
	hk_http_client_free(room.client);
	for (int i = 0; i < GUESTS; i++)
		heard += guests[i].heard;
	printf("%d guests heard %d lines\n", GUESTS, heard);
	return r < 0 ? r : heard == GUESTS * GUESTS * LINES ? 0 : -EBADMSG;
}

int main(void)
{
	return hk_run(evening, NULL, NULL) == 0 ? 0 : 1;
}
