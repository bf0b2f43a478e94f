// tour.cc - a bit of everything that libhocket gives, as a stranger's C++ program; prints what came of it
#include <cerrno>
#include <cstdio>
#include <hocket/hocket.h>
#include <memory>
#include <string>
#include <vector>

namespace {

template <auto Free> struct Deleter {
	template <class T> void operator()(T *p) const { Free(p); }
};
using Queue = std::unique_ptr<hk_queue, Deleter<hk_queue_free>>;
using Client = std::unique_ptr<hk_http_client, Deleter<hk_http_client_free>>;
using Pool = std::unique_ptr<hk_sql_pool, Deleter<hk_sql_pool_free>>;
using Server = std::unique_ptr<hk_http_server, Deleter<hk_http_server_free>>;

struct Square {
	int n, result;
};

int squares()
{
	std::vector<Square> s;
	for (int i = 1; i <= 10; i++)
		s.push_back({ i, 0 });
	hk_gather_options options{};
	options.limit = 4;
	auto square = [](void *arg) {
		auto *one = static_cast<Square *>(arg);
		int r = hk_sleep((10 - one->n) * HK_MS);
		one->result = one->n * one->n;
		return r;
	};
	int r = hk_gather(square, s.data(), s.size(), sizeof(s[0]), &options);
	int sum = 0;
	for (const auto &one : s)
		sum += one.result;
	std::printf("gather %d\n", r < 0 ? r : sum);
	return r;
}

struct Pipe {
	Queue queue;
	hk_sem sem;
	int sum;
};

int pipes()
{
	const unsigned long permits = 1; // of no type that the semaphore knows
	Pipe p{ Queue(hk_queue_new(sizeof(int), 2)), HK_SEM(permits), 0 };
	auto produce = [](void *arg) {
		auto *pipe = static_cast<Pipe *>(arg);
		int r = 0;
		for (int i = 1; r == 0 && i <= 10; i++)
			r = hk_queue_put(pipe->queue.get(), &i);
		hk_queue_close(pipe->queue.get());
		return r;
	};
	auto consume = [](void *arg) {
		auto *pipe = static_cast<Pipe *>(arg);
		int item, r;
		while ((r = hk_queue_get(pipe->queue.get(), &item)) == 0) {
			r = hk_sem_acquire(&pipe->sem);
			if (r < 0)
				return r;
			pipe->sum += item;
			hk_sem_release(&pipe->sem);
		}
		return r == -EPIPE ? 0 : r;
	};
	hk_group g;
	hk_group_open(&g, nullptr);
	int r = hk_spawn(&g, produce, &p);
	for (int i = 0; r == 0 && i < 3; i++)
		r = hk_spawn(&g, consume, &p);
	r = hk_group_close(&g, r);
	std::printf("queue %d\n", r < 0 ? r : p.sum);
	return r;
}

int deadline()
{
	hk_scope s;
	hk_scope_open(&s, HK_MS);
	int r = hk_scope_close(&s, hk_sleep(HK_FOREVER));
	std::printf("scope %s\n", r == -ETIMEDOUT ? "timed out" : "wrong");
	return r == -ETIMEDOUT ? 0 : -1;
}

int ask()
{
	hk_sql_pool *opened;
	hk_sql_error error;
	hk_sql_rows rows;
	int r = hk_sql_pool_open("sqlite::memory:", nullptr, &opened, &error);
	if (r < 0)
		return r;
	Pool pool(opened);
	const hk_sql_value values[] = { hk_sql_int(6), hk_sql_text("7") };
	r = hk_sql_fetch(pool.get(), "SELECT $1 * CAST($2 AS int) AS product", values, 2, &rows, &error);
	int64_t product = 0;
	if (r == 0)
		r = hk_sql_get_int(&rows, 0, "product", &product);
	hk_sql_rows_done(&rows);
	std::printf("sql %d\n", r < 0 ? r : static_cast<int>(product));
	return r;
}

struct Call {
	hk_http_client *client;
	std::string url;
};

int fetch(void *arg)
{
	auto *call = static_cast<Call *>(arg);
	hk_http_response response;
	hk_http_error error;
	int r = hk_http_get(call->client, call->url.c_str(), &response, &error);
	if (r < 0)
		std::fprintf(stderr, "%s\n", error.text);
	else if (std::string(response.body, response.body_n) != "{\"path\": \"/abc\"}")
		r = -EBADMSG;
	hk_http_response_done(&response);
	return r;
}

int talk()
{
	hk_http_server *opened;
	hk_http_client *made;
	hk_http_error error;
	auto hello = [](const hk_http_incoming *in, hk_http_reply *reply, void *) {
		return hk_http_reply_printf(reply, "{\"path\": \"%s\"}", in->path);
	};
	int r = hk_http_server_open("127.0.0.1", 0, hello, nullptr, nullptr, &opened, &error);
	if (r < 0)
		return r;
	Server server(opened);
	r = hk_http_client_new(nullptr, &made, &error);
	if (r < 0)
		return r;
	Client client(made);
	std::string url = "http://127.0.0.1:" + std::to_string(hk_http_server_port(server.get())) + "/abc";
	std::vector<Call> calls(20, Call{ client.get(), url });
	hk_gather_options options{};
	options.limit = 5;
	auto serve = [](void *arg) { return hk_http_server_run(static_cast<hk_http_server *>(arg), nullptr); };
	hk_group g;
	hk_group_open(&g, nullptr);
	r = hk_spawn(&g, serve, server.get());
	if (r == 0)
		r = hk_gather(fetch, calls.data(), calls.size(), sizeof(calls[0]), &options);
	hk_group_cancel(&g);
	r = hk_group_close(&g, r);
	std::printf("http %d\n", r);
	return r;
}

// An exception may travel through calls of a task that has waited; it must not leave the task.
void throw_late(int n)
{
	if (hk_yield() < 0)
		return;
	if (n == 0)
		throw std::string("caught");
	throw_late(n - 1);
}

int exceptions()
{
	static int caught;
	auto careful = [](void *arg) {
		try {
			throw_late(*static_cast<int *>(arg));
		} catch (const std::string &what) {
			caught += what == "caught";
		}
		return 0;
	};
	int depths[] = { 1, 2, 3 };
	int r = hk_gather(careful, depths, 3, sizeof(depths[0]), nullptr);
	std::printf("exceptions %d\n", caught);
	return r;
}

} // namespace

int main()
{
	auto tour = [](void *arg) {
		int r = squares();
		if (r == 0)
			r = pipes();
		if (r == 0)
			r = deadline();
		if (r == 0)
			r = talk();
		if (r == 0)
			r = ask();
		if (r == 0)
			r = exceptions();
		std::printf("off-load %d\n", hk_offload([](void *n) { return *static_cast<int *>(n) * 2; }, arg));
		return r;
	};
	int n = 21;
	return hk_run(tour, &n, nullptr) == 0 ? 0 : 1;
}
