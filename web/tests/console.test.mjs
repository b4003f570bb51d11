// The operations pages as they keep themselves up to date: live, when they may not be, and when they end;
// filters and exports; who runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { ANSWER_MS, call, startBrowser, startKontor, test, until } from "./harness.mjs";

let kontor;
let browser;
let page;
const problems = [];
const at = (path) => `${kontor.banner.api}/admin/operations${path}`;

before(async () => {
  kontor = await startKontor({ env: { KONTOR_WEBHOOK_LOOPBACK: "on" } });
  browser = await startBrowser();
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`${kontor.banner.api}/login`);
  await page.getByLabel("API key").fill(readFileSync(kontor.banner.operator_key_file, "utf8").trim());
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/admin\/operations$/);
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

/** Counts what the page asks for by itself at its own address. */
function askedFor(path) {
  const asked = { stream: 0, page: 0 };
  const count = (request) => {
    if (new URL(request.url()).pathname !== new URL(at(path)).pathname || request.isNavigationRequest()) return;
    asked[request.resourceType() === "eventsource" ? "stream" : "page"] += 1;
  };
  page.on("request", count);
  return { asked, stop: () => page.off("request", count) };
}

test("a page is told what changes and does not ask", async () => {
  const { asked, stop } = askedFor("");
  await page.goto(at(""));
  const before = await page.locator("#as-of").innerText();
  const account = await call(kontor, "/v1/accounts", { method: "POST", body: { display_name: "Анна Ёлкина" } });
  assert.equal(account.status, 201);
  await until("the overview moves by itself", async () => (await page.locator("#as-of").innerText()) !== before);
  const first = await page.locator("#as-of").innerText();
  await until("and again", async () => (await page.locator("#as-of").innerText()) !== first);
  stop();
  assert.deepEqual(asked, { stream: 1, page: 0 });
});

test("the charts are told what changes, and nothing is asked for them", async () => {
  const asked = [];
  const count = (request) => asked.push(new URL(request.url()).pathname);
  await page.goto(at(""));
  await page.locator("[data-chart=throughput] canvas").waitFor({ timeout: 30_000 });
  const options = () => page.locator("#figures").getAttribute("data-options");
  const before = await options();
  page.on("request", count);
  await until("new points come by themselves", async () => (await options()) !== before);
  page.off("request", count);
  // A stream that ended is asked for again by the browser.
  assert.deepEqual(asked.filter((path) => path !== "/admin/operations"), []);
});

