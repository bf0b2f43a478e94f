/* engine/port.h - what a connector is, and all that the engine knows of one
 *
 * What this room is for: one connector is one file with one exported `const struct port`: its option table and its
 *   operations. The engine never names a connector; a connector never sees a queue, a retry, a ledger or another connector.
 * What flows through: records in; answers, next versions, rows out; faults, classified.
 * Who does what:
 *   connector  speaks its protocol in straight lines, classifies faults, declares facts.
 *   engine     slots, lanes, retries, deadlines, order, budget, accept/into/result/emit, dead letters, accounts, checkpoints.
 * Shapes (one per role; the operations of the others are NULL):
 *   source  run            position in, arrivals out; retry and resume = run again from a position
 *   pure    apply          map set where emit: fused, no queue, no slot
 *   call    ask call       http: one request, one attempt; as a sink: what was accepted is delivered
 *           [call_many]    sql: one attempt for several requests (`batch:`)
 *   fold    [key] [build]  batch sort group: records are held in windows; one is made of them, or they go on in another order
 *   join    gather         children come back to the record that they were made of
 *   commit  resume commit  jsonl csv sqlite stdout null: rows and checkpoint together
 * What must hold:
 *  (1) the plan is immutable once made; `shared` is one per place. No globals.
 *  (2) only what is marked SUSPENDS may park; all other operations touch no world and no clock.
 *  (3) no operation takes a deadline: the engine opened the scope. On -ECANCELED: raise FAULT_CANCELLED, tidy up, return.
 *  (4) no operation retries, backs off, logs, counts records or measures memory.
 *  (5) operations return 0, or -1 with *err set once; `call` reports by record instead. */
#pragma once
#include "base/units.h"
#include "engine/expr.h"
#include "engine/record.h"
#include "engine/schedule.h"
#include "engine/sheet.h"
#include <hocket/types.h>

/* ---- options: drive parsing, check, --help, JSON Schema and the reference page ------------------------------
 * The option struct is filled by offset; what it points to lives as long as the plan. Absent options hold `fallback`,
 * parsed as if written; else zero. A sub-table is a pointer: NULL, not given. */
