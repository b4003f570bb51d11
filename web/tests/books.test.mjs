// The books as an accountant reads them: log in, choose the instants, from an account to its lines, from a
// line to the booking and what led to it, on a screen and on a phone.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { call, startBrowser, startKontor, test, until } from "./harness.mjs";

const TENANT = "books_shop";

let kontor;
let browser;
let page;
let ledger;
const problems = [];
const at = (path) => `${kontor.banner.api}/admin/books${path}`;
const operator = () => readFileSync(kontor.banner.operator_key_file, "utf8").trim();

/** Gives a command as the platform's admin, and waits for its effect where one follows. */
async function order(path, body, method = "POST") {
  const headers = { "X-Kontor-Tenant": TENANT, "Idempotency-Key": randomUUID() };
  const answer = await call(kontor, path, { key: operator(), method, body, headers });
  assert.equal([200, 201].includes(answer.status), true, JSON.stringify(answer.body));
  return answer;
}

before(async () => {
  kontor = await startKontor();
  await order("/v1/tenants", { id: TENANT, name: "Лавка", kind: "shop", time_zone: "Europe/Moscow" });
  await until("the tenant is there", async () => {
    const headers = { "X-Kontor-Tenant": TENANT };
    return (await call(kontor, `/v1/tenants/${TENANT}`, { key: operator(), headers })).status === 200;
  });
  await order(`/v1/tenants/${TENANT}`, { credit_rules: { enabled: true, low_credits: 0 } }, "PATCH");
  const account = await order("/v1/accounts", { display_name: "Анна" });
  ledger = (await order("/v1/ledgers", { account_id: account.body.id })).body.id;
  const price = { amount_minor: 12_345_600, currency: "RUB" };
  await order(`/v1/ledgers/${ledger}/grants`, {
    source: "purchase", credits: 25, payment: { payment_id: randomUUID(), provider: "manual", price },
  });
  const last = await order(`/v1/ledgers/${ledger}/spends`, { messages: 4 });
  const position = last.headers.get("kontor-position");
  const seen = await call(kontor, `/v1/books/accounts?tenant=${TENANT}&min_position=${position}`, { key: operator() });
  assert.equal(seen.status, 200);

  browser = await startBrowser();
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4/.test(message.text())) problems.push(message.text());
  });
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

/** Keeps a picture where one is asked for, to be looked at. */
async function picture(name) {
  if (process.env.KONTOR_PICTURES) await page.screenshot({ path: `${process.env.KONTOR_PICTURES}/${name}.png`, fullPage: true });
}

test("a key that was made for an accountant leads to the books", async () => {
  const env = { ...process.env, KONTOR_DATA_DIR: `${kontor.dataDir}/data` };
  const words = ["key", "create", "--tenant", TENANT, "--role", "accountant", "--label", "Books, Анна"];
  const key = execFileSync(process.env.KONTOR_BIN, words, { cwd: kontor.dataDir, env, encoding: "utf8" }).split("\n")[0];
  await page.goto(`${kontor.banner.api}/admin`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/admin\/books$/);
  await sees("debits and credits are even");
  await sees("123\u00a0456.00");
  await picture("trial-desktop-light");
  await page.goto(`${kontor.banner.api}/admin/operations`);
  await sees("this page is for operators");
  await page.getByRole("link", { name: "Back to the overview" }).click();
  await page.waitForURL(/\/admin\/books$/);
});

test("the two instants are chosen by day", async () => {
  await page.getByLabel("Balance before (empty: all)").fill("2020-01-01");
  await page.getByRole("button", { name: "Show" }).click();
  await sees("Nothing was booked before then");
  await page.getByLabel("Balance before (empty: all)").fill("2099-01-01");
  await page.getByLabel("As known before (empty: now)").fill("2098-12-31");
  await page.getByRole("button", { name: "Show" }).click();
  await sees("What holds from before 2099-01-01, as known before 2098-12-31");
  assert.equal(await page.getByLabel("Balance before (empty: all)").inputValue(), "2099-01-01");
});

test("an account leads to its lines, a line to its booking and the cause", async () => {
  await page.getByRole("link", { name: "equity:consumed" }).click();
  await sees("As known before 2098-12-31");
  assert.equal(await page.getByLabel("To, included").inputValue(), "2098-12-31");
  assert.equal(await page.locator("#lines tr").count(), 1);
  await picture("statement-desktop-light");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export CSV" }).click()]);
  const table = readFileSync(await download.path(), "utf8");
  assert.equal(download.suggestedFilename(), "statement.csv");
  assert.match(table, /closing,,equity:consumed,CR,,-4,/);
  await page.getByRole("link", { name: "spent" }).click();
  await sees("What led to it");
  await sees("api_key:");
  assert.equal(await page.locator("#lines tr").count() >= 4, true);
  await picture("booking-desktop-light");
  await page.getByRole("link", { name: /^Ledger / }).click();
  await sees("assets:clearing:manual");
  assert.equal(page.url().includes(ledger), true);
});

test("on a phone nothing has to be pushed aside, in the dark as well", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [name, path] of [["trial", ""], ["ledger", `/ledgers/${ledger}`], ["account", "/accounts/equity:consumed"]]) {
      await page.goto(at(path));
      await sees("CR");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide <= 0, true, `${name} is ${wide} px too wide`);
      await picture(`${name}-phone-${scheme}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(at(""));
  await picture("trial-desktop-dark");
});

test("rows are walked by keyboard, and logging out ends it", async () => {
  await page.goto(at(""));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/admin\/books\/accounts\//);
  await page.locator("details.person summary").click();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login$/);
  await page.goto(at(""));
  assert.match(page.url(), /\/login\?next=/);
  assert.deepEqual(problems, []);
});
