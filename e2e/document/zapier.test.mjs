// The Zapier app of integrations/zapier, run by Zapier's own core against a running server and a receiver that stands for Zapier's.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { isSigned, startReceiver } from "../receiver.mjs";
import { adminKey, call, startServer } from "../server.mjs";
import { here } from "./tools.mjs";

const require = createRequire(here("../../integrations/zapier/package.json"));
const zapier = require("zapier-platform-core");
const App = require("./index.js");

const run = zapier.createAppTester(App);

let server;
let receiver;
let admin;
let authData;

const EXAMPLE = { name: "Ada", email: "ada@example.com" };

before(async () => {
  receiver = await startReceiver();
  server = await startServer(["--webhook-allow-networks", "127.0.0.0/8"]);
  admin = await adminKey(server);
  authData = { base_url: `${server.base}/`, api_key: admin.token };
  const type = { description: "A contact was made", example: EXAMPLE };
  await call(server, admin.token, 201, "PUT", `/organizations/${admin.organization}/event-types/contact.created`, type);
});
after(async () => {
  await server?.stop();
  await receiver?.close();
});

const { authentication } = App;
const trigger = App.triggers.event.operation;
const subscription = (path) => ({ authData, targetUrl: receiver.url(path), inputData: { event_type: "contact.create" } });
const report = (id) => {
  const event = { id, type: "contact.created", at: new Date().toISOString(), entity_id: id, data: EXAMPLE };
  return call(server, admin.token, 200, "POST", "/events", { events: [event] });
};
/** What Zapier hands to the app of a request that came to a Zap's address. */
const arrived = (request, subscribeData) => ({
  authData,
  inputData: { event_type: "contact.create" },
  subscribeData,
  cleanedRequest: JSON.parse(request.body),
  rawRequest: {
    method: "POST",
    content: request.body,
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [`Http-${name.replace(/(^|-)./g, (it) => it.toUpperCase())}`, value]),
    ),
  },
});

test("a connection is tested by whose key it is, and labelled with the key's name", async () => {
  const me = await run(authentication.test, { authData });
  assert.equal(me.organization.id, admin.organization);
  assert.ok(!JSON.stringify(me).includes(admin.token));
  assert.equal(authentication.connectionLabel({}, { inputData: me }), "Outside tools at Acme");
});

test("a wrong key is refused as one that has to be entered again", async () => {
  const wrong = { ...authData, api_key: `${admin.token.slice(0, -1)}x` };
  await assert.rejects(run(authentication.test, { authData: wrong }), { name: "ExpiredAuthError" });
});

test("a server that is no Claviger is no connection, though it answers every path with 200", async () => {
  for (const [type, body] of [["text/html", "<h1>Welcome</h1>"], ["application/json", "{}"], ["application/json", "null"], ["application/json", '{"key": null}']]) {
    const stranger = createServer((_, response) => response.writeHead(200, { "content-type": type }).end(body));
    await new Promise((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    const elsewhere = { ...authData, base_url: `http://127.0.0.1:${stranger.address().port}` };
    await assert.rejects(run(authentication.test, { authData: elsewhere }), /no Claviger/, body);
    await new Promise((resolve) => stranger.close(resolve));
  }
});

test("an address is taken as a browser shows it, without its scheme", () => {
  const { base } = require("./requests.js");
  const of = (base_url) => base({ authData: { base_url } });
  assert.equal(of(" keys.example.com/ "), "https://keys.example.com");
  assert.equal(of("keys.example.com:8443"), "https://keys.example.com:8443");
  assert.equal(of("http://127.0.0.1:80/"), "http://127.0.0.1:80");
});

test("the events that a Zap can wait for come from the catalogue", async () => {
  const found = await run(App.triggers.event_type.operation.perform, { authData, meta: { page: 0 } });
  const contact = found.find((it) => it.id.startsWith("contact."));
  assert.match(contact.name, /A contact was made/);
});

test("examples have the form of what arrives", async () => {
  const [sample] = await run(trigger.performList, subscription("/list"));
  assert.ok(sample.id && sample.type === "contact.created");
  assert.deepEqual(sample.data, EXAMPLE);
});

test("a Zap that is switched on is told what happens, believes nothing without a signature, and is told no more once it is off", async () => {
  const subscribeData = await run(trigger.performSubscribe, subscription("/zap"));
  await report("one");
  await receiver.until("the event arrives", (it) => it.told("/zap").includes("one"));
  const request = receiver.requests.find((it) => it.path === "/zap");
  assert.ok(isSigned(request, subscribeData.secret));
  const [event] = await run(trigger.perform, arrived(request, subscribeData));
  assert.deepEqual([event.type, event.data], ["contact.created", EXAMPLE]);
  const [sample] = await run(trigger.performList, subscription("/list"));
  assert.deepEqual(Object.keys(sample).sort(), Object.keys(event).sort());

  const forged = { ...request, body: request.body.replace("Ada", "Eve") };
  const stale = { ...request, headers: { ...request.headers, "webhook-timestamp": "1600000000" } };
  for (const [it, data] of [[forged, subscribeData], [stale, subscribeData], [request, { id: subscribeData.id }]]) {
    await assert.rejects(run(trigger.perform, arrived(it, data)), { name: "HaltedError" });
  }

  const off = { ...subscription("/zap"), subscribeData };
  assert.deepEqual(await run(trigger.performUnsubscribe, off), { ended: true });
  assert.deepEqual(await run(trigger.performUnsubscribe, off), { ended: false });
  const other = await run(trigger.performSubscribe, subscription("/other"));
  await report("two");
  await receiver.until("another Zap is told", (it) => it.told("/other").includes("two"));
  assert.ok(!receiver.told("/zap").includes("two"));
  await run(trigger.performUnsubscribe, { ...subscription("/other"), subscribeData: other });
});

test("when the key of a connection is revoked, its Zaps are paused by a DELETE of their address", async () => {
  const keys = `/organizations/${admin.organization}/keys`;
  const made = await call(server, admin.token, 201, "POST", keys, { name: "Zapier" });
  const key = made.key ?? made;
  const connection = { ...authData, api_key: made.secret.token };
  await run(trigger.performSubscribe, { ...subscription("/reverse"), authData: connection });
  const inputData = { organization_id: admin.organization, key_id: key.id, reason: "key_compromise" };
  const revoked = await run(App.creates.revoke_key.operation.perform, { authData, inputData });
  assert.equal(revoked.state, "revoked");
  await receiver.until("the Zap is paused", (it) => it.requests.some((one) => one.method === "DELETE" && one.path === "/reverse"));
  await assert.rejects(run(authentication.test, { authData: connection }), { name: "ExpiredAuthError" });
});

test("a refusal is told with its way out", async () => {
  const unknown = { organization_id: admin.organization, key_id: "key_01h45ytscbebyvny4gc8cr8ma2", reason: "superseded" };
  await assert.rejects(run(App.creates.revoke_key.operation.perform, { authData, inputData: unknown }), /not|no/i);
});

test("Zapier's own rules for an app are kept", () => {
  const schema = require("zapier-platform-schema");
  const definition = JSON.parse(JSON.stringify(App, (_, it) => (typeof it === "function" ? "$func$2$f$" : it)));
  const errors = schema.validateAppDefinition(definition).errors;
  assert.deepEqual(errors.map((it) => it.stack), []);
});
