// What somebody does with the page, in a browser, against the real service: nothing is mocked.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { type Page, expect, test } from "@playwright/test";
import { expectAccessible, expectFits, watchBrowser } from "./checks";

const PHOTOS = process.env.PHOTOS ?? "";
const KEYED = process.env.KEYED_URL ?? "";
const SMALL = process.env.SMALL_URL ?? "";
const SMALL_KEY = process.env.SMALL_KEY ?? "";
const KEY = process.env.API_KEY ?? "";
const SITE = process.env.SITE ?? "";
const MAX_FIRST_USE_BYTES = 230_000;
const HOSTILE = ["<img src=x onerror=document.title='owned'>.jpg", "photo\u202Egpj.exe.jpg"];

const photos = () =>
  readdirSync(PHOTOS)
    .sort()
    .map((name) => ({ name, mimeType: "image/jpeg", buffer: readFileSync(`${PHOTOS}/${name}`) }));
const broken = { name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") };

async function start(page: Page, files: ReturnType<typeof photos>): Promise<void> {
  await page.getByLabel("Choose pictures").setInputFiles(files);
  await page.getByRole("button", { name: /^Make .+ smaller$/ }).click();
}

async function send(page: Page, files: ReturnType<typeof photos>): Promise<void> {
  await start(page, files);
  await page.waitForURL("**/jobs/**");
}

test("twenty photos and a broken file: small ones, one reason in words, no foreign host", async ({ page }) => {
  const seen = watchBrowser(page);
  await page.goto("/");
  await expectAccessible(page);
  await send(page, [...photos(), broken]);
  await expect(page.getByRole("heading", { name: "Done, some failed" })).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText("20 of 21 done").first()).toBeVisible();
  await expect(page.getByText(/You saved .+ \(\d+\s?%\)/)).toBeVisible();
  await expect(page.getByText("This is not a picture. Check the file.")).toBeVisible();
  await expect(page.getByText("broken.jpg")).toBeVisible();
  const first = page.locator("button.card img").first();
  await expect.poll(() => first.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1600);
  await expectAccessible(page);

  await page.locator("button.card").first().click();
  await expect(page.getByRole("dialog")).toBeVisible();
  const slider = page.getByRole("slider");
  const start = await slider.getAttribute("aria-valuenow");
  await slider.press("ArrowRight");
  await expect(slider).not.toHaveAttribute("aria-valuenow", start ?? "");
  await expectAccessible(page);
  const [picture] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download", exact: true }).click(),
  ]);
  expect(picture.suggestedFilename()).toMatch(/\.jpg$/);
  expect(page.context().pages()).toHaveLength(1);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();

  const [zip] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download all as zip" }).click(),
  ]);
  expect(zip.suggestedFilename()).toMatch(/\.zip$/);
  expect(readFileSync(await zip.path()).subarray(0, 2).toString()).toBe("PK");
  expect(seen.complaints).toEqual([]);
  expect([...seen.hosts]).toEqual(["127.0.0.1"]);
});

