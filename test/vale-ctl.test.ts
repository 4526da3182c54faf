/** nm vale-ctl: every action does what it says, says why where it cannot, and leaves what it should. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { openPort } from "../lib/index.js";
import { noInterfaces } from "./cable.js";
import { frame, freshNamespace } from "./namespace.js";
import { nmWith, program, programFile, root } from "./run.js";
import { jsonLine, jsonLines } from "./schema.js";
import { starting } from "./started.js";

/** vale-ctl in a namespace of its own. */
function controlling(t: TestContext) {
  const namespace = freshNamespace(t);
  const env = { NM_DIR: namespace };
  return {
    namespace,
    ctl: (...words: string[]) => nmWith({ env }, "vale-ctl", ...words),
    open: (name: string) => {
      const port = openPort(name, { namespace });
      t.after(() => port.close());
      return port;
    },
  };
}

type Control = ReturnType<typeof controlling>;

/** All ports, as the bare command lists them. */
async function listed({ ctl }: Control): Promise<string[]> {
  const { stdout, status } = await ctl();
  assert.equal(status, 0);
  return stdout.split("\n").filter((line) => line !== "");
}

interface Row {
  readonly says: string;
  /** What there is before: persistent ports, attachments, and ports that are open. */
  readonly create?: readonly string[];
  readonly attach?: readonly string[];
  readonly open?: readonly string[];
  readonly words: readonly string[];
  readonly status: number;
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
  /** What is listed afterwards. */
  readonly after: readonly string[];
}

