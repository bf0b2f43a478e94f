/* debuginfo.c - names and lines of code, by elfutils' libdw where it is installed
 *
 * What this room is for: static functions have no dynamic symbol, and a line says more than an offset. Both are in the
 *   debug information; libdw reads it.
 * What flows through:    addresses in, text out.
 * What must hold:
 *  (1) the library is opened when a report needs it and at no other time: a program that reports nothing pays nothing,
 *      and one that was moved to a machine without libdw still runs.
 *  (2) only the files that are mapped are read. libdw's own search for separate debug files may ask a server
 *      (debuginfod), and a report about something that hangs must not hang itself. */
#include "rt/debuginfo.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef HOCKET_LIBDW
#include <elfutils/libdwfl.h>
#endif
#include "base/banned.h"

/* ---- without libdw: the dynamic symbols ---------------------------------------------------- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int put_offset(struct buf *out, const char *name, const void *code, const void *start)
{
	return buf_printf(out, "%s+0x%tx", name, (const char *)code - (const char *)start);
}

static int put_dynamic(struct buf *out, const void *code)
{
	Dl_info info;

	if (!dladdr(code, &info))
		return buf_printf(out, "%p", code);
	if (info.dli_sname)
		return put_offset(out, info.dli_sname, code, info.dli_saddr);
	return put_offset(out, last_part(info.dli_fname), code, info.dli_fbase);
}

static const char *dynamic_function(const void *code)
{
	Dl_info info;
	return dladdr(code, &info) ? info.dli_sname : NULL;
}

#ifdef HOCKET_LIBDW
/* ---- with libdw ---------------------------------------------------------------------------- */

struct debuginfo {
	void *library;
	Dwfl *dwfl;
	Dwfl_Callbacks callbacks;
	__typeof__(&dwfl_begin) begin;
	__typeof__(&dwfl_end) end;
	__typeof__(&dwfl_linux_proc_report) proc_report;
	__typeof__(&dwfl_linux_proc_find_elf) find_elf;
	__typeof__(&dwfl_report_end) report_end;
	__typeof__(&dwfl_addrmodule) addrmodule;
	__typeof__(&dwfl_module_addrinfo) addrinfo;
	__typeof__(&dwfl_module_getsrc) getsrc;
	__typeof__(&dwfl_lineinfo) lineinfo;
	__typeof__(&dwfl_module_nextcu) nextcu;
	__typeof__(&dwarf_haspc) haspc;
	__typeof__(&dwarf_getsrc_die) getsrc_die;
	__typeof__(&dwarf_lineno) lineno;
	__typeof__(&dwarf_linesrc) linesrc;
};

static int no_separate_files(Dwfl_Module *module, void **userdata, const char *name,
			     Dwarf_Addr base, const char *file, const char *link, GElf_Word crc,
			     char **ret)
{
	return -1;
}

static void *find(struct debuginfo *d, const char *name, bool *all)
{
	void *found = dlsym(d->library, name);
	*all &= found != NULL;
	return found;
}

static bool find_functions(struct debuginfo *d)
{
	bool all = true;

	d->begin = (__typeof__(d->begin))find(d, "dwfl_begin", &all);
	d->end = (__typeof__(d->end))find(d, "dwfl_end", &all);
	d->proc_report = (__typeof__(d->proc_report))find(d, "dwfl_linux_proc_report", &all);
	d->find_elf = (__typeof__(d->find_elf))find(d, "dwfl_linux_proc_find_elf", &all);
	d->report_end = (__typeof__(d->report_end))find(d, "dwfl_report_end", &all);
	d->addrmodule = (__typeof__(d->addrmodule))find(d, "dwfl_addrmodule", &all);
	d->addrinfo = (__typeof__(d->addrinfo))find(d, "dwfl_module_addrinfo", &all);
	d->getsrc = (__typeof__(d->getsrc))find(d, "dwfl_module_getsrc", &all);
	d->lineinfo = (__typeof__(d->lineinfo))find(d, "dwfl_lineinfo", &all);
	d->nextcu = (__typeof__(d->nextcu))find(d, "dwfl_module_nextcu", &all);
	d->haspc = (__typeof__(d->haspc))find(d, "dwarf_haspc", &all);
	d->getsrc_die = (__typeof__(d->getsrc_die))find(d, "dwarf_getsrc_die", &all);
	d->lineno = (__typeof__(d->lineno))find(d, "dwarf_lineno", &all);
	d->linesrc = (__typeof__(d->linesrc))find(d, "dwarf_linesrc", &all);
	return all;
}

