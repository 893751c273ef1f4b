// Enhancements only: without this file every page still does all it can.

const say = (words) => {
  let live = document.getElementById("said");
  if (!live) {
    live = document.createElement("p");
    live.id = "said";
    live.className = "sr";
    live.setAttribute("role", "status");
    document.body.append(live);
  }
  live.textContent = words;
};

// A secret that is shown this once: whoever leaves before it was copied, be it by hand, is asked by the browser.
const taken = (text) => {
  const once = document.querySelector("[data-once]");
  if (once && text.includes(once.textContent)) once.removeAttribute("data-once");
};
addEventListener("copy", () => taken(String(getSelection())));
addEventListener("beforeunload", (event) => {
  if (document.querySelector("[data-once]")) event.preventDefault();
});

// The answer to a form cannot be come back to, nor loaded again without asking: its place in the history becomes that of the page it is about, or of
// the form that a question answers.
const here = document.querySelector("[data-here]")?.dataset.here;
if (here) history.replaceState(null, "", here);

// Copying. The button is in the page but hidden, since without a clipboard it could do nothing.
const prepareCopying = (root) => {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("[data-copy]")) {
    const label = button.querySelector("span");
    const before = label.textContent;
    let timer;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        say("Copying failed. Select the text and copy it by hand.");
        return;
      }
      taken(text);
      label.textContent = "Copied";
      button.classList.add("copied");
      say("Copied");
      clearTimeout(timer);
      timer = setTimeout(() => {
        label.textContent = before;
        button.classList.remove("copied");
        say("");
      }, 2500);
    });
  }
};

const prepareRevealing = (root) => {
  for (const button of root.querySelectorAll("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      button.firstChild.textContent = shown ? "Show" : "Hide";
    });
    // A browser must not remember a shown password as ordinary text.
    input.form.addEventListener("submit", () => { input.type = "password"; });
  }
};

// Times. The server writes UTC; here they become spans where the reader asked for them.
// To the nearest, and years only where there are two: what is half a year away is not one away.
const units = [["y", 31536000], ["d", 86400], ["h", 3600], ["min", 60]];
// What is counted from is the service's clock: the browser's may be wrong, and that of `claviger dev` can be set.
const ahead = (Date.parse(document.documentElement.dataset.now) || Date.now()) - Date.now();
const span = (at) => {
  const seconds = (at - Date.now() - ahead) / 1000;
  const [unit, size] = units.find(([unit, size]) => Math.abs(seconds) >= (unit === "y" ? 2 : 1) * size) ?? [];
  if (!unit) return seconds > 0 ? "in less than a minute" : "just now";
  const count = `${Math.round(Math.abs(seconds) / size)} ${unit}`;
  return seconds > 0 ? `in ${count}` : `${count} ago`;
};
const prepareTimes = (root) => {
  const wanted = document.documentElement.dataset.times === "relative";
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue;
    if ("exact" in time.dataset) {
      const ago = document.createElement("span");
      ago.className = "quiet";
      ago.textContent = ` (${span(at)})`;
      time.after(ago);
    } else if (wanted) {
      time.title = `${time.textContent} UTC`;
      time.textContent = span(at);
    }
  }
};

// Questions in a dialog. The link leads to a page with the same question, and whatever goes wrong here, the browser follows it.
// XMLHttpRequest rather than fetch: it alone parses a document without a Trusted Types policy, which these pages forbid.
const ask = (url) => {
  const request = new XMLHttpRequest();
  const follow = () => location.assign(url);
  request.open("GET", url);
  request.responseType = "document";
  request.onerror = follow;
  request.onload = () => {
    const question = request.status === 200 && request.response?.querySelector("[data-ask]");
    if (!question) return follow();
    const dialog = document.createElement("dialog");
    const heading = question.querySelector("h1");
    const title = document.createElement("h2");
    title.id = "asked";
    title.append(...heading.childNodes);
    heading.replaceWith(title);
    dialog.setAttribute("aria-labelledby", "asked");
    dialog.append(document.adoptNode(question));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) {
        event.preventDefault();
        dialog.close();
      }
    });
    document.body.append(dialog);
    prepare(dialog);
    dialog.showModal();
  };
  request.send();
};
const prepareDialogs = (root) => {
  if (!window.HTMLDialogElement) return;
  // In the rows of a list of keys nothing but the address says so.
  for (const link of root.querySelectorAll("a[data-dialog], .keys [href*='/delete'], .keys [href*='/rotate']")) {
    link.addEventListener("click", (event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      link.closest("[popover]")?.hidePopover();
      ask(link.href);
    });
  }
};

// A tab stays open when its own head is pressed again.
const prepareTabs = (root) => {
  for (const summary of root.querySelectorAll(".tabs summary")) {
    summary.addEventListener("click", (event) => {
      if (summary.parentElement.open) event.preventDefault();
    });
  }
};

// Selecting rows: one box for all, how many are, and nothing to do with none.
const prepareSelecting = (root) => {
  for (const all of root.querySelectorAll("[data-all]")) {
    const boxes = [...document.querySelectorAll(`input[form="${all.dataset.all}"]`)];
    const count = document.querySelector(`[data-count="${all.dataset.all}"]`);
    const tell = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
      for (const button of document.querySelectorAll(`#${all.dataset.all} button`)) button.disabled = !chosen;
      count.textContent = chosen ? `${chosen} selected:` : "With the selected keys:";
    };
    all.parentElement.hidden = !boxes.length;
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
      tell();
    });
    for (const box of boxes) box.addEventListener("change", tell);
    tell();
  }
};

// The first request with a new key: asked for ever more rarely, for some ten minutes of looking at the page.
const prepareWatching = (root) => {
  for (const line of root.querySelectorAll("[data-watch]")) {
    const words = line.querySelector("span");
    const before = [...words.childNodes];
    words.textContent = "Waiting for the first request with it…";
    let wait = 2000;
    const look = () => {
      if (!line.isConnected) return;
      if (document.hidden) return setTimeout(look, wait);
      const request = new XMLHttpRequest();
      request.open("GET", line.dataset.watch);
      request.responseType = "document";
      request.onloadend = () => {
        const seen = request.response?.querySelector("[data-seen]");
        if (seen) {
          words.replaceWith(document.adoptNode(seen));
          const icon = line.querySelector("use").href;
          icon.baseVal = icon.baseVal.replace(/#.*/, "#check");
        } else if (wait > 6e4) words.replaceChildren(...before);
        else setTimeout(look, wait *= 1.1);
      };
      request.send();
    };
    setTimeout(look, wait);
  }
};

// What acts on a selected row waits until one is.
const prepareChoosing = (root) => {
  for (const form of root.querySelectorAll("[data-choose]")) {
    const button = form.querySelector("button");
    const tell = () => (button.disabled = !form.querySelector(":checked"));
    form.addEventListener("change", tell);
    tell();
  }
};

const prepare = (root) => {
  prepareChoosing(root);
  prepareSelecting(root);
  prepareWatching(root);
  prepareCopying(root);
  prepareRevealing(root);
  prepareTimes(root);
  prepareDialogs(root);
  prepareTabs(root);
};
prepare(document);

// Single keys, unless a field has the focus.
document.addEventListener("keydown", (event) => {
  if (!"/?".includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.documentElement.dataset.shortcuts === "off") return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
  if (event.key === "?") {
    document.querySelector("[data-help]")?.click();
    return;
  }
  const search = document.querySelector("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});
