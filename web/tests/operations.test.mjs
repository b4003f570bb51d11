// The operations page as an operator uses it: log in, look, mend, ask why, leave.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before } from "node:test";
import { call, startBrowser, startKontor, test, until } from "./harness.mjs";

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
});

after(async () => {
  await browser?.close();
  const end = await kontor?.stop();
  if (end) assert.equal(end.code, 0, `kontor ends in order\n${kontor.log()}`);
});

const key = () => readFileSync(kontor.banner.operator_key_file, "utf8").trim();

async function sees(text) {
  await until(async () => `the page shows ${text}; it shows ${await page.locator("main").innerText()}`, async () =>
    (await page.locator("main").innerText()).includes(text),
  );
}

test("a wrong key is refused beside the field, the right one leads where one wanted to go", async () => {
  await page.goto(`${kontor.banner.api}/admin/operations/processes`);
  assert.match(page.url(), /\/login\?next=/);
  await page.getByLabel("API key").fill("kontor_wrong");
  await page.keyboard.press("Enter");
  await sees("This key is not known");
  assert.equal(await page.getByLabel("API key").getAttribute("aria-invalid"), "true");
  await page.getByLabel("API key").fill(key());
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/admin\/operations\/processes$/);
  await sees("follower.readings.v1");
  const cookies = await page.context().cookies();
  assert.equal(cookies.length, 1);
  assert.equal(cookies[0].httpOnly, true);
  assert.equal(cookies[0].sameSite, "Strict");
});

test("the overview shows engines, followers and charts, and stays live", async () => {
  await page.goto(`${kontor.banner.api}/admin/operations`);
  await sees("PostgreSQL");
  assert.equal(await page.locator("#followers tr").count() >= 5, true);
  await page.locator("[data-chart=throughput] canvas").waitFor({ timeout: 30_000 });
  const before = await page.locator("#as-of").innerText();
  const account = await call(kontor, "/v1/accounts", { method: "POST", body: { display_name: "Анна Ёлкина" } });
  assert.equal(account.status, 201);
  await until("the overview moves by itself", async () => (await page.locator("#as-of").innerText()) !== before);
  await page.locator(".chart summary").first().click();
  await page.locator("#table-throughput tbody tr").first().waitFor();
});

/** Puts a message into the queue of commands, past everything that would refuse to. */
async function publish(subject, payload) {
  const run = JSON.parse(readFileSync(join(kontor.dataDir, "data", "run.json"), "utf8"));
  const url = new URL(run.nats_servers[0]);
  const socket = connect(Number(url.port), url.hostname);
  const login = { verbose: false, lang: "test", version: "1", user: url.username, pass: decodeURIComponent(url.password) };
  socket.write(`CONNECT ${JSON.stringify(login)}\r\nPUB ${subject} ${Buffer.byteLength(payload)}\r\n${payload}\r\nPING\r\n`);
  await new Promise((resolve, reject) => {
    socket.once("error", reject);
    let said = "";
    socket.on("data", (data) => {
      said += data;
      if (said.includes("-ERR")) reject(new Error(said));
      if (said.includes("PONG")) resolve();
    });
  });
  socket.destroy();
}

/** Waits until so many letters are listed, by themselves or after a reload. */
async function listed(count) {
  await until(`${count} letters are listed`, async () => {
    if ((await page.locator("#letters tbody tr").count()) === count) return true;
    await page.reload();
    return false;
  });
}

