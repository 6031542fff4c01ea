// Filters apply as one chooses and types; the address keeps them, and Back undoes them.

export function start() {
  for (const form of document.querySelectorAll("form[data-filter]")) {
    let timer = 0;
    const apply = () => {
      const query = new URLSearchParams(new FormData(form));
      for (const [name, value] of [...query]) if (!value) query.delete(name);
      const address = `${form.getAttribute("action")}${query.size ? `?${query}` : ""}`;
      if (address !== location.pathname + location.search) {
        sessionStorage.setItem("focus", document.activeElement?.name ?? "");
        location.assign(address);
      }
    };
    form.addEventListener("change", apply);
    form.addEventListener("input", (event) => {
      if (event.target.type !== "search") return;
      clearTimeout(timer);
      timer = setTimeout(apply, 400);
    });
    const name = sessionStorage.getItem("focus");
    sessionStorage.removeItem("focus");
    const field = name && form.elements[name];
    if (field?.type === "search") {
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    }
  }
}
