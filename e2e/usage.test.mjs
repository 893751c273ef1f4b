// What a key's pages say of its use: the first request, the chart with its table, and what was refused.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { bearer, callWith, createKey, inspect, keep, openWindow, setUp, shared, signIn, startServer, walkToKeys } from "./harness.mjs";

const { browser, server } = await shared(startServer);

before(async () => {
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await close();
});

/** Looks at the page again until what is looked for stands there: what is counted is written down within seconds. */
const untilSeen = async (page, locator) => {
  const deadline = Date.now() + 30_000;
  while (!(await locator.isVisible()) && Date.now() < deadline) {
    await page.waitForTimeout(500);
    await page.reload();
  }
  await locator.waitFor();
};

test("the page of a new key sees its first request, and without scripts it is one click away", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const { token } = await createKey(page, "First");
  await page.getByText("Waiting for the first request").waitFor();
  assert.equal(await callWith(server, bearer(token)), 200);
  await page.getByText(/It works: a request passed at .* from 127\.0\.0\.1/).waitFor();
  assert.equal(await page.locator("#token").textContent(), token, "the secret is still there to be copied");
  await inspect(page, "key created, first request seen");
  await close();

  const plain = await openWindow(browser, server, { javaScriptEnabled: false });
  await signIn(plain.page);
  await walkToKeys(plain.page);
  const second = await createKey(plain.page, "Second");
  const opened = plain.page.context().waitForEvent("page");
  await plain.page.getByRole("link", { name: "Look now" }).click();
  const beside = await opened;
  await beside.getByText("No request with “Second” has passed yet.").waitFor();
  assert.equal(await callWith(server, bearer(second.token)), 200);
  await beside.getByRole("link", { name: "Look again" }).click();
  await beside.getByText("It works").waitFor();
  await plain.close();
});

// S3.16
test("a key's page counts what passed and what was refused, and says why", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const { token } = await createKey(page, "Watched");
  await page.getByRole("link", { name: "View key" }).click();
  await page.getByText("None in the last 24 hours.").waitFor();
  for (let call = 0; call < 3; call++) assert.equal(await callWith(server, bearer(token)), 200);
  await page.getByRole("button", { name: "Deactivate" }).click();
  for (let call = 0; call < 2; call++) assert.equal(await callWith(server, bearer(token)), 401);
  await untilSeen(page, page.getByText("3 passed and 2 refused in the last 24 hours"));
  const refused = page.getByRole("table", { name: "The latest refused requests" });
  assert.equal(await refused.getByText("The key was not active").count(), 2);
  await refused.getByText("127.0.0.1").first().waitFor();
  await page.getByText("The same as a table").click();
  const now = page.getByRole("table", { name: "Requests in the last 24 hours" }).getByRole("row").nth(1);
  assert.deepEqual(await now.getByRole("cell").allInnerTexts(), ["3", "2"]);
  await page.getByRole("link", { name: "30 days" }).click();
  await page.getByText("3 passed and 2 refused in the last 30 days").waitFor();
  await inspect(page, "usage");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await keep(page, `usage-${colorScheme}`);
  }
  await page.setViewportSize({ width: 320, height: 800 });
  await inspect(page, "usage at 320 px");
  // What there is to lose stands in front of the red button.
  await page.getByRole("link", { name: "Delete", exact: true }).click();
  await page.getByText("Requests with it that passed in the last 24 hours: 3").waitFor();
  await close();
});
