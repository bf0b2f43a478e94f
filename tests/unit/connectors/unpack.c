/* unpack.c - tests of compressed files as text: any offset, any damage, members in a row */
#include "connectors/files/unpack.h"
#include "base/banned.h"
#include "base/rand.h"
#include "check.h"
#include "fake_engine.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static struct folder folder;
static const char *path;

static struct buf gzip(struct slice text)
{
	struct buf out = { .max = 64 << 20 };
	z_stream z = { 0 };
	CHECK_INT(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	CHECK_INT(buf_reserve(&out, deflateBound(&z, text.n) + 64), 0);
	z.next_in = (Bytef *)(uintptr_t)text.p;
	z.avail_in = (unsigned)text.n;
	z.next_out = (Bytef *)out.p;
	z.avail_out = (unsigned)out.cap;
	CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_added(&out, z.total_out);
	deflateEnd(&z);
	return out;
}

static struct buf zstd(struct slice text)
{
	struct buf out = { .max = 64 << 20 };
	CHECK_INT(buf_reserve(&out, ZSTD_compressBound(text.n)), 0);
	size_t n = ZSTD_compress(out.p, out.cap, text.p, text.n, 3);
	CHECK(!ZSTD_isError(n));
	buf_added(&out, n);
	return out;
}

static struct buf lines(int n)
{
	struct buf out = { .max = 64 << 20 };
	for (int i = 0; i < n; i++)
		CHECK_INT(buf_printf(&out, "{\"n\":%d,\"square\":%d}\n", i, i * i), 0);
	return out;
}

/* Two members in a row. */
static void write_two(struct slice text, struct buf (*pack)(struct slice))
{
	size_t half = text.n / 3;
	AUTO(buf_done) struct buf a = pack(slice_head(text, half));
	AUTO(buf_done) struct buf b = pack((struct slice){ text.p + half, text.n - half });
	CHECK_INT(buf_add(&a, buf_slice(&b)), 0);
	file_write(path, buf_slice(&a));
}

static void in_folder(void (*body)(void *), void *arg)
{
	folder_make(&folder);
	path = folder_file(&folder, "packed");
	in_loop(body, arg);
	folder_remove(&folder);
}

static struct unpack *open_file(enum packing packing, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(*fd >= 0);
	return unpack_new(*fd, packing);
}

static void read_anywhere(struct slice text, enum packing packing) SUSPENDS
{
	static char got[300000];
	struct rand rnd;
	struct err err = { 0 };
	int fd;
	struct unpack *u = open_file(packing, &fd);
	rand_seed(&rnd, 7);
	for (int i = 0; i < 60; i++) {
		uint64_t at = rand_below(&rnd, text.n + 10);
		size_t n = 1 + rand_below(&rnd, sizeof(got) - 1);
		size_t want = at >= text.n ? 0 : text.n - at < n ? text.n - at : n;
		CHECK_INT(unpack_read(u, got, n, at, path, &err), want);
		CHECK(want == 0 || memcmp(got, text.p + at, want) == 0);
	}
	unpack_free(u);
	close(fd);
}

static void any_offset(void *unused)
{
	AUTO(buf_done) struct buf text = lines(40000);
	(void)unused;
	write_two(buf_slice(&text), gzip);
	read_anywhere(buf_slice(&text), PACKING_GZIP);
	write_two(buf_slice(&text), zstd);
	read_anywhere(buf_slice(&text), PACKING_ZSTD);
}

TEST(text_is_read_at_any_offset)
{
	in_folder(any_offset, NULL);
}

/* All of the file: how much text came before its end or the fault. */
static size_t read_whole(enum packing packing, char *to, size_t cap, struct err *err) SUSPENDS
{
	int fd;
	size_t n = 0;
	ssize_t r;
	*err = (struct err){ 0 };
	struct unpack *u = open_file(packing, &fd);
	while (n < cap && (r = unpack_read(u, to + n, cap - n, n, path, err)) > 0)
		n += (size_t)r;
	unpack_free(u);
	close(fd);
	return n;
}

/* Cut at each byte, and each byte changed: what comes is a beginning of the text, and only all of it comes without a fault. */
static void each_damage(enum packing packing, struct buf *file, struct slice text, bool checked)
{
	AUTO(freep) char *got = xcalloc(1, text.n + 1000);
	struct err err;
	for (size_t n = 0; n < file->n; n++) {
		file_write(path, slice_head(buf_slice(file), n));
		size_t made = read_whole(packing, got, text.n + 1000, &err);
		CHECK(made <= text.n && memcmp(got, text.p, made) == 0);
		CHECK(strstr(err.text, n ? "cut off at byte" : "cut off at byte 0"));
		CHECK(strstr(err.text, path));
	}
	for (size_t i = 0; i < file->n && checked; i++) {
		file->p[i] ^= 0x41;
		file_write(path, buf_slice(file));
		size_t made = read_whole(packing, got, text.n + 1000, &err);
		CHECK(err.fault != FAULT_NONE ||
		      (made == text.n && memcmp(got, text.p, made) == 0));
		file->p[i] ^= 0x41;
	}
}

static void damages(void *unused)
{
	AUTO(buf_done) struct buf text = lines(60);
	AUTO(buf_done) struct buf gz = gzip(buf_slice(&text));
	AUTO(buf_done) struct buf zs = zstd(buf_slice(&text));
	(void)unused;
	each_damage(PACKING_GZIP, &gz, buf_slice(&text), true);
	each_damage(PACKING_ZSTD, &zs, buf_slice(&text), false); /* it has no checksum by default */
}

TEST(damage_is_never_silent)
{
	in_folder(damages, NULL);
}

static void check_fault(enum packing packing, enum fault fault, const char *why) SUSPENDS
{
	char got[100];
	struct err err;
	CHECK_INT(read_whole(packing, got, sizeof(got), &err), strstr(why, "behind") ? 5 : 0);
	CHECK_INT(err.fault, fault);
	CHECK(strstr(err.text, why));
}

static void strangers(void *unused)
{
	AUTO(buf_done) struct buf gz = gzip(S("text\n"));
	(void)unused;
	file_write(path, S("plain text\n"));
	check_fault(PACKING_GZIP, FAULT_CONFIG, "is not gzip; `compress: none`");
	check_fault(PACKING_ZSTD, FAULT_CONFIG, "is not zstd");
	CHECK_INT(buf_add(&gz, S("garbage")), 0);
	file_write(path, buf_slice(&gz));
	check_fault(PACKING_GZIP, FAULT_IO,
		    "other bytes behind the end of its gzip data, from byte 25");
}

TEST(what_is_no_member_is_refused)
{
	in_folder(strangers, NULL);
}

TEST(names_and_heads_tell_the_packing)
{
	CHECK_INT(packing_of_name(S("/a/users.jsonl.gz")), PACKING_GZIP);
	CHECK_INT(packing_of_name(S("users.csv.zst")), PACKING_ZSTD);
	CHECK_INT(packing_of_name(S("gz")), PACKING_NONE);
	CHECK_INT(packing_of_head(S("\x1f\x8b\x08\x00")), PACKING_GZIP);
	CHECK_INT(packing_of_head(S("\x28\xb5\x2f\xfd")), PACKING_ZSTD);
	CHECK_INT(packing_of_head(S("{\"a\"")), PACKING_NONE);
	CHECK_INT(packing_of_head(S("")), PACKING_NONE);
}

static const struct test tests[] = {
	T(text_is_read_at_any_offset),
	T(damage_is_never_silent),
	T(what_is_no_member_is_refused),
	T(names_and_heads_tell_the_packing),
};

int main(void)
{
	return RUN_TESTS(tests);
}
