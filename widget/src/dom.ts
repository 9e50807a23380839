// Elements are made one by one and text is set as text: nothing in the widget ever parses HTML.

type Child = Node | string | false | null | undefined;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

/** An element with attributes and children. A function is a listener; each class is also a `part` for the page's styles. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else if (value != null && value !== false) element.setAttribute(name, value === true ? "" : `${value}`);
    if (name === "class") element.setAttribute("part", `${value}`);
  }
  element.append(...(children.filter((child) => child) as (Node | string)[]));
  return element;
}

export function button(attributes: Record<string, Value>, ...children: Child[]): HTMLButtonElement {
  return h("button", { type: "button", ...attributes }, ...children);
}

/** A line drawing in the colour of the text beside it; screen readers pass over it. */
export function icon(path: string): SVGElement {
  const make = (name: string) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const svg = make("svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(make("path")).setAttribute("d", path);
  return svg;
}

export const PHONE = "M5 4h4l2 5-3 2q2 4 5 5l2-3 5 2v4Q5 21 5 4z";
export const TALK = "M4 5h16v11h-8l-5 4v-4H4z";
export const CLOSE = "M6 6l12 12M18 6L6 18";
export const MORE = "M5 11v2M12 11v2M19 11v2";
export const SEND = "M12 19V5M6 11l6-6 6 6";
export const ALERT = "M12 3l10 18H2zM12 10v5M12 18h0";

/** Paragraphs and lists of a plain text: a blank line parts paragraphs, "- " begins a list line. No character is lost. */
export function blocks(text: string): HTMLElement[] {
  const made: HTMLElement[] = [];
  for (const paragraph of text.split(/\n\s*\n/)) {
    let open: HTMLElement | undefined;
    for (const line of paragraph.split("\n")) {
      const item = line.startsWith("- ");
      if (open?.localName !== (item ? "ul" : "p")) made.push((open = h(item ? "ul" : "p", { dir: "auto" })));
      else if (!item) open.append("\n");
      open.append(item ? h("li", { dir: "auto" }, line.slice(2)) : line);
    }
  }
  return made;
}

/** The text as it is spoken: without line ends and the marks of list lines. */
export function spoken(text: string): string {
  return text.replace(/^- /gm, "").replace(/\s*\n\s*/g, " ");
}

/** The address if it is a plain phone number, else null. */
export function safeTel(tel: string | null): string | null {
  return tel && /^tel:\+?[-\d().*#\s]+$/.test(tel) ? tel : null;
}

/** The whole address if it lies on the companion's own server, else null. */
export function safeUrl(address: string | undefined, server: string): string | null {
  try {
    const url = new URL(address!, server);
    return address && url.origin === new URL(server).origin && /^http/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** The focused element, also inside a shadow root. */
export function focused(): HTMLElement | null {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element as HTMLElement | null;
}