test("three samples show what the settings do before anything starts", async ({ page, request }) => {
  const seen = watchBrowser(page);
  const requests: string[] = [];
  page.on("request", (each) => each.method() === "POST" && requests.push(new URL(each.url()).pathname));
  const bodies: number[] = [];
  page.on("requestfinished", (each) => {
    if (!each.url().endsWith("/api/sample")) return;
    void each.allHeaders().then((headers) => bodies.push(Number(headers["content-length"])));
  });
  const newestJob = async () => {
    const { jobs } = (await (await request.get("/api/jobs?limit=1")).json()) as { jobs: { job_id: string }[] };
    return jobs[0]?.job_id;
  };
  const before = await newestJob();
  await page.goto("/");
  await page.getByLabel("Choose pictures").setInputFiles(photos());
  const samples = page.getByRole("list", { name: "Some of them, as they will be" });
  await expect(samples.getByRole("button")).toHaveCount(3);
  await expect(page.getByText(/^about .+ afterwards \(−\d+\s?%\)$/).first()).toBeVisible();
  const naturalWidth = () => samples.locator("img").first().evaluate((image: HTMLImageElement) => image.naturalWidth);
  await expect.poll(naturalWidth).toBe(1600);
  await expectAccessible(page);

  await page.getByLabel("Width (pixels)").fill("");
  await page.getByLabel("Width (pixels)").pressSequentially("320");
  await expect.poll(naturalWidth).toBe(320);
  await expect(samples.getByRole("button").first()).toContainText(/−9\d\s?%/);
  expect(requests.filter((each) => each === "/api/sample").length).toBeLessThan(10); // not one for each key
  await samples.getByRole("button").first().click();
  await expect(page.getByRole("dialog").getByText("320 × 240 · JPEG")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");

  await page.getByLabel("Width (pixels)").fill("99999");
  await expect(page.getByRole("alert")).toContainText("width");
  await expectAccessible(page);
  await page.getByLabel("Width (pixels)").fill("200");
  await expect.poll(naturalWidth).toBe(200);
  expect(requests).not.toContain("/api/batch");
  await expect.poll(() => bodies.length).toBeGreaterThanOrEqual(9);
  expect(bodies.filter((each) => each > 20_000)).toHaveLength(3); // each file was sent once
  await page.getByRole("button", { name: "Start over" }).click();
  await expect(page.getByText("Drop pictures or a folder")).toBeVisible();
  expect(await newestJob()).toBe(before);
  expect(seen.complaints).toEqual([]);
});

test("a sample that fails says why, and the others go on", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("Choose pictures").setInputFiles([...photos().slice(0, 1), broken]);
  await expect(page.getByText("This is not a picture. Check the file.")).toBeVisible();
  await expect(page.getByText(/^about .+ afterwards/).first()).toBeVisible();
  await expectAccessible(page);
  await page.context().setOffline(true);
  await page.getByLabel("Width (pixels)").fill("100");
  await expect(page.getByRole("alert")).toContainText("The connection was lost");
  await page.context().setOffline(false);
  const image = page.locator(".samples img");
  await expect.poll(() => image.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(100);
});

test("a format that the browser cannot show has a preview from the server", async ({ page }) => {
  const seen = watchBrowser(page);
  const scan = { name: "scan.tif", mimeType: "image/tiff", buffer: readFileSync(process.env.SCAN ?? "") };
  await page.goto("/");
  await page.getByLabel("Choose pictures").setInputFiles([scan]);
  const image = page.locator(".samples img"); // of a TIFF, which is made of a TIFF
  await expect.poll(() => image.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(1600);
  await page.getByLabel("Format").selectOption("webp");
  await page.getByLabel("Width (pixels)").fill("640");
  await expect.poll(() => image.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(640);
  await page.locator(".samples button").click();
  await expect(page.getByText("This browser cannot show the original")).toBeVisible();
  const before = page.getByRole("dialog").getByAltText("Before: scan.tif");
  await expect.poll(() => before.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(1600);
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await page.getByLabel("Format").selectOption("");
  await page.getByRole("button", { name: "Make it smaller" }).click();
  await page.locator("button.card").click();
  await expect(page.getByText("This browser cannot show the result")).toBeVisible();
  await expect(page.getByRole("dialog").getByAltText("scan.tif", { exact: true })).toBeVisible();
  await expectAccessible(page);

  await page.reload(); // the original is gone from this page, and the server still has it
  const card = page.locator("button.card img");
  await expect.poll(() => card.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(1600);
  await page.locator("button.card").click();
  await expect(page.getByRole("dialog").getByAltText("scan.tif", { exact: true })).toBeVisible();
  expect(seen.complaints).toEqual([]);
});

test("before and after are compared after a reload, too", async ({ page }) => {
  await page.goto("/");
  await send(page, photos().slice(0, 1));
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  await page.reload();
  await page.locator("button.card").click();
  await expect(page.getByText("The original is no longer on this page")).toBeVisible();
  const before = page.getByRole("dialog").getByAltText("Before: photo-00.jpg");
  await expect.poll(() => before.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(1600);
  await expectAccessible(page);
});

test("what was used is told, day by day", async ({ page }) => {
  await page.goto("/");
  await send(page, photos().slice(0, 1));
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  await expect(async () => {
    await page.goto("/");
    await expect(page.getByRole("heading", { name: "The last 31 days" })).toBeVisible({ timeout: 1000 });
  }).toPass({ timeout: 60_000 });
  await page.getByText("Day by day").click();
  await expect(page.getByRole("table").getByRole("row").nth(1)).toContainText("%");
  await expectAccessible(page);
});

test("a HEIC of a phone is shown before and after", async ({ page }) => {
  const heic = { name: "phone.heic", mimeType: "image/heic", buffer: readFileSync(process.env.HEIC ?? "") };
  await page.goto("/");
  await page.getByLabel("Choose pictures").setInputFiles([heic]);
  await page.locator(".samples button").click();
  await expect(page.getByText("This browser cannot show the original")).toBeVisible();
  await expect(page.getByText("64 × 48 · JPEG")).toBeVisible();
  const before = page.getByRole("dialog").getByAltText("Before: phone.heic");
  await expect.poll(() => before.evaluate((each: HTMLImageElement) => each.naturalWidth)).toBe(64);
  await expectAccessible(page);
});

test("a reload in the middle, and the same job at its address, go on", async ({ page }) => {
  await page.goto("/");
  await send(page, photos());
  await page.reload();
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText("20 of 20 done").first()).toBeVisible();
  await page.locator("button.card").first().click();
  await expect(page.getByText("The original is no longer on this page")).toBeVisible();
});

test("suspended, resumed and cancelled by its buttons", async ({ page }) => {
  await page.goto("/");
  await send(page, [...photos(), ...photos()]);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByRole("heading", { name: "Paused" })).toBeVisible();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { name: /Cancelled|Done/ })).toBeVisible();
});

test("names that attack stay names", async ({ page }) => {
  const seen = watchBrowser(page);
  await page.goto("/");
  await send(page, photos().slice(0, 2).map((photo, index) => ({ ...photo, name: HOSTILE[index] ?? "" })));
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  await expect(page.locator(".name", { hasText: "onerror" })).toBeVisible();
  expect(await page.title()).not.toContain("owned");
  expect(await page.locator("main").innerText()).not.toContain("\u202E");
  expect(seen.complaints).toEqual([]);
});

test("settings are in the address, and a link carries them", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("Width (pixels)").fill("120");
  await page.getByLabel("Format").selectOption("webp");
  await expect(page).toHaveURL(/width=120.*format=webp/);
  await page.reload();
  await expect(page.getByLabel("Width (pixels)")).toHaveValue("120");
  await send(page, photos().slice(0, 1));
  await page.locator("button.card").click();
  await expect(page.getByText("120 × 90 · WEBP")).toBeVisible();
});

test("several sizes of each, from the address to the picture", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("Sizes").selectOption({ label: "Several sizes" });
  await expect(page.getByLabel("Name")).toHaveCount(3);
  await page.getByRole("button", { name: "Remove the size: large" }).click();
  await page.getByLabel("Name").nth(1).fill("wide");
  await expectAccessible(page);
  await page.reload();
  await expect(page.getByLabel("Name").nth(1)).toHaveValue("wide");
  await send(page, photos().slice(0, 1));
  await page.locator("button.card").click();
  await page.getByRole("dialog").getByLabel("Sizes").selectOption("wide");
  await expect(page.getByText("1200 × 900 · JPEG")).toBeVisible();
  await expectAccessible(page);
});

