// The line above the chat: the bot, what it is doing, and as whom one plays.

import { avatar, h, icon, iconButton } from "./dom";
import { fullName } from "./people";
import { currentBot, currentPerson, isOpen, listen, store } from "./store";
import { words } from "./words";

/** Telegram shows an action for this long when nothing follows. */
const ACTION_MS = 5000;

export interface HeadActions {
  back: () => void;
  more: (anchor: HTMLElement) => void;
  weather: () => void;
}

export function chatHead(actions: HeadActions): HTMLElement {
  const face = h("span", { class: "face" });
  const title = h("h2", {});
  const status = h("p", { class: "status" });
  const player = h("span", { class: "player" });
  const storm = h(
    "button",
    { class: "storm-chip", type: "button", hidden: true, on: { click: actions.weather } },
    icon("storm"),
    h("span", {}),
  );
  const more = iconButton("more", words.chatMenu, () => actions.more(more));
  let timer = 0;

  const quiet = (): void => {
    window.clearTimeout(timer);
    status.classList.remove("busy");
    status.replaceChildren(`@${currentBot()?.username ?? ""} · ${words.bot}`);
  };
  const draw = (): void => {
    const bot = currentBot();
    const person = currentPerson();
    face.replaceChildren(avatar(bot?.id ?? 0, bot?.title));
    title.textContent = bot?.title ?? "";
    player.replaceChildren(
      ...(person ? [avatar(person.id, person.first_name, person.last_name), h("span", {}, fullName(person))] : []),
    );
    document.title = person ? `${bot?.title} · ${fullName(person)}` : words.title;
    quiet();
  };
  const drawStorm = (): void => {
    storm.hidden = store.faults.length === 0;
    storm.title = words.weather;
    storm.querySelector("span")!.textContent = `${words.weather}: ${store.faults.length}`;
  };

  listen((change) => {
    if (change.kind === "all" || change.kind === "selected") draw();
    if (change.kind === "all" || change.kind === "faults") drawStorm();
    if (change.kind === "message" && isOpen(change.key) && change.message.from.is_bot) quiet();
    if (change.kind === "action" && isOpen(change.key)) {
      const doing = change.action === "typing" ? words.typing : words.sending;
      status.classList.add("busy");
      status.replaceChildren(doing, h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")));
      window.clearTimeout(timer);
      timer = window.setTimeout(quiet, ACTION_MS);
    }
  });

  const back = iconButton("back", words.back, actions.back);
  back.classList.add("back");
  return h(
    "header",
    { class: "bar chat-head" },
    back,
    face,
    h("div", { class: "chat-title" }, title, status),
    storm,
    player,
    more,
  );
}