enum opt_type {
	OPT_STRING, /* const char *       as it is */
	OPT_PATH, /* const char *       a file, relative to the pipeline's folder; made absolute */
	OPT_FILES, /* struct files_name  the same; with \( ) behind its folder each record names its file */
	OPT_TEMPLATE, /* struct tpl *       text with \( ) */
	OPT_URL,      /* struct tpl *       what is interpolated is percent-encoded */
	OPT_TREE,     /* struct tpl *       YAML tree of templates; gives JSON (body:) */
	OPT_SHEET, /* struct sheet *     a template of a document: its file, or {text: ..., escape: ...} */
	OPT_JQ,          /* struct jq *        a program, or a mapping key -> program */
	OPT_BOOL,        /* bool */
	OPT_INT,         /* int64_t            within min..max */
	OPT_DURATION,    /* int64_t            ns: 30s, 7d */
	OPT_SIZE,        /* uint64_t           bytes: 64MB */
	OPT_CONCURRENCY, /* struct concurrency 20, auto, {auto: {max: 64}} */
	OPT_RATE,        /* struct rate_option 500/min, 1/s per host, 10/s per .customer */
	OPT_SCHEDULE, /* struct schedule    30m, "0 6 * * 1-5", {cron: ..., zone: Europe/Berlin} */
	OPT_ENUM,     /* int                index into words */
	OPT_FIELD,    /* struct field_path  .a.b: a place in the record, plain keys only */
	OPT_ASSIGN,   /* struct assignment  .a.b = <jq> */
	OPT_ON_ERROR, /* struct on_error    dead | stop | into .path */
	OPT_LIST, /* struct opt_list    v: array of the C type of `of`; a scalar is a list of one */
	OPT_MAP,  /* struct opt_map     keys in the file's order, v: array of the C type of `of` */
	OPT_TABLE, /* struct any *       sub, sub_size; a scalar sets the sub-option marked verb */
};
struct files_name {
	const char *path; /* absolute, as it stands in the file */
	size_t folder; /* with a name: so much of path is the folder, without the '/' behind it */
	const struct tpl *name; /* of the file beneath the folder; NULL: path is one file */
};
struct field_path {
	const struct slice *keys;
	size_t n; /* 0: not given */
};
struct assignment {
	struct field_path to;
	struct jq *value; /* NULL: not given */
};
struct concurrency {
	int64_t most; /* 0: by default */
	bool automatic;
};
struct rate_option {
	struct rate starts;            /* per_ns 0: not given */
	struct jq *key;                /* per <jq>: each value has its own; NULL: none */
	int64_t tokens, tokens_per_ns; /* a limit on what requests cost; 0: none */
	struct jq *cost, *used;        /* of a request, guessed; as its answer says, or NULL */
};
enum on_error_kind { ON_ERROR_DEAD, ON_ERROR_STOP, ON_ERROR_INTO };
struct on_error {
	enum on_error_kind kind;
	struct field_path into;
};
struct opt_list {
	void *v;
	size_t n;
};
struct opt_map {
	const char *const *keys;
	void *v;
	size_t n;
};
struct opt {
	const char *name;
	enum opt_type type, of;
	size_t offset;
	const char *doc; /* one line; shown everywhere */
	const char *fallback;
	bool verb; /* the verb's own value: `http: URL`; in a sub-table: what a scalar sets */
	bool required;
	bool secret;   /* $secret may be named here */
	bool response; /* $res may be named here (jq fields) */
	bool rows;     /* $rows may */
	bool at_plan; /* evaluated once, before any record: only $vars and $secret, `.` is refused */
	bool names;   /* OPT_TEMPLATE: of an object: null, lists and objects have no place in it */
	bool of_answer; /* `.` is the answer, not the record (pages, each) */
	bool truth; /* OPT_JQ: only whether it is true counts: a mapping always is, and refused */
	/* OPT_JQ, whose value may be a YAML list then: is this text no program, but meant as itself? 1; 0: a program; -1 with *err: it is
	 * meant as itself, and cannot be that. NULL: each text is a program. */
	int (*literal)(struct slice text, struct err *);
	bool tuning;      /* changing it does not make another pipeline: not in the plan's hash */
	int64_t min, max; /* OPT_INT; both 0: no limit but the type's own */
	/* OPT_ENUM; ends with NULL. OPT_DURATION: words beside it, -1, -2 ... */
	const char *const *words;
	const struct opt *sub; /* OPT_TABLE */
	size_t sub_size;
};
/* OPT("max", struct s, max, OPT_INT, int64_t, .fallback = "1000", .doc = "..."): a field of another C type than the one
 * named does not compile. A table ends with OPT_END. */
#define OPT(name_, T, field, type_, ctype, ...)                                       \
	{                                                                             \
		.name = (name_), .type = (type_),                                     \
		.offset = offsetof(T, field) +                                        \
			  0 * sizeof(char[__builtin_types_compatible_p(               \
						  __typeof__(((T *)0)->field), ctype) \
						  ? 1                                 \
						  : -1]),                             \
		__VA_ARGS__                                                           \
	}
#define OPT_END              \
	{                    \
		.name = NULL \
	}

/* ---- facts: what this place promises, known without touching the world -------------------------------------
 * Set by plan() from the options; zero is the modest default. check, graph and every policy of the engine read only
 * this, never a name. */
enum guarantee { APPEND_ONLY, IDEMPOTENT, TRANSACTIONAL }; /* classes A I T of GUARANTEES.md */
enum effect { EFFECT_NONE, EFFECT_READS, EFFECT_WRITES };
/* Source classes of GUARANTEES.md: V cannot be read again, R gives the same at the same position, J may answer otherwise when it is
 * asked again, and keeps what it was told (intake_keep). */
