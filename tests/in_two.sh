#!/bin/sh
# Every test, in two processes side by side: together they take little more than half as long as one after the other.
# Usage: tests/in_two.sh PYTEST [OPTION ...]
set -u

workers="tests/e2e tests/wire $(ls tests/test_*queue.py tests/test_cli_load.py tests/test_classroom.py tests/test_fleet_simulation.py \
  tests/test_jobs*.py tests/test_kubernetes.py tests/test_pages.py tests/test_pool.py tests/test_scaling.py \
  tests/test_school_*pages.py tests/test_school_camera.py tests/test_school_screenshots.py tests/test_school_roll_call.py \
  tests/test_stored_video.py tests/test_triggers.py tests/test_watching.py tests/test_web_tier.py tests/test_worker.py)"
without=$(for each in $workers; do echo "--ignore=$each"; done)

said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$@" $workers >"$said" 2>&1 &
other=$!
"$@" $without tests
first=$?
wait "$other"
second=$?
cat "$said"
[ "$first" -eq 0 ] && [ "$second" -eq 0 ]
