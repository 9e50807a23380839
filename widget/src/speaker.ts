// Speaks to screen readers: regions of their own, apart from the transcript, so that history is never read again.

import { h } from "./dom";

/** Milliseconds a sentence stays: long enough to be noticed, short enough not to be met when reading the page. */
const STAYS = 2000;
/** Milliseconds a region must have been on the page before a change in it is noticed. */
const SETTLES = 250;

export function createSpeaker() {
  const [polite, assertive] = ["polite", "assertive"].map((how) => h("div", { class: "hidden", "aria-live": how }));
  let ready = 0;
  return {
    regions: [polite!, assertive!],
    /** The regions have just become visible to screen readers. */
    shown: () => (ready = Date.now() + SETTLES),
    say(text: string, atOnce?: boolean): void {
      const sentence = h("p", {}, text);
      setTimeout(() => {
        (atOnce ? assertive : polite)!.append(sentence);
        setTimeout(() => sentence.remove(), STAYS);
      }, ready - Date.now());
    },
  };
}
