/* upload_call.h - one object for each record: what the step and the sink share
 *
 * What must hold: `upload:` in steps and in `to` means the same; only what is sent when the file gives no `data` differs. */
#pragma once
#include "connectors/objects/bucket.h"

struct upload_call {
	struct tpl *to;
	struct jq *data;
	struct tpl *type, *cache_control, *content_encoding, *content_disposition, *storage_class;
	struct tpl *if_match, *if_generation;
	struct opt_map metadata; /* v: struct tpl *[] */
	int mode;
	struct bucket_options bucket;
	/* set by plan */
	struct target target;
};
extern const char *const upload_modes[];

/* Lines of an option table, behind those for `upload` and `data`. */
#define UPLOAD_CALL_OPTIONS                                                                       \
	OPT("type", struct upload_call, type, OPT_TEMPLATE, struct tpl *,                         \
	    .doc = "media type; else the blob's own, else what the name's ending says"),          \
		OPT("mode", struct upload_call, mode, OPT_ENUM, int, .words = upload_modes,       \
		    .fallback = "replace",                                                        \
		    .doc = "new: only when there is no object of that name; an equal one counts " \
			   "as delivered, another is dead: status(412)"),                         \
		OPT("cache_control", struct upload_call, cache_control, OPT_TEMPLATE,             \
		    struct tpl *, .doc = "how long others may keep it: public, max-age=3600"),    \
		OPT("content_encoding", struct upload_call, content_encoding, OPT_TEMPLATE,       \
		    struct tpl *, .doc = "how the data are packed already: gzip"),                \
		OPT("content_disposition", struct upload_call, content_disposition, OPT_TEMPLATE, \
		    struct tpl *, .doc = "how browsers save it: attachment; filename=\"x.pdf\""), \
		OPT("storage_class", struct upload_call, storage_class, OPT_TEMPLATE,             \
		    struct tpl *, .doc = "NEARLINE, STANDARD_IA, ...: the bucket's own"),         \
		OPT("metadata", struct upload_call, metadata, OPT_MAP, struct opt_map,            \
		    .of = OPT_TEMPLATE,                                                           \
		    .doc = "words of your own: {source: hocket, id: \\(.id)}"),                   \
		OPT("if_match", struct upload_call, if_match, OPT_TEMPLATE, struct tpl *,         \
		    .doc = "only over the object with this etag (s3)"),                           \
		OPT("if_generation", struct upload_call, if_generation, OPT_TEMPLATE,             \
		    struct tpl *, .doc = "only over this generation of the object (gs)"),         \
		BUCKET_OPTIONS(struct upload_call, bucket),                                       \
		BUCKET_PIECE_OPTION(struct upload_call, bucket)

struct upload_shared {
	struct bucket bucket;
};

int upload_call_plan(void *options, struct facts *, struct diag *);
int upload_call_open(struct site *, struct err *) SUSPENDS;
void upload_call_close(struct site *) SUSPENDS;
int upload_call_ask(struct site *, struct call *, struct err *) SUSPENDS;
void upload_call_call(struct site *, struct call *) SUSPENDS;
void upload_call_abandon(struct site *, struct call *) SUSPENDS;
