/* The number of mappings: a forecast where it grows straight, none where it does not. */
#include "tap.h"
#include "track/track.h"

#define EVERY_S 600.0
#define LIMIT 65530.0

/* `count_at(i)` at each of `n` readings. */
static struct pl_maps read_all(double (*count_at)(int), int n)
{
	struct pl_maps maps = { 0 };

	for (int i = 0; i < n; i++)
		pl_track_count_maps(&maps, EVERY_S * i, count_at(i));
	return maps;
}

static double straight(int i)
{
	return 1000 + 50.0 * i;
}

static double pool(int i)
{
	return i < 20 ? 1000 + 200.0 * i : 5000;
}

static double slow(int i)
{
	return 1000 + i;
}

static double late(int i)
{
	return i < 50 ? 9000 - 10.0 * i : 8500 + 40.0 * (i - 50);
}

int main(void)
{
	struct pl_forecast f = { 0 };
	struct pl_maps maps = read_all(straight, 30);

	ok(pl_track_forecast_maps(&maps, LIMIT, EVERY_S * 29, &f), "straight growth has a forecast");
	is_near(f.seconds, (LIMIT - 2450) / 50 * EVERY_S, 600, "and it is right");
	ok(f.low <= f.seconds && f.seconds <= f.high, "within its interval");
	ok(!pl_track_forecast_maps(&maps, LIMIT, EVERY_S * 29 + 4 * 3600, &f), "not for long");
	maps = read_all(straight, 4);
	ok(!pl_track_forecast_maps(&maps, LIMIT, EVERY_S * 3, &f), "a few readings are none");
	maps = read_all(pool, 60);
	ok(!pl_track_forecast_maps(&maps, LIMIT, EVERY_S * 59, &f), "nor is a pool that was filled");
	maps = read_all(slow, 60);
	ok(!pl_track_forecast_maps(&maps, LIMIT, EVERY_S * 59, &f), "nor a few mappings more");
	maps = read_all(late, 110);
	ok(pl_track_forecast_maps(&maps, LIMIT, EVERY_S * 109, &f), "growth counts from the least on");
	is_near(f.seconds, (LIMIT - 10860) / 40 * EVERY_S, 3e4, "as it goes now");
	return tap_done();
}
