/* file.c - regular files off the loop, also as a whole (src/rt/file_whole.c) */
#include "in_loop.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96], other[96];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/hocket-file-XXXXXX");
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/a", folder);
	snprintf(other, sizeof(other), "%s/b", folder);
}

TEST_IN_SIM(write_sync_read_rename, 3)
{
	char bytes[16] = { 0 };
	struct stat st;
	int fd;

	make_folder();
	fd = hk_file_open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(hk_file_write(fd, "hello world", 11, 0), 11);
	CHECK_INT(hk_file_write(fd, "W", 1, 6), 1);
	CHECK_INT(hk_file_sync(fd), 0);
	CHECK_INT(hk_file_read(fd, bytes, sizeof(bytes), 6), 5);
	CHECK_STR(bytes, "World");
	CHECK_INT(hk_file_read(fd, bytes, sizeof(bytes), 11), 0);
	CHECK_INT(hk_file_truncate(fd, 5), 0);
	CHECK_INT(hk_file_close(fd), 0);
	CHECK_INT(hk_file_rename(path, other), 0);
	CHECK_INT(hk_folder_sync(folder), 0);
	CHECK_INT(hk_name_sync(path), 0);
	CHECK_INT(stat(other, &st), 0);
	CHECK_INT(st.st_size, 5);
	CHECK_INT(unlink(other), 0);
	CHECK_INT(rmdir(folder), 0);
}

TEST_IN_SIM(failures_are_the_systems, 3)
{
	char byte = 0;

	make_folder();
	CHECK_INT(hk_file_open(path, O_RDONLY, 0), -ENOENT);
	CHECK_INT(hk_file_rename(path, other), -ENOENT);
	CHECK_INT(hk_folder_sync(path), -ENOENT);
	CHECK_INT(hk_name_sync("/nowhere/at/all"), -ENOENT);
	CHECK_INT(hk_name_sync("relative"), 0);
	CHECK_INT(hk_file_read(-1, &byte, 1, 0), -EBADF);
	CHECK_INT(hk_file_write(-1, &byte, 1, 0), -EBADF);
	CHECK_INT(hk_file_close(-1), -EBADF);
	CHECK_INT(rmdir(folder), 0);
}

TEST_IN_SIM(a_full_disk_is_told, 3)
{
	int fd = hk_file_open("/dev/full", O_WRONLY, 0);

	CHECK(fd >= 0);
	CHECK_INT(hk_file_write(fd, "x", 1, 0), -ENOSPC);
	CHECK_INT(hk_file_close(fd), 0);
}

/* file.c (2): a cancelled task can still close what it opened. */
TEST_IN_SIM(closing_happens_though_cancelled, 3)
{
	struct hk_scope s;
	int fd = hk_file_open("/dev/null", O_RDONLY, 0);

	hk_scope_open(&s, 0);
	CHECK_INT(hk_file_sync(fd), -ECANCELED);
	CHECK_INT(hk_file_close(fd), 0);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(fcntl(fd, F_GETFD), -1);
}

/* ---- whole files --------------------------------------------------------------------------- */

/* The n-th system call of a replacement fails with EIO; what was called is written down. */
static struct faults {
	struct trace trace;
	int at, calls; /* at: 0: none fails */
	bool armed;
} faults;

static bool faulty(const char *name)
{
	if (!faults.armed)
		return false;
	trace_add(&faults.trace, "%s", name);
	errno = EIO;
	return ++faults.calls == faults.at;
}

int __real_openat64(int, const char *, int, ...);
int __wrap_openat64(int, const char *, int, ...);
int __wrap_openat64(int at, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return faulty("open") ? -1 : __real_openat64(at, name, flags, mode);
}

ssize_t __real_write(int, const void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	/* at most 4 bytes a time, so that a half-written file would be seen */
	return n == sizeof(uint64_t) ? __real_write(fd, p, n) /* the loop's bell */
	       : faulty("write")     ? -1
				     : __real_write(fd, p, faults.armed && n > 4 ? 4 : n);
}

