#!/bin/sh
# Builds two switches with software ports, checks them, and takes them down again.
set -eu
: "${NM:=nm}"

say() { echo "$*"; }
expect() { [ "$1" = "$2" ] || { say "expected $2, found $1" >&2; exit 1; }; }

before=$($NM vale-ctl | wc -l)

for port in web db log; do $NM vale-ctl create "$port"; done
$NM vale-ctl attach vale0:web
$NM vale-ctl attach vale0:db
$NM vale-ctl attach vale1:log
$NM vale-ctl create join
$NM vale-ctl attach vale0:join
$NM vale-ctl attach vale1:join
expect "$($NM vale-ctl | wc -l)" $((before + 5))

$NM vale-ctl set vale0:db --full wait --rate 1Mpps
expect "$($NM vale-ctl list vale0 --json | grep -c '"full":"wait"')" 1

$NM pkt-gen -i vale1:log -f rx -n 1000 & receiver=$!
until $NM vale-ctl list vale1 --json | grep -q '"processes":\[{'; do sleep 0.1; done
$NM pkt-gen -i vale0:web -f tx -n 1000 -R 100k
wait "$receiver"

$NM vale-ctl detach vale1:join
for name in vale0:join vale1:log vale0:db vale0:web; do $NM vale-ctl detach "$name"; done
for port in web db log join; do $NM vale-ctl destroy "$port"; done
expect "$($NM vale-ctl | wc -l)" "$before"
say all is as it was
