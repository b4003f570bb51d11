// A text with its entities as elements. Entities nest; offsets count UTF-16 units, as strings do.

import { h } from "./dom";
import type { Entity, Message } from "./types";
import { words } from "./words";

export interface RichHandlers {
  /** A command in a text was pressed. */
  command: (command: string) => void;
}

export function rich(text: string, entities: Entity[], handlers: RichHandlers): DocumentFragment {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const fragment = document.createDocumentFragment();
  fill(fragment, { text, from: 0, to: text.length, entities: sorted }, handlers);
  return fragment;
}

interface Stretch {
  text: string;
  from: number;
  to: number;
  entities: Entity[];
}

function fill(parent: Node, stretch: Stretch, handlers: RichHandlers): void {
  let at = stretch.from;
  let rest = stretch.entities;
  while (rest.length > 0) {
    const [entity, ...later] = rest as [Entity, ...Entity[]];
    const start = Math.max(entity.offset, at);
    const end = Math.min(entity.offset + entity.length, stretch.to);
    if (end <= start) {
      rest = later;
      continue;
    }
    parent.appendChild(document.createTextNode(stretch.text.slice(at, start)));
    const element = elementFor(entity, stretch.text.slice(start, end), handlers);
    const inner = later.filter((other) => other.offset < end);
    fill(element, { text: stretch.text, from: start, to: end, entities: inner }, handlers);
    parent.appendChild(element);
    at = end;
    rest = later.filter((other) => other.offset + other.length > end);
  }
  parent.appendChild(document.createTextNode(stretch.text.slice(at, stretch.to)));
}

function elementFor(entity: Entity, text: string, handlers: RichHandlers): HTMLElement {
  switch (entity.type) {
    case "bold":
      return h("strong");
    case "italic":
      return h("em");
    case "underline":
      return h("u");
    case "strikethrough":
      return h("s");
    case "code":
      return h("code");
    case "pre":
      return h("pre", { "data-language": entity.language });
    case "blockquote":
    case "expandable_blockquote":
      return h("blockquote");
    case "spoiler":
      return spoiler();
    case "bot_command":
      return h("button", { class: "link", type: "button", on: { click: () => handlers.command(text) } });
    case "url":
      return link(text);
    case "text_link":
      return link(entity.url ?? "");
    case "mention":
    case "text_mention":
    case "hashtag":
      return h("span", { class: "link" });
    default:
      return h("span");
  }
}

function spoiler(): HTMLElement {
  const hidden = h("span", { class: "spoiler", role: "button", tabindex: 0 });
  const show = (): void => hidden.classList.add("shown");
  hidden.addEventListener("click", show);
  hidden.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") show();
  });
  return hidden;
}

/** Only addresses of the web and of Telegram become links. */
export function isSafeLink(url: string): boolean {
  return /^(https?|tg):\/\//i.test(url);
}

function link(url: string): HTMLElement {
  if (!isSafeLink(url)) return h("span");
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url });
}

/** A message in one line, for the list and for answers. */
export function preview(message: Message): string {
  if (message.photo) return message.caption ? `${words.photo}, ${message.caption}` : words.photo;
  if (message.document) return message.document.file_name;
  if (message.invoice) return message.invoice.title;
  if (message.successful_payment) return `${words.paid}: ⭐ ${message.successful_payment.total_amount}`;
  if (message.refunded_payment) return `${words.paidBack}: ⭐ ${message.refunded_payment.total_amount}`;
  if (message.contact) return `${words.sharedContact}: ${message.contact.first_name}`;
  return message.text ?? "";
}
