/* args.h - the command line: one table of verbs, one of flags; both drive parsing, help, completion and the man page
 *
 * What this room is for: argv -> struct args, checked. A verb's function never sees a flag that is not its own, a number that
 *   is not one, or a word outside the list.
 * What must hold: (1) what is not in the tables does not exist; what will come later is in them, marked, and refused with that
 *   sentence. (2) -- ends the flags; -abc bundles switches; --name=value and --name value mean the same. */
#pragma once
#include "base/buf.h"

enum flag_id {
	FLAG_WHERE,
	FLAG_JSON,
	FLAG_EVERY,
	FLAG_SET,
	FLAG_ENV_FILE,
	FLAG_SECRETS,
	FLAG_ALLOW,
	FLAG_STATE,
	FLAG_LIMIT,
	FLAG_UNTIL,
	FLAG_MAX_FAILURES,
	FLAG_FAIL_FAST,
	FLAG_FRESH,
	FLAG_ONCE,
	FLAG_MEMORY,
	FLAG_PROGRESS,
	FLAG_GRACE,
	FLAG_SUMMARY,
	FLAG_FROM,
	FLAG_TO,
	FLAG_CONCURRENCY,
	FLAG_RETRY,
	FLAG_TIMEOUT,
	FLAG_TO_RECORD,
	FLAG_SOURCE,
	FLAG_DOT,
	FLAG_MERMAID,
	FLAG_MARKDOWN,
	FLAG_MAN,
	FLAG_QUIET,
	FLAG_VERBOSE,
	FLAG_HELP,
	FLAG_RECORDS,
	FLAG_LINE,
	FLAG_CALLS,
	FLAG_RAW,
	FLAG_COMPACT,
	FLAG_NULL_INPUT,
	FLAG_TEMPLATE,
	FLAG_URL,
	FLAG_FORMAT,
	FLAG_RES,
	FLAG_ROWS,
	FLAG_ONLY,
	FLAG_LATER, /* all flags that a coming version has */
};
enum flag_type {
	TAKES_NOTHING,
	TAKES_PAIR,  /* key=value */
	TAKES_HOSTS, /* a word of `allow:` */
	TAKES_FILE,
	TAKES_COUNT,  /* 1 or more */
	TAKES_NUMBER, /* 0 or more */
	TAKES_SIZE,
	TAKES_DURATION,
	TAKES_UNTIL, /* a duration or a time: until.h */
	TAKES_SHARE, /* 1 or more, or a percentage */
	TAKES_WORD,  /* one of words */
	TAKES_PROGRAM,
};
/* Which verbs have a flag: a set of these. */
enum verb_bit {
	IN_RUN = 1,
	IN_CHECK = 2,
	IN_FETCH = 4,
	IN_CONNECTORS = 8,
	IN_SCHEMA = 16,
	IN_COMPLETION = 32,
	IN_VERSION = 64,
	IN_HELP = 128,
	IN_GRAPH = 256,
	IN_STATE = 512,
	IN_VERIFY = 1024,
	IN_DEAD_LS = 2048,
	IN_DEAD_SHOW = 4096,
	IN_DEAD_REPLAY = 8192,
	IN_DEAD_EXPORT = 16384,
	IN_DEAD_DROP = 32768,
	IN_DEAD = IN_DEAD_LS | IN_DEAD_SHOW | IN_DEAD_REPLAY | IN_DEAD_EXPORT | IN_DEAD_DROP,
	IN_TRY = 65536,
	IN_JQ = 131072,
	IN_TEST = 262144,
	IN_ALL = 524287,
};
struct flag {
	enum flag_id id;
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum flag_type type;
	const char *shown; /* the value in help: "FILE" */
	const char *const *words;
	unsigned verbs;
	const char *doc; /* one line */
	bool later;
};
struct args;
enum words { WORDS_NONE, WORDS_FILES, WORDS_URLS, WORDS_CONNECTORS, WORDS_SHELLS, WORDS_VERBS };
struct verb {
	const char *name;                 /* "run"; "dead ls" */
	const char *group;                /* of two words the first; NULL: it is one */
	unsigned bit;                     /* 0: comes in a later version */
	int (*main)(const struct args *); /* the exit code */
	enum words takes;                 /* what its words are, for completion */
	unsigned min, max;                /* how many words */
	const char *usage;                /* behind "hocket NAME" */
	const char *also;                 /* what others call it, for "did you mean" */
	const char *doc;                  /* one line */
	const char *more;                 /* a paragraph */
	const char *examples[2][2];       /* command, what it does */
};
extern const struct flag flags[];
extern const size_t flag_count;
extern const struct verb verbs[];
extern const size_t verb_count;

struct given {
	const struct flag *flag;
	const char *text; /* borrows argv; NULL for a switch */
	int64_t number;   /* counts, bytes, ns, index of the word; of a percentage: millionths */
	bool percent;
};
struct args {
	const struct verb *verb;
	struct given *given; /* in the order of the command line */
	size_t given_count;
	const char **words; /* what is not a flag */
	size_t word_count;
	bool help;         /* asked for help (on the verb, when there is one) */
	const char *group; /* with help, without a verb: on the verbs that begin with this word */
};

/* 0, or -1: err has one or two lines for the user (exit code 2). args_done in both cases. */
MUST int args_parse(int argc, char **argv, struct args *ret, struct buf *err);
void args_done(struct args *);
/* The last one given, which is the one that counts; NULL: not given. */
const struct given *args_get(const struct args *, enum flag_id);
bool args_has(const struct args *, enum flag_id);
/* By one word or two; second may be NULL. */
const struct verb *verb_find(const char *first, const char *second);
bool verb_is_in(const struct verb *, const char *group);
const char *verb_word(const struct verb *);           /* its last */
bool words_have(const char *words, const char *word); /* words: with blanks between, or NULL */
