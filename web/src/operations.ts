// The operations pages stay as they are without this. With it they are live, and quick by keyboard: `/`
// finds, arrows walk the rows of a list, Enter opens one.

import { keepLive } from "./live";

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
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

// A page that says where it is live from, if only by its own address; others stay as they were sent.
if (document.body.dataset["liveAt"] !== undefined) keepLive();
