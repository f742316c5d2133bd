#!/bin/sh
# check.sh STATE JOBS TEST...: all tests, JOBS at a time. Many of them live on the wall clock beside
# real daemons: the few that fail are run once more, one by one with the machine to themselves, and
# both results are printed. More than MOST failed files are no accident of a busy machine.
MOST=3
state=$1
jobs=$2
shift 2

rm -f "$state"
prove --failures --comments --state=save --statefile="$state" --jobs "$jobs" "$@" && exit
status=$?
failed=$(awk '/^  [^ ]/ { file = $1 } /last_result: [^0]/ { print file }' "$state")
count=$(echo "$failed" | wc -w)
[ "$count" -ge 1 ] && [ "$count" -le $MOST ] || exit $status
printf '\nOnce more, alone (of %d files):\n' $#
echo "$failed" | sed 's/:$//; s/^/  /'
prove --failures --comments --verbose --state=failed --statefile="$state"
