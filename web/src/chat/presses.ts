// Presses of buttons under messages: a spinner until the bot answers, then what it says.

import { api, type Pressed } from "./api";
import { listen, openKey } from "./store";
import type { Message } from "./types";
import { words } from "./words";

/** After this long without an answer the spinner stops, as in Telegram. */
const PATIENCE_MS = 15_000;
/** Answers that are remembered for a response still under way; other pages' answers are among them. */
const UNCLAIMED = 200;

export interface PressActions {
  open: (url: string) => void;
  alert: (text: string) => void;
  say: (text: string) => void;
  failed: (error: unknown) => void;
}

export interface Presses {
  press: (message: Message, row: number, column: number, button: HTMLButtonElement) => void;
}

export function presses(actions: PressActions): Presses {
  const waiting = new Map<string, () => void>();
  const answered = new Set<string>();

  const settle = (id: string): void => {
    waiting.get(id)?.();
    waiting.delete(id);
  };
  const wait = (id: string, place: string): void => {
    // The answer can be faster than the response that tells the id.
    if (answered.delete(id)) return;
    setBusy(place, true);
    const timer = window.setTimeout(() => {
      settle(id);
      actions.say(words.noAnswer);
    }, PATIENCE_MS);
    waiting.set(id, () => {
      window.clearTimeout(timer);
      setBusy(place, false);
    });
  };

  listen((change) => {
    if (change.kind !== "answer") return;
    const { callback_id: id, text, show_alert: isAlert, url } = change.event;
    const isMine = waiting.has(id);
    if (isMine) settle(id);
    else if (answered.size < UNCLAIMED) answered.add(id);
    const key = openKey();
    const isHere = key?.bot === change.event.bot && key.person === change.event.person_id;
    if (!isHere) return;
    if (text && isAlert) actions.alert(text);
    else if (text) actions.say(text);
    if (url) actions.open(url);
  });

  const press: Presses["press"] = (message, row, column, button) => {
    const key = openKey();
    const shown = message.reply_markup?.inline_keyboard[row]?.[column];
    if (!key || !shown || button.getAttribute("aria-busy") === "true") return;
    if (shown.copy_text) {
      const copy = navigator.clipboard.writeText(shown.copy_text.text);
      void copy.then(() => actions.say(words.copied), actions.failed);
      return;
    }
    const place = `${message.message_id}/${row}/${column}`;
    button.dataset["place"] = place;
    api
      .press(key, message.message_id, row, column)
      .then((answer: Pressed) => {
        if (answer.open) actions.open(answer.open);
        if (answer.callback_id) wait(answer.callback_id, place);
      })
      .catch(actions.failed);
  };
  return { press };
}

function setBusy(place: string, isBusy: boolean): void {
  document.querySelector(`[data-place="${place}"]`)?.setAttribute("aria-busy", String(isBusy));
}
