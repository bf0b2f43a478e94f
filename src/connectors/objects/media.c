/* media.c - what kind of thing a file is, by its name
 *
 * What this room is for: an object that is uploaded as application/octet-stream is downloaded by browsers instead of shown.
 * What flows through:    names in, constant media types out (IANA's registry).
 * What must hold:        a compressed file is what it is: "a.json.gz" is gzip, not JSON; who serves it says content_encoding. */
#include "connectors/objects/media.h"
#include "base/banned.h"
#include <string.h>

static const struct ending {
	const char *ending, *type;
} endings[] = {
	{ "avif", "image/avif" },
	{ "avro", "application/avro" },
	{ "bmp", "image/bmp" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "epub", "application/epub+zip" },
	{ "gif", "image/gif" },
	{ "gz", "application/gzip" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "jsonl", "application/jsonl" },
	{ "m4a", "audio/mp4" },
	{ "md", "text/markdown" },
	{ "mjs", "text/javascript" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "ndjson", "application/x-ndjson" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "ogg", "audio/ogg" },
	{ "otf", "font/otf" },
	{ "parquet", "application/vnd.apache.parquet" },
	{ "pdf", "application/pdf" },
	{ "png", "image/png" },
	{ "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "rtf", "application/rtf" },
	{ "svg", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "tsv", "text/tab-separated-values" },
	{ "ttf", "font/ttf" },
	{ "txt", "text/plain" },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/wav" },
	{ "webm", "video/webm" },
	{ "webp", "image/webp" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "application/xml" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

struct slice media_of_name(struct slice name)
{
	const char *slash = name.n ? memrchr(name.p, '/', name.n) : NULL;
	struct slice last = slash ? slice_from(name, (size_t)(slash - name.p) + 1) : name;
	const char *dot = last.n ? memrchr(last.p, '.', last.n) : NULL;
	struct slice ending = dot ? slice_from(last, (size_t)(dot - last.p) + 1) : S("");
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (slice_eq_nocase(ending, slice_str(endings[i].ending)))
			return slice_str(endings[i].type);
	return (struct slice){ 0 };
}

struct slice media_ending(struct slice type)
{
	struct slice found = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		struct slice ending = slice_str(endings[i].ending);
		if (slice_eq_nocase(type, slice_str(endings[i].type)) && ending.n > found.n)
			found = ending;
	}
	return found;
}

struct slice media_or_name(struct slice type, struct slice name)
{
	bool says_nothing = type.n == 0 || slice_eq(type, S("application/octet-stream")) ||
			    slice_eq(type, S("binary/octet-stream")); /* S3, when nobody said */
	return says_nothing ? media_of_name(name) : type;
}
