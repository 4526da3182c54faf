/**
 * Reads models of links as people write them: the options -B, -D, -L, -R and -Q of nmreplay and tlem.
 *
 *   -B 10M   -B ether,1G   -B real,2   -B avg,5M          how long a packet takes
 *   -D 10ms  -D uniform,1ms,5ms  -D exp,1ms,5ms  -D inter-packet,1ms,2ms,10ms
 *   -L 0.01  -L plr,0.01  -L ber,1e-6  -L burst,0.01,5    which are lost
 *   -R const,0.01,5ms                                     which are held back
 *   -Q 50k                                                how many bytes may wait
 *
 * Fields are separated by commas or blanks. What models do is native/traffic/models/.
 */

import { NmError } from "./errors.js";
import {
  type BandwidthModel,
  bandwidthModels,
  type DelayModel,
  delayModels,
  framingBytes,
  type LossModel,
  lossModels,
} from "./layout.js";

/** A model as the native side takes it: its number, and values whose meaning layout.ts tells. */
export interface Model {
  readonly model: number;
  readonly values: readonly number[];
}

/** Packets that are held back: their share, and for how long. */
export interface ReorderModel {
  readonly share: number;
  readonly holdNs: number;
}

/** A number as it was written, without rounding. */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/** What may stand for a model, in the words of an error. */
interface Syntax {
  readonly option: string;
  readonly text: string;
  readonly forms: readonly string[];
}

/** Of nmreplay, where the gaps of a capture are a bandwidth too, or of tlem, where an average is. */
export type BandwidthUse = "capture" | "link";

const bandwidthForms: Readonly<Record<BandwidthUse, readonly string[]>> = {
  capture: ["10M", "const,10M", "ether,1G", "real", "real,2.5"],
  link: ["10M", "const,10M", "ether,1G", "avg,10M"],
};
const delayForms = ["10ms", "const,10ms", "uniform,1ms,5ms", "exp,1ms,5ms", "inter-packet,1ms,2ms,10ms"];
const lossForms = ["0.01", "plr,0.01", "ber,1e-6", "burst,0.01,5"];
const reorderForms = ["0.01,5ms", "const,0.01,5ms"];
const queueForms = ["50000", "64k", "none"];

export const infinite: Model = bandwidth("infinite");
export const noDelay: Model = delay("none");
export const noLoss: Model = loss("none");
export const noReorder: ReorderModel = { share: 0, holdNs: 0 };

/** The gaps of a capture, divided by a speed. */
export function recorded({ numerator, denominator }: Fraction): Model {
  return bandwidth("recorded", numerator, denominator);
}

/** So many packets in so many nanoseconds. */
export function packetsIn(packets: number, perNs: number): Model {
  return bandwidth("packets", packets, perNs);
}

/** So many bits of packets a second, each with so many bytes besides its own. */
export function bitsPerSecond(bits: number, framing = 0): Model {
  return bandwidth("constant", bits, framing);
}

/** @throws {NmError} MODEL_SYNTAX, as all of these */
export function readBandwidth(option: string, text: string, use: BandwidthUse): Model {
  const syntax: Syntax = { option, text, forms: bandwidthForms[use] };
  const [first = "", ...rest] = fieldsOf(syntax);
  if (first === "none" && rest.length === 0) return infinite;
  if (first === "real" && use === "capture") {
    const [scale = "1"] = atMost(syntax, rest, 1);
    const speed = readFraction(scale);
    if (!speed || speed.numerator === 0 || speed.numerator > 1000 * speed.denominator) {
      throw malformed(syntax, `found "${scale}", expected a scale above 0, of 1000 at most`);
    }
    return recorded(speed);
  }
  if (first === "avg" && use === "link")
    return bandwidth("average", rateOf(syntax, one(syntax, rest)), framingBytes);
  if (first === "ether") return bandwidth("constant", rateOf(syntax, one(syntax, rest)), framingBytes);
  const rate = isConstant(first)
    ? rateOf(syntax, one(syntax, rest))
    : rateOf(syntax, one(syntax, [first, ...rest]));
  return rate === 0 ? infinite : bandwidth("constant", rate, 0);
}

