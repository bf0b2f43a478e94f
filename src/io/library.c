/* library.c - finding a library's functions at run time
 *
 * What this room is for: see library.h.
 * What flows through:    names in; a table that is filled once and read from then on.
 * What must hold:        see library.h. */
#include "io/library.h"
#include "base/lang.h"
#include <dlfcn.h>
#include <string.h>
#include <sys/auxv.h>

const char *library_find(const char *file, const struct library_call *calls, size_t n, void *table,
			 const char *old)
{
	const char *why = NULL;

	ASSERT(table && old);
	if (!getauxval(AT_BASE)) /* it has no loader; a library would bring a second libc with it */
		return "a static program cannot open";
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return "is not installed";
	for (size_t i = 0; i < n; i++) {
		void *found = dlsym(library, calls[i].name);
		if (!found)
			why = old;
		memcpy((char *)table + calls[i].at, &found, sizeof(found));
	}
	return why;
}