int __real_fsync(int);
int __wrap_fsync(int);
int __wrap_fsync(int fd)
{
	return faulty("fsync") ? -1 : __real_fsync(fd);
}

int __real_close(int);
int __wrap_close(int);
int __wrap_close(int fd)
{
	bool fails = faulty("close");
	return __real_close(fd) < 0 || fails ? -1 : 0;
}

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return faulty("rename") ? -1 : __real_renameat(from_folder, from, to_folder, to);
}

static void check_content(const char *want)
{
	char *bytes;
	size_t n;

	CHECK_INT(hk_file_read_whole(path, 100, &bytes, &n), 0);
	CHECK_INT(n, strlen(want));
	CHECK_STR(bytes ? bytes : "(none)", want);
	free(bytes);
}

static size_t names_in_folder(void)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	CHECK(d != NULL);
	while (readdir(d))
		n++;
	CHECK_INT(closedir(d), 0);
	return n - 2;
}

static void remove_folder(void)
{
	(void)unlink(path);
	CHECK_INT(names_in_folder(), 0);
	CHECK_INT(rmdir(folder), 0);
}

TEST_IN_SIM(a_file_is_read_whole_below_a_ceiling, 3)
{
	char *bytes = path;
	size_t n = 1;
	int fd;

	make_folder();
	CHECK_INT(hk_file_read_whole(path, 100, &bytes, &n), -ENOENT);
	CHECK(!bytes && n == 0);
	CHECK_INT(hk_file_read_whole(folder, 100, &bytes, &n), -EISDIR);
	fd = hk_file_open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_INT(hk_file_read_whole(path, 0, &bytes, &n), 0);
	CHECK(n == 0 && bytes && !*bytes);
	free(bytes);
	CHECK_INT(hk_file_write(fd, "hello", 5, 0), 5);
	CHECK_INT(hk_file_read_whole(path, 4, &bytes, &n), -EFBIG);
	CHECK(!bytes && n == 0);
	CHECK_INT(hk_file_read_whole(path, 0, &bytes, &n), -EFBIG);
	CHECK_INT(hk_file_read_whole(path, 5, &bytes, &n), 0);
	CHECK_INT(n, 5);
	CHECK_STR(bytes, "hello");
	free(bytes);
	CHECK_INT(hk_file_read_whole(path, SIZE_MAX, &bytes, &n), 0);
	CHECK_INT(n, 5);
	free(bytes);
	CHECK_INT(hk_file_truncate(fd, INT64_C(1) << 40), 0); /* a hole: nothing of it is read */
	CHECK_INT(hk_file_read_whole(path, 1000000, &bytes, &n), -EFBIG);
	CHECK_INT(hk_file_close(fd), 0);
	remove_folder();
}

/* Files of /proc have no size; this one is larger than the first guess, too. */
TEST_IN_SIM(a_file_without_a_size_is_read_whole, 3)
{
	char *bytes;
	size_t n;

	CHECK_INT(hk_file_read_whole("/proc/self/status", 100000, &bytes, &n), 0);
	CHECK(n > 100 && strlen(bytes) == n && strncmp(bytes, "Name:", 5) == 0);
	free(bytes);
	CHECK_INT(hk_file_read_whole("/proc/self/smaps", 10000000, &bytes, &n), 0);
	CHECK(n > 5000 && strlen(bytes) == n);
	free(bytes);
	CHECK_INT(hk_file_read_whole("/dev/zero", 10000, &bytes, &n), -EFBIG); /* without end */
}

