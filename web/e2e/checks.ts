// What holds for every page in a browser.
import AxeBuilder from "@axe-core/playwright";
import { type Page, expect } from "@playwright/test";

/** Everything that the browser complains about, such as a broken policy, and each host that it asks. */
export function watchBrowser(page: Page): { complaints: string[]; hosts: Set<string> } {
  const seen = { complaints: [] as string[], hosts: new Set<string>() };
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content.Security.Policy|Refused/i.test(message.text())) seen.complaints.push(message.text());
  });
  page.on("request", (request) => request.url().startsWith("http") && seen.hosts.add(new URL(request.url()).hostname));
  return seen;
}

export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
}

export async function expectFits(page: Page): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
}
