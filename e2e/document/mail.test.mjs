// Mail as a server that others wrote takes it: one digest for all keys of a person, tried again, and once.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { startDev } from "../server.mjs";
import { here } from "./tools.mjs";

const DAY = 86_400_000;

/** A mail server; `got` has what it took. */
const startReceiver = async () => {
  const child = spawn(path.join(process.env.CLAVIGER_PYTHON_TOOLS, "python"), [here("clients/receive_mail.py")], { stdio: ["ignore", "pipe", "inherit"] });
  const got = [];
  const port = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the mail server ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const said = JSON.parse(line);
      if (said.port) resolve(said.port);
      else got.push(said);
    });
  });
  return { port, got, stop: () => child.kill("SIGTERM") };
};

const until = async (holds) => {
  for (let tries = 0; tries < 240 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 250));
  assert.ok(holds(), "not within a minute");
};

test("aiosmtpd takes one digest of all keys that end, after it was busy once, and no second one", async () => {
  const receiver = await startReceiver();
  const server = await startDev(["--smtp-url", `smtp://127.0.0.1:${receiver.port}`, "--mail-from", "Claviger <keys@example.com>"]);
  try {
    const origin = { Origin: server.base };
    const signIn = async () => {
      const answer = await fetch(`${server.base}/sign-in`, { method: "POST", redirect: "manual", headers: origin, body: new URLSearchParams(server.admin) });
      assert.equal(answer.status, 303);
      return answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
    };
    const headers = { ...origin, Cookie: await signIn(), "Content-Type": "application/json" };
    const call = async (method, path, body) => {
      const answer = await fetch(`${server.base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
      assert.ok(answer.ok, await answer.clone().text());
      return answer.json();
    };
    const { organization } = await call("GET", "/me");
    await call("PATCH", `/organizations/${organization.id}/policy`, { idle_days: 90 });
    const secrets = [];
    for (const name of ["First of three", "Second of three", "Third of three"]) {
      secrets.push((await call("POST", `/organizations/${organization.id}/keys`, { name })).secret.token);
    }
    // One that is told of for another reason on the day of a reminder.
    const expires_at = new Date(Date.now() + (83 + 30) * DAY).toISOString();
    await call("POST", `/organizations/${organization.id}/keys`, { name: "Ends by its date", expires_at });
    const start = Date.now() + 60_000;
    const pass = (days, minutes) => server.setClock(new Date(start + days * DAY + minutes * 60_000).toISOString());
    await pass(75, 0);
    await pass(75, 5);
    await until(() => receiver.got.some((it) => it.refused));
    await pass(75, 20);
    const taken = () => receiver.got.filter((it) => it.subject);
    await until(() => taken().length > 0);
    const [mail] = taken();
    assert.deepEqual([mail.from, mail.to], ["keys@example.com", ["admin@example.com"]]);
    for (const part of ["text/plain", "text/html"]) {
      for (const name of ["First of three", "Second of three", "Third of three"]) assert.match(mail.parts[part], new RegExp(name), part);
    }
    assert.match(mail.parts["text/plain"], /\/o\/[\w-]+\/keys\/key_\w+/);
    // Whoever follows a link signs in, and is where it says.
    const follow = async (link) => {
      assert.ok(link.startsWith(`${server.base}/o/`), link);
      const next = link.slice(server.base.length);
      const away = await fetch(link, { redirect: "manual" });
      const door = new URL(away.headers.get("location"), server.base);
      assert.deepEqual([away.status, door.pathname, door.searchParams.get("next")], [303, "/sign-in", next]);
      const body = new URLSearchParams({ ...server.admin, next });
      const entered = await fetch(`${server.base}/sign-in`, { method: "POST", redirect: "manual", headers: origin, body });
      assert.deepEqual([entered.status, entered.headers.get("location")], [303, next]);
      const Cookie = entered.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
      const page = await fetch(link, { redirect: "manual", headers: { Cookie } });
      assert.equal(page.status, 200, link);
      return page.text();
    };
    const told = [...mail.parts["text/plain"].matchAll(/Key “([^”]+)”[^\r\n]*\r?\n[^\r\n]*: (\S+)/g)];
    const linkOf = (name) => told.find((it) => it[1] === name)[2];
    for (const name of ["First of three", "Third of three"]) assert.match(await follow(linkOf(name)), new RegExp(name));
    const list = /what you can do about it: (\S+)/.exec(mail.parts["text/plain"])[1];
    assert.match(await follow(list), /Second of three/);
    for (const link of [linkOf("First of three"), list]) assert.ok(mail.parts["text/html"].includes(`href="${link}"`), link);
    for (const secret of secrets) assert.ok(!JSON.stringify(receiver.got).includes(secret), "no secret goes by mail");
    // Reminders are for who wants them: the next mail is about the date alone.
    await pass(83, 5);
    await pass(83, 35);
    await until(() => taken().length > 1);
    const second = taken()[1].parts["text/plain"];
    assert.match(second, /Key “Ends by its date” expires on/);
    assert.doesNotMatch(second, /nobody uses it/);
  } finally {
    await server.stop();
    receiver.stop();
  }
});
