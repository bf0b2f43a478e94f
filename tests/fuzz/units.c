/* units.c - fuzz target: base/units.h and the dates of base/clock.h on any bytes
 *
 * What must hold, for every input:
 *  (1) a verdict, in bounds; what is refused leaves the result alone.
 *  (2) what is understood is in range, and understood again with blanks trimmed away from rates.
 *  (3) an integer printed is read back as itself. */
#include <inttypes.h>
#include "base/clock.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static void check_int(struct slice text)
{
	int64_t value = 77, again;
	if (units_int(text, &value) < 0) {
		ASSERT(value == 77);
		return;
	}
	AUTO(buf_done) struct buf printed = { 0 };
	ASSERT(buf_printf(&printed, "%" PRId64, value) == 0);
	ASSERT(units_int(buf_slice(&printed), &again) == 0 && again == value);
}

static void check_amounts(struct slice text)
{
	AUTO(buf_done) struct buf printed = { 0 };
	int64_t ns = -77;
	uint64_t size = 77;
	int refused = units_duration(text, &ns);
	ASSERT(refused ? ns == -77 : ns >= 0);
	ASSERT(units_put_duration(&printed, ns) == 0);
	refused = units_size(text, &size);
	ASSERT(!refused || size == 77);
	ASSERT(units_put_size(&printed, size) == 0 &&
	       units_put_count(&printed, (int64_t)size) == 0);
}

static void check_rate(struct slice text)
{
	struct rate rate = { .count = 77 }, again;
	if (units_rate(text, &rate) < 0) {
		ASSERT(rate.count == 77);
		return;
	}
	ASSERT(rate.count > 0 && rate.per_ns > 0 && rate.burst >= 0 && rate.burst <= rate.count);
	ASSERT(units_rate(slice_trim(text), &again) == 0 && again.per_ns == rate.per_ns);
}

static void check_date(struct slice text)
{
	AUTO(buf_done) struct buf printed = { 0 };
	int64_t ns = 77;
	if (clock_parse_http_date(text, &ns) < 0)
		ASSERT(ns == 77);
	ASSERT(clock_put_utc(&printed, ns) == 0 && printed.n == 24);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { n ? (const char *)bytes : "", n };
	check_int(text);
	check_amounts(text);
	check_rate(text);
	check_date(text);
	return 0;
}
