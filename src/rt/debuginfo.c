/* debuginfo.c - names and lines of code, by elfutils' libdw where it is installed
 *
 * What this room is for: static functions have no dynamic symbol, inlined ones have no symbol at all, and a line says more
 *   than an offset. All that is in the debug information; libdw reads it.
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
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <sys/auxv.h>
#endif
#include "base/banned.h"

/* ---- as text ------------------------------------------------------------------------------- */

/* As __FILE__ has it, but for the way from the build folder up to the sources. */
static const char *readable(const char *file)
{
	while (strncmp(file, "../", 3) == 0)
		file += 3;
	return file;
}

int code_place_put(struct buf *out, const struct code_place *p)
{
	if (p->function && p->file)
		return buf_printf(out, "%s (%s:%d)", p->function, readable(p->file), p->line);
	if (p->function)
		return buf_printf(out, "%s+0x%zx", p->function, p->offset);
	return buf_printf(out, "%s%s0x%zx", p->object ? p->object : "", p->object ? "+" : "",
			  p->offset);
}

/* ---- without debug information: the dynamic symbols ----------------------------------------- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static struct code_place dynamic_place(const void *code)
{
	struct code_place p = { .offset = (uintptr_t)code };
	Dl_info info;

	if (!dladdr(code, &info))
		return p;
	p.function = info.dli_sname;
	p.object = last_part(info.dli_fname);
	p.offset = (uintptr_t)code - (uintptr_t)(p.function ? info.dli_saddr : info.dli_fbase);
	return p;
}

#ifdef HOCKET_LIBDW
/* ---- with libdw: opening it ----------------------------------------------------------------- */

enum { REMEMBERED = 128, PLACES = 12 };

/* What was found, by address: a thousand tasks of one kind wait in the same few places. */
struct known_code {
	const void *code;
	size_t n;
	struct code_place places[PLACES];
};

#define FUNCTION(name) __typeof__(&name) name
struct debuginfo {
	struct known_code known[REMEMBERED];
	void *library;
	Dwfl *dwfl;
	Dwfl_Callbacks callbacks;
	FUNCTION(dwfl_begin);
	FUNCTION(dwfl_end);
	FUNCTION(dwfl_linux_proc_report);
	FUNCTION(dwfl_linux_proc_find_elf);
	FUNCTION(dwfl_report_end);
	FUNCTION(dwfl_addrmodule);
	FUNCTION(dwfl_module_addrinfo);
	FUNCTION(dwfl_module_addrdie);
	FUNCTION(dwfl_module_nextcu);
	FUNCTION(dwarf_haspc);
	FUNCTION(dwarf_getsrc_die);
	FUNCTION(dwarf_lineno);
	FUNCTION(dwarf_linesrc);
	FUNCTION(dwarf_getscopes);
	FUNCTION(dwarf_getscopes_die);
	FUNCTION(dwarf_tag);
	FUNCTION(dwarf_diename);
	FUNCTION(dwarf_attr);
	FUNCTION(dwarf_formudata);
	FUNCTION(dwarf_getsrcfiles);
	FUNCTION(dwarf_filesrc);
};
#undef FUNCTION

#define FUNCTION(name)                                  \
	{                                               \
#name, offsetof(struct debuginfo, name) \
	}
static const struct {
	const char *name;
	size_t at;
} functions[] = {
	FUNCTION(dwfl_begin),
	FUNCTION(dwfl_end),
	FUNCTION(dwfl_linux_proc_report),
	FUNCTION(dwfl_linux_proc_find_elf),
	FUNCTION(dwfl_report_end),
	FUNCTION(dwfl_addrmodule),
	FUNCTION(dwfl_module_addrinfo),
	FUNCTION(dwfl_module_addrdie),
	FUNCTION(dwfl_module_nextcu),
	FUNCTION(dwarf_haspc),
	FUNCTION(dwarf_getsrc_die),
	FUNCTION(dwarf_lineno),
	FUNCTION(dwarf_linesrc),
	FUNCTION(dwarf_getscopes),
	FUNCTION(dwarf_getscopes_die),
	FUNCTION(dwarf_tag),
	FUNCTION(dwarf_diename),
	FUNCTION(dwarf_attr),
	FUNCTION(dwarf_formudata),
	FUNCTION(dwarf_getsrcfiles),
	FUNCTION(dwarf_filesrc),
};
#undef FUNCTION

static bool find_functions(struct debuginfo *d)
{
	if (getauxval(AT_BASE) == 0)
		return false; /* a static program: a library would bring a second libc with it */
	d->library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; d->library && i < ARRAY_SIZE(functions); i++) {
		void *found = dlsym(d->library, functions[i].name);
		if (!found)
			return false;
		memcpy((char *)d + functions[i].at, &found, sizeof(found));
	}
	return d->library;
}

static int no_separate_files(Dwfl_Module *module, void **userdata, const char *name,
			     Dwarf_Addr base, const char *file, const char *link, GElf_Word crc,
			     char **ret)
{
	return -1;
}

struct debuginfo *debuginfo_open(void)
{
	struct debuginfo *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	if (find_functions(d)) {
		d->callbacks = (Dwfl_Callbacks){ .find_elf = d->dwfl_linux_proc_find_elf,
						 .find_debuginfo = no_separate_files };
		d->dwfl = d->dwfl_begin(&d->callbacks);
	}
	if (d->dwfl && d->dwfl_linux_proc_report(d->dwfl, getpid()) == 0 &&
	    d->dwfl_report_end(d->dwfl, NULL, NULL) == 0)
		return d;
	debuginfo_close(d);
	return NULL;
}

