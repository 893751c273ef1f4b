// What the tests of openapi.json share: programs that others wrote, and a server that does not keep to the document.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { environment } from "../server.mjs";

const FOLDER = path.dirname(fileURLToPath(import.meta.url));
const PACKAGES = path.join(FOLDER, "..", "node_modules");

export const here = (name) => path.join(FOLDER, name);
export const DOCUMENT = here("../../openapi.json");

/** Runs a program to its end; answers with its code and everything it printed. */
export const run = (program, args, variables = {}, cwd = FOLDER) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...environment(), ...variables }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });

/** A program of an npm package, by the script behind its name: the links in `.bin` would take the system's node. */
export const runNode = (script, args, variables, cwd) => run(process.execPath, [path.join(PACKAGES, script), ...args], variables, cwd);

/** A program of the Python packages that requirements.txt names. */
export const runPython = (program, args, variables = {}, cwd) => {
  const folder = process.env.CLAVIGER_PYTHON_TOOLS;
  assert.ok(folder, "CLAVIGER_PYTHON_TOOLS names the folder of the Python programs");
  const PATH = `${folder}${path.delimiter}${process.env.PATH}`;
  return run(path.join(folder, program), args, { PATH, PYTHONDONTWRITEBYTECODE: "1", ...variables }, cwd);
};

/** Hands a folder to `use` that goes away with the test. */
export const inFolder = async (use) => {
  const folder = await mkdtemp(path.join(tmpdir(), "claviger-document-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** A server in front of another that passes everything on, and lies where `lie(method, path, body)` answers with a status and a body. */
export const startLiar = async (server, lie) => {
  const { port } = new URL(server.base);
  const proxy = createServer((question, answer) => {
    const { method, url, headers } = question;
    const passed = request({ host: "127.0.0.1", port, method, path: url, headers }, (told) => {
      const chunks = [];
      told.on("data", (chunk) => chunks.push(chunk));
      told.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const lied = lie(method, url.split("?")[0], body, told.statusCode);
        const { "content-length": _, "transfer-encoding": __, ...kept } = told.headers;
        answer.writeHead(lied?.status ?? told.statusCode, kept);
        answer.end(lied?.body ?? body);
      });
    });
    passed.once("error", () => answer.destroy());
    question.pipe(passed);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const stop = () => new Promise((resolve) => { proxy.close(resolve); proxy.closeAllConnections(); });
  return { base: `http://127.0.0.1:${proxy.address().port}`, stop };
};
