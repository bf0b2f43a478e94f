/* journal.c - entries, appended with one write(2) each
 *
 * What this room is for: see journal.h.
 * What flows through:    entries, straight into the journal's file: a killed process leaves all that it has done.
 * What must hold:        entries are put between journal_lock() and journal_unlock(), by the thread that made the call. */
#include "journal.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long journal = -1;

void journal_open(const char *path)
{
	journal = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0600);
}

void journal_lock(void)
{
	if (journal >= 0)
		pthread_mutex_lock(&lock);
}

void journal_unlock(void)
{
	if (journal >= 0)
		pthread_mutex_unlock(&lock);
}

static void put(const char *head, int n, const struct iovec *v, int count)
{
	struct iovec all[PIECES_MOST + 1] = { { (void *)head, (size_t)n } };
	if (journal < 0)
		return;
	if (count > 0)
		memcpy(all + 1, v, (size_t)count * sizeof(*v));
	(void)!syscall(SYS_writev, journal, all, count + 1);
}

void journal_put_path(enum journal_op op, const struct stat *st, const char *path)
{
	static const char *const words[] = { "create", "mkdir", "sync", "lost" };
	char head[5000];
	put(head,
	    snprintf(head, sizeof(head), "%s\t%ju\t%s\n", words[op], (uintmax_t)st->st_ino, path),
	    NULL, 0);
}

void journal_put_write(const struct stat *st, const char *path, uint64_t at, const struct iovec *v,
		       int n, size_t bytes)
{
	struct iovec written[PIECES_MOST];
	char head[5000];
	int count = 0;
	int length = snprintf(head, sizeof(head), "write\t%ju\t%ju\t%zu\t%s\n",
			      (uintmax_t)st->st_ino, (uintmax_t)at, bytes, path);
	for (; count < n && count < PIECES_MOST && bytes > 0; count++) {
		written[count] = v[count];
		if (written[count].iov_len > bytes)
			written[count].iov_len = bytes;
		bytes -= written[count].iov_len;
	}
	put(head, length, written, count);
}

void journal_put_size(const struct stat *st, const char *path, uint64_t length)
{
	char head[5000];
	put(head,
	    snprintf(head, sizeof(head), "size\t%ju\t%ju\t%s\n", (uintmax_t)st->st_ino,
		     (uintmax_t)length, path),
	    NULL, 0);
}

void journal_put_rename(const char *from, const char *to)
{
	char head[9000];
	put(head, snprintf(head, sizeof(head), "rename\t%s\t%s\n", from, to), NULL, 0);
}

void journal_put_unlink(const char *path)
{
	char head[5000];
	put(head, snprintf(head, sizeof(head), "unlink\t%s\n", path), NULL, 0);
}
