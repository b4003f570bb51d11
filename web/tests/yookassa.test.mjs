// Buying by card through YooKassa as a customer in Russia does it: the telephone number for the receipt,
// a card that is declined, another that asks for a code, and the way back; then the books.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before } from "node:test";
import { Chat, call, startBrowser, startKontor, test, until } from "./harness.mjs";

const ANNA = 1001;
const TENANT = "demo_credits";
const PRODUCT = "Звонок специалиста";

let kontor;
let browser;
let key;

before(async () => {
  kontor = await startKontor();
  browser = await startBrowser();
  key = run("key", "create", "--tenant", TENANT, "--role", "operator", "--label", "desk").split("\n")[0];
});

after(async () => {
  await browser?.close();
  const end = await kontor?.stop();
  if (end) assert.equal(end.code, 0, `kontor ends in order\n${kontor.log()}`);
});

/** Runs a command of the program beside it. */
function run(...words) {
  const { KONTOR_BIN: binary, ...env } = process.env;
  env.KONTOR_DATA_DIR = join(kontor.dataDir, "data");
  return execFileSync(binary, words, { env, cwd: kontor.dataDir, encoding: "utf8" });
}

/** Makes YooKassa misbehave. */
async function weather(rule) {
  const answer = await fetch(new URL("/sandbox/yookassa/faults", kontor.banner.chat), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(rule),
  });
  assert.ok(answer.ok, `the fault is set: ${answer.status}`);
}

async function api(path, options = {}) {
  return call(kontor, path, { key, ...options });
}

async function payments() {
  return (await api("/v1/payments")).body.items;
}

async function picture(page, name) {
  if (process.env.KONTOR_PICTURES) {
    await page.screenshot({ path: `${process.env.KONTOR_PICTURES}/yookassa-${name}.png`, fullPage: true });
  }
}

/** The buttons that lead to a page on which can be paid. */
function links(chat) {
  return chat.page.locator("article.message.in button.inline-button").filter({ hasText: /Оплатить картой/ });
}

