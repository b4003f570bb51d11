// Everything below the messages: input, commands, the bot's keyboard, Start, and being blocked.

import { h, icon, iconButton } from "./dom";
import { commandList } from "./commands";
import { replyKeyboard } from "./keyboard";
import { preview } from "./rich";
import { chatOf, isOpen, listen, openKey } from "./store";
import type { Message } from "./types";
import { words } from "./words";

/** Telegram's bound of a text, in UTF-16 units. */
const TEXT_UNITS = 4096;
/** The input grows up to this height, in CSS pixels. */
const INPUT_HEIGHT = 180;

export interface ComposerActions {
  send: (text: string, replyTo: Message | null) => void;
  edit: (message: Message, text: string) => void;
  attach: (files: File[]) => void;
  start: () => void;
  restart: () => void;
  press: (row: number, column: number) => void;
  open: (url: string) => void;
  say: (text: string) => void;
}

export interface Composer {
  element: HTMLElement;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  focus: () => void;
}

export function composer(actions: ComposerActions): Composer {
  const input = h("textarea", { class: "input", rows: 1, "aria-label": words.message, placeholder: words.message, enterkeyhint: "send" });
  const files = h("input", { type: "file", hidden: true, multiple: true, tabindex: -1, "aria-hidden": "true" });
  const context = h("div", { class: "context", hidden: true });
  const drafts = new Map<string, string>();
  let target: { message: Message; isEdit: boolean } | null = null;
  let isShown = true;
  let drawnFor = "";

  const submit = (): void => {
    const text = input.value.trim();
    if (!text) return;
    if (text.length > TEXT_UNITS) {
      actions.say(words.tooLong);
      return;
    }
    if (target?.isEdit) actions.edit(target.message, text);
    else actions.send(text, target?.message ?? null);
    setTarget(null);
    input.value = "";
    grow();
  };
  const send = iconButton("send", words.send, submit);
  send.classList.add("send");
  const attach = iconButton("clip", words.attach, () => files.click());
  const keys = iconButton("keys", words.hideKeyboard, () => {
    isShown = !isShown;
    draw();
    if (!isShown) input.focus();
  });
  const keyboard = replyKeyboard((row, column, isOnce) => {
    if (isOnce) isShown = false;
    actions.press(row, column);
    draw();
  });
  const commands = commandList((command) => {
    actions.send(command, null);
    input.value = "";
    grow();
    input.focus();
  });
  const menu = h("button", { class: "menu-button", type: "button", "aria-haspopup": "listbox" }, icon("menu"), h("span", {}, words.menu));
  const row = h("div", { class: "input-row" }, menu, attach, input, keys, send, files);
  const start = h("button", { class: "start", type: "button", on: { click: actions.start } }, words.start);
  const restart = h("button", { class: "start", type: "button", on: { click: actions.restart } }, words.restart);
  const blocked = h("div", { class: "blocked" }, h("p", {}, words.blocked), restart);
  const element = h("footer", { class: "composer" }, context, commands.element, row, keyboard.element, start, blocked);

  const grow = (): void => {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, INPUT_HEIGHT)}px`;
    send.classList.toggle("ready", input.value.trim() !== "");
    commands.filter(input.value);
  };
  const setTarget = (next: typeof target): void => {
    target = next;
    context.hidden = !next;
    context.replaceChildren();
    if (!next) return;
    const title = next.isEdit ? words.editing : `${words.replyTo} ${next.message.from.first_name}`;
    const cancel = iconButton("close", words.cancel, () => {
      if (target?.isEdit) input.value = "";
      setTarget(null);
      grow();
      input.focus();
    });
    context.append(
      icon(next.isEdit ? "pencil" : "reply"),
      h("div", {}, h("strong", {}, title), h("span", {}, preview(next.message))),
      cancel,
    );
  };

  const draw = (): void => {
    const key = openKey();
    const chat = key && chatOf(key);
    const isBlocked = chat?.blocked ?? false;
    const isNew = !chat?.started && !isBlocked;
    element.hidden = !key;
    blocked.hidden = !isBlocked;
    start.hidden = !isNew || isBlocked;
    row.hidden = isBlocked || isNew;
    if (row.hidden) setTarget(null);
    const buttons = chat?.keyboard?.keyboard ? chat.keyboard : null;
    keys.hidden = !buttons;
    keys.title = isShown ? words.hideKeyboard : words.showKeyboard;
    keys.setAttribute("aria-label", keys.title);
    keys.setAttribute("aria-expanded", String(isShown));
    keys.classList.toggle("on", isShown);
    keyboard.draw(isShown && !row.hidden ? buttons : null);
    commands.set(chat?.commands ?? []);
    const app = chat?.menu_button.type === "web_app" ? chat.menu_button : null;
    menu.hidden = !app && (chat?.commands.length ?? 0) === 0;
    menu.querySelector("span")!.textContent = app?.text ?? words.menu;
    menu.setAttribute("aria-label", app?.text ?? words.menu);
    input.placeholder = chat?.keyboard?.input_field_placeholder ?? words.message;
  };

  menu.addEventListener("click", () => {
    const key = openKey();
    const button = key && chatOf(key)?.menu_button;
    if (button?.type === "web_app" && button.web_app) actions.open(button.web_app.url);
    else commands.toggle();
    input.focus();
  });
  input.addEventListener("input", grow);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (commands.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && target) {
      if (target.isEdit) input.value = "";
      setTarget(null);
      grow();
    } else if (event.key === "ArrowUp" && input.value === "") {
      editLast(event);
    }
  });
  input.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length === 0) return;
    event.preventDefault();
    actions.attach(pasted);
  });
  files.addEventListener("change", () => {
    actions.attach([...(files.files ?? [])]);
    files.value = "";
  });

  const edit = (message: Message): void => {
    setTarget({ message, isEdit: true });
    input.value = message.text ?? message.caption ?? "";
    grow();
    input.focus();
  };
  const editLast = (event: KeyboardEvent): void => {
    const key = openKey();
    const own = key && chatOf(key)?.messages?.filter((message) => !message.from.is_bot && message.text).at(-1);
    if (!own) return;
    event.preventDefault();
    edit(own);
  };

  listen((change) => {
    if (change.kind === "selected" || change.kind === "all") {
      const key = openKey();
      const name = key ? `${key.bot}/${key.person}` : "";
      if (name !== drawnFor) {
        drafts.set(drawnFor, target?.isEdit ? "" : input.value);
        setTarget(null);
        input.value = drafts.get(name) ?? "";
        drawnFor = name;
        isShown = true;
      }
      draw();
      grow();
    }
    if ((change.kind === "chat" || change.kind === "loaded") && isOpen(change.key)) draw();
    if (change.kind === "message" && isOpen(change.key) && change.isNew) {
      const keyboardNow = chatOf(change.key)?.keyboard;
      if (change.message.from.is_bot && keyboardNow?.keyboard) isShown = true;
      if (change.message.from.is_bot && keyboardNow?.force_reply) setTarget({ message: change.message, isEdit: false });
      draw();
    }
  });

  return {
    element,
    reply: (message) => {
      setTarget({ message, isEdit: false });
      input.focus();
    },
    edit,
    focus: () => {
      if (!row.hidden && window.matchMedia("(hover: hover)").matches) input.focus();
    },
  };
}
