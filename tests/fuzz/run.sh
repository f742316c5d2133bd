#!/bin/bash
# Runs fuzz targets one after the other, SECONDS each: run.sh BUILD SECONDS TARGET...
# An input that breaks one is left in BUILD/TARGET.crash-*; what was found anew stays in
# BUILD/corpus/TARGET for the next run.
set -uo pipefail
build=$1 seconds=$2
shift 2
failed=0
for target in "$@"; do
	mkdir -p "$build/corpus/$target" "$build/seeds/$target"
	log=$build/$target.log
	# the timeout is for a target that hangs without libFuzzer noticing
	if timeout $((seconds * 3 + 60)) "$build/${target}_fuzz" -max_total_time="$seconds" \
		-timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
		-artifact_prefix="$build/$target." "$build/corpus/$target" "$build/seeds/$target" \
		>"$log" 2>&1; then
		units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		covered=$(grep -oE 'cov: [0-9]+' "$log" | tail -1)
		printf '  ok    %-10s %9s runs, %s\n' "$target" "$units" "$covered"
	else
		failed=1
		printf '  FAIL  %-10s see %s\n' "$target" "$log"
		tail -30 "$log"
	fi
done
exit $failed
