/* exits.h - what the exit code says; the worst that happened wins: 4 > 1 > 5 > 75 > 3 > 0 (GUARANTEES.md, I11) */
#pragma once

enum {
	EXITS_DONE = 0,     /* everything delivered or filtered; nothing new; --limit reached */
	EXITS_FAILED = 1,   /* our disk, the sink, a volatile source interrupted */
	EXITS_USAGE = 2,    /* the command line */
	EXITS_DEAD = 3,     /* finished, with dead letters */
	EXITS_BROKEN = 4,   /* accounts or state do not add up */
	EXITS_FAILURES = 5, /* stopped because too much failed */
	EXITS_EARLY = 75,   /* stopped early; the same command goes on */
	EXITS_FILE = 78,    /* the pipeline file is wrong, or a secret is missing */
};
