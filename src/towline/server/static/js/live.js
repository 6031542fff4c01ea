// Say when what is shown may be old: the stream of the page is cut, and is being opened again.

export function watchLink() {
  const words = document.getElementById("link-state");
  const live = document.getElementById("live");
  if (!words || !live) return;
  let timer = 0;
  const cut = () => {
    timer ||= setTimeout(() => (words.hidden = false), 1500);
    delete live.dataset.connected;
  };
  const whole = () => {
    clearTimeout(timer);
    timer = 0;
    words.hidden = true;
    live.dataset.connected = "yes";
  };
  live.addEventListener("htmx:sse:error", (event) => {
    // Signed out, or what the page shows is gone: the page itself says so, and what next.
    if ([401, 403, 404].includes(event.detail?.status)) location.reload();
    else cut();
  });
  live.addEventListener("htmx:sse:before:connection", cut);
  live.addEventListener("htmx:sse:after:connection", whole);
  live.addEventListener("htmx:sse:after:message", whole);
}
