// Takes pictures of the page's states: node e2e/screenshots.mjs URL FOLDER PHOTO... (see CONTRIBUTING.md).
// With DOCS=yes only those that docs/ has, in its size.
import { mkdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { chromium } from "@playwright/test";

const [url, folder, ...photos] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" });
const files = Array.from({ length: Number(process.env.COPIES ?? 3) }, (_, copy) =>
  photos.map((path) => ({
    name: copy ? basename(path).replace(/\.(\w+)$/, `-${copy + 1}.$1`) : basename(path),
    mimeType: "image/jpeg",
    buffer: readFileSync(path),
  })),
).flat();
files.push({ name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") });
const sizes = process.env.DOCS
  ? { docs: { width: 960, height: 640 } }
  : { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };
let job = "";
for (const [device, viewport] of Object.entries(sizes)) {
  for (const colorScheme of process.env.DOCS ? ["light"] : ["light", "dark"]) {
    const context = await browser.newContext({ viewport, colorScheme, locale: "en-GB", hasTouch: device === "phone" });
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && console.log(device, message.text()));
    const shot = (name) => page.screenshot({ path: `${folder}/${name}-${device}-${colorScheme}.png` });
    await page.goto(url);
    await page.waitForLoadState("networkidle");
    await shot("home");
    await page.locator("input[type=file]").first().setInputFiles(files);
    await page.getByText(/^about .+ afterwards/).first().waitFor({ timeout: 60000 });
    await page.waitForLoadState("networkidle");
    await shot("chosen");
    await page.getByLabel("Sizes").selectOption({ label: "Several sizes" });
    await page.waitForTimeout(1500);
    await page.waitForLoadState("networkidle");
    await page.screenshot({ path: `${folder}/sizes-${device}-${colorScheme}.png`, fullPage: true });
    await page.getByRole("button", { name: "Reset" }).click();
    if (!job) {
      await page.getByRole("button", { name: /^Make .+ smaller$/ }).click();
      await page.waitForURL("**/jobs/**");
      await shot("running");
      await page.getByText("You saved").waitFor({ timeout: 60000 });
      job = page.url();
    } else await page.goto(job);
    await page.getByText("You saved").waitFor({ timeout: 60000 });
    await page.waitForLoadState("networkidle");
    await shot("done");
    await page.locator("button.card").first().click();
    await page.getByRole("dialog").waitFor();
    await page.waitForTimeout(700);
    await shot("picture");
    await page.goto(`${url}/watch/nothing`);
    await page.getByRole("alert").waitFor();
    await shot("nothing");
    await context.close();
  }
}
await browser.close();
