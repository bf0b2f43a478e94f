/* text_sink.h - a sink whose output is a file of lines: everything that jsonl and csv have in common
 *
 * What this room is for: joining rendering (no world) and part_file (no records) into a port's operations, so that to_jsonl.c and
 *   to_csv.c are option tables and words.
 * What must hold: a port that uses these has struct text_sink as its options and struct text_output as its shared part. */
#pragma once
#include "connectors/files/gzip.h"
#include "connectors/files/unpack.h"
#include "connectors/files/part_file.h"
#include "connectors/files/rendering.h"

#define TEXT_PIECE       (4u << 20)
#define TEXT_MOST        (256u << 20) /* one piece and the largest record behind it */
#define TEXT_PACKED_MOST (320u << 20) /* the same, should it not compress at all */

struct rotate_options { /* 0: by nothing of it */
	uint64_t bytes;
	int64_t rows, every_ns;
};
struct text_sink {
	struct files_name files;
	struct render_options render;
	int mode;    /* enum part_mode */
	int packing; /* enum packing */
	int64_t level;
	const struct rotate_options *rotate; /* NULL: not given */
};
extern const struct opt rotate_table[];
#define ROTATE_OPTION                                                                              \
	OPT("rotate", struct text_sink, rotate, OPT_TABLE, const struct rotate_options *,          \
	    .sub = rotate_table, .sub_size = sizeof(struct rotate_options),                        \
	    .doc = "begin another file, name-00002 and so on, when one has so many bytes or rows " \
		   "or is so old")
#define GZIP_OPTIONS                                                                           \
	OPT("compress", struct text_sink, packing, OPT_ENUM, int, .words = text_sink_packings, \
	    .fallback = "auto", .doc = "gzip; auto: when the name ends with .gz"),             \
		OPT("level", struct text_sink, level, OPT_INT, int64_t, .min = 1, .max = 9,    \
		    .fallback = "6", .tuning = true,                                           \
		    .doc = "of compression: 1 is fast, 9 is small")
extern const char *const text_sink_packings[];
#define MODE_OPTION                                                             \
	OPT("mode", struct text_sink, mode, OPT_ENUM, int, .words = part_modes, \
	    .fallback = "replace",                                              \
	    .doc = "replace the file at the end, append to it, or refuse one that exists (new)")

struct spread;
struct text_output {
	struct spread *spread; /* owns; NULL: it is one file */
	struct part_file file;
	struct rendering rendering;
	struct buf text;   /* kept between commits */
	struct gzip *gzip; /* owns; NULL: it is written as it is */
	struct buf packed; /* of a piece; kept between commits */
	bool begun;        /* there is text in the file: CSV has its header */
	bool newline; /* the last line of that text has no end (compressed; else part_file knows) */
};
/* The first line of a file, or all of it: then it is whole, and *newline says that its last line has no end. */
MUST int text_head(const char *path, enum packing, bool all, struct buf *head, bool *newline,
		   struct err *) SUSPENDS;
int text_sink_plan(void *options, struct facts *, struct diag *);
void text_sink_open(struct site *, enum render_format);
void text_sink_close(struct site *);
int text_sink_resume(struct site *, struct resumption *, struct err *) SUSPENDS;
int text_sink_commit(struct site *, const struct batch *, struct buf *receipt,
		     struct err *) SUSPENDS;
int text_sink_stands(struct site *, const char *pipeline, struct slice receipt,
		     struct err *why) SUSPENDS;
int text_sink_finish(struct site *, struct err *) SUSPENDS;
