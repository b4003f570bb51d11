// The chat page of the sandbox: one plays people who write to bots.

import { api, ApiError, type ChatKey, type Pressed } from "./chat/api";
import { composer } from "./chat/composer";
import { ask, askPerson, askToSend, isPhoto, openMenu, showAlert, showPhoto, toast } from "./chat/dialogs";
import { h } from "./chat/dom";
import { chatHead } from "./chat/head";
import { connect } from "./chat/live";
import { fullName, peoplePane } from "./chat/people";
import { presses } from "./chat/presses";
import { isSafeLink } from "./chat/rich";
import { chatOf, currentPerson, listen, openKey, select, store } from "./chat/store";
import { thread } from "./chat/thread";
import type { Message } from "./chat/types";
import { showWeather } from "./chat/weather";
import { language, words } from "./chat/words";

document.documentElement.lang = language;
const app = document.getElementById("app")!;

const say = (text: string): void => toast(messages.element, text);
const failed = (error: unknown): void =>
  say(error instanceof ApiError ? `${words.failed}: ${error.message}` : words.failed);

/** Does something in the open chat; what goes wrong is said. */
function inChat(act: (key: ChatKey) => Promise<unknown>): void {
  const key = openKey();
  if (key) void act(key).catch(failed);
}

function openLink(url: string): void {
  if (isSafeLink(url)) ask(words.openLink, url, words.open, () => window.open(url, "_blank", "noopener"));
}

/** Opens a chat and writes it into the address, so that it can be shared and gone back to. */
function open(bot: string, person: number | null, isNew = true): void {
  if (isNew && (bot !== store.bot || person !== store.person)) {
    const address = new URL(location.href);
    address.searchParams.delete("start");
    address.searchParams.set("bot", bot);
    if (person === null) address.searchParams.delete("person");
    else address.searchParams.set("person", String(person));
    history.pushState(null, "", address);
  }
  select(bot, person);
  app.dataset["view"] = person === null ? "list" : "chat";
  if (person !== null) write.focus();
}

function readAddress(): void {
  const parameters = new URLSearchParams(location.search);
  const person = Number(parameters.get("person"));
  const isKnown = store.people.some((one) => one.id === person);
  const bot = parameters.get("bot") ?? "";
  store.startPayload = parameters.get("start");
  open(store.bots.some((one) => one.name === bot) ? bot : store.bot, isKnown ? person : null, false);
}

function messageMenu(message: Message, anchor: HTMLElement): void {
  const text = message.text ?? message.caption ?? "";
  const items: Parameters<typeof openMenu>[1] = [];
  items.push({ icon: "reply", label: words.reply, act: () => write.reply(message) });
  if (!message.from.is_bot && !message.contact) {
    items.push({ icon: "pencil", label: words.edit, act: () => write.edit(message) });
  }
  if (text) {
    const copy = (): void => void navigator.clipboard.writeText(text).then(() => say(words.copied), failed);
    items.push({ icon: "copy", label: words.copy, act: copy });
  }
  openMenu(anchor, items);
}

function shareContact(act: (key: ChatKey) => Promise<unknown>): void {
  const person = currentPerson();
  const detail = person ? `${fullName(person)}, ${person.phone_number}` : "";
  ask(words.contactAsk, detail, words.share, () => inChat(act));
}

function chatMenu(anchor: HTMLElement): void {
  const key = openKey();
  const isBlocked = key ? (chatOf(key)?.blocked ?? false) : false;
  openMenu(anchor, [
    { icon: "person", label: words.contact, act: () => shareContact(api.contact) },
    { icon: "cloud", label: words.weather, act: () => showWeather(failed) },
    isBlocked
      ? { icon: "ban", label: words.restart, act: restart }
      : { icon: "ban", label: words.block, act: () => inChat(api.block) },
    { icon: "trash", label: words.clear, act: () => ask(words.clearAsk, "", words.forget, () => inChat(api.clear)) },
  ]);
}

const restart = (): void =>
  inChat(async (key) => {
    await api.unblock(key);
    await api.start(key, null);
  });

function start(): void {
  const payload = store.startPayload;
  store.startPayload = null;
  inChat((key) => api.start(key, payload));
}

function attach(files: File[]): void {
  const key = openKey();
  if (!key || files.length === 0 || chatOf(key)?.started !== true) return;
  askToSend(files, async (caption) => {
    try {
      for (const [index, file] of files.entries()) {
        await api.upload(key, isPhoto(file) ? "photo" : "document", file, index === 0 ? caption : "");
      }
    } catch (error) {
      failed(error);
    }
  });
}

function pressKey(row: number, column: number): void {
  const key = openKey();
  const button = key && chatOf(key)?.keyboard?.keyboard?.[row]?.[column];
  const act = async (key: ChatKey): Promise<void> => {
    const answer: Pressed = await api.keyboard(key, row, column);
    if (answer.open) openLink(answer.open);
  };
  if (button?.request_contact) shareContact(act);
  else inChat(act);
}

const inlinePresses = presses({ open: openLink, alert: showAlert, say, failed });
const messages = thread({
  command: (command) => inChat((key) => api.text(key, command)),
  press: inlinePresses.press,
  photo: showPhoto,
  more: messageMenu,
  jump: (id) => messages.jump(id),
});
const write = composer({
  send: (text, replyTo) => inChat((key) => api.text(key, text, replyTo?.message_id)),
  edit: (message, text) => inChat((key) => api.edit(key, message.message_id, text)),
  attach,
  start,
  restart,
  press: pressKey,
  open: openLink,
  say,
});
const head = chatHead({
  back: () => open(store.bot, null),
  more: chatMenu,
  weather: () => showWeather(failed),
});
const dropHint = h("div", { class: "drop-hint" }, words.drop);
const chatPane = h("main", { class: "chat" }, head, messages.element, write.element, dropHint);
const note = h("div", { class: "note" }, h("h2", {}, words.pickTitle), h("p", {}, words.pickText));
const nobody = h("div", { class: "nobody" }, note);
const list = peoplePane({
  open,
  add: () =>
    askPerson(async (person) => {
      try {
        const added = await api.addPerson(person);
        if (!store.people.some((one) => one.id === added.id)) store.people.push(added);
        open(store.bot, added.id);
      } catch (error) {
        failed(error);
      }
    }),
  weather: () => showWeather(failed),
});
app.append(list, chatPane, nobody);

let dragDepth = 0;
chatPane.addEventListener("dragenter", () => chatPane.classList.toggle("dropping", ++dragDepth > 0));
chatPane.addEventListener("dragleave", () => chatPane.classList.toggle("dropping", --dragDepth > 0));
chatPane.addEventListener("dragover", (event) => event.preventDefault());
chatPane.addEventListener("drop", (event) => {
  event.preventDefault();
  dragDepth = 0;
  chatPane.classList.remove("dropping");
  attach([...(event.dataTransfer?.files ?? [])]);
});
window.addEventListener("popstate", readAddress);

let isFirst = true;
listen((change) => {
  if (change.kind !== "all" || !isFirst) return;
  isFirst = false;
  readAddress();
});
void connect();
