// The player is complete without this. With it, where one stops is kept, keys work wherever the focus is, a link that
// has expired is renewed, and what ends a film is told in its place.

const EVERY = 10_000; // milliseconds between two times that progress is saved
const STEP = 10; // seconds
const LOUDER = 0.1;
const LONGEST = 2 ** 31 - 1; // milliseconds that a timer can wait
const RENEWALS = 2; // of the link, without any progress in between

const video = document.getElementById("player");
const source = video.querySelector("source");
const film = video.dataset.film;
let place = Number(source.src.split("#t=")[1] ?? 0); // seconds
let hasPlayed = false;
let renewals = 0;
let isOver = false;

/** Shows a message in the place of the player. */
function tell(id) {
  isOver = true;
  video.pause();
  if (document.fullscreenElement) document.exitFullscreen();
  video.hidden = true;
  source.remove();
  video.removeAttribute("src");
  video.load(); // which stops what is still being received
  const message = document.getElementById(id);
  message.hidden = false;
  message.focus();
}

async function ask(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    return null; // no connection
  }
}

async function save() {
  if (!hasPlayed || isOver || !Number.isFinite(video.duration)) return;
  const { duration } = video;
  const answer = await ask("/api/v1/library/progress", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ movieId: film, isSeries: false, position: Math.min(place, duration), duration }),
    keepalive: true, // it may be the last thing that this page does
  });
  if (answer?.status === 401 && !isOver) tell("signed-out");
  if (answer?.status === 403 && !isOver) tell("over"); // it was cancelled
}

/** Why bytes do not come: the link may have expired, the rental be over, the session have ended. */
async function renew() {
  if (isOver) return;
  if (!video.canPlayType(source.type)) return tell("unplayable");
  const wasPlaying = hasPlayed && !video.paused;
  const answer = await ask(`/api/v1/library/${film}/stream`);
  if (isOver) return;
  if (answer?.status === 401) return tell("signed-out");
  if (answer?.status === 403) return tell("over");
  if (!answer?.ok || renewals++ >= RENEWALS) return tell("broken");
  const { data } = await answer.json();
  video.src = `${new URL(data.streamUrl).pathname}#t=${place}`;
  if (wasPlaying) video.play().catch(() => {});
}

async function end() {
  await save();
  if (!isOver) tell("over");
}

function endIn(milliseconds) {
  const rest = milliseconds - LONGEST;
  setTimeout(() => (rest > 0 ? endIn(rest) : end()), Math.min(milliseconds, LONGEST));
}

// Also of its source, whose errors do not bubble. Without subtitles the film goes on.
video.addEventListener("error", (event) => event.target.localName === "track" || renew(), { capture: true });
if (video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) renew(); // it failed before this script ran
video.addEventListener("playing", () => (hasPlayed = true));
video.addEventListener("timeupdate", () => {
  if (isOver || !video.currentTime) return;
  if (video.currentTime > place) renewals = 0;
  place = video.currentTime;
});
video.addEventListener("pause", save);
video.addEventListener("seeked", save);
addEventListener("pagehide", save);
document.addEventListener("visibilitychange", () => document.hidden && save());
setInterval(() => video.paused || save(), EVERY);
endIn((Number(video.dataset.secondsLeft) + 1) * 1000);

function nextSubtitles() {
  const tracks = [...video.textTracks];
  const shown = tracks.findIndex((track) => track.mode === "showing");
  tracks.forEach((track, place) => (track.mode = place === shown + 1 ? "showing" : "disabled"));
}

const KEYS = {
  m: () => (video.muted = !video.muted),
  c: nextSubtitles,
  f: () => (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen?.()),
};
// The player's own controls know these.
const NATIVE_KEYS = {
  " ": () => (video.paused ? video.play().catch(() => {}) : video.pause()),
  ArrowLeft: () => (video.currentTime -= STEP),
  ArrowRight: () => (video.currentTime += STEP),
  ArrowUp: () => (video.volume = Math.min(1, video.volume + LOUDER)),
  ArrowDown: () => (video.volume = Math.max(0, video.volume - LOUDER)),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (isOver || event.ctrlKey || event.altKey || event.metaKey) return;
  if (target.matches("input, select, textarea, button, [contenteditable]") || (key === " " && target.matches("a, summary"))) return;
  const press = KEYS[key.toLowerCase()] ?? (target === video ? undefined : NATIVE_KEYS[key]);
  if (!press) return;
  event.preventDefault();
  press();
});
