/* 5_off_the_loop.c - what would keep the loop busy leaves it: threads, files, other programs */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Computation: runs on a thread of the CPU pool; must not call hocket. */
static int count_primes(void *arg)
{
	int below = *(int *)arg, count = 0;

	for (int n = 2; n < below; n++) {
		int d = 2;
		while (d * d <= n && n % d != 0)
			d++;
		count += d * d > n;
	}
	return count;
}

/* Another program: its input fed and its output collected at the same time, its group stopped if we are cancelled. */
static int sort_lines(void)
{
	static const char *const argv[] = { "sort", NULL };
	static const char lines[] = "pear\napple\nfig\n";
	struct hk_process_run_options options = { .input = lines, .input_n = strlen(lines) };
	struct hk_process_output output;
	int r = hk_process_run(argv, &options, &output);

	if (r < 0)
		return r;
	printf("sorted: %s", output.out);
	free(output.out);
	free(output.err);
	return output.exit.status;
}

/* A file that is never seen half-written: temporary file, fsync, rename, fsync of the folder. */
static int save(const char *path)
{
	static const char text[] = "whole or not at all\n";
	return hk_file_replace(path, text, strlen(text), 0644);
}

static int program(void *arg)
{
	int below = 100000, primes = hk_offload_cpu(count_primes, &below), r;

	printf("primes below %d: %d\n", below, primes);
	r = sort_lines();
	if (r == 0)
		r = save(arg);
	printf("saved: %s\n", r == 0 ? "yes" : strerror(-r));
	return r;
}

int main(int argc, char **argv)
{
	return hk_run(program, argc > 1 ? argv[1] : "saved.txt", NULL) < 0;
}
