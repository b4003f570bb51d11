// Auto-recharge as a customer lives with it: agreeing on the way to Stripe's page, a recharge while
// Stripe's answer is lost, the month's cap, a bank that asks again, a decline, and stopping.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { call, Chat, normal, startBrowser, startKontor, test, until } from "./harness.mjs";

const [ANNA, JOHN, OLEG] = [1001, 1002, 1003];
const TENANT = { "X-Kontor-Tenant": "demo_credits" };
const PHONE = { width: 390, height: 844 };

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

/** How often Stripe charged a kept card of this customer. */
async function charged(customer) {
  const all = await (await fetch(new URL("/sandbox/stripe/demo_stripe", kontor.banner.chat))).json();
  return all.intents.filter((it) => it.customer === customer && it.status === "succeeded").length;
}

async function newestCustomer() {
  const all = await (await fetch(new URL("/sandbox/stripe/demo_stripe", kontor.banner.chat))).json();
  return all.customers[0].id;
}

/** Calls the API with the key of an operator of the whole house. */
function asStaff(path, options = {}) {
  const key = readFileSync(kontor.banner.operator_key_file, "utf8").trim();
  return call(kontor, path, { key, ...options, headers: { ...TENANT, ...options.headers } });
}

async function shot(page, name) {
  if (process.env.KONTOR_PICTURES) {
    await page.screenshot({ path: join(process.env.KONTOR_PICTURES, `recharge-${name}.png`), fullPage: true });
  }
}

/** Opens where the newest link of that label leads to. */
async function openPage(chat, label) {
  const link = chat.page.locator("article.message.in button.inline-button").filter({ hasText: label });
  await until("the page has a link", async () => (await link.count()) > 0);
  await link.last().click();
  const url = normal(await chat.page.locator("dialog .dialog-detail").innerText());
  await chat.page.keyboard.press("Escape");
  const page = await (await browser.newContext({ locale: "en-US" })).newPage();
  await page.goto(url);
  return page;
}

/** Opens the chat, agrees to the first terms, and pays with that card. */
async function agree(person, card, { cap, ...options } = {}) {
  const chat = await Chat.open(browser, kontor, person, { bot: "demo_credits", ...options });
  await chat.start();
  await chat.sees(/consent|согласие/);
  await chat.press(/I agree|Даю согласие/);
  await chat.sees(/3 credits|3 кредита/);
  await chat.say("/billing");
  await chat.sees(/No card is kept|Карта не сохранена/);
  await chat.press(/Turn on auto-recharge|Включить автопополнение/);
  await chat.press(/30 credits — \$4\.99|30 кредитов — 4,99.\$/);
  await chat.sees(/may charge \$4\.99|может списать 4,99.\$/);
  if (cap) {
    await chat.press(cap);
    await chat.sees(/At most \$4\.99 in a calendar month/);
  }
  await shot(chat.page, `terms-${person}`);
  await chat.press(/and keep the card|и сохранить карту/);
  const page = await openPage(chat, /Pay by card|Оплатить картой/);
  await page.fill("input[name=number]", card);
  await page.keyboard.press("Enter");
  const bank = page.locator("form.bank button[value=yes]");
  if (card === "4000002500003155") await bank.click();
  await chat.sees(/Auto-recharge is on\. You agreed|Автопополнение включено\. Вы согласились/);
  await chat.sees(/You have 33 credits|у вас 33 кредита/);
  const { body } = await asStaff("/v1/payments?limit=1");
  const account = body.items[0].account_id;
  const opened = await asStaff("/v1/ledgers", { method: "POST", body: { account_id: account } });
  return { chat, account, ledger: opened.body.id, customer: await newestCustomer() };
}

async function spend({ ledger }, messages) {
  const spent = await asStaff(`/v1/ledgers/${ledger}/spends`, { method: "POST", body: { messages } });
  assert.equal(spent.status, 201, JSON.stringify(spent.body));
}

async function available({ ledger }, credits) {
  await until(`${credits} are there`, async () =>
    (await asStaff(`/v1/ledgers/${ledger}`)).body.available === credits);
}

async function billing({ account }) {
  return (await asStaff(`/v1/accounts/${account}/billing`)).body;
}

test("a kept card fills credits up once for each spell, up to the month's cap, until it is stopped", async () => {
  const anna = await agree(JOHN, "4242424242424242", {
    viewport: PHONE,
    colorScheme: "dark",
    cap: /^\$4\.99 a month$/,
  });
  const { chat } = anna;
  // Stripe charges and its answer is lost, twice over; the words of it come twice or not at all.
  await weather({ kind: "server_error_after_effect", method: "stripe.payment_intents.create", count: 1 });
  await weather({ kind: "duplicate_update", method: "stripe.*", count: 10 });
  await spend(anna, 29);
  await chat.sees(/Auto-recharge: \$4\.99 charged, \+30 credits\. You have 34 credits now/);
  await available(anna, 34);
  assert.equal(await charged(anna.customer), 2, "the purchase, and one charge");
  await shot(chat.page, "recharged");
  // One charge is what was agreed to for a month.
  await spend(anna, 30);
  await chat.sees(/has reached its \$4\.99 for this month/);
  await available(anna, 4);
  await shot(chat.page, "cap");
  await chat.say("/billing");
  await chat.sees(/This month: \$4\.99 of \$4\.99/);
  await shot(chat.page, "billing-dark-phone");
  await chat.press(/Turn off auto-recharge/);
  await chat.sees(/Auto-recharge is off\. Nothing more/);
  const shown = await billing(anna);
  assert.deepEqual([shown.auto_recharge, shown.ended, shown.charges.length], [null, "customer", 1]);
  await chat.press(/Remove the card/);
  await chat.sees(/The card is removed/);
  assert.equal((await billing(anna)).card, null);
  assert.equal(await charged(anna.customer), 2);
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});

test("when the bank wants its customer there is a link, and what is confirmed is there", async () => {
  const oleg = await agree(OLEG, "4000002500003155", { locale: "ru-RU" });
  const { chat } = oleg;
  await spend(oleg, 29);
  await chat.sees(/Банк хочет спросить вас|Your bank wants to ask you/);
  assert.equal(await charged(oleg.customer), 1);
  await shot(chat.page, "confirm");
  // More is spent meanwhile, and nothing else is charged.
  await spend(oleg, 1);
  const page = await openPage(chat, /Подтвердить и оплатить|Confirm and pay/);
  await page.fill("input[name=number]", "4000002500003155");
  await page.keyboard.press("Enter");
  await page.locator("form.bank button[value=yes]").click();
  await available(oleg, 33);
  await chat.sees(/Автопополнение: списано 4,99.\$|Auto-recharge: \$4\.99 charged/);
  assert.equal((await billing(oleg)).charges.length, 1);
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});

test("a card that is declined is left alone for an hour, and the staff can end it", async () => {
  const anna = await agree(ANNA, "4000000000000341", { colorScheme: "light" });
  const { chat } = anna;
  await spend(anna, 29);
  await chat.sees(/Auto-recharge did not go through|Автопополнение не прошло/);
  await shot(chat.page, "declined");
  await spend(anna, 1);
  await available(anna, 3);
  assert.equal((await billing(anna)).charges.length, 1);
  const disable = `/v1/accounts/${anna.account}/billing/auto-recharge/disable`;
  assert.equal((await asStaff(disable, { method: "POST" })).status, 200);
  await chat.sees(/was turned off by|выключает автопополнение/);
  assert.equal((await billing(anna)).ended, "staff");
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});
