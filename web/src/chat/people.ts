// The left side: which bot, which person, what was said last.

import { avatar, h, icon, iconButton } from "./dom";
import { preview } from "./rich";
import { chatOf, listen, store } from "./store";
import { exactTime, listTime } from "./time";
import type { Person } from "./types";
import { words } from "./words";

export interface PeopleActions {
  open: (bot: string, person: number) => void;
  add: () => void;
  weather: () => void;
}

interface Row {
  item: HTMLLIElement;
  button: HTMLButtonElement;
}

export const fullName = (person: Person): string =>
  [person.first_name, person.last_name].filter(Boolean).join(" ");

export function peoplePane(actions: PeopleActions): HTMLElement {
  const list = h("ul", { class: "people-list", "aria-label": words.people });
  const picker = h("select", { class: "bot-picker", "aria-label": words.chooseBot });
  const single = h("span", { class: "brand-sub" });
  const weather = iconButton("cloud", words.weather, actions.weather);
  const lost = h("p", { class: "lost", role: "status", hidden: true }, words.lost);
  const rows = new Map<number, Row>();

  picker.addEventListener("change", () => {
    const person = store.person ?? store.people[0]?.id;
    if (person !== undefined) actions.open(picker.value, person);
  });
  list.addEventListener("keydown", (event) => moveFocus(list, event));

  const drawBots = (): void => {
    picker.replaceChildren(...store.bots.map((bot) => h("option", { value: bot.name }, bot.title)));
    picker.value = store.bot;
    picker.hidden = store.bots.length < 2;
    single.textContent = store.bots.length < 2 ? words.sandbox : "";
  };
  const drawWeather = (): void => {
    const isStormy = store.faults.length > 0;
    weather.replaceChildren(icon(isStormy ? "storm" : "cloud"));
    weather.classList.toggle("stormy", isStormy);
  };
  const draw = (): void => {
    const sorted = [...store.people].sort(byLastMessage);
    for (const [index, person] of sorted.entries()) {
      const row = rows.get(person.id) ?? makeRow(person, actions);
      rows.set(person.id, row);
      fillRow(row, person);
      if (list.children[index] !== row.item) list.insertBefore(row.item, list.children[index] ?? null);
    }
  };

  listen((change) => {
    if (change.kind === "all") {
      drawBots();
      drawWeather();
    }
    if (change.kind === "selected") picker.value = store.bot;
    if (["all", "selected", "people", "chat", "message", "loaded"].includes(change.kind)) draw();
    if (change.kind === "faults") drawWeather();
    lost.hidden = store.isConnected;
  });

  return h(
    "aside",
    { class: "people", "aria-label": words.people },
    h(
      "header",
      { class: "bar" },
      h("h1", { class: "brand" }, "Kontor ", single, picker),
      weather,
      iconButton("plus", words.addPerson, actions.add),
    ),
    lost,
    list,
    h("p", { class: "hint" }, words.peopleHint),
  );
}

function byLastMessage(one: Person, other: Person): number {
  const date = (person: Person): number =>
    chatOf({ bot: store.bot, person: person.id })?.last?.date ?? 0;
  return date(other) - date(one) || one.id - other.id;
}

function makeRow(person: Person, actions: PeopleActions): Row {
  const open = (): void => actions.open(store.bot, person.id);
  const button = h("button", { class: "person", type: "button", on: { click: open } });
  return { item: h("li", {}, button), button };
}

function fillRow({ button }: Row, person: Person): void {
  const chat = chatOf({ bot: store.bot, person: person.id });
  const last = chat?.last;
  const unread = chat?.unread ?? 0;
  const said = last ? preview(last) : `ID ${person.id}`;
  const who = last && !last.from.is_bot ? h("span", { class: "said-by" }, `${words.you}: `) : null;
  button.setAttribute("aria-current", String(store.person === person.id));
  button.classList.toggle("is-blocked", chat?.blocked ?? false);
  button.replaceChildren(
    avatar(person.id, person.first_name, person.last_name),
    h(
      "span",
      { class: "person-text" },
      h(
        "span",
        { class: "person-line" },
        h("span", { class: "person-name" }, fullName(person)),
        chat?.blocked ? icon("ban") : null,
        last ? h("time", { class: "when", title: exactTime(last.date) }, listTime(last.date)) : null,
      ),
      h(
        "span",
        { class: "person-line" },
        h("span", { class: "said" }, who, said),
        unread > 0
          ? h("span", { class: "badge", "aria-label": `${unread} ${words.unread}` }, unread > 99 ? "99+" : String(unread))
          : null,
      ),
    ),
  );
}

/** Up and down go through the list. */
function moveFocus(list: HTMLElement, event: KeyboardEvent): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  const buttons = [...list.querySelectorAll<HTMLButtonElement>("button.person")];
  const at = buttons.findIndex((button) => button === document.activeElement);
  buttons[Math.min(Math.max(at + step, 0), buttons.length - 1)]?.focus();
  event.preventDefault();
}
