/** The open ports of a load balancer: its input, and one end of each pipe. Consumers open the others. */

import { NmError } from "../errors.js";
import { openPortKinds } from "../layout.js";
import { native } from "../native.js";
import { type OpenOptions, openPort, type Port } from "../port.js";
import { formatPort, otherEnd, type PortSpec, parsePort } from "../port-spec.js";
import type { Group, LbJob } from "./job.js";

export interface OutputPort {
  readonly port: Port;
  /** The printed name, in which netmap's statistics have it too: "netmap:web{0/xT@3". */
  readonly name: string;
  /** What its consumer opens: "netmap:web}0". */
  readonly consumer: string;
}

export class LbPorts {
  readonly input: Port;
  readonly groups: readonly (readonly OutputPort[])[];
  readonly #namespace: string;

  private constructor(input: Port, groups: readonly (readonly OutputPort[])[], namespace: string) {
    this.input = input;
    this.groups = groups;
    this.#namespace = namespace;
  }

  /** @throws {NmError} what openPort throws, LB_OTHER_MEMORY or PORT_WITHOUT_RINGS; nothing stays open then */
  static open(job: LbJob, place: OpenOptions): LbPorts {
    const opened: Port[] = [];
    try {
      const input = openPort(receiving(job.input), { ...place, extraBuffers: job.extraBuffers });
      opened.push(input);
      if (input.rxRings.length === 0) {
        throw new NmError("PORT_WITHOUT_RINGS", { port: input.name, kind: "rx" });
      }
      const groups = job.groups.map((group) =>
        outputsOf(group, input.granted.memId).map((spec) => {
          const port = openOutput(spec, input, place);
          opened.push(port);
          return { port, name: port.name, consumer: spec.pipe ? otherEnd(spec.pipe) : "" };
        }),
      );
      return new LbPorts(input, groups, input.namespace);
    } catch (error) {
      for (const port of opened) port.close();
      throw error;
    }
  }

  get outputs(): readonly OutputPort[] {
    return this.groups.flat();
  }

  /** The process that has each output's other end open, or nothing; the kernel module does not tell. */
  consumers(): (number | undefined)[] {
    if (this.input.backend === "kernel") return this.outputs.map(() => undefined);
    const open = native().openPorts(this.#namespace);
    if (typeof open === "number") return this.outputs.map(() => undefined);
    // A monitor of the port has its name too.
    const kinds = Object.keys(openPortKinds);
    const isPipe = (kind: number) => kinds[kind]?.startsWith("pipe_") === true;
    return this.outputs.map(({ consumer }) => {
      const { name } = parsePort(consumer);
      return open.find((port) => port.name === name && isPipe(port.kind) && port.rxRings > 0)?.pid;
    });
  }

  close(): void {
    for (const { port } of this.outputs) port.close();
    this.input.close();
  }
}

/** Nothing is sent through the input. */
function receiving(spec: PortSpec): PortSpec {
  const flags = spec.flags.filter((flag) => flag !== "rx_rings_only" && flag !== "tx_rings_only");
  return { ...spec, flags: [...flags, "rx_rings_only"] };
}

/** As netmap's lb opens them: exclusively, for sending only, in the memory of the input. */
function outputsOf({ prefix, ids }: Group, memId: number): PortSpec[] {
  return ids.map((id) => ({
    ...parsePort(`${prefix}{${id}`),
    flags: ["exclusive", "tx_rings_only"] as const,
    memId,
  }));
}

/** A pipe that is there already, or whose parent is, stays in the memory that it is in, whatever is asked for. */
function openOutput(spec: PortSpec, input: Port, place: OpenOptions): Port {
  const port = openUnlessChosen(spec, place);
  if (port?.sharesMemoryWith(input)) return port;
  port?.close();
  throw new NmError("LB_OTHER_MEMORY", { port: formatPort(spec), input: input.name });
}

function openUnlessChosen(spec: PortSpec, place: OpenOptions): Port | undefined {
  try {
    return openPort(spec, place);
  } catch (error) {
    if (!(error instanceof NmError) || error.code !== "REGION_CHOSEN") throw error;
    return undefined;
  }
}
