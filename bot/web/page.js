// The demo page: its buttons open the chat, and an example question is asked at once.
for (const button of document.querySelectorAll("[data-open], [data-ask]")) {
  button.addEventListener("click", () => {
    const companion = document.querySelector("il2-companion");
    companion.open();
    if (button.dataset.ask) companion.send(button.dataset.ask);
  });
}
