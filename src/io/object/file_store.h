/* file_store.h - what file_store.c has its threads do */
#pragma once
#include "io/checksum.h"
#include "io/object.h"

#include <sys/stat.h>

/* Names are C strings that beneath_check let through. All block, and report in err with `name` in the words. */
struct file_job {
	const char *root, *name;
	const struct object_put *put;
	bool already;
	int fd;   /* of a file that is read; -1: none */
	char *to; /* where it is read to, `room` bytes */
	size_t room;
	struct stat st;
	uint8_t md5[MD5_BYTES];
	struct err *err;
};
MUST int file_write_beneath(void *job); /* job.put under job.name */
MUST int file_open_beneath(void *job);  /* the regular file job.name: fd, st */
MUST int file_read_whole(void *job);    /* fd: all of it to `to`, md5 */
MUST int file_sum(void *job);           /* fd: md5, without keeping the bytes */

struct file_listing {
	const char *root;
	const struct object_list *list;
	struct object_page *page;
	struct err *err;
};
MUST int file_list_beneath(void *listing);

/* "inode-mtime" in hexadecimal digits: another file under the name, or the same one written again, has another one. */
MUST int file_generation(const struct stat *, struct buf *out);
/* Raises what a system call refused: what the name is to blame for is FAULT_BAD_VALUE, everything else FAULT_IO. */
int file_fail(struct err *, const char *root, struct slice name, int negative_errno,
	      const char *what);
