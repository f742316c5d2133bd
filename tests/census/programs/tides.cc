// A healthy server whose populations come and go, and never leak: a cache that is full, a queue that
// fills and drains every --period seconds, batches that are made and dropped whole, strings of all
// sizes. What is there at its high tide returns with every period.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <unordered_map>
#include <vector>

struct Item {
	virtual ~Item() = default;
	virtual int weight() const = 0;
};
struct Cached : Item {
	std::string text;
	int weight() const override
	{
		return (int)text.size();
	}
};
struct Queued : Item {
	char body[150] = {};
	int weight() const override
	{
		return body[0];
	}
};
struct Batched : Item {
	std::vector<int> numbers = std::vector<int>(8);
	int weight() const override
	{
		return numbers[0];
	}
};

static double option(int argc, char **argv, const char *name, double fallback)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return atof(argv[i + 1]);
	return fallback;
}

int main(int argc, char **argv)
{
	const double period_s = option(argc, argv, "--period", 8);
	const size_t tide = (size_t)option(argc, argv, "--tide", 30000);
	std::mt19937 random(7);
	std::list<int> recent;
	std::unordered_map<int, std::pair<std::unique_ptr<Cached>, std::list<int>::iterator>> cache;
	std::deque<std::unique_ptr<Queued>> queue;
	std::vector<std::unique_ptr<Batched>> batch;
	double looked_up = 0;

	alarm((unsigned)option(argc, argv, "--for", 300));
	const auto begin = std::chrono::steady_clock::now();
	bool ready = false;
	for (;;) {
		const std::chrono::duration<double> age = std::chrono::steady_clock::now() - begin;
		const double phase = std::fmod(age.count(), period_s) / period_s;
		const size_t level = (size_t)((double)tide * 0.5 * (1 - std::cos(2 * M_PI * phase)));

		for (; looked_up < age.count() * 40000; looked_up++) {
			const int key = (int)(random() % 200000);
			auto found = cache.find(key);
			if (found != cache.end()) {
				recent.splice(recent.begin(), recent, found->second.second);
				continue;
			}
			recent.push_front(key);
			auto entry = std::make_unique<Cached>();
			entry->text.assign(30 + random() % 400, 'c');
			cache[key] = { std::move(entry), recent.begin() };
			if (cache.size() > 60000) {
				cache.erase(recent.back());
				recent.pop_back();
			}
		}
		while (queue.size() < level)
			queue.push_back(std::make_unique<Queued>());
		while (queue.size() > level)
			queue.pop_front();
		if (phase < 0.5 && batch.size() < tide / 2)
			for (int i = 0; i < 100; i++)
				batch.push_back(std::make_unique<Batched>());
		else if (phase >= 0.5)
			batch.clear();
		if (!ready && age.count() > 2 * period_s + 5) {
			puts("ready");
			fflush(stdout);
			ready = true;
		}
		usleep(2000);
	}
}
