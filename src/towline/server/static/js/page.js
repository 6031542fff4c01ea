// What every page has: live updates, relative times, quiet buttons, confirmations.
import { times } from "./times.js";
import { watchLink } from "./live.js";
import { quietForms } from "./actions.js";
import { menus } from "./menus.js";

times();
watchLink();
quietForms();
menus();

// A part of a page that needs a script of its own says so by its marker.
const parts = [
  ["[data-log]", () => import("./log.js")],
  ["form[data-form]", () => import("./form.js")],
  ["[data-bulk]", () => import("./bulk.js")],
  ["form[data-filter]", () => import("./filter.js")],
];
for (const [marker, load] of parts) {
  if (document.querySelector(marker)) load().then((module) => module.start());
}
document.documentElement.dataset.ready = "yes";
