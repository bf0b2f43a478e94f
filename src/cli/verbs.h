/* verbs.h - one function a verb; each returns the exit code */
#pragma once
#include "cli/args.h"
#include <limits.h>

int verb_run(const struct args *); /* job.c drives it */
int verb_check(const struct args *);
int verb_try(const struct args *);
int verb_test(const struct args *);
int verb_jq(const struct args *);
int verb_graph(const struct args *);
int verb_fetch(const struct args *);
int verb_state(const struct args *);
int verb_verify(const struct args *);
int verb_dead_ls(const struct args *);
int verb_dead_show(const struct args *);
int verb_dead_replay(const struct args *);
int verb_dead_export(const struct args *);
int verb_dead_drop(const struct args *);
int verb_connectors(const struct args *);
int verb_schema(const struct args *);
int verb_completion(const struct args *);
int verb_version(const struct args *);
int verb_help(const struct args *);

/* Help on one verb; NULL: the whole program. */
MUST int help_put(const struct verb *, struct buf *out);
/* On all verbs that begin with this word. */
MUST int help_put_group(const char *group, struct buf *out);
MUST int man_put(struct buf *out);
MUST int completion_put(const char *shell, struct buf *out); /* -EINVAL: no such shell */
