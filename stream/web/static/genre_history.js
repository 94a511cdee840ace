/*
 * History of a source as a list of changes: pure functions.
 *
 * A change is {at, status, genre}: status and genre from the time `at` until the next change.
 */

/** Append a change unless it repeats the last one; return the same list in that case. */
export function appendChange(changes, { at, status, genre }) {
  const last = changes[changes.length - 1];
  const same = last?.status === status && last.genre === genre;
  return same ? changes : [...changes, { at, status, genre }];
}

/** Return the bands {at, from, to, status, genre} that changes form between two times. */
export function bandsBetween(changes, from, to) {
  return changes
    .map((change, i) => ({
      ...change,
      from: Math.max(change.at, from),
      to: Math.min(changes[i + 1]?.at ?? to, to),
    }))
    .filter((band) => band.from < band.to);
}
