/* Formatting of times and numbers: pure functions. All times are in seconds, `at` since 1970. */

import { statusText } from "../feed.js";
import { genreName } from "../genres.js";

/** Placeholder for an unknown value. */
export const UNKNOWN_VALUE = "–";

/** Format a time in the time zone of the browser: "19:04:12". */
export function clockTime(at) {
  const date = new Date(at * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** Format a duration: "12 s", "3 min 4 s", "2 h 5 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Format seconds as milliseconds, with one decimal place below 10: "84", "3.9", "0.4". */
export function milliseconds(seconds) {
  if (seconds === undefined) {
    return UNKNOWN_VALUE;
  }
  const value = seconds * 1000;
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** Format a share as a percentage, with one decimal place below 10: "12%", "1.8%". */
export function share(part, whole) {
  const percent = whole > 0 ? (part / whole) * 100 : 0;
  return percent === 0 || percent >= 9.95 ? `${Math.round(percent)}%` : `${percent.toFixed(1)}%`;
}

/** Return the genre, or the status if there is none. */
export function genreOrStatus(result) {
  switch (result.status) {
    case "genre":
      return genreName(result.genre);
    case "silent":
      return "no signal";
    default:
      return statusText(result) ?? result.status;
  }
}
