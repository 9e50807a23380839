// One conversation with the server: sends each message until it is answered, once, and knows nothing of the page.

import { Outgoing, Saved, Store } from "./store";
import { Config, Contact, Message } from "./types";

/** Milliseconds before a message that did not get through is sent again; after the last one it counts as not sent. */
const AGAIN = [300, 1000, 3000];
/** Milliseconds for one request; the server answers within ten seconds whatever happens. */
const LIMIT = 15000;
/** Seconds to wait after "too many" when the server names none, and at most. */
const BREATHER = 2;
const LONGEST_BREATHER = 60;

export type State = "sending" | "waiting" | "failed" | "refused" | "sent";

export interface Listener {
  /** What became of a message of the patient; `why` is the server's reason for refusing it. */
  state(message: Outgoing, state: State, why?: string): void;
  /** What was said. `news` is true for answers to this page, false for what is only caught up with. */
  said(messages: Message[], news: boolean): void;
  /** The numbers to call, as the server names them. */
  contact(contact: Contact): void;
  /** Messages do not get through: too many at once (they go out a little later), or nobody answers. */
  blocked(busy: boolean): void;
  /** The conversation is no longer there: deleted here or in another tab, or unknown to the server. */
  ended(deleted: boolean): void;
  /** An escalation was acknowledged, here or in another tab. */
  acknowledged(): void;
}

interface Answer {
  /** The HTTP status; 0 when no answer came. */
  status: number;
  body: any;
  /** Seconds to wait before the next request. */
  after: number;
}

const NO_ANSWER: Answer = { status: 0, body: {}, after: 0 };

export type Conversation = ReturnType<typeof createConversation>;

