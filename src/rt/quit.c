/* quit.c - the question from the keyboard: what are you doing?
 *
 * What this room is for: SIGQUIT as the JVM and Go understand it: all tasks with their stacks, to standard error. The
 *   program goes on.
 * What flows through:    one bit a loop, set by the handler, which rings the loop's bell; the loop dumps in its next turn.
 *   While it is blocked there is no turn: the handler wakes its watcher too, which says what blocks it (stall.c).
 * What must hold:
 *  (1) the handler takes no lock: it finds the loops in a fixed table. Loops beyond the table are not asked. A debugger
 *      finds them there too (tools/gdb).
 *  (2) a loop leaves the table before it is freed, and waits until no handler holds its address. */
#include "rt/quit.h"
#include "rt/dump.h"
#include "rt/handler.h"
#include "rt/loop.h"
#include <sched.h>
#include <unistd.h>
#include "base/banned.h"

enum { LOOPS = 64 };

static void on_quit(int, siginfo_t *, void *);
static struct handler quit = { .number = SIGQUIT, .fn = on_quit };
static _Atomic(struct hk_loop *) quit_loops[LOOPS];
static atomic_uint handling; /* handlers on their way, in any thread */

static void on_quit(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	atomic_fetch_add(&handling, 1);
	for (size_t i = 0; i < LOOPS; i++) {
		struct hk_loop *loop = atomic_load(&quit_loops[i]);
		if (!loop || !loop->dump_on_quit)
			continue;
		atomic_store(&loop->dump_asked, true);
		mailbox_signal(&loop->mailbox);
		stall_poke(&loop->stall);
	}
	atomic_fetch_sub(&handling, 1);
	errno = saved;
}

void quit_open(struct hk_loop *loop, bool answer)
{
	loop->dump_on_quit = answer;
	for (size_t i = 0; i < LOOPS && loop->dump_slot == 0; i++) {
		struct hk_loop *none = NULL;
		if (atomic_compare_exchange_strong(&quit_loops[i], &none, loop))
			loop->dump_slot = i + 1;
	}
	if (answer)
		(void)handler_hold(&quit);
}

void quit_close(struct hk_loop *loop)
{
	if (loop->dump_on_quit)
		handler_release(&quit);
	loop->dump_on_quit = false;
	if (loop->dump_slot == 0)
		return;
	ASSERT(atomic_load(&quit_loops[loop->dump_slot - 1]) == loop);
	atomic_store(&quit_loops[loop->dump_slot - 1], NULL);
	while (atomic_load(&handling) > 0)
		sched_yield();
	loop->dump_slot = 0;
}

void quit_deliver(struct hk_loop *loop)
{
	if (!atomic_load_explicit(&loop->dump_asked, memory_order_relaxed))
		return;
	(void)dump_loop(loop, STDERR_FILENO, HK_DUMP_STACKS);
	atomic_store(&loop->dump_asked, false);
}
