// What the page knows, and who wants to hear of changes.

import { api, type ChatKey } from "./api";
import type { Bot, ChatView, Fault, LiveEvent, Message, Person } from "./types";

/** One chat: its state, and its messages once it was opened. */
export interface Chat extends ChatView {
  last: Message | null;
  messages: Message[] | null;
  /** Whether there are earlier messages than those loaded. */
  more: boolean;
}

export type Change =
  | { kind: "all" }
  | { kind: "selected" }
  | { kind: "people" }
  | { kind: "faults" }
  | { kind: "connection" }
  | { kind: "chat" | "loaded"; key: ChatKey }
  | { kind: "message"; key: ChatKey; message: Message; isNew: boolean }
  | { kind: "deleted"; key: ChatKey; id: number }
  | { kind: "action"; key: ChatKey; action: string }
  | { kind: "answer"; event: Extract<LiveEvent, { type: "callback_answer" }> };

const listeners = new Set<(change: Change) => void>();
const chats = new Map<string, Chat>();

export const store = {
  bots: [] as Bot[],
  people: [] as Person[],
  faults: [] as Fault[],
  bot: "",
  person: null as number | null,
  /** What follows `?start=` in the address; used by the next press of Start. */
  startPayload: null as string | null,
  isConnected: true,
};

export function listen(listener: (change: Change) => void): void {
  listeners.add(listener);
}

export function tell(change: Change): void {
  for (const listener of listeners) listener(change);
}

const nameOf = (key: ChatKey): string => `${key.bot}/${key.person}`;

export function chatOf(key: ChatKey): Chat | undefined {
  return chats.get(nameOf(key));
}

/** The chat that is open now. */
export function openKey(): ChatKey | null {
  return store.person === null || !store.bot ? null : { bot: store.bot, person: store.person };
}

export function isOpen(key: ChatKey): boolean {
  return key.bot === store.bot && key.person === store.person;
}

export const currentBot = (): Bot | undefined => store.bots.find((bot) => bot.name === store.bot);
export const currentPerson = (): Person | undefined =>
  store.people.find((person) => person.id === store.person);

/** Reads everything; returns the number of the last event that it contains. */
export async function loadAll(): Promise<number> {
  const state = await api.state();
  store.bots = state.bots;
  store.people = state.people;
  store.faults = state.faults;
  chats.clear();
  for (const { bot, person_id: person, last_message: last, ...view } of state.chats) {
    chats.set(nameOf({ bot, person }), { ...view, last, messages: null, more: false });
  }
  if (!store.bots.some((bot) => bot.name === store.bot)) store.bot = store.bots[0]?.name ?? "";
  tell({ kind: "all" });
  return state.last_event_id;
}

/** Loads the messages of a chat, or those before the first that is there. */
export async function loadChat(key: ChatKey, earlier = false): Promise<void> {
  const known = chatOf(key);
  if (known?.messages && !earlier) return;
  const first = earlier ? known?.messages?.[0]?.message_id : undefined;
  const { messages, more, ...view } = await api.chat(key, first);
  const before = chatOf(key);
  const merged = [...messages, ...((first ? before?.messages : null) ?? [])];
  chats.set(nameOf(key), { ...view, last: merged.at(-1) ?? null, messages: merged, more });
  tell({ kind: "loaded", key });
}

function update(key: ChatKey, view: ChatView): Chat {
  const chat = { last: null, messages: null, more: false, ...chatOf(key), ...view };
  chats.set(nameOf(key), chat);
  return chat;
}

/** Takes in an event. The same event twice changes nothing. */
export function apply(event: LiveEvent): void {
  switch (event.type) {
    case "message": {
      const key = { bot: event.bot, person: event.person_id };
      const chat = update(key, event.chat);
      putMessage(chat, key, event.message);
      tell({ kind: "chat", key });
      break;
    }
    case "message_edited": {
      const key = { bot: event.bot, person: event.person_id };
      const chat = chatOf(key);
      if (chat) putMessage(chat, key, event.message);
      break;
    }
    case "message_deleted":
      removeMessage({ bot: event.bot, person: event.person_id }, event.message_id);
      break;
    case "chat":
    case "chat_cleared": {
      const key = { bot: event.bot, person: event.person_id };
      const chat = update(key, event.chat);
      if (event.type === "chat_cleared") {
        Object.assign(chat, { last: null, messages: chat.messages && [], more: false });
        tell({ kind: "loaded", key });
      }
      tell({ kind: "chat", key });
      break;
    }
    case "action":
      tell({ kind: "action", key: { bot: event.bot, person: event.person_id }, action: event.action });
      break;
    case "callback_answer":
      tell({ kind: "answer", event });
      break;
    case "person":
      addPerson(event.person);
      break;
    case "faults":
      store.faults = event.faults;
      tell({ kind: "faults" });
      break;
    case "reset":
      break;
  }
}

function putMessage(chat: Chat, key: ChatKey, message: Message): void {
  const at = chat.messages?.findIndex((known) => known.message_id === message.message_id) ?? -1;
  const newest = chat.last?.message_id ?? 0;
  if (at >= 0 && chat.messages) chat.messages[at] = message;
  else if (message.message_id > (chat.messages?.at(-1)?.message_id ?? 0)) chat.messages?.push(message);
  if (message.message_id >= newest) chat.last = message;
  tell({ kind: "message", key, message, isNew: at < 0 && message.message_id > newest });
}

function removeMessage(key: ChatKey, id: number): void {
  const chat = chatOf(key);
  if (!chat) return;
  chat.messages = chat.messages?.filter((message) => message.message_id !== id) ?? null;
  if (chat.last?.message_id === id) chat.last = chat.messages?.at(-1) ?? null;
  tell({ kind: "deleted", key, id });
  tell({ kind: "chat", key });
}

function addPerson(person: Person): void {
  if (!store.people.some((known) => known.id === person.id)) store.people.push(person);
  for (const bot of store.bots) {
    const key = { bot: bot.name, person: person.id };
    if (!chatOf(key)) {
      const menu = { type: "default" } as const;
      const fresh = { started: false, blocked: false, unread: 0, keyboard: null };
      update(key, { ...fresh, commands: [], menu_button: menu, description: null });
    }
  }
  tell({ kind: "people" });
}

/** Opens the chat of a person with a bot. */
export function select(bot: string, person: number | null): void {
  store.bot = bot;
  store.person = person;
  tell({ kind: "selected" });
}