test("a preset of the server, and pictures taken elsewhere", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/");
  await page.getByLabel("Sizes").selectOption("shop");
  await expect(page.getByText("120 × 120")).toBeVisible();
  await expectAccessible(page);
  await send(page, photos().slice(0, 2));
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  const copied = async (name: string) => {
    await page.getByRole("button", { name, exact: true }).click();
    return expect.poll(() => page.evaluate(() => navigator.clipboard.readText()));
  };
  await (await copied("curl")).toContain("curl");
  await (await copied("imagejobs")).toContain("imagejobs resize --url");
  await (await copied("Python")).toContain("httpx2");
  await (await copied("YAML")).toContain("kind: ImageJob");
  await (await copied("<picture>")).toMatch(/<picture>[^]*image\/webp[^]*<\/picture>/);
  await expectAccessible(page);
});

test("a picture is zoomed by keys and buttons", async ({ page }) => {
  await page.goto("/");
  await send(page, photos().slice(0, 1));
  await page.locator("button.card").click();
  const width = () => page.locator(".zoom > *").first().evaluate((each) => each.getBoundingClientRect().width);
  const before = await width();
  await page.getByRole("button", { name: "Zoom in" }).click();
  await expect.poll(width).toBeGreaterThan(1.9 * before);
  await page.keyboard.press("+");
  await expect.poll(width).toBeGreaterThan(3.8 * before);
  await expectAccessible(page);
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await expect.poll(width).toBeLessThan(1.1 * before);
});

