/* zone.h - what the clocks on the wall say somewhere, as the tz database has it
 *
 * What this room is for: schedules that mean somebody's morning. The process' own TZ is read and never set: other threads
 *   tell the time by it.
 * What must hold: a zone belongs to its arena, and is the same from then on, whatever happens to the files. */
#pragma once
#include "base/arena.h"
#include <stdint.h>

struct zone;
/* By its name in the tz database; NULL: the machine's (TZ, else /etc/localtime). -ENOENT: there is none by this name; -EBADMSG: its
 * file is damaged. NULL in *ret is UTC. */
MUST int zone_open(struct arena *, const char *name, const struct zone **ret);
/* As POSIX writes a rule: CET-1CEST,M3.5.0,M10.5.0/3. -EINVAL. */
MUST int zone_parse_rule(struct arena *, struct slice text, const struct zone **ret);
/* Seconds that the clocks are ahead of UTC at this moment (seconds since 1970). */
int64_t zone_ahead_s(const struct zone *, int64_t utc_s);
/* The moment at which the clocks say so (days since 1970 x 86400 + seconds of the day). One that they pass over is the first behind the
 * gap. Of two equal ones the first; *ret_again, if there is a second, is that, else the same. */
int64_t zone_moment_s(const struct zone *, int64_t local_s, int64_t *ret_again);