export function createConversation(server: string, store: Store, listener: Listener) {
  let saved: Saved = store.read();
  const queue: Outgoing[] = [];
  // What an earlier page has left goes first, so nothing is sent before it is known.
  let sending = true;
  /** The last sequence number on this page, and whether all before it is on the page too. */
  let seen = 0;
  let whole = false;
  let over = false;
  let wake = () => {};

  async function call(method: string, path: string, body?: object): Promise<Answer> {
    const { token } = saved;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), LIMIT);
    const headers: Record<string, string> = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    try {
      const answer = await fetch(new URL(`webhooks/web/${path}`, server), {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        signal: stop.signal,
      });
      const content = answer.status === 204 ? {} : await answer.json();
      if (content.contact) listener.contact(content.contact);
      // A new conversation, or a new token for one that goes on; not for one that was deleted meanwhile.
      if (content.token && saved.token === token) save({ token: content.token });
      const after = +answer.headers.get("Retry-After")! || BREATHER;
      return { status: answer.status, body: content, after: Math.min(after, LONGEST_BREATHER) };
    } catch {
      return NO_ANSWER;
    } finally {
      clearTimeout(timer);
    }
  }

  function save(change: Saved): void {
    saved = { ...saved, ...change };
    store.write(saved);
  }

  function end(deleted: boolean): void {
    saved = {};
    seen = 0;
    whole = false;
    store.write(saved);
    listener.ended(deleted);
  }

  function accept(messages: Message[], news: boolean): void {
    if (!messages.length) return;
    // A reply that the server could say but not keep has no number: it stands after all others.
    listener.said(messages.map((message) => ({ ...message, seq: message.seq || seen + 0.5 })), news);
    seen = Math.max(seen, ...messages.map(({ seq }) => seq));
    save({ last: seen });
  }

  /** Show what was said and is not on this page yet. */
  async function catchUp(): Promise<void> {
    if (!saved.token) return;
    const { status, body } = await call("GET", `messages?after=${whole ? seen : 0}`);
    if (status === 200) {
      whole = true;
      accept(body.messages, false);
    } else if (status === 401) end(false);
  }

  /** Whether there is a conversation, with all of it on the page; one begins with the first message. */
  async function begun(): Promise<boolean> {
    if (!whole) await catchUp();
    if (saved.token) return whole;
    const { status, body } = await call("POST", "conversations", {});
    if (status !== 201) return false;
    whole = true;
    accept(body.messages, false);
    return true;
  }

  /** Send what waits, one after the other. */
  async function pump(): Promise<void> {
    wake();
    if (sending) return;
    sending = true;
    while (queue[0] && !over && (await deliver(queue[0])));
    sending = false;
  }

  /** Whether the next message may follow. */
  async function deliver(message: Outgoing): Promise<boolean> {
    const { id, text } = message;
    listener.state(message, "sending");
    for (let attempt = 0; queue[0] === message && !over; ) {
      const { button } = message;
      const what = button ? { id, button } : { id, text };
      const { status, body, after } = (await begun()) ? await call("POST", "messages", what) : NO_ANSWER;
      if (queue[0] !== message) break; // deleted in the meantime
      if (status === 429) {
        listener.state(message, "waiting");
        listener.blocked(true);
        await pause(after * 1000);
      } else if (status === 401) {
        delete message.button; // it went with the conversation; its title says the same
        end(false);
      } else if (status >= 200 && status < 500) {
        queue.shift();
        store.release(message);
        listener.state(message, status === 200 ? "sent" : "refused", body.reason);
        if (status === 200) {
          if (body.messages.some(({ deletion }: Message) => deletion === "done")) end(true);
          accept(body.messages, true);
        }
      } else if (attempt < AGAIN.length && navigator.onLine) {
        // What the server says beside an error may be whom to call, so it is shown before the next attempt.
        if (body.reason) listener.state(message, "waiting", body.reason);
        await pause(AGAIN[attempt++]!);
      } else {
        for (const left of queue) listener.state(left, navigator.onLine ? "failed" : "waiting", left === message ? body.reason : "");
        listener.blocked(false);
        return false;
      }
    }
    return true;
  }

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  return {
    /** Escalations up to this sequence number are acknowledged. */
    done: () => saved.done ?? 0,

    /** The server's texts and numbers; undefined when they cannot be had. */
    async config(): Promise<Config | undefined> {
      const { status, body } = await call("GET", "config");
      return status === 200 ? body : undefined;
    },

    /** Show what was said earlier, then send what was left. */
    async resume(): Promise<void> {
      const left = store.unsent();
      await catchUp();
      queue.unshift(...left);
      left.forEach((message) => listener.state(message, "sending"));
      sending = false;
      void pump();
    },

    /** Ask for what was said elsewhere, and try again to send what waits. */
    async refresh(): Promise<void> {
      void pump();
      await catchUp();
    },

    /** Another tab has changed what is stored. */
    async changed(): Promise<void> {
      const { token, done } = saved;
      saved = store.read();
      if (id(token) !== id(saved.token)) {
        whole = false;
        if (token) listener.ended(!saved.token);
      }
      if (saved.done !== done) listener.acknowledged();
      if (!whole || saved.last! > seen) await catchUp();
    },

    send(text: string, button?: string): void {
      const message = { id: uuid(), text, button };
      store.hold(message);
      queue.push(message);
      listener.state(message, "sending");
      void pump();
    },

    /** Send what waits at once. */
    retry: pump,

    /** The patient has called: no more reminders. False when the server could not be told. */
    async acknowledge(level: string, seq: number): Promise<boolean> {
      const { status, body } = await call("POST", "acknowledge", { level });
      if (status !== 200) return false;
      save({ done: seq });
      listener.acknowledged();
      accept(body.messages, true);
      return true;
    },

    /** All that the server keeps of the conversation; undefined when that is nothing, or cannot be had now. */
    async all(): Promise<object | undefined> {
      const { status, body } = await call("GET", "conversation");
      return status === 200 ? body : undefined;
    },

    /** Delete the conversation on the server and here. False when the server could not be told. */
    async erase(): Promise<boolean> {
      const { status } = saved.token ? await call("DELETE", "conversation") : { status: 204 };
      if (status !== 204 && status !== 401) return false; // 401: it is gone already
      queue.splice(0).forEach(store.release);
      end(true);
      return true;
    },

    /** Stop sending; the page is going. */
    stop(): void {
      over = true;
      wake();
    },
  };
}

/** The conversation that a token is for. */
function id(token = ""): string {
  return token.split(".")[0]!;
}

/** A random UUID; `crypto.randomUUID` is missing on pages without TLS. */
function uuid(): string {
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => {
    const random = crypto.getRandomValues(new Uint8Array(1))[0]! & (15 >> (+digit / 4));
    return (+digit ^ random).toString(16);
  });
}
