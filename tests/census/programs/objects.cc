// A server-like program whose objects have virtual functions. It builds up a population of several
// types, keeps renewing it (churn), and leaks one type: --leak a second.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace app
{
struct Object {
	virtual ~Object() = default;
	virtual int work() const = 0;
};

template <int Bytes> struct Payload {
	char bytes[Bytes];
	Payload()
	{
		memset(bytes, Bytes & 0x7f, sizeof(bytes));
	}
};

struct Request : Object {
	Payload<72> payload;
	std::string path = "/index.html?with=a&long=query&that=is&on=the&heap=too";
	int work() const override
	{
		return payload.bytes[0] + (int)path.size();
	}
};

struct Response : Object {
	Payload<200> payload;
	std::vector<int> parts = std::vector<int>(12);
	int work() const override
	{
		return payload.bytes[1];
	}
};

struct Timer : Object {
	std::function<int()> callback = [this] { return work(); };
	Payload<16> payload;
	int work() const override
	{
		return 3;
	}
};

struct Header : Object {
	Payload<24> payload;
	int work() const override
	{
		return payload.bytes[0];
	}
};

struct CacheEntry : Object {
	Payload<120> payload;
	std::shared_ptr<Header> header = std::make_shared<Header>();
	int work() const override
	{
		return payload.bytes[3];
	}
};

// What leaks.
struct Session : Object {
	Payload<88> payload;
	std::string user = "somebody";
	int work() const override
	{
		return payload.bytes[2];
	}
};

static std::unique_ptr<Object> make(unsigned kind)
{
	switch (kind % 5) {
	case 0:
		return std::make_unique<Request>();
	case 1:
		return std::make_unique<Response>();
	case 2:
		return std::make_unique<Timer>();
	case 3:
		return std::make_unique<Header>();
	default:
		return std::make_unique<CacheEntry>();
	}
}

static std::atomic<long> checksum;
static std::atomic<int> ready_count;

static void serve(unsigned seed, long population, long churn_per_s, double leak_per_s)
{
	std::mt19937 random(seed);
	std::vector<std::unique_ptr<Object>> live;
	std::vector<Session *> leaked;
	double leaked_count = 0;
	double churned_count = 0;

	while ((long)live.size() < population)
		live.push_back(make((unsigned)random()));
	ready_count++;
	const auto begin = std::chrono::steady_clock::now();
	for (;;) {
		usleep(2000);
		const std::chrono::duration<double> age = std::chrono::steady_clock::now() - begin;

		for (; churned_count < age.count() * (double)churn_per_s; churned_count++) {
			auto &slot = live[random() % live.size()];
			slot = make((unsigned)random());
			checksum += slot->work();
		}
		for (; leaked_count < age.count() * leak_per_s; leaked_count++)
			leaked.push_back(new Session);
	}
}
} // namespace app

static double option(int argc, char **argv, const char *name, double fallback)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return atof(argv[i + 1]);
	return fallback;
}

int main(int argc, char **argv)
{
	const int threads = (int)option(argc, argv, "--threads", 1);
	const double leak = option(argc, argv, "--leak", 500);
	const double churn = option(argc, argv, "--churn", 20000);
	const double population = option(argc, argv, "--population", 300000);
	std::vector<std::thread> servers;

	alarm((unsigned)option(argc, argv, "--for", 300));
	for (int i = 0; i < threads; i++)
		servers.emplace_back(app::serve, i + 1, (long)population / threads, (long)churn / threads,
		                     leak / threads);
	while (app::ready_count < threads)
		usleep(10000);
	puts("ready");
	fflush(stdout);
	for (auto &server : servers)
		server.join();
}
