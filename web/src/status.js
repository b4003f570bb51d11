// Refreshes the parts of the status page that are marked `data-live`, without flicker: only what
// differs is replaced. The page works as well without it.
"use strict";

const REFRESH_MS = 2000;
const TIMEOUT_MS = 5000;

async function refresh() {
  const answer = await fetch(location.pathname, {
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(String(answer.status));
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = next.getElementById(old.id);
    if (fresh && !fresh.isEqualNode(old)) old.replaceWith(fresh);
  }
  document.title = next.title;
}

async function tick() {
  if (!document.hidden) {
    try {
      await refresh();
      delete document.documentElement.dataset.connection;
    } catch {
      document.documentElement.dataset.connection = "lost";
    }
  }
  setTimeout(tick, REFRESH_MS);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, REFRESH_MS);
  });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh().catch(() => {});
});
setTimeout(tick, REFRESH_MS);
