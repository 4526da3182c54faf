/** Looks the machine and a port over: gathers facts, runs the checks over them. */

import type { Place } from "../control.js";
import type { PortSpec } from "../port-spec.js";
import { cause, type Found, runChecks, type Standstill } from "./finding.js";
import { interfaceChecks } from "./interface-checks.js";
import { kernelPortChecks } from "./kernel-checks.js";
import type { MachineFacts } from "./machine.js";
import { machineChecks } from "./machine-checks.js";
import { gatherPort, type PortFacts } from "./port-facts.js";
import { softwarePortChecks } from "./software-port-checks.js";

export const portChecks = [...interfaceChecks, ...softwarePortChecks, ...kernelPortChecks];

const kernelSees = [
  ...interfaceChecks.filter(({ name }) => ["interface", "link"].includes(name)),
  ...softwarePortChecks.filter(({ name }) => name === "null_port"),
  ...kernelPortChecks,
];

export function lookAtMachine(facts: MachineFacts): Found[] {
  return runChecks(machineChecks, facts, "machine");
}

export function lookAtPort(facts: PortFacts): Found[] {
  // Who has ports of the kernel's module open nobody can tell, and its drivers are others.
  const checks = facts.backend === "kernel" ? kernelSees : portChecks;
  return runChecks(checks, facts, facts.name);
}

/** The likeliest reason that nothing moves on a port. */
export async function whyNothingMoves(
  spec: PortSpec,
  standstill: Standstill,
  place: Place = {},
): Promise<Found | undefined> {
  return cause(lookAtPort(await gatherPort(spec, { ...place, standstill })), standstill.direction);
}
