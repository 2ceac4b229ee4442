// Moments are printed in UTC. Here they are shown in the visitor's own time zone, as the shop's locale writes them, or as
// the visitor's does where the shop has none.
const own = navigator.language.startsWith("en") ? navigator.language : "en-GB";
const parts = { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" };

for (const time of document.querySelectorAll("time[data-moment]")) {
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat(time.dataset.moment || own, parts).format(new Date(time.dateTime));
}