test("what can succeed is tried again, the rest can be taken back", async ({ page, request }) => {
  const items = [{ url: "http://127.0.0.1:9/away.jpg" }];
  const made = await request.post("/api/jobs", { data: { items, retry: { attempts: 1 } } });
  const { job_id: id } = (await made.json()) as { job_id: string };
  await page.goto(`/jobs/${id}`);
  await page.getByRole("button", { name: "Try again what can succeed" }).click();
  await expect
    .poll(async () => ((await (await request.get(`/api/jobs/${id}`)).json()) as { attempt: number }).attempt)
    .toBe(2);

  await page.goto("/");
  await send(page, [...photos().slice(0, 1), broken]);
  await expect(page.getByRole("heading", { name: "Done, some failed" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Try again what can succeed" })).toBeHidden();
  const saved = async (name: string) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
  };
  const zip = await saved("Download failed originals");
  expect(zip.name).toMatch(/-failed-sources\.zip$/);
  expect(zip.bytes.includes("no picture at all")).toBe(true);
  const table = await saved("Table (CSV)");
  expect(table.name).toMatch(/\.csv$/);
  expect(table.bytes.toString()).toContain("broken.jpg,Failed,not_an_image");
});

test("five thousand pictures are scrolled without a stutter", async ({ page, request }) => {
  const dot = Buffer.from("R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=", "base64");
  const links = await request.post("/api/uploads", {
    data: { files: [{ name: "a.gif", size: dot.length, content_type: "image/gif" }] },
  });
  const [file] = ((await links.json()) as { files: { key: string; url: string; headers: Record<string, string> }[] }).files;
  if (!file) throw new Error("no link");
  await request.put(file.url, { data: dot, headers: file.headers });
  const items = Array.from({ length: 5000 }, (_, index) => ({ key: file.key, name: `picture ${index}.gif` }));
  const made = await request.post("/api/jobs", { data: { items } });
  const { job_id: id } = (await made.json()) as { job_id: string };
  await page.goto(`/jobs/${id}`);
  await expect(page.getByText("5,000 of 5,000 done").first()).toBeVisible({ timeout: 100_000 });
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  const last = page.getByRole("button", { name: "Show picture 4999.gif" });
  const longest = await page.evaluate(async () => {
    let worst = 0;
    let before = performance.now();
    for (let step = 0; step < 1000 && window.scrollY + window.innerHeight < document.body.scrollHeight - 1; step++) {
      window.scrollBy(0, 1500);
      await new Promise(requestAnimationFrame);
      worst = Math.max(worst, performance.now() - before);
      before = performance.now();
    }
    return worst;
  });
  await expect(last).toBeVisible();
  expect(await page.locator(".card").count()).toBeLessThan(300);
  expect(longest).toBeLessThan(2000); // a page that renders all of them takes many seconds for one step
});

test("a second drop has a page of its own, and the first one is one step back", async ({ page }) => {
  await page.goto("/");
  await send(page, photos().slice(0, 1));
  const first = page.url();
  await page.getByRole("link", { name: "imagejobs" }).click();
  await send(page, photos().slice(1, 3));
  await expect(page.getByText("2 of 2 done").first()).toBeVisible();
  await page.goBack();
  await page.goBack();
  await expect(page).toHaveURL(first);
  await expect(page.getByText("1 of 1 done").first()).toBeVisible();
});

test("German, on a phone, with the keyboard alone", async ({ browser }) => {
  const context = await browser.newContext({ locale: "de-DE", viewport: { width: 375, height: 700 }, hasTouch: true });
  const page = await context.newPage();
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Bilder kleiner machen" })).toBeVisible();
  expect(await page.locator("html").getAttribute("lang")).toBe("de");
  await expectAccessible(page);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Zum Inhalt" })).toBeFocused();
  await page.getByLabel("Bilder auswählen").setInputFiles([...photos().slice(0, 3), broken]);
  await expect(page.getByText(/danach etwa/).first()).toBeVisible();
  await expectFits(page);
  await expectAccessible(page);
  await page.getByRole("button", { name: "4 Bilder verkleinern" }).click();
  await expect(page.getByText("3 von 4 fertig").first()).toBeVisible();
  await expect(page.getByText("Das ist kein Bild. Prüfen Sie die Datei.")).toBeVisible();
  await expectFits(page);
  await expectAccessible(page);
  await context.close();
});

test("dark, without violations", async ({ browser }) => {
  const context = await browser.newContext({ colorScheme: "dark", locale: "en-GB" });
  const page = await context.newPage();
  await page.goto("/");
  await expectAccessible(page);
  await page.getByLabel("Choose pictures").setInputFiles([...photos().slice(0, 2), broken]);
  await expect(page.getByText(/^about .+ afterwards/).first()).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Make 3 pictures smaller" }).click();
  await expect(page.getByRole("heading", { name: "Done, some failed" })).toBeVisible();
  await expectAccessible(page);
  await context.close();
});

test("without a connection a click says so, and works again when there is one", async ({ page, context }) => {
  await page.goto("/");
  await send(page, [...photos(), ...photos()]);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByRole("heading", { name: "Paused" })).toBeVisible();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByText("The connection was lost. Try again.")).toBeVisible();
  await expectAccessible(page);
  await context.setOffline(false);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible({ timeout: 90_000 });
});