TEST_IN_SIM(a_file_is_replaced, 3)
{
	struct stat st;

	make_folder();
	CHECK_INT(hk_file_replace(path, "one", 3, 0640), 0);
	check_content("one");
	CHECK_INT(hk_file_stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	CHECK_INT(symlink(path, other), 0);
	CHECK_INT(hk_file_replace(other, "two", 3, 0600), 0); /* the link, not what it means */
	check_content("one");
	CHECK_INT(hk_file_unlink(other), 0);
	CHECK_INT(hk_file_replace(path, "", 0, 0600), 0);
	check_content("");
	remove_folder();
}

TEST_IN_SIM(a_name_without_folder_is_here, 3)
{
	struct stat st;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_folder();
	CHECK_INT(chdir(folder), 0);
	CHECK_INT(hk_file_replace("a", "x", 1, 0600), 0);
	CHECK_INT(hk_file_stat(path, &st), 0);
	CHECK_INT(fchdir(here), 0);
	CHECK_INT(close(here), 0);
	remove_folder();
}

TEST_IN_SIM(what_cannot_be_replaced_stays, 3)
{
	char deep[128], endless[300];

	make_folder();
	snprintf(deep, sizeof(deep), "%s/no/such", folder);
	CHECK_INT(hk_file_replace(deep, "x", 1, 0600), -ENOENT);
	snprintf(deep, sizeof(deep), "%s/", folder);
	CHECK_INT(hk_file_replace(deep, "x", 1, 0600), -EISDIR);
	CHECK_INT(hk_file_replace("", "x", 1, 0600), -ENOENT);
	CHECK_INT(hk_folder_make(path, 0700), 0);
	CHECK_INT(hk_file_replace(path, "x", 1, 0600), -EISDIR); /* of rename */
	CHECK_INT(hk_folder_make(path, 0700), -EEXIST);
	CHECK_INT(rmdir(path), 0);
	memset(endless, 'n', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = 0;
	CHECK_INT(hk_file_replace(endless, "x", 1, 0600), -ENAMETOOLONG);
	CHECK_INT(hk_file_unlink(path), -ENOENT);
	remove_folder();
}

/* Root may write everywhere: it is somebody else for a moment. */
TEST_IN_SIM(in_a_folder_that_may_not_be_written_nothing_changes, 3)
{
	bool root = geteuid() == 0;

	make_folder();
	CHECK_INT(hk_file_replace(path, "old", 3, 0644), 0);
	CHECK_INT(chmod(folder, 0555), 0);
	if (root)
		CHECK_INT(seteuid(65534), 0);
	CHECK_INT(hk_file_replace(path, "new", 3, 0600), -EACCES);
	CHECK_INT(hk_file_unlink(path), -EACCES);
	CHECK_INT(hk_folder_make(other, 0700), -EACCES);
	check_content("old");
	if (root)
		CHECK_INT(seteuid(0), 0);
	CHECK_INT(chmod(folder, 0755), 0);
	CHECK_INT(names_in_folder(), 1);
	remove_folder();
}

/* The disk has room for 6 bytes. */
TEST_IN_SIM(a_full_disk_leaves_the_old_file, 3)
{
	struct rlimit former, few = { 6, 6 };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, action;

	make_folder();
	CHECK_INT(hk_file_replace(path, "old", 3, 0600), 0);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &former), 0);
	few.rlim_max = former.rlim_max;
	CHECK_INT(sigaction(SIGXFSZ, &ignore, &action), 0);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &few), 0);
	CHECK_INT(hk_file_replace(path, "much too long", 13, 0600), -EFBIG);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &former), 0);
	CHECK_INT(sigaction(SIGXFSZ, &action, NULL), 0);
	check_content("old");
	CHECK_INT(names_in_folder(), 1);
	remove_folder();
}

#define STEPS "open open write write fsync close rename fsync close"

static int replace_with_fault(int at)
{
	int r;

	faults = (struct faults){ .at = at, .armed = true };
	r = hk_file_replace(path, "newest", 6, 0600);
	faults.armed = false;
	return r;
}

