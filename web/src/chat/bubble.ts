// One message as people see it.

import { fileUrl } from "./api";
import { avatar, h, icon, type Child } from "./dom";
import { preview, rich } from "./rich";
import { clockTime, exactTime } from "./time";
import type { InlineButton, Message, PhotoSize } from "./types";
import { words } from "./words";

export interface BubbleActions {
  command: (command: string) => void;
  press: (message: Message, row: number, column: number, button: HTMLButtonElement) => void;
  photo: (message: Message) => void;
  more: (message: Message, anchor: HTMLElement) => void;
  jump: (id: number) => void;
}

/** A photo is at most this wide and high in a bubble, in CSS pixels. */
const PHOTO_WIDTH = 380;
const PHOTO_HEIGHT = 420;
/** A caption is not squeezed below this width. */
const CAPTION_WIDTH = 240;

export function bubble(message: Message, actions: BubbleActions): HTMLElement {
  const side = message.from.is_bot ? "in" : "out";
  const body = h(
    "div",
    { class: `bubble${message.photo ? " with-photo" : ""}${isJumbo(message) ? " jumbo" : ""}` },
    forwarded(message),
    answered(message, actions),
    photo(message, actions),
    document_(message),
    contact(message),
    invoice(message),
    payment(message),
    text(message, actions),
    meta(message),
  );
  const more = h(
    "button",
    { class: "bubble-more", type: "button", "aria-label": words.actions, title: words.actions },
    icon("down"),
  );
  more.addEventListener("click", () => actions.more(message, more));
  body.addEventListener("contextmenu", (event) => {
    if (window.getSelection()?.toString() || event.target instanceof HTMLAnchorElement) return;
    event.preventDefault();
    actions.more(message, more);
  });
  body.appendChild(more);
  const size = message.photo?.at(-1);
  // The caption wraps at the photo's width, as long as that leaves room for words.
  if (size) body.style.maxWidth = `${Math.max(shownWidth(size), message.caption ? CAPTION_WIDTH : 0)}px`;
  return h(
    "article",
    { class: `message ${side}`, "data-id": message.message_id, tabindex: -1 },
    body,
    keyboard(message, actions),
  );
}

function isJumbo(message: Message): boolean {
  return /^(\p{Extended_Pictographic}\uFE0F?){1,3}$/u.test(message.text ?? "");
}

function forwarded(message: Message): Child {
  const from = message.forward_origin?.sender_user;
  return from ? h("p", { class: "forwarded" }, `${words.forwarded} `, h("strong", {}, from.first_name)) : null;
}

function answered(message: Message, actions: BubbleActions): Child {
  const other = message.reply_to_message;
  if (!other) return null;
  const jump = (): void => actions.jump(other.message_id);
  return h(
    "button",
    { class: "quote", type: "button", on: { click: jump } },
    h("strong", {}, other.from.first_name),
    h("span", {}, preview(other)),
  );
}

function photo(message: Message, actions: BubbleActions): Child {
  const size = message.photo?.at(-1);
  if (!size) return null;
  const width = shownWidth(size);
  const image = h("img", {
    src: fileUrl(size.file_id),
    // Width and height keep the place free while the photo loads.
    width,
    height: Math.max(1, Math.round((size.height * width) / size.width)),
    alt: message.caption ?? words.photo,
    loading: "lazy",
    decoding: "async",
  });
  const open = (): void => actions.photo(message);
  return h("button", { class: "photo", type: "button", "aria-label": words.openPhoto, on: { click: open } }, image);
}

function shownWidth(size: PhotoSize): number {
  const scale = Math.min(1, PHOTO_WIDTH / size.width, PHOTO_HEIGHT / size.height);
  return Math.max(1, Math.round(size.width * scale));
}

function document_(message: Message): Child {
  const file = message.document;
  if (!file) return null;
  return h(
    "a",
    { class: "file", href: fileUrl(file.file_id), download: file.file_name },
    h("span", { class: "file-sign" }, icon("file")),
    h("span", {}, h("strong", {}, file.file_name), h("small", {}, bytes(file.file_size))),
  );
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(1)} KB` : `${(count / 1024 / 1024).toFixed(1)} MB`;
}

function contact(message: Message): Child {
  const person = message.contact;
  if (!person) return null;
  const name = [person.first_name, person.last_name].filter(Boolean).join(" ");
  return h(
    "div",
    { class: "contact" },
    avatar(person.phone_number.length + message.from.id, person.first_name, person.last_name),
    h("span", {}, h("strong", {}, name), h("small", {}, person.phone_number)),
  );
}

function invoice(message: Message): Child {
  const offer = message.invoice;
  if (!offer) return null;
  const price = `⭐ ${offer.total_amount}`;
  return h("div", { class: "text" }, h("strong", {}, offer.title), h("p", {}, offer.description), h("p", {}, price));
}

function payment(message: Message): Child {
  const paid = message.successful_payment;
  const back = message.refunded_payment;
  if (paid) return h("div", { class: "text" }, `${words.paid}: ⭐ ${paid.total_amount}`);
  return back ? h("div", { class: "text" }, `${words.paidBack}: ⭐ ${back.total_amount}`) : null;
}

function text(message: Message, actions: BubbleActions): Child {
  const content = message.text ?? message.caption;
  if (!content) return null;
  const entities = message.entities ?? message.caption_entities ?? [];
  return h("div", { class: "text" }, rich(content, entities, { command: actions.command }));
}

function meta(message: Message): HTMLElement {
  return h(
    "span",
    { class: "meta" },
    message.edit_date ? h("span", { title: exactTime(message.edit_date) }, `${words.edited} `) : null,
    h("time", { title: exactTime(message.date) }, clockTime(message.date)),
    message.from.is_bot ? null : icon("checks"),
  );
}

function keyboard(message: Message, actions: BubbleActions): Child {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows?.length) return null;
  return h(
    "div",
    { class: "inline-keyboard" },
    ...rows.map((row, rowIndex) =>
      h(
        "div",
        { class: "inline-row" },
        ...row.map((button, column) => inlineButton(button, (element) => actions.press(message, rowIndex, column, element))),
      ),
    ),
  );
}

function inlineButton(button: InlineButton, press: (element: HTMLButtonElement) => void): HTMLButtonElement {
  const sign = button.url || button.login_url ? "out" : button.web_app ? "app" : button.copy_text ? "copy" : null;
  const style = button.style ? ` style-${button.style}` : "";
  const element = h(
    "button",
    { class: `inline-button${style}`, type: "button" },
    h("span", {}, button.text),
    sign && icon(sign),
  );
  element.addEventListener("click", () => press(element));
  return element;
}
