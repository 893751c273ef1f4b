// The example host API behind a gateway that asks Claviger: what a host's requests and the history that it reports are tried with.

import { spawn } from "node:child_process";
import path from "node:path";

import { environment, freePort } from "./server.mjs";

const START_MS_MAX = 30_000;

/** Starts the host; it reports what is changed with this key. */
export const startHost = async (server, key) => {
  const address = `127.0.0.1:${await freePort()}`;
  const binary = path.join(path.dirname(process.env.CLAVIGER_BIN), "scorecards");
  const child = spawn(binary, ["--listen", address, "--report-to", server.base], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...environment(), SCORECARDS_REPORT_KEY: key },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const failed = new Promise((_, reject) => child.once("error", reject));
  const isUp = async () => {
    for (const deadline = Date.now() + START_MS_MAX; Date.now() < deadline; ) {
      if (await fetch(`http://${address}/`).catch(() => null)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the example host does not answer");
  };
  await Promise.race([isUp(), failed]);

  /** What a client gets: the gateway asks first, and hands on who it is as nginx would. */
  const ask = async (headers, permission, method, path, body) => {
    const asked = await fetch(server.authz, { headers: { ...headers, "Claviger-Permission": permission } });
    if (!asked.ok) return Number(asked.headers.get("x-claviger-status"));
    const named = [...asked.headers].filter(([name]) => name.startsWith("x-claviger-"));
    const request = { method, headers: { ...Object.fromEntries(named), "Content-Type": "application/json" }, body: body && JSON.stringify(body) };
    return (await fetch(`http://${address}${path}`, request)).status;
  };
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { ask, stop };
};
