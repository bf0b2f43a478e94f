/* hocket/file.h - regular files, off the loop
 *
 * As open(2), pread(2), pwrite(2), fsync(2), rename(2); each is one off-loaded call and returns >= 0 or -errno.
 * hk_file_write writes all or fails. hk_folder_sync makes a rename in that folder durable. */
#ifndef HOCKET_FILE_H
#define HOCKET_FILE_H
#include <hocket/types.h>

HK_BEGIN
HK_MUST int hk_file_open(const char *path, int flags, mode_t mode) HK_SUSPENDS;
HK_MUST int hk_file_close(int fd) HK_SUSPENDS;
HK_MUST ssize_t hk_file_read(int fd, void *, size_t, off_t at) HK_SUSPENDS;
HK_MUST ssize_t hk_file_write(int fd, const void *, size_t, off_t at) HK_SUSPENDS;
HK_MUST int hk_file_sync(int fd) HK_SUSPENDS;
HK_MUST int hk_file_truncate(int fd, off_t length) HK_SUSPENDS;
HK_MUST int hk_file_rename(const char *from, const char *to) HK_SUSPENDS;
HK_MUST int hk_folder_sync(const char *folder) HK_SUSPENDS;

HK_END
#endif
