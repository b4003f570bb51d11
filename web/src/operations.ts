// The operations pages stay as they are without this. With it they are live: what is marked
// `data-live` is fetched anew every two seconds and replaced where it differs. And they are quick by
// keyboard: `/` finds, arrows walk the rows of a list, Enter opens one.

const REFRESH_MS = 2000;
const TIMEOUT_MS = 5000;

/** A page that was sent as a form cannot be fetched again as it is; its top bar waits for the next. */
const isRefreshable = !location.pathname.endsWith("/personal");

async function refresh(): Promise<void> {
  const answer = await fetch(location.pathname + location.search, {
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (answer.redirected && new URL(answer.url).pathname === "/login") {
    location.assign(answer.url);
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = next.getElementById(old.id);
    if (fresh && !fresh.isEqualNode(old)) replace(old, fresh);
  }
}

/** Replaces a part; whoever stood in it with the keyboard stands in the same place afterwards. */
function replace(old: Element, fresh: Element): void {
  const links = (part: Element) => [...part.querySelectorAll<HTMLElement>("a, button")];
  const place = links(old).findIndex((link) => link === document.activeElement);
  old.replaceWith(fresh);
  if (place >= 0) links(fresh)[place]?.focus();
}

async function tick(): Promise<void> {
  if (!document.hidden) {
    try {
      await refresh();
      delete document.documentElement.dataset["connection"];
    } catch {
      document.documentElement.dataset["connection"] = "lost";
    }
  }
  setTimeout(tick, REFRESH_MS);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

function walkRows(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-rows] th a")];
  if (links.length === 0) return;
  const now = links.findIndex((link) => link === document.activeElement);
  const next = now < 0 ? (step > 0 ? 0 : links.length - 1) : now + step;
  links[Math.max(0, Math.min(next, links.length - 1))]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll<HTMLDetailsElement>("details.person[open], details.confirm[open]")) {
      open.open = false;
      open.querySelector("summary")?.focus();
    }
    return;
  }
  if (isTyping(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector<HTMLInputElement>("#search")?.select();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (!document.querySelector("[data-rows]")) return;
    event.preventDefault();
    walkRows(event.key === "ArrowDown" ? 1 : -1);
  }
});

// A click beside the menu closes it.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll<HTMLDetailsElement>("details.person[open]")) {
    if (event.target instanceof Node && !open.contains(event.target)) open.open = false;
  }
});

if (isRefreshable) {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh().catch(() => {});
  });
  setTimeout(tick, REFRESH_MS);
}
