/* Times and figures in words: pure functions. Times are seconds, `at` since 1970. */

import { QUIET_WORDS } from "../feed.js";
import { genreName } from "../genres.js";

/** What stands where nothing is known. */
export const NOTHING = "–";

const STATUSES = { ...QUIET_WORDS, silent: "no signal" };

/** Time of day on this machine: "19:04:12". */
export function clockTime(at) {
  const date = new Date(at * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** "12 s", "3 min 4 s", "2 h 5 min". */
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

/** With a digit more where it would be lost otherwise: "84", "3.9", "0.4". */
export function milliseconds(seconds) {
  if (seconds === undefined) {
    return NOTHING;
  }
  const value = seconds * 1000;
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** "1.8%". */
export function share(part, whole) {
  const percent = whole > 0 ? (part / whole) * 100 : 0;
  return percent === 0 || percent >= 9.95 ? `${Math.round(percent)}%` : `${percent.toFixed(1)}%`;
}

/** What was said of a source, or of one of its dancers. */
export function said({ status, genre }) {
  return status === "genre" ? genreName(genre) : (STATUSES[status] ?? status);
}
