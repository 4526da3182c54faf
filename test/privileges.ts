/** Tests that need to be root, or some of what root may, say so when they are skipped. */

import { spawnSync } from "node:child_process";
import { type Capability, missingCapabilities } from "../lib/capabilities.js";

/** For the `skip` of a test: false, or which capability or program is missing. */
export function missing(
  capabilities: readonly Capability[],
  programs: readonly string[] = [],
): string | false {
  const [capability] = missingCapabilities(capabilities);
  if (capability) return `needs ${capability}: run the tests as root`;
  const program = programs.find((name) => spawnSync(name, ["-V"], { stdio: "ignore" }).error);
  return program === undefined ? false : `needs ${program} to be installed`;
}

/** What making network namespaces takes. */
export const noNetworkNamespaces = missing(["CAP_NET_ADMIN", "CAP_SYS_ADMIN"], ["ip"]);
