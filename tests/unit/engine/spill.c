/* spill.c (tests) - records come back from files as they were; the disk gets its space back; it may refuse */
#include "engine/run/spill.h"

#include "rt/in_loop.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rec *rec_of(size_t bytes, char c)
{
	AUTO(buf_done) struct buf json = { 0 };
	CHECK_INT(buf_add(&json, S("{\"a\":\"")), 0);
	CHECK_INT(buf_reserve(&json, bytes), 0);
	memset(json.p + json.n, c, bytes);
	buf_added(&json, bytes);
	CHECK_INT(buf_add(&json, S("\"}")), 0);
	return rec_take(&json);
}

static struct rec *with_blob(const struct rec *of, struct slice bytes, struct buf *ref)
{
	AUTO(buf_done) struct buf copy = { 0 }, blob = { 0 };
	CHECK_INT(buf_add(&copy, rec_json(of)), 0);
	CHECK_INT(buf_add(&blob, bytes), 0);
	struct rec *r = rec_next(of, &copy);
	CHECK_INT(rec_add_blob(r, S("pdf"), S("application/pdf"), &blob, ref), 0);
	return r;
}

TEST_IN_LOOP(records_come_back_as_they_were)
{
	struct shelf shelf = { 0 };
	struct pages *pages = NULL;
	AUTO(buf_done) struct buf ref = { 0 };
	AUTO(rec_unrefp) struct rec *plain = rec_of(5000, 'p');
	struct parcel parcels[] = { { .rec = rec_of(300, 'x') },
				    { .rec = rec_of(70000, 'y') },
				    { .rec = with_blob(plain, S("%PDF-1.7 bytes"), &ref) } };
	CHECK_INT(spill_write("/dev/shm", parcels, 3, &shelf, &pages), 0);
	CHECK_INT(shelf.files, 1);
	size_t at = 0;
	for (size_t i = 0; i < 3; i++) {
		AUTO(rec_unrefp) struct rec *old = parcels[i].rec;
		struct rec *moved = rec_moved(old, pages, at);
		CHECK_SLICE(rec_json(moved), rec_json(old));
		CHECK(rec_bytes(moved) < 250 && rec_away(old) == 0);
		at += rec_away(moved);
		if (i == 2)
			CHECK_SLICE(rec_blob(moved, buf_slice(&ref))->bytes, S("%PDF-1.7 bytes"));
		parcels[i].rec = moved;
	}
	CHECK_INT(shelf.bytes, at);
	/* What lies in a file already is not written again: the version with a new text shares it. */
	AUTO(buf_done) struct buf next = { 0 };
	CHECK_INT(buf_add(&next, S("{\"new\":1}")), 0);
	AUTO(rec_unrefp) struct rec *newer = rec_next(parcels[2].rec, &next);
	CHECK_INT(rec_part(newer, 1).n, 0);
	CHECK_INT(rec_away(newer), 14);
	for (size_t i = 0; i < 3; i++)
		rec_unref(parcels[i].rec);
	pages_unref(pages);
	CHECK_INT(shelf.files, 1);
	CHECK_SLICE(rec_blob(newer, buf_slice(&ref))->bytes, S("%PDF-1.7 bytes"));
	rec_unref(take(newer));
	CHECK_INT(shelf.files, 0);
	CHECK_INT(shelf.bytes, 0);
}

TEST_IN_LOOP(a_disk_that_is_full_is_an_error_and_leaves_nothing)
{
	struct shelf shelf = { 0 };
	struct pages *pages = NULL;
	AUTO(rec_unrefp) struct rec *rec = rec_of(100000, 'z');
	struct parcel parcel = { .rec = rec };
	struct rlimit before, small = { 65536, 0 };
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	CHECK_INT(sigaction(SIGXFSZ, &ignore, NULL), 0);
	small.rlim_max = before.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	CHECK_INT(spill_write("/dev/shm", &parcel, 1, &shelf, &pages), -EFBIG);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK(!pages && shelf.files == 0);
	CHECK_INT(spill_write("/nonexistent", &parcel, 1, &shelf, &pages), -ENOENT);
	CHECK_INT(spill_write("/dev/shm", &parcel, 1, &shelf, &pages), 0);
	CHECK_INT(shelf.bytes, 100008);
	pages_unref(pages);
	CHECK_INT(shelf.files, 0);
}

/* What went on while it was written keeps what it has in memory. */
TEST_IN_LOOP(a_track_that_goes_on_lets_go_of_its_parcels)
{
	struct ledger l = { 0 };
	struct shelf shelf = { 0 };
	struct pages *pages = NULL;
	struct split *s = ledger_split(&l, "in");
	struct track *t[3];
	struct parcel parcels[3] = { 0 };
	for (size_t i = 0; i < 3; i++)
		t[i] = ledger_admit(&l, s, rec_of(1000, (char)('a' + i)), (struct position){ 0 },
				    i + 1);
	for (size_t i = 1; i < 3; i++) {
		item_end(&l, &t[i]->root, ENDED_READY);
		parcels[i - 1] = (struct parcel){ t[i], &t[i]->root, t[i]->original, true };
		t[i]->parcel = &parcels[i - 1];
	}
	uint64_t before = l.bytes;
	CHECK_INT(spill_write("/dev/shm", parcels, 2, &shelf, &pages), 0);
	parcel_arrived(&l, &parcels[0], rec_moved(parcels[0].rec, pages, 0));
	t[1]->parcel = NULL;
	CHECK_INT(before - l.bytes, 1008);
	CHECK_INT(track_bytes(t[1]), track_bytes(t[2]));
	item_end(&l, &t[0]->root, ENDED_READY);
	CHECK(parcels[1].item == NULL && t[2]->parcel == NULL);
	pages_unref(pages);
	for (size_t i = 0; i < 3; i++) {
		CHECK(ledger_peek_ready(&l) == t[i]);
		CHECK_INT(rec_json(t[i]->root.rec).p[6], 'a' + (int)i);
		ledger_settle(&l, ledger_take_ready(&l));
	}
	CHECK_INT(l.bytes, 0);
	CHECK_INT(shelf.files, 0);
	ledger_done(&l);
}

static const struct test tests[] = {
	T(records_come_back_as_they_were),
	T(a_disk_that_is_full_is_an_error_and_leaves_nothing),
	T(a_track_that_goes_on_lets_go_of_its_parcels),
};

int main(void)
{
	return RUN_TESTS(tests);
}