const rows: readonly Row[] = [
  {
    says: "attach puts a port onto a switch",
    create: ["p"],
    words: ["attach", "vale0:p"],
    status: 0,
    after: ["vale0:p 0 0"],
  },
  {
    says: "-a does, too, and -v tells the place",
    create: ["p"],
    open: ["vale0:x"],
    words: ["-v", "-a", "vale0:p"],
    status: 0,
    stdout: /^port_index: 1\n$/,
    after: ["vale0:x 0 0", "vale0:p 0 1"],
  },
  {
    says: "attach refuses what is attached",
    create: ["p"],
    attach: ["vale0:p"],
    words: ["attach", "vale0:p"],
    status: 1,
    stderr: /^nm vale-ctl: Cannot attach "vale0:p": it is on a switch\n +Detach it first\n$/,
    after: ["vale0:p 0 0"],
  },
  {
    says: "attach refuses what is not there",
    words: ["attach", "vale0:p"],
    status: 1,
    stderr:
      /Cannot attach "vale0:p": the name after the colon is no network interface and no persistent port/,
    after: [],
  },
  {
    says: "attach refuses a name that is on no switch",
    words: ["attach", "p"],
    status: 2,
    stderr: /Cannot use "p"/,
    after: [],
  },
  {
    says: "attach refuses an unknown region",
    create: ["p"],
    words: ["attach", "vale0:p", "-m", "77"],
    status: 1,
    stderr: /Cannot attach "vale0:p"/,
    after: [],
  },
  {
    says: "detach takes a port off",
    create: ["p"],
    attach: ["vale0:p"],
    words: ["detach", "vale0:p"],
    status: 0,
    after: [],
  },
  {
    says: "-d does, too",
    create: ["p"],
    attach: ["vale0:p"],
    words: ["-d", "vale0:p", "-v"],
    status: 0,
    stdout: /^port_index: 0\n$/,
    after: [],
  },
  {
    says: "detach refuses what is not there",
    words: ["detach", "vale0:p"],
    status: 1,
    stderr: /Cannot detach "vale0:p": there is no port of this name/,
    after: [],
  },
  {
    says: "detach refuses a port that a program opened",
    open: ["vale0:a"],
    words: ["detach", "vale0:a"],
    status: 1,
    stderr: /Cannot detach "vale0:a": it is on its switch for as long as a program has it open/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "create makes a port that stays",
    words: ["create", "p", "-C", "64,128,2,1", "-v"],
    status: 0,
    stdout: /^tx_slots: {3}64\nrx_slots: {3}128\ntx_rings: {3}2\nrx_ring: {4}1\nmem_id: {5}\d+\n$/,
    after: [],
  },
  {
    says: "create refuses a name that is taken",
    create: ["p"],
    words: ["create", "p"],
    status: 1,
    stderr: /Cannot create port "p": /,
    after: [],
  },
  {
    says: "create refuses a name of a switch",
    words: ["-n", "vale7"],
    status: 2,
    stderr: /Cannot create port "vale7": no persistent port can have this name/,
    after: [],
  },
  {
    says: "create refuses a geometry that cannot be read",
    words: ["create", "p", "-C", "1,2,3,4,5"],
    status: 2,
    stderr: /Cannot read --config "1,2,3,4,5": expected SLOTS/,
    after: [],
  },
  { says: "destroy unmakes a port", create: ["p"], words: ["destroy", "p"], status: 0, after: [] },
  {
    says: "destroy refuses one that is attached",
    create: ["p"],
    attach: ["vale0:p"],
    words: ["-r", "p"],
    status: 1,
    stderr: /Cannot destroy port "p": it is on a switch/,
    after: ["vale0:p 0 0"],
  },
  {
    says: "destroy refuses what is not there",
    words: ["destroy", "p"],
    status: 1,
    stderr: /Cannot destroy port "p": there is no persistent port of this name/,
    after: [],
  },
  {
    says: "info tells what a port is like",
    open: ["vale0:a"],
    words: ["info", "vale0:a"],
    status: 0,
    stdout:
      /^memsize: {4}\d+\ntx_slots: {3}1024\nrx_slots: {3}1024\ntx_rings: {3}1\nrx_rings {4}1\nmem_id: {5}\d+\n$/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "info refuses a name that cannot be",
    words: ["-g", "nosuchif"],
    status: 1,
    stderr: /Cannot look up port "netmap:nosuchif"|Cannot look up port "nosuchif"/,
    after: [],
  },
  {
    says: "-l tells where a port is",
    open: ["vale3:a", "vale3:b"],
    words: ["-l", "vale3:b"],
    status: 0,
    stdout: /^bridge_idx: 0\nport_idx: {3}1\n$/,
    after: ["vale3:a 0 0", "vale3:b 0 1"],
  },
  {
    says: "-l tells 255 for a port that is not there",
    open: ["vale3:a"],
    words: ["-l", "vale3:z"],
    status: 0,
    stdout: /^bridge_idx: 0\nport_idx: {3}255\n$/,
    after: ["vale3:a 0 0"],
  },
  {
    says: "-l refuses a switch that is not there",
    words: ["-l", "vale3:a"],
    status: 1,
    stderr: /there is no switch of this name/,
    after: [],
  },
  {
    says: "list says that there is nothing",
    words: ["list"],
    status: 0,
    stdout: /^There are no switches\. /,
    after: [],
  },
  {
    says: "list refuses a switch that is not there",
    words: ["list", "vale1"],
    status: 1,
    stderr: /Cannot look up switch "vale1": there is no switch/,
    after: [],
  },
  {
    says: "stats tells what ports counted",
    open: ["vale0:a"],
    words: ["stats", "vale0:a"],
    status: 0,
    stdout: /^vale0:a\n/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "stats refuses a port that is not there",
    open: ["vale0:a"],
    words: ["stats", "vale0:b"],
    status: 1,
    stderr: /Cannot look up port "vale0:b"/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "macs says that none are known",
    open: ["vale0:a"],
    words: ["macs", "vale0"],
    status: 0,
    stdout: /^No stations are known/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "macs refuses a switch that is not there",
    words: ["macs", "vale0"],
    status: 1,
    stderr: /there is no switch/,
    after: [],
  },
  {
    says: "flush forgets stations",
    open: ["vale0:a"],
    words: ["flush", "vale0"],
    status: 0,
    stdout: /^Forgot 0 stations\.\n$/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "flush refuses a port that is not there",
    open: ["vale0:a"],
    words: ["flush", "vale0:b"],
    status: 1,
    stderr: /Cannot flush "vale0:b"/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "pin refuses what is no address",
    open: ["vale0:a"],
    words: ["pin", "vale0:a", "02:00"],
    status: 2,
    stderr: /Cannot read MAC "02:00": expected a MAC address/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "pin refuses the address of a group",
    open: ["vale0:a"],
    words: ["pin", "vale0:a", "ff:ff:ff:ff:ff:ff"],
    status: 2,
    stderr: /the address is that of a group/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "unpin refuses a station that is not pinned",
    open: ["vale0:a"],
    words: ["unpin", "vale0", "02:00:00:00:00:01"],
    status: 1,
    stderr: /no station of that address is pinned/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "age refuses what is no time",
    open: ["vale0:a"],
    words: ["age", "vale0", "soon"],
    status: 2,
    stderr: /Cannot read SECONDS "soon"/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "set tells a port what to do",
    open: ["vale0:a", "vale0:m"],
    words: [
      "set",
      "vale0:a",
      "--full",
      "wait",
      "--rate",
      "100kpps",
      "--mac-limit",
      "3",
      "--group",
      "2",
      "--mirror",
      "vale0:m",
    ],
    status: 0,
    stdout: /^vale0:a: waits, 100kpps, 3 MACs, group 2, mirror m\n$/,
    after: ["vale0:a 0 0", "vale0:m 0 1"],
  },
  {
    says: "set refuses a rate that is none",
    open: ["vale0:a"],
    words: ["set", "vale0:a", "--rate", "fast"],
    status: 2,
    stderr: /Cannot read --rate "fast": expected packets a second/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "set refuses a mirror that is not there",
    open: ["vale0:a"],
    words: ["set", "vale0:a", "--mirror", "z"],
    status: 1,
    stderr: /the port that is to get copies is no other port/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "set refuses a port that is not there",
    open: ["vale0:a"],
    words: ["set", "vale0:b", "--full", "wait"],
    status: 1,
    stderr: /Cannot look up port "vale0:b"/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "poll refuses a software port",
    open: ["vale0:a"],
    words: ["poll", "vale0:a"],
    status: 1,
    stderr: /only a network interface on a switch can be polled/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "poll refuses processors that cannot be read",
    open: ["vale0:a"],
    words: ["-p", "vale0:a", "-C", "7"],
    status: 2,
    stderr: /Cannot read --config "7": expected 0,CPU/,
    after: ["vale0:a 0 0"],
  },
  {
    says: "two actions at once are refused",
    words: ["-a", "vale0:a", "-d", "vale0:b"],
    status: 2,
    stderr: /Cannot do -a and -d at once/,
    after: [],
  },
  {
    says: "an action that is none is refused",
    words: ["atach", "vale0:a"],
    status: 2,
    stderr: /Cannot read ACTION "atach": expected /,
    after: [],
  },
  {
    says: "operands that are too many are refused",
    words: ["detach", "vale0:a", "vale0:b"],
    status: 2,
    stderr: /expected vale-ctl detach SWITCH:PORT/,
    after: [],
  },
  { says: "apply needs a file", words: ["apply"], status: 2, stderr: /FILE is missing/, after: [] },
  {
    says: "apply needs a file that is there",
    words: ["apply", "/nowhere.yaml"],
    status: 1,
    stderr: /Cannot read "\/nowhere\.yaml"/,
    after: [],
  },
];

