// The chat page in a real browser, against the sandbox with its small example bot.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before } from "node:test";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startBrowser, test } from "./harness.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const photo = `${root}/adapters/sandbox/examples/meter.png`;
/** Nothing that the page should do takes longer; the build of the example may. */
const PATIENCE_MS = 30_000;
const BUILD_MS = 600_000;

let sandbox;
let browser;
let base;

before(async () => {
  const cargo = ["run", "-q", "-p", "kontor-sandbox", "--example", "chat", "--", "127.0.0.1:0"];
  sandbox = spawn("cargo", cargo, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: sandbox.stdout })) {
    base = new URL(line).origin;
    break;
  }
  browser = await startBrowser();
}, { timeout: BUILD_MS });

after(async () => {
  await browser?.close();
  sandbox?.kill("SIGINT");
});

/** Opens the page; whatever the browser complains about fails the test. */
async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(base + path);
  const close = async () => {
    assert.deepEqual(complaints, []);
    await context.close();
  };
  return { page, close };
}

/** A person of this test's own. */
async function person(first_name) {
  const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ first_name, language_code: "en" }) };
  return (await fetch(`${base}/sandbox/people`, request)).json();
}

async function started(first_name, options) {
  const { id } = await person(first_name);
  const opened = await open(`/?bot=demo&person=${id}`, options);
  await opened.page.click(".start:visible");
  await opened.page.waitForSelector(".message.in");
  return { id, ...opened };
}

test("Start begins the chat and brings the bot's keyboard", async () => {
  const { page, close } = await started("Ada");
  assert.match(await page.textContent(".message.in .text"), /Ada/);
  assert.equal(await page.locator(".reply-button").count(), 3);
  await page.click('[aria-label="Hide the bot\'s keyboard"]');
  await page.waitForSelector(".reply-keyboard", { state: "hidden" });
  await close();
});

test("a button turns until the bot answers, then the answer shows and the message changes", async () => {
  const { page, close } = await started("Ben");
  await page.fill(".input", "312");
  await page.press(".input", "Enter");
  await page.click("text=Да, верно");
  await page.waitForSelector('.inline-button[aria-busy="true"]');
  await page.waitForSelector('.toast[role="status"]');
  await page.waitForSelector("text=edited");
  assert.equal(await page.locator(".inline-button").count(), 0);
  await close();
});

test("an alert waits to be read and closes by keyboard", async () => {
  const { page, close } = await started("Cleo");
  await page.fill(".input", "312");
  await page.press(".input", "Enter");
  await page.click("text=Исправить");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  await close();
});

test("hostile texts and names stay texts", async () => {
  const { page, close } = await started('<img src=x onerror="window.struck=1">');
  await page.fill(".input", "<script>window.struck=1</script><b>x</b>");
  await page.press(".input", "Enter");
  await page.waitForSelector(".inline-button");
  assert.equal(await page.evaluate(() => window.struck), undefined);
  assert.equal(await page.locator(".message b, .message script, .person img").count(), 0);
  await close();
});

test("the last own message is edited with the arrow key", async () => {
  const { page, close } = await started("Dora");
  await page.fill(".input", "12");
  await page.press(".input", "Enter");
  await page.waitForSelector(".inline-button");
  await page.press(".input", "ArrowUp");
  assert.equal(await page.inputValue(".input"), "12");
  await page.fill(".input", "13");
  await page.press(".input", "Enter");
  await page.waitForSelector('.message.out .text:text-is("13")');
  await close();
});

test("a photo goes out with its caption and opens large", async () => {
  const { page, close } = await started("Eve");
  await page.setInputFiles('input[type="file"]', photo);
  await page.fill(".caption", "my meter");
  await page.click(".sending .primary");
  await page.click(".message.out .photo");
  await page.waitForSelector(".viewer img");
  await page.keyboard.press("Escape");
  assert.equal(await page.textContent(".message.out .with-photo .text"), "my meter");
  await close();
});

test("a blocked bot is silent until the person unblocks it", async () => {
  const { page, close } = await started("Finn");
  await page.click('[aria-label="More about this chat"]');
  await page.click("text=Block the bot");
  await page.waitForSelector(".blocked:visible");
  await page.click("text=Unblock and restart");
  await page.waitForSelector(".input:visible");
  await close();
});

test("the commands open, narrow and are picked by keyboard", async () => {
  const { page, close } = await started("Gus");
  await page.fill(".input", "/hi");
  await page.waitForSelector(".commands li");
  assert.equal(await page.locator(".commands li").count(), 1);
  await page.press(".input", "Enter");
  await page.waitForSelector(".message.in .photo");
  await close();
});

test("on a phone the list gives way to the chat, and back leads to it", async () => {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
  const { page, close } = await open("/", phone);
  await page.waitForSelector(".person");
  assert.equal(await page.isVisible(".chat"), false);
  await page.click(".person >> nth=0");
  await page.waitForSelector(".chat");
  assert.equal(await page.isVisible(".people"), false);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
  await page.click(".back");
  await page.waitForSelector(".person");
  await close();
});

test("a rule of the weather shows, and the sky clears", async () => {
  const { page, close } = await started("Hal");
  await page.click(".people >> [aria-label='Weather']");
  await page.click('.chip:text-is("Update is lost")');
  await page.waitForSelector(".rule");
  await page.click("text=Clear the sky");
  await page.waitForSelector(".fair");
  await close();
});

test("the page speaks the browser's language", async () => {
  const { page, close } = await open("/", { locale: "ru-RU" });
  await page.waitForSelector("text=За кого играете?");
  assert.equal(await page.getAttribute("html", "lang"), "ru");
  await close();
});
