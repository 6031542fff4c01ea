// Buttons that change something: asked first where it matters, done without leaving the page.

export function say(thing, cause, next) {
  const notice = document.getElementById("notice");
  const note = document.createElement("div");
  note.className = "note bad";
  const first = document.createElement("p");
  const name = document.createElement("strong");
  name.textContent = thing ? `${thing}: ` : "";
  first.append(name, cause);
  note.append(first);
  if (next) {
    const second = document.createElement("p");
    second.className = "next";
    second.textContent = next;
    note.append(second);
  }
  const away = document.createElement("button");
  away.className = "small";
  away.type = "button";
  away.textContent = "Dismiss";
  away.addEventListener("click", () => notice.replaceChildren());
  note.append(away);
  notice.replaceChildren(note);
}

export function confirm(title, items, text, yes) {
  const dialog = document.getElementById("confirm");
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  document.getElementById("confirm-yes").textContent = yes;
  document.getElementById("confirm-list").replaceChildren(
    ...items.map((item) => Object.assign(document.createElement("li"), { textContent: item })),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  );
}

async function send(form, button) {
  const buttons = form.querySelectorAll("button");
  const body = new URLSearchParams(new FormData(form, button));
  for (const each of buttons) each.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Quiet": "yes" } });
    if (answer.redirected || answer.status === 401) location.reload();
    else if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      say(problem.thing, problem.cause ?? `the server answered ${answer.status}`, problem.next);
    } else {
      document.getElementById("notice").replaceChildren();
      const to = answer.headers.get("X-Go-To");
      if (to) location.assign(to);
      form.reset();
      form.dispatchEvent(new CustomEvent("towline:done", { bubbles: true }));
    }
  } catch {
    say("", "the server does not answer", "Is it running? towline status");
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}

export function quietForms() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !("quiet" in form.dataset)) return;
    event.preventDefault();
    const { confirmTitle, confirmText, confirmYes } = form.dataset;
    if (confirmTitle) {
      const items = JSON.parse(form.dataset.confirmItems || "[]");
      if (!(await confirm(confirmTitle, items, confirmText ?? "", confirmYes ?? "Yes"))) return;
    }
    await send(form, event.submitter);
  });
}
