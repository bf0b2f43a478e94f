/* err.c - raising and wrapping failures; the one table of what to do about each class
 *
 * What this room is for: turning what went wrong into a fault, a code and a sentence.
 * What flows through:    text into a fixed buffer of the caller.
 * What must hold:
 *  (1) nothing is allocated and the text always ends inside the buffer, never inside a character.
 *  (2) fail() sets fault and text only; code, clock, sent, retry_after_ns may be set before or after it. An
 *      error therefore begins as { 0 }.
 *  (3) arguments may point into the very text that is being replaced: it is composed aside first.
 *  (4) every fault has one line in the table below. */
#include "base/err.h"
#include "base/utf8.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct fault_line {
	const char *name;
	enum policy policy; /* status, sql, smtp: for codes not named by fault_policy() */
} faults[FAULT_COUNT] = {
	[FAULT_NONE] = { "none", POLICY_NONE },
	[FAULT_REFUSED] = { "refused", POLICY_RETRY },
	[FAULT_DNS] = { "dns", POLICY_RETRY },
	[FAULT_CONNECT_TIMEOUT] = { "connect_timeout", POLICY_RETRY },
	[FAULT_TLS] = { "tls", POLICY_RETRY },
	[FAULT_RESET] = { "reset", POLICY_RETRY },
	[FAULT_TIMEOUT] = { "timeout", POLICY_RETRY },
	[FAULT_RATE_LIMITED] = { "rate_limited", POLICY_RETRY },
	[FAULT_TRUNCATED] = { "truncated", POLICY_RETRY },
	[FAULT_STATUS] = { "status", POLICY_DEAD },
	[FAULT_PROTOCOL] = { "protocol", POLICY_RETRY }, /* can be a one-off of a proxy */
	[FAULT_NOT_ACCEPTED] = { "not_accepted", POLICY_DEAD },
	[FAULT_TOO_LARGE] = { "too_large", POLICY_DEAD },
	[FAULT_INVALID_JSON] = { "invalid_json", POLICY_DEAD },
	[FAULT_BAD_VALUE] = { "bad_value", POLICY_DEAD },
	[FAULT_JQ] = { "jq", POLICY_DEAD },
	[FAULT_FORBIDDEN] = { "forbidden", POLICY_DEAD },
	[FAULT_CERTIFICATE] = { "certificate", POLICY_STOP },
	[FAULT_UNKNOWN_OUTCOME] = { "unknown_outcome", POLICY_DEAD }, /* but first `on_unknown` */
	[FAULT_SQL] = { "sql", POLICY_DEAD },
	[FAULT_SMTP] = { "smtp", POLICY_DEAD },
	[FAULT_WORKER_ERROR] = { "worker_error", POLICY_DEAD },
	[FAULT_WORKER_OUTPUT] = { "worker_output", POLICY_DEAD },
	[FAULT_WORKER_CRASH] = { "worker_crash", POLICY_ALONE },
	[FAULT_WORKER_OOM] = { "worker_oom", POLICY_ALONE },
	[FAULT_WORKER_TIMEOUT] = { "worker_timeout", POLICY_ALONE },
	[FAULT_IO] = { "io", POLICY_STOP },
	[FAULT_CONFIG] = { "config", POLICY_STOP },
	[FAULT_BROKEN] = { "broken", POLICY_STOP },
	[FAULT_CANCELLED] = { "cancelled",
			      POLICY_NONE }, /* not the record's: it is in flight again */
};

static const char *const clock_names[] = {
	[CLOCK_NONE] = "none",
	[CLOCK_DNS] = "dns",
	[CLOCK_CONNECT] = "connect",
	[CLOCK_TLS] = "tls",
	[CLOCK_IDLE] = "idle",
	[CLOCK_TOTAL] = "total",
	[CLOCK_FIRST_BYTE] = "first byte",
};

const char *fault_name(enum fault fault)
{
	ASSERT((unsigned)fault < FAULT_COUNT);
	return faults[fault].name;
}

bool fault_of_connection(enum fault fault)
{
	switch (fault) {
	case FAULT_REFUSED:
	case FAULT_DNS:
	case FAULT_CONNECT_TIMEOUT:
	case FAULT_TLS:
	case FAULT_RESET:
	case FAULT_TIMEOUT:
		return true;
	default:
		return false;
	}
}

const char *err_clock_name(enum err_clock clock)
{
	ASSERT((size_t)clock < ARRAY_SIZE(clock_names));
	return clock_names[clock];
}

