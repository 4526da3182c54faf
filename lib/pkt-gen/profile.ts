/**
 * Reads a profile: how the rate of a sender changes, in phases that follow one another.
 *
 *   1M 10s, 5M 10s             steps: 10 seconds at 1 million packets a second, then 10 at 5 million
 *   0..10M 30s                 a ramp
 *   1M..10M/10 60s             stairs: 10 steps of 6 seconds each
 *   burst 64/1ms 10s           64 packets together, in every millisecond
 *   poisson 500k               at random, 500,000 a second on average; the last phase may have no end
 *   1M 1s, pause 1s, repeat    begins again after the last phase
 *
 * A rate may be in any form of -R.
 */

import { readDuration } from "../duration.js";
import { NmError } from "../errors.js";
import { readNumber } from "../number.js";
import type { Phase, Rate, Schedule } from "../schedule.js";

export const profileExample = "0..1M 10s, 1M 60s";

/** No shorter phase is of use, and many of them would only keep a sender busy. */
const shortest_ns = 1e6;
const mostSteps = 10_000;

/**
 * @param readRate reads a rate, or throws where it is none
 * @throws {NmError} PROFILE_SYNTAX
 */
export function readProfile(text: string, readRate: (text: string) => Rate): Schedule {
  const parts = partsOf(text);
  const repeats =
    parts
      .at(-1)
      ?.words.map(({ word }) => word)
      .join() === "repeat";
  const described = repeats ? parts.slice(0, -1) : parts;
  const phases = described.flatMap((part, i) => {
    const endless = i === described.length - 1 && !repeats;
    return new PhaseReader(text, part, readRate).read(endless);
  });
  if (phases.every(({ rate, endRate }) => rate.packets === 0 && (endRate?.packets ?? 0) === 0)) {
    throw failure(text, 0, text, "a phase with packets in it");
  }
  return { phases, repeats };
}

interface Word {
  readonly word: string;
  readonly at: number;
}

/** What is between two commas. */
interface Part {
  readonly words: readonly Word[];
  readonly end: number;
}

function partsOf(text: string): Part[] {
  let start = 0;
  return text.split(",").map((part) => {
    const words = [...part.matchAll(/\S+/g)].map((match) => ({ word: match[0], at: start + match.index }));
    const end = start + part.length;
    start = end + 1;
    return { words, end };
  });
}

function failure(text: string, position: number, found: string, expected: string): NmError {
  return new NmError("PROFILE_SYNTAX", { text, position, found, expected, example: profileExample });
}

class PhaseReader {
  readonly #text: string;
  readonly #part: Part;
  readonly #readRate: (text: string) => Rate;
  #next = 0;

  constructor(text: string, part: Part, readRate: (text: string) => Rate) {
    this.#text = text;
    this.#part = part;
    this.#readRate = readRate;
  }

  /** `endless`: it may have no duration. */
  read(endless: boolean): Phase[] {
    const phases = this.#phases(endless);
    const more = this.#part.words[this.#next];
    if (more) throw failure(this.#text, more.at, more.word, '"," or the end');
    return phases;
  }

  #phases(endless: boolean): Phase[] {
    const { word } = this.#word("a rate, burst, poisson, pause or repeat");
    switch (word) {
      case "pause":
        return [{ kind: "steady", rate: { packets: 0, perNs: 1 }, durationNs: this.#duration() }];
      case "burst":
        return [{ kind: "burst", rate: this.#burst(), durationNs: this.#durationOr(endless) }];
      case "poisson":
        return [{ kind: "poisson", rate: this.#rate("a rate"), durationNs: this.#durationOr(endless) }];
      case "repeat":
        throw failure(this.#text, this.#at(-1), word, "a phase before repeat, and nothing after it");
      default:
        this.#next--;
        return word.includes("..") ? this.#change() : this.#steady(endless);
    }
  }

  #steady(endless: boolean): Phase[] {
    return [{ kind: "steady", rate: this.#rate("a rate"), durationNs: this.#durationOr(endless) }];
  }

  /** A ramp, or stairs. */
  #change(): Phase[] {
    const { word, at } = this.#word("two rates");
    const [, from = "", to = "", count] = /^(.*?)\.\.(.*?)(?:\/(.*))?$/.exec(word) ?? [];
    const rate = this.#read(from, at);
    const endRate = this.#read(to, at + from.length + 2);
    const durationNs = this.#duration();
    if (count === undefined) return [{ kind: "ramp", rate, endRate, durationNs }];

    const position = at + word.length - count.length;
    const steps = this.#whole(count, position, 2, mostSteps, "the number of steps");
    if (durationNs / steps < shortest_ns) {
      throw failure(this.#text, position, count, "steps of at least 1 ms each");
    }
    return stairs(rate, endRate, steps, durationNs);
  }

  #burst(): Rate {
    const { word, at } = this.#word("packets/period, as in 64/1ms");
    const slash = word.indexOf("/");
    const count = slash === -1 ? word : word.slice(0, slash);
    const period = slash === -1 ? "" : word.slice(slash + 1);
    const perNs = readDuration(period);
    if (perNs === undefined) {
      throw failure(
        this.#text,
        at + count.length,
        word.slice(count.length),
        "a period after /, as in 64/1ms",
      );
    }
    return { packets: this.#whole(count, at, 1, Math.min(perNs, 2 ** 32), "packets of a burst"), perNs };
  }

  #whole(text: string, at: number, min: number, max: number, what: string): number {
    const number = readNumber(text);
    if (number?.whole && number.value >= min && number.value <= max) return number.value;
    throw failure(this.#text, at, text, `${what}, ${min} to ${max}`);
  }

  #rate(expected: string): Rate {
    const { word, at } = this.#word(expected);
    return this.#read(word, at);
  }

  #read(text: string, at: number): Rate {
    try {
      return this.#readRate(text);
    } catch (error) {
      if (!(error instanceof NmError) || error.code !== "OPTION_VALUE") throw error;
      throw failure(this.#text, at, text, "a rate in one of the forms of --rate");
    }
  }

  #durationOr(endless: boolean): number | undefined {
    return endless && this.#next === this.#part.words.length ? undefined : this.#duration();
  }

  #duration(): number {
    const { word, at } = this.#word("how long, as in 10s");
    const ns = readDuration(word);
    if (ns !== undefined && ns >= shortest_ns) return ns;
    throw failure(this.#text, at, word, "how long, at least 1ms");
  }

  #word(expected: string): Word {
    const word = this.#part.words[this.#next];
    if (!word) throw failure(this.#text, this.#part.end, "", expected);
    this.#next++;
    return word;
  }

  #at(offset: number): number {
    return this.#part.words[this.#next + offset]?.at ?? 0;
  }
}

/** Steps whose rates are evenly apart, the first and the last among them. */
function stairs(from: Rate, to: Rate, steps: number, duration_ns: number): Phase[] {
  const begins = (step: number) => Math.round((duration_ns * step) / steps);
  // Both rates in packets of one period: the products fit, or are as exact as a number can be.
  const perNs = 1e15;
  const [first, last] = [from, to].map(({ packets, perNs: per }) => (packets / per) * perNs) as [
    number,
    number,
  ];
  return Array.from({ length: steps }, (_, step) => ({
    kind: "steady",
    rate: { packets: Math.round(first + ((last - first) * step) / (steps - 1)), perNs },
    durationNs: begins(step + 1) - begins(step),
  }));
}
