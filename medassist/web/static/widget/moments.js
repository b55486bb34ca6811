// Dates and times as people write them.

/** "21 Nov 2026" from "2026-11-21"; anything else stays as it is. */
export function day(date, locale) {
  const parsed = new Date(`${date.slice(0, 10)}T12:00:00`);
  if (Number.isNaN(parsed.valueOf())) return date;
  return parsed.toLocaleDateString(locale, { day: "numeric", month: "short", year: "numeric" });
}

/** "18:20" for today, "26 Nov, 18:20" for another day; nothing for no time. */
export function clock(at, locale) {
  const moment = new Date(at);
  if (Number.isNaN(moment.valueOf())) return "";
  const time = { hour: "numeric", minute: "2-digit" };
  return moment.toDateString() === new Date().toDateString()
    ? moment.toLocaleTimeString([], time)
    : moment.toLocaleString(locale, { day: "numeric", month: "short", ...time });
}

/** "26 Nov 2026, 18:20" */
export function full(at, locale) {
  const moment = new Date(at);
  if (Number.isNaN(moment.valueOf())) return "";
  return moment.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}
