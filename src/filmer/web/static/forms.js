// Forms are complete without this. With it, those marked data-inline are sent without leaving the page, and no form is
// sent twice by a double click.

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
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, submitter)),
    headers: { accept: "text/html" },
  });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) {
    const reason = page.querySelector("[role=alert]") ?? page.querySelector(".failure p");
    say(reason ? reason.textContent.trim() : "That did not work. Please reload the page and try again.");
  } else if (new URL(answer.url).pathname !== location.pathname) {
    location.assign(answer.url); // as to sign in
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
    delete form.dataset.sent;
    inlineForms()[place]?.querySelector("[type=submit]")?.focus();
  } catch {
    location.reload(); // it may have been done or not: the page shows how things are
  }
});

// A page that comes back out of the browser's memory may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
