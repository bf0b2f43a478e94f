/* process_group.c - does anything of a child's process group still run?
 *
 * What this room is for: kill(-group, 0) counts the dead whom nobody has reaped. Orphans are reaped by process 1, in many
 *   containers late or never: who asks only kill(2) would wait for the dead.
 * What flows through:    /proc, one line of each process: "123 (name) S 1 99 ...": state, parent, group.
 * What must hold:
 *  (1) a process that is not there any more has ended meanwhile. Without /proc, and without a descriptor to read it, what
 *      kill(2) says has to do.
 *  (2) a name may contain blanks and brackets: the fields begin behind the last bracket of the line. */
#include "rt/process_group.h"
#include "base/slice.h"
#include "base/units.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/banned.h"

bool process_group_exists(pid_t group)
{
	siginfo_t info;

	ASSERT(group > 1);
	do /* where we are process 1 or a subreaper, its orphans are ours */
		info = (siginfo_t){ 0 };
	while (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0);
	return kill(-group, 0) == 0 || errno != ESRCH;
}

/* "1234 (a name) S 1 567 ...": state S, group 567. */
static bool read_stat(const char *line, char *state, int64_t *group)
{
	const char *rest = strrchr(line, ')'); /* a name may contain anything */
	struct slice field, fields;

	if (!rest || !slice_cut(slice_str(rest), ' ', &field, &fields))
		return false;
	*state = fields.n > 0 ? fields.p[0] : 'X';
	for (int i = 0; i < 2; i++)
		(void)slice_cut(fields, ' ', &field, &fields);
	return slice_cut(fields, ' ', &field, &fields) && units_int(field, group) == 0;
}

/* One of the group that is neither dead nor about to be? Yes also when it cannot be told. */
static bool runs_in(pid_t group, int proc_fd, const char *pid)
{
	char path[32], line[512];
	int64_t its_group = 0;
	char state = 'X';
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%.20s/stat", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	n = read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	line[n > 0 ? n : 0] = 0;
	return read_stat(line, &state, &its_group) && its_group == group && state != 'Z' &&
	       state != 'X';
}

bool process_group_runs(pid_t group)
{
	const struct dirent *entry;
	bool found = false;
	DIR *proc;

	if (!process_group_exists(group))
		return false;
	proc = opendir("/proc");
	if (!proc)
		return true;
	while (!found && (entry = readdir(proc)) != NULL)
		found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			runs_in(group, dirfd(proc), entry->d_name);
	(void)closedir(proc);
	return found;
}