export function readDelay(option: string, text: string): Model {
  const syntax: Syntax = { option, text, forms: delayForms };
  const [first = "", ...rest] = fieldsOf(syntax);
  const times = (expected: number) => exactly(syntax, rest, expected).map((field) => timeOf(syntax, field));
  if (first === "none" && rest.length === 0) return noDelay;
  if (first === "uniform") return delay("uniform", ...ascending(syntax, times(2)));
  // netmap's nmreplay documents the least first and reads the mean first, tlem the other way round. The mean is never less.
  if (first === "exp") return delay("exponential", ...times(2).sort((a, b) => a - b));
  if (first === "inter-packet") {
    const [least = 0, greatest = 0, firstDelay = 0] = times(3);
    return delay("gaps", ...ascending(syntax, [least, greatest]), firstDelay);
  }
  const [only = 0] = isConstant(first) ? times(1) : [timeOf(syntax, one(syntax, [first, ...rest]))];
  return only === 0 ? noDelay : delay("constant", only);
}

export function readLoss(option: string, text: string): Model {
  const syntax: Syntax = { option, text, forms: lossForms };
  const [first = "", ...rest] = fieldsOf(syntax);
  if (first === "none" && rest.length === 0) return noLoss;
  if (first === "ber") return lossOf("bits", shareOf(syntax, one(syntax, rest)));
  if (first === "burst") {
    const [share = "", length = ""] = exactly(syntax, rest, 2);
    const mean = Number(length);
    if (!isNumber(length) || mean < 1) {
      throw malformed(
        syntax,
        `found "${length}", expected how many packets are lost in a row on average, 1 or more`,
      );
    }
    const lost = shareOf(syntax, share);
    if (lost < 1 && lost / (1 - lost) > mean) {
      const least = Math.ceil((lost / (1 - lost)) * 100) / 100;
      throw malformed(syntax, `so many losses come in longer bursts, expected ${least} or more in a row`);
    }
    return loss("bursts", lost, mean);
  }
  return lossOf("packets", shareOf(syntax, one(syntax, first === "plr" ? rest : [first, ...rest])));
}

export function readReorder(option: string, text: string): ReorderModel {
  const syntax: Syntax = { option, text, forms: reorderForms };
  const [first = "", ...rest] = fieldsOf(syntax);
  if (first === "none" && rest.length === 0) return noReorder;
  const [share = "", hold = ""] = exactly(syntax, isConstant(first) ? rest : [first, ...rest], 2);
  return { share: shareOf(syntax, share), holdNs: timeOf(syntax, hold) };
}

/** Bytes that may wait; 0 for no limit. As in netmap, k is 1024. */
export function readQueue(option: string, text: string): number {
  const syntax: Syntax = { option, text, forms: queueForms };
  const field = one(syntax, fieldsOf(syntax));
  if (field === "none") return 0;
  const [, number = "", unit = ""] = /^(\d+(?:\.\d*)?|\.\d+)([kmg]?)$/i.exec(field) ?? [];
  const power = ["", "k", "m", "g"].indexOf(unit.toLowerCase());
  const size = number === "" ? Number.NaN : Math.round(Number(number) * 1024 ** power);
  if (!Number.isSafeInteger(size)) throw malformed(syntax, `found "${field}", expected a number of bytes`);
  return size;
}

/** A time alone, in nanoseconds. As in netmap, seconds where there is no unit. */
export function readTime(option: string, text: string): number {
  const syntax: Syntax = { option, text, forms: ["100us", "5ms"] };
  return timeOf(syntax, one(syntax, fieldsOf(syntax)));
}

