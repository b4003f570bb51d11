// The staff keeps its products on a page; a newcomer meets the demo that sells them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { Chat, call, startBrowser, startKontor, test, until } from "./harness.mjs";

let kontor;
let browser;
let page;
const problems = [];

before(async () => {
  kontor = await startKontor();
  browser = await startBrowser();
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4/.test(message.text())) problems.push(message.text());
  });
  await page.goto(`${kontor.banner.api}/admin/products`);
  await page.getByLabel("API key").fill(readFileSync(kontor.banner.operator_key_file, "utf8").trim());
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === "/admin/products");
});

after(async () => {
  await browser?.close();
  const end = await kontor?.stop();
  if (end) assert.equal(end.code, 0, `kontor ends in order\n${kontor.log()}`);
});

async function sees(text) {
  await until(async () => `the page shows ${text}; it shows ${await page.locator("main").innerText()}`, async () =>
    (await page.locator("main").innerText()).includes(text),
  );
}

const row = (name) => page.locator("#products tbody tr").filter({ has: page.getByRole("link", { name, exact: true }) });

test("the price list of the demo is there, in its order", async () => {
  const names = await page.locator("#products tbody th a").allInnerTexts();
  const expected = [
    "10 credits", "25 credits", "50 credits", "100 credits", "Unlimited day", "Unlimited week", "Unlimited month",
    "A talk, 30 credits", "A call, 20 credits",
  ];
  assert.deepEqual(names, expected);
  assert.equal(await page.getByLabel("Tenant").inputValue(), "demo_credits");
  const text = await row("25 credits").innerText();
  for (const part of ["115 Stars", "229.00 RUB", "2.29 USD", "on sale", "25 кредитов"]) assert.equal(text.includes(part), true, text);
});

test("a product is made by keyboard; a mistake is said beside its field", async () => {
  await page.getByRole("link", { name: "New product" }).click();
  await page.getByLabel("Name in English").fill("Five <b>credits</b>");
  await page.getByLabel("Name in Russian").fill("Пять кредитов");
  await page.getByLabel("How many credits").fill("пять");
  await page.getByLabel("Stars (XTR)").fill("2.5");
  await page.getByLabel("Order").fill("5");
  await page.keyboard.press("Enter");
  await sees("Give a whole number of credits");
  assert.equal(await page.getByLabel("Stars (XTR)").getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Name in Russian").inputValue(), "Пять кредитов");
  await page.getByLabel("How many credits").fill("5");
  await page.getByLabel("Stars (XTR)").fill("");
  await page.getByLabel("RUB").fill("1 049,50");
  await page.getByRole("button", { name: "Make it" }).click();
  await sees("The product is made.");
  assert.equal(await page.locator("#products tbody th a").first().innerText(), "Five <b>credits</b>");
  assert.equal((await row("Five <b>credits</b>").innerText()).includes("1049.50 RUB"), true);
});

test("what nobody can pay for is not put on sale until it has its price", async () => {
  const name = "Five <b>credits</b>";
  await row(name).getByRole("button", { name: "Put on sale" }).click();
  await sees("give it a price in `XTR`");
  assert.equal(await page.evaluate(() => document.body.dataset.liveAt), "/admin/products?tenant=demo_credits");
  await page.getByRole("link", { name, exact: true }).click();
  await page.getByLabel("Stars (XTR)").fill("30");
  await page.getByRole("button", { name: "Save" }).click();
  await sees("Changed, for whoever buys it from now on.");
  await row(name).getByRole("button", { name: "Put on sale" }).click();
  await sees("It is on sale.");
  const listed = await call(kontor, "/v1/products?active=true&limit=200&tenant=demo_credits", {
    key: readFileSync(kontor.banner.operator_key_file, "utf8").trim(),
  });
  const made = listed.body.items.find((product) => product.name.en === name);
  assert.deepEqual(made.gives, { credits: 5 });
  assert.equal(made.prices.length, 2);
});

test("two who change the same product at once do not undo each other", async () => {
  await page.getByRole("link", { name: "10 credits", exact: true }).click();
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByLabel("Order").fill("12");
  await other.getByRole("button", { name: "Save" }).click();
  await other.waitForURL(/done=changed/);
  await page.getByLabel("Order").fill("99");
  await page.getByRole("button", { name: "Save" }).click();
  await sees("Somebody changed this product meanwhile");
  await page.goto(`${kontor.banner.api}/admin/products`);
  assert.equal((await row("10 credits").innerText()).includes("12"), true);
  // The list is live: what the other takes off sale shows here by itself.
  await other.locator("#products tbody tr").filter({ hasText: "10 credits" }).getByRole("button", { name: "Take off sale" }).click();
  await other.waitForURL(/done=deactivate/);
  await until("the list moves by itself", async () => (await row("10 credits").innerText()).includes("Put on sale"));
  await other.close();
});

test("on a phone list and form fit, also in the dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme, storageState: await page.context().storageState() });
    const phone = await context.newPage();
    await phone.goto(`${kontor.banner.api}/admin/products`);
    for (const open of [async () => {}, async () => phone.locator("#products tbody th a").nth(1).click()]) {
      await open();
      await phone.locator("main h1").waitFor();
      const width = await phone.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(width <= 390, true, `${phone.url()} is ${width} px wide`);
      const rail = await phone.locator(".rail").boundingBox();
      assert.equal(rail.y > 700, true, `the rail is at ${rail.y}`);
    }
    await context.close();
  }
});

test("a newcomer meets credits in the chat of the demo that sells them", async () => {
  const chat = await Chat.open(browser, kontor, 1002, { bot: "demo_credits" });
  await chat.start();
  await chat.sees("Messages here are paid with credits");
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
  assert.deepEqual(problems, []);
});
