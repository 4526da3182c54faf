#!/bin/sh
# Two switches with three network interfaces and four software ports: builds them, checks them, takes them down.
set -eu
nm=${NM:-nm}
expect() { [ "$1" = "$2" ] || { echo "found $1 instead of $2" >&2; exit 1; }; }

for i in 0 1 2; do
  ip link add "nic$i" type veth peer name "far$i"
  ip link set "nic$i" up
  ip link set "far$i" up
  $nm vale-ctl attach "vale$((i / 2)):nic$i"
done
for port in vale0:web vale0:db vale1:log vale0:join; do
  $nm vale-ctl create "${port#*:}"
  $nm vale-ctl attach "$port"
done
$nm vale-ctl attach vale1:join # on both: it joins them
expect "$($nm vale-ctl | wc -l)" 8
$nm vale-ctl set vale0:db --full wait --rate 1Mpps

# What comes in at one interface goes to everybody, on the other switch too.
$nm pkt-gen -i vale1:log -f rx -n 500 & receiver=$!
until $nm vale-ctl list vale1 --json | grep -q '"command":"nm pkt-gen'; do sleep 0.1; done
$nm pkt-gen -i far0 -f tx -n 500 -R 10k
wait "$receiver"

for port in vale1:join vale0:join vale1:log vale0:db vale0:web vale0:nic0 vale0:nic1 vale1:nic2; do
  $nm vale-ctl detach "$port"
done
for name in web db log join; do $nm vale-ctl destroy "$name"; done
for i in 0 1 2; do ip link del "nic$i"; done
expect "$($nm vale-ctl list --json | wc -l)" 0
echo all is as it was
