// Windows over the page: questions, alerts, photos, a new person, files to send.

import { fileUrl } from "./api";
import { h, icon, iconButton, type Child } from "./dom";
import type { Message, NewPerson } from "./types";
import { language, words } from "./words";

/** Shows a modal window; it is gone from the page when it closes. */
export function openDialog(name: string, label: string, ...children: Child[]): HTMLDialogElement {
  const dialog = h("dialog", { class: `dialog ${name}`, "aria-label": label }, ...children);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.appendChild(dialog);
  dialog.showModal();
  return dialog;
}

const button = (label: string, kind: string, click: () => void): HTMLButtonElement =>
  h("button", { class: `button ${kind}`, type: "button", on: { click } }, label);

/** An alert of the bot. */
export function showAlert(text: string): void {
  const dialog = openDialog(
    "small",
    text,
    h("p", { class: "dialog-text" }, text),
    h("div", { class: "dialog-actions" }, button(words.ok, "primary", () => dialog.close())),
  );
}

/** Asks before something is done. */
export function ask(question: string, detail: string, yes: string, act: () => void): void {
  const confirm = button(yes, "primary", () => {
    dialog.close();
    act();
  });
  const dialog = openDialog(
    "small",
    question,
    h("p", { class: "dialog-text" }, question),
    detail ? h("p", { class: "dialog-detail" }, detail) : null,
    h("div", { class: "dialog-actions" }, button(words.cancel, "", () => dialog.close()), confirm),
  );
  confirm.focus();
}

/** Shows a photo as large as the window allows. */
export function showPhoto(message: Message): void {
  const size = message.photo?.at(-1);
  if (!size) return;
  const image = h("img", { src: fileUrl(size.file_id), alt: message.caption ?? words.photo });
  const close = iconButton("close", words.close, () => dialog.close());
  const dialog = openDialog("viewer", words.photo, image, message.caption ? h("p", {}, message.caption) : null, close);
  image.addEventListener("click", () => dialog.close());
}

/** A short note at the foot of the chat that goes away by itself. */
export function toast(host: HTMLElement, text: string): void {
  const note = h("div", { class: "toast", role: "status" }, text);
  host.querySelector(".toast")?.remove();
  host.appendChild(note);
  window.setTimeout(() => note.remove(), 2500 + text.length * 40);
}

const field = (label: string, input: HTMLElement): HTMLElement =>
  h("label", { class: "field" }, h("span", {}, label), input);

/** Asks for a new person. */
export function askPerson(add: (person: NewPerson) => Promise<void>): void {
  const first = h("input", { type: "text", required: true, maxlength: 64, autocomplete: "off" });
  const last = h("input", { type: "text", maxlength: 64, autocomplete: "off" });
  const tongue = h(
    "select",
    {},
    ...[["ru", "Русский"], ["en", "English"], ["de", "Deutsch"], ["es", "Español"], ["kk", "Қазақша"]].map(
      ([code, name]) => h("option", { value: code!, selected: code === language }, name),
    ),
  );
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, words.addPerson),
    field(words.firstName, first),
    field(words.lastName, last),
    field(words.language, tongue),
    h(
      "div",
      { class: "dialog-actions" },
      button(words.cancel, "", () => dialog.close()),
      h("button", { class: "button primary", type: "submit" }, words.add),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const names = last.value.trim() ? { last_name: last.value.trim() } : {};
    void add({ first_name: first.value.trim(), ...names, language_code: tongue.value }).then(() => dialog.close());
  });
  const dialog = openDialog("small", words.addPerson, form);
  first.focus();
}

/** Shows the files before they go out, with a caption for the first. */
export function askToSend(files: File[], send: (caption: string) => Promise<void>): void {
  const caption = h("input", { type: "text", class: "caption", maxlength: 1024, autocomplete: "off", placeholder: words.caption, "aria-label": words.caption });
  const urls: string[] = [];
  const shown = files.map((file) => {
    if (!isPhoto(file)) return h("p", { class: "file" }, h("span", { class: "file-sign" }, icon("file")), file.name);
    const url = URL.createObjectURL(file);
    urls.push(url);
    return h("img", { src: url, alt: file.name });
  });
  const go = h("button", { class: "button primary", type: "submit" }, words.send);
  const form = h(
    "form",
    { method: "dialog" },
    h("div", { class: "previews" }, ...shown),
    caption,
    h("div", { class: "dialog-actions" }, button(words.cancel, "", () => dialog.close()), go),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go.disabled = true;
    void send(caption.value).finally(() => dialog.close());
  });
  const dialog = openDialog("sending", words.send, form);
  dialog.addEventListener("close", () => urls.forEach((url) => URL.revokeObjectURL(url)));
  caption.focus();
}

/** What Telegram takes as a photo; everything else goes as a file. */
export function isPhoto(file: File): boolean {
  return ["image/jpeg", "image/png", "image/webp"].includes(file.type);
}

/** A small menu beside a button. */
export function openMenu(anchor: HTMLElement, items: { icon: Parameters<typeof icon>[0]; label: string; act: () => void }[]): void {
  const menu = h("dialog", { class: "popup", "aria-label": anchor.title });
  menu.append(
    ...items.map((item) =>
      h(
        "button",
        {
          class: "popup-item",
          type: "button",
          on: {
            click: () => {
              menu.close();
              item.act();
            },
          },
        },
        icon(item.icon),
        item.label,
      ),
    ),
  );
  menu.addEventListener("close", () => menu.remove());
  menu.addEventListener("click", (event) => event.target === menu && menu.close());
  menu.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const buttons = [...menu.querySelectorAll("button")];
    const at = buttons.findIndex((one) => one === document.activeElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
  });
  document.body.appendChild(menu);
  menu.showModal();
  const place = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  menu.style.left = `${Math.max(8, Math.min(place.left, window.innerWidth - width - 8))}px`;
  menu.style.top = `${place.bottom + height + 8 > window.innerHeight ? Math.max(8, place.top - height - 4) : place.bottom + 4}px`;
}
