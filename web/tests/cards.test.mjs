// Buying by card as a customer does it: a card that is declined, another one with 3-D Secure on the same
// page, in a storm of notifications; the money back; then the books.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { call, Chat, normal, startBrowser, startKontor, test, until } from "./harness.mjs";

const JOHN = 1002;
const OLEG = 1003;
const TENANT = { "X-Kontor-Tenant": "demo_credits" };

let kontor;
let browser;

before(async () => {
  kontor = await startKontor();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  const end = await kontor?.stop();
  if (end) assert.equal(end.code, 0, `kontor ends in order\n${kontor.log()}`);
});

/** Makes the sandbox misbehave. */
async function weather(rule) {
  const answer = await fetch(new URL("/sandbox/faults", kontor.banner.chat), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(rule),
  });
  assert.ok(answer.ok, `the fault is set: ${answer.status}`);
}

/** What Stripe has. */
async function stripe() {
  return (await fetch(new URL("/sandbox/stripe/demo_stripe", kontor.banner.chat))).json();
}

/** Calls the API with the key of an operator of the whole house. */
function asStaff(path, options = {}) {
  const key = readFileSync(kontor.banner.operator_key_file, "utf8").trim();
  return call(kontor, path, { key, ...options, headers: { ...TENANT, ...options.headers } });
}

/** Runs a command of the program beside it. */
function run(...words) {
  const { KONTOR_BIN: binary, ...env } = process.env;
  env.KONTOR_DATA_DIR = join(kontor.dataDir, "data");
  return execFileSync(binary, words, { env, encoding: "utf8" });
}

async function shot(page, name) {
  if (process.env.KONTOR_PICTURES) await page.screenshot({ path: join(process.env.KONTOR_PICTURES, `${name}.png`), fullPage: true });
}

/** Presses the link under the newest message that has one, and opens where it leads to. */
async function openPage(chat, options = {}) {
  const pay = chat.page.locator("article.message.in button.inline-button").filter({ hasText: /Pay by card|Оплатить картой/ });
  await until("the page has a link", async () => (await pay.count()) > 0);
  await pay.last().click();
  const url = normal(await chat.page.locator("dialog .dialog-detail").innerText());
  const opening = chat.page.context().waitForEvent("page");
  await chat.page.locator("dialog .dialog-actions button.primary").click();
  await (await opening).close();
  const context = await browser.newContext({ locale: "en-US", ...options });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

test("a customer is declined, pays with 3-D Secure in a storm, and gets the money back once", async () => {
  const chat = await Chat.open(browser, kontor, JOHN, { bot: "demo_credits" });
  await chat.start();
  await chat.sees(/consent|согласие/);
  await chat.press(/I agree|Даю согласие/);
  await chat.sees(/3 credits|3 кредита/);
  await chat.say("/buy");
  await chat.sees(/What would you like to buy/);
  await weather({ kind: "server_error_after_effect", method: "stripe.checkout.sessions.create", count: 1 });
  await chat.press(/A talk, 30 credits — \$4\.99/);
  await chat.sees(/You pay on a secure page/);
  await shot(chat.page, "chat-link");

  const page = await openPage(chat, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  assert.match(normal(await page.innerText("main")), /A talk, 30 credits[\s\S]*4\.99 USD/);
  await shot(page, "page-phone-dark");
  await page.fill("input[name=number]", "4000 0000 0000 9995");
  await page.click("button.primary");
  assert.match(await page.innerText("[role=alert]"), /not enough money/);
  await shot(page, "page-declined");
  await chat.sees(/did not go through: there is not enough money on the card/);
  await shot(chat.page, "chat-declined");

  await weather({ kind: "duplicate_update", method: "stripe.*", count: 20 });
  await weather({ kind: "wrong_signature", method: "stripe.*", count: 1 });
  await page.fill("input[name=number]", "4000000000003220");
  await page.keyboard.press("Enter");
  await page.waitForSelector("form.bank");
  await shot(page, "page-3ds");
  const confirmed = Date.now();
  await page.click("button[value=yes]");
  await chat.sees(/You have 33 credits now/);
  console.log(`from the bank's yes to the word of it in the chat: ${Date.now() - confirmed} ms`);
  await shot(chat.page, "chat-paid");

  const { body } = await asStaff("/v1/payments");
  const [payment] = body.items;
  assert.equal(payment.standing, "succeeded");
  assert.equal(payment.provider, "stripe");

  // Stripe pays back, and its answer is lost.
  await weather({ kind: "server_error_after_effect", method: "stripe.refunds.create", count: 1 });
  const asked = await asStaff(`/v1/payments/${payment.id}/refunds`, { method: "POST", body: { reason: "customer_asked" } });
  assert.equal(asked.status, 201, JSON.stringify(asked.body));
  await chat.sees(/Your payment was returned: \$4\.99/);
  // The books follow the money in a moment.
  const holder = await asStaff("/v1/ledgers", { method: "POST", body: { account_id: payment.account_id } });
  await until("what was bought is taken back", async () => {
    const { body } = await asStaff(`/v1/ledgers/${holder.body.id}`);
    return body.available === 3;
  });
  await chat.say("/balance");
  await chat.sees(/💳 3 /);
  const there = await stripe();
  assert.equal(there.refunds.length, 1, "never paid twice");
  assert.equal(there.intents.filter((intent) => intent.status === "succeeded").length, 1, "never charged twice");
  const back = await asStaff(`/v1/payments/${payment.id}`);
  assert.deepEqual(back.body.refunds.map((refund) => refund.standing), ["refunded"]);
  assert.equal(back.body.contradictions, 0);

  run("ledger", "verify");
  const books = join(kontor.dataDir, "books");
  run("ledger", "export", books, "--tenant", "demo_credits");
  const accepted = (tool, ...words) => execFileSync(tool, words, { cwd: books, encoding: "utf8" });
  accepted("hledger", "-f", "books.hledger", "check", "--strict", "ordereddates");
  accepted("ledger", "--pedantic", "-f", "books.ledger", "balance");
  accepted("bean-check", "books.beancount");
  const clearing = accepted("hledger", "-f", "books.hledger", "balance", "clearing", "-O", "csv", "--no-total");
  assert.doesNotMatch(clearing, /USD/, `Stripe holds nothing any more:\n${clearing}`);
  assert.deepEqual(chat.problems, []);
  await page.context().close();
  await chat.page.context().close();
});

test("a slow bank is waited for, in Russian", async () => {
  const chat = await Chat.open(browser, kontor, OLEG, { bot: "demo_credits" });
  await chat.start();
  await chat.sees(/согласие/);
  await chat.press("Даю согласие");
  await chat.sees(/3 кредита/);
  await chat.say("/buy30");
  await chat.sees(/Оплата на защищённой странице/);
  const page = await openPage(chat, { viewport: { width: 1280, height: 800 } });
  await shot(page, "page-desktop-light");
  await page.click("button[value='4000000000000085']");
  await chat.sees(/Банк ещё проводит оплату/);
  await chat.sees(/Теперь у вас 33 кредита/);
  await shot(chat.page, "chat-slow-ru");
  await page.context().close();
  await chat.page.context().close();
});