struct debuginfo *debuginfo_open(void)
{
	struct debuginfo *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!d->library || !find_functions(d)) {
		debuginfo_close(d);
		return NULL;
	}
	d->callbacks =
		(Dwfl_Callbacks){ .find_elf = d->find_elf, .find_debuginfo = no_separate_files };
	d->dwfl = d->begin(&d->callbacks);
	if (!d->dwfl || d->proc_report(d->dwfl, getpid()) != 0 ||
	    d->report_end(d->dwfl, NULL, NULL) != 0) {
		debuginfo_close(d);
		return NULL;
	}
	return d;
}

void debuginfo_close(struct debuginfo *d)
{
	if (!d)
		return;
	if (d->dwfl)
		d->end(d->dwfl);
	if (d->library)
		(void)dlclose(d->library);
	free(d);
}

struct place {
	Dwfl_Module *module;
	const char *function, *file;
	GElf_Off offset;
	int line;
};

/* Clang writes no table of which unit an address belongs to: ask each of them. */
static void search_units(struct debuginfo *d, Dwarf_Addr at, struct place *p)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias = 0;
	Dwarf_Line *line;

	while ((unit = d->nextcu(p->module, unit, &bias)) != NULL && d->haspc(unit, at - bias) != 1)
		;
	line = unit ? d->getsrc_die(unit, at - bias) : NULL;
	if (line && d->lineno(line, &p->line) == 0)
		p->file = d->linesrc(line, NULL, NULL);
}

static struct place find_place(struct debuginfo *d, const void *code)
{
	Dwarf_Addr at = (uintptr_t)code;
	struct place p = { .module = d ? d->addrmodule(d->dwfl, at) : NULL };
	GElf_Sym symbol;
	Dwfl_Line *line;

	if (!p.module)
		return p;
	p.function = d->addrinfo(p.module, at, &p.offset, &symbol, NULL, NULL, NULL);
	line = d->getsrc(p.module, at);
	if (line)
		p.file = d->lineinfo(line, &at, &p.line, NULL, NULL, NULL);
	else
		search_units(d, at, &p);
	return p;
}

const char *debuginfo_function(struct debuginfo *d, const void *code)
{
	struct place p = find_place(d, code);
	return p.function ? p.function : dynamic_function(code);
}

/* As __FILE__ has it, but for the way from the build folder up to the sources. */
static const char *readable(const char *file)
{
	while (strncmp(file, "../", 3) == 0)
		file += 3;
	return file;
}

int debuginfo_put(struct buf *out, struct debuginfo *d, const void *code)
{
	struct place p = find_place(d, code);

	if (!p.function)
		return put_dynamic(out, code);
	if (p.file)
		return buf_printf(out, "%s (%s:%d)", p.function, readable(p.file), p.line);
	return buf_printf(out, "%s+0x%jx", p.function, (uintmax_t)p.offset);
}

#else
/* ---- built without it ---------------------------------------------------------------------- */

struct debuginfo *debuginfo_open(void)
{
	return NULL;
}

void debuginfo_close(struct debuginfo *d)
{
	ASSERT(!d);
}

const char *debuginfo_function(struct debuginfo *d, const void *code)
{
	return dynamic_function(code);
}

int debuginfo_put(struct buf *out, struct debuginfo *d, const void *code)
{
	return put_dynamic(out, code);
}
#endif

void debuginfo_closep(struct debuginfo **d)
{
	debuginfo_close(*d);
}
