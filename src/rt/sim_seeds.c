/* sim_seeds.c - hk_sim(): one function, many seeds, and the command that brings a failure back
 *
 * What this room is for: running a simulation again and again until a seed fails, and saying which, so that the reader can have
 *   exactly that run again, in a debugger if he likes.
 * What flows through:    seeds in order; each makes a fresh loop, twice with check_twice; the first failure ends it.
 * What must hold:
 *  (1) every end that is not success is followed by a line "replay: HOCKET_SEED=...": a result, a limit, a parting of two runs, and
 *      also an abort in the middle (a broken invariant, a misuse, a standstill, the program's own assert), which a handler
 *      of the fatal signals sees.
 *  (2) the handlers are there only while a simulation runs, and only for signals nobody else handles. */
#include "rt/loop.h"
#include "rt/sim.h"
#include "rt/sim_trace.h"
#include "base/units.h"
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/banned.h"

enum { COMMAND_BYTES = 1024, THREADS = 4, WINDOW_BITS = 6 };
#define LIMIT_NS (24 * 3600 * HK_SEC)
/* The scheduler's numbers must not be the program's own. */
#define ORDER_SEED UINT64_C(0x6f726465720a1d3b)

struct seeds {
	hk_fn *fn;
	void *arg;
	struct hk_sim_options o;
	char command[COMMAND_BYTES]; /* what is run again */
	char last_words[COMMAND_BYTES + 64];
};
static __thread const struct seeds *running; /* for the handler: of this thread, while it runs */

/* ---- what is printed ------------------------------------------------------------------------------ */

static bool plain_in_shell(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("/._-+=:,@%", c);
}

/* One argument as a shell reads it. */
static int put_argument(struct buf *out, const char *arg)
{
	bool plain = *arg;
	int r = 0;

	for (const char *p = arg; *p; p++)
		plain = plain && plain_in_shell(*p);
	if (plain)
		return buf_add(out, slice_str(arg));
	r = buf_add_char(out, '\'');
	for (const char *p = arg; *p && r == 0; p++)
		r = *p == '\'' ? buf_add(out, S("'\\''")) : buf_add_char(out, *p);
	return r == 0 ? buf_add_char(out, '\'') : r;
}

/* The program's own command line, from the kernel: zero-terminated arguments. */
static void own_command(char out[COMMAND_BYTES])
{
	char raw[COMMAND_BYTES / 2];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, raw, sizeof(raw) - 1);
	AUTO(buf_done) struct buf words = { .max = COMMAND_BYTES };
	int r = 0;

	if (fd >= 0)
		(void)close(fd);
	raw[n < 0 ? 0 : n] = '\0';
	for (const char *p = raw; p < raw + n && r == 0; p += strlen(p) + 1) {
		if (words.n > 0)
			r = buf_add_char(&words, ' ');
		if (r == 0)
			r = put_argument(&words, p);
	}
	(void)snprintf(out, COMMAND_BYTES, "%s", words.n > 0 ? words.p : "the program");
}

static void tell_failure(const struct seeds *s, uint64_t seed, const char *what)
{
	(void)fflush(stdout); /* what the test printed comes before the verdict */
	fprintf(stderr, "hocket: simulation: seed %" PRIu64 ": %s\n%s", seed, what, s->last_words);
}

/* What hk_sim itself finds, in its own words. NULL: it is the program's. */
static const char *own_verdict(int result)
{
	switch (result) {
	case -EILSEQ:
		return "two runs of this seed differed";
	case -ETIME:
		return "the limit of virtual time ran out";
	case -EUCLEAN:
		return "a socket was left open";
	default:
		return NULL;
	}
}

static int tell_result(const struct seeds *s, uint64_t seed, int result)
{
	const char *own = own_verdict(result);
	char what[160];

	(void)snprintf(what, sizeof(what), "the result is %d (%s)", result,
		       own ? own : strerror(-result));
	tell_failure(s, seed, what);
	return result;
}

/* ---- fatal signals ---------------------------------------------------------------------------------- */

