// Buying with Telegram Stars as a customer does it: the catalogue, the invoice, the payment, a storm of
// updates, and the way back through the API; then the books.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before } from "node:test";
import { call, Chat, startBrowser, startKontor, test, until } from "./harness.mjs";

const OLEG = 1003;

let kontor;
let browser;

before(async () => {
  kontor = await startKontor();
  browser = await startBrowser();
  const rules = { credit_rules: { enabled: true, low_credits: 0 } };
  const changed = await call(kontor, "/v1/tenants/demo_utility", { method: "PATCH", body: rules });
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  const product = {
    name: { ru: "25 сообщений", en: "25 messages" },
    gives: { credits: 25 },
    kind: "digital",
    prices: [{ amount_minor: 250, currency: "XTR" }],
  };
  const made = await call(kontor, "/v1/products", { method: "POST", body: product });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const sold = await call(kontor, `/v1/products/${made.body.id}/activate`, { method: "POST" });
  assert.equal(sold.status, 200, JSON.stringify(sold.body));
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

/** Runs a command of the program beside it. */
function run(...words) {
  const { KONTOR_BIN: binary, ...env } = process.env;
  env.KONTOR_DATA_DIR = join(kontor.dataDir, "data");
  return execFileSync(binary, words, { env, encoding: "utf8" });
}

/** Chooses the product, and pays its newest invoice. */
async function buy(chat) {
  const pay = chat.page.locator("button.inline-button").filter({ hasText: /^⭐ 250$/ });
  const before = await pay.count();
  await chat.say("/buy25");
  await until("the invoice has its button", async () => (await pay.count()) > before);
  await pay.last().click();
}

/** The account's ledger. */
async function holder(account) {
  const opened = await call(kontor, "/v1/ledgers", { method: "POST", body: { account_id: account } });
  assert.ok([200, 201].includes(opened.status), JSON.stringify(opened.body));
  return { ledger: opened.body.id };
}

test("a customer buys 25 by Stars in a storm of updates, sees them, and gets the money back once", async () => {
  const chat = await Chat.open(browser, kontor, OLEG);
  await chat.start();
  await chat.sees(/consent|согласие/);
  await chat.press(/I agree|Даю согласие/);
  await chat.sees(/3 credits|3 кредита/);
  await chat.say("/buy");
  await chat.sees(/What would you like to buy|Что купить/);
  await chat.press("250 ⭐");
  await until("the invoice has its button", async () =>
    (await chat.page.locator("button.inline-button").filter({ hasText: /^⭐ 250$/ }).count()) > 0);

  await weather({ kind: "duplicate_update", count: 20 });
  const pressed = Date.now();
  await chat.page.locator("button.inline-button").filter({ hasText: /^⭐ 250$/ }).last().click();
  await chat.sees(/You have 28 credits now|Теперь у вас 28 кредитов/);
  console.log(`from the press to the word of it: ${Date.now() - pressed} ms`);
  await chat.say("/balance");
  await chat.sees(/💳 28/);

  const payments = await call(kontor, "/v1/payments");
  assert.equal(payments.body.items.length, 1);
  const [payment] = payments.body.items;
  assert.equal(payment.standing, "succeeded");
  assert.deepEqual(payment.refunds, []);

  // Telegram pays back, and its answer is lost.
  await weather({ kind: "server_error_after_effect", method: "refundStarPayment", count: 1 });
  const path = `/v1/payments/${payment.id}/refunds`;
  const asked = await call(kontor, path, { method: "POST", body: { reason: "customer_asked" } });
  assert.equal(asked.status, 201, JSON.stringify(asked.body));
  await chat.sees(/Your payment was returned: 250|Оплата возвращена: 250/);
  // The books follow the money in a moment.
  const { ledger } = await holder(payment.account_id);
  await until("what was bought is taken back", async () =>
    (await call(kontor, `/v1/ledgers/${ledger}`)).body.available === 3);
  await chat.say("/balance");
  await chat.sees(/💳 3 /);
  const calls = await fetch(new URL("/sandbox/calls?method=refundStarPayment", kontor.banner.chat));
  assert.equal((await calls.json()).calls.length, 1, "never paid twice");
  const back = await call(kontor, `/v1/payments/${payment.id}`);
  assert.deepEqual(back.body.refunds.map((refund) => refund.standing), ["refunded"]);

  // Once more, and this time a part is used before the money goes back: that much is owed.
  await buy(chat);
  await chat.sees(/✅[^✅]*✅/s);
  const [again] = (await call(kontor, "/v1/payments")).body.items;
  const spent = await call(kontor, `/v1/ledgers/${ledger}/spends`, { method: "POST", body: { messages: 10 } });
  assert.equal(spent.status, 201, JSON.stringify(spent.body));
  await chat.press(/History of credits|История кредитов/);
  await chat.sees(/10 messages|10 сообщений/);
  const second = await call(kontor, `/v1/payments/${again.id}/refunds`, { method: "POST", body: { reason: "goodwill" } });
  assert.equal(second.status, 201, JSON.stringify(second.body));
  const owed = await until("the purchase is closed", async () => {
    const { body } = await call(kontor, `/v1/ledgers/${ledger}`);
    return body.owed > 0 ? body.owed : null;
  });
  assert.equal(owed, 7, "the three of the welcome went first");

  run("ledger", "verify");
  const books = join(kontor.dataDir, "books");
  run("ledger", "export", books, "--tenant", "demo_utility");
  const accepted = (tool, ...words) => execFileSync(tool, words, { cwd: books, encoding: "utf8" });
  accepted("hledger", "-f", "books.hledger", "check", "--strict", "ordereddates");
  accepted("ledger", "--pedantic", "-f", "books.ledger", "balance");
  accepted("bean-check", "books.beancount");
  const clearing = accepted("hledger", "-f", "books.hledger", "balance", "clearing", "-O", "csv", "--no-total");
  assert.doesNotMatch(clearing, /XTR/, `Telegram holds nothing any more:\n${clearing}`);
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});
