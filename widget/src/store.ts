// What stays on the device: the conversation's token, and messages that are not sent yet. No cookie is used.

export interface Saved {
  token?: string;
  /** The highest sequence number shown. */
  last?: number;
  /** Escalations up to this sequence number are acknowledged. */
  done?: number;
}

export interface Outgoing {
  id: string;
  text: string;
  /** The token of a pressed button; `text` is then its title. */
  button?: string;
}

export type Store = ReturnType<typeof createStore>;

/** Keeps one server's conversation: in the browser's storage, or in memory where that is refused, full or not wanted. */
export function createStore(key: string, keep: string | null) {
  let area: Pick<Storage, "getItem" | "setItem" | "removeItem"> = memory();
  try {
    if (keep !== "none") area = keep === "session" ? sessionStorage : localStorage;
    area.getItem(key);
  } catch {
    area = memory();
  }

  const read = (name: string) => {
    try {
      return JSON.parse(area.getItem(name) ?? "{}");
    } catch {
      return {};
    }
  };
  const write = (name: string, value: object) => {
    try {
      area.setItem(name, JSON.stringify(value));
    } catch {
      // full: the page goes on from memory
    }
  };

  return {
    key,
    read: (): Saved => read(key),
    /** Without a conversation nothing stays. */
    write: (saved: Saved) => (saved.token ? write(key, saved) : area.removeItem(key)),
    /** Messages of an earlier page that were never answered, oldest first. */
    unsent: (): Outgoing[] =>
      Object.keys(area)
        .filter((name) => name.startsWith(`${key} `))
        .map(read)
        .filter(({ text }) => text)
        .sort((a, b) => a.at - b.at),
    hold: (message: Outgoing) => write(`${key} ${message.id}`, { ...message, at: Date.now() }),
    release: ({ id }: Outgoing) => area.removeItem(`${key} ${id}`),
  };
}

function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, value: string) => void values.set(name, value),
    removeItem: (name: string) => void values.delete(name),
  };
}
