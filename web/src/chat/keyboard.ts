// The bot's keyboard in place of the person's own.

import { h, icon } from "./dom";
import type { Keyboard } from "./types";

export interface ReplyKeyboard {
  element: HTMLElement;
  draw: (keyboard: Keyboard | null) => void;
}

export function replyKeyboard(press: (row: number, column: number, isOnce: boolean) => void): ReplyKeyboard {
  const element = h("div", { class: "reply-keyboard", hidden: true });
  let drawn = "";
  return {
    element,
    draw: (keyboard) => {
      const next = JSON.stringify(keyboard);
      element.hidden = !keyboard;
      if (next === drawn) return;
      drawn = next;
      element.classList.toggle("tall", keyboard?.resize_keyboard !== true);
      const rows = keyboard?.keyboard ?? [];
      element.replaceChildren(
        ...rows.map((row, rowIndex) =>
          h(
            "div",
            { class: "reply-row" },
            ...row.map((button, column) => {
              const click = (): void => press(rowIndex, column, keyboard?.one_time_keyboard ?? false);
              const sign = button.request_contact ? icon("person") : button.web_app ? icon("app") : null;
              return h("button", { class: "reply-button", type: "button", on: { click } }, sign, h("span", {}, button.text));
            }),
          ),
        ),
      );
    },
  };
}
