// Makes the search box a combobox that suggests films and people while somebody types, and "/" a way into it. Without it,
// or whenever a request fails, the form is what it is: a form.

const TYPING_PAUSE = 120; // milliseconds
const SIZE = 10;
const KINDS = {
  movie: { path: "/films/", name: "film", year: (year) => `${year}` },
  star: { path: "/stars/", name: "person", year: (year) => `born ${year}` },
};

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children); // a string becomes a text node, never markup
  return made;
}

/** The text as nodes, with <mark> around the spans that the server named: [start, end) in characters, not in UTF-16 units. */
function marked(text, spans) {
  const characters = [...text];
  const nodes = [];
  let done = 0;
  for (const [start, end] of spans) {
    nodes.push(characters.slice(done, start).join(""), element("mark", {}, characters.slice(start, end).join("")));
    done = end;
  }
  return [...nodes, characters.slice(done).join("")];
}

/** The poster of a film, at the size of a thumbnail; of a person, as much room. */
function thumbnail(item) {
  if (item.kind !== "movie") return element("span", { class: "suggestion-thumb blank" });
  const source = `/posters/${encodeURIComponent(item.id)}`;
  return element("img", { class: "suggestion-thumb", src: source, alt: "", width: 32, height: 48, decoding: "async" });
}

function suggestWhileTyping(form, number) {
  const input = form.querySelector('input[name="query"]');
  const list = element("ul", {
    class: "suggestions", id: `suggestions-${number}`, role: "listbox", "aria-label": "Suggestions", hidden: "",
  });
  const status = element("p", { class: "visually-hidden", "aria-live": "polite" });
  const answers = new Map();
  let options = [];
  let active = -1;
  let pause;
  let request = new AbortController();

  function activate(index) {
    active = index;
    options.forEach((option, place) => {
      option.setAttribute("aria-selected", place === index);
      option.parentElement.classList.toggle("is-active", place === index);
    });
    input.removeAttribute("aria-activedescendant");
    if (index < 0) return;
    input.setAttribute("aria-activedescendant", options[index].id);
    options[index].scrollIntoView({ block: "nearest" });
  }

  function show(items) {
    options = items.map((item, place) => {
      const kind = KINDS[item.kind];
      const year = item.year === null ? [] : [" ", element("span", { class: "suggestion-year" }, kind.year(item.year))];
      const link = { id: `${list.id}-${place}`, role: "option", href: kind.path + encodeURIComponent(item.id) };
      const text = marked(item.text, item.matches);
      const name = element("span", { class: "suggestion-text" }, ...text);
      const reason = item.reason ? [" ", element("span", { class: "suggestion-reason" }, item.reason)] : [];
      const lines = element("span", { class: "suggestion-lines" }, element("span", {}, name, ...year), ...reason);
      const label = element("span", { class: "suggestion-kind" }, kind.name);
      return element("a", { ...link, tabindex: -1 }, thumbnail(item), lines, " ", label);
    });
    list.replaceChildren(...options.map((option) => element("li", { class: "suggestion", role: "none" }, option)));
    list.hidden = !items.length;
    input.setAttribute("aria-expanded", !list.hidden);
    activate(-1);
  }

  function close() {
    clearTimeout(pause);
    request.abort();
    show([]);
    status.textContent = "";
  }

  async function ask() {
    clearTimeout(pause);
    request.abort();
    const typed = input.value.trim();
    if (!typed) return close();
    const { signal } = (request = new AbortController());
    try {
      if (!answers.has(typed)) {
        const asked = new URLSearchParams({ query: typed, size: SIZE });
        const answer = await fetch(`/api/v1/search/suggestions?${asked}`, { signal });
        if (!answer.ok) throw new Error(answer.statusText);
        answers.set(typed, (await answer.json()).data.items);
      }
      if (signal.aborted) return;
      const items = answers.get(typed);
      show(items);
      status.textContent = `${items.length || "No"} ${items.length === 1 ? "suggestion" : "suggestions"}`;
    } catch {
      if (!signal.aborted) close();
    }
  }

  function typed(event) {
    clearTimeout(pause);
    if (!event.isComposing) pause = setTimeout(ask, TYPING_PAUSE);
  }

  function pressed(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const last = options.length - 1;
    // Past either end lies the box itself, where nothing is chosen.
    if (list.hidden && event.key === "ArrowDown") ask();
    else if (list.hidden) return;
    else if (event.key === "ArrowDown") activate(active === last ? -1 : active + 1);
    else if (event.key === "ArrowUp") activate(active < 0 ? last : active - 1);
    else if (event.key === "Home" && active >= 0) activate(0);
    else if (event.key === "End" && active >= 0) activate(last);
    else if (event.key === "Enter" && active >= 0) options[active].click();
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  }

  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": false, "aria-controls": list.id,
  })) input.setAttribute(name, value);
  input.autocomplete = "off";
  form.append(list, status);
  input.addEventListener("input", typed);
  input.addEventListener("compositionend", typed);
  input.addEventListener("keydown", pressed);
  input.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus until the click
  form.addEventListener("submit", close);
  window.addEventListener("pagehide", close); // whoever comes back finds the page as it was before
}

/** "/" leads into the search box, but not from where it may be typed, nor with a key that makes it a shortcut. */
function focusOnSlash(input) {
  input.setAttribute("aria-keyshortcuts", "/");
  document.addEventListener("keydown", (event) => {
    const isTyped = event.target.closest("input, select, textarea, [contenteditable], dialog");
    if (event.key !== "/" || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyped) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

document.querySelectorAll('form.search[role="search"]').forEach((form, number) => {
  suggestWhileTyping(form, number);
  if (!number) focusOnSlash(form.querySelector('input[name="query"]'));
});
