// Pages on a phone, with names as long as they may be: nothing lies over anything else, and nothing is wider than the window.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { adminKey, call } from "./server.mjs";
import { inspect, launch, openWindow, signIn, startServer } from "./harness.mjs";

// Nowhere in it may a line end.
const LONG = "N".repeat(80);

let browser;
let server;
let agency;
let key;

before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
  const { organization, token } = await adminKey(server);
  const make = async (place, path, body) => call(server, token, 201, "POST", `/organizations/${place}${path}`, body);
  agency = await make(organization, "/organizations", { name: LONG });
  const location = await make(agency.id, "/organizations", { name: `L${LONG.slice(1)}` });
  key = (await make(agency.id, "/keys", { name: LONG, description: LONG })).key;
  await make(location.id, "/keys", { name: LONG, description: LONG });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const width of [320, 360]) {
  test(`at ${width} px long names are cut or broken, and every target can be hit`, async () => {
    const { page, close } = await openWindow(browser, server, { viewport: { width, height: 640 } });
    await signIn(page);
    const paths = ["", "/keys", "/keys?q=n", `/keys/${key.id}`, "/notifications", "/tree", "/organizations", "/integrations/keys", "/audit", "/health"];
    for (const path of paths) {
      await page.goto(`/o/${agency.slug}${path}`);
      await inspect(page, `${width}${path}`, { "target-size": { enabled: true } });
      const [name, button] = await Promise.all([".brand bdi", ".switch"].map((it) => page.locator(it).boundingBox()));
      assert.ok(name.width > 0 && name.x + name.width <= button.x, `${path}: the switch lies over the name`);
    }
    // Stands alone beside the count, and not in a sentence.
    await page.goto(`/o/${agency.slug}/keys`);
    const file = await page.getByRole("link", { name: "CSV", exact: true }).boundingBox();
    assert.ok(file.height >= 24 && file.width >= 24, `${file.width} by ${file.height}`);
    await close();
  });
}

test("at 320 px a button with a long name in it is no wider than the window", async () => {
  const { page, close } = await openWindow(browser, server, { viewport: { width: 320, height: 640 } });
  await signIn(page);
  await page.goto(`/o/${agency.slug}/keys/new?from=${key.id}&replaces`);
  await page.getByLabel("Key Name").fill("In its place");
  await page.getByRole("button", { name: "Generate" }).click();
  const press = page.getByRole("button", { name: /^Deactivate the old key “N+”$/ });
  await press.waitFor();
  const { x, width } = await press.boundingBox();
  assert.ok(x >= 0 && x + width <= 320, `${x} + ${width}`);
  await inspect(page, "replacement");
  await close();
});
