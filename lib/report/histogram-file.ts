/** Histograms in files: a picture where the name ends in ".svg", otherwise HdrHistogram's text. */

import { accessSync, constants, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { NmError } from "../errors.js";
import type { Histogram } from "../histogram.js";
import { histogramSvg, type PictureWords } from "./histogram-svg.js";
import { histogramText } from "./histogram-text.js";

/**
 * Finds out before a run what would be found out after it.
 *
 * @throws {NmError} FILE_UNWRITABLE
 */
export function checkHistogramFile(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unwritable(path, error);
    writing(path, () => accessSync(dirname(path), constants.W_OK));
  }
}

/** @throws {NmError} FILE_UNWRITABLE */
export function writeHistogram(path: string, histogram: Histogram, words: PictureWords): void {
  const text = /\.svg$/i.test(path) ? histogramSvg(histogram, words) : histogramText(histogram);
  writing(path, () => writeFileSync(path, text));
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): NmError {
  return new NmError("FILE_UNWRITABLE", { path, reason: (error as Error).message }, { cause: error });
}
