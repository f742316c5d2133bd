// Objects behind shared pointers and in maps: --kind 0 leaks make_shared objects of a type without
// virtual functions, 1 of one with them, 2 nodes of a map of plain structs, 3 callbacks.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace shop
{
struct Basket {
	long numbers[9] = {};
	std::string owner = "a customer whose name is too long to be kept inside";
};
struct Payment {
	virtual ~Payment() = default;
	virtual int amount() const
	{
		return (int)cents;
	}
	long cents = 5;
	std::vector<long> history = std::vector<long>(5);
};
struct Price {
	long cents[7];
};
struct Visitor {
	virtual ~Visitor() = default;
	long pages[4] = {};
};
} // namespace shop

static double option(int argc, char **argv, const char *name, double fallback)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return atof(argv[i + 1]);
	return fallback;
}

int main(int argc, char **argv)
{
	const int kind = (int)option(argc, argv, "--kind", 0);
	const double leak_per_s = option(argc, argv, "--leak", 500);
	std::mt19937 random(3);
	std::vector<std::shared_ptr<void>> live(60000);
	std::vector<std::unique_ptr<shop::Visitor>> visitors(60000);
	std::vector<std::shared_ptr<void>> kept;
	std::map<long, shop::Price> prices;
	std::vector<std::function<void()>> callbacks;
	double leaked = 0;
	double churned = 0;

	alarm((unsigned)option(argc, argv, "--for", 300));
	for (auto &one : live)
		one = std::make_shared<std::string>(random() % 300, 's');
	for (auto &one : visitors)
		one = std::make_unique<shop::Visitor>();
	const auto begin = std::chrono::steady_clock::now();
	puts("ready");
	fflush(stdout);
	for (;;) {
		const std::chrono::duration<double> age = std::chrono::steady_clock::now() - begin;

		for (; churned < age.count() * 20000; churned++) {
			live[random() % live.size()] = std::make_shared<std::string>(random() % 300, 's');
			visitors[random() % visitors.size()] = std::make_unique<shop::Visitor>();
		}
		for (; leaked < age.count() * leak_per_s; leaked++) {
			if (kind == 0)
				kept.push_back(std::make_shared<shop::Basket>());
			else if (kind == 1)
				kept.push_back(std::make_shared<shop::Payment>());
			else if (kind == 2)
				prices[(long)leaked] = {};
			else
				callbacks.push_back([big = shop::Price(), &age] { (void)big; (void)age; });
		}
		usleep(2000);
	}
}
