// The months as accountants close them: look at what is open, give reasons, close, see what came late, and
// open again by two people; on a screen and on a phone.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { call, startBrowser, startKontor, test, until } from "./harness.mjs";

const TENANT = "months_shop";

let kontor;
let browser;
let page;
let other;
const problems = [];
const at = (path) => `${kontor.banner.api}/admin/periods${path}`;
const operator = () => readFileSync(kontor.banner.operator_key_file, "utf8").trim();

/** The months of Moscow: this one, and the one before. */
function months() {
  const [year, month] = new Intl.DateTimeFormat("en-CA", { timeZone: "Europe/Moscow", year: "numeric", month: "2-digit" })
    .format(new Date()).split("-").map(Number);
  const name = (number) => `${Math.floor(number / 12)}-${String((number % 12) + 1).padStart(2, "0")}`;
  return { now: name(year * 12 + month - 1), before: name(year * 12 + month - 2) };
}

/** Gives a command as the platform's admin. */
async function order(path, body, method = "POST") {
  const headers = { "X-Kontor-Tenant": TENANT, "Idempotency-Key": randomUUID() };
  const answer = await call(kontor, path, { key: operator(), method, body, headers });
  assert.equal([200, 201].includes(answer.status), true, JSON.stringify(answer.body));
  return answer;
}

/** Takes over a file of Stripe with one payment on a day, whose fee is booked in the ledger of the house. */
async function statement(day, fee) {
  const id = randomUUID().slice(0, 8);
  const rows = [
    "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC)",
    `txn_${id},charge,ch_${id},10.00,${fee},${(10 - Number(fee)).toFixed(2)},usd,${day} 10:00:00`,
  ];
  const answer = await fetch(`${kontor.banner.api}/v1/reconciliation/statements/stripe?file=stripe.csv`, {
    method: "POST", body: rows.join("\n"),
    headers: { "X-Auth-Key": operator(), "X-Kontor-Tenant": TENANT, "Content-Type": "application/octet-stream" },
  });
  assert.equal(answer.status, 200, await answer.text());
}

async function fees(sum) {
  await until(`fees of ${sum} are booked`, async () => {
    const rows = (await call(kontor, `/v1/books/accounts?tenant=${TENANT}`, { key: operator() })).body;
    const row = Array.isArray(rows) && rows.find((it) => it.account === "expenses:provider_fees");
    return row && row.balances.some((it) => it.balance === sum);
  });
}

function accountant(label) {
  const env = { ...process.env, KONTOR_DATA_DIR: `${kontor.dataDir}/data` };
  const words = ["key", "create", "--tenant", TENANT, "--role", "accountant", "--label", label];
  return execFileSync(process.env.KONTOR_BIN, words, { cwd: kontor.dataDir, env, encoding: "utf8" }).split("\n")[0];
}

async function enter(label) {
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 } });
  const opened = await context.newPage();
  opened.on("pageerror", (error) => problems.push(String(error)));
  await opened.goto(at(""));
  await opened.getByLabel("API key").fill(accountant(label));
  await opened.getByRole("button", { name: "Log in" }).click();
  await opened.waitForURL(/\/admin\/periods/);
  return opened;
}

before(async () => {
  kontor = await startKontor();
  await order("/v1/tenants", { id: TENANT, name: "Лавка", kind: "shop", time_zone: "Europe/Moscow" });
  await until("the tenant is there", async () => {
    const headers = { "X-Kontor-Tenant": TENANT };
    return (await call(kontor, `/v1/tenants/${TENANT}`, { key: operator(), headers })).status === 200;
  });
  await statement(`${months().before}-20`, "0.59");
  await fees("0.59");
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  const end = await kontor?.stop();
  if (end) assert.equal(end.code, 0, `kontor ends in order\n${kontor.log()}`);
});

async function sees(text, where = page) {
  await until(async () => `the page shows ${text}; it shows ${await where.locator("main").innerText()}`, async () =>
    (await where.locator("main").innerText()).includes(text),
  );
}

/** Keeps a picture where one is asked for, to be looked at. */
async function picture(name, where = page) {
  if (process.env.KONTOR_PICTURES) await where.screenshot({ path: `${process.env.KONTOR_PICTURES}/${name}.png`, fullPage: true });
}

