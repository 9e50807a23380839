// The conversation on the screen: messages in their order, the choices under the last one, and the way through by keys.

import { heading, numbers, phones } from "./alarm";
import { blocks, button, focused, h, safeUrl } from "./dom";
import { Escalation, Message } from "./types";
import { Ui } from "./ui";

/** Milliseconds before "looking it up" is shown. */
const PATIENCE = 1000;
/** The id of the greeting that stands until the server's own arrives. */
export const GREETING = "greeting";

export interface Item {
  id: string;
  element: HTMLElement;
  /** Sequence number; infinite while a message is not answered, so that it comes last. */
  seq: number;
  /** Who and when, then what; for the saved and the printed copy. */
  head: string;
  text: string;
  escalation?: Escalation;
  note?: HTMLElement;
}

export function createLog(ui: Ui) {
  const items: Item[] = [];
  let timer = 0;
  const chips = h("div", { class: "chips", role: "group", hidden: true });
  const writing = h(
    "p",
    { class: "writing", hidden: true },
    h("span", { class: "dots", "aria-hidden": "true" }),
    h("span", { "data-text": "writing" }),
  );
  const newer = button({ class: "newer", hidden: true, "data-text": "new_messages", click: showNewer });
  const element = h(
    "div",
    {
      class: "log",
      role: "log",
      "aria-live": "off", // speaker.ts speaks
      "aria-describedby": "help",
      "data-label": "transcript",
      tabindex: 0,
      keydown: walk,
      scroll: () => atEnd() && (newer.hidden = true),
    },
    chips,
    writing,
  );

  const find = (id?: string) => items.find((item) => item.id === id);

  function add(id: string, seq: number, mine: boolean, text: string, at?: string): Item {
    const who = ui.t(mine ? "you" : "name");
    const time = id === GREETING ? "" : clock(at);
    const head = h("p", { class: "who" }, h("b", {}, who), " ", time);
    const words = h("div", { class: "words" }, ...blocks(text));
    const shown = h("article", { class: `message ${mine ? "me" : "bot"}`, tabindex: -1 }, head, words);
    const item = { id, element: shown, seq, head: `${who} ${time}`, text };
    place(item, seq);
    return item;
  }

  /** Put a message where its number says. */
  function place(item: Item, seq: number): void {
    const from = items.indexOf(item);
    if (from >= 0 && item.seq === seq) return;
    if (from >= 0) items.splice(from, 1);
    item.seq = seq;
    const at = items.findIndex((other) => other.seq > seq);
    const next = items[at]?.element ?? chips;
    items.splice(at < 0 ? items.length : at, 0, item);
    if (item.element.nextSibling !== next) element.insertBefore(item.element, next);
  }

  function render({ id, seq, from, text, at, escalation, answer, calendar }: Message): Item {
    const item = add(id, seq, from === "patient", text, at);
    const shown = item.element;
    if (escalation) {
      item.escalation = escalation;
      shown.classList.add("card", escalation.level);
      shown.insertBefore(heading(ui, escalation), shown.lastChild);
      shown.append(phones(numbers(ui, escalation)));
    }
    const fold = (key: string, ...content: Node[]) =>
      shown.append(h("details", {}, h("summary", {}, ui.t(key)), ...content));
    if (answer?.differ) {
      fold("differ", ...blocks(answer.differ));
      item.text += `\n\n${ui.t("differ")}: ${answer.differ}`;
    }
    const named = answer?.sources_text?.map(({ title, country, year }) =>
      [title, country, year].filter(Boolean).join(", "),
    );
    if (named?.length) {
      fold("sources", h("ul", {}, ...named.map((name) => h("li", {}, name))));
      item.text += `\n\n${ui.t("sources")}: ${named.join("; ")}`;
    }
    const href = safeUrl(calendar, ui.server);
    if (href) shown.append(h("a", { class: "file", href, download: "" }, ui.t("calendar")));
    return item;
  }

  function drop(gone: (item: Item) => boolean): void {
    for (const item of items.filter(gone)) {
      item.element.remove();
      items.splice(items.indexOf(item), 1);
    }
  }

  function offer(choices: { title: string; token?: string }[], label: string): void {
    if (chips.contains(focused())) element.focus();
    chips.replaceChildren(
      ...choices.map(({ title, token }) => {
        const click = () => {
          ui.refocus();
          ui.send(title, token);
        };
        return button({ class: "choice", click }, title);
      }),
    );
    chips.setAttribute("aria-label", label);
    chips.hidden = !choices.length;
  }

  /** Say after a moment that an answer is being looked up, once for each question. */
  function wait(on: boolean): void {
    clearTimeout(timer);
    if (!on) writing.hidden = true;
    else if (writing.hidden) {
      timer = window.setTimeout(() => {
        writing.hidden = false;
        ui.speak(ui.t("writing"));
        end();
      }, PATIENCE);
    }
  }

  /** What scrolls: the log, or on a low screen the whole panel. */
  function scroller(): HTMLElement {
    return getComputedStyle(element).overflowY === "visible" ? element.parentElement! : element;
  }

  function atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = scroller();
    return scrollHeight - scrollTop - clientHeight < 40;
  }

  function end(): void {
    scroller().scrollTop = 1e6;
  }

  /** Show as much of an answer as fits, beginning with a message before it. */
  function reveal(from: Item): void {
    const box = scroller();
    box.scrollTop += from.element.getBoundingClientRect().top - box.getBoundingClientRect().top - 8;
  }

  function showNewer(): void {
    newer.hidden = true;
    items[items.length - 1]?.element.focus();
  }

  function walk(event: KeyboardEvent): void {
    const at = items.findIndex((item) => item.element.contains(focused()));
    const last = items.length - 1;
    const to = { ArrowUp: at < 0 ? last : Math.max(at - 1, 0), ArrowDown: Math.min(at + 1, last), Home: 0, End: last }[event.key];
    if (to === undefined || (at < 0 && event.key === "ArrowDown")) return;
    event.preventDefault();
    items[to]?.element.focus();
  }

  return { element, newer, items, find, add, place, render, drop, offer, wait, atEnd, end, reveal };
}

function clock(at?: string): string {
  const time = at ? new Date(at) : new Date();
  return isNaN(+time) ? "" : time.toLocaleTimeString([], { timeStyle: "short" });
}