/** Follows the newest of them. */
async function openPage(chat) {
  await links(chat).last().click();
  const href = (await chat.page.locator("dialog .dialog-detail").innerText()).trim();
  await chat.page.keyboard.press("Escape");
  assert.match(href, /\/yookassa\/checkout\//);
  const page = await chat.page.context().newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.goto(href);
  page.problems = problems;
  return page;
}

/** Chooses the product; the link comes into the chat. */
async function choose(chat) {
  const before = await links(chat).count();
  await chat.say("/buy");
  await chat.sees(PRODUCT);
  await chat.press(PRODUCT);
  return async () => until(async () => `the link comes; the chat shows ${await chat.text()}`, async () => (await links(chat).count()) > before);
}

test("a customer pays by card in Russian, is declined, tries again, and gets the money back", async () => {
  const chat = await Chat.open(browser, kontor, ANNA, { bot: TENANT, locale: "ru-RU" });
  await chat.start();
  await chat.sees(/согласие/);
  await chat.press(/Даю согласие/);
  await chat.sees(/3 кредита/);

  // The receipt has to go somewhere.
  const linked = await choose(chat);
  await chat.sees(/полагается чек/);
  await picture(chat.page, "phone-asked");
  await chat.press(/Отправить мой номер/);
  await chat.page.locator("dialog .dialog-actions button.primary").click();
  await linked();
  await chat.sees(/Номер сохранён/);

  // A card without money on it.
  let page = await openPage(chat);
  await page.getByText("299,00 ₽").first().waitFor();
  await picture(page, "cards");
  await page.getByLabel(/не хватает денег/).check();
  await page.getByRole("button", { name: /Заплатить/ }).click();
  await page.getByText("Оплата не прошла").waitFor();
  await picture(page, "declined");
  await chat.sees(/Оплата не прошла: на карте не хватает денег/);
  assert.deepEqual(page.problems, []);
  await page.close();

  // Once more, with a code, and a notification that comes again and again.
  const before = await links(chat).count();
  await chat.press(/Попробовать снова/);
  await until("another link comes", async () => (await links(chat).count()) > before);
  await weather({ kind: "duplicate_update", method: "payment.succeeded", count: 5 });
  page = await openPage(chat);
  await page.getByLabel(/3-D Secure/).check();
  await page.getByRole("button", { name: /Заплатить/ }).click();
  await page.getByRole("button", { name: "Подтвердить" }).waitFor();
  await picture(page, "code");
  const pressed = Date.now();
  await page.getByRole("button", { name: "Подтвердить" }).click();
  await page.getByText("Оплачено").waitFor();
  await picture(page, "paid");
  await chat.sees(/Теперь у вас 23 кредита/);
  console.log(`from the press to the word of it: ${Date.now() - pressed} ms`);
  await page.close();
  await picture(chat.page, "chat");

  const [paid, declined, ...more] = await payments();
  assert.deepEqual([paid.standing, declined.standing, more.length], ["succeeded", "failed", 0]);
  assert.deepEqual([paid.provider, declined.failure], ["yookassa", "insufficient_funds"]);

  // Receipts follow by themselves: YooKassa tells nobody of them, and is asked every minute.
  const receipts = (of) => until(`the receipt of the ${of} is registered`, async () => {
    const { body } = await api(`/v1/payments/${paid.id}`);
    return body.receipts.some((receipt) => receipt.of === of && receipt.standing === "registered");
  }, 150_000);
  await weather({ kind: "server_error_after_effect", method: "create_refund", count: 1 });
  const asked = await api(`/v1/payments/${paid.id}/refunds`, { method: "POST", body: { reason: "customer_asked" } });
  assert.equal(asked.status, 201, JSON.stringify(asked.body));
  await chat.sees(/Оплата возвращена: 299/);
  // The money goes first, and the ledger follows.
  const opened = await api("/v1/ledgers", { method: "POST", body: { account_id: paid.account_id } });
  await until("the credits went back", async () => (await api(`/v1/ledgers/${opened.body.id}`)).body.available === 3);
  await chat.say("/balance");
  await chat.sees(/💳 3 /);
  const state = await (await fetch(new URL("/sandbox/yookassa/state", kontor.banner.chat))).json();
  assert.deepEqual([state.charges, state.refunds.length], [1, 1], "never charged and never paid back twice");
  await receipts("refund");
  await receipts("charge");

  run("ledger", "verify");
  const books = join(kontor.dataDir, "books");
  run("ledger", "export", books, "--tenant", TENANT);
  const accepted = (tool, ...words) => execFileSync(tool, words, { cwd: books, encoding: "utf8" });
  accepted("hledger", "-f", "books.hledger", "check", "--strict", "ordereddates");
  const clearing = accepted("hledger", "-f", "books.hledger", "balance", "clearing", "-O", "csv", "--no-total");
  assert.doesNotMatch(clearing, /RUB/, `YooKassa holds nothing any more:\n${clearing}`);
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});

test("the page to pay on fits a telephone in the dark and works by keyboard", async () => {
  const chat = await Chat.open(browser, kontor, ANNA, {
    bot: TENANT, locale: "ru-RU", viewport: { width: 375, height: 760 }, colorScheme: "dark",
  });
  const linked = await choose(chat);
  await linked();
  const page = await openPage(chat);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, "nothing is wider than the telephone");
  await picture(page, "cards-phone-dark");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.getByLabel(/банк думает и подтверждает/).isChecked());
  await page.keyboard.press("Enter");
  await page.getByText("Банк проверяет оплату").waitFor();
  await picture(page, "waiting-phone-dark");
  await page.getByText("Оплачено").waitFor();
  await chat.sees(/Теперь у вас 23 кредита/);
  assert.deepEqual(page.problems, []);
  await chat.page.context().close();
});