for (const { says, create = [], attach = [], open = [], words, status, stdout, stderr, after } of rows) {
  test(`vale-ctl ${words.join(" ")}: ${says}`, async (t) => {
    const control = controlling(t);
    for (const name of create) assert.equal((await control.ctl("create", name)).status, 0);
    for (const name of attach) assert.equal((await control.ctl("attach", name)).status, 0);
    for (const name of open) control.open(name);
    const run = await control.ctl(...words);
    assert.equal(run.status, status, run.stderr);
    assert.match(run.stdout, stdout ?? /^$/);
    assert.match(run.stderr, stderr ?? /^$/);
    const places = after.map((line) => line.replace(/ (\d+) (\d+)$/, " bridge_idx $1 port_idx $2"));
    assert.deepEqual(await listed(control), places);
  });
}

test("the program vale-ctl is nm vale-ctl", async (t) => {
  const { namespace, open } = controlling(t);
  open("vale0:a");
  const { stdout, status } = await program("vale-ctl", [], { env: { NM_DIR: namespace } });
  assert.deepEqual([stdout, status], ["vale0:a bridge_idx 0 port_idx 0\n", 0]);
});

test("list shows switches, who has ports open, what passed and what was lost", async (t) => {
  const { ctl, open } = controlling(t);
  const a = open("vale0:a");
  open("vale0:b");
  await ctl("create", "loose");
  await ctl("set", "vale0:b", "--full", "wait");
  for (let i = 0; i < 3; i++) a.tx.put(frame());
  a.sync();
  const { stdout } = await ctl("list");
  assert.match(stdout, /^vale0, 2 ports\n {2}port +kind +rings +MACs +sent +received +told +open in\n/);
  assert.match(stdout, new RegExp(`^ {2}a +opened +1 +1 +3 +0 +${process.pid} `, "m"));
  assert.match(stdout, new RegExp(`^ {2}b +opened +1 +0 +0 +3 +waits +${process.pid} `, "m"));
  assert.match(stdout, /^on no switch; .*\n.*\n {2}loose +persistent .* nobody$/m);

  const [vale, loose] = jsonLines((await ctl("list", "--json")).stdout);
  assert.deepEqual([vale?.type, vale?.name, vale?.ageing_seconds], ["switch", "vale0", 0]);
  const [first, second] = portsOf(vale);
  assert.equal(first?.sent?.packets, 3);
  assert.equal(second?.received?.packets, 3);
  assert.deepEqual([second?.full, second?.macs], ["wait", 0]);
  assert.equal(first?.processes[0]?.pid, process.pid);
  assert.deepEqual([loose?.type, loose?.port], ["switch_port", "loose"]);
  assert.equal(jsonLine((await ctl("list", "vale0", "--json")).stdout).name, "vale0");
});

