// A server of a test's own, with a fresh data folder, and what is needed to call it. Nothing here knows of a browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { ENGINE, createDatabase } from "./database.mjs";

const START_MS_MAX = 30_000;

export const ADMIN = { name: "Maria Keller", email: "maria@acme.example", password: "correct horse battery" };

/** A port that nobody listens on right now. */
export const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** Without `CLAVIGER_*`: those of these tests are no settings, and those of a developer's shell are not meant for this server. */
export const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CLAVIGER_")));

/** Starts the program on ports of its own; answers once it has printed what `ready` finds. */
const start = async (command, ready, more = {}) => {
  const binary = process.env.CLAVIGER_BIN;
  assert.ok(binary, "CLAVIGER_BIN names the program to start");
  const [port, authzPort] = [await freePort(), await freePort()];
  const child = spawn(
    binary,
    [...command, "--listen", `127.0.0.1:${port}`, "--authz-listen", `127.0.0.1:${authzPort}`, "--organization", "Acme"],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...environment(), ...more } },
  );
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let printed = "";
  const found = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready within ${START_MS_MAX} ms:\n${printed}`)), START_MS_MAX);
    const listen = (chunk) => {
      printed += chunk;
      const found = ready.exec(printed);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[0]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${printed}`)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { base: `http://127.0.0.1:${port}`, authz: `http://127.0.0.1:${authzPort}/authz`, found, printed: () => printed, stop };
};

/** Starts the server on a fresh data folder, and a database of its own where the engine is PostgreSQL, with these settings; answers with its address,
 * the set-up link it prints, and where it keeps things. `halt` ends it and leaves those where they are. */
export const startServer = async (settings = [], engine = ENGINE) => {
  const data = await mkdtemp(path.join(tmpdir(), "claviger-e2e-"));
  const database = engine === "postgres" ? await createDatabase() : null;
  // Everybody on a machine sees its command lines.
  const where = database ? { CLAVIGER_DATABASE: database.url } : {};
  const clear = async () => {
    await database?.drop();
    await rm(data, { recursive: true, force: true });
  };
  try {
    const server = await start(["serve", "--data-dir", data, ...settings], /https?:\/\/\S+\/setup\/[\w-]+/, where);
    const stop = async () => {
      await server.stop();
      await clear();
    };
    return { ...server, setUpLink: server.found, data, database, where, halt: server.stop, stop };
  } catch (error) {
    await clear();
    throw error;
  }
};

/** Starts the server with sample data and a clock that can be set, which `setClock` does. */
export const startDev = async (flags = []) => {
  const server = await start(["dev", ...flags], /\/api\/v1\/verify/);
  const setClock = async (at) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`${server.base}/dev/clock`, { method: "POST", headers, body: JSON.stringify({ set: at }) });
    assert.equal(answer.status, 200, await answer.clone().text());
  };
  return { ...server, setClock, admin: { email: "admin@example.com", password: "nothing is kept here" } };
};

/** Calls the management API; answers with the body, and fails on any other status. */
export const call = async (server, token, status, method, path, body) => {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(`${server.base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.equal(answer.status, status, `${method} ${path}: ${text}`);
  return text ? JSON.parse(text) : null;
};

/** What a gateway is told of a request that carries these headers and needs this permission: the status for the client, and why. */
export const askAsGateway = async (server, headers, permission) => {
  const answer = await fetch(server.authz, { headers: { ...headers, "Claviger-Permission": permission } });
  const [status, code] = ["x-claviger-status", "x-claviger-code"].map((name) => answer.headers.get(name));
  return answer.ok ? "200" : `${status} ${code}`;
};

/** Sets the server up by its link, as the form of the page does, and makes a key of the first admin that reaches everything. */
export const adminKey = async (server) => {
  const origin = { Origin: server.base };
  const fields = new URLSearchParams({ ...ADMIN, token: server.setUpLink.split("/").at(-1) });
  const claimed = await fetch(`${server.base}/setup`, { method: "POST", redirect: "manual", headers: origin, body: fields });
  const session = claimed.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
  assert.equal(claimed.status, 303, await claimed.text());
  const headers = { ...origin, Cookie: session, "Content-Type": "application/json" };
  const me = await (await fetch(`${server.base}/api/v1/me`, { headers })).json();
  const organization = me.organization.id;
  const body = JSON.stringify({ name: "Outside tools", reach: "subtree" });
  const made = await fetch(`${server.base}/api/v1/organizations/${organization}/keys`, { method: "POST", headers, body });
  assert.equal(made.status, 201, await made.clone().text());
  return { organization, token: (await made.json()).secret.token };
};
