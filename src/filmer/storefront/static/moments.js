// Moments are printed in UTC. Here they are shown in the visitor's own time zone.
const format = new Intl.DateTimeFormat(navigator.language.startsWith("en") ? navigator.language : "en-GB", {
  weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit",
});

for (const time of document.querySelectorAll("time[data-moment]")) {
  time.title = time.textContent;
  time.textContent = format.format(new Date(time.dateTime));
}