interface ListedPort {
  readonly full: string;
  readonly macs: number;
  readonly processes: readonly { readonly pid: number }[];
  readonly sent: { readonly packets: number };
  readonly received: { readonly packets: number };
}

function portsOf(vale: Record<string, unknown> | undefined): readonly ListedPort[] {
  return (vale?.ports ?? []) as ListedPort[];
}

test("macs shows stations; pinned ones stay when the others are flushed", async (t) => {
  const { ctl, open } = controlling(t);
  const a = open("vale0:a");
  open("vale0:b");
  a.tx.put(frame());
  a.sync();
  assert.equal((await ctl("pin", "vale0:b", "02:00:00:00:00:07")).status, 0);
  const { stdout } = await ctl("macs", "vale0");
  assert.match(stdout, /^MAC +port +heard +moves\n/);
  assert.match(stdout, /^02:01:01:01:01:01 +vale0:a +\S.* 0$/m);
  assert.match(stdout, /^02:00:00:00:00:07 +vale0:b +.* 0 +pinned$/m);
  assert.equal((await ctl("flush", "vale0")).stdout, "Forgot 1 station.\n");
  const left = jsonLine((await ctl("macs", "vale0", "--json")).stdout);
  assert.deepEqual([left.mac, left.port, left.pinned], ["02:00:00:00:00:07", "vale0:b", true]);
  assert.equal((await ctl("unpin", "vale0", "02:00:00:00:00:07")).status, 0);
  assert.equal((await ctl("age", "vale0", "300")).status, 0);
  assert.match((await ctl("list")).stdout, /^vale0, 2 ports, stations forgotten after 300 s$/m);
});

test("set changes what it is given, and leaves the rest", async (t) => {
  const { ctl, open } = controlling(t);
  open("vale0:a");
  await ctl("set", "vale0:a", "--rate", "2.5Gbps", "--group", "4");
  const line = jsonLine((await ctl("set", "vale0:a", "--full", "wait", "--group", "0", "--json")).stdout);
  assert.deepEqual([line.full, line.rate_bps, line.rate_pps, line.group], ["wait", 2.5e9, null, null]);
  assert.match(
    (await ctl("set", "vale0:a", "--rate", "any", "--full", "drop")).stdout,
    /^vale0:a: nothing special$/m,
  );
});

const topology = `
switches:
  vale0:
    ageing_seconds: 300
    ports:
      web: {full: wait, tx_rings: 2}
      db: {rate: 100kpps, mac_limit: 4}
      spy:
      both:
    stations:
      02:00:00:00:00:01: web
  vale1:
    ports:
      both:
      log: {mirror: both, group: 3}
`;

