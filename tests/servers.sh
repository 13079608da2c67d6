#!/bin/sh
# Installs the servers, and the browser, that tests start themselves, where they are missing and the machine lets us;
# else says so.
set -eu

missing=""
command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="postgresql"
command -v nats-server >/dev/null || [ -x /usr/sbin/nats-server ] || missing="$missing nats-server"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing="$missing chromium"
{ command -v cc && command -v strip; } >/dev/null || missing="$missing binutils gcc libc6-dev" # for the image's content
[ -n "$missing" ] || exit 0

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null && { [ -z "$as_root" ] || sudo -n true 2>/dev/null; }; then
  export DEBIAN_FRONTEND=noninteractive
  echo "installing $missing for the tests"
  $as_root apt-get -qq update >/dev/null && $as_root apt-get -qq install --no-install-recommends -y $missing >/dev/null && exit 0
fi
echo "tests that need $missing will be skipped; install it with the system's package manager" >&2
