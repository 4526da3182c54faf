/** The options of links, read: what the models of the first direction are, and those of the second. */

import { longName } from "../command.js";
import { NmError } from "../errors.js";
import { bandwidthModels } from "../layout.js";
import type { LinkModels } from "../link.js";
import { readBandwidth, readDelay, readLoss, readQueue, readReorder, readTime } from "../models.js";
import { readValue } from "../pkt-gen/values.js";
import type { ModelWords } from "./options.js";

/** netmap's, where packets wait for a bandwidth. */
const usualQueueBytes = 50_000;

const constant = Object.keys(bandwidthModels).indexOf("constant");

/** @throws {NmError} MODEL_SYNTAX, OPTION_VALUE, LINK_OPTION_MANY */
export function readModels(words: ModelWords): [LinkModels, LinkModels] {
  const [first, second] = [wordsOf(words, 0), wordsOf(words, 1)];
  return [readLink(first), readLink(second)];
}

/** Of each option what is for one direction. */
function wordsOf(words: ModelWords, direction: number): Partial<Record<keyof ModelWords, string>> {
  const chosen = Object.entries(words).map(([name, texts]) => {
    if (texts.length > 2)
      throw new NmError("LINK_OPTION_MANY", { option: longName(name), text: texts[2] ?? "" });
    return [name, texts[direction] ?? texts[0]];
  });
  return Object.fromEntries(chosen);
}

function readLink(words: Partial<Record<keyof ModelWords, string>>): LinkModels {
  const bandwidth = words.bandwidth === undefined ? undefined : readBandwidth("-B", words.bandwidth, "link");
  return {
    bandwidth,
    delay: words.delay === undefined ? undefined : readDelay("-D", words.delay),
    loss: words.loss === undefined ? undefined : readLoss("-L", words.loss),
    reorder: words.reorder === undefined ? undefined : readReorder("-R", words.reorder),
    queueBytes: readQueueLimit(words.queue, bandwidth?.model === constant),
    dropsOvertaking:
      words.overtaking !== undefined && readValue("overtaking", words.overtaking, readSwitch, switchForm),
    lessNs: words.offset === undefined ? undefined : readTime("-O", words.offset),
    patienceNs: words.patience === undefined ? undefined : readTime("-d", words.patience),
  };
}

function readQueueLimit(text: string | undefined, transmits: boolean): number {
  if (text === undefined) return transmits ? usualQueueBytes : 0;
  return readQueue("-Q", text);
}

const switchForm = ["0 or 1", "1"] as const;

function readSwitch(text: string): boolean | undefined {
  return { 0: false, 1: true }[text];
}
