/** Words on a page and in a shell: wrapping, columns, quotes, and the nearest word to a mistyped one. */

/** Breaks text into lines of at most `width` letters. Empty lines in it separate paragraphs and are kept. */
export function wrap(text: string, width: number): string[] {
  return text.split(/\n\s*\n/).flatMap((paragraph, i) => {
    const lines = wrapParagraph(paragraph, width);
    return i === 0 ? lines : ["", ...lines];
  });
}

function wrapParagraph(paragraph: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.trim().split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/**
 * Two columns: names on the left, wrapped text on the right. A name too long for its column gets a line of
 * its own. `paint` colours the name after it has been measured.
 */
export function twoColumns(
  rows: readonly (readonly [name: string, text: string])[],
  width: number,
  paint: (name: string) => string,
): string[] {
  const indent = 2;
  const gap = 2;
  const widest = Math.max(0, ...rows.map(([name]) => name.length));
  const column = Math.min(widest, Math.max(12, Math.floor(width * 0.35)));
  const margin = " ".repeat(indent + column + gap);

  return rows.flatMap(([name, text]) => {
    const [first = "", ...rest] = wrap(text, Math.max(20, width - margin.length));
    const left = " ".repeat(indent) + paint(name);
    const following = rest.map((line) => margin + line);
    if (name.length > column) return [left, margin + first, ...following];
    return [left + " ".repeat(column - name.length + gap) + first, ...following];
  });
}

/** The candidate that `word` was most likely meant to be: one it begins, or one a letter or two away. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const begun = candidates.filter((candidate) => word.length > 1 && candidate.startsWith(word));
  if (begun.length === 1) return begun[0];

  const limit = word.length < 4 ? 1 : 2;
  const near = candidates
    .map((candidate) => ({ candidate, steps: distance(word, candidate) }))
    .filter(({ steps }) => steps <= limit)
    .sort((a, b) => a.steps - b.steps);
  return near[0]?.candidate;
}

/** How many letters must be added, removed, changed or swapped with their neighbour to get from `a` to `b`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const steps = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1));
      rows[i]?.push(swapped ? Math.min(steps, at(i - 2, j - 2) + 1) : steps);
    }
  }
  return at(a.length, b.length);
}

/** A word as a shell takes it: one that has letters with a meaning there goes into quotes. */
export function shellWord(word: string): string {
  return /^[\w:@%+=,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
