/* stall.c - the watcher: a thread beside each loop that notices when the loop does not go on
 *
 * What this room is for: saying which task blocks, how long already, and by which call, while it does.
 * What flows through:    the loop's count of switches and turns, read four times in the time that is allowed. When it
 *   stands still and the loop is not asleep, that time counts; when enough has come together the loop's thread is sent
 *   SIGURG, its handler writes down its own calls, and the watcher names and reports them.
 * What must hold:
 *  (1) the loop pays nothing: its counters are its own, written relaxed. While it sleeps the watcher sleeps too (dozing), and
 *      the loop wakes it only then.
 *  (2) of a thread that is runnable only the processor time counts, and of a watcher that was itself stopped (a debugger,
 *      ctrl-Z, a machine out of breath) no more than one tick: an overloaded machine is no stall.
 *  (3) no turn of the loop lasts longer than a tick and one switch.
 *  (4) the view belongs to the handler from `asked` until `answered`; a handler that comes late finds asked false.
 *
 *      beat moves,             stands still, not asleep            kept >= limit
 *   +-> FINE ----------------------> SUSPECT ------------------------> REPORTED (again at 10, 100, ... times)
 *   |    | asleep: dozes                | beat moves                      | beat moves: "after 1203 ms"
 *   +----+<-----------------------------+<--------------------------------+ */
#include "rt/stall.h"
#include "rt/handler.h"
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/sanitize.h"
#include "rt/scope.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "base/banned.h"

enum { FRAMES_SHOWN = 16, TEXT_BYTES = 3500 };
#define DEFAULT_LIMIT_NS (100 * HK_MS)
#define LONGEST_TICK_NS  (250 * HK_MS)
#define SHORTEST_TICK_NS HK_MS
#define LOOK_NS          (200 * HK_MS) /* how long the handler may take to answer */

/* What the watcher knows of the loop; its own. */
struct watch {
	struct hk_loop *loop;
	struct stall *stall;
	int64_t tick_ns, last_ns;
	uint64_t beat;
	bool suspect, told_quit;
	int64_t kept_ns;   /* since the beat stands still */
	int64_t judged_ns; /* of it, since the thread's clock is compared */
	int64_t cpu_ns;    /* of that, used by the thread */
	int64_t cpu_before_ns;
	int64_t next_ns;        /* reported when kept_ns reaches it */
	int told;               /* reports of this stall */
	bool cancelled;         /* the task */
	int64_t interrupted_ns; /* kept_ns when a blocking call got our signal; 0: none did */
	char task[64], where[128];
};

/* ---- in the loop's thread ------------------------------------------------------------------ */

static void copy_text(char *to, size_t room, const char *from)
{
	size_t n = strnlen(from, room - 1);

	memcpy(to, from, n);
	to[n] = 0;
}

static void on_urgent(int, siginfo_t *, void *);
static struct handler urgent = { .number = SIGURG, .fn = on_urgent };

static uint64_t beat_of(const struct hk_loop *loop)
{
	return __atomic_load_n(&loop->stats.switches, __ATOMIC_RELAXED) +
	       __atomic_load_n(&loop->stats.polls, __ATOMIC_RELAXED);
}

/* It may be on its way from one scope to another: in none. */
__attribute__((no_sanitize("thread"))) static bool is_cancelled(const struct hk_fiber_ *f)
{
	const struct hk_scope *s = f ? f->scope : NULL;
	return s && (s->cancelled_ | s->inherited_);
}

static void view_task(struct stall_view *v, const struct hk_loop *loop)
{
	const struct hk_fiber_ *f = loop_running(loop);

	v->beat = beat_of(loop);
	v->cancelled = is_cancelled(f);
	copy_text(v->task, sizeof(v->task), f ? f->name : "");
	copy_text(v->where, sizeof(v->where), f ? f->where : "");
}

