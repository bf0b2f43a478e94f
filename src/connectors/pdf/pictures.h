/* pictures.h - where a document's images come from: data: URLs, the record's blobs, files beneath the pipeline's folder
 *
 * What must hold: never from the network; a file's name stays beneath the folder. Blocks: it is called in a thread. */
#pragma once
#include "engine/record.h"

struct pictures {
	struct rec *rec;    /* owns a reference; only read here */
	const char *folder; /* absolute */
};
/* As pdf_job.image wants it; arg: struct pictures. */
int pictures_get(void *arg, struct slice name, struct buf *out, char *why, size_t why_size);
