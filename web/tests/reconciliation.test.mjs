// The reconciliation as two accountants do it: a file in, a broken one named, a difference given up by two,
// the bookings that follow, the same file on the command line; on a screen and on a phone.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before } from "node:test";
import { call, startBrowser, startKontor, test, until } from "./harness.mjs";

const TENANT = "recon_shop";
const STARS = `id,date,amount,kind
stx_1,2026-11-20 10:00:00,250,charge
stx_2,2026-11-21 10:00:00,500,charge
w_1,2026-11-22 10:00:00,600,payout
`;

let kontor;
let browser;
let anna;
let boris;
const problems = [];
const at = (path) => `${kontor.banner.api}/admin/reconciliation${path}`;
const operator = () => readFileSync(kontor.banner.operator_key_file, "utf8").trim();
const ask = (path) => call(kontor, `${path}?tenant=${TENANT}`, { key: operator() });

function program(words) {
  const env = { ...process.env, KONTOR_DATA_DIR: `${kontor.dataDir}/data` };
  return execFileSync(process.env.KONTOR_BIN, words, { cwd: kontor.dataDir, env, encoding: "utf8" });
}

/** The page of an accountant who has logged in. */
async function accountant(label) {
  const words = ["key", "create", "--tenant", TENANT, "--role", "accountant", "--label", label];
  const key = program(words).split("\n")[0];
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4/.test(message.text())) problems.push(message.text());
  });
  await page.goto(at(""));
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/admin\/reconciliation$/);
  return page;
}

before(async () => {
  kontor = await startKontor();
  const headers = { "Idempotency-Key": randomUUID(), "X-Kontor-Tenant": TENANT };
  const body = { id: TENANT, name: "Лавка", kind: "shop", time_zone: "Europe/Moscow" };
  const made = await call(kontor, "/v1/tenants", { key: operator(), method: "POST", body, headers });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await until("the tenant is there", async () => (await ask(`/v1/tenants/${TENANT}`)).status === 200);
  browser = await startBrowser();
  anna = await accountant("Books, Анна");
  boris = await accountant("Books, Борис");
});

after(async () => {
  await browser?.close();
  const end = await kontor?.stop();
  if (end) assert.equal(end.code, 0, `kontor ends in order\n${kontor.log()}`);
});

async function sees(page, text) {
  await until(async () => `the page shows ${text}; it shows ${await page.locator("main").innerText()}`, async () =>
    (await page.locator("main").innerText()).includes(text),
  );
}

async function picture(page, name) {
  if (process.env.KONTOR_PICTURES) await page.screenshot({ path: `${process.env.KONTOR_PICTURES}/${name}.png`, fullPage: true });
}

async function send(page, text) {
  await page.goto(at(""));
  await page.getByLabel("Whose file").selectOption("telegram_stars");
  await page.locator("#file").setInputFiles({ name: "звёзды.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
  await page.getByRole("button", { name: "Take the file" }).click();
}

test("a broken line is named, a whole file is taken once", async () => {
  await send(anna, STARS.replace("500", "5.5"));
  await sees(anna, "line 3, column `amount`: `5.5` is no amount in XTR");
  await sees(anna, "Nothing of that kind");
  await picture(anna, "recon-refused-desktop-light");
  await send(anna, STARS);
  await sees(anna, "The file was taken");
  assert.equal(await anna.locator("#lines tr").count(), 2);
  await send(anna, STARS);
  await sees(anna, "Nothing new");
  assert.equal(await anna.locator("#lines tr").count(), 2);
  await picture(anna, "recon-desktop-light");
});

test("the payout is booked by itself, and the command line knows the file", async () => {
  await send(anna, `${STARS}w_2,2026-11-23 10:00:00,100,payout\n`);
  await until("the payout is booked", async () => {
    const { body } = await ask("/v1/reconciliation");
    const transit = body.accounts.find((row) => row.account === "assets:in_transit");
    return transit?.balance === "700";
  });
  const file = `${kontor.dataDir}/stars.csv`;
  writeFileSync(file, STARS);
  const words = ["reconcile", "import", file, "--source", "telegram_stars", "--tenant", TENANT];
  assert.match(program(words), /Nothing new: all 3 lines/);
  writeFileSync(file, STARS.replace("charge", "gift"));
  assert.throws(() => program(words), /line 2, column `kind`: it is one of charge, refund, payout/);
  assert.match(program(["reconcile", "report", "--tenant", TENANT]), /telegram_stars +XTR +0 +0 +2 +750 +0 +2/);
});

test("a difference is given up by two, and booked", async () => {
  await anna.goto(at(""));
  await anna.locator("#lines a").first().click();
  await sees(anna, "nobody yet");
  await anna.getByRole("button", { name: "Explain and close" }).click();
  await sees(anna, "Choose why there is a difference");
  await picture(anna, "recon-difference-desktop-light");
  await anna.getByLabel("Where more is written (may be empty)").fill("TICKET-17");
  await anna.getByRole("button", { name: "Propose to write off" }).click();
  await sees(anna, "Somebody else must agree");
  assert.equal(await anna.getByRole("button", { name: "Agree to write off" }).count(), 0);
  await boris.goto(anna.url());
  await boris.getByRole("button", { name: "Agree to write off" }).click();
  await sees(boris, "Given up, booked and closed");
  await until("the write-off is booked", async () => {
    const { body } = await ask("/v1/reconciliation");
    return body.accounts.some((row) => row.account === "expenses:differences" && row.balance === "-500");
  });
  const even = await ask("/v1/books/trial-balance");
  for (const sum of even.body.sums) assert.equal(sum.debits, sum.credits);
  await boris.goto(at(""));
  assert.equal(await boris.locator("#lines tr").count(), 1);
  const [download] = await Promise.all([boris.waitForEvent("download"), boris.getByRole("link", { name: "Export CSV" }).click()]);
  assert.match(readFileSync(await download.path(), "utf8"), /missing_with_us,open,\d+,telegram_stars,false,charge,stx_1/);
});

test("on a phone nothing has to be pushed aside, in the dark as well; rows are walked by keyboard", async () => {
  const difference = anna.url();
  await anna.setViewportSize({ width: 390, height: 844 });
  for (const scheme of ["light", "dark"]) {
    await anna.emulateMedia({ colorScheme: scheme });
    for (const [name, path] of [["overview", at("")], ["days", at("/days")], ["difference", difference]]) {
      await anna.goto(path);
      await sees(anna, "XTR");
      const wide = await anna.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide <= 0, true, `${name} is ${wide} px too wide`);
      await picture(anna, `recon-${name}-phone-${scheme}`);
    }
  }
  await anna.setViewportSize({ width: 1280, height: 900 });
  await anna.goto(at(""));
  await picture(anna, "recon-desktop-dark");
  await anna.keyboard.press("ArrowDown");
  await anna.keyboard.press("Enter");
  await anna.waitForURL(/\/admin\/reconciliation\/differences\//);
  assert.deepEqual(problems, []);
});