static void on_urgent(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	struct hk_loop *loop = loop_self();

	if (loop && atomic_exchange(&loop->stall.asked, false)) {
		view_task(&loop->stall.view, loop);
		backtrace_interrupted(&loop->stall.view.calls, context);
		atomic_store(&loop->stall.answered, true);
		(void)sem_post(&loop->stall.seen);
	}
	errno = saved;
}

void stall_wake(struct stall *s)
{
	if (atomic_exchange(&s->dozing, false))
		(void)sem_post(&s->wake);
}

void stall_poke(struct stall *s)
{
	if (!s->on)
		return;
	atomic_store(&s->dozing, false);
	(void)sem_post(&s->wake);
}

void stall_pause(struct stall *s, bool pause)
{
	atomic_store(&s->paused, pause);
}

/* ---- what the system knows of the loop's thread -------------------------------------------- */

static int64_t cpu_ns(const struct stall *s)
{
	struct timespec t;
	clockid_t clock;

	if (pthread_getcpuclockid(s->thread, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return 0;
	return t.tv_sec * HK_SEC + t.tv_nsec;
}

/* Is it running, or waiting for a processor? Unknown counts as no. */
static bool is_runnable(const struct stall *s)
{
	char path[64], text[512];
	const char *state;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)s->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd); /* was only read */
	text[n > 0 ? n : 0] = 0;
	state = strrchr(text, ')'); /* behind the name, which may contain anything */
	return state && strncmp(state, ") R", 3) == 0;
}

/* ---- reporting ----------------------------------------------------------------------------- */

static bool wait_answered(struct stall *s)
{
	struct timespec until;
	int64_t at = clock_mono_ns() + LOOK_NS;
	int r;

	until = (struct timespec){ .tv_sec = at / HK_SEC, .tv_nsec = at % HK_SEC };
	do
		r = sem_clockwait(&s->seen, CLOCK_MONOTONIC, &until);
	while (r < 0 && errno == EINTR);
	return atomic_load(&s->answered);
}

/* Has the loop's thread look at itself. false: it did not answer: it blocks SIGURG, or sleeps in the kernel. */
static bool look(struct stall *s)
{
	if (!s->can_look)
		return false;
	while (sem_trywait(&s->seen) == 0)
		; /* of one who answered late */
	atomic_store(&s->answered, false);
	atomic_store(&s->asked, true);
	if (pthread_kill(s->thread, SIGURG) == 0 && wait_answered(s))
		return true;
	return !atomic_exchange(&s->asked, false) && wait_answered(s); /* it had just begun */
}

static void put_calls(struct buf *out, struct backtrace *calls)
{
	AUTO(debuginfo_closep) struct debuginfo *names = debuginfo_open();
	int r;

	calls->n = calls->n < FRAMES_SHOWN ? calls->n : FRAMES_SHOWN;
	r = backtrace_put(out, calls, names, "  ");

	(void)r; /* what fits */
}

static void put_who(struct buf *out, const struct watch *w)
{
	int r;

	if (w->task[0])
		r = buf_printf(out, "task \"%s\", spawned at %s,", w->task, w->where);
	else
		r = buf_add(out, S("a callback"));
	(void)r; /* it fits */
}

/* From the other thread, when the loop's own does not answer. It has stood still for long, and still does after the reading:
 * so the task was there all the while. */
__attribute__((no_sanitize("thread"))) static void peek_task(struct watch *w)
{
	const struct hk_fiber_ *f = w->loop->current ? w->loop->current : w->loop->big.runs_for;
	const char *name = f ? f->name : "", *where = f ? f->where : "";

	bool cancelled = is_cancelled(f);

	if (beat_of(w->loop) != w->beat)
		return;
	w->cancelled = cancelled;
	copy_text(w->task, sizeof(w->task), name);
	copy_text(w->where, sizeof(w->where), where);
}