/* file_whole.c (1): the order is what makes it durable, and whatever fails, the file is one or the other. */
TEST_IN_SIM(any_step_of_a_replacement_may_fail, 3)
{
	enum { ALL = 9, RENAME = 7, FOLDER_CLOSE = 9 };
	int before;

	make_folder();
	CHECK_INT(replace_with_fault(0), 0);
	CHECK_STR(faults.trace.text, STEPS);
	CHECK_INT(faults.calls, ALL);
	before = dup(0); /* the next free descriptor */
	CHECK_INT(close(before), 0);
	for (int at = 1; at <= ALL; at++) {
		CHECK_INT(hk_file_replace(path, "old", 3, 0600), 0);
		CHECK_INT(replace_with_fault(at), at == FOLDER_CLOSE ? 0 : -EIO);
		check_content(at <= RENAME ? "old" : "newest");
		CHECK_INT(names_in_folder(), 1);
	}
	CHECK_INT(dup(0), before); /* no descriptor was left open */
	CHECK_INT(close(before), 0);
	remove_folder();
}

TEST_IN_SIM(cancelled_before_it_began_nothing_changes, 3)
{
	struct hk_scope s;
	struct stat st;
	char *bytes;
	size_t n;

	make_folder();
	CHECK_INT(hk_file_replace(path, "old", 3, 0600), 0);
	hk_scope_open(&s, 0);
	CHECK_INT(hk_file_replace(path, "new", 3, 0600), -ECANCELED);
	CHECK_INT(hk_file_unlink(path), -ECANCELED);
	CHECK_INT(hk_folder_make(other, 0700), -ECANCELED);
	CHECK_INT(hk_file_stat(path, &st), -ECANCELED);
	CHECK_INT(hk_file_read_whole(path, 100, &bytes, &n), -ECANCELED);
	CHECK(!bytes && n == 0);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	check_content("old");
	CHECK_INT(names_in_folder(), 1);
	remove_folder();
}

struct reader {
	int stop, old, new, other;
};

static int read_again_and_again(void *arg)
{
	struct reader *r = arg;

	while (!r->stop) {
		char *bytes;
		size_t n;
		CHECK_INT(hk_file_read_whole(path, 1u << 20, &bytes, &n), 0);
		r->old += n == 100000 && bytes[0] == 'o' && bytes[n - 1] == 'o';
		r->new += n == 200000 && bytes[0] == 'n' && bytes[n - 1] == 'n';
		r->other += n != 100000 && n != 200000;
		free(bytes);
	}
	return 0;
}

TEST_IN_SIM(a_reader_sees_the_old_or_the_new, 3)
{
	static char old[100000], new[200000];
	struct reader r = { 0 };
	struct hk_group g;

	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	make_folder();
	CHECK_INT(hk_file_replace(path, old, sizeof(old), 0600), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, read_again_and_again, &r), 0);
	for (int i = 0; i < 50 || !r.old || !r.new; i++) {
		const char *bytes = i % 2 ? old : new;
		CHECK_INT(hk_file_replace(path, bytes, i % 2 ? sizeof(old) : sizeof(new), 0600), 0);
	}
	r.stop = 1;
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(r.other, 0);
	remove_folder();
}

static const struct test tests[] = {
	T(write_sync_read_rename),
	T(failures_are_the_systems),
	T(a_full_disk_is_told),
	T(closing_happens_though_cancelled),
	T(a_file_is_read_whole_below_a_ceiling),
	T(a_file_without_a_size_is_read_whole),
	T(a_file_is_replaced),
	T(a_name_without_folder_is_here),
	T(what_cannot_be_replaced_stays),
	T(in_a_folder_that_may_not_be_written_nothing_changes),
	T(a_full_disk_leaves_the_old_file),
	T(any_step_of_a_replacement_may_fail),
	T(cancelled_before_it_began_nothing_changes),
	T(a_reader_sees_the_old_or_the_new),
};

int main(void)
{
	return RUN_TESTS(tests);
}