test("a dead letter is looked at and tried again, another one is skipped", async () => {
  const letters = `${kontor.banner.api}/admin/operations/dead-letters`;
  await page.goto(letters);
  await sees("No dead letters");
  const account = await call(kontor, "/v1/accounts", { method: "POST", body: { display_name: "Анна" } });
  const now = new Date();
  // It came in under the address of another aggregate; sent again under its own, it is carried out.
  const stray = {
    command_id: randomUUID(), tenant: "demo_utility", aggregate: "account", id: account.body.id,
    command: { type: "rename", display_name: "Анна Ёлкина" }, actor: { kind: "operator", name: "test" },
    correlation_id: randomUUID(), issued_at: now.toISOString(), deadline: new Date(now.getTime() + 3_600_000).toISOString(),
  };
  await publish(`cmd.demo_utility.meter.${account.body.id}`, JSON.stringify(stray));
  // One after the other: they lie in different shards, which know no order between them.
  await listed(1);
  await publish(`cmd.demo_utility.meter.${randomUUID()}`, "<b>nonsense</b> ж");
  await listed(2);
  await until("the rail counts them", async () => (await page.locator(".badge").innerText()) === "2");

  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/dead-letters\/command/);
  await sees("addressed to another aggregate");
  assert.equal((await page.locator("main").innerText()).includes("Ёлкина"), false, "what belongs to people is covered");
  await page.getByRole("button", { name: "Try again" }).click();
  await sees("Sent again and accepted.");
  const renamed = await call(kontor, `/v1/accounts/${account.body.id}?min_position=1`);
  assert.equal(renamed.status, 200);

  await page.locator("#letters a").first().click();
  await sees("the message is not a command envelope");
  await page.locator("summary", { hasText: "Skip" }).focus();
  await page.keyboard.press("Enter");
  await sees("This cannot be undone");
  await page.getByRole("button", { name: "Skip it for good" }).click();
  await sees("No dead letters");
  await page.goto(`${kontor.banner.api}/admin/operations/actions`);
  await sees("dead letter retry");
  await sees("dead letter skip");
});

test("why is this so: from a search by keyboard to the change", async () => {
  const account = await call(kontor, "/v1/accounts", { method: "POST", body: { display_name: "Иван Б" } });
  const id = account.body.id;
  await call(kontor, `/v1/accounts/${id}`, { method: "PATCH", body: { display_name: "Иван Бунин" } });
  await page.goto(`${kontor.banner.api}/admin/operations`);
  await page.keyboard.press("/");
  await page.keyboard.type(id);
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(id));
  await sees("account.renamed");
  assert.equal((await page.locator("main").innerText()).includes("Бунин"), false);
  await page.getByRole("button", { name: "Show personal data" }).click();
  await sees("Иван Бунин");
  await sees("noted in the journal");
  await page.goto(`${kontor.banner.api}/admin/operations/actions`);
  await sees("personal data shown");
});

test("on a phone the page fits, and the rail is at the bottom", async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, storageState: await page.context().storageState() });
  const phone = await context.newPage();
  for (const path of ["", "/processes", "/dead-letters", "/webhooks", "/why", "/actions"]) {
    await phone.goto(`${kontor.banner.api}/admin/operations${path}`);
    const width = await phone.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width <= 390, true, `${path} is ${width} px wide`);
    const rail = await phone.locator(".rail").boundingBox();
    assert.equal(rail.y > 700, true, `the rail of ${path} is at ${rail.y}`);
  }
  for (const width of [390, 360]) {
    await phone.setViewportSize({ width, height: 844 });
    const rails = await phone.locator(".rail a:visible").evaluateAll((links) => links.map((link) => link.getBoundingClientRect()).map(({ left, right }) => [left, right]));
    assert.equal(rails.every(([left, right]) => left >= 0 && right <= width), true, `at ${width} px: ${JSON.stringify(rails)}`);
    assert.equal(rails.every(([left], place) => place === 0 || left >= rails[place - 1][1] - 1), true, `no label lies on another: ${JSON.stringify(rails)}`);
  }
  await context.close();
});

test("whoever logs out is out", async () => {
  await page.goto(`${kontor.banner.api}/admin/operations`);
  await page.locator("details.person summary").click();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login$/);
  await page.goto(`${kontor.banner.api}/admin/operations`);
  assert.match(page.url(), /\/login/);
  assert.deepEqual(problems, []);
});
