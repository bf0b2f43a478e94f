/* hints.c - mistakes that are known by the look of things
 *
 * What this room is for: who gives the data instead of the pipeline, or an output in a folder that is not there, is told what to type.
 * What flows through:    names of files in, sentences on stderr out.
 * What must hold:        nothing is guessed that may be otherwise: a pipeline may be called anything, so a name counts only
 *   where pipelines never have it. */
#include "cli/hints.h"
#include "cli/term.h"
#include "connectors/files/unpack.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- data, not a pipeline ---- */
static struct slice without_packing(struct slice name)
{
	if (slice_ends(name, S(".gz")))
		name.n -= 3;
	else if (slice_ends(name, S(".zst")))
		name.n -= 4;
	return name;
}

/* The verb that reads it; NULL: the name does not say. */
static const char *verb_of(struct slice name)
{
	name = without_packing(name);
	if (slice_ends(name, S(".csv")))
		return "csv";
	if (slice_ends(name, S(".jsonl")) || slice_ends(name, S(".ndjson")))
		return "jsonl";
	return NULL;
}

static bool is_packed(const char *path)
{
	char head[4];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false; /* whoever reads it says why */
	ssize_t n = read(fd, head, sizeof head);
	(void)close(fd); /* only read */
	return n > 0 && packing_of_head((struct slice){ head, (size_t)n }) != PACKING_NONE;
}

/* "data/users.csv.gz" -> "users" */
static struct slice stem(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct slice name = without_packing(slice_str(slash ? slash + 1 : path));
	const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
	return dot && dot > name.p ? slice_head(name, (size_t)(dot - name.p)) : name;
}

bool hints_refuse_data(const char *path)
{
	const char *verb = verb_of(slice_str(path));
	if (strcmp(path, "-") == 0 || access(path, F_OK) < 0 || (!verb && !is_packed(path)))
		return false;
	struct slice name = stem(path);
	say("'%s' is data, not a pipeline. A pipeline that reads it:\n\n"
	    "  # %.*s.yaml\n  from: {%s: %s}\n  to: stdout\n\n"
	    "then: hocket try %.*s.yaml",
	    path, SLICE(name), verb ? verb : "jsonl", path, SLICE(name));
	return true;
}

/* ---- folders ---- */
/* NULL: it is no path, or one of many that a template names: their folders are made. Owned by the caller. */
static char *folder_of(struct slice door)
{
	if (door.n == 0 || door.p[0] != '/' || memmem(door.p, door.n, "\\(", 2))
		return NULL;
	const char *slash = memrchr(door.p, '/', door.n);
	return slash && slash > door.p ? xstrndup(door.p, (size_t)(slash - door.p)) : NULL;
}

static size_t hint_folder(const char *label, struct slice door)
{
	AUTO(freep) char *folder = folder_of(door);
	struct stat st;
	if (!folder || stat(folder, &st) == 0)
		return 0;
	const char *shown = path_shown(folder);
	say("%s: the folder '%s' does not exist: mkdir -p '%s'", label, shown, shown);
	return 1;
}

size_t hints_missing_folders(const struct plan *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->sink_count; i++)
		n += hint_folder(p->sinks[i].label, p->sinks[i].facts.door);
	return n + (p->dead_path ? hint_folder("dead", slice_str(p->dead_path)) : 0);
}