enum restart { RESTART_LOSES, RESTART_SEEKS, RESTART_ASKS };
/* When a child is dead, its parent is, too; goes on without it; goes on with a null in its place. */
enum missing { MISSING_DEAD, MISSING_SKIP, MISSING_NULL };
enum { CLAIMS_WITH_RUNS = -1 }; /* until a run starts over */
struct facts {
	enum guarantee guarantee;
	enum effect effect;
	enum restart restart; /* sources */
	bool endless;         /* sources: until interrupted. `every` makes them so */
	bool rounds; /* sources: the engine's: they have `every`, also when it is not kept (--once) */
	bool anew;   /* sources: the engine's: with `every` they begin at their start each time */
	/* Sources that are told what nobody can be asked for again: the split in which they keep it. Every run that comes takes it over,
	 * also one that starts over. */
	struct slice told;
	bool onward; /* sources that ask: behind their end there may be more later, and they know from where (intake_onward) */
	int64_t claims_ns; /* apply calls out_claim, whose keys are kept so long; CLAIMS_WITH_RUNS; 0: it does not */
	bool many;     /* apply makes children, even when it makes one (emit) */
	bool own_mark; /* commit: the mark lives in the sink; else in the state */
	bool insecure; /* certificates are not checked: every run says so */
	bool spelt;    /* the engine's: a password of a URL stands in the file; every run says so */
	bool keyless;  /* calls that cannot carry an idempotency key */
	/* Keyless calls that bear a name all the same (a Message-ID), which the far side does not look for: call.key, without being asked
	 * for. Such a call holds its slot until its answer is durable: what a crash leaves unknown is never more than its slots. */
	bool named;
	/* Calls: they keep to site.timeout_ns themselves. What comes before the work (a worker that starts) does not count. */
	bool own_clock;
	/* Calls: unless the file says where an answer goes, an object is the record's next version, and a list its children. */
	bool replaces;
	bool local; /* calls that reach nothing but this machine and site_objects(): `hocket test` makes them for real */
	bool paid; /* the engine's: calls that cost each time, POST: answers are kept until their record is done */
	bool needs_end;     /* commit: nothing is readable before finish() */
	bool finite_output; /* commit: finish() makes the output whole (.part, rename) */
	int64_t within_ns; /* commit, and sources too: the far side may be away or busy: it is waited for so long; 0: for a few tries */
	int64_t away_ns; /* calls that say err.away: one that never was there is waited for so long; 0: as any other */
	unsigned concurrency; /* default of `concurrency`; 0: the engine's 10 */
	int64_t timeout_ns;   /* calls: default of `timeout`; 0: the engine's 30 s */
	/* Steps: all that it calls is there, whatever the record; empty: that is not known. Sources: the first page. Borrows from the
	 * options. What stands here is trusted: hosts from data may lead there. */
	struct slice origin;
	struct slice door; /* host, file, database: for check and messages; borrows from the plan */
	/* Folds: a window is closed at so many members (0: at the end of the input), at so many bytes (0: as many as jq may read), and so
	 * long after its first (0: it waits). */
	uint64_t window, window_bytes;
	int64_t linger_ns;
	const struct schedule
		*closes;      /* folds by key: when; borrows from the options; NULL: never */
	bool descending;      /* folds that only sort */
	enum missing missing; /* joins */
};
/* Mistakes, each placed at its option in the file. */
struct diag;
void diag_error(struct diag *, const char *option, const char *fmt, ...) PRINTF(3, 4);