test("a busy server is waited for, and too much is told in words", async ({ page, request }) => {
  const headers = { Authorization: `Bearer ${SMALL_KEY}` };
  const items = Array.from({ length: 6 }, (_, index) => ({ url: `https://images.example.org/${index}.jpg` }));
  const made = await request.post(`${KEYED}/api/jobs`, { data: { items, suspend: true }, headers });
  const { job_id: id } = (await made.json()) as { job_id: string };
  await page.goto(KEYED);
  await page.getByLabel("API key").fill(SMALL_KEY);
  await page.getByRole("button", { name: "Continue" }).click();
  await start(page, photos().slice(0, 1));
  await expect(page.getByText("The server is busy.")).toBeVisible();
  await expectAccessible(page);
  await request.post(`${KEYED}/api/jobs/${id}/cancel`, { headers });
  await page.waitForURL("**/jobs/**", { timeout: 90_000 });
  await expect(page.getByText("1 of 1 done").first()).toBeVisible();

  await page.goto(SMALL);
  await start(page, photos());
  await expect(page.getByText("More than this server takes at once.")).toBeVisible();
  await expectAccessible(page);
});

test("pictures that were not sent before a reload are sent after it", async ({ page, context }) => {
  await page.goto("/");
  await context.setOffline(true);
  await start(page, photos().slice(0, 3));
  await expect(page.getByText("The server is busy.")).toBeVisible();
  await context.setOffline(false);
  page.on("dialog", (dialog) => void dialog.accept()); // the browser asks whether to leave
  await page.route("**/api/batch", (route) => route.abort());
  await page.reload();
  await expect(page.getByText("3 pictures were not sent")).toBeVisible();
  await expectAccessible(page);
  await page.unroute("**/api/batch");
  await page.getByRole("button", { name: "Send them now" }).click();
  await page.waitForURL("**/jobs/**");
  await expect(page.getByText("3 of 3 done").first()).toBeVisible();
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Make pictures smaller" })).toBeVisible();
  await expect(page.getByText("pictures were not sent")).toBeHidden();
});

