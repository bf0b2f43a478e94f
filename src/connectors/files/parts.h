/* parts.h - an output of many files, each named by the records in it, all of them committed together
 *
 * What this room is for: partitions (`out/\(.day).jsonl`) and rotation (`out-00001.jsonl`): what part_file.h is for one file, for
 *   thousands. It knows bytes, names and receipts, and nothing about records.
 * Words: a *series* is what one name gives; it has one *part*, or, when it is rotated, parts with numbers, one behind the other.
 *   The *manifest* is a file beside them, .hocket-HASH-N.parts: a line for each part that begins and for each that a commit made
 *   longer. The receipt says how long the manifest is, so a commit costs what it touches, however many parts there are.
 * Life cycle: parts_init, parts_resume, then rounds of begin, series, enter, (next), write ..., sync; parts_finish, parts_done.
 *
 *     replace, new, or rotated:  NAME.part  --finish (rotated: when it is full)-->  NAME
 *     append, and endless:       NAME, from its end on
 *
 * What must hold:
 *  (1) a part's line is in the manifest, synced, before anything is made or changed under its name: what a crash leaves behind is
 *      known to be ours, and removed; what is not in a manifest is never touched.
 *  (2) a commit is: parts synced, then the manifest; what is behind the receipt's length counts for nothing but (1).
 *  (3) a failed round leaves no trace in what is committed: the next one begins where the last ended.
 *  (4) at most PARTS_OPEN descriptors are open; none is closed with bytes that are not synced. */
#pragma once
#include "connectors/files/part_file.h"

enum { PARTS_OPEN = 128, PARTS_MOST = 100000 };

struct part_counts {
	uint64_t length;     /* of the file */
	uint64_t rows, text; /* text: bytes before they are compressed */
	int64_t since_ns;    /* wall clock: when its first row came */
};
enum part_place {
	PART_NONE,   /* nothing of it is there yet */
	PART_OPEN,   /* it is NAME.part; directly: it is NAME */
	PART_KEPT,   /* NAME, of the finished run behind which we go on: copied before it changes */
	PART_WHOLE,  /* NAME, renamed by a finish that was cut off: taken back before it changes */
	PART_HANDED, /* NAME, published: nobody's concern any more */
};
struct series;
struct part {
	struct series *of;
	struct part *next; /* of the series */
	uint32_t number;   /* 0: not rotated */
	uint32_t id;       /* of its line */
	enum part_place place;
	bool begun;  /* it has a line */
	bool opened; /* kept, and its copy has a line */
	bool direct; /* NAME itself was written to when its line was: an endless run may be gone on with by one that ends, and back */
	bool made;   /* directly: by us */
	bool copied; /* what stands at NAME is its beginning */
	bool newline;   /* directly: what is there ends without one */
	bool fresh;     /* its name is not durable yet */
	bool committed; /* something of it is */
	bool full;      /* committed, and as large as a part gets */
	uint64_t base;  /* directly: how long it was */
	struct part_counts have,
		then; /* committed; with this round. then.length: where it goes on */
	struct part_proof proof, over; /* of what is committed; finish may replace this at NAME */
	struct part_proof result;      /* staged: what finish made of it */
	uint64_t highest;              /* bytes up to here may be in the file */
	int fd;                        /* -1: closed */
	bool dirty, touched;
	struct part *newer, *older, *next_touched;
};
struct series {
	char *key; /* owns: as the template gave it; where its parts stand */
	struct part *first, *now, *stable; /* stable: now, as of the last commit */
	struct series *next_in_slot;
	uint64_t round;                 /* the round it was last seen in */
	size_t first_row, last_row;     /* the caller's, within a round */
	struct series *next_this_round; /* the caller's */
};

struct parts {
	char *folder;    /* owns */
	uint32_t family; /* hash of what names the parts: of the manifest's name */
	enum part_mode mode;
	bool rotated, packed;
	/* Not NULL: NAME.part is not what NAME will be; finish has this write that, from NAME (with `over`) and NAME.part, to the
	 * third: a path, synced. It blocks. */
	int (*staged)(struct parts *, struct part *, const char *to, struct err *);
	void *stage;    /* for it: the caller's */
	bool publishes; /* full parts are renamed as soon as their receipt is saved */
	bool endless; /* no finish may ever come: NAME itself is written to, and added to if it is there; full parts are published */
	bool beside;  /* a replay: what is there stays */
	int root, fd; /* the folder, the manifest; -1 */
	unsigned generation;
	uint64_t length, end;    /* of the manifest: committed; where it goes on */
	bool named, header_told; /* a receipt names this generation; the manifest has the header */
	uint64_t compact;        /* so long it was when it was begun */
	unsigned superseded;     /* a generation that nobody needs once the receipt is saved */
	struct buf lines;        /* for it, with the next sync */
	struct buf header;       /* of each part: CSV's first line */
	struct series **slots;
	size_t slot_count, series_count;
	struct part **all; /* by id */
	size_t n, cap;
	struct part *newest, *oldest; /* open ones */
	size_t open_count;
	struct part *touched;
	struct part **ripe; /* full; published when their receipt is saved */
	size_t ripe_count;
	uint64_t round;
	const struct part *failed; /* after a failure: of this part */
};

