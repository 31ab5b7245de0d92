// What somebody does with the page at /docs, in a browser, against the real service: nothing is mocked.
import { readFileSync, readdirSync } from "node:fs";
import { type Page, expect, test } from "@playwright/test";
import { expectAccessible, expectFits, watchBrowser } from "./checks";

const PHOTOS = process.env.PHOTOS ?? "";
const KEYED = process.env.KEYED_URL ?? "";
const KEY = process.env.API_KEY ?? "";

const call = (page: Page, id: string) => page.locator(`article#${id}`);
const search = (page: Page) => page.getByRole("searchbox", { name: "Search calls" });

async function open(page: Page, id: string) {
  const form = call(page, id).locator(".try");
  await form.getByText("Try it out").click();
  return form;
}

/** Check the calls about presets and their surroundings: axe needs half a minute for all calls. */
async function expectFewAccessible(page: Page): Promise<void> {
  await search(page).fill("presets");
  await expectAccessible(page);
}

test("calls are searched by path, parameter and error code", async ({ page }) => {
  const seen = watchBrowser(page);
  await page.goto("/docs");
  const all = await page.locator("main article:has(.call)").count();
  await page.keyboard.press("/");
  await expect(search(page)).toBeFocused();
  await expect(search(page)).toHaveValue("");
  await search(page).fill("/api/PRESETS");
  await expect(page.locator("#found")).toHaveText(`1 of ${all} calls`);
  await expect(call(page, "listPresets")).toBeVisible();
  await expect(call(page, "resizeImage")).toBeHidden();
  await expect(page.locator("nav li:visible")).toHaveText(["List the presets"]);
  await expectAccessible(page);

  await search(page).fill("gravity resize"); // all words, a parameter and a part of the path
  await expect(call(page, "resizeImage")).toBeVisible();
  await expect(call(page, "listJobs")).toBeHidden();
  await search(page).fill("queue_full"); // the code of an error, behind "Errors"
  await expect(call(page, "createJob")).toBeVisible();
  await expect(call(page, "listPresets")).toBeHidden();
  await search(page).fill("nothing has this");
  await expect(page.locator("#found")).toHaveText("No call has all of that.");
  await search(page).press("Escape");
  await expect(search(page)).toHaveValue("");
  await expect(page.locator("main article:has(.call):visible")).toHaveCount(all);
  await expect(page.locator("#found")).toBeEmpty();

  await search(page).fill("presets");
  await page.goto("/docs#getJob"); // the same page, at the address of a call that the search has hidden
  await expect(call(page, "getJob")).toBeInViewport();
  expect(seen.complaints).toEqual([]);
});

test("commands and the base URL are copied as they are", async ({ page, context, baseURL }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await page.goto("/docs");
  const [base, first] = [page.locator("header .copyable").nth(0), page.locator("header .copyable").nth(1)];
  await base.getByRole("button", { name: "Copy" }).click();
  await expect(page.locator("#told")).toHaveText("Copied");
  expect(await copied()).toBe(baseURL);
  await first.getByRole("button", { name: "Copy" }).click();
  await expect.poll(copied).toBe(`curl -F image=@large.jpg -F width=400 ${baseURL}/api/resize`);
  await expect(first.getByRole("button")).toHaveText("Copied");
  await expect(first.getByRole("button")).toHaveText("Copy");
  await expect(page.locator("#told")).toBeEmpty();
  const long = call(page, "createJob").locator("details:has(.copyable)").first();
  await long.locator("summary").click();
  await long.getByRole("button", { name: "Copy" }).click();
  await expect.poll(copied).toBe(await long.locator(".copyable code").textContent());
});

test("where the browser gives no clipboard, as over http from another machine, they are copied too", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read"]);
  const reader = await context.newPage();
  await reader.goto("/docs");
  await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.goto("/docs");
  const first = page.locator("header .copyable").nth(1);
  await first.getByRole("button", { name: "Copy" }).click();
  await expect(page.locator("#told")).toHaveText("Copied");
  await reader.bringToFront();
  expect(await reader.evaluate(() => navigator.clipboard.readText())).toBe(await first.locator("code").textContent());
});

