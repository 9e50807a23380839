// The plain chat form of the demo page: works by keyboard, shows text as text, and gives the number when the server is gone.
(() => {
  "use strict";
  const log = document.getElementById("log");
  const form = document.getElementById("form");
  const input = document.getElementById("message");
  const status = document.getElementById("status");
  const key = "il2-conversation";
  const sender = sessionStorage.getItem(key) || crypto.getRandomValues(new Uint32Array(4)).join("-");
  sessionStorage.setItem(key, sender);

  function add(kind, who, text) {
    const item = document.createElement("div");
    item.className = kind;
    const name = document.createElement("span");
    name.className = "who";
    name.textContent = who;
    item.append(name, document.createTextNode(text));
    log.append(item);
    log.scrollTop = log.scrollHeight;
  }

  function choices(buttons) {
    const box = document.createElement("div");
    box.className = "choices";
    for (const { title, payload } of buttons) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.addEventListener("click", () => send(payload));
      box.append(button);
    }
    log.append(box);
    log.scrollTop = log.scrollHeight;
  }

  function calendar(day) {
    const link = document.createElement("a");
    link.href = `/calendar.ics?first_day=${encodeURIComponent(day)}`;
    link.download = "il2-dates.ics";
    link.textContent = "Download these dates for your calendar (.ics)";
    const item = document.createElement("div");
    item.append(link);
    log.append(item);
  }

  async function send(message) {
    add("mine", "You", message);
    status.textContent = "Looking it up …";
    try {
      const answer = await fetch("/webhooks/rest/webhook", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ sender, message }),
        signal: AbortSignal.timeout(15000),
      });
      const replies = await answer.json();
      if (!answer.ok) throw new Error(replies.reason);
      const urgent = replies.some((reply) => reply.custom && reply.custom.escalation);
      let first = true;
      for (const { text, buttons, custom } of replies) {
        if (custom && custom.dates && custom.dates.first_day) calendar(custom.dates.first_day);
        if (text) add(urgent && first ? "escalation" : "theirs", urgent && first ? "IL-2 Companion: important" : "IL-2 Companion", text);
        if (text) first = false;
        if (buttons) choices(buttons);
      }
      status.textContent = "";
    } catch {
      status.textContent = "";
      add("escalation", "Not sent", "The service cannot be reached. If you feel unwell, call your team's 24-hour number now. In an emergency call 911 (US), 999 (UK) or 112.");
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const message = input.value.trim();
    input.value = "";
    if (message) send(message);
  });
})();