/* path names the folder up to `folder`, and what stands behind it the family. */
void parts_init(struct parts *, const struct files_name *, enum part_mode, bool rotated);
void parts_done(struct parts *); /* half-opened too */
MUST int parts_resume(struct parts *, struct resumption *, struct err *) SUSPENDS;
MUST int parts_stand(struct parts *, struct slice receipt, struct err *why) SUSPENDS;

/* A round: forgets what an earlier one wrote and did not sync. saved: all receipts given so far are, so what is due is published. */
MUST int parts_begin(struct parts *, bool saved, struct err *) SUSPENDS;
/* The series of a name that was checked; NULL: there are too many. */
struct series *parts_series(struct parts *, struct slice key);
/* These series (linked by next_this_round) are going to be written to: their parts are made, opened, copied. */
MUST int parts_enter(struct parts *, struct series *first, struct err *) SUSPENDS;
/* Where the text of a part is, as far as it is committed. A descriptor to close, or a negative errno. It blocks. */
MUST int parts_open_text(struct parts *, const struct part *);
/* The series' next part, entered. */
MUST int parts_next(struct parts *, struct series *, struct err *) SUSPENDS;
/* The part is of this round: its `then` may change. */
void parts_touch(struct parts *, struct part *);
struct parts_piece {
	struct part *part;
	size_t from, n; /* of the text */
};
MUST int parts_write(struct parts *, struct slice text, const struct parts_piece *, size_t n,
		     struct err *) SUSPENDS;
MUST int parts_sync(struct parts *, struct buf *receipt, struct err *) SUSPENDS;
MUST int parts_finish(struct parts *, struct err *) SUSPENDS;

/* ---- between parts*.c ------------------------------------------------------------------------ */
bool parts_direct(const struct parts *);                      /* NAME itself is written to */
MUST int part_put_name(const struct part *, struct buf *out); /* with its number */
struct series *parts_find(const struct parts *, struct slice key);
struct part *series_add(struct series *, uint32_t number); /* the series' last */
void parts_free_table(struct parts *);
/* Is it a part of that series (NAME or NAME.part)? With which number? */
bool part_number_of(const char *key, const char *file, uint32_t *ret);
void parts_note_begun(struct parts *, struct part *); /* gives it its id */
int parts_fault(struct parts *, const struct part *, int why, const char *doing, struct err *);
/* These block. */
MUST int parts_write_lines(struct parts *,
			   struct err *); /* to the manifest's end; not committed yet */
MUST int part_open_file(struct parts *, struct part *, int flags,
			struct err *); /* no more than PARTS_OPEN */
MUST int part_sync(struct parts *, struct part *, struct err *);
MUST int parts_sync_open(struct parts *, struct err *); /* all that are open */
MUST int part_close(struct parts *, struct part *, struct err *);
/* NAME.part (or NAME with another suffix) becomes NAME; and back. */
MUST int part_rename(struct parts *, struct part *, const char *suffix, struct err *);
MUST int part_take_back(struct parts *, struct part *, struct err *);
MUST int parts_unlink(struct parts *, const struct part *,
		      struct err *); /* NAME.part; directly: NAME */
typedef int parts_manifest_fn(struct parts *, const char *file, unsigned generation, void *arg,
			      struct err *);
MUST int parts_each_manifest(struct parts *, parts_manifest_fn *, void *arg, struct err *);
MUST int parts_drop_manifests(struct parts *, struct err *); /* but the own */
/* The folder of a part, a descriptor to close; *ret_file: NAME there, or NAME.part. */
MUST int part_folder(struct parts *, const struct part *, bool final, struct buf *name,
		     const char **ret_file);

MUST int parts_put_manifest_name(const struct parts *, unsigned generation, struct buf *out);
MUST int parts_begin_manifest(struct parts *,
			      struct err *); /* the next generation, of what is committed */
MUST int parts_put_receipt(struct parts *, struct buf *out, struct err *);
MUST int parts_off(int (*fn)(void *job), void *job, struct parts *, struct err *own,
		   struct err *ret) SUSPENDS;
/* The number behind the highest that there is of the series. */
MUST int parts_next_number(struct parts *, const char *key, uint32_t *ret, struct err *);
/* What finished runs left of the same series, with higher numbers than this one's. */
MUST int parts_drop_leftovers(struct parts *, struct err *);

/* ---- manifest.c: its lines ------------------------------------------------------------------- */
MUST int manifest_put_head(struct buf *out);
MUST int manifest_put_part(const struct part *, struct buf *out);
MUST int manifest_put_counts(const struct part *, struct buf *out);
MUST int manifest_put_word(const struct part *, const char *word, struct buf *out);
MUST int manifest_put_result(const struct part *, struct buf *out);
/* Lines behind the committed ones: what a finish made. */
void manifest_read_results(struct parts *, struct slice text);
MUST int manifest_put_header(struct slice header, struct buf *out);
/* Not strict: lines that make no sense are passed over. */
MUST int manifest_read(struct parts *, struct slice text, bool strict, struct err *err);
