// What the server and the widget say to each other; docs/integrators.md describes the web channel.

export interface Phone {
  label: string;
  /** A `tel:` address; null while the clinic has set no number. */
  tel: string | null;
}

export interface Contact {
  team: Phone;
  emergency: Phone[];
  note: string;
}

export type Texts = Record<string, string>;

export interface Config {
  texts: Texts;
  contact: Contact;
  suggestions: string[];
}

export interface Leaflet {
  title: string;
  country: string;
  year: string;
}

export type Level = "emergency" | "urgent" | "soon";

export interface Escalation {
  level: Level;
  setting: "home" | "hospital";
  numbers: Phone[];
}

export interface Message {
  /** Counts up within a conversation. */
  seq: number;
  id: string;
  from: "patient" | "bot";
  text: string;
  at?: string;
  reply_to?: string;
  buttons?: { title: string; token: string }[];
  answer?: { sources_text?: Leaflet[]; differ?: string | null };
  escalation?: Escalation;
  calendar?: string;
  /** Whether the conversation is deleted, as the patient has confirmed by a message. */
  deletion?: "done" | "failed";
}
