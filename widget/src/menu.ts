// More: keep the conversation as a file or on paper, get all that the server keeps of it, or delete it.

import { MORE, button, focused, h, icon } from "./dom";
import { Ui } from "./ui";

/** `copy` gives the conversation as text; `all` gets what is kept on the server; `erase` deletes it. */
export function createMenu(ui: Ui, copy: () => string, all: () => void, erase: () => void) {
  const opener = button(
    { class: "quiet", "aria-expanded": "false", click: () => toggle(list.hidden) },
    icon(MORE),
    h("span", { class: "hidden", "data-text": "more" }),
  );
  const entry = (key: string, click: () => void, look?: string) => button({ "data-text": key, class: look, click });
  const list = h(
    "div",
    { class: "menu", hidden: true },
    // In this order they fit into two rows of a small phone.
    entry("export", () => (toggle(false), all())),
    entry("print", () => (toggle(false), print(ui.t("name"), copy(), element))),
    entry("save", () => (toggle(false), save(`${ui.t("file")}.txt`, copy(), "text/plain;charset=utf-8"))),
    entry("delete", () => ask(true)),
  );
  const keep = entry("delete_no", () => ask(false));
  const question = h(
    "div",
    { class: "menu", hidden: true, role: "group", "data-label": "delete" },
    h("p", { "data-text": "delete_ask" }),
    entry("delete_yes", () => (ask(false), erase()), "danger"),
    keep,
  );
  const element = h("div", {}, list, question);

  function toggle(show: boolean): void {
    if (!show && element.contains(focused())) opener.focus();
    list.hidden = !show;
    question.hidden = true;
    opener.setAttribute("aria-expanded", `${show}`);
  }

  function ask(on: boolean): void {
    toggle(false);
    question.hidden = !on;
    if (on) keep.focus();
  }

  /** Close what is open; false when nothing was. */
  const close = () => {
    const was = !list.hidden || !question.hidden;
    toggle(false);
    return was;
  };

  return { opener, element, close };
}

export function save(download: string, text: string, type: string): void {
  const href = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 9999);
}

/** Print the text alone, without the page around it. */
function print(title: string, text: string, place: Node): void {
  const frame = h("iframe", { title, class: "hidden", "aria-hidden": "true", tabindex: -1 });
  place.appendChild(frame);
  const view = frame.contentWindow!;
  view.document.title = title;
  view.document.body.textContent = text;
  view.document.body.style.whiteSpace = "pre-wrap";
  view.onafterprint = () => frame.remove();
  view.print();
}
