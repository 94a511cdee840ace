/*
 * Connection of the overlay to the page around it, which classifies the video.
 *
 * It takes the place of the WebSocket connection, and has the same interface.
 */

/** Parameters of the overlay's URL. */
export const urlParameters = new URLSearchParams(location.search);

/** There is one source, and it needs no name. */
export const requestedSources = [];

/** @type {(status: Object) => void} */
let onStatus;
const status = new Promise((resolve) => (onStatus = resolve));

/** Connection to the page that contains the overlay. */
export class Connection {
  constructor({ onState, onMessage }) {
    this.state = "connecting";
    addEventListener("message", ({ source, origin, data }) => {
      if (source !== parent || origin !== location.origin) {
        return;
      }
      if (data.type === "status") {
        onStatus(data);
      } else {
        onMessage(data);
      }
    });
    // The caller must have the connection before its state changes.
    queueMicrotask(() => {
      this.state = "connected";
      onState(this.state);
    });
  }
}

/** Answer the overlay's request for the genres' names; `path` is "status". */
export async function request() {
  const value = await status;
  return { json: async () => value };
}
