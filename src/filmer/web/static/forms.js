// Forms are complete without this. With it, those marked data-inline are sent without leaving the page, and no form is
// sent twice by a double click.

const ENOUGH = 3000; // milliseconds: whoever clicks again then means it
const REPLACED = ["notice", "visitor", "actions"];

function replaceWith(page) {
  for (const id of REPLACED) {
    const now = document.getElementById(id);
    const then = page.getElementById(id);
    if (now && then) now.replaceChildren(...then.childNodes);
  }
}

async function sendInline(form, submitter) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, submitter)),
    headers: { accept: "text/html" },
  });
  const here = new URL(answer.url).pathname === location.pathname;
  if (!answer.ok || !here) {
    // Elsewhere, as to sign in: the page itself goes there. A refusal has a page of its own, which only a real form shows.
    if (answer.redirected) location.assign(answer.url);
    else form.submit();
    return;
  }
  replaceWith(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

function focusAgain(form, submitter) {
  const action = form.getAttribute("action");
  const again = document.querySelector(`form[action="${CSS.escape(action)}"] button`);
  (again ?? document.querySelector("#actions button") ?? submitter).focus();
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
  try {
    await sendInline(form, event.submitter);
    focusAgain(form, event.submitter);
  } catch {
    form.submit(); // the network, or a browser without something we use: the plain way
  } finally {
    delete form.dataset.sent;
  }
});

// A page that comes back out of the browser's memory may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
