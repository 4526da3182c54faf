/**
 * metrics: what switches and ports count, for monitoring systems.
 *
 * The text is made by lib/metrics.ts; this file prints it once, or serves it. Both that and the server are loaded when they
 * are needed: the descriptions of all commands are read for `nm help`.
 */

import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { backendOption, type Context, command } from "../lib/command.js";
import type { Place } from "../lib/control.js";
import { NmError } from "../lib/errors.js";

const usualPort = 9464;

export default command({
  name: "metrics",
  summary: "Print or serve what switches and ports count, in OpenMetrics text",
  details:
    "Without --listen it prints all metrics once and ends. With it, it answers GET /metrics until it is stopped, each " +
    "time with what is so then; nothing is asked of the ports, and no packet waits for it. Names are those of " +
    `"nm vale-ctl list --json": sent.packets is nm_port_sent_packets_total.` +
    "\n\n" +
    "--listen PORT listens on 127.0.0.1. Anybody who can connect can read, so think before you give another address.",

  options: {
    listen: {
      type: "string",
      value: "ADDRESS",
      describe: `Serve them there: a port, an address, or both, such as ${usualPort}, [::1] or 127.0.0.1:${usualPort}`,
    },
    backend: backendOption,
  },

  examples: [
    ["nm metrics", "Print all metrics once"],
    [`nm metrics --listen ${usualPort}`, "Serve them to a Prometheus of this machine"],
  ],

  async run({ listen, backend, json }, context) {
    const place: Place = { backend };
    if (listen === undefined) {
      const { metricsText } = await import("../lib/metrics.js");
      const text = await metricsText(place);
      if (json) context.out.json({ type: "metrics", text });
      else context.out.print(text.trimEnd());
      return;
    }
    await serve(readAddress(listen), place, json, context);
  },
});

interface Address {
  readonly host: string;
  readonly port: number;
}

/** "9464", "127.0.0.1", "127.0.0.1:9464", "[::1]:9464". */
function readAddress(text: string): Address {
  const match = /^(?:(?<only>\d+)|(?:\[(?<six>[\da-f:.]+)\]|(?<host>[^\s:[\]]+))(?::(?<port>\d+))?)$/i.exec(
    text,
  );
  const { only, six, host, port } = match?.groups ?? {};
  const number = Number(only ?? port ?? usualPort);
  if (!match || number > 65535) {
    throw new NmError("OPTION_VALUE", {
      option: "--listen",
      text,
      expected: "a port, an address, or an address and a port",
      example: `--listen 127.0.0.1:${usualPort}`,
    });
  }
  return { host: six ?? host ?? "127.0.0.1", port: number };
}

async function serve(
  { host, port }: Address,
  place: Place,
  json: boolean,
  { out, log, signal }: Context,
): Promise<void> {
  const { createServer } = await import("node:http");
  const { contentType, metricsText } = await import("../lib/metrics.js");
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (path !== "/metrics" && path !== "/") {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is only /metrics\n");
      return;
    }
    metricsText(place).then(
      (text) => response.writeHead(200, { "content-type": contentType }).end(text),
      (error: Error) => {
        log.warn({ error: error.message }, "no metrics");
        response.writeHead(500, { "content-type": "text/plain" }).end(`${error.message}\n`);
      },
    );
  });
  await listening(server, host, port);
  const bound = server.address() as AddressInfo;
  const shown = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  const url = `http://${shown}:${bound.port}/metrics`;
  if (json) out.json({ type: "listening", url });
  else out.print(`Serving ${url} until it is stopped.`);
  if (!signal.aborted) await once(signal, "abort");
  server.closeAllConnections();
  server.close();
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new NmError(
      "LISTEN_FAILED",
      { address: `${host}:${port}`, reason: (error as Error).message },
      { cause: error },
    );
  }
}
