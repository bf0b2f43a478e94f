/* fault.c - counting calls, and one of them goes wrong
 *
 * What this room is for: the switch between "as ever" and "now". Everything is read once, from the environment, before main().
 * What flows through:    each call twice, before and after it is made.
 * What must hold:
 *  (1) counts are right whatever thread calls. (2) nothing here calls what the shim has taken over: only syscall(2).
 *  (3) while a journal is kept, calls on files are made one at a time, so that its order is the order. */
#include "fault.h"
#include "journal.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *const kind_words[] = {
	[OPEN] = "open",         [MKDIR] = "mkdir",   [WRITE] = "write",
	[TRUNCATE] = "truncate", [FSYNC] = "fsync",   [FDATASYNC] = "fdatasync",
	[RENAME] = "rename",     [UNLINK] = "unlink", [SEND] = "send",
	[RECV] = "recv",         [MALLOC] = "malloc", [KINDS] = "",
	[SYNC] = "sync",         [ANY] = "any",
};
static const struct {
	const char *word;
	enum what what;
	int error;
} what_words[] = {
	{ "before", BEFORE, 0 },     { "after", AFTER, 0 }, { "torn", TORN, 0 },
	{ "short", SHORT, 0 },       { "EIO", FAILS, EIO }, { "ENOSPC", FAILS, ENOSPC },
	{ "ENOMEM", FAILS, ENOMEM },
};

/* As shim.py reads it. */
struct counts {
	_Atomic uint64_t calls[KINDS];
	_Atomic int64_t first_ns[KINDS]; /* CLOCK_MONOTONIC; of what is watched, if anything is */
	uint64_t peak_kib;       /* largest resident set, of a process that has ended by itself */
	_Atomic uint64_t met;    /* the fault has happened, */
	char path[PATH_MAX / 2]; /* to this file */
};

static struct {
	enum kind kind;
	char word[64];
	uint64_t n;
	enum what what;
	int error;
	bool stays; /* and all that follow */
} fault;
static _Atomic uint64_t matched;
static char under[PATH_MAX];
static const char *watch;
static struct counts own, *counts = &own;
static uintptr_t code_from, code_end; /* the program's own */
static bool armed;

/* ---- what the environment says ---------------------------------------------------------------- */

static void read_what(const char *word)
{
	for (size_t i = 0; i < sizeof(what_words) / sizeof(*what_words); i++) {
		size_t n = strlen(what_words[i].word);
		if (strncmp(word, what_words[i].word, n) != 0)
			continue;
		fault.what = what_words[i].what;
		fault.error = what_words[i].error;
		fault.stays = word[n] == '+';
	}
}

static void read_fault(const char *text)
{
	size_t kind = strcspn(text, "@:");
	const char *colon = strchr(text, ':');
	for (size_t i = 0; i < sizeof(kind_words) / sizeof(*kind_words); i++)
		if (strlen(kind_words[i]) == kind && strncmp(text, kind_words[i], kind) == 0)
			fault.kind = (enum kind)i;
	if (!colon)
		return;
	if (text[kind] == '@') {
		size_t n = (size_t)(colon - text) - kind - 1;
		memcpy(fault.word, text + kind + 1,
		       n < sizeof(fault.word) ? n : sizeof(fault.word) - 1);
	}
	char *end;
	fault.n = strtoull(colon + 1, &end, 10);
	if (*end == ':')
		read_what(end + 1);
}

static void share_counts(const char *path)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd,
				0);
	if (p != MAP_FAILED)
		counts = p;
	if (fd >= 0)
		syscall(SYS_close, fd);
}

/* The first object is the program. */
static int find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		code_from = info->dlpi_addr + p->p_vaddr;
		code_end = code_from + p->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void arm(void)
{
	const char *text = getenv("HOCKET_FAULT"), *folder = getenv("HOCKET_UNDER");
	const char *shared = getenv("HOCKET_COUNTS"), *journal = getenv("HOCKET_JOURNAL");
	fault.kind = KINDS;
	if (folder)
		strncat(under, folder, sizeof(under) - 1);
	if (text)
		read_fault(text);
	if (shared)
		share_counts(shared);
	if (journal)
		journal_open(journal);
	watch = getenv("HOCKET_WATCH");
	dl_iterate_phdr(find_code, NULL);
	unsetenv("LD_PRELOAD");
	armed = folder != NULL;
}

/* The kernel's count of this program's memory: that of getrusage(2) begins with what was in the process before it. */
__attribute__((destructor)) static void note_peak(void)
{
	char text[4096];
	long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
	long n = fd < 0 ? -1 : syscall(SYS_read, fd, text, sizeof(text) - 1);
	if (n < 0)
		return;
	text[n] = 0;
	const char *peak = strstr(text, "VmHWM:");
	counts->peak_kib = peak ? strtoull(peak + 6, NULL, 10) : 0;
	syscall(SYS_close, fd);
}

