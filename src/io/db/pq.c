/* pq.c - finding libpq's functions at run time
 *
 * What this room is for: one table of the calls that io/db_pg*.c make.
 * What flows through:    nothing: the table is filled once and read from then on.
 * What must hold:        see pq.h. A library that lacks one of the calls is not used at all. */
#include "io/db/pq.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

struct pq_calls pq;

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define CALL(call) { #call, offsetof(struct pq_calls, call) },
	PQ_CALLS(CALL)
#undef CALL
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing; /* NULL: all is there */

static void find_calls(void)
{
	/* A static program has no loader; a library would bring a second libc with it. */
	void *library = getauxval(AT_BASE) ? dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL) : NULL;

	missing = library              ? NULL
		  : getauxval(AT_BASE) ? "is not installed"
				       : "a static program cannot open";
	for (size_t i = 0; library && i < ARRAY_SIZE(calls); i++) {
		void *found = dlsym(library, calls[i].name);
		if (!found)
			missing = "is older than PostgreSQL 14's";
		memcpy((char *)&pq + calls[i].at, &found, sizeof(found));
	}
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
