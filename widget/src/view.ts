// The widget on the screen: launcher, panel and what happens in them. It shows what the conversation tells.

import { createPinned, phones, title } from "./alarm";
import { Conversation, Listener } from "./conversation";
import { ALERT, CLOSE, SEND, TALK, button, focused, h, icon, spoken } from "./dom";
import { GREETING, Item, createLog } from "./log";
import { createMenu, save } from "./menu";
import { createSpeaker } from "./speaker";
import { Config, Escalation, Message } from "./types";
import { Ui } from "./ui";

/** Screens on which the open widget takes all the space. */
const SMALL = "(max-width: 480px), (max-height: 480px)";
/** Characters of one message; the server takes 4096 bytes. */
const LONGEST = 1000;

export interface Setting {
  server: string;
  inline: boolean;
  config: Config;
  tell: Ui["tell"];
  /** The listeners of the page end with it. */
  signal: AbortSignal;
}

export type View = ReturnType<typeof createView>;

export function createView({ server, inline, config, tell, signal }: Setting) {
  let conversation: Conversation;
  let { suggestions } = config;
  let isOpen = inline;
  let unread = 0;
  let alarm: Escalation | undefined;
  let opener: HTMLElement | null = null;
  let touched = false;
  const small = matchMedia(SMALL);
  const inside = createSpeaker();
  const outside = createSpeaker();

  const ui: Ui = {
    server,
    tell,
    texts: config.texts,
    contact: config.contact,
    t: (key, values = {}) => (ui.texts[key] ?? "").replace(/\{(\w+)\}/g, (all, name) => `${values[name] ?? all}`),
    speak: (text, atOnce) => (isOpen ? inside : outside).say(text, atOnce),
    send,
    refocus: () => (touched ? log.element : input).focus({ preventScroll: true }),
  };

  // -- the elements ----------------------------------------------------------------------------------------------------

  const log = createLog(ui);
  const pinned = createPinned(ui, async ({ level }, seq) => {
    if (!(await conversation.acknowledge(level, seq))) unreachable();
  });
  const menu = createMenu(
    ui,
    () => log.items.map(({ head, text }) => `${head}\n${text}\n`).join("\n"),
    async () => {
      const all = await conversation.all();
      if (all) save(`${ui.t("file")}.json`, JSON.stringify(all, null, 2), "application/json");
      else notify("export_failed");
    },
    async () => {
      if (!(await conversation.erase())) notify("delete_failed");
    },
  );
  const launcherText = h("span");
  const launcher = button(
    { class: "launcher", "aria-haspopup": "dialog", "aria-expanded": "false", click: open },
    icon(TALK),
    launcherText,
  );
  const dock = h("section", { class: "dock", "data-label": "name" }, h("div"), launcher);
  const notice = h("p", { class: "notice", hidden: true });
  const contact = h("div", { class: "contact", role: "group", "data-label": "contact" });
  const hiddenText = (key: string) => h("span", { class: "hidden", "data-text": key });
  const input = h("textarea", {
    id: "input",
    rows: 1,
    maxlength: LONGEST,
    enterkeyhint: "send",
    keydown(event: KeyboardEvent) {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    },
  });
  const panel = h(
    inline ? "section" : ("dialog" as "section"),
    { class: "panel", "aria-labelledby": "title", keydown: escape, cancel: (event: Event) => (event.preventDefault(), close()) },
    h(
      "div",
      { class: "header" },
      h("div", { class: "titles" }, h("h2", { id: "title", "data-text": "name" }), h("p", { "data-text": "subtitle" })),
      menu.opener,
      !inline && button({ class: "quiet", click: close }, icon(CLOSE), hiddenText("close")),
    ),
    menu.element,
    pinned.element,
    log.element,
    h("p", { id: "help", hidden: true, "data-text": "transcript_help" }),
    log.newer,
    notice,
    h(
      "form",
      { class: "composer", submit },
      h("label", { for: "input", "data-text": "input" }),
      h("div", { class: "row" }, input, h("button", { class: "send" }, icon(SEND), hiddenText("send"))),
    ),
    contact,
    ...inside.regions,
  );
  const root = h(
    "div",
    {
      class: inline ? "inline" : "floating",
      pointerdown: (event: PointerEvent) => (touched = event.pointerType === "touch"),
      keydown: () => (touched = false),
    },
    !inline && dock,
    ...outside.regions,
    panel,
  );
  small.addEventListener("change", lay, { signal });
  for (const event of ["resize", "scroll"]) window.visualViewport?.addEventListener(event, fit, { signal });
  fit();
  configure(config);

  // -- words -----------------------------------------------------------------------------------------------------------

  /** Take the server's texts, numbers and suggestions. */
  function configure(given: Config): void {
    ui.texts = given.texts;
    ui.contact = given.contact;
    suggestions = given.suggestions;
    root.lang = ui.t("lang");
    root.dir = ui.t("dir");
    for (const element of root.querySelectorAll<HTMLElement>("[data-text], [data-label]")) {
      const { text, label } = element.dataset;
      if (text) element.textContent = ui.t(text);
      if (label) element.setAttribute("aria-label", ui.t(label));
    }
    menu.opener.hidden = !ui.t("more");
    showContact();
    showLauncher();
    if (!log.items.length || log.find(GREETING)) greet();
  }

  function greet(): void {
    log.drop((item) => item.id === GREETING);
    if (!ui.t("greeting")) return; // the server has not been heard yet
    log.add(GREETING, 0, false, ui.t("greeting"));
    if (log.items.length === 1) log.offer(suggestions.map((title) => ({ title })), ui.t("suggestions"));
    if (isOpen && !inline) ui.speak(`${ui.t("name")}: ${spoken(ui.t("greeting"))}`);
  }

  function showContact(): void {
    const { team, emergency } = ui.contact;
    contact.replaceChildren(h("b", {}, ui.t("contact")), phones([team, ...emergency]));
    dock.firstChild!.replaceWith(phones([team, ...emergency]));
  }

  function showLauncher(): void {
    const extra = alarm ? title(ui, alarm) : ui.t("launcher_new", { count: unread });
    launcherText.textContent = unread ? `${ui.t("launcher")} (${extra})` : ui.t("launcher");
    launcher.classList.toggle("urgent", !!alarm);
  }

  /** A sentence that stays in sight until the next good news, and is spoken. */
  function notify(key: string, note = ""): void {
    const words = `${ui.t(key)} ${note}`.trim();
    notice.replaceChildren(icon(ALERT), h("span", {}, words));
    notice.hidden = false;
    ui.speak(words);
  }

  function unreachable(): void {
    const reason = navigator.onLine ? "gone" : "offline";
    notify(reason, ui.contact.note);
    tell("error", { reason });
  }

  // -- open and close --------------------------------------------------------------------------------------------------

  function open(): void {
    if (isOpen) return;
    opener = focused();
    isOpen = dock.hidden = true;
    launcher.setAttribute("aria-expanded", "true");
    unread = 0;
    alarm = undefined;
    showLauncher();
    lay();
    input.focus();
    if (log.find(GREETING)) greet();
    else log.end();
    tell("open");
  }

  function close(): void {
    if (!isOpen || inline) return;
    menu.close();
    isOpen = dock.hidden = false;
    launcher.setAttribute("aria-expanded", "false");
    (panel as HTMLElement as HTMLDialogElement).close();
    (opener?.isConnected && opener !== document.body ? opener : launcher).focus();
    tell("close");
  }

  /** Show the dialog in the way that fits the screen: all of a phone's, or beside the page. */
  function lay(): void {
    if (inline || !isOpen) return;
    const dialog = panel as HTMLElement as HTMLDialogElement;
    const before = focused();
    dialog.close();
    if (small.matches) dialog.showModal();
    else dialog.show();
    if (panel.contains(before)) before!.focus();
    inside.shown();
  }

  /** A phone's keyboard covers part of the page: fit what is left. */
  function fit(): void {
    const { height = innerHeight, offsetTop = 0 } = window.visualViewport ?? {};
    root.style.setProperty("--seen", `${height}px`);
    root.style.setProperty("--above", `${offsetTop}px`);
  }

  function escape(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (menu.close()) return;
    if (log.element.contains(focused())) input.focus();
    else close();
  }

  // -- the patient's part ----------------------------------------------------------------------------------------------

  function send(text: string, token?: string): void {
    const words = text.trim().slice(0, LONGEST);
    if (!words) return;
    conversation.send(words, token);
    log.end();
    tell("message", { from: "patient" });
  }

  function submit(event: Event): void {
    event.preventDefault();
    send(input.value);
    input.value = "";
    if (!touched) input.focus();
  }

  function retry(): void {
    ui.refocus();
    conversation.retry();
  }

  // -- what the conversation tells -------------------------------------------------------------------------------------

  const listener: Listener = {
    state({ id, text }, state, why = "") {
      let item = log.find(id);
      if (!item) {
        item = log.add(id, Infinity, true, text);
        log.offer([], "");
        ui.speak(`${ui.t("you")}: ${spoken(text)}`);
      }
      log.wait(state === "sending");
      const known = item.note?.firstChild?.textContent;
      item.note?.remove();
      if (state === "sent") notice.hidden = true;
      else if (state !== "sending") {
        const words = h("span", {}, `${ui.t(state === "waiting" ? state : "failed")} ${why}`);
        item.note = h("p", { class: "state" }, words, state === "failed" && button({ click: retry }, ui.t("retry")));
        item.element.append(item.note);
        if (why && words.textContent !== known) ui.speak(words.textContent!);
        log.end();
      }
    },

    said(messages, news) {
      const follow = log.atEnd();
      if (!news) log.drop((item) => item.id === GREETING);
      let shown: Item | undefined;
      for (const message of messages.sort((a, b) => a.seq - b.seq)) {
        const asked = log.find(message.reply_to);
        if (asked?.seq === Infinity) log.place(asked, message.seq - 0.5);
        const known = log.find(message.id);
        if (known) log.place(known, message.seq);
        else {
          const item = log.render(message);
          shown ??= asked ?? item;
          if (news && message.from === "bot") announce(message);
        }
      }
      pin();
      if (!shown) return;
      const { buttons = [] } = messages[messages.length - 1]!;
      const label = ui.t("choices", { count: buttons.length, list: buttons.map(({ title }) => title).join(", ") });
      log.offer(buttons, label);
      if (news && buttons.length) ui.speak(label);
      if (!news) log.end();
      else if (follow || !isOpen) log.reveal(shown);
      else log.newer.hidden = false;
    },

    contact(given) {
      if (JSON.stringify(given) === JSON.stringify(ui.contact)) return; // whoever is on a number stays on it
      ui.contact = given;
      showContact();
    },

    blocked(busy) {
      if (busy) notify("busy");
      else unreachable();
    },

    ended(deleted) {
      log.drop((item) => deleted || item.seq < Infinity);
      log.offer([], "");
      log.wait(false);
      pin();
      if (deleted) {
        greet();
        tell("deleted");
      }
      notify(deleted ? "deleted" : "ended");
    },

    acknowledged: pin,
  };

  function pin(): void {
    const open = log.items.filter((item) => item.escalation && item.seq > conversation.done());
    pinned.show(open as (Item & { escalation: Escalation })[]);
  }

  function announce({ text, escalation, answer }: Message): void {
    const first = escalation ? `${title(ui, escalation)}. ` : "";
    const differ = answer?.differ ? ` ${ui.t("differ")}: ${answer.differ}` : "";
    ui.speak(`${ui.t("name")}: ${first}${spoken(text + differ)}`, !!escalation);
    tell("message", { from: "bot", level: escalation?.level });
    if (isOpen) return;
    unread++;
    alarm = escalation ?? alarm;
    showLauncher();
  }

  return {
    root,
    listener,
    configure,
    unreachable,
    open,
    close,
    send,
    isOpen: () => isOpen,
    /** Join the conversation to what is shown. */
    join: (talk: Conversation) => (conversation = talk),
    online() {
      if (!notice.hidden) ui.speak(ui.t("back"));
      notice.hidden = true;
    },
    restored() {
      if (log.items.some((item) => item.seq && item.seq < Infinity)) ui.speak(ui.t("restored"));
    },
  };
}
