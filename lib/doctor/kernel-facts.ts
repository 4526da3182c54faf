/** What there is of the kernel's netmap: its device, its module and what that is set to. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkKernel } from "../control.js";
import { NmError } from "../errors.js";
import { kernelDevice } from "../layout.js";
import { deviceFacts } from "./machine.js";

export interface KernelFacts {
  /** /dev/netmap: whether it is there, and why it does not open. */
  readonly exists: boolean;
  readonly refusal: string | undefined;
  /** Why a device that opens cannot be used. */
  readonly unusable: string | undefined;
  readonly isLoaded: boolean;
  readonly version: string | undefined;
  /** By name, as the module has them. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Modules that use netmap's: drivers with native support. */
  readonly nativeDrivers: readonly string[];
}

const module = "/sys/module/netmap";

export function kernelFacts(): KernelFacts {
  const device = deviceFacts(kernelDevice);
  return {
    ...device,
    unusable: device.exists && device.refusal === undefined ? whyUnusable() : undefined,
    isLoaded: existsSync(module),
    version: text("version"),
    parameters: parameters(),
    nativeDrivers: list("holders"),
  };
}

function whyUnusable(): string | undefined {
  try {
    checkKernel();
    return undefined;
  } catch (error) {
    return error instanceof NmError ? error.message : String(error);
  }
}

function parameters(): Record<string, string> {
  const named = list("parameters").map((name) => [name, text(join("parameters", name))] as const);
  return Object.fromEntries(named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Whether a guest's ptnet ports have virtio-net headers from the next time that they are made. @throws where it cannot be set */
export function setPtnetHeader(on: boolean): void {
  try {
    writeFileSync(join(module, "parameters", "ptnet_vnet_hdr"), on ? "1" : "0");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? "there is no netmap module with ptnet here" : `it was refused (${code})`;
    throw new NmError("PTNET_HEADER", { reason }, { cause: error });
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(join(module, directory)).sort();
  } catch {
    return [];
  }
}

function text(file: string): string | undefined {
  try {
    return readFileSync(join(module, file), "utf8").trim();
  } catch {
    return undefined;
  }
}