test("apply makes what a file declares, and nothing the second time", async (t) => {
  const { ctl, namespace } = controlling(t);
  const file = `${namespace}/switches.yaml`;
  writeFileSync(file, topology);
  const check = await ctl("apply", file, "--check");
  assert.equal(check.status, 0, check.stderr);
  assert.match(check.stdout, /^would create port web$/m);
  assert.deepEqual((await ctl()).stdout, "");

  const first = await ctl("apply", file);
  assert.deepEqual([first.status, first.stderr], [0, ""]);
  assert.deepEqual(first.stdout.split("\n"), check.stdout.replaceAll(/^would /gm, "").split("\n"));
  assert.match(first.stdout, /^tell vale0:web: waits$/m);
  assert.match(first.stdout, /^pin 02:00:00:00:00:01 to vale0:web$/m);
  assert.equal((await ctl("apply", file)).stdout, "Nothing to change.\n");
  const lines = (await ctl()).stdout.split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    ["vale0:web", "vale0:db", "vale0:spy", "vale0:both", "vale1:both", "vale1:log", ""],
  );
  assert.match((await ctl("list")).stdout, /^ {2}both +joins vale1/m);

  writeFileSync(file, "switches: {vale0: {ports: {web: {full: wait}, db: {tx_slots: 64}}}}");
  const changed = await ctl("apply", file, "--prune");
  assert.deepEqual([changed.status, changed.stderr], [0, ""]);
  assert.match(changed.stdout, /^destroy port log$/m);
  assert.match(changed.stdout, /^forget silent stations of vale0 never$/m);
  assert.match(changed.stdout, /^unpin 02:00:00:00:00:01 on vale0$/m);
  assert.match(changed.stdout, /^detach vale0:db\ndestroy port db\ncreate port db\nattach vale0:db$/m);
  assert.equal((await ctl("apply", file, "--prune")).stdout, "Nothing to change.\n");
  assert.deepEqual(
    (await ctl()).stdout
      .split("\n")
      .map((line) => line.split(" ")[0])
      .sort(),
    ["", "vale0:db", "vale0:web"],
  );
  const empty = jsonLines((await ctl("apply", "/dev/null", "--prune", "--json")).stdout);
  assert.equal(empty.at(-1)?.changes, empty.length - 1);
  assert.match((await ctl("list")).stdout, /^There are no switches/);
});

const faults: readonly (readonly [text: string, place: string, reason: RegExp])[] = [
  ["switches: [vale0]", "1:11", /expected switches by their names, such as vale0, found a list/],
  ["switches:\n  vale0:\n    prots: {}\n", "3:5", /there can be no "prots" here: did you mean "ports"\?/],
  [
    "switches:\n  vale0:\n    ports:\n      a: {full: never}\n",
    "4:17",
    /expected drop .* or wait .*, found "never"/,
  ],
  ["switches: {vale0: {ports: {a: {rate: fast}}}}", "1:38", /expected what it may send: .*, found "fast"/],
  ["switches: {vale0: {ports: {a: {mac_limit: 0}}}}", "1:43", /expected how many stations may be behind it/],
  ["switches: {vale0: {ports: {a: {mirror: b}}}}", "1:40", /expected another port of vale0, found "b"/],
  ["switches: {eth0: {}}", "1:12", /there can be no "eth0" here: expected switches by their names/],
  ["switches: {vale0: {ageing_seconds: 1.5}}", "1:36", /expected a number of seconds .*, found 1\.5/],
  ["switches: {vale0: {ports: {a: {host: true}}}}", "1:38", /only a port of kind interface has a host/],
  [
    "switches: {vale0: {ports: {eth0: {kind: interface, rx_rings: 2}}}}",
    "1:62",
    /the interface says itself how many rx rings it has/,
  ],
  ['{"switches": {"vale0": {"ports": {"a": 7}}}}', "1:40", /expected a mapping .*, found 7/],
  ["switches: {vale0: {ports: {a: }", "1:", /./],
];

