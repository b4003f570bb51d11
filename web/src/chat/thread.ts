// The messages of the open chat: grouped, divided by days, kept at the end while new ones come.

import { api, type ChatKey } from "./api";
import { bubble, type BubbleActions } from "./bubble";
import { h, icon } from "./dom";
import { chatOf, isOpen, listen, loadChat, openKey, store } from "./store";
import { dayName, sameDay } from "./time";
import type { Message } from "./types";
import { words } from "./words";

/** Messages of one side within this time stand close together. */
const GROUP_SECONDS = 300;
/** So near to the end (CSS pixels) the thread follows new messages. */
const NEAR_END = 80;

export interface Thread {
  element: HTMLElement;
  jump: (id: number) => void;
}

export function thread(actions: BubbleActions): Thread {
  const earlier = h("button", { class: "pill", type: "button" }, words.earlier);
  const messages = h("div", { class: "messages" });
  const scroller = h(
    "div",
    { class: "scroller", role: "log", "aria-live": "polite", "aria-label": words.messages, tabindex: 0 },
    earlier,
    messages,
  );
  const count = h("span", { class: "badge" });
  const down = h("button", { class: "to-end", type: "button", "aria-label": words.down, title: words.down }, icon("down"), count);
  const element = h("div", { class: "thread" }, scroller, down);
  let isAtEnd = true;
  let missed = 0;

  const toEnd = (): void => {
    scroller.scrollTop = scroller.scrollHeight;
    noteEnd();
  };
  const noteEnd = (): void => {
    isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
    if (isAtEnd) missed = 0;
    down.classList.toggle("shown", !isAtEnd);
    count.textContent = missed > 0 ? String(missed) : "";
    if (isAtEnd) markRead();
  };
  scroller.addEventListener("scroll", noteEnd, { passive: true });
  down.addEventListener("click", () => scroller.scrollTo({ top: scroller.scrollHeight, behavior: "smooth" }));
  document.addEventListener("visibilitychange", noteEnd);
  // A keyboard that opens or a photo that loads must not push the newest message out of sight.
  new ResizeObserver(() => isAtEnd && toEnd()).observe(scroller);
  new ResizeObserver(() => isAtEnd && toEnd()).observe(messages);
  earlier.addEventListener("click", () => {
    const key = openKey();
    if (key) void loadChat(key, true);
  });

  const drawAll = (): void => {
    const key = openKey();
    const chat = key && chatOf(key);
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    const before = messages.querySelectorAll(".message").length;
    messages.replaceChildren(...emptyNotes(key), ...(chat?.messages ?? []).map((m) => bubble(m, actions)));
    arrange(messages, chat?.messages ?? []);
    earlier.hidden = !chat?.more;
    if (before > 0 && !isAtEnd) scroller.scrollTop = scroller.scrollHeight - fromEnd;
    else toEnd();
  };

  listen((change) => {
    if (change.kind === "selected" || change.kind === "all") {
      isAtEnd = true;
      missed = 0;
      messages.replaceChildren();
      const key = openKey();
      if (key && chatOf(key)?.messages) drawAll();
      else if (key) void loadChat(key).catch(() => undefined);
    }
    if (change.kind === "loaded" && isOpen(change.key)) drawAll();
    if (change.kind === "message" && isOpen(change.key)) {
      drawOne(messages, change.message, actions);
      if (change.isNew && !isAtEnd && change.message.from.is_bot) missed += 1;
      if (isAtEnd || (change.isNew && !change.message.from.is_bot)) toEnd();
      else noteEnd();
    }
    if (change.kind === "deleted" && isOpen(change.key)) drawAll();
  });

  const jump = (id: number): void => {
    const target = messages.querySelector<HTMLElement>(`.message[data-id="${id}"]`);
    target?.scrollIntoView({ block: "center", behavior: "smooth" });
    target?.classList.add("flash");
    window.setTimeout(() => target?.classList.remove("flash"), 1200);
  };
  return { element, jump };
}

/** Tells the sandbox that the person has seen the chat. */
function markRead(): void {
  const key = openKey();
  const chat = key && chatOf(key);
  if (key && chat && chat.unread > 0 && document.visibilityState === "visible") {
    chat.unread = 0;
    void api.read(key).catch(() => undefined);
  }
}

function emptyNotes(key: ChatKey | null): HTMLElement[] {
  const chat = key && chatOf(key);
  if (!key || (chat?.messages?.length ?? 0) > 0) return [];
  const bot = store.bots.find((bot) => bot.name === key.bot);
  return [
    h(
      "div",
      { class: "empty" },
      h("h2", {}, chat?.description ? words.whatCan : (bot?.title ?? words.emptyTitle)),
      h("p", {}, chat?.description ?? words.emptyText),
    ),
  ];
}

function drawOne(messages: HTMLElement, message: Message, actions: BubbleActions): void {
  const key = openKey();
  const all = (key && chatOf(key)?.messages) ?? [];
  if (!all.some((known) => known.message_id === message.message_id)) return;
  const fresh = bubble(message, actions);
  const old = messages.querySelector(`.message[data-id="${message.message_id}"]`);
  if (old) {
    const hadFocus = old.contains(document.activeElement);
    old.replaceWith(fresh);
    if (hadFocus) fresh.focus({ preventScroll: true });
  } else {
    messages.querySelector(".empty")?.remove();
    fresh.classList.add("arrives");
    messages.appendChild(fresh);
  }
  arrange(messages, all);
}

/** Puts a line before each new day, and marks which bubbles belong together. */
function arrange(messages: HTMLElement, all: Message[]): void {
  for (const line of messages.querySelectorAll(".day")) line.remove();
  const elements = messages.querySelectorAll<HTMLElement>(".message");
  all.forEach((message, index) => {
    const element = elements[index];
    const before = all[index - 1];
    const after = all[index + 1];
    if (!element) return;
    if (!before || !sameDay(before.date, message.date)) {
      element.before(h("div", { class: "day" }, h("span", {}, dayName(message.date))));
    }
    element.classList.toggle("first", !before || !belong(before, message));
    element.classList.toggle("last", !after || !belong(message, after));
  });
}

function belong(one: Message, next: Message): boolean {
  const isSameSide = one.from.is_bot === next.from.is_bot;
  return isSameSide && next.date - one.date < GROUP_SECONDS && sameDay(one.date, next.date);
}
