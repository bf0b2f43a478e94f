/* file.c - regular files off the loop */
#include "in_loop.h"
#include <fcntl.h>
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

TEST_IN_LOOP(write_sync_read_rename)
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
	CHECK_INT(stat(other, &st), 0);
	CHECK_INT(st.st_size, 5);
	CHECK_INT(unlink(other), 0);
	CHECK_INT(rmdir(folder), 0);
}

TEST_IN_LOOP(failures_are_the_systems)
{
	char byte = 0;

	make_folder();
	CHECK_INT(hk_file_open(path, O_RDONLY, 0), -ENOENT);
	CHECK_INT(hk_file_rename(path, other), -ENOENT);
	CHECK_INT(hk_folder_sync(path), -ENOENT);
	CHECK_INT(hk_file_read(-1, &byte, 1, 0), -EBADF);
	CHECK_INT(hk_file_write(-1, &byte, 1, 0), -EBADF);
	CHECK_INT(hk_file_close(-1), -EBADF);
	CHECK_INT(rmdir(folder), 0);
}

TEST_IN_LOOP(a_full_disk_is_told)
{
	int fd = hk_file_open("/dev/full", O_WRONLY, 0);

	CHECK(fd >= 0);
	CHECK_INT(hk_file_write(fd, "x", 1, 0), -ENOSPC);
	CHECK_INT(hk_file_close(fd), 0);
}

/* file.c (2): a cancelled task can still close what it opened. */
TEST_IN_LOOP(closing_happens_though_cancelled)
{
	struct hk_scope s;
	int fd = hk_file_open("/dev/null", O_RDONLY, 0);

	hk_scope_open(&s, 0);
	CHECK_INT(hk_file_sync(fd), -ECANCELED);
	CHECK_INT(hk_file_close(fd), 0);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(fcntl(fd, F_GETFD), -1);
}

static const struct test tests[] = {
	T(write_sync_read_rename),
	T(failures_are_the_systems),
	T(a_full_disk_is_told),
	T(closing_happens_though_cancelled),
};

int main(void)
{
	return RUN_TESTS(tests);
}