for (const [text, place, reason] of faults) {
  test(`apply tells the line of what is wrong in ${JSON.stringify(text)}`, async (t) => {
    const { ctl, namespace } = controlling(t);
    const file = `${namespace}/f.yaml`;
    writeFileSync(file, text);
    const { status, stderr } = await ctl("apply", file);
    assert.equal(status, 2);
    assert.ok(stderr.startsWith(`nm vale-ctl: Cannot apply ${file}:${place}`), stderr);
    assert.match(stderr, reason);
  });
}

test("apply leaves alone what programs have open, and says so", async (t) => {
  const { ctl, namespace, open } = controlling(t);
  open("vale0:a");
  const file = `${namespace}/f.yaml`;
  writeFileSync(file, "switches: {vale0: {ports: {a: }}}");
  const { status, stderr } = await ctl("apply", file);
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`it is a port that a program has opened for itself, and process ${process.pid} has`),
  );
  assert.equal((await ctl("apply", "/dev/null", "--prune")).stdout, "Nothing to change.\n");
});

test("a topology is built, checked and taken down by a script of sh", {
  skip: noInterfaces || (shell() === undefined && "needs dash"),
}, (t) => {
  const namespace = freshNamespace(t);
  const network = `nm-topology-${process.pid}`;
  assert.equal(spawnSync("ip", ["netns", "add", network]).status, 0);
  t.after(() => spawnSync("ip", ["netns", "del", network]));
  const words = ["netns", "exec", network, shell() ?? "sh", `${root}test/topology.sh`];
  const run = spawnSync("ip", words, {
    timeout: 120_000,
    env: { ...process.env, NM_DIR: namespace, NM: `${process.execPath} ${programFile("nm")}` },
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stderr + run.stdout);
  assert.match(run.stdout, /^all is as it was$/m);
});

function shell(): string | undefined {
  return ["dash"].find((name) => spawnSync(name, ["-c", "true"]).status === 0);
}

test("list --watch --json says how much passes in a second, from the second time on", async (t) => {
  const { namespace, open } = controlling(t);
  const a = open("vale0:a");
  const watch = starting(namespace)("vale-ctl", "list", "--watch", "--json");
  await watch.printed(/"type":"switch"/);
  for (let i = 0; i < 100; i++) a.tx.put(frame());
  a.sync();
  await watch.printed(/"pps":[1-9]/);
  watch.signal("SIGINT");
  const { stdout } = await watch.ended;
  interface Watched {
    readonly sent: { readonly packets: number; readonly pps?: number };
  }
  const [first, second] = jsonLines(stdout).map(({ ports }) => (ports as Watched[])[0]?.sent);
  assert.deepEqual([first?.packets, first?.pps], [0, undefined]);
  assert.ok(
    second?.packets === 100 && (second.pps ?? 0) > 0 && (second.pps ?? 0) <= 100,
    JSON.stringify(second),
  );
});

test("metrics have the names and numbers of the JSON", async (t) => {
  const { namespace, open } = controlling(t);
  const a = open("vale0:a");
  open("vale0:b");
  const pipe = open("p{1");
  for (let i = 0; i < 5; i++) a.tx.put(frame());
  a.sync();
  pipe.tx.put(frame());
  pipe.sync();
  const { stdout, status } = await nmWith({ env: { NM_DIR: namespace } }, "metrics");
  assert.equal(status, 0);
  assert.match(stdout, /^# TYPE nm_port_sent_packets counter$/m);
  assert.match(stdout, /^nm_port_sent_packets_total\{port="vale0:a",kind="vale"\} 5$/m);
  assert.match(stdout, /^nm_port_received_packets_total\{port="vale0:b",kind="vale"\} 5$/m);
  assert.match(stdout, /^nm_port_sent_drops_total\{port="vale0:a",kind="vale",reason="full"\} 0$/m);
  assert.match(stdout, /^nm_port_sent_packets_total\{port="p\{1",kind="pipe_master"\} 1$/m);
  assert.match(stdout, /^nm_port_received_packets_total\{port="p\}1",kind="pipe_slave"\} \d$/m);
  assert.match(stdout, /^nm_switch_ports\{switch="vale0"\} 2$/m);
  assert.match(stdout, /^# EOF$/m);
});
