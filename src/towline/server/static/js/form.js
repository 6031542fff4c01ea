// Forms made from schemas: fields that depend on others, pickers by cluster, lists that grow.

function valueOf(form, path) {
  const fields = [...form.querySelectorAll(`[name="${CSS.escape(path)}"]`)].filter((f) => !f.disabled && f.type !== "hidden");
  if (!fields.length) return null;
  const [first] = fields;
  if (first.type === "radio") return fields.find((f) => f.checked)?.value ?? null;
  if (first.type === "checkbox") {
    return "single" in first.dataset ? String(first.checked) : fields.filter((f) => f.checked).map((f) => f.value);
  }
  return first.value === "" ? null : first.value;
}

function holds(form, conditions) {
  return conditions.every(([path, wanted]) => {
    const value = valueOf(form, path);
    if (Array.isArray(value)) return value.some((each) => wanted.includes(each));
    return wanted.includes(value);
  });
}

function showAndHide(form) {
  for (const field of form.querySelectorAll("[data-show-if]")) {
    const shown = holds(form, JSON.parse(field.dataset.showIf));
    field.hidden = !shown;
    for (const each of field.querySelectorAll("input, select, textarea")) each.disabled = !shown;
  }
}

function pickers(form) {
  for (const field of form.querySelectorAll("input[data-by]")) {
    const cluster = valueOf(form, field.dataset.by) ?? "";
    const list = document.getElementById(`${field.id}--${cluster}`);
    if (list) field.setAttribute("list", list.id);
    else field.removeAttribute("list");
  }
}

function grow(list) {
  const template = list.querySelector(":scope > template");
  const items = list.querySelector(":scope > .items");
  const next = 1 + Math.max(-1, ...[...items.children].map((item) => Number(item.dataset.index)));
  const holder = document.createElement("template");
  holder.innerHTML = template.innerHTML.replaceAll(list.dataset.placeholder, String(next));
  const item = holder.content.firstElementChild;
  items.append(item);
  return item;
}

export function start() {
  for (const form of document.querySelectorAll("form[data-form]")) {
    const update = () => {
      showAndHide(form);
      pickers(form);
    };
    form.addEventListener("input", update);
    form.addEventListener("change", update);
    form.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-add], button[data-remove]");
      if (!button) return;
      event.preventDefault();
      const list = button.closest("[data-list]");
      if ("add" in button.dataset) grow(list).querySelector("input, select, textarea")?.focus();
      else {
        button.closest(".item").remove();
        list.querySelector("button[data-add]").focus();
      }
      update();
    });
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    window.addEventListener("pageshow", () => (sent = false));
    update();
    form.querySelector('[aria-invalid="true"]')?.focus();
  }
}
