// A page as people see it: in both themes, on a phone, and in a narrow window, each looked over by axe.

import { inspect, keep, walk } from "./harness.mjs";

const LOOKS = [["light", "light", 1280], ["dark", "dark", 1280], ["phone", "light", 390], ["narrow", "dark", 320]];

export const show = async (page, name) => {
  for (const [kind, colorScheme, width] of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await inspect(page, `${name} ${kind}`);
    await keep(page, `${name}-${kind}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
};

/** What the audit says happened last: the first row's sentence, who did it, and before and after. */
export const lastEvent = async (page) => {
  await walk(page, "Audit");
  return page.getByRole("row").nth(1).innerText();
};