test("a webhook says how it is, is paused and goes on", async () => {
  const { createServer } = await import("node:http");
  const { execFile } = await import("node:child_process");
  let status = 503;
  const hook = createServer((request, response) => { request.resume(); response.writeHead(status).end(); });
  await new Promise((resolve) => hook.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${hook.address().port}/secret-path?token=secret`;
  await new Promise((resolve, reject) => {
    execFile(process.env.KONTOR_BIN, ["integrator", "add", "billing", "--webhook", url], {
      cwd: kontor.dataDir, env: { ...process.env, KONTOR_DATA_DIR: `${kontor.dataDir}/data`, KONTOR_WEBHOOK_LOOPBACK: "on" },
    }, (error, _, stderr) => (error ? reject(new Error(stderr)) : resolve()));
  });
  await page.goto(at("/webhooks"));
  const row = page.locator("#webhooks tr", { hasText: "billing" });
  await until("it delivers", async () => (await row.innerText()).includes("delivering"));
  assert.equal((await page.content()).includes("secret"), false, "only the host is shown");
  await call(kontor, "/v1/accounts", { method: "POST", body: { display_name: "Анна" } });
  await until("it fails", async () => (await row.innerText()).includes("503"));
  assert.match(await row.innerText(), /failing|down/);
  assert.match(await row.innerText(), /in \d+ s|in \d+ min|now/);

  await row.getByRole("link", { name: "billing" }).click();
  await sees("answered 503");
  await page.locator("summary", { hasText: "Pause" }).click();
  await page.getByRole("button", { name: "Pause the calls" }).click();
  await sees("Everything waits");
  await until("it is paused", async () => (await page.locator("#webhook-facts").innerText()).includes("paused"));
  status = 204;
  await page.getByRole("button", { name: "Resume" }).click();
  await sees("called again within a second");
  await until("what waited has come", async () => /delivering[\s\S]*Waiting\s+0/.test(await page.locator("#webhook-facts").innerText()));
  await sees("answered 204");
  await page.goto(at("/actions?type=webhook_enable"));
  await sees("billing");
  hook.close();
});

test("where no stream can be had, the page asks by itself", async () => {
  await page.route("**/admin/operations/processes", (route) =>
    route.request().resourceType() === "eventsource" ? route.fulfill({ status: 503 }) : route.fallback(),
  );
  const { asked, stop } = askedFor("/processes");
  await page.goto(at("/processes"));
  await until("the page asks twice", () => asked.page >= 2);
  assert.equal(await page.locator(".lost").isVisible(), false);
  await page.unroute("**/admin/operations/processes");
  stop();
});

test("the processes say who they are and what they do", async () => {
  await page.goto(at("/processes"));
  const row = page.locator("#processes tr").first();
  await until("it has its shards", async () => (await row.innerText()).includes("8 of 8 shards"));
  const text = await row.innerText();
  for (const part of ["alive", "followers", "bots"]) assert.equal(text.includes(part), true, text);
  await page.goto(at(""));
  const follower = page.locator("#followers tr", { hasText: "readings" }).first();
  assert.match(await follower.innerText(), /live|catching up/);
  assert.equal((await follower.innerText()).includes("nobody"), false);
});

test("a generation that is built and one that is paused are told apart", async () => {
  const { execFile } = await import("node:child_process");
  const order = (...words) => new Promise((resolve, reject) => {
    execFile(process.env.KONTOR_BIN, words, { cwd: kontor.dataDir, timeout: ANSWER_MS, env: { ...process.env, KONTOR_DATA_DIR: `${kontor.dataDir}/data` } },
      (error, _, stderr) => (error ? reject(new Error(stderr)) : resolve()));
  });
  await page.goto(at(""));
  await order("projection", "rebuild", "readings", "--segments", "2", "--no-promote", "--no-wait");
  await sees("building, ");
  await order("projection", "pause", "readings", "--generation", "2");
  await sees("paused");
  await until("all is well all the same", async () => (await page.locator("#live-dot").innerText()) === "All well");
  const row = page.locator("#followers tr", { hasText: "paused" });
  await until("its parts have their owners", async () => /: 0/.test(await row.innerText()));
});

test("the journal is narrowed, a link keeps the filter, and the table is the same", async () => {
  await page.goto(at("/actions"));
  await page.locator(".filter summary").click();
  await page.getByLabel("What", { exact: true }).selectOption("log_in");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.waitForURL(/type=log_in/);
  await sees("log in");
  const chip = page.locator(".chip").first();
  assert.match(await chip.innerText(), /What: log_in/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export CSV" }).click()]);
  const table = readFileSync(await download.path(), "utf8");
  assert.equal(download.suggestedFilename(), "journal.csv");
  assert.equal(table.startsWith("\ufeffid,at,what"), true, table);
  assert.equal(table.trim().split("\r\n").length, 1 + (await page.locator("#entries tr").count()));
  await chip.click();
  assert.equal(await page.locator(".chip").count(), 0);
  await page.goto(at("/dead-letters?from=soon"));
  await page.getByText("give an instant").waitFor();
});

test("the events of an account are narrowed by type", async () => {
  const account = await call(kontor, "/v1/accounts", { method: "POST", body: { display_name: "=Иван" } });
  await call(kontor, `/v1/accounts/${account.body.id}`, { method: "PATCH", body: { display_name: "Иван Б" } });
  await page.goto(at(`/streams/${account.body.id}?type=account.renamed`));
  assert.equal(await page.locator(".event").count(), 1);
  await sees("State at version 2");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export CSV" }).click()]);
  const table = readFileSync(await download.path(), "utf8");
  assert.equal(table.includes("account.renamed") && !table.includes("account.registered"), true, table);
  assert.equal(table.includes("Иван"), false, table);
});

test("a page ends with its session, wherever it was ended", async () => {
  await page.goto(at("/why"));
  const other = await page.context().newPage();
  await other.goto(at(""));
  await other.locator("details.person summary").click();
  await other.getByRole("button", { name: "Log out" }).click();
  // Not closed while it is on its way to the login: that has hung.
  await other.waitForURL(/\/login/);
  await other.close();
  await page.waitForURL(/\/login\?next=/, { timeout: 30_000 });
  assert.deepEqual(problems, []);
});