static const int fatal[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
static pthread_mutex_t fatal_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned fatal_users;
static struct sigaction fatal_former[ARRAY_SIZE(fatal)];

static void say_last_words(void)
{
	ssize_t wrote;

	if (!running)
		return;
	wrote = write(STDERR_FILENO, running->last_words, strlen(running->last_words));
	(void)wrote; /* nowhere left to complain */
}

/* The default action follows: the handler is there only once. It is here instead of the loop's own (overflow.c). */
static void on_fatal(int number, siginfo_t *info, void *context)
{
	overflow_say(number, info, context);
	say_last_words();
}

/* A sanitizer ends the process without a signal, but not without a word. NULL where there is none. */
void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static void sanitizer_watch(void (*callback)(void))
{
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(callback);
}

static void fatal_watch(void)
{
	struct sigaction ours = { .sa_sigaction = on_fatal,
				  .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK };

	pthread_mutex_lock(&fatal_lock);
	for (size_t i = 0; fatal_users == 0 && i < ARRAY_SIZE(fatal); i++) {
		(void)sigaction(fatal[i], NULL, &fatal_former[i]);
		if (fatal_former[i].sa_handler == SIG_DFL)
			(void)sigaction(fatal[i], &ours, NULL);
	}
	if (fatal_users++ == 0)
		sanitizer_watch(say_last_words);
	pthread_mutex_unlock(&fatal_lock);
}

static void fatal_unwatch(void)
{
	pthread_mutex_lock(&fatal_lock);
	ASSERT(fatal_users > 0);
	fatal_users--;
	for (size_t i = 0; fatal_users == 0 && i < ARRAY_SIZE(fatal); i++)
		(void)sigaction(fatal[i], &fatal_former[i], NULL);
	if (fatal_users == 0)
		sanitizer_watch(NULL);
	pthread_mutex_unlock(&fatal_lock);
}

/* ---- one seed ---------------------------------------------------------------------------------------- */

/* Who does not close what he opened runs out of descriptors one day: far from the test, in service. */
static int tell_left_open(const struct sim_net *net)
{
	fprintf(stderr, "hocket: simulation: %zu socket%s left open at the end of the run\n",
		net->open, net->open > 1 ? "s were" : " was");
	return -EUCLEAN;
}

static size_t draw_window(struct rand *order, bool in_order)
{
	return in_order ? 1 : (size_t)1 << (1 + rand_below(order, WINDOW_BITS));
}

/* Not as many threads as there are cores: that would be another run on another machine. */
static struct hk_run_options run_options(const struct seeds *s, uint64_t seed)
{
	struct hk_run_options o = s->o.run ? *s->o.run : (struct hk_run_options){ 0 };

	o.threads = o.threads ? o.threads : THREADS;
	o.cpu_threads = o.cpu_threads ? o.cpu_threads : THREADS;
	o.virtual_clock = o.no_dump = true;
	o.seed = seed;
	return o;
}

static int run_once(const struct seeds *s, uint64_t seed, struct sim_trace *trace)
{
	struct hk_run_options o = run_options(s, seed);
	struct sim sim = { .seed = seed, .limit_ns = s->o.limit_ns, .trace = trace };
	int r;

	rand_seed(&sim.order, seed ^ ORDER_SEED);
	sim.window = draw_window(&sim.order, s->o.in_order);
	sim_net_init(&sim.net, &s->o.net, seed);
	if (s->o.before)
		s->o.before(seed, s->arg);
	r = loop_open_and_run(s->fn, s->arg, &o, &sim);
	if (s->o.after)
		r = s->o.after(seed, r, s->arg);
	if (sim.late)
		return -ETIME;
	return r >= 0 && sim.net.open > 0 ? tell_left_open(&sim.net) : r;
}

static int run_twice(const struct seeds *s, uint64_t seed)
{
	struct sim_trace *trace = trace_new();
	const char *parting = NULL;
	int r = run_once(s, seed, trace);

	if (r >= 0) {
		trace_again(trace);
		r = run_once(s, seed, trace);
		parting = trace_parting(trace);
	}
	if (parting)
		tell_failure(s, seed, parting);
	else if (r < 0)
		(void)tell_result(s, seed, r);
	trace_free(trace);
	return parting ? -EILSEQ : r;
}

static int run_seed(struct seeds *s, uint64_t seed)
{
	int r;

	(void)snprintf(s->last_words, sizeof(s->last_words), "replay: HOCKET_SEED=%" PRIu64 " %s\n",
		       seed, s->command);
	if (s->o.check_twice)
		return run_twice(s, seed);
	r = run_once(s, seed, NULL);
	return r < 0 ? tell_result(s, seed, r) : 0;
}

/* ---- all seeds ---------------------------------------------------------------------------------------- */

/* A number from the environment, at least 1: 1; 0: not there; -EINVAL with a sentence. */
static int number_from_environment(const char *name, int64_t *ret)
{
	const char *text = getenv(name);

	if (!text || !*text)
		return 0;
	if (units_int(slice_str(text), ret) == 0 && *ret >= 1)
		return 1;
	fprintf(stderr, "hocket: simulation: %s=%s is not a number from 1 on\n", name, text);
	return -EINVAL;
}

static int choose_seeds(struct hk_sim_options *o)
{
	int64_t one = 0, many = 0;
	int r = number_from_environment("HOCKET_SEEDS", &many);

	if (r == 1)
		o->seeds = many > UINT32_MAX ? UINT32_MAX : (unsigned)many;
	if (r >= 0)
		r = number_from_environment("HOCKET_SEED", &one);
	if (r == 1) {
		o->seed = (uint64_t)one;
		o->seeds = 1;
	}
	o->seed = o->seed ? o->seed : 1;
	o->seeds = o->seeds ? o->seeds : 1;
	o->limit_ns = o->limit_ns ? o->limit_ns : LIMIT_NS;
	return r < 0 ? r : 0;
}

int hk_sim(hk_fn *fn, void *arg, const struct hk_sim_options *options)
{
	struct seeds s = { .fn = fn,
			   .arg = arg,
			   .o = options ? *options : (struct hk_sim_options){ 0 } };
	int r;

	ASSERT(fn);
	if (loop_self())
		return -EDEADLK;
	r = choose_seeds(&s.o);
	if (r < 0)
		return r;
	if (s.o.replay)
		(void)snprintf(s.command, sizeof(s.command), "%s", s.o.replay);
	else
		own_command(s.command);
	fatal_watch();
	running = &s;
	for (unsigned i = 0; i < s.o.seeds && r >= 0; i++)
		r = run_seed(&s, s.o.seed + i);
	running = NULL;
	fatal_unwatch();
	return r;
}
