// The main job, as its people do it: a customer in the chat page, a program on the HTTP API, an
// integrator on NATS, an operator on the status page.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { call, Chat, startBrowser, startKontor, subscribe, test, until } from "./harness.mjs";

const ANNA = 1001;
const JOHN = 1002;
const OLEG = 1003;

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

test("a customer registers, adds a meter, submits readings and sees the history", async () => {
  const events = await subscribe(kontor, "evt.*.meter.reading_submitted");
  const chat = await Chat.open(browser, kontor, JOHN);

  await chat.start();
  await chat.expect("To begin, we need your consent");
  await chat.sees("Hello, John!");
  await chat.press("I agree");
  await chat.expect("Shall we add your first meter?");
  await addMeter(chat, { zones: "Two: day and night", serial: "A-1", initial: ["1000", "500"] });

  // Step by step, with a mistake on the way.
  await chat.press("Submit a reading");
  await chat.expect("What is it now?");
  await chat.say("1100,1234");
  await chat.expect("up to three digits after the point");
  await chat.say("1100.5");
  await chat.expect("T2: at the beginning");
  await chat.say("550");
  await chat.expect("Shall I send it?");
  await chat.press("Send");
  await chat.expect("Reading accepted: T1 1,100.5 · T2 550.0");

  // In one line.
  await chat.say("T1 1150 T2 567");
  await chat.expect("Reading accepted: T1 1,150.0 · T2 567.0");

  // Lower than the last one.
  await chat.say("T1 150 T2 568");
  await chat.expect("Last time it was 1,150.0, now 150.0");

  await chat.press("History");
  await chat.sees("reading T1 1,150.0 · T2 567.0");

  const message = await until("the event is on NATS", () => events.messages.at(1));
  assert.equal(message.subject, "evt.demo_utility.meter.reading_submitted");
  const event = JSON.parse(message.payload);
  assert.equal(event.specversion, "1.0");
  assert.equal(event.type, "meter.reading_submitted");
  assert.deepEqual(event.data.values_milli, { t1: 1_150_000, t2: 567_000 });

  const readings = await call(kontor, `/v1/meters/${event.subject}/readings`);
  assert.equal(readings.status, 200);
  assert.equal(readings.body.items.length, 2);
  assert.deepEqual(chat.problems, []);
  events.close();
  await chat.page.context().close();
});

test("a customer of a year confirms an unusual value, corrects it and sees the chart", async () => {
  const chat = await Chat.open(browser, kontor, ANNA);
  await chat.start();
  await chat.expect("С возвращением!");
  await chat.say("Т1 9999 Т2 2900");
  await chat.expect(/больше обычного|обычного.*вместо/);
  await chat.press("Да, верно");
  await chat.expect("Показания приняты: Т1 9 999,0 · Т2 2 900,0");

  // Every update twice from here, as Telegram may deliver it: one correction, not two.
  const fault = await fetch(new URL("/sandbox/faults", kontor.banner.chat), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ kind: "duplicate_update", count: 50 }),
  });
  assert.ok(fault.ok, `the fault is set: ${fault.status}`);
  await chat.press("Исправить");
  await chat.sees("сейчас записано");
  await chat.say("5620");
  await chat.say("2850");
  await chat.expect("Отправляем?");
  await chat.press("Отправить");
  await chat.expect("Исправлено: Т1 5 620,0 · Т2 2 850,0");
  const meters = await call(kontor, "/v1/meters");
  const meter = meters.body.items.find((one) => one.serial_number === "Э-204117");
  const readings = await call(kontor, `/v1/meters/${meter.id}/readings`);
  assert.equal(readings.body.items.length, 13);
  assert.equal(readings.body.items[0].corrections, 1);
  await fetch(new URL("/sandbox/faults", kontor.banner.chat), { method: "DELETE" });

  await chat.press("История");
  await chat.press("Электричество");
  await until("a chart is there", async () => (await chat.page.locator("article.message.in img").count()) > 0);
  await chat.sees(/ноябрь|декабрь|январь|февраль|март|апрель|май|июнь|июль|август|сентябрь|октябрь/);
  await chat.sees("исправлено");
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});

