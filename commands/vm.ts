/**
 * vm: the QEMU command line that gives a virtual machine ports of this machine's netmap.
 *
 * lib/vm/qemu.ts has the words; this file prints them, or becomes QEMU.
 */

import { become } from "../lib/become.js";
import { command } from "../lib/command.js";
import { checkKernel } from "../lib/control.js";
import { NmError } from "../lib/errors.js";
import { findProgram } from "../lib/executable.js";
import { parsePort } from "../lib/port-spec.js";
import { shellWord, wrap } from "../lib/text.js";
import { qemuRows, supportOf, whyUnfit } from "../lib/vm/qemu.js";

export default command({
  name: "vm",
  summary: "Print or run the QEMU command line that gives a machine netmap ports",
  details:
    "Each PORT of the kernel module becomes a network card of the guest, passed through: programs in the guest use the " +
    "host's rings and buffers, without a copy. That needs netmap's QEMU (github.com/netmap-unipi/qemu, configured with " +
    "--enable-netmap), and netmap in the guest: on Linux the module built with --enable-ptnetmap, on FreeBSD its own. " +
    "With --emulated the card is a virtio one, which copies, for any QEMU built with netmap and any guest." +
    "\n\n" +
    "A guest's ptnet port has no pipes, monitors and host rings, and nothing else lies in its memory. Its packets begin with a " +
    "virtio-net header of 12 bytes unless the guest's module has ptnet_vnet_hdr 0, which forwarders and pkt-gen want: " +
    "in the guest, nm doctor INTERFACE tells, and nm doctor --ptnet-header off changes it for ports made from then on. " +
    "Both sides of a switch need the same." +
    "\n\n" +
    "The command line goes to stdout, and what this QEMU lacks for it to stderr. Ports of the embedded engine cannot be given to " +
    "a machine: QEMU speaks to /dev/netmap.",

  positionals: {
    ports: { type: "string", array: true, describe: "Ports, for example vale0:a, p{1 or eth0" },
  },

  options: {
    run: { type: "boolean", describe: "Become QEMU, where it has what the machine needs" },
    emulated: { type: "boolean", describe: "Put ports behind virtio cards instead of passing them through" },
    disk: { type: "string", value: "FILE", describe: "Boot from this image" },
    memory: { type: "string", value: "SIZE", default: "2G", describe: "Memory, in QEMU's words" },
    processors: { type: "number", min: 1, max: 255, default: 2, describe: "Processors" },
    qemu: { type: "string", value: "FILE", default: "qemu-system-x86_64", describe: "Which QEMU" },
    argument: {
      type: "string",
      array: true,
      value: "WORD",
      describe: "Another argument of QEMU's, as it stands",
    },
  },

  examples: [
    ["nm vm vale0:vm1 --disk guest.qcow2", "Print how to start a machine with a port of a switch"],
    [
      "nm vm vale0:vm1 eth0 --disk guest.qcow2 --argument=-nographic --run",
      "Start one with two cards, in this terminal",
    ],
    ["nm vm vale0:vm1 --emulated", "For a QEMU without ptnet"],
  ],

  run({ ports, run, emulated, disk, memory, processors, qemu, argument, json }, { out }) {
    if (ports.length === 0) {
      const example = "nm vm vale0:vm1";
      throw new NmError("ARGUMENT_MISSING", { argument: "PORT", command: "vm", example });
    }
    const passthrough = !emulated;
    const rows = qemuRows({
      ...{ memory, processors, disk, passthrough },
      ports: ports.map((port) => parsePort(port)),
      more: argument ?? [],
    });
    const support = supportOf(qemu);
    const unfit = whyUnfit(support, passthrough);
    if (run) {
      if (unfit !== undefined) throw new NmError("QEMU_UNFIT", { qemu, reason: unfit });
      checkKernel();
      become(findProgram(qemu), [qemu, ...rows.flat()], process.env);
    }
    if (json) {
      const { netmap = null, ptnet = null } = support ?? {};
      out.json({ type: "vm", program: qemu, arguments: rows.flat(), netmap, ptnet });
      return;
    }
    out.print([qemu, ...rows.map((row) => row.map(shellWord).join(" "))].join(" \\\n    "));
    if (unfit === undefined) return;
    const { message, hint } = new NmError("QEMU_UNFIT", { qemu, reason: unfit });
    for (const line of wrap(`${message}. ${hint}.`, 100)) process.stderr.write(`${line}\n`);
  },
});
