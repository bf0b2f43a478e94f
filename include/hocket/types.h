/* hocket/types.h - the words that every hocket header uses
 *
 * Conventions of the whole library:
 *   results   int and ssize_t: >= 0 is success, < 0 is -errno. errno itself is never used.
 *             -ECANCELED  the calling task was cancelled (see scope.h)
 *             -ETIMEDOUT  a deadline you set ran out      -EPIPE   queue closed and drained
 *             -EAGAIN     a try_ call would have waited   -EDEADLK a loop inside a loop
 *   time      int64_t nanoseconds of a monotonic clock; the names end in _ns.
 *   suspension  a call marked HK_SUSPENDS can park the calling fiber and let others run. Every such call is a
 *             checkpoint: it fails with -ECANCELED while the task is cancelled. What has already happened
 *             reports success, cancelled or not: no lost item, no leaked permit.
 *   threads   everything belongs to the loop that made it; only hk_post() may be called from other threads.
 *   storage   structs whose members end in _ are the caller's memory and hocket's business: do not touch them. */
#ifndef HOCKET_TYPES_H
#define HOCKET_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HK_MUST     __attribute__((warn_unused_result))
#define HK_SUSPENDS /* marks what can park the calling fiber; expands to nothing */

#define HK_US      INT64_C(1000)
#define HK_MS      INT64_C(1000000)
#define HK_SEC     INT64_C(1000000000)
#define HK_FOREVER INT64_MAX /* no deadline, no limit */

/* Between these two every declaration of the library stands: C++ programs link with it as they are. */
#ifdef __cplusplus
#define HK_BEGIN extern "C" {
#define HK_END   }
#else
#define HK_BEGIN
#define HK_END
#endif

/* Where a line of the program is: "pages.c:12". */
#define HK_TEXT_(x) #x
#define HK_TEXT(x)  HK_TEXT_(x)
#define HK_HERE     __FILE__ ":" HK_TEXT(__LINE__)

HK_BEGIN
typedef int hk_fn(void *arg); /* a task's body; what it returns is the task's result */
HK_END

#endif
