/* sim.c - how many seeds a second the simulation runs
 *
 * What this room is for: a test over ten thousand seeds is only run when it takes seconds. Here a small but whole one is timed: a
 *   server and two clients, each of which has 100 messages echoed, over a net that delays and loses.
 * What flows through:    sim SEEDS prints {"seeds", "seeds_per_s", "virtual_s", "twice_per_s"}: seeds in a second of CPU time, the
 *   virtual seconds that pass in one second of CPU time, and seeds a second when each is run twice and compared. */
#include "micro.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 2, MESSAGES = 100, MESSAGE = 64, PORT = 7000 };

static int64_t virtual_ns; /* of all runs */

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buffer[MESSAGE];
	ssize_t n;

	while ((n = hk_read(fd, buffer, sizeof(buffer))) > 0)
		if (hk_write(fd, buffer, (size_t)n) < 0)
			break;
	return hk_close(fd);
}

static int serve(void *arg)
{
	int listener = (int)(intptr_t)arg, r = 0;
	struct hk_group conns;

	hk_group_open(&conns, NULL);
	for (int i = 0; i < CLIENTS && r >= 0; i++) {
		r = hk_accept(listener);
		if (r >= 0)
			r = hk_spawn(&conns, echo, (void *)(intptr_t)r);
	}
	r = hk_group_close(&conns, r);
	hk_close(listener);
	return r;
}

static int have_echoed(int fd, unsigned number)
{
	char out[MESSAGE], in[MESSAGE];
	size_t came = 0;

	memset(out, (int)number, sizeof(out));
	ssize_t n = hk_write(fd, out, sizeof(out));
	while (n > 0 && came < sizeof(in)) {
		n = hk_read(fd, in + came, sizeof(in) - came);
		came += n > 0 ? (size_t)n : 0;
	}
	if (n <= 0)
		return n < 0 ? (int)n : -EPIPE;
	return memcmp(in, out, sizeof(in)) == 0 ? 0 : -EBADMSG;
}

static int client(void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd, r = 0;

	(void)arg;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = hk_connect((struct sockaddr *)&to, sizeof(to));
	if (fd < 0)
		return fd;
	for (unsigned i = 0; i < MESSAGES && r == 0; i++)
		r = have_echoed(fd, i);
	hk_close(fd);
	return r;
}

static int conversation(void *arg)
{
	int64_t start = hk_now_ns();
	int listener = hk_listen("127.0.0.1", PORT, CLIENTS), r;
	struct hk_group g;

	(void)arg;
	if (listener < 0)
		return listener;
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, serve, (void *)(intptr_t)listener);
	for (int i = 0; i < CLIENTS && r == 0; i++)
		r = hk_spawn(&g, client, NULL);
	r = hk_group_close(&g, r);
	virtual_ns += hk_now_ns() - start;
	return r;
}

static double run_s(unsigned seeds, bool twice)
{
	struct hk_sim_options options = {
		.seeds = seeds,
		.check_twice = twice,
		.net = { .latency_ns = HK_MS, .jitter_ns = HK_MS, .loss_ppm = 10000 },
	};
	int64_t before = micro_cpu_ns();

	virtual_ns = 0;
	micro_must(hk_sim(conversation, NULL, &options), "simulation");
	return (double)(micro_cpu_ns() - before) / (double)HK_SEC;
}

int main(int argc, char **argv)
{
	unsigned seeds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;

	run_s(seeds / 10 + 1, false);
	double once_s = run_s(seeds, false), virtual_s = (double)virtual_ns / (double)HK_SEC;
	double twice_s = run_s(seeds, true);
	printf("{\"seeds\": %u, \"seeds_per_s\": %.0f, \"virtual_s\": %.0f, \"twice_per_s\": "
	       "%.0f}\n",
	       seeds, seeds / once_s, virtual_s / once_s, seeds / twice_s);
	return 0;
}
