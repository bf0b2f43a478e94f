/* module.c - libhocket-pdf.so: where it lies, and whether it fits
 *
 * What this room is for: see module.h.
 * What flows through:    names of files; one table of calls.
 * What must hold:
 *  (1) HOCKET_PDF_MODULE is taken alone; else it is looked for where it was built, beside the program, and where it was installed.
 *  (2) nothing of a module of another version is touched but its number. */
#include "connectors/pdf/module.h"
#include "base/banned.h"
#include "engine/plan/diag.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#define FILE_NAME "libhocket-pdf.so"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct pdf_module *module;
static char missing[360];

/* ---- finding it ---------------------------------------------------------------------------------- */

static bool try_open(const char *path, void **ret)
{
	*ret = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!*ret)
		snprintf(missing, sizeof(missing), "%s", dlerror());
	return *ret || access(path, F_OK) == 0; /* there, but something that it needs is not */
}

static void *open_beside_program(void)
{
	static const char *const places[] = { "src/pdf/" FILE_NAME, FILE_NAME,
					      "../" HOCKET_LIBDIR "/hocket/" FILE_NAME };
	char program[PATH_MAX], path[PATH_MAX + 64];
	void *library = NULL;
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[n > 0 ? n : 0] = 0;
	char *slash = strrchr(program, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - program), program, places[i]);
		if (try_open(path, &library))
			return library;
	}
	(void)try_open(HOCKET_MODULES "/" FILE_NAME, &library);
	return library;
}

static void find_module(void)
{
	const char *named = getenv("HOCKET_PDF_MODULE");
	void *library = NULL;
	if (!getauxval(AT_BASE))
		snprintf(missing, sizeof(missing), "a static program cannot open it");
	else if (named && named[0])
		(void)try_open(named, &library);
	else
		library = open_beside_program();
	const struct pdf_module *found = library ? dlsym(library, PDF_SYMBOL) : NULL;
	if (found && found->abi == PDF_ABI)
		module = found;
	else if (library)
		snprintf(missing, sizeof(missing),
			 FILE_NAME " belongs to another version of hocket");
}

const struct pdf_module *pdf_module_find(struct err *err)
{
	int r = pthread_once(&once, find_module);
	ASSERT(r == 0);
	if (module)
		return module;
	fail(err, FAULT_CONFIG,
	     "PDF needs " FILE_NAME ", md4c, Pango and Cairo: install the packages "
	     "libpangocairo-1.0-0 and libmd4c-html0 (to build it, libpango1.0-dev, "
	     "libmd4c-dev and libmd4c-html0-dev): %s",
	     missing);
	return NULL;
}

/* ---- fonts ----------------------------------------------------------------------------------------- */

struct wanted {
	struct slice families;
	bool found;
	const char **names; /* all that are there, for the nearest */
	size_t n;
};

static bool lists(struct slice families, struct slice name)
{
	struct slice one;
	for (bool more = true; more;) {
		more = slice_cut(families, ',', &one, &families);
		if (slice_eq_nocase(slice_trim(one), name))
			return true;
	}
	return false;
}

static void look(void *arg, const char *family)
{
	struct wanted *w = arg;
	w->found |= lists(w->families, slice_str(family));
	w->names = xrealloc(w->names, w->n + 1, sizeof(*w->names));
	w->names[w->n++] = xstrndup(family, strlen(family));
}

bool pdf_module_has_font(const struct pdf_module *m, const char *families, const char **ret_near)
{
	static const char *const words[] = { "serif",   "sans-serif", "sans",     "monospace",
					     "cursive", "fantasy",    "system-ui" };
	static char near[100];
	struct wanted w = { .families = slice_str(families) };
	struct slice first;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		w.found |= lists(w.families, slice_str(words[i]));
	m->families(look, &w);
	slice_cut(w.families, ',', &first, &(struct slice){ 0 });
	const char *best = nearest(slice_trim(first), w.names, w.n);
	snprintf(near, sizeof(near), "%s", best ? best : "");
	*ret_near = best ? near : NULL;
	for (size_t i = 0; i < w.n; i++)
		free((char *)w.names[i]);
	free(w.names);
	return w.found;
}
