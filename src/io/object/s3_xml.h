/* s3_xml.h - the XML that S3 answers with, and no other
 *
 * What must hold: (1) well formed, UTF-8, below S3_XML_DEPTH; no DOCTYPE, so no entities of its own and nothing from elsewhere.
 *   (2) it works on the text alone: no more memory than one element's text. */
#pragma once
#include "base/buf.h"

enum { S3_XML_DEPTH = 8, S3_XML_PATH = 200 };

/* At the end of each element: where it stands ("ListBucketResult/Contents/Key") and the text in it, decoded, blanks kept; of one with
 * elements in it the text is empty. Not 0 ends the reading with that. */
typedef int s3_xml_take(void *arg, const char *path, struct slice text);
/* 0, -EBADMSG: not such XML, or what take returned. */
MUST int s3_xml_read(struct slice xml, s3_xml_take *, void *arg);
