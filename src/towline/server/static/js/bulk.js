// Stop several runs at once, after naming them.
import { confirm } from "./actions.js";

export function start() {
  const form = document.querySelector("form[data-bulk]");
  const button = form.querySelector("button[data-bulk-do]");
  const all = document.querySelector("input[data-bulk-all]");
  const boxes = () => [...document.querySelectorAll('input[name="run"]:not(:disabled)')];
  const chosen = () => boxes().filter((box) => box.checked);

  const update = () => {
    const number = chosen().length;
    form.hidden = !document.querySelector('input[name="run"]');
    button.disabled = number === 0;
    button.textContent = number ? `Stop ${number} run${number === 1 ? "" : "s"}` : "Stop selected";
    if (all) {
      all.disabled = boxes().length === 0;
      all.checked = number > 0 && number === boxes().length;
      all.indeterminate = number > 0 && !all.checked;
    }
  };
  all?.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    update();
  });
  document.addEventListener("change", (event) => event.target.name === "run" && update());
  document.addEventListener("htmx:after:swap", update);
  document.addEventListener("towline:done", update);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const runs = chosen();
    const title = `Stop ${runs.length} run${runs.length === 1 ? "" : "s"}?`;
    const text = "Their jobs on the clusters are cancelled. Logs and files stay.";
    if (await confirm(title, runs.map((box) => box.dataset.label), text, "Stop")) {
      form.elements.sure.value = "yes";
      form.submit();
    }
  });
  update();
}
