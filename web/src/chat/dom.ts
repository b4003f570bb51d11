// A small helper that makes elements; texts always go in as text.

export type Child = Node | string | null | undefined | false;

type Handlers = {
  [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void;
};

interface Properties {
  class?: string | undefined;
  on?: Handlers;
  /** Everything else is an attribute; `false` and `undefined` leave it out. */
  [attribute: string]: string | number | boolean | undefined | Handlers;
}

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "object") {
      for (const [event, handler] of Object.entries(value)) {
        element.addEventListener(event, handler as EventListener);
      }
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

export function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (child) parent.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
  }
}

const PATHS = {
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  send: "M4 12l16-8-5 17-4-7-7-2zM11 14l9-10",
  clip: "M19 11l-7.5 7.5a4.2 4.2 0 01-6-6L13 5a2.8 2.8 0 014 4l-7.5 7.5a1.4 1.4 0 01-2-2L14 8",
  keys: "M4 6h16v12H4zM8 10h.01M12 10h.01M16 10h.01M8 14h8",
  menu: "M5 7h14M5 12h14M5 17h14",
  cloud: "M7 18a4 4 0 01-.5-8A6 6 0 0118 9.5a4.2 4.2 0 01-.5 8.5z",
  storm: "M7 15a4 4 0 01-.5-8A6 6 0 0118 6.5a4.2 4.2 0 01-.5 8.5M13 11l-3 5h4l-3 5",
  more: "M12 5.5h.01M12 12h.01M12 18.5h.01",
  close: "M6 6l12 12M18 6L6 18",
  checks: "M2 13l4 4 8-9M11 16l1 1 9-10",
  out: "M8 16L17 7M9 7h8v8",
  app: "M5 5h14v14H5zM5 9h14",
  person: "M12 12a4 4 0 100-8 4 4 0 000 8zM5 20a7 7 0 0114 0",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  pencil: "M5 19l1-4L16 5l3 3L9 18z",
  reply: "M10 7L5 12l5 5M5 12h8a6 6 0 016 6",
  down: "M6 9l6 6 6-6",
  copy: "M8 8h11v12H8zM5 16V4h11",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  ban: "M12 21a9 9 0 100-18 9 9 0 000 18zM6 6l12 12",
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing of 24 by 24; decoration only, the button around it carries the name. */
export function icon(name: IconName): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.appendChild(path);
  return svg;
}

/** A round button with an icon and a name for everybody who does not see it. */
export function iconButton(name: IconName, label: string, press: () => void): HTMLButtonElement {
  return h("button", { class: "icon-button", type: "button", "aria-label": label, title: label, on: { click: press } }, icon(name));
}

/** Up to two initials on one of eight colours, the same for the same id. */
export function avatar(id: number, ...names: (string | undefined)[]): HTMLElement {
  const initials = names.map((name) => (name ? [...name.trim()][0] : "")).join("").toUpperCase();
  return h("span", { class: `avatar tint-${Math.abs(id) % 8}`, "aria-hidden": "true" }, initials || "?");
}
