// Red flags and phone numbers: the card's heading, the numbers as links, and the card that stays until acknowledged.

import { ALERT, PHONE, button, focused, h, icon, safeTel } from "./dom";
import { Escalation, Phone } from "./types";
import { Ui } from "./ui";

const GRAVITY = { soon: 1, urgent: 2, emergency: 3 };

/** What to do, in a few words: by level and by the place of treatment. */
export function title(ui: Ui, { level, setting }: Escalation): string {
  return ui.t(setting === "hospital" ? `${level}_hospital` : level);
}

export function heading(ui: Ui, escalation: Escalation): HTMLElement {
  return h("h3", {}, icon(ALERT), title(ui, escalation));
}

export function phones(numbers: Phone[]): HTMLElement {
  const links = numbers.map(({ label, tel }) => {
    const href = safeTel(tel);
    return href && h("a", { class: "phone", href }, icon(PHONE), label);
  });
  return h("div", { class: "phones" }, ...links);
}

/** The numbers of an escalation; in hospital there may be none, since there is a call button. */
export function numbers(ui: Ui, { numbers, setting }: Escalation): Phone[] {
  return numbers?.length || setting === "hospital" ? (numbers ?? []) : [ui.contact.team, ...ui.contact.emergency];
}

/** The card above the conversation. `called` is what to do when the patient says so, up to a sequence number. */
export function createPinned(ui: Ui, called: (escalation: Escalation, seq: number) => void) {
  const element = h("div", { class: "pinned", role: "group", hidden: true });
  return {
    element,
    /** Show the gravest, then latest, of the escalations that are not acknowledged. */
    show(open: { seq: number; escalation: Escalation }[]): void {
      const rank = (level: Escalation["level"]) => GRAVITY[level] ?? 0;
      const [first] = open.sort((a, b) => rank(b.escalation.level) - rank(a.escalation.level) || b.seq - a.seq);
      const held = element.contains(focused());
      element.hidden = !first;
      element.replaceChildren();
      if (first) {
        const { escalation } = first;
        const last = Math.max(...open.map(({ seq }) => seq));
        const done = ui.t(escalation.setting === "hospital" ? "called_hospital" : "called");
        const links = phones(numbers(ui, escalation));
        links.append(button({ click: () => called(escalation, last) }, done));
        element.className = `pinned ${escalation.level}`;
        element.setAttribute("aria-label", title(ui, escalation));
        element.append(heading(ui, escalation), links);
      }
      if (held) ui.refocus();
    },
  };
}
