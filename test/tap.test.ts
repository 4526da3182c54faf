/** tap:NAME is a port in every command, and its device is there while somebody has it open. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { noNetworkNamespaces as skip } from "./privileges.js";
import { finished, nm, programFile } from "./run.js";

const program = programFile("nm");

/** Runs lines of sh in a network namespace of their own, in which $NM is this package's nm. */
function alone(lines: string) {
  return finished("unshare", ["--net", "sh", "-ec", lines], {
    env: { NM: `${process.execPath} ${program}`, NM_DIR: `/dev/shm/nm-test-tap-${process.pid}` },
  });
}

test("nm pkt-gen sends to the host through a tap device, which is gone afterwards", { skip }, async () => {
  const { status, stdout, stderr } = await alone(`
    $NM pkt-gen -i tap:blue -f tx -n 1000
    ip -o link show
    rm -r "$NM_DIR"
  `);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Sent 1000 packets 60000 bytes /m);
  assert.doesNotMatch(stdout, /^\d+: blue/m);
});

test("a bridge joins two tap devices: what the host sends on one it receives on the other", {
  skip,
}, async () => {
  const { status, stdout, stderr } = await alone(`
    echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
    $NM bridge 'tap:blue<->tap:red' --duration 30s &
    bridge=$!
    until ip link show red up 2>/dev/null | grep -q red; do sleep 0.05; done
    ip addr add 198.18.0.1/24 dev blue
    ip neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev blue
    received() { ip -j -s link show red | grep -o '"rx":{[^}]*"packets":[0-9]*' | grep -o '[0-9]*$'; }
    until [ "$(received)" -gt 0 ]; do
      "${process.execPath}" -e 'const s = require("dgram").createSocket("udp4"); s.send("x", 9, "198.18.0.2", () => s.close())'
    done
    kill -INT $bridge
    wait $bridge || true
    rm -r "$NM_DIR"
  `);
  assert.equal(status, 0, stderr + stdout);
  assert.match(stdout, /^tap:blue +tap:red +[1-9]/m);
});

test("nm port explains a tap device", async () => {
  const { stdout } = await nm("port", "tap:nm-none");
  assert.match(stdout, /tap device "nm-none": what is sent the host receives on it/);
  assert.match(stdout, /made when the port is opened/);
});
