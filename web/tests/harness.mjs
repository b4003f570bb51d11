// Runs the real program with data of its own on free ports, and a browser beside it.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test as nodeTest } from "node:test";
import { chromium } from "playwright-core";

/** A cold start on a busy machine with two cores: initdb alone can take seconds. */
const START_MS = 120_000;
/** `kontor up` promises 10 s; the machine may be busy. */
const STOP_MS = 30_000;

/** The longest test takes half a minute; one that takes so long hangs, and is named instead of its file. */
const TEST_MS = 180_000;
/** A browser that does not end by then is killed. */
const CLOSE_MS = 15_000;
/** Every answer of a program on this machine comes within it. */
export const ANSWER_MS = 60_000;

/** A test that ends: `--test-timeout` alone bounds the file, and does not say which of its tests it was. */
export function test(name, body) {
  return nodeTest(name, { timeout: TEST_MS }, body);
}

/** Starts `kontor up`; the folder is kept across starts when it is given. */
export async function startKontor({ dataDir = mkdtempSync(join(tmpdir(), "kontor-e2e-")), env = {} } = {}) {
  const binary = process.env.KONTOR_BIN;
  if (!binary) throw new Error("KONTOR_BIN must name the program; run `make e2e`");
  const child = spawn(binary, ["up", "--json"], {
    cwd: dataDir,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "KONTOR_BIN")),
      KONTOR_DATA_DIR: join(dataDir, "data"),
      KONTOR_HTTP_ADDRESS: "127.0.0.1:0",
      KONTOR_SANDBOX_ADDRESS: "127.0.0.1:0",
      KONTOR_POSTGRES_PORT: "0",
      KONTOR_NATS_PORT: "0",
      KONTOR_LOG: "warn",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = [];
  child.stderr.setEncoding("utf8").on("data", (text) => log.push(text));
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const banner = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no banner within ${START_MS} ms\n${log.join("")}`)), START_MS);
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      clearTimeout(timer);
      resolve(JSON.parse(line));
    });
    ended.then(({ code }) => reject(new Error(`kontor ended with ${code}\n${log.join("")}`)));
  });
  return {
    banner,
    dataDir,
    log: () => log.join(""),
    apiKey: () => readFileSync(banner.api_key_file, "utf8").trim(),
    /** Stops it as a service manager would, and says how it ended. */
    async stop({ keepData = false } = {}) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      const end = await ended;
      clearTimeout(timer);
      if (!keepData) rmSync(dataDir, { recursive: true, force: true });
      return end;
    },
  };
}

/** The browser of the machine; nothing is downloaded. */
export async function startBrowser() {
  const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (!executablePath) throw new Error("no Chromium found; `make setup-test` installs it");
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
      "--disable-background-networking", "--disable-component-update",
    ],
  });
  const close = browser.close.bind(browser);
  browser.close = async () => {
    const words = ["-KILL", "-P", String(process.pid), "-f", "remote-debugging-pipe"];
    const timer = setTimeout(() => spawn("pkill", words, { stdio: "ignore" }), CLOSE_MS);
    await close();
    clearTimeout(timer);
  };
  return browser;
}

/** Calls the HTTP API and returns status, headers and body. */
export async function call(kontor, path, { key = kontor.apiKey(), method = "GET", body, headers = {} } = {}) {
  const response = await fetch(new URL(path, kontor.banner.api), {
    method,
    headers: { "X-Auth-Key": key, ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
    body: body ? JSON.stringify(body) : undefined,
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
}

/** Subscribes to subjects with the plain NATS protocol, as any integrator's client does underneath. */
export async function subscribe(kontor, subject) {
  const url = new URL(kontor.banner.nats);
  const socket = connect(Number(url.port), url.hostname);
  const messages = [];
  let buffer = Buffer.alloc(0);
  await new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.on("data", (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const lineEnd = buffer.indexOf("\r\n");
        if (lineEnd < 0) return;
        const words = buffer.subarray(0, lineEnd).toString().split(" ");
        if (words[0] === "MSG" || words[0] === "HMSG") {
          const size = Number(words.at(-1));
          const headerSize = words[0] === "HMSG" ? Number(words.at(-2)) : 0;
          if (buffer.length < lineEnd + 2 + size + 2) return;
          const payload = buffer.subarray(lineEnd + 2 + headerSize, lineEnd + 2 + size).toString();
          messages.push({ subject: words[1], payload });
          buffer = buffer.subarray(lineEnd + 2 + size + 2);
          continue;
        }
        buffer = buffer.subarray(lineEnd + 2);
        if (words[0] === "PING") socket.write("PONG\r\n");
        if (words[0] === "PONG") resolve();
        if (words[0] === "-ERR") reject(new Error(words.join(" ")));
      }
    });
    const login = { verbose: false, headers: true, lang: "test", version: "1", user: url.username, pass: url.password };
    socket.write(`CONNECT ${JSON.stringify(login)}\r\nSUB ${subject} 1\r\nPING\r\n`);
  });
  return { messages, close: () => socket.destroy() };
}

/** Repeats a question until the answer is truthy; the machine may be slow, never endless. */
export async function until(what, ask, withinMs = 30_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${typeof what === "string" ? what : await what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A chat of the sandbox's page, as a person uses it. */
export class Chat {
  constructor(page) {
    this.page = page;
  }

  static async open(browser, kontor, person, { bot = "demo", ...options } = {}) {
    const context = await browser.newContext({ locale: "en-US", viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(`${kontor.banner.chat}?person=${person}&bot=${bot}`);
    const chat = new Chat(page);
    chat.problems = problems;
    return chat;
  }

  /** Waits for the newest message of the bot to say something. */
  async expect(text) {
    const last = this.page.locator("article.message.in").last();
    await until(async () => `the bot says ${text}; the chat shows ${await this.text()}`, async () => {
      const said = (await last.count()) > 0 ? normal(await last.innerText()) : "";
      return text instanceof RegExp ? text.test(said) : said.includes(text);
    });
    return normal(await last.innerText());
  }

  async say(text) {
    await this.page.locator("textarea.input").fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Presses Start of a new chat. */
  async start() {
    await this.page.locator("button.start:visible").click();
  }

  /** Presses a button under the newest message that has one of that name, or of the reply keyboard. */
  async press(name) {
    const inline = this.page.locator("article.message.in button.inline-button").filter({ hasText: name });
    const reply = this.page.locator("button.reply-button").filter({ hasText: name });
    await inline.or(reply).last().click();
  }

  /** Everything that the chat shows. */
  async text() {
    return normal(await this.page.locator("main").innerText());
  }

  /** Waits until the chat shows something, wherever. */
  async sees(text) {
    await until(async () => `the chat shows ${text}; it shows ${await this.text()}`, async () => {
      const shown = await this.text();
      return text instanceof RegExp ? text.test(shown) : shown.includes(text);
    });
  }
}

/** Texts with plain spaces: the bot sets no-break spaces inside of figures. */
export function normal(text) {
  return text.replaceAll(/[\u00a0\u202f]/g, " ");
}
