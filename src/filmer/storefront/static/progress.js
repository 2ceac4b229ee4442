// What is done of a step in the background, without leaving the page; without this, the page loads itself again.

const EVERY = 1500; // milliseconds

async function look() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const then = page.querySelector("[data-progress]");
    if (!answer.ok || !then) return location.reload();
    document.querySelector("[data-progress] ol").replaceChildren(...then.querySelector("ol").childNodes);
  } catch {
    // the server may be starting anew: look again
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
