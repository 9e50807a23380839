// What the parts of the widget share: its words, its voice and the way to tell the page.

import { Contact, Texts } from "./types";

export interface Ui {
  texts: Texts;
  contact: Contact;
  readonly server: string;
  /** A text by its key, with values for its placeholders. */
  t(key: string, values?: Record<string, string | number>): string;
  speak(text: string, atOnce?: boolean): void;
  /** An event for the page; it never holds a word of the patient. */
  tell(event: string, detail?: object): void;
  send(text: string, button?: string): void;
  /** After a press the next thing is to write; but a finger does not want the keyboard to jump up. */
  refocus(): void;
}
