/* folder.c - a folder as it is at one instant, kept and put back: what is left when a process is killed
 *
 * What this room is for: kill -9 within one process. What was written with write(2), or into a mapping, outlives a process
 *   that is killed; so a copy of all bytes at an instant is what the next process would find. Receipts name files by their inodes:
 *   each is held by a second link meanwhile, and gets its bytes of that instant back.
 * What must hold:        nothing of hocket runs while it keeps a folder: it does not suspend. Locks are not kept. */
#include "base/lang.h"
#include "world.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 300 };
#define BYTES ".bytes" /* beside each link: what was in it */

static void join(char out[NAME_BYTES], const char *folder, const char *name)
{
	ASSERT(snprintf(out, NAME_BYTES, "%s/%s", folder, name) < NAME_BYTES);
}

static void copy_bytes(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT(in >= 0 && out >= 0);
	for (ssize_t n; (n = read(in, block, sizeof block)) > 0;)
		ASSERT(write(out, block, (size_t)n) == n);
	close(in);
	close(out);
}

/* Calls each for everything in a folder, with its name there and, if to is given, beneath that. */
static void folder_each(const char *path, const char *to, void (*each)(const char *, const char *))
{
	DIR *d = opendir(path);
	ASSERT(d);
	for (struct dirent *e; (e = readdir(d));) {
		char from[NAME_BYTES], into[NAME_BYTES] = "";
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		join(from, path, e->d_name);
		if (to)
			join(into, to, e->d_name);
		each(from, into);
	}
	closedir(d);
}

static bool is_folder(const char *path)
{
	struct stat s;
	ASSERT(lstat(path, &s) == 0);
	return S_ISDIR(s.st_mode);
}

static void keep_one(const char *from, const char *to)
{
	char bytes[NAME_BYTES + sizeof BYTES];
	if (is_folder(from)) {
		folder_keep(from, to);
		return;
	}
	snprintf(bytes, sizeof bytes, "%s" BYTES, to);
	copy_bytes(from, bytes);
	ASSERT(link(from, to) == 0);
}

void folder_keep(const char *folder, const char *kept)
{
	ASSERT(mkdir(kept, 0700) == 0);
	folder_each(folder, kept, keep_one);
}

static void restore_one(const char *path, const char *unused)
{
	char bytes[NAME_BYTES + sizeof BYTES];
	(void)unused;
	if (slice_ends(slice_str(path), S(BYTES)))
		return; /* it goes with its file */
	if (is_folder(path)) {
		folder_each(path, NULL, restore_one);
		return;
	}
	snprintf(bytes, sizeof bytes, "%s" BYTES, path);
	copy_bytes(bytes, path);
	ASSERT(unlink(bytes) == 0);
}

void folder_put_back(const char *kept, const char *folder)
{
	folder_remove(folder);
	folder_each(kept, NULL, restore_one);
	ASSERT(rename(kept, folder) == 0);
}

static void remove_one(const char *path, const char *unused)
{
	(void)unused;
	if (is_folder(path))
		folder_remove(path);
	else
		ASSERT(unlink(path) == 0);
}

void folder_remove(const char *path)
{
	folder_each(path, NULL, remove_one);
	ASSERT(rmdir(path) == 0);
}