/* ---- site: one connector at one place of one run; first argument of every operation ---------------------- */
struct http_client;
struct http_guard;
struct http_clocks;
struct object_store;
struct run;
struct site {
	const void *options;              /* borrows: the option struct */
	void *shared;                     /* shared_size zeroed bytes, from open to close */
	const char *name;                 /* "http", or the step's own name: for messages */
	const struct http_clocks *clocks; /* `timeout:` but for the total */
	unsigned concurrency;             /* steps that call out: most calls at once */
	int64_t timeout_ns;               /* with facts.own_clock: of one call */
	size_t batch;                     /* most records in one call; 1: they come alone */
	struct run *run;
};
struct http_client *site_http(struct site *); /* the run's one client, its connections */
/* In `hocket test` all buckets lie in this one store, in memory. NULL: in the world. */
struct object_store *site_objects(struct site *);
/* For requests to hosts that come from records or answers. NULL: none. */
const struct http_guard *site_guard(struct site *);
const char *site_run_id(struct site *);
/* Sources: will a later run go on where this one stops? No without a state: nothing needs to be kept for it. */
bool site_keeps(const struct site *);
/* Sinks: the run has no end: finish() may never come, so what is committed has to be readable from the first commit on. */
bool site_is_endless(const struct site *);
const char *site_folder(struct site *); /* absolute: what relative paths count from */
/* A program that does this place's work has printed a line: for people who want to see it. */
void site_said(struct site *, struct slice line);
bool site_is_heard(const struct site *); /* is there anybody? */
/* Nothing failed, and yet who runs this should know: a sentence for people. Who calls says it once. */
void site_warn(struct site *, struct slice line);
void site_warnf(struct site *, const char *fmt, ...) PRINTF(2, 3);
/* Would this text tell somebody a secret? Of what is handed on to programs. */
bool site_is_secret(const struct site *, struct slice text);
/* Is it the name of a secret of this pipeline? Also of a short one, and in a test, which does not know the values. */
bool site_names_secret(const struct site *, struct slice name);
uint64_t site_text_max(struct site *); /* bytes of a body that jq reads: a part of `memory` */
/* In a call: a task beside the calls, for a connection that rests between them. It is cancelled behind the last call and has ended before
 * finish() and close(). 0, -ENOMEM. */
MUST int site_beside(struct site *, hk_fn *fn, void *arg);
/* Sources: waits until this lane (as call.lane) lets a request through (pause, rate). */
int site_lane(struct site *, struct slice lane, struct err *) SUSPENDS;
void site_lane_pause(struct site *, struct slice lane,
		     int64_t ns); /* Retry-After seen by a source */

/* ---- sources --------------------------------------------------------------------------------------------------
 * A position says where to go on *after* its record: printable text that many arrivals share (a page's URL, a file's
 * fingerprint) and a number within it. A split is one ordered part (file, feed) with its own ordinals and low-water mark; its
 * order is the same on every run. run() reads from split_from() to the end and returns; after a retryable fault it is called
 * again and asks split_from() anew, which then is where admission stopped. Stop: run() is cancelled. With `every` it is run again in
 * *rounds*, once all records of the round before are done. A file that is not the one of its position any more is FAULT_CONFIG with
 * err.code ESTALE, of the split that was asked for last: the next try reads it from its start. */
struct text;                         /* counted */
struct text *text_new(struct slice); /* the caller owns one reference */
struct text *text_ref(struct text *);
void text_unref(struct text *);
void text_unrefp(struct text **);
struct slice text_slice(const struct text *);
struct position {
	struct text *base; /* shares; NULL: "" */
	uint64_t offset;
};
struct intake;
struct split;
struct arrival {
	struct rec *rec; /* gives, also when admit fails */
	struct split *split;
	struct position next;
	struct slice id; /* borrows: guid, sequence; empty: split and ordinal */
	uint64_t line;  /* for messages: line or item number within the split, from 1; 0: unknown */
	bool unchecked; /* bytes from outside: the engine checks the JSON */
	const struct err *fault; /* borrows: known bad (too_large, ragged line); it ends as dead */
	bool known;              /* an earlier run took it, as it is: it ends as duplicate */
};
struct split *intake_split(struct intake *, const char *name); /* interned, the intake's */
const struct position *split_from(const struct split *);       /* NULL: from the start */
/* NULL, or where the last ends of those behind split_from() that are passed over, done by an earlier part of the run: up to
 * there, too, it must be what it was (ESTALE). */
const struct position *split_reach(const struct split *);
/* What the source holds beside what it has admitted: the page it takes its records from. Counts in the budget until it says less. */
void intake_hold(struct intake *, uint64_t bytes);
uint64_t split_line(const struct split *); /* line of the last admitted; 0 at the start */
/* Sources of many files. All that is in the split was admitted; `proof` is what the source can tell from, later, that nothing was
 * added or changed. split_end gives it back as long as nothing was admitted behind it; else it is empty. */
