#!/bin/sh
# Every test, in three processes side by side: most of those that start servers and browsers wait for much of their time.
# Usage: tests/side_by_side.sh PYTEST [OPTION ...]
set -u

workers="tests/e2e tests/wire $(ls tests/test_aws_[cj]*.py tests/test_classroom.py tests/test_fleet_simulation.py tests/test_jobs*.py \
  tests/test_kubernetes.py tests/test_object_store.py tests/test_postgresql.py tests/test_scaling.py tests/test_sealing.py \
  tests/test_sql_store*.py tests/test_stored_video.py tests/test_template_keys.py tests/test_triggers.py \
  tests/test_web_tier.py tests/test_worker.py)"
pages="$(ls tests/test_dynamo_*.py tests/test_school_*.py tests/test_pages.py tests/test_*queue.py tests/test_cli_load.py tests/test_pool.py \
  tests/test_watching.py)"
without=$(for each in $workers $pages; do echo "--ignore=$each"; done)

said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
"$@" $workers >"$said/workers" 2>&1 &
second=$!
"$@" $pages >"$said/pages" 2>&1 &
third=$!
"$@" $without tests
first=$?
wait "$second"
second=$?
wait "$third"
third=$?
cat "$said/workers" "$said/pages"
[ "$first" -eq 0 ] && [ "$second" -eq 0 ] && [ "$third" -eq 0 ]
