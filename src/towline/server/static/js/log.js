// A log as it grows: read on by offset when the page says that there is more; search; follow.

const MOST_LINES = 10000; // in the page; the whole log is a download
const MOST_LETTERS = 8e6; // lines may be long

class Log {
  constructor(root) {
    this.root = root;
    this.text = root.querySelector(".text");
    this.lines = root.querySelector(".lines");
    this.tail = root.querySelector(".tail");
    this.empty = root.querySelector(".nothing");
    this.follow = root.querySelector("[data-follow]");
    this.search = root.querySelector('input[type="search"]');
    this.found = root.querySelector("[data-found]");
    this.at = { offset: Number(root.dataset.offset), style: root.dataset.style };
    this.stream = root.dataset.stream;
    this.number = 0;
    this.letters = 0;
    this.reading = false;
    this.again = false;
    this.hits = [];
    this.hit = -1;
  }

  start() {
    this.follow.addEventListener("click", () => this.setFollow(!this.following));
    this.text.addEventListener("wheel", (event) => event.deltaY < 0 && this.setFollow(false));
    this.text.addEventListener("keydown", (event) => {
      if (["ArrowUp", "PageUp", "Home"].includes(event.key)) this.setFollow(false);
      if (event.key === "End") this.setFollow(true);
    });
    this.search.addEventListener("input", () => this.look(true));
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.go(event.shiftKey ? -1 : 1);
      }
    });
    const size = document.getElementById("log-size");
    new MutationObserver(() => this.read()).observe(size, { attributes: true });
    this.setFollow(this.root.dataset.live === "yes");
    if (!this.following) this.text.scrollTop = this.text.scrollHeight;
    this.read();
  }

  get following() {
    return this.follow.getAttribute("aria-pressed") === "true";
  }

  setFollow(on) {
    this.follow.setAttribute("aria-pressed", String(on));
    if (on) this.text.scrollTop = this.text.scrollHeight;
  }

  // One reading at a time; what comes meanwhile is read after it.
  async read() {
    if (this.reading) {
      this.again = true;
      return;
    }
    this.reading = true;
    try {
      do {
        this.again = false;
        while (await this.readPart());
      } while (this.again);
    } finally {
      this.reading = false;
    }
  }

  async readPart() {
    const query = new URLSearchParams({ stream: this.stream, ...this.at });
    const answer = await fetch(`${this.root.dataset.address}?${query}`).catch(() => null);
    if (!answer?.ok) return false;
    const part = await answer.json();
    const more = part.offset > this.at.offset;
    this.at = { offset: part.offset, style: part.style };
    if (part.html) {
      const chunk = document.createElement("div");
      chunk.className = "chunk";
      chunk.setHTMLUnsafe ? chunk.setHTMLUnsafe(part.html) : (chunk.innerHTML = part.html);
      this.lines.append(chunk);
      this.weigh(chunk, 1);
      while ((this.number > MOST_LINES || this.letters > MOST_LETTERS) && this.lines.childElementCount > 1) {
        const oldest = this.lines.firstElementChild;
        this.weigh(oldest, -1);
        oldest.remove();
      }
    }
    if (this.tail.innerHTML !== part.tail) this.tail.innerHTML = part.tail;
    this.empty.hidden = Boolean(this.lines.firstElementChild || part.tail);
    if (this.following) this.text.scrollTop = this.text.scrollHeight;
    if (part.html && this.search.value) this.look(false);
    return more;
  }

  weigh(chunk, sign) {
    this.number += sign * chunk.childElementCount;
    this.letters += sign * chunk.textContent.length;
  }

  look(jump) {
    if (!window.CSS?.highlights) return;
    const wanted = this.search.value.toLowerCase();
    this.hits = [];
    this.hit = -1;
    if (wanted) {
      for (const line of this.text.querySelectorAll(".chunk > div, .tail > div")) {
        const text = line.textContent.toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
          const range = rangeIn(line, at, at + wanted.length);
          if (range) this.hits.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...this.hits));
    CSS.highlights.delete("found-now");
    this.count();
    if (jump && this.hits.length) this.go(1);
  }

  go(step) {
    if (!this.hits.length) return;
    this.setFollow(false);
    this.hit = (this.hit + step + this.hits.length) % this.hits.length;
    const range = this.hits[this.hit];
    CSS.highlights.set("found-now", new Highlight(range));
    const line = range.startContainer.parentElement;
    line.scrollIntoView({ block: "nearest" });
    this.count();
  }

  count() {
    const number = this.hits.length;
    if (!this.search.value) this.found.textContent = "";
    else if (!number) this.found.textContent = "not found";
    else this.found.textContent = this.hit < 0 ? `${number} found` : `${this.hit + 1} of ${number}`;
  }
}

function rangeIn(line, begin, end) {
  const range = new Range();
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  let passed = 0;
  let begun = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.data.length;
    if (!begun && begin < passed + length) {
      range.setStart(node, begin - passed);
      begun = true;
    }
    if (begun && end <= passed + length) {
      range.setEnd(node, end - passed);
      return range;
    }
    passed += length;
  }
  return null;
}

export function start() {
  for (const root of document.querySelectorAll("[data-log]")) new Log(root).start();
}