void intake_end(struct intake *, struct split *, struct slice proof);
struct slice split_end(const struct split *);
/* Sources that go `onward`: all that there is now was admitted. `base`: what split_from() says, with offset 0, when a run begins
 * behind this one, once it is finished. */
void intake_onward(struct intake *, struct split *, struct slice base);
/* The far side answered as it should, and had nothing: what fails beside it is not the pipeline's fault. An admission says so, too. */
void intake_heard(struct intake *);
/* What intake_onward says is worth a run behind the finished one, although nothing is admitted in it. */
void intake_renew(struct intake *);
/* Splits of an earlier part of the run, or of the run that it goes on behind, that nobody has asked for and that were the
 * source's (`theirs` knows by the name): what is not there any more cannot be read on. 0 when each had been read to its end, which
 * is then enough; else -1 with *err, FAULT_IO. */
int intake_check_gone(struct intake *, bool (*theirs)(void *arg, const char *name), void *arg,
		      struct err *);
/* Class J: what may be answered otherwise when it is asked for again is kept, durable, before its records are admitted. `base` as
 * in their positions, `records` how many are to come; `about` (JSON) and `value` are the source's own. 0, or -1 with *err. */
int intake_keep(struct intake *, struct split *, struct slice base, uint64_t records,
		struct slice about, struct slice value, struct err *) SUSPENDS;
/* An empty base: the first that was kept. 1: it was kept, and here it is, appended; 0: it was not; -1 with *err. */
int intake_kept(struct intake *, struct split *, struct slice base, struct buf *about,
		struct buf *value, struct err *) SUSPENDS;
/* Sources that are told: once in run(), before anything is kept. Pages may be kept while earlier ones still wait to be admitted,
 * in their order. 1: the base of the page that was kept last, appended; 0: there is none; -1 with *err. */
int intake_kept_last(struct intake *, struct split *, struct buf *base, struct err *) SUSPENDS;
/* Of records that were kept: those not admitted yet; these and those admitted and not settled; all since the oldest of them. */
struct backlog {
	uint64_t unread, records, since_oldest;
};
struct backlog intake_backlog(const struct intake *, const struct split *);
/* May park for the budget and the window. 0, or -1: cancelled or the run is stopping. */
int admit(struct intake *, const struct arrival *, struct err *) SUSPENDS;

/* ---- answers and pure steps: nothing put is filtered(name) ------------------------------------------------- */
enum body { BODY_NONE, BODY_JSON, BODY_TEXT, BODY_BLOB };
struct answer { /* what was said; the engine checks and places it: as, accept, into, result, emit */
	enum body body;    /* by content type; `as:` overrides */
	struct buf value;  /* owns: the bytes */
	struct slice type; /* media type, in the call's arena; for blobs */
	int status;
	struct buf headers; /* owns: JSON object, names in lower case; only if call.wants_about */
	bool checked;       /* the value is checked, compact JSON: it was made here */
	/* A checked value whose text names blobs: that is so long, and they stand behind it, as rec_put_blobs puts them. 0: no blobs */
	size_t text_n;
	bool keep_raw,
		converted; /* engine: the bytes are wanted as they came; value is made of them */
	struct buf raw;    /*         owns: so they are */
	/* What the far side says is left of a quota until it is whole again, from now; reset_ns 0: it says nothing. */
	int64_t quota_left, quota_reset_ns;
};
struct out;
void out_keep(struct out *);                                /* the record goes on as it is */
int out_put(struct out *, struct rec *gives, struct err *); /* the next version, or a child */
/* With facts.claims_ns: may a record with this key (JSON text) pass? 1: it is the first, or has passed before a crash; 0: another has it, and
 * the record ends as duplicate; -1 with *err. */
int out_claim(struct out *, struct slice key, struct err *) SUSPENDS;

/* ---- calls: ask, [lane, slot], call, [accept, place] --------------------------------------------------------
 * ask() makes the request once; every attempt sends the same bytes. call() makes one attempt. */