test("a month that is over says what is open and is closed with reasons", async () => {
  page = await enter("Books, Анна");
  await sees(`${months().before} comes next. It is over and can be closed.`);
  await picture("periods-empty-desktop-light");
  await page.getByRole("link", { name: "Check and close" }).click();
  await sees("Accounts of money under way are not even at the end of the month: 1");
  await sees("0.59");
  await page.getByRole("button", { name: `Close ${months().before}` }).click();
  await sees("Choose why each of these may stay, or put it right first: differences open, clearing open");
  await picture("periods-open-desktop-light");
  for (const select of await page.locator("fieldset.finding select").all()) await select.selectOption("settles_later");
  await page.locator("fieldset.finding input:not([type=hidden])").first().fill("TICKET-17");
  await page.getByRole("button", { name: `Close ${months().before}` }).click();
  await sees("The month is closed. What is booked later counts in the next one.");
  await sees("the figures below have it");
  await sees("settles later TICKET-17");
  await picture("periods-closed-desktop-light");
});

test("the downloads carry the hash of the page", async () => {
  const hash = await page.locator("#hash").innerText();
  const fetched = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
    return readFileSync(await download.path());
  };
  assert.equal(createHash("sha256").update(await fetched("Text of the hash")).digest("hex"), hash);
  assert.equal((await fetched("Report as XLSX")).subarray(0, 2).toString(), "PK");
  assert.match((await fetched("Report as CSV")).toString("utf8"), new RegExp(hash));
});

test("what is booked later is a late entry of the next month and leaves the report as it was", async () => {
  await statement(`${months().before}-21`, "0.41");
  await fees("1.00");
  await page.goto(at(`/${months().before}`));
  await sees("Booked after the close");
  await sees("1.00 as known now");
  assert.equal(await page.locator("[data-late] tr").count(), 2);
  await picture("periods-late-desktop-light");
  await page.goto(at(`/${months().now}`));
  await sees("Late entries that count here");
  await sees("The month is not over before");
  await sees("0.41 late");
  const statementOf = `${kontor.banner.api}/admin/books/accounts/expenses:provider_fees`;
  await page.goto(statementOf);
  await sees(`late entry of ${months().before}, counts in ${months().now}`);
  await picture("periods-statement-desktop-light");
});

test("a month is opened again by two people", async () => {
  await page.goto(at(`/${months().before}`));
  await page.getByLabel("Why it is opened again").selectOption("statement_late");
  await page.getByRole("button", { name: "Ask to open it again" }).click();
  await sees("Somebody else must agree with a key of their own");
  assert.equal(await page.getByRole("button", { name: "Agree to open it again" }).count(), 0);
  other = await enter("Books, Борис");
  await other.goto(at(`/${months().before}`));
  await sees("asked to open it again: statement late", other);
  await other.getByLabel("Why it is opened again").selectOption("bookings_missing");
  await picture("periods-approve-desktop-light", other);
  await other.getByRole("button", { name: "Agree to open it again" }).click();
  await sees("The month is open again", other);
  for (const select of await other.locator("fieldset.finding select").all()) await select.selectOption("checked");
  await other.getByRole("button", { name: `Close ${months().before}` }).click();
  await sees("The month is closed", other);
  await sees("close 2", other);
  await other.goto(at(""));
  assert.equal(await other.locator("#months tr").count(), 2);
  await sees("reopened", other);
  await picture("periods-list-desktop-light", other);
});

test("the command line makes the same reports from the log", async () => {
  const env = { ...process.env, KONTOR_DATA_DIR: `${kontor.dataDir}/data` };
  const words = ["period", "verify", "--tenant", TENANT];
  const told = execFileSync(process.env.KONTOR_BIN, words, { cwd: kontor.dataDir, env, encoding: "utf8" });
  assert.match(told, /Closes that hold: 2 of 2/);
});

test("the pages are read on a phone and in the dark", async () => {
  for (const [path, name] of [["", "list"], [`/${months().before}`, "closed"], [`/${months().now}`, "open"]]) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.goto(at(path));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    assert.equal(wide, false, `${path} is wider than a phone`);
    await picture(`periods-${name}-phone-dark`);
    await page.emulateMedia({ colorScheme: "light" });
    await picture(`periods-${name}-phone-light`);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(`periods-${name}-desktop-dark`);
  }
  assert.deepEqual(problems, []);
});