test("calls are tried: an answer, an error, an image, and a server that is gone", async ({ page, context }) => {
  const seen = watchBrowser(page);
  await page.goto("/docs");
  await expect(page.getByLabel("API key")).toHaveCount(0);
  await expectAccessible(page);
  const presets = await open(page, "listPresets");
  await presets.getByRole("button", { name: "Send" }).click();
  await expect(presets.getByRole("status")).toHaveText("GET /api/presets: 200 OK");
  const body = presets.getByLabel("Body of the answer");
  await expect(body).toContainText('\n      "name": "shop",');
  await expect(presets.getByLabel("Headers of the answer")).toContainText("Content-Type: application/json");

  const jobs = await open(page, "listJobs");
  await jobs.getByLabel("limit").fill("0");
  await jobs.getByLabel("state").selectOption("Running");
  await jobs.getByLabel("limit").press("Enter");
  await expect(jobs.getByRole("status")).toHaveText(/^GET \/api\/jobs\?limit=0&state=Running: 4\d\d /);
  await expect(jobs.getByLabel("Body of the answer")).toContainText('"code": "invalid_option');

  const job = await open(page, "getJob");
  await job.getByRole("button", { name: "Send" }).click(); // the id is required: nothing is sent
  await expect(job.getByRole("status")).toBeEmpty();
  await job.getByLabel("id").fill("../<b>x</b>");
  await job.getByRole("button", { name: "Send" }).click();
  await expect(job.getByRole("status")).toContainText("GET /api/jobs/..%2F%3Cb%3Ex%3C%2Fb%3E: 404");

  const resize = await open(page, "resizeImage");
  const name = readdirSync(PHOTOS)[0] ?? "";
  const photo = { name, mimeType: "image/jpeg", buffer: readFileSync(`${PHOTOS}/${name}`) };
  await resize.getByLabel("image").setInputFiles(photo);
  await resize.getByLabel("width").fill("123");
  await resize.getByRole("button", { name: "Send" }).click();
  await expect(resize.getByRole("status")).toHaveText("POST /api/resize: 200 OK");
  await expect(resize.getByLabel("Body of the answer")).toContainText('"width": 123');
  await expect(call(page, "deleteJob").locator(".try")).toHaveCount(0);
  await expect(call(page, "cancelJob").locator(".try")).toHaveCount(0);

  const { job_id: id } = JSON.parse((await resize.getByLabel("Body of the answer").textContent()) ?? "") as {
    job_id: string;
  };
  const archive = await open(page, "getArchive");
  await archive.getByLabel("id").fill(id);
  await archive.getByRole("button", { name: "Send" }).click();
  await expect(archive.getByLabel("Body of the answer")).toHaveText(/^A file \(application\/zip\)/);
  const download = await open(page, "downloadResult");
  await download.getByLabel("id").fill(id);
  await download.getByRole("button", { name: "Send" }).click();
  await expect(download.getByRole("status")).toContainText("a redirect");
  const whole = await open(page, "getOpenApi"); // longer than what is shown
  await whole.getByRole("button", { name: "Send" }).click();
  await expect(whole.getByLabel("Body of the answer")).toContainText("The first 100 kB are shown.");

  await context.setOffline(true);
  await presets.getByRole("button", { name: "Send" }).click();
  await expect(presets.getByRole("status")).toContainText("GET /api/presets: no answer.");
  await expectFewAccessible(page);
  expect(seen.complaints).toEqual([]);
  expect([...seen.hosts]).toEqual(["127.0.0.1"]);
});

test("a stream is shown as it comes, until it is stopped", async ({ page, request }) => {
  const items = [{ url: "https://images.example.org/1.jpg" }];
  const made = await request.post("/api/jobs", { data: { items, suspend: true } });
  const { job_id: id } = (await made.json()) as { job_id: string };
  await page.goto("/docs");
  const events = await open(page, "streamProgress");
  await events.getByLabel("id").fill(id);
  await events.getByRole("button", { name: "Send" }).click();
  await expect(events.getByLabel("Body of the answer")).toContainText("data: {");
  await events.getByRole("button", { name: "Stop" }).click();
  await expect(events.getByRole("status")).toContainText("stopped.");
  await expect(events.getByRole("button")).toHaveText("Send");
});

test("a key is sent, and kept nowhere", async ({ page }) => {
  await page.goto(`${KEYED}/docs`);
  const presets = await open(page, "listPresets");
  await presets.getByRole("button", { name: "Send" }).click();
  await expect(presets.getByRole("status")).toContainText("401");
  await expect(presets.getByRole("status")).toContainText("Give a key at the top of this page.");
  await page.getByLabel("API key").fill("ключ");
  await presets.getByRole("button", { name: "Send" }).click();
  await expect(presets.getByRole("status")).toContainText("Not sent");
  await page.getByLabel("API key").fill(KEY);
  await presets.getByRole("button", { name: "Send" }).click();
  await expect(presets.getByRole("status")).toHaveText("GET /api/presets: 200 OK");
  await expectFewAccessible(page);
  const kept = () => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie]);
  expect(await page.evaluate(kept)).not.toContain(KEY);
  await page.reload();
  await expect(page.getByLabel("API key")).toHaveValue("");
});

test("without a script it is whole, and shows nothing that needs one", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${baseURL}/docs`);
  await expect(call(page, "resizeImage")).toBeVisible();
  await expect(page.locator("input:visible, button:visible, select:visible")).toHaveCount(0);
  await expect(page.getByText("Try it out").first()).toBeHidden();
  await context.close();
});

test("on a phone and in the dark it fits and can be read", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ colorScheme: "dark", viewport: { width: 375, height: 700 } });
  const page = await context.newPage();
  await page.goto(`${baseURL}/docs`);
  const presets = await open(page, "listPresets");
  await presets.getByRole("button", { name: "Send" }).click();
  await expect(presets.getByRole("status")).toContainText("200");
  await open(page, "resizeImage");
  await expectFits(page);
  await expectFewAccessible(page);
  await context.close();
});