enum safety { UNSAFE, KEYED, SAFE }; /* sent twice: harmful | harmless with its key | harmless */
enum verdict { VERDICT_NONE, VERDICT_ANSWER, VERDICT_FAULT };
struct call {
	const struct rec *rec; /* engine: borrows */
	const struct env *env; /*         `.`, $meta */
	struct arena *arena;   /*         until the record leaves the step */
	unsigned attempt;      /*         1, 2, ... */
	bool wants_about;      /*         an expression reads $res.status or $res.headers */
	bool retry_unsafe;     /*         `retry: {unsafe: true}` */
	struct slice key;      /*         `idempotency_key:`, to be sent along; empty: none */
	bool wants_asked;      /*         ask() has to fill `asked` */
	bool wants_sends;      /*         somebody looks on: ask() fills `sends` */
	void *request;         /* ask:    the connector's own, in arena */
	struct slice
		shown; /*         "GET https://host/path" without secrets, for messages and dead letters */
	struct slice
		sends; /*         the request's body, for who looks on; may hold secrets; empty: none */
	struct slice
		lane; /*         "ORIGIN" or "ORIGIN MARK": who asks with which credential; empty: none */
	/*         calls of a place with the same turn are made one after the other, in the order in which they come, each
	 *         `turn_gap_ns` or more behind the end of the one before; empty: at once */
	struct slice turn;
	int64_t turn_gap_ns;
	enum safety safety;
	/* ask, with wants_asked: SHA-256 of all that decides what is answered (method, URL, body, headers that the file gives), without
	 * credentials and without the key. */
	uint8_t asked[32];
	enum verdict verdict; /* call:   NONE on return is a bug */
	struct answer answer; /*         gives, with VERDICT_ANSWER */
	/*         with VERDICT_FAULT. With VERDICT_ANSWER: why its status is no success, unless `accept` says that it is; else none */
	struct err err;
	struct slice
		excerpt; /*         with it: more than fits into a message, for the dead letter; in the arena, or empty */
};

/* Within call(): the answer's body is at least so long and will take so many bytes. Asked before it is read, and again each time it
 * turns out to be larger, so that all bodies together stay within `memory`; not needed for small ones. Waits until there is room,
 * while the call's clocks stand still. 0, or < 0: end the call; -EMSGSIZE: jq could not read so much. */
MUST int call_room(struct call *, enum body kind, uint64_t length, uint64_t bytes) SUSPENDS;

/* ---- folds: what many records become together ----------------------------------------------------------------
 * The engine holds the members in windows, durable in the state, which it closes by the facts; it counts, pays and orders. key()
 * says where a record belongs, as JSON. Without build() the members go on themselves, by key in jq's order, equal ones as they
 * came; without key() a window becomes the one record that build() puts; with both each key has a window of its own. gather() puts the parent's next version
 * from its children, in their order; one that is dead is NULL, or left out, as facts.missing says. */
struct members {
	struct rec *const *recs; /* borrows */
	size_t n;
	struct slice key; /* folds with key(): what they have in common */
	int64_t first_ns,
		last_ns; /* folds: when the first and the last of them came (wall clock) */
};

/* ---- commits ----------------------------------------------------------------------------------------------------
 * commit() makes n rows durable (n may be 0: only the mark moves), with the mark if own_mark; else it fills the receipt (a
 * file's committed length), which is saved beside the mark in the state. All or nothing: after -1 nothing of it shows once
 * resume() has run. err.whole says "one of these rows": the engine halves until the bad one's record is alone; of its rows
 * that one is dead which err.row names, or all when it names none.
 * resume(), after open, cuts back to the receipt it is given, or reads the own mark, which wins. The first time (no receipt) it
 * takes over or refuses what is there, and gives the receipt that is saved before the first commit. */
