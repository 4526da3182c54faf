/** What pkt-gen refuses, and how it says so. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { captureFile } from "./capture-file.js";
import { frame, freshNamespace } from "./namespace.js";
import { nmWith } from "./run.js";

test("values that cannot be are refused with 2, the reason and a way out", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const [words, reason, hint] of [
    ["", /-i PORT is missing/, /nm pkt-gen -i/],
    ["-i vale1:", /Cannot read port "vale1:"/, /write it as/],
    ["-i a -f send", /Cannot read --function "send": expected one of tx, rx, ping, pong/, /--function tx/],
    ["-i a -n abc", /Cannot read --count "abc": expected a whole number/, /--count/],
    ["-i a -n -1", /Cannot read --count "-1"/, /--count/],
    ["-i a -l 15", /Cannot read --length "15": expected a whole number from 16 to 65535/, /--length 16/],
    ["-i a -l 65536", /Cannot read --length "65536"/, /--length/],
    [
      "-i a -s 10.0.0",
      /Cannot read --from "10.0.0": found "10.0.0" at position 0, expected an IPv4/,
      /--from 10\./,
    ],
    [
      "-i a -d 10.0.0.1-10.0.0.9:1-2",
      /Cannot read --to .* found "1-2" at position 18, expected a port/,
      /--to 10/,
    ],
    [
      "-i a -6 -s 10.0.0.1",
      /found "10.0.0.1" at position 0, expected an IPv6 address \(-6/,
      /--from \[fd00::1\]/,
    ],
    ["-i a -s fd00::1", /expected an IPv4 address \(-6 makes packets IPv6\)/, /--from/],
    ["-i a -4 -6", /Cannot use -4 with -6/, /Leave out/],
    [
      "-i a -l 60 -l 70 -l 80",
      /Cannot read --length "60 --length 70 --length 80": expected one size/,
      /--length 64/,
    ],
    ["-i a -F 0", /Cannot read --fragments "0": expected a whole number from 1 to 63/, /--fragments 1/],
    ["-i a -F 64", /Cannot read --fragments "64"/, /--fragments 1/],
    ["-i a -F 17 -l 16 -l 60", /Cannot use -F 17 with -l 16: each slot/, /Leave out/],
    ["-i a -M 0", /Cannot read --longest-fragment "0"/, /--longest-fragment 1/],
    ["-i p{1 -f tx -I", /Cannot use -I with -i netmap:p\{1: only switches/, /Leave out -I/],
    ["-i vale1:a -I -r", /Cannot use -r with -I/, /Leave out/],
    ["-i a -r -s 10.0.0.1", /Cannot use -r with -s: nothing is written/, /Leave out/],
    ["-i a -z -s 10.0.0.1", /Cannot use --from 10.0.0.1 with -z: both decide/, /Leave out/],
    ["-i a -6 -Z -d [::1]:5", /Cannot use --to \[::1\]:5 with -Z/, /Leave out/],
    [
      "-i a -f tx -P x -l 60",
      /Cannot use -P with -l: packets of a capture are sent as they are/,
      /Leave out/,
    ],
    ["-i a -f tx -P x -z", /Cannot use -P with -z/, /Leave out/],
    ["-i a -f rx -P x", /Cannot use -f rx with -P: only tx sends captures/, /Leave out/],
    ["-i a -f ping -Z", /Cannot use -f ping with -Z: requests are alike/, /Leave out/],
    ["-i a -f ping -s 10.0.0.1-10.0.0.9", /Cannot use -f ping with a range in -s/, /Leave out/],
    ["-i a -f ping -l 53", /Cannot use -f ping with -l 53: a request needs packets of at least 54/, /Leave/],
    ["-i a -6 -f ping -l 73", /Cannot use -f ping with -l 73: .* at least 74/, /Leave/],
    ["-i a -f ping -b 1M", /Cannot read --burst "1000000": expected at most 65536 requests/, /--burst 16/],
    ["-i a -f txseq -M 100", /Cannot use -f txseq with -M: a number is written into each slot/, /Leave/],
    ["-i a -f txseq -l 45", /Cannot use -f txseq with -l 45: a number needs/, /Leave/],
    ["-i a -f txseq --mark", /Cannot use --mark with -f txseq/, /Leave/],
    ["-i a -f pong --verify", /Cannot use --verify with -f pong/, /Leave/],
    ["-i a -H 11", /Cannot read --header "11": expected 0, 10 or 12 bytes/, /--header 12/],
    ["-i a -R fast", /Cannot read --rate "fast": expected packets a second/, /--rate 10M/],
    ["-i a -R -5", /Cannot read --rate "-5"/, /--rate 10M/],
    ["-i a -R 2G", /Cannot read --rate "2G"/, /--rate 10M/],
    ["-i a -R 10kus", /Cannot read --rate "10kus"/, /--rate 10M/],
    [
      "-i vale1:a -R 50%",
      /Cannot send at 50% of the line rate on port "vale1:a": it has none/,
      /--line-rate/,
    ],
    [
      "-i a --line-rate x -R 50%",
      /Cannot read --line-rate "x": expected bits a second/,
      /--line-rate 10Gbps/,
    ],
    [
      "-i a -R 5 --catch-up some",
      /Cannot read --catch-up "some": expected all, none, or a time/,
      /--catch-up/,
    ],
    ["-i a --burst-time 1ms", /Cannot use --burst-time with --rate 0/, /Leave out/],
    ["-i a -R 5 --burst-time 0", /Cannot read --burst-time "0"/, /--burst-time 100us/],
    ["-i a -R 5 --profile 5", /Cannot use --profile with --rate/, /Leave out/],
    ["-i a -o 1", /Cannot read --option-mask "1": expected a sum of 4, 8, 32/, /--option-mask/],
    ["-i a -o 8192", /Cannot read --option-mask "8192"/, /--option-mask/],
    ["-i a -o 4294967300", /Cannot read --option-mask "4294967300"/, /--option-mask/],
    ["-i a -c 9999", /Cannot read --cpus "9999": expected at most the \d+/, /--cpus 0/],
    ["-i a -S 02:00", /Cannot read --from-mac "02:00": expected six bytes/, /--from-mac 02:/],
    ["-i a -D x", /Cannot read --to-mac "x"/, /--to-mac 02:/],
    ["-i a -T 5", /Cannot read --interval "5"/, /--interval/],
    ["-i a -w -1", /Cannot read --wait "-1"/, /--wait/],
    ["-i a -p 0", /Cannot read --threads "0"/, /--threads/],
    ["-i a -a 1023", /Cannot read --cpu "1023": expected a processor/, /--cpu \d/],
    ["-i a -C x", /Cannot read --geometry "x": expected one to four numbers/, /--geometry 1024,/],
    ["-i a -C 1,2,3,4,5", /Cannot read --geometry/, /--geometry/],
    ["-i a --duration 10", /Cannot read --duration "10": expected a time with its unit/, /--duration 10s/],
    ["-i a --backend fast", /Cannot read --backend "fast"/, /--backend auto/],
    ["-i a --mark", /Cannot use --mark with -f rx/, /Leave out --mark/],
    ["-i a -f tx --verify", /Cannot use --verify with -f tx/, /Leave out --verify/],
    ["-i a -f tx --mark -l 59", /Cannot use --mark with -l 59/, /Leave out/],
    [
      "-i a -f tx --mark -6 -l 79",
      /Cannot use --mark with -l 79: a mark needs packets of at least 80/,
      /Leave/,
    ],
    ["-i a -f tx --mark -l 1500 -l 59", /Cannot use --mark with -l 59/, /Leave out/],
    ["-i a more", /Cannot read "more": pkt-gen takes options only/, /--help/],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", ...words.split(" ").filter((word) => word !== ""));
    assert.equal(run.status, 2, words);
    assert.equal(run.stdout, "");
    const [first = "", second = "", ...more] = run.stderr.trimEnd().split("\n");
    assert.match(first, reason);
    assert.match(second, hint);
    assert.deepEqual(more, []);
  }
});

test("packets that the port cannot send are refused with 2 before any is sent", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const jumbo = captureFile(t, [frame(9000)]);
  for (const [words, reason] of [
    ["-i vale1:a -f ping -l 9000", /they take 5 slots, and it takes 1 for a packet/],
    ["-i vale1:a -f txseq -l 9000", /they take 5 slots, and it takes 1 for a packet/],
    ["-i vale1:a@conf:slots=4 -f tx -l 9000", /they take 5 slots, and it takes 3 for a packet/],
    [`-i vale1:a@conf:slots=4 -f tx -P ${jumbo}`, /they take 5 slots, and it takes 3 for a packet/],
    [
      "-i vale1:a -f tx -l 65535 -H 12",
      /packets of 65535 bytes on port "vale1:a": with a virtio-net header of 12 bytes they can have 65523/,
    ],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", ...words.split(" "));
    assert.equal(run.status, 2, words);
    assert.match(run.stderr, reason);
    assert.equal(run.stdout, "");
  }
});

test("options that a function does not use are taken, as netmap does, and named", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const [words, said] of [
    ["-f rx -l 100 -z -R 5", /^-l, -z, -R have no effect with -f rx$/m],
    ["-f pong -s 10.0.0.1", /^-s has no effect with -f pong$/m],
    ["-f tx -W -n 1", /^-W has no effect with -f tx$/m],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "--duration", "1ms", ...words.split(" "));
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stderr, said);
  }
  const all = "-f tx -l 100 -z -R 5 -n 1";
  const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", ...all.split(" "));
  assert.doesNotMatch(run.stderr, /no effect/);
});