static bool status_passes(int status)
{
	return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

/* SQLITE_BUSY and SQLITE_LOCKED, in any of their extended forms: another connection was in the way. */
static bool sqlite_passes(int code)
{
	int primary = code & 0xff;
	return primary == 5 || primary == 6;
}

/* SQLSTATEs (PostgreSQL's appendix A) that say nothing about the statement: connection lost (08), serialization and deadlock (40), out of
 * connections, memory, disk (53), shut down or starting (57P), a lock not to be had, an idle transaction ended. */
static bool sqlstate_passes(const char *state)
{
	static const char *const starts[] = { "08", "40", "53", "57P", "55P03", "25P03" };
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strncmp(state, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* Who may not come in, or asks for a database that is not there: no record can succeed. */
static bool sqlstate_stops(const char *state)
{
	return strncmp(state, "28", 2) == 0 || strncmp(state, "3D", 2) == 0;
}

static enum policy sql_policy(const struct err *err)
{
	if (err->state[0] == 0)
		return sqlite_passes(err->code) ? POLICY_RETRY : POLICY_DEAD;
	if (sqlstate_stops(err->state))
		return POLICY_STOP;
	return sqlstate_passes(err->state) ? POLICY_RETRY : POLICY_DEAD;
}

enum policy fault_policy(const struct err *err)
{
	ASSERT((unsigned)err->fault < FAULT_COUNT);
	if (err->fault == FAULT_STATUS && status_passes(err->code))
		return POLICY_RETRY;
	if (err->fault == FAULT_SMTP && err->code >= 400 && err->code < 500) /* "transient" */
		return POLICY_RETRY;
	if (err->fault == FAULT_SMTP && err->away) /* a 5xx to everybody is no mail's */
		return POLICY_RETRY;
	if (err->fault == FAULT_SQL)
		return sql_policy(err);
	return faults[err->fault].policy;
}

/* Of what killed a worker; NULL: it ended by itself. */
static const char *signal_name(const struct err *err)
{
	return err->fault == FAULT_WORKER_CRASH && err->code > 0 ? sigabbrev_np(err->code) : NULL;
}

int err_class(const struct err *err, char *out, size_t cap)
{
	const char *name = fault_name(err->fault), *signal = signal_name(err);
	int n;
	if (err->fault == FAULT_SQL && err->state[0])
		n = snprintf(out, cap, "%s(%s)", name, err->state);
	else if (err->fault == FAULT_STATUS || err->fault == FAULT_SMTP ||
		 (err->fault == FAULT_SQL && err->code))
		n = snprintf(out, cap, "%s(%d)", name, err->code);
	else if (signal)
		n = snprintf(out, cap, "%s(SIG%s)", name, signal);
	else if (err->fault == FAULT_TIMEOUT && err->clock != CLOCK_NONE)
		n = snprintf(out, cap, "%s(%s)", name, err_clock_name(err->clock));
	else
		n = snprintf(out, cap, "%s", name);
	ASSERT(n > 0 && cap > 0);
	return (size_t)n < cap ? n : (int)cap - 1;
}

/* ---- composing text -------------------------------------------------------------------------- */

struct text {
	char p[sizeof(((struct err *)0)->text)];
	size_t n;
};

static void text_add(struct text *t, struct slice s)
{
	struct slice fits = utf8_head(s, sizeof(t->p) - 1 - t->n);
	if (fits.n)
		memcpy(t->p + t->n, fits.p, fits.n);
	t->n += fits.n;
	t->p[t->n] = 0;
}

static void text_vformat(struct text *t, const char *fmt, va_list args)
{
	/* Larger than the text, so that what is cut is seen and can be cut between characters. */
	char room[sizeof(t->p) + 8];
	int n = vsnprintf(room, sizeof(room), fmt, args);
	if (n < 0)
		room[0] = 0;
	text_add(t, slice_str(room));
}

static void err_set_text(struct err *err, const struct text *t)
{
	memcpy(err->text, t->p, t->n + 1);
}

int fail(struct err *err, enum fault fault, const char *fmt, ...)
{
	ASSERT(fault > FAULT_NONE && fault < FAULT_COUNT);
	if (!err)
		return -1;
	struct text t = { .n = 0 };
	va_list args;
	va_start(args, fmt);
	text_vformat(&t, fmt, args);
	va_end(args);
	err->fault = fault;
	err_set_text(err, &t);
	return -1;
}

/* libc begins its sentences with a capital; ours stand in the middle of one ("RPC" stays as it is). */
static void text_add_errno(struct text *t, int code)
{
	const char *words = strerrordesc_np(code);
	if (!words)
		words = "unknown error";
	char first = words[0];
	if (first >= 'A' && first <= 'Z' && words[1] >= 'a' && words[1] <= 'z')
		first = (char)(first + ('a' - 'A'));
	text_add(t, S(": "));
	text_add(t, (struct slice){ &first, 1 });
	text_add(t, slice_str(words + 1));
}

int fail_errno(struct err *err, enum fault fault, int negative_errno, const char *fmt, ...)
{
	ASSERT(negative_errno < 0);
	if (!err)
		return -1;
	struct text t = { .n = 0 };
	va_list args;
	va_start(args, fmt);
	text_vformat(&t, fmt, args);
	va_end(args);
	text_add_errno(&t, -negative_errno);
	err->fault = negative_errno == -ECANCELED  ? FAULT_CANCELLED
		     : negative_errno == -EMSGSIZE ? FAULT_TOO_LARGE
						   : fault;
	err->code = -negative_errno;
	err_set_text(err, &t);
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	struct text t = { .n = 0 };
	va_list args;
	va_start(args, fmt);
	text_vformat(&t, fmt, args);
	va_end(args);
	if (t.n && t.p[t.n - 1] != ' ')
		text_add(&t, S(": "));
	text_add(&t, slice_str(err->text));
	err_set_text(err, &t);
	return -1;
}
