// Relative times and running clocks, in the words of pages/words.py.

function duration(seconds) {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days < 14 ? `${days} day${days === 1 ? "" : "s"} ago` : null;
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function refresh() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-ago], time[data-since]")) {
    const moment = Date.parse(element.getAttribute("datetime"));
    if (Number.isNaN(moment)) continue;
    const seconds = (now - moment) / 1000;
    if ("since" in element.dataset) {
      write(element, duration(Math.max(0, seconds)).replace(/\.\d s$/, " s"));
    } else {
      write(element, ago(seconds) ?? day.format(moment));
      const title = exact.format(moment);
      if (element.title !== title) element.title = title;
    }
  }
}

export function times() {
  refresh();
  setInterval(() => document.hidden || refresh(), 1000);
  document.addEventListener("visibilitychange", refresh);
  document.addEventListener("htmx:after:swap", refresh);
}