void debuginfo_close(struct debuginfo *d)
{
	if (!d)
		return;
	if (d->dwfl)
		d->dwfl_end(d->dwfl);
	if (d->library)
		(void)dlclose(d->library);
	free(d);
}

/* ---- with libdw: looking up ----------------------------------------------------------------- */

/* An instruction in the debug information of its compilation unit. */
struct spot {
	Dwarf_Die *unit;
	Dwarf_Addr pc; /* as the unit counts */
};

static struct spot find_spot(struct debuginfo *d, Dwfl_Module *module, Dwarf_Addr at)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = d->dwfl_module_addrdie(module, at, &bias);

	if (unit)
		return (struct spot){ unit, at - bias };
	/* Clang writes no table of which unit an address belongs to: ask each of them. */
	while ((unit = d->dwfl_module_nextcu(module, unit, &bias)) != NULL &&
	       d->dwarf_haspc(unit, at - bias) != 1)
		;
	return (struct spot){ unit, at - bias };
}

static void find_line(struct debuginfo *d, const struct spot *s, struct code_place *ret)
{
	Dwarf_Line *line = d->dwarf_getsrc_die(s->unit, s->pc);

	if (line && d->dwarf_lineno(line, &ret->line) == 0)
		ret->file = d->dwarf_linesrc(line, NULL, NULL);
}

static bool number_of(struct debuginfo *d, Dwarf_Die *die, unsigned name, Dwarf_Word *ret)
{
	Dwarf_Attribute attribute;
	return d->dwarf_attr(die, name, &attribute) && d->dwarf_formudata(&attribute, ret) == 0;
}

/* Where the inlined function was called: the place in the function around it. */
static void find_call(struct debuginfo *d, const struct spot *s, Dwarf_Die *inlined,
		      struct code_place *ret)
{
	Dwarf_Word file, line;
	Dwarf_Files *files;
	size_t n;

	*ret = (struct code_place){ 0 };
	if (!number_of(d, inlined, DW_AT_call_file, &file) ||
	    !number_of(d, inlined, DW_AT_call_line, &line) ||
	    d->dwarf_getsrcfiles(s->unit, &files, &n) != 0 || file >= n)
		return;
	ret->file = d->dwarf_filesrc(files, file, NULL, NULL);
	ret->line = (int)line;
}

/* The blocks around the instruction, the innermost first. */
static int find_blocks(struct debuginfo *d, const struct spot *s, Dwarf_Die **ret)
{
	Dwarf_Die *scopes = NULL;
	int n = d->dwarf_getscopes(s->unit, s->pc, &scopes);

	n = n > 0 ? d->dwarf_getscopes_die(&scopes[0], ret) : 0;
	free(scopes);
	return n;
}

static size_t find_places(struct debuginfo *d, const struct spot *s, struct code_place *ret,
			  size_t most)
{
	struct code_place at = { 0 };
	Dwarf_Die *blocks = NULL;
	int blocks_n = find_blocks(d, s, &blocks);
	size_t n = 0;

	find_line(d, s, &at);
	for (int i = 0; i < blocks_n && n < most; i++) {
		int tag = d->dwarf_tag(&blocks[i]);
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		at.function = d->dwarf_diename(&blocks[i]);
		ret[n++] = at;
		if (tag == DW_TAG_subprogram)
			break;
		find_call(d, s, &blocks[i], &at);
	}
	free(blocks);
	return n;
}

static size_t look_up(struct debuginfo *d, const void *code, struct code_place *ret, size_t most)
{
	Dwarf_Addr at = (uintptr_t)code;
	Dwfl_Module *module = d->dwfl_addrmodule(d->dwfl, at);
	struct spot spot = { 0 };
	GElf_Sym symbol;
	GElf_Off offset;
	size_t n = 0;

	ret[0] = dynamic_place(code);
	if (module)
		spot = find_spot(d, module, at);
	if (spot.unit)
		n = find_places(d, &spot, ret, most);
	if (n > 0 || !module || ret[0].function)
		return n > 0 ? n : 1;
	ret[0].function = d->dwfl_module_addrinfo(module, at, &offset, &symbol, NULL, NULL, NULL);
	if (ret[0].function)
		ret[0].offset = offset;
	return 1;
}

size_t debuginfo_places(struct debuginfo *d, const void *code, struct code_place *ret, size_t most)
{
	struct known_code *k = d ? &d->known[(uintptr_t)code % REMEMBERED] : NULL;
	size_t n;

	ASSERT(most > 0);
	if (!k) {
		ret[0] = dynamic_place(code);
		return 1;
	}
	if (k->code != code) {
		k->n = look_up(d, code, k->places, PLACES);
		k->code = code;
	}
	n = k->n < most ? k->n : most;
	memcpy(ret, k->places, n * sizeof(*ret));
	return n;
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

size_t debuginfo_places(struct debuginfo *d, const void *code, struct code_place *ret, size_t most)
{
	ASSERT(most > 0);
	ret[0] = dynamic_place(code);
	return 1;
}
#endif

void debuginfo_closep(struct debuginfo **d)
{
	debuginfo_close(*d);
}