test("a server that is killed and started in the middle loses nothing", async ({ page }) => {
  test.setTimeout(240_000);
  const data = mkdtempSync(`${tmpdir()}/imagejobs-web-`);
  const server = async (...more: string[]) => {
    const started = spawn(`${process.cwd()}/../.venv/bin/imagejobs`, ["local", "--data", data, ...more]);
    const url = await new Promise<string>((resolve, reject) => {
      let told = "";
      started.stdout.on("data", (part) => {
        told += String(part);
        const found = /^\s*API\s+(\S+)/m.exec(told);
        if (found?.[1]) resolve(found[1]);
      });
      started.on("exit", () => reject(new Error(told)));
    });
    return { started, url };
  };
  const first = await server();
  await page.goto(first.url);
  await send(page, photos());
  first.started.kill("SIGKILL"); // the kernel ends its programs with it
  await expect(page.getByText(/does not answer|connection was lost/).first()).toBeVisible({ timeout: 60_000 });
  const second = await server("--port", new URL(first.url).port);
  try {
    await expect(page.getByText("20 of 20 done").first()).toBeVisible({ timeout: 120_000 });
  } finally {
    second.started.kill("SIGINT");
    await new Promise((resolve) => second.started.on("exit", resolve));
    rmSync(data, { recursive: true, force: true });
  }
});

test("a server with keys: a wrong one, the right one, and a link for somebody without", async ({ page, browser }) => {
  await page.goto(KEYED);
  await expect(page.getByRole("heading", { name: "This server needs a key" })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("API key").fill("ijk_wrong");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("The server does not know this key.")).toBeVisible();
  await page.getByLabel("API key").fill(KEY);
  await page.getByRole("button", { name: "Continue" }).click();
  await send(page, photos().slice(0, 3));
  await expect(page.getByText("3 of 3 done").first()).toBeVisible();
  expect(page.url()).not.toContain(KEY);

  const id = page.url().split("/jobs/")[1] ?? "";
  const answer = await page.request.get(`${KEYED}/api/jobs/${id}`, { headers: { Authorization: `Bearer ${KEY}` } });
  const { watch_url: link } = (await answer.json()) as { watch_url: string };
  const stranger = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await stranger.goto(link);
  await expect(stranger.getByText("3 of 3 done").first()).toBeVisible();
  await expect(stranger.getByRole("button", { name: "Copy link to share" })).toBeHidden();
  await expectAccessible(stranger);
  await expect(async () => {
    await stranger.reload();
    await expect(stranger.getByText("This link has expired.")).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 60_000 });
  await expectAccessible(stranger);

  await page.reload(); // kept in memory only: asked for again
  await expect(page.getByRole("heading", { name: "This server needs a key" })).toBeVisible();
});

test("the first use is small", () => {
  const parts = ["index.html", ...readdirSync(`${SITE}/assets`).map((name) => `assets/${name}`)];
  const first = parts.filter((name) => !/Picture-/.test(name)); // loaded when a picture is opened
  const bytes = first.reduce((sum, name) => sum + gzipSync(readFileSync(`${SITE}/${name}`)).length, 0);
  expect(bytes).toBeLessThan(MAX_FIRST_USE_BYTES);
});
