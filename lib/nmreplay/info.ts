/**
 * nmreplay --info: what is in a capture.
 */

import { formatDuration } from "../duration.js";
import { type Protocol, protocols, sizeLimits } from "../layout.js";
import { type Output, scaled } from "../output.js";
import { rounded } from "../report/passed.js";
import { gathered, sparkline } from "../sparkline.js";
import type { Survey } from "../survey.js";

/** Names of the link types that one is likely to meet. [https://www.tcpdump.org/linktypes.html] */
const linkTypes: Readonly<Record<number, string>> = {
  0: "BSD loopback",
  1: "Ethernet",
  101: "raw IP",
  105: "802.11",
  113: "Linux cooked",
  127: "802.11 radiotap",
  276: "Linux cooked v2",
};

/** How many points of the time line a program gets. */
const jsonPoints = 100;

export function printInfo(out: Output, path: string, survey: Survey): void {
  const { counts } = survey;
  const { bold, dim } = out.paint;
  const number = (value: number) => value.toLocaleString("en");
  out.print(
    `${bold(path === "-" ? "standard input" : path)}: ${number(counts.packets)} packets, ${number(counts.bytes)} bytes` +
      `${counts.packets > 0 ? ` in ${formatDuration(durationOf(survey))}` : ""}`,
  );
  const row = (name: string, text: string) => out.print(`${name.padEnd(12)}${text}`);
  for (const [i, { name, linkType, snaplen, unitsPerSecond }] of survey.interfaces.slice(0, 8).entries()) {
    const resolution = formatDuration(1e9 / unitsPerSecond);
    const kept = snaplen > 0 && snaplen < 0xffff ? `, ${snaplen} bytes kept of each` : "";
    const words = `${name || (survey.interfaces.length > 1 ? `number ${i}` : "")} ${linkWords(linkType)}, times of ${resolution}${kept}`;
    row(i === 0 ? "captured on" : "", words.trim());
  }
  if (counts.packets === 0) return;
  row("first", timeWords(survey.firstNs));
  row("last", timeWords(survey.latestNs));
  const seconds = durationOf(survey) / 1e9;
  if (seconds > 0) {
    row("on average", `${scaled(counts.packets / seconds)}pps, ${scaled((counts.bytes * 8) / seconds)}bps`);
    printTimeLine(out, survey, row);
  }
  const { p50, p99, max } = survey.gaps.percentiles();
  if (survey.gaps.count > 0) {
    row(
      "gaps",
      `50% ${formatDuration(p50)}, 99% ${formatDuration(p99)}, the longest ${formatDuration(max)} before packet ${number(counts.longest_gap_at)}`,
    );
  }
  for (const note of notesOf(survey)) row("note", note);
  for (const comment of survey.comments) row("comment", dim(JSON.stringify(comment)));

  const columns = [
    { heading: "" },
    ...["packets", "share", "bytes"].map((heading) => ({ heading, align: "right" as const })),
  ];
  const cells = (packets: number, bytes: number) => [
    number(packets),
    `${((packets / counts.packets) * 100).toFixed(1)}%`,
    number(bytes),
  ];
  const sizes = survey.sizes.map(({ packets, bytes }, i) => [sizeWords(i), packets, bytes] as const);
  const kinds = Object.entries(survey.protocols).map(
    ([name, { packets, bytes }]) => [protocols[name as Protocol], packets, bytes] as const,
  );
  for (const [heading, rows] of [
    ["bytes", sizes],
    ["protocol", kinds],
  ] as const) {
    out.print();
    const [, ...others] = columns;
    const filled = rows.filter(([, packets]) => packets > 0);
    out.table(
      [{ heading }, ...others],
      filled.map(([name, packets, bytes]) => [name, ...cells(packets, bytes)]),
    );
  }
}

export function printInfoJson(out: Output, path: string, survey: Survey): void {
  const { counts, gaps, interfaces } = survey;
  const seconds = durationOf(survey) / 1e9;
  const packets = gathered(survey.binPackets, jsonPoints);
  out.json({
    type: "capture",
    file: path,
    ...counts,
    duration_s: seconds,
    first: timeOf(survey.firstNs),
    last: timeOf(survey.latestNs),
    pps: seconds > 0 ? rounded(counts.packets / seconds) : 0,
    bps: seconds > 0 ? rounded((counts.bytes * 8) / seconds) : 0,
    gap_ns: gaps.percentiles(),
    interfaces: interfaces.map(({ name, linkType, snaplen, unitsPerSecond }) => ({
      name: name || null,
      link_type: linkType,
      snaplen,
      units_per_second: unitsPerSecond,
    })),
    sizes: survey.sizes.map((tally, i) => ({ below: sizeLimits[i] ?? null, ...tally })),
    protocols: survey.protocols,
    over_time: {
      seconds_each: (survey.binNs * survey.binPackets.length) / Math.max(1, packets.length) / 1e9,
      packets,
      bytes: gathered(survey.binBytes, jsonPoints),
    },
    comment_texts: survey.comments,
  });
}

export function durationOf({ earliestNs, latestNs }: Survey): number {
  return Number(latestNs - earliestNs);
}

function printTimeLine(out: Output, survey: Survey, row: (name: string, text: string) => void): void {
  const columns = Math.max(10, out.width - 12);
  const bits = gathered(survey.binBytes, columns);
  const each_ns = (survey.binNs * survey.binBytes.length) / bits.length;
  const busiest = Math.max(...gathered(survey.binPackets, columns));
  row("over time", out.paint.cyan(sparkline(bits)));
  row(
    "",
    `${formatDuration(each_ns)} each, the busiest ${scaled((busiest * 1e9) / each_ns)}pps, ${scaled((Math.max(...bits) * 8e9) / each_ns)}bps`,
  );
}

function notesOf({ counts }: Survey): string[] {
  const { cut, empty, untimed, out_of_order, not_ethernet, link_type, comments } = counts;
  const of = (count: number, text: string) =>
    count > 0 ? [`${count.toLocaleString("en")} packets ${text}`] : [];
  return [
    ...of(cut, "were captured in part"),
    ...of(empty, "have no bytes"),
    ...of(untimed, "have no time"),
    ...of(out_of_order, "have a time before that of a packet before them"),
    ...of(not_ethernet, `are not of Ethernet but ${linkWords(link_type)}, and cannot be sent`),
    ...of(comments, "have a comment"),
  ];
}

function linkWords(type: number): string {
  return linkTypes[type] ?? `link type ${type}`;
}

function sizeWords(i: number): string {
  const least = i === 0 ? 0 : (sizeLimits[i - 1] ?? 0);
  const limit = sizeLimits[i];
  return limit === undefined ? `${least} or more` : `${least} to ${limit - 1}`;
}

/** "2026-11-26T20:00:00.123456789Z": a Date knows milliseconds only. Beyond the years that it knows, nanoseconds. */
function timeOf(ns: bigint): string {
  const seconds = ns / 1_000_000_000n - (ns < 0n && ns % 1_000_000_000n !== 0n ? 1n : 0n);
  const date = new Date(Number(seconds) * 1000);
  const fraction = String(ns - seconds * 1_000_000_000n).padStart(9, "0");
  return Number.isNaN(date.getTime()) ? `${ns} ns` : date.toISOString().replace(/\.\d+Z$/, `.${fraction}Z`);
}

function timeWords(ns: bigint): string {
  return timeOf(ns).replace("T", " ").replace("Z", " UTC");
}
