// Calls of the sandbox's JSON interface.

import type { ChatPage, Message, NewPerson, Person, State } from "./types";

export class ApiError extends Error {}

async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const request: RequestInit = { method };
  if (body instanceof FormData) {
    request.body = body;
  } else if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { "content-type": "application/json" };
  }
  const response = await fetch(`/sandbox/${path}`, request);
  const text = await response.text();
  const answer: unknown = text ? JSON.parse(text) : null;
  if (!response.ok) {
    throw new ApiError((answer as { error?: string } | null)?.error ?? response.statusText);
  }
  return answer as Answer;
}

export interface ChatKey {
  bot: string;
  person: number;
}

const chatPath = (key: ChatKey): string => `chats/${encodeURIComponent(key.bot)}/${key.person}`;

/** The answer to the press of a button: a query that the bot will answer, or a link. */
export interface Pressed {
  callback_id?: string;
  open?: string | null;
}

export const api = {
  state: () => call<State>("GET", "state"),
  chat: (key: ChatKey, before?: number) =>
    call<ChatPage>("GET", `${chatPath(key)}${before ? `?before=${before}` : ""}`),
  start: (key: ChatKey, payload: string | null) =>
    call<Message>("POST", `${chatPath(key)}/start`, payload ? { payload } : {}),
  text: (key: ChatKey, text: string, replyTo?: number) =>
    call<Message>("POST", `${chatPath(key)}/text`, { text, reply_to: replyTo }),
  edit: (key: ChatKey, id: number, text: string) =>
    call<Message>("PATCH", `${chatPath(key)}/messages/${id}`, { text }),
  press: (key: ChatKey, messageId: number, row: number, column: number) =>
    call<Pressed>("POST", `${chatPath(key)}/press`, { message_id: messageId, row, column }),
  keyboard: (key: ChatKey, row: number, column: number) =>
    call<Pressed>("POST", `${chatPath(key)}/keyboard`, { row, column }),
  contact: (key: ChatKey) => call<Message>("POST", `${chatPath(key)}/contact`),
  block: (key: ChatKey) => call<unknown>("POST", `${chatPath(key)}/block`),
  unblock: (key: ChatKey) => call<unknown>("POST", `${chatPath(key)}/unblock`),
  read: (key: ChatKey) => call<unknown>("POST", `${chatPath(key)}/read`),
  clear: (key: ChatKey) => call<unknown>("DELETE", chatPath(key)),
  upload: (key: ChatKey, kind: "photo" | "document", file: File, caption: string) => {
    const form = new FormData();
    form.append("caption", caption);
    form.append(kind, file, file.name || `${kind}.png`);
    return call<Message>("POST", `${chatPath(key)}/${kind}`, form);
  },
  addPerson: (person: NewPerson) => call<Person>("POST", "people", person),
  addFault: (rule: Record<string, unknown>) => call<unknown>("POST", "faults", rule),
  removeFault: (id: number) => call<unknown>("DELETE", `faults/${id}`),
  clearFaults: () => call<unknown>("DELETE", "faults"),
};

export const fileUrl = (fileId: string): string => `/sandbox/files/${encodeURIComponent(fileId)}`;
