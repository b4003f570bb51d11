// The bot's commands: opened by the menu button, or narrowed while a command is typed.

import { h } from "./dom";
import type { Command } from "./types";
import { words } from "./words";

export interface CommandList {
  element: HTMLElement;
  set: (commands: Command[]) => void;
  /** Shows the commands that begin with what is typed. */
  filter: (typed: string) => void;
  toggle: () => void;
  /** Handles a key of the input; tells whether it was meant for the list. */
  key: (event: KeyboardEvent) => boolean;
}

export function commandList(pick: (command: string) => void): CommandList {
  const element = h("ul", { class: "commands", role: "listbox", "aria-label": words.commands, hidden: true });
  let all: Command[] = [];
  let shown: Command[] = [];
  let at = 0;

  const close = (): void => {
    element.hidden = true;
  };
  const choose = (command: Command): void => {
    close();
    pick(`/${command.command}`);
  };
  const draw = (): void => {
    element.hidden = shown.length === 0;
    element.replaceChildren(
      ...shown.map((command, index) =>
        h(
          "li",
          {
            role: "option",
            "aria-selected": index === at ? "true" : "false",
            // Before the input loses its focus.
            on: { pointerdown: (event) => event.preventDefault(), click: () => choose(command) },
          },
          h("strong", {}, `/${command.command}`),
          h("span", {}, command.description),
        ),
      ),
    );
    element.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const show = (commands: Command[]): void => {
    shown = commands;
    at = 0;
    draw();
  };
  document.addEventListener("click", (event) => {
    if (event.target instanceof Node && !element.parentElement?.contains(event.target)) close();
  });

  return {
    element,
    set: (commands) => {
      all = commands;
    },
    filter: (typed) => {
      if (/^\/\w*$/.test(typed)) show(all.filter((one) => one.command.startsWith(typed.slice(1))));
      else close();
    },
    toggle: () => (element.hidden ? show(all) : close()),
    key: (event) => {
      if (element.hidden) return false;
      const command = shown[at];
      if (event.key === "Escape") close();
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const step = event.key === "ArrowDown" ? 1 : shown.length - 1;
        at = (at + step) % shown.length;
        draw();
      } else if ((event.key === "Enter" || event.key === "Tab") && command) choose(command);
      else return false;
      event.preventDefault();
      return true;
    },
  };
}