struct batch {
	const char *pipeline; /* the mark's key in the sink */
	struct rec *const *recs;
	size_t n;
	struct slice mark;
	bool saved; /* so are all receipts given so far: what waits for that may be done */
};
struct resumption {
	const char *pipeline;
	struct buf receipt, mark; /* in and out */
	bool first;               /* the state knows of no earlier run that is unfinished */
	bool stopped; /* that one ended in order: what lies behind its receipt is somebody else's */
	bool more; /* with a receipt: of a run that was finished; what it made stays and is added to */
	bool beside; /* a replay of dead letters: what is there stays, whatever `mode` says, also what no receipt tells of. With `more` it
		      * begins: the receipt is that of the last run, finished or stopped; none: the output is not as that has left it */
};

/* ---- the port ----------------------------------------------------------------------------------------------------- */
enum role { ROLE_SOURCE = 1, ROLE_STEP = 2, ROLE_SINK = 4 };
struct port {
	const char *name; /* the word in the YAML */
	const char *doc;  /* one line */
	const char *
		more; /* a paragraph and an example for --help and the reference page; may be NULL */
	unsigned roles;
	bool rows;  /* calls: what is answered are rows, a JSON array of objects: $rows, not $res */
	bool works; /* calls: programs of this machine make them: `workers` instead of `concurrency`, and no idempotency key */
	const struct opt *options;
	size_t options_size, shared_size;
	/* What stands in a file that an option names (side_file.h), for help and the reference page: "The style file". NULL: none. */
	const struct opt *file_options;
	const char *file_title;

	int (*plan)(void *options, struct facts *,
		    struct diag *); /* reports all mistakes, returns 0 */
	/* Check: are files and programs of this machine that the options name as they must be? Changes nothing, and executes nothing
	 * of the user's. NULL: there are none. */
	int (*look)(const void *options, const char *folder, struct err *) SUSPENDS;
	int (*open)(struct site *, struct err *) SUSPENDS;
	void (*close)(struct site *) SUSPENDS; /* half-opened too */

	/* Sources of files: would this one be among them? NULL: facts.door is all that it reads. */
	bool (*reads)(const void *options, const char *path);
	int (*run)(struct site *, struct intake *, struct err *) SUSPENDS;

	int (*apply)(struct site *, const struct rec *borrows, const struct env *, struct out *,
		     struct err *) SUSPENDS;

	int (*ask)(struct site *, struct call *, struct err *) SUSPENDS;
	void (*call)(struct site *, struct call *) SUSPENDS;
	/* No attempt comes any more: what the request holds beside the arena. It may be half made, after a failed ask(). NULL: nothing. */
	void (*abandon)(struct site *, struct call *) SUSPENDS;
	/* One attempt for n > 1 of them, with a verdict in each. When it fails as a whole, nothing of it was done: all have the same fault, with
	 * err.row if it is known whose (from 1), else with err.whole; the engine divides until the one at fault is alone. */
	void (*call_many)(struct site *, struct call *const *calls, size_t n) SUSPENDS;

	int (*key)(struct site *, const struct env *, struct buf *key, struct err *) SUSPENDS;
	int (*build)(struct site *, const struct members *, struct out *, struct err *);
	int (*gather)(struct site *, const struct rec *parent, const struct members *, struct out *,
		      struct err *);

	int (*resume)(struct site *, struct resumption *, struct err *) SUSPENDS;
	int (*commit)(struct site *, const struct batch *, struct buf *receipt,
		      struct err *) SUSPENDS;
	int (*finish)(struct site *, struct err *) SUSPENDS; /* all delivered: fsync, rename */
	/* After open, before resume: does what a finished run made still stand? 1; 0: gone or other, *why says it
	 * ("'out.jsonl' was deleted"); -1 with *why: cannot be told. NULL: it does. Changes nothing. */
	int (*stands)(struct site *, const char *pipeline, struct slice receipt,
		      struct err *why) SUSPENDS;
};
/* What others call a port; a word may stand for several. */
struct foreign_word {
	const char *word, *name;
};
/* The registry is handed to the engine as a pointer; a name may stand once per role. */
struct registry {
	const struct port *const *ports;
	size_t n;
	const struct foreign_word *foreign; /* for "did you mean" */
	size_t foreign_count;
};
const struct port *registry_find(const struct registry *, struct slice name, enum role);
