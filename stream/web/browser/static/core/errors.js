/* Errors with a text for people: what happened, the value, and what to do. */

/** A file or the browser cannot be used; the message states the remedy. */
export class DancetypeError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "DancetypeError";
  }
}
