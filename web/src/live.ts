// Keeps a page up to date. The server sends what changes as an event stream; where that cannot be had
// (too many pages are live, a proxy holds it back, Kontor starts anew) the page asks every two seconds,
// and tries the stream again after a while.

const POLL_MS = 2000;
const TIMEOUT_MS = 5000;
/** The server says every ten seconds that it lives; who is silent for longer is not there. */
const SILENCE_MAX_MS = 25_000;
/** How long a page asks by itself before it tries the stream again. */
const RETRY_MS = 30_000;

type State = "live" | "lost" | "gone";

/** Where the page's parts come from: its own address, unless the page names another. */
const address = document.body.dataset["liveAt"] || location.pathname + location.search;

let source: EventSource | undefined;
let polling: number | undefined;
let watchdog: number | undefined;

function say(state: State): void {
  if (state === "live") delete document.documentElement.dataset["connection"];
  else document.documentElement.dataset["connection"] = state;
}

/** Replaces a part; whoever stood in it with the keyboard stands in the same place afterwards. Others of
 *  the page's scripts are told by the event `kontor:part`. */
function replace(fresh: Element): void {
  const old = document.getElementById(fresh.id);
  if (!old || !old.hasAttribute("data-live") || fresh.isEqualNode(old)) return;
  const links = (part: Element) => [...part.querySelectorAll<HTMLElement>("a, button")];
  const place = links(old).findIndex((link) => link === document.activeElement);
  old.replaceWith(fresh);
  if (place >= 0) links(fresh)[place]?.focus();
  document.dispatchEvent(new CustomEvent("kontor:part", { detail: fresh.id }));
}

/** The server's markup as an element; a template takes parts of tables, too. */
function element(markup: string): Element | null {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content.firstElementChild;
}

function toLogin(): void {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

async function poll(): Promise<void> {
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.redirected && new URL(answer.url).pathname === "/login") return toLogin();
  if (answer.status === 404) return end("gone");
  if (!answer.ok) throw new Error(String(answer.status));
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  next.querySelectorAll("[data-live]").forEach(replace);
  say("live");
}

function startPolling(): void {
  if (polling !== undefined) return;
  const tick = async () => {
    await poll().catch(() => say("lost"));
    if (polling !== undefined) polling = setTimeout(tick, POLL_MS);
  };
  polling = setTimeout(tick, POLL_MS);
}

function stopPolling(): void {
  clearTimeout(polling);
  polling = undefined;
}

function close(): void {
  clearTimeout(watchdog);
  source?.close();
  source = undefined;
}

/** Nothing more comes of this page. */
function end(state: State): void {
  close();
  stopPolling();
  document.removeEventListener("visibilitychange", look);
  say(state);
}

/** Asks by itself, and for the stream again in a while. */
function fallBack(): void {
  close();
  startPolling();
  watchdog = setTimeout(connect, RETRY_MS);
}

function heard(): void {
  stopPolling();
  say("live");
  clearTimeout(watchdog);
  watchdog = setTimeout(fallBack, SILENCE_MAX_MS);
}

function connect(): void {
  close();
  source = new EventSource(address);
  source.addEventListener("parts", (event) => {
    heard();
    for (const markup of JSON.parse(event.data) as string[]) {
      const fresh = element(markup);
      if (fresh) replace(fresh);
    }
  });
  source.addEventListener("alive", heard);
  source.addEventListener("over", () => { close(); toLogin(); });
  source.addEventListener("gone", () => end("gone"));
  source.addEventListener("lost", () => { fallBack(); say("lost"); });
  source.addEventListener("error", () => {
    // What broke off is asked for again by the browser itself; what was refused is not.
    if (source?.readyState === EventSource.CLOSED) fallBack();
    else startPolling();
  });
}

/** A page that nobody looks at takes no place: browsers have six connections to a server. */
function look(): void {
  if (document.hidden) {
    close();
    stopPolling();
  } else {
    connect();
  }
}

/** Begins to keep the page up to date. */
export function keepLive(): void {
  document.addEventListener("visibilitychange", look);
  if (!document.hidden) connect();
}
