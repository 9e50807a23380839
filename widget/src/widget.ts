// <il2-companion>: the element, its attributes and its small interface; docs/widget.md describes them.

import { Conversation, createConversation } from "./conversation";
import { createStore } from "./store";
import { Config, Contact } from "./types";
import { View, createView } from "./view";

declare const BUILT_IN: Config;
declare const CSS: string;

// Named once: the build puts the values in wherever the names stand.
const builtIn = BUILT_IN;
const css = CSS;

const script = document.currentScript as HTMLScriptElement | null;
const home = new URL(".", script?.src || document.baseURI).href;

class Companion extends HTMLElement {
  #view: View | undefined;
  #conversation: Conversation | undefined;
  #away = new AbortController();
  #configured = false;

  connectedCallback(): void {
    if (this.#view) return;
    this.#away = new AbortController();
    const { signal } = this.#away;
    const server = new URL(this.getAttribute("server") ?? home, document.baseURI).href;
    const store = createStore(`il2-companion ${server}`, this.getAttribute("storage"));
    const view = (this.#view = createView({
      server,
      signal,
      inline: this.getAttribute("mode") === "inline",
      config: { ...builtIn, contact: this.#ownContact() },
      tell: (name, detail) => {
        this.dispatchEvent(new CustomEvent(`il2-${name}`, { bubbles: true, detail }));
        if (name === "open" && !this.#configured) void this.#configure();
      },
    }));
    const conversation = (this.#conversation = createConversation(server, store, view.listener));
    view.join(conversation);
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.replaceChildren(view.root);
    style(shadow);

    const refresh = () => {
      if (!this.#configured) void this.#configure();
      void conversation.refresh();
    };
    addEventListener("online", () => (view.online(), refresh()), { signal });
    addEventListener("offline", () => view.isOpen() && view.unreachable(), { signal });
    addEventListener("pageshow", (event) => event.persisted && refresh(), { signal });
    addEventListener("storage", (event) => event.key === store.key && void conversation.changed(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || refresh(), { signal });
    void this.#configure();
    void conversation.resume().then(view.restored);
  }

  disconnectedCallback(): void {
    // An element that is only moved on the page comes back within the same task.
    queueMicrotask(() => this.isConnected || this.#end());
  }

  /** Open the floating widget and put the cursor into its input. */
  open(): void {
    this.#view?.open();
  }

  close(): void {
    this.#view?.close();
  }

  /** Ask a question in the patient's name. */
  send(text: string): void {
    this.#view?.send(`${text}`);
  }

  /** Take the widget off the page. The conversation stays until the patient deletes it. */
  destroy(): void {
    this.remove();
    this.#end();
  }

  #end(): void {
    this.#away.abort();
    this.#conversation?.stop();
    this.#view = this.#conversation = undefined;
  }

  async #configure(): Promise<void> {
    const config = await this.#conversation?.config();
    if (config) this.#view?.configure(config);
    else if (this.#view?.isOpen()) this.#view.unreachable();
    this.#configured = !!config;
  }

  /** The numbers of the page's own attributes, for when the server cannot be asked. */
  #ownContact(): Contact {
    const { team, emergency, note } = builtIn.contact;
    const own = this.getAttribute("team-number");
    const others = this.getAttribute("emergency-numbers");
    const phone = (number: string, label = number) => ({ label, tel: `tel:${number.replace(/[^+\d]/g, "")}` });
    const named = `${team.label} ${own}`;
    return {
      team: own ? phone(own, named) : team,
      emergency: others ? others.split(",").map((number) => phone(number)) : emergency,
      note: own ? `${note} ${named}.` : note,
    };
  }
}

let sheet: CSSStyleSheet | undefined;

/** Constructed style sheets pass a strict content security policy; old Safari has only style elements. */
function style(shadow: ShadowRoot): void {
  if ("adoptedStyleSheets" in shadow) {
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(css);
    shadow.adoptedStyleSheets = [sheet];
  } else {
    const element = document.createElement("style");
    element.textContent = css;
    (shadow as ShadowRoot).prepend(element);
  }
}

if (!customElements.get("il2-companion")) customElements.define("il2-companion", Companion);