/* A task that goes on after -ECANCELED seems to wait and in truth runs in a circle: no call of its waits any more. */
static const char *advice(const struct watch *w, bool computes)
{
	if (w->cancelled && computes)
		return "it was cancelled, and calls that wait return -ECANCELED at once: return "
		       "when one does";
	return computes ? "hk_offload_cpu() it, or hk_yield() now and then"
			: "hk_offload() it, or use the call of hocket that waits";
}

static void report_stall(struct watch *w)
{
	AUTO(buf_done) struct buf text = { .max = TEXT_BYTES };
	struct stall *s = w->stall;
	bool seen = look(s), computes = w->cpu_ns >= w->judged_ns / 2;

	if ((seen ? s->view.beat : beat_of(w->loop)) != w->beat)
		return; /* over in the meantime: what was seen is another's */
	w->interrupted_ns = seen && !computes ? w->kept_ns : 0;
	if (seen) {
		w->cancelled = s->view.cancelled;
		copy_text(w->task, sizeof(w->task), s->view.task);
		copy_text(w->where, sizeof(w->where), s->view.where);
	} else {
		peek_task(w);
	}
	put_who(&text, w);
	if (buf_printf(&text, " has kept the loop for %jd ms: it is %s\n",
		       (intmax_t)(w->kept_ns / HK_MS),
		       computes ? "computing" : "in a blocking call") == 0 &&
	    seen)
		put_calls(&text, &s->view.calls);
	w->told++;
	atomic_fetch_add(&s->reports, w->told == 1);
	report(w->loop, HK_REPORT_STALL, "%s  no other task runs meanwhile: %s",
	       text.p ? text.p : "", advice(w, computes));
}

static void report_over(const struct watch *w)
{
	AUTO(buf_done) struct buf text = { .max = TEXT_BYTES };

	put_who(&text, w);
	report(w->loop, HK_REPORT_STALL, "%s let the loop go on after %jd ms%s",
	       text.p ? text.p : "", (intmax_t)(w->kept_ns / HK_MS),
	       w->interrupted_ns > 0 && w->interrupted_ns == w->kept_ns
		       ? ": our look may have cut its call short (EINTR)"
		       : "");
}

/* ---- watching ------------------------------------------------------------------------------ */

static void nap(struct stall *s, int64_t ns)
{
	int64_t at = clock_mono_ns() + ns;
	struct timespec until = { .tv_sec = at / HK_SEC, .tv_nsec = at % HK_SEC };

	(void)sem_clockwait(&s->wake, CLOCK_MONOTONIC, &until); /* early is no harm */
}

/* Until the loop is busy again. */
static void doze(struct watch *w)
{
	struct stall *s = w->stall;

	atomic_store(&s->dozing, true);
	if (atomic_load(&w->loop->mailbox.asleep) && !atomic_load(&s->stop))
		(void)sem_wait(&s->wake);
	atomic_store(&s->dozing, false);
	w->last_ns = clock_mono_ns();
}

static void begin_anew(struct watch *w, uint64_t beat)
{
	w->beat = beat;
	w->suspect = w->told_quit = false;
	w->kept_ns = w->judged_ns = w->cpu_ns = 0;
	w->next_ns = w->stall->limit_ns;
	w->told = 0;
	w->cancelled = false;
	w->interrupted_ns = 0;
}

/* Counts the tick that has just passed. */
static void add_tick(struct watch *w, int64_t passed_ns)
{
	int64_t now_cpu = cpu_ns(w->stall), cpu = now_cpu - w->cpu_before_ns, kept;

	if (passed_ns > 2 * w->tick_ns)
		passed_ns = w->tick_ns; /* the watcher itself was stopped */
	w->cpu_before_ns = now_cpu;
	if (!w->suspect) { /* from here on the thread's clock can be compared */
		w->suspect = true;
		w->kept_ns = passed_ns;
		return;
	}
	cpu = cpu < passed_ns ? cpu : passed_ns;
	kept = is_runnable(w->stall) ? cpu : passed_ns;
	w->cpu_ns += cpu;
	w->judged_ns += kept;
	w->kept_ns += kept;
}

