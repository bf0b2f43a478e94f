/* hocket/dump.h - seeing what every task does
 *
 * What this room is for: the question "where does it hang?". hk_dump() writes the tree of groups, scopes and tasks: name, where
 *   it was spawned, what it waits for and since when, and the stack of calls that led there. Also on SIGQUIT (ctrl-\),
 *   unless hk_run_options.no_dump; the program goes on. While a task blocks the loop, SIGQUIT tells which and in which call.
 * What must hold: (1) it never suspends and changes nothing: a parked task does not even run for it. (2) it works in a
 *   callback and right before an abort, not in a signal handler. Names, files and lines: compile with -g and have
 *   elfutils' libdw1 installed; without it link with -rdynamic.
 *
 * The same tree comes with the report of a deadlock: when every task waits and nothing is left that could wake one - no timer,
 *   no descriptor, no off-loaded call, no child process, no signal - the process says who waits for what and aborts. */
#ifndef HOCKET_DUMP_H
#define HOCKET_DUMP_H
#include <hocket/types.h>

HK_BEGIN
enum { HK_DUMP_STACKS = 1 }; /* with the calls of each parked task */

/* To a descriptor, as text. In a loop's thread; outside a loop it says that there is none. 0, -errno of write(2). */
int hk_dump(int fd, int what);

HK_END
#endif
