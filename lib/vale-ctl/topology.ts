/**
 * Reads what switches there are to be, from YAML or JSON.
 *
 * schema/topology.schema.json says what may stand in a file. It is read here and followed node by node, so that a fault is
 * told with its line: the schema is the only list of what there is.
 */

import { readFileSync } from "node:fs";
import { isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { NmError } from "../errors.js";
import { packageFilePath } from "../package.js";
import { closest } from "../text.js";
import { noPolicy, type Policy, readLimit } from "./policy.js";

export interface Topology {
  readonly switches: readonly DeclaredSwitch[];
}

export interface DeclaredSwitch {
  readonly name: string;
  readonly ageingSeconds: number;
  readonly ports: readonly DeclaredPort[];
  readonly stations: readonly { readonly mac: string; readonly port: string }[];
}

export interface DeclaredPort {
  readonly name: string;
  readonly kind: "persistent" | "interface";
  readonly host: boolean;
  /** What is not declared may be anything. */
  readonly txRings: number | undefined;
  readonly rxRings: number | undefined;
  readonly txSlots: number | undefined;
  readonly rxSlots: number | undefined;
  readonly policy: Policy;
}

/** The part of JSON Schema that the file uses. */
interface Schema {
  readonly description?: string;
  readonly type?: "object" | "string" | "integer" | "boolean";
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/**
 * Reads a file, "-" for stdin.
 *
 * @throws {NmError} TOPOLOGY_UNREADABLE, or TOPOLOGY_SYNTAX with the line of what is wrong
 */
export function readTopology(file: string): Topology {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new NmError("TOPOLOGY_UNREADABLE", { file, reason: (error as Error).message }, { cause: error });
  }
  return parseTopology(text, file === "-" ? "stdin" : file);
}

export function parseTopology(text: string, file: string): Topology {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fail = (offset: number, reason: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new NmError("TOPOLOGY_SYNTAX", { file, line, column: col, reason });
  };
  const [fault] = document.errors;
  if (fault) fail(fault.pos[0], fault.message.split("\n")[0] ?? fault.message);

  const schema: Schema = JSON.parse(readFileSync(packageFilePath("schema/topology.schema.json"), "utf8"));
  new Checker(schema, fail).check(document.contents, schema, 0);
  const content = (document.toJS() ?? {}) as FileContent;
  const topology = { switches: Object.entries(content.switches ?? {}).map(declaredSwitch) };
  checkNames(topology, (path, reason) => {
    const node = document.getIn(path, true);
    fail(isScalar(node) && node.range ? node.range[0] : 0, reason);
  });
  return topology;
}

class Checker {
  constructor(
    readonly root: Schema,
    readonly fail: (offset: number, reason: string) => never,
  ) {}

  check(node: Node | null, wanted: Schema, offset: number): void {
    const schema = this.resolve(wanted);
    const at = node?.range?.[0] ?? offset;
    const expected = `expected ${schema.description ?? schema.type}`;
    if (schema.type === "object") {
      if (node === null || (isScalar(node) && node.value === null)) return;
      if (!isMap(node)) this.fail(at, `${expected}, found ${found(node)}`);
      else for (const { key, value } of node.items) this.checkPair(key as Node, value as Node | null, schema);
      return;
    }
    const value = isScalar(node) ? node.value : undefined;
    if (!isFit(value, schema)) this.fail(at, `${expected}, found ${node ? found(node) : "nothing"}`);
  }

  checkPair(key: Node, value: Node | null, schema: Schema): void {
    const at = key.range?.[0] ?? 0;
    const name = isScalar(key) ? String(key.value) : "";
    const pattern = Object.entries(schema.patternProperties ?? {}).find(([text]) =>
      new RegExp(text).test(name),
    );
    const inner = schema.properties?.[name] ?? pattern?.[1];
    if (inner) {
      this.check(value, inner, at);
      return;
    }
    const names = Object.keys(schema.properties ?? {});
    const near = closest(name, names);
    const hint = near ? `did you mean "${near}"?` : `expected ${names.join(", ") || schema.description}`;
    this.fail(at, `there can be no "${name}" here: ${hint}`);
  }

  resolve(schema: Schema): Schema {
    const name = schema.$ref?.replace("#/$defs/", "");
    return name === undefined ? schema : (this.root.$defs?.[name] ?? schema);
  }
}

function isFit(value: unknown, { type, enum: choices, pattern, minimum, maximum }: Schema): boolean {
  if (choices) return typeof value === "string" && choices.includes(value);
  if (type === "string") return typeof value === "string" && (!pattern || new RegExp(pattern).test(value));
  if (type === "boolean") return typeof value === "boolean";
  if (typeof value !== "number" || !Number.isInteger(value)) return false;
  return value >= (minimum ?? value) && value <= (maximum ?? value);
}

function found(node: Node): string {
  if (isScalar(node)) return node.value === null ? "nothing" : JSON.stringify(node.value);
  return isMap(node) ? "a mapping" : "a list";
}

/** A file that is as the schema says. */
interface FileContent {
  readonly switches?: Readonly<Record<string, FileSwitch | null>> | null;
}
interface FileSwitch {
  readonly ports?: Readonly<Record<string, FilePort | null>> | null;
  readonly stations?: Readonly<Record<string, string>> | null;
  readonly ageing_seconds?: number;
}
interface FilePort {
  readonly kind?: DeclaredPort["kind"];
  readonly host?: boolean;
  readonly tx_rings?: number;
  readonly rx_rings?: number;
  readonly tx_slots?: number;
  readonly rx_slots?: number;
  readonly full?: Policy["full"];
  readonly rate?: string;
  readonly mac_limit?: number;
  readonly group?: number;
  readonly mirror?: string;
}

function declaredSwitch([name, file]: [string, FileSwitch | null]): DeclaredSwitch {
  return {
    name,
    ageingSeconds: file?.ageing_seconds ?? 0,
    ports: Object.entries(file?.ports ?? {}).map(declaredPort),
    stations: Object.entries(file?.stations ?? {}).map(([mac, port]) => ({ mac: mac.toLowerCase(), port })),
  };
}

function declaredPort([name, file]: [string, FilePort | null]): DeclaredPort {
  const {
    kind = "persistent",
    host = false,
    full = noPolicy.full,
    rate,
    mac_limit,
    group,
    mirror,
  } = file ?? {};
  return {
    name,
    kind,
    host,
    txRings: file?.tx_rings,
    rxRings: file?.rx_rings,
    txSlots: file?.tx_slots,
    rxSlots: file?.rx_slots,
    policy: {
      full,
      rate: rate === undefined ? undefined : (readLimit(rate) ?? undefined),
      macLimit: mac_limit,
      group,
      mirror,
    },
  };
}

const sizeFields = {
  tx_rings: "txRings",
  rx_rings: "rxRings",
  tx_slots: "txSlots",
  rx_slots: "rxSlots",
} as const satisfies Partial<Record<keyof FilePort, keyof DeclaredPort>>;

/** What no schema can say: names that must be those of other ports. */
function checkNames({ switches }: Topology, fail: (path: string[], reason: string) => void): void {
  for (const { name: vale, ports, stations } of switches) {
    const names = ports.map(({ name }) => name);
    for (const { name, policy, kind, host, ...sizes } of ports) {
      const path = ["switches", vale, "ports", name];
      const { mirror } = policy;
      if (mirror !== undefined && (mirror === name || !names.includes(mirror)))
        fail([...path, "mirror"], `expected another port of ${vale}, found "${mirror}"`);
      if (host && kind !== "interface")
        fail([...path, "host"], "only a port of kind interface has a host behind it");
      for (const [field, size] of Object.entries(sizeFields)) {
        if (kind === "interface" && sizes[size] !== undefined)
          fail([...path, field], `the interface says itself how many ${field.replace("_", " ")} it has`);
      }
    }
    for (const { mac, port } of stations) {
      if (!names.includes(port))
        fail(["switches", vale, "stations", mac], `expected a port of ${vale}, found "${port}"`);
    }
  }
}
