// Forms are complete without this. With it, those marked data-inline are sent without leaving the page, no form is sent
// twice by a double click, and what can't be undone is asked for in a dialog.

const ENOUGH = 3000; // milliseconds: whoever clicks again then means it
const REPLACED = ["notice", "visitor", "actions"];

function inlineForms() {
  return [...document.querySelectorAll("form[data-inline]")];
}

function replaceWith(page) {
  for (const id of REPLACED) {
    const now = document.getElementById(id);
    const then = page.getElementById(id);
    if (now && then) now.replaceChildren(...then.childNodes);
  }
}

function say(text) {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.textContent = text;
  document.getElementById("notice").replaceChildren(notice);
}

async function sendInline(form, submitter) {
  const answer = await fetch(submitter?.hasAttribute("formaction") ? submitter.formAction : form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, submitter)),
    headers: { accept: "text/html" },
  });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const { pathname } = new URL(answer.url);
  if (!answer.ok) {
    const reason = page.querySelector("[role=alert]") ?? page.querySelector(".failure p");
    say(reason ? reason.textContent.trim() : "That did not work. Please reload the page and try again.");
  } else if (pathname === "/sign-in") {
    // Nothing was done. The browser sends the form itself, and so shows all that is said on the way.
    delete form.dataset.inline;
    delete form.dataset.sent;
    form.requestSubmit(submitter);
  } else if (pathname !== location.pathname) {
    location.assign(answer.url);
  } else {
    replaceWith(page);
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, ENOUGH); // it may have been stopped
  if (!("inline" in form.dataset)) return;
  event.preventDefault();
  const place = inlineForms().indexOf(form);
  try {
    await sendInline(form, event.submitter);
    if (!("inline" in form.dataset)) return;
    delete form.dataset.sent;
    inlineForms()[place]?.querySelector("[type=submit]")?.focus();
  } catch {
    location.reload(); // it may have been done or not: the page shows how things are
  }
});

// A visitor who is not signed in gets pages that are the same for all: how much lies in the cart is in a cookie.
function showUnits() {
  const link = document.querySelector("#visitor [data-guest]");
  const units = document.cookie.match(/(?:^|; )cart_units=([1-9][0-9]{0,4})(?:;|$)/);
  link?.querySelector(".count")?.remove();
  if (!link || !units) return;
  const badge = document.createElement("span");
  const words = document.createElement("span");
  Object.assign(badge, { className: "count", textContent: units[1] });
  Object.assign(words, { className: "visually-hidden", textContent: " in it" });
  badge.append(words);
  link.append(" ", badge);
}

// A page that comes back out of the browser's memory may be sent again.
addEventListener("pageshow", () => {
  showUnits();
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

/** Puts a button and a dialog in the place of a question that unfolds. */
function askInDialog(details, number) {
  const summary = details.querySelector("summary");
  const form = details.querySelector("form");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: summary.className });
  button.setAttribute("aria-haspopup", "dialog");
  button.append(...summary.childNodes);
  const cancel = document.createElement("button");
  Object.assign(cancel, { type: "button", className: "button quiet", autofocus: true, textContent: details.dataset.leave ?? "Cancel" });
  form.append(cancel);
  const question = form.querySelector("p");
  question.id = `question-${number}`;
  const dialog = document.createElement("dialog");
  dialog.className = "confirm-dialog";
  dialog.setAttribute("aria-labelledby", question.id);
  dialog.append(form);
  details.replaceWith(button, dialog);
  if (details.open) dialog.showModal(); // it was filled in wrongly
  button.addEventListener("click", () => dialog.showModal()); // which gives the focus back to the button in the end
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it: its form fills it
  });
  addEventListener("pagehide", () => dialog.close());
}

document.querySelectorAll("details.confirm").forEach(askInDialog);

// A card's number is grouped as cards print it, unless somebody is at work in the middle of it.
addEventListener("input", ({ target }) => {
  if (!("grouped" in target.dataset) || target.selectionEnd !== target.value.length) return;
  const grouped = target.value.replace(/[^0-9]/g, "").replace(/(.{4})(?=.)/g, "$1 ");
  if (/^[0-9 -]*$/.test(target.value)) target.value = grouped;
});

// A file that is too large is refused before it is sent: some browsers do not wait for the server to say so.
addEventListener("change", ({ target }) => {
  if (!target.dataset?.maxMib) return;
  const isTooLarge = [...target.files].some((file) => file.size > target.dataset.maxMib * 2 ** 20);
  target.setCustomValidity(isTooLarge ? `A file may have ${target.dataset.maxMib} MiB here, and this one has more.` : "");
});
