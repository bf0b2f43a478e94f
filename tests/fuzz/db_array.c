/* db_array.c - fuzz target: PostgreSQL's array texts
 *
 * What must hold: any bytes are read within bounds; what is read is JSON; what is refused leaves nothing behind; what is read and written
 *   again reads as the same. */
#include "io/db/db_array.h"
#include "base/json.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int put_text(struct slice element, void *arg, struct buf *out)
{
	return json_quote(element, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO(buf_done) struct buf first = { 0 }, text = { 0 }, again = { 0 };
	int r = db_array_read((struct slice){ (const char *)bytes, n }, ',', put_text, NULL,
			      &first);

	if (r < 0) {
		ASSERT(first.n == 0);
		return 0;
	}
	ASSERT(json_check(buf_slice(&first), NULL) == 0);
	if (db_array_write(buf_slice(&first), false, &text) < 0)
		return 0; /* a NUL character: PostgreSQL never sends one */
	ASSERT(db_array_read(buf_slice(&text), ',', put_text, NULL, &again) == 0);
	ASSERT(slice_eq(buf_slice(&first), buf_slice(&again)));
	return 0;
}