test("a photo with a caption is a reading", async () => {
  const chat = await Chat.open(browser, kontor, OLEG, { viewport: { width: 390, height: 844 }, hasTouch: true });
  await chat.start();
  await chat.expect("согласие");
  await chat.press("Даю согласие");
  await chat.expect("Добавим ваш первый счётчик?");
  await chat.press("Добавить счётчик");
  await chat.expect("Что считает счётчик?");
  await chat.press(/Холодная вода/);
  await chat.expect("Сколько цифр до запятой?");
  await chat.press("5");
  await chat.expect("Напишите номер счётчика");
  await chat.say("ХВ-77");
  await chat.expect("Где стоит счётчик?");
  await chat.press("Пропустить");
  await chat.expect("поверка");
  await chat.press("Пропустить");
  await chat.expect("показывает сейчас");
  await chat.say("12,5");
  await chat.expect("Проверьте");
  await chat.press("Всё верно, добавить");
  await chat.expect(/Счётчик добавлен|передавать показания/);

  const picture = await chat.page.screenshot();
  await chat.page.locator("input[type=file]").setInputFiles({ name: "meter.png", mimeType: "image/png", buffer: picture });
  const dialog = chat.page.locator("dialog");
  await dialog.waitFor();
  await dialog.locator("textarea, input[type=text]").first().fill("15,25");
  await dialog.getByRole("button").last().click();
  await chat.expect("Показания приняты: 15,25");
  const stored = await until("the reading is in the read model", async () => {
    const meters = await call(kontor, "/v1/meters");
    const meter = meters.body.items.find((one) => one.serial_number === "ХВ-77");
    const readings = await call(kontor, `/v1/meters/${meter.id}/readings`);
    return readings.body.items[0];
  });
  assert.deepEqual(stored.values, { t1: "15.25" });
  assert.equal(stored.photo.kind, "telegram");
  assert.deepEqual(chat.problems, []);
  await chat.page.context().close();
});

test("a program does the same through HTTP, and a repeat changes nothing", async () => {
  const key = { "Idempotency-Key": "e2e-account-1" };
  const account = await call(kontor, "/v1/accounts", { method: "POST", headers: key, body: { display_name: "Мария Кюри", language: "ru" } });
  assert.equal(account.status, 201, JSON.stringify(account.body));
  const again = await call(kontor, "/v1/accounts", { method: "POST", headers: key, body: { display_name: "Мария Кюри", language: "ru" } });
  assert.equal(again.body.id, account.body.id);
  assert.equal(again.headers.get("idempotent-replay"), "true");

  const meter = await call(kontor, "/v1/meters", {
    method: "POST",
    body: { account_id: account.body.id, kind: "gas", zones: 1, digits: 5, serial_number: "G-1" },
  });
  assert.equal(meter.status, 201, JSON.stringify(meter.body));
  const path = `/v1/meters/${meter.body.id}/readings`;
  const reading = await call(kontor, path, { method: "POST", body: { values: { t1: "10.5" } } });
  assert.equal(reading.status, 201, JSON.stringify(reading.body));
  const below = await call(kontor, path, { method: "POST", body: { values: { t1: "9" } } });
  assert.equal(below.status, 422);
  assert.equal(below.headers.get("content-type"), "application/problem+json");
  assert.match(below.body.type, /reading_below_last$/);

  const history = await call(kontor, `${path}?min_position=${reading.body.position}`);
  assert.equal(history.status, 200);
  assert.deepEqual(history.body.items[0].values, { t1: "10.5" });
  const status = await call(kontor, `/v1/commands/${reading.body.command_id}`);
  assert.equal(status.body.outcome ?? status.body.status, "accepted");
  const stranger = await call(kontor, path, { key: "kontor_wrong_key" });
  assert.equal(stranger.status, 401);
});

test("the status page and the API's documents work without a network", async () => {
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  const outside = [];
  page.on("request", (request) => {
    if (!/^(http:\/\/127\.0\.0\.1|data:|blob:)/.test(request.url())) outside.push(request.url());
  });
  await page.goto(kontor.banner.status);
  await page.getByText("PostgreSQL").first().waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(wide, false, "the status page fits a phone");
  await page.goto(kontor.banner.docs);
  await page.getByText("/v1/meters/{id}/readings").first().waitFor();
  assert.deepEqual(outside, []);
  await page.close();
});

test("a second start finds the data again", async () => {
  const before = await call(kontor, "/v1/meters");
  const end = await kontor.stop({ keepData: true });
  assert.equal(end.code, 0, kontor.log());
  kontor = await startKontor({ dataDir: kontor.dataDir });
  const later = await call(kontor, "/v1/meters");
  assert.deepEqual(later.body, before.body);
  const chat = await Chat.open(browser, kontor, JOHN);
  await until("the chat's messages are there again", async () => (await chat.page.locator("article.message").count()) > 5);
  await chat.say("T1 1200 T2 600");
  await chat.expect("Reading accepted: T1 1,200.0 · T2 600.0");
  await chat.page.context().close();
});

async function addMeter(chat, { zones, serial, initial }) {
  await chat.press("Add a meter");
  await chat.expect("What does the meter count?");
  await chat.press(/Electricity/);
  await chat.expect("How many tariff zones");
  await chat.press(zones);
  await chat.expect("How many digits");
  await chat.press("6");
  await chat.expect("Type the number of the meter");
  await chat.say(serial);
  await chat.expect("Where is the meter?");
  await chat.say("hall");
  await chat.expect("verification");
  await chat.press("Skip");
  for (const value of initial) {
    await chat.expect("What does the meter show now");
    await chat.say(value);
  }
  await chat.expect("Please check");
  await chat.press("All right, add it");
  await chat.expect("The meter is added");
}
