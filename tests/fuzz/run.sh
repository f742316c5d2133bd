#!/bin/bash
# Runs fuzz targets one after the other, SECONDS each: run.sh BUILD SECONDS TARGET...
# An input that breaks one is left in BUILD/TARGET.crash-* (or .timeout-*, .oom-*); what was found
# anew stays in BUILD/corpus/TARGET for the next run. FUZZ_UNTIL=finding stops at the first one, and
# FUZZ_SEED=N begins the same sequence of inputs each time (as far as the time allows).
set -uo pipefail
build=$1 seconds=$2
shift 2
failed=0 total=0 targets=0
for target in "$@"; do
	mkdir -p "$build/corpus/$target" "$build/seeds/$target"
	log=$build/$target.log
	# the first timeout is for a target that hangs without libFuzzer noticing; its own is of the clock, and
	# an input of the engine that takes a second took ten on a machine that was busy
	timeout $((seconds * 3 + 60)) "$build/${target}_fuzz" -max_total_time="$seconds" -seed="${FUZZ_SEED:-0}" \
		-timeout=50 -rss_limit_mb=1024 -max_len=32768 -print_final_stats=1 \
		-artifact_prefix="$build/$target." "$build/corpus/$target" "$build/seeds/$target" \
		>"$log" 2>&1
	status=$?
	units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
	total=$((total + ${units:-0}))
	targets=$((targets + 1))
	if [ $status = 0 ]; then
		covered=$(grep -oE 'cov: [0-9]+' "$log" | tail -1)
		printf '  ok    %-11s %10s runs, %s\n' "$target" "$units" "$covered"
		continue
	fi
	failed=1
	printf '  FAIL  %-11s see %s\n' "$target" "$log"
	grep 'does not hold' "$log"
	tail -30 "$log"
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
	printf '  the input: %s\n' "${input:-none was written}"
	[ -f "$input" ] && [ "$(stat -c %s "$input")" -le 4096 ] && base64 "$input"
	[ "${FUZZ_UNTIL:-}" = finding ] && break
done
printf '  %s runs in all, %s targets of %s\n' "$total" "$targets" "$#"
exit $failed
