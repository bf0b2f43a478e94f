/* common.h - the options that every step understands (and sources and sinks, where they make sense) */
#pragma once
#include "engine/port.h"

struct retry_options {
	int64_t times;     /* more attempts after the first */
	int64_t within_ns; /* give up so long after the first attempt began; 0: only `times` counts */
	bool unsafe;       /* also POST and PATCH, and what may have been done already */
};
struct timeout_options {
	int64_t total_ns; /* of one attempt */
	int64_t connect_ns, tls_ns, first_byte_ns, idle_ns;
};
struct commit_options { /* a sink's */
	int64_t rows;
	uint64_t bytes;
	int64_t every_ns;
};
enum on_unknown { UNKNOWN_DEAD, UNKNOWN_RETRY, UNKNOWN_DELIVERED };
enum { REMEMBER_RUN = -1 }; /* as long as their record is on its way */
enum as { AS_BY_TYPE, AS_JSON, AS_TEXT, AS_BLOB };
struct common {
	const char *name;
	struct jq *when; /* if: */
	struct concurrency concurrency;
	int64_t queue; /* 0: by default */
	struct rate_option rate;
	struct retry_options *retry;
	struct timeout_options *timeout;
	struct jq *accept;
	struct on_error on_error;
	struct field_path into;
	struct assignment result;
	struct jq *emit;
	int as;
	struct tpl *idempotency_key; /* the text "auto": made from the record */
	int64_t remember_ns;         /* REMEMBER_RUN; 0: not given */
	int on_unknown;              /* enum on_unknown */
	struct commit_options *commit;
	int64_t batch; /* most records in one call; 0: one */
	int64_t linger_ns;
	struct schedule every; /* sources: when they are read again; schedule_is_given */
};
bool common_key_is_auto(const struct common *);

extern const struct opt common_step_options[], common_call_options[], common_rows_options[],
	common_work_options[], common_source_options[], common_sink_options[],
	common_call_sink_options[];