/** The number that a text says, as a fraction of whole numbers; nothing where it is none or has too many digits. */
export function readFraction(text: string): Fraction | undefined {
  const match = /^(\d{0,12})(?:\.(\d{0,12}))?$/.exec(text);
  if (!match) return undefined;
  const [, whole = "", decimals = ""] = match;
  if (whole + decimals === "") return undefined;
  const [numerator, denominator] = [Number(whole + decimals), 10 ** decimals.length];
  return Number.isSafeInteger(numerator) ? { numerator, denominator } : undefined;
}

function bandwidth(name: BandwidthModel, ...values: number[]): Model {
  return { model: Object.keys(bandwidthModels).indexOf(name), values };
}
function delay(name: DelayModel, ...values: number[]): Model {
  return { model: Object.keys(delayModels).indexOf(name), values };
}
function loss(name: LossModel, ...values: number[]): Model {
  return { model: Object.keys(lossModels).indexOf(name), values };
}
function lossOf(name: LossModel, share: number): Model {
  return share === 0 ? noLoss : loss(name, share);
}

function fieldsOf({ text }: Syntax): string[] {
  return text.split(/[\s,]+/).filter((field) => field !== "");
}

/** netmap looks at the first five letters: const, constant. */
function isConstant(field: string): boolean {
  return field.startsWith("const");
}

function one(syntax: Syntax, fields: readonly string[]): string {
  const [field = ""] = exactly(syntax, fields, 1);
  return field;
}

function exactly(syntax: Syntax, fields: readonly string[], count: number): readonly string[] {
  if (fields.length < count) throw malformed(syntax, "a value is missing");
  return atMost(syntax, fields, count);
}

function atMost(syntax: Syntax, fields: readonly string[], count: number): readonly string[] {
  const extra = fields[count];
  if (extra !== undefined) throw malformed(syntax, `found "${extra}" where it should end`);
  return fields;
}

function ascending(syntax: Syntax, [least = 0, greatest = 0]: readonly number[]): [number, number] {
  if (least > greatest) throw malformed(syntax, "the least time is greater than the greatest");
  return [least, greatest];
}

const timeUnits: Readonly<Record<string, number>> = { n: 1, u: 1e3, m: 1e6, s: 1e9 };

/** Nanoseconds. As in netmap, seconds where there is no unit. */
function timeOf(syntax: Syntax, field: string): number {
  const match = /^([\d.]+(?:e[+-]?\d+)?)(?:([num])s?|s|)$/i.exec(field);
  const number = match?.[1] ?? "";
  const nanoseconds = Math.round(Number(number) * (timeUnits[match?.[2]?.toLowerCase() ?? "s"] ?? 0));
  if (!isNumber(number) || !Number.isSafeInteger(nanoseconds)) {
    throw malformed(syntax, `found "${field}", expected a time in ns, us, ms or s`);
  }
  return nanoseconds;
}

/** Whole bits a second. */
function rateOf(syntax: Syntax, field: string): number {
  const match = /^([\d.]+(?:e[+-]?\d+)?)([kmg]?)(?:b|bit|bits|bps|b\/s|bit\/s)?$/.exec(
    field.replace(/[KMG]/, (letter) => letter.toLowerCase()),
  );
  const number = match?.[1] ?? "";
  const bits = Number(number) * 1000 ** ["", "k", "m", "g"].indexOf(match?.[2] ?? "");
  if (!isNumber(number) || !Number.isSafeInteger(Math.round(bits)) || (bits > 0 && bits < 1)) {
    throw malformed(syntax, `found "${field}", expected bits per second`);
  }
  return Math.round(bits);
}

function shareOf(syntax: Syntax, field: string): number {
  const share = Number(field);
  if (!isNumber(field) || share > 1)
    throw malformed(syntax, `found "${field}", expected a probability from 0 to 1`);
  return share;
}

function isNumber(text: string): boolean {
  return /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
}

function malformed({ option, text, forms }: Syntax, reason: string): NmError {
  const examples = forms.map((form) => `${option} ${form}`);
  return new NmError("MODEL_SYNTAX", { option, text, reason, forms: examples.join(", ") });
}
