/* err.h - the story of one failure: what kind, where, in words
 *
 * What this room is for: from the place where a human noun is known (file, URL, table, record) upward,
 *   errors are a `struct err`: raised once, wrapped with context on the way up, printed once.
 * What flows through: the fault (what the caller may do), a code (status, errno, SQLite code) and a
 *   message: lower case, no full stop, the subject quoted, with what to do about it.
 * What must hold: (1) raising never allocates. (2) who returns an error does not log it.
 *   (3) each fault has exactly one policy, here; connectors classify, the engine acts. */
#pragma once
#include "base/lang.h"

/* The classes of GUARANTEES.md; the words printed for them are fault_name()'s. */
enum fault {
	FAULT_NONE,
	FAULT_REFUSED,
	FAULT_DNS,
	FAULT_CONNECT_TIMEOUT,
	FAULT_TLS,
	FAULT_RESET,
	FAULT_TIMEOUT, /* err.clock says which one */
	FAULT_RATE_LIMITED,
	FAULT_TRUNCATED,
	FAULT_STATUS,   /* err.code is the HTTP status */
	FAULT_PROTOCOL, /* what came is not the protocol that was spoken to it */
	FAULT_NOT_ACCEPTED,
	FAULT_TOO_LARGE,
	FAULT_INVALID_JSON,
	FAULT_BAD_VALUE,
	FAULT_JQ,
	FAULT_FORBIDDEN,
	FAULT_CERTIFICATE,     /* a certificate refused: no record can succeed */
	FAULT_UNKNOWN_OUTCOME, /* it was asked for, must not be asked twice, and the answer is lost */
	FAULT_SQL,
	FAULT_SMTP,          /* err.code is the reply code */
	FAULT_WORKER_ERROR,  /* the function raised, the program said no */
	FAULT_WORKER_OUTPUT, /* what it gave cannot be an answer */
	FAULT_WORKER_CRASH,  /* err.code is the signal; 0: it ended by itself */
	FAULT_WORKER_OOM,    /* it was given no more memory */
	FAULT_WORKER_TIMEOUT,
	FAULT_IO,     /* our own disk, state, memory, output */
	FAULT_CONFIG, /* the file, a table, an existing output is wrong: a human must act */
	FAULT_BROKEN, /* our own state or accounts make no sense */
	FAULT_CANCELLED,
	FAULT_COUNT,
};

/* ALONE: once more, in a call of its own, then dead. */
enum policy { POLICY_NONE, POLICY_RETRY, POLICY_ALONE, POLICY_DEAD, POLICY_STOP };

enum err_clock {
	CLOCK_NONE,
	CLOCK_DNS,
	CLOCK_CONNECT,
	CLOCK_TLS,
	CLOCK_FIRST_BYTE,
	CLOCK_IDLE,
	CLOCK_TOTAL
};

struct err {
	enum fault fault;
	int code;             /* status, errno, SQLite extended code, signal: by fault */
	enum err_clock clock; /* FAULT_TIMEOUT: the clock that ran out */
	bool sent;            /* the far side may have acted on it */
	bool whole;           /* belongs to the batch; which record is at fault is not known */
	bool away;            /* the far side took nothing, whatever the record: all wait for it */
	size_t row;           /* of a batch: the one at fault, from 1; 0: not known */
	char state[6];        /* FAULT_SQL: SQLSTATE; "" where the database has none (SQLite) */
	int64_t retry_after_ns; /* the far side's wish; 0: none. Pauses the lane */
	char text[480];
};

const char *fault_name(enum fault); /* "connect_timeout" */
/* What to do about it: by fault; for FAULT_STATUS, FAULT_SMTP and FAULT_SQL also by code and SQLSTATE. */
enum policy fault_policy(const struct err *);
/* The far side was not reached, or went silent or away: refused, dns, connect_timeout, tls, reset, timeout. */
bool fault_of_connection(enum fault);
const char *err_clock_name(enum err_clock); /* "first byte" */

/* The class as it stands in dead letters and messages: "status(404)", "timeout(idle)", "worker_crash(SIGSEGV)", "reset". Returns its
 * length; what does not fit is cut. */
int err_class(const struct err *, char *out, size_t cap);

/* Raise: set fault and text, leave the other fields as they are (an err begins as { 0 }; code, clock, sent may be set
 * before or after). All return -1, so that `return fail(...)` reads well. A NULL err is allowed. Arguments may
 * point into the text of the err itself; too long a text is cut between characters. */
int fail(struct err *, enum fault, const char *fmt, ...) PRINTF(3, 4);
/* From a negative errno: code and the system's words are appended (": no space left on device").
 * -ECANCELED becomes FAULT_CANCELLED, -EMSGSIZE FAULT_TOO_LARGE, everything else `fault`. */
int fail_errno(struct err *, enum fault, int negative_errno, const char *fmt, ...) PRINTF(4, 5);
/* Puts context before the text: err_wrap(err, "%s:%d", file, line) makes "users.jsonl:3: " + text; the ": " is added
 * unless the context ends with a blank. Keeps everything else. Returns -1. */
int err_wrap(struct err *, const char *fmt, ...) PRINTF(2, 3);
