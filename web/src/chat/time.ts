// Instants as people read them; they come in seconds since 1970.

import { language, words } from "./words";

const locale = language === "ru" ? "ru-RU" : (navigator.languages[0] ?? "en-GB");
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat(locale, { day: "2-digit", month: "2-digit", year: "2-digit" });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

const DAY_MS = 24 * 60 * 60 * 1000;

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Whole days from `seconds` until today. */
function daysAgo(seconds: number): number {
  return Math.round((midnight(new Date()) - midnight(new Date(seconds * 1000))) / DAY_MS);
}

export function clockTime(seconds: number): string {
  return clock.format(seconds * 1000);
}

export function exactTime(seconds: number): string {
  return exact.format(seconds * 1000);
}

/** For the list: the time today, the weekday within a week, else the date. */
export function listTime(seconds: number): string {
  const days = daysAgo(seconds);
  if (days <= 0) return clockTime(seconds);
  return days < 7 ? weekday.format(seconds * 1000) : shortDay.format(seconds * 1000);
}

/** For the lines between days. */
export function dayName(seconds: number): string {
  const days = daysAgo(seconds);
  if (days <= 0) return words.today;
  return days === 1 ? words.yesterday : day.format(seconds * 1000);
}

export function sameDay(one: number, other: number): boolean {
  return midnight(new Date(one * 1000)) === midnight(new Date(other * 1000));
}