/* Somebody pressed ctrl-\ and the loop has not answered for a tick. */
static bool quit_waits(const struct watch *w)
{
	return !w->told_quit && w->judged_ns > 0 && atomic_load(&w->loop->dump_asked);
}

/* Fibers that compute a while between two switches would keep timers and descriptors waiting for 128 of them: at each tick
 * the loop has its turn, however many are left. */
static void end_turn(struct hk_loop *loop)
{
	__atomic_store_n(&loop->turn_left, 1, __ATOMIC_RELAXED);
}

static void look_once(struct watch *w)
{
	int64_t now = clock_mono_ns(), passed = now - w->last_ns;
	uint64_t beat = beat_of(w->loop);
	bool asleep = atomic_load(&w->loop->mailbox.asleep), same = beat == w->beat;

	w->last_ns = now;
	end_turn(w->loop);
	if (asleep || !same || atomic_load(&w->stall->paused)) {
		if (w->told > 0)
			report_over(w);
		begin_anew(w, beat);
		if (asleep && same)
			doze(w);
		return;
	}
	add_tick(w, passed);
	if (quit_waits(w)) {
		w->told_quit = true;
		report_stall(w);
	} else if (w->kept_ns >= w->next_ns) {
		w->next_ns = w->next_ns < HK_FOREVER / 10 ? w->next_ns * 10 : HK_FOREVER;
		report_stall(w);
	}
}

static void *watch(void *arg)
{
	struct hk_loop *loop = arg;
	struct watch w = { .loop = loop, .stall = &loop->stall };

	/* From inside: from outside it would cost three system calls more. */
	(void)prctl(PR_SET_NAME, "hocket-watch");
	w.tick_ns = w.stall->limit_ns / 4;
	w.tick_ns = w.tick_ns < SHORTEST_TICK_NS  ? SHORTEST_TICK_NS
		    : w.tick_ns > LONGEST_TICK_NS ? LONGEST_TICK_NS
						  : w.tick_ns;
	w.last_ns = clock_mono_ns();
	begin_anew(&w, 0);
	while (!atomic_load(&w.stall->stop)) {
		nap(w.stall, w.tick_ns);
		if (!atomic_load(&w.stall->stop))
			look_once(&w);
	}
	if (w.told > 0)
		report_over(&w);
	return NULL;
}

/* ---- beginning and end --------------------------------------------------------------------- */

/* Signals belong to the loop's thread. */
static bool start(struct hk_loop *loop)
{
	sigset_t all, former;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	r = pthread_create(&loop->stall.watcher, NULL, watch, loop);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return r == 0;
}

void stall_open(struct hk_loop *loop, int64_t limit_ns)
{
	struct stall *s = &loop->stall;

	s->limit_ns = limit_ns > 0 ? limit_ns : DEFAULT_LIMIT_NS;
	/* Under valgrind everything is slow, and nothing runs beside the loop's thread. */
	if (limit_ns == HK_FOREVER || loop->virtual_clock || RUNNING_ON_VALGRIND)
		return;
	s->thread = pthread_self();
	s->tid = gettid();
	(void)sem_init(&s->wake, 0, 0);
	(void)sem_init(&s->seen, 0, 0);
	s->can_look = handler_hold(&urgent);
	s->on = start(loop); /* without a thread nobody watches; the loop runs as well */
	if (!s->on)
		handler_release(&urgent);
}

void stall_close(struct hk_loop *loop)
{
	struct stall *s = &loop->stall;

	if (!s->on)
		return;
	atomic_store(&s->stop, true);
	stall_poke(s);
	pthread_join(s->watcher, NULL);
	s->on = false;
	handler_release(&urgent);
	(void)sem_destroy(&s->wake);
	(void)sem_destroy(&s->seen);
}
