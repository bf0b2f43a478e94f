/* journal.h - all that was done to files, in order, with the bytes: what a power cut may take back is chosen from it (power.py)
 *
 * Each entry is a line, and behind `write` the bytes themselves. INODE names the file, whatever its path is by now.
 *   create INODE PATH       mkdir INODE PATH        unlink PATH            rename FROM TO
 *   write INODE AT N PATH   size INODE LENGTH PATH  sync INODE PATH (also of folders)
 *   A file that has no name (O_TMPFILE) is created with an empty PATH.
 *   lost INODE PATH         a sync that failed: what was not synced never will be
 * Fields are separated by tabs. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { PIECES_MOST = 64 }; /* of one vector; more is a short write */

enum journal_op { JOURNAL_CREATE, JOURNAL_MKDIR, JOURNAL_SYNC, JOURNAL_LOST };

void journal_open(const char *path);
/* From before a call to behind its entry. Without a journal they do nothing. */
void journal_lock(void);
void journal_unlock(void);

void journal_put_path(enum journal_op, const struct stat *, const char *path);
void journal_put_write(const struct stat *, const char *path, uint64_t at, const struct iovec *,
		       int n, size_t bytes);
void journal_put_size(const struct stat *, const char *path, uint64_t length);
void journal_put_rename(const char *from, const char *to);
void journal_put_unlink(const char *path);
