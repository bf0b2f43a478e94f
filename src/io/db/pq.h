/* pq.h - libpq, opened when the first PostgreSQL pool is
 *
 * What this room is for: libpq and what it brings along (Kerberos, LDAP) cost ten megabytes and milliseconds before main; who names no
 *   database pays nothing, and a machine without it still runs everything else.
 * What must hold: (1) opened once a process, never closed: its connections and OpenSSL's state outlive any pool. (2) only calls that exist
 *   since PostgreSQL 14: an older library is said to be too old. (3) included where libpq-fe.h is installed only (meson: feature postgres). */
#pragma once
#include "base/err.h"
#include <libpq-fe.h>

#define PQ_CALLS(CALL)               \
	CALL(PQclear)                \
	CALL(PQcmdStatus)            \
	CALL(PQcmdTuples)            \
	CALL(PQconninfoFree)         \
	CALL(PQconninfoParse)        \
	CALL(PQconnectPoll)          \
	CALL(PQconnectStartParams)   \
	CALL(PQconsumeInput)         \
	CALL(PQcancel)               \
	CALL(PQenterPipelineMode)    \
	CALL(PQerrorMessage)         \
	CALL(PQexitPipelineMode)     \
	CALL(PQfinish)               \
	CALL(PQflush)                \
	CALL(PQfname)                \
	CALL(PQfreeCancel)           \
	CALL(PQfreemem)              \
	CALL(PQftype)                \
	CALL(PQgetCancel)            \
	CALL(PQgetResult)            \
	CALL(PQgetisnull)            \
	CALL(PQgetlength)            \
	CALL(PQgetvalue)             \
	CALL(PQisBusy)               \
	CALL(PQnfields)              \
	CALL(PQnparams)              \
	CALL(PQntuples)              \
	CALL(PQparamtype)            \
	CALL(PQpipelineStatus)       \
	CALL(PQpipelineSync)         \
	CALL(PQputCopyData)          \
	CALL(PQputCopyEnd)           \
	CALL(PQresultErrorField)     \
	CALL(PQresultErrorMessage)   \
	CALL(PQresultStatus)         \
	CALL(PQsendDescribePrepared) \
	CALL(PQsendPrepare)          \
	CALL(PQsendQuery)            \
	CALL(PQsendQueryParams)      \
	CALL(PQsendQueryPrepared)    \
	CALL(PQserverVersion)        \
	CALL(PQsetNoticeProcessor)   \
	CALL(PQsetSingleRowMode)     \
	CALL(PQsetnonblocking)       \
	CALL(PQsocket)               \
	CALL(PQsslInUse)             \
	CALL(PQstatus)               \
	CALL(PQtransactionStatus)

struct pq_calls {
#define CALL(name) __typeof__(&name) name;
	PQ_CALLS(CALL)
#undef CALL
};
extern struct pq_calls pq; /* filled by pq_open */

/* 0; -1: the library is not installed or too old, and *err says which package brings it. */
MUST int pq_open(struct err *);