/* ---- which calls are ours ---------------------------------------------------------------------- */

static bool is_under(const char *path)
{
	size_t n = strlen(under);
	return n && strncmp(path, under, n) == 0 && (path[n] == '/' || !path[n]);
}

static bool put_path_of_fd(int fd, char path[static PATH_MAX])
{
	char link[32] = "/proc/self/fd/";
	char digits[12];
	size_t at = strlen(link), n = 0;
	do
		digits[n++] = (char)('0' + fd % 10);
	while ((fd /= 10) > 0);
	while (n > 0)
		link[at++] = digits[--n];
	long r = syscall(SYS_readlinkat, AT_FDCWD, link, path, (size_t)PATH_MAX - 1);
	path[r > 0 ? r : 0] = 0;
	return r > 0;
}

bool call_of_fd(struct call *c, enum kind kind, int fd)
{
	int error = errno;
	bool ours = false;
	c->kind = kind;
	c->what = NOTHING;
	c->path[0] = 0;
	if (armed && fd >= 0 && fstat(fd, &c->st) == 0) {
		bool wire = kind == SEND || kind == RECV;
		if (wire || S_ISSOCK(c->st.st_mode))
			ours = wire && S_ISSOCK(c->st.st_mode);
		else if (S_ISREG(c->st.st_mode) || S_ISDIR(c->st.st_mode))
			ours = put_path_of_fd(fd, c->path) && is_under(c->path);
	}
	errno = error;
	return ours;
}

bool call_of_path(struct call *c, enum kind kind, int folder, const char *path)
{
	int error = errno;
	size_t n = 0;
	c->kind = kind;
	c->what = NOTHING;
	c->path[0] = 0;
	if (!armed)
		return false;
	if (path[0] != '/') {
		if (folder != AT_FDCWD)
			put_path_of_fd(folder, c->path);
		else if (syscall(SYS_getcwd, c->path, sizeof(c->path)) < 0)
			c->path[0] = 0;
		n = strlen(c->path);
		if (n + 1 < sizeof(c->path))
			c->path[n++] = '/';
	}
	c->path[n] = 0;
	strncat(c->path, path, sizeof(c->path) - n - 1);
	errno = error;
	return is_under(c->path);
}

bool call_of_memory(struct call *c, const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	c->kind = MALLOC;
	c->what = NOTHING;
	c->path[0] = 0;
	return armed && at >= code_from && at < code_end;
}

/* ---- counting, and the fault -------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void count_call(const struct call *c)
{
	int64_t none = 0;
	/* SQLite's shared memory is no output. */
	bool watched =
		!watch || !c->path[0] || (strstr(c->path, watch) && !strstr(c->path, "-shm"));
	atomic_fetch_add(&counts->calls[c->kind], 1);
	if (watched && !atomic_load(&counts->first_ns[c->kind]))
		atomic_compare_exchange_strong(&counts->first_ns[c->kind], &none, now_ns());
}

static bool is_sync(const struct call *c)
{
	return c->kind == FSYNC || c->kind == FDATASYNC;
}

static bool is_meant(const struct call *c)
{
	bool kind = fault.kind == c->kind || (fault.kind == ANY && c->kind <= SEND) ||
		    (fault.kind == SYNC && is_sync(c));
	if (!kind || (fault.word[0] && !strstr(c->path, fault.word)))
		return false;
	uint64_t n = atomic_fetch_add(&matched, 1) + 1;
	return n == fault.n || (fault.stays && n > fault.n);
}

static bool is_on_files(const struct call *c)
{
	return c->kind <= UNLINK;
}

static void tell_met(const struct call *c)
{
	if (atomic_exchange(&counts->met, 1) == 0)
		memccpy(counts->path, c->path, 0, sizeof(counts->path) - 1);
}

/* Between two entries of the journal, so that it has all that was done. */
__attribute__((noreturn)) static void die(const struct call *c)
{
	if (!is_on_files(c))
		journal_lock();
	syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	for (;;)
		syscall(SYS_pause);
}

bool call_begins(struct call *c)
{
	if (is_on_files(c))
		journal_lock();
	count_call(c);
	if (!is_meant(c))
		return true;
	c->what = fault.what;
	tell_met(c);
	if (c->what == BEFORE || (c->what == TORN && c->kind != WRITE && c->kind != SEND))
		die(c);
	if (c->what != FAILS)
		return true;
	if (is_sync(c))
		journal_put_path(JOURNAL_LOST, &c->st, c->path);
	if (is_on_files(c))
		journal_unlock();
	errno = fault.error;
	return false;
}

size_t call_room(const struct call *c, size_t n)
{
	bool half = c->what == TORN || c->what == SHORT;
	return half && n > 1 ? n / 2 : n;
}

long call_ends(struct call *c, long result)
{
	int error = errno;
	if (c->what == AFTER || c->what == TORN)
		die(c);
	if (is_on_files(c))
		journal_unlock();
	errno = error;
	return result;
}
