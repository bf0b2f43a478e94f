/* pq.c - finding libpq's functions at run time
 *
 * What this room is for: one table of the calls that io/db_pg*.c make.
 * What flows through:    nothing: the table is filled once and read from then on.
 * What must hold:        see pq.h. A library that lacks one of the calls is not used at all. */
#include "io/db/pq.h"
#include "io/library.h"
#include <pthread.h>

struct pq_calls pq;

static const struct library_call calls[] = {
#define CALL(call) { #call, offsetof(struct pq_calls, call) },
	PQ_CALLS(CALL)
#undef CALL
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing; /* NULL: all is there */

static void find_calls(void)
{
	missing = library_find("libpq.so.5", calls, ARRAY_SIZE(calls), &pq,
			       "is older than PostgreSQL 14's");
}

int pq_open(struct err *err)
{
	ASSERT(pthread_once(&once, find_calls) == 0);
	if (!missing)
		return 0;
	return fail(err, FAULT_CONFIG,
		    "PostgreSQL needs libpq, which %s: install the package libpq5 (a dynamic "
		    "program finds it)",
		    missing);
}
