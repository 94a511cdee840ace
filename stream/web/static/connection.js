/* WebSocket connection and HTTP requests to the server that serves the page. */

// The server sends a heartbeat every second.
const SILENCE_TIMEOUT_MS = 3000;
const CONNECT_TIMEOUT_MS = 12000;
const WATCHDOG_INTERVAL_MS = 500;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 30000;
const TOKEN_NEEDED = 4401;

/** Parameters of the page's URL: the sources to show (all if none is named) and the token. */
export const urlParameters = new URLSearchParams(location.search);

/** Names of the sources in the URL, without duplicates and empty names. */
export const requestedSources = [
  ...new Set(urlParameters.getAll("source").filter((source) => source !== "")),
];

const token = () => urlParameters.get("token") || null;

/**
 * WebSocket connection that reconnects for as long as the page is open.
 *
 * `state` is "connecting", "connected", "reconnecting", or "unauthorised" if the token is missing
 * or wrong.
 *
 * Calls `onState(state)` when the state changes, and `onMessage(message)` with each message of a
 * source.
 */
export class Connection {
  constructor({ onState, onMessage }) {
    this.state = "connecting";
    this.onState = onState;
    this.onMessage = onMessage;
    this.failures = 0;
    this.open();
  }

  open() {
    const url = new URL("ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = new URLSearchParams(requestedSources.map((source) => ["source", source]));
    const socket = new WebSocket(url);
    let lastReceived = performance.now();
    let closed = false;

    const handleClose = (event) => {
      if (closed) {
        return;
      }
      closed = true;
      clearInterval(watchdog);
      socket.close();
      if (event?.code === TOKEN_NEEDED) {
        this.setState("unauthorised"); // A retry would send the same token.
        return;
      }
      const delay = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.failures);
      this.failures += 1;
      this.setState("reconnecting");
      // Random delays keep the pages from reconnecting all at the same moment.
      setTimeout(() => this.open(), delay * (0.5 + Math.random() / 2));
    };
    // Browsers detect neither a peer that vanished without closing the connection, nor a connection
    // attempt that gets no response.
    const watchdog = setInterval(() => {
      const connecting = socket.readyState === WebSocket.CONNECTING;
      const timeout = connecting ? CONNECT_TIMEOUT_MS : SILENCE_TIMEOUT_MS;
      if (performance.now() - lastReceived > timeout) {
        handleClose();
      }
    }, WATCHDOG_INTERVAL_MS);

    socket.addEventListener("open", () => {
      lastReceived = performance.now();
      // Sent even without a token: a server that needs one then refuses immediately.
      socket.send(JSON.stringify({ type: "hello", token: token() ?? undefined }));
      this.setState("connected");
    });
    socket.addEventListener("message", (event) => {
      if (closed) {
        return;
      }
      lastReceived = performance.now();
      this.failures = 0;
      const message = JSON.parse(event.data);
      if (message.type === "prediction" || message.type === "source") {
        this.onMessage(message);
      }
    });
    socket.addEventListener("close", handleClose);
  }

  setState(state) {
    if (this.state !== state) {
      this.state = state;
      this.onState(state);
    }
  }
}

/**
 * Request `path` from the server, with the token if the URL has one.
 *
 * Returns the response, or null if the request failed.
 */
export async function request(path) {
  const headers = token() === null ? {} : { Authorization: `Bearer ${token()}` };
  try {
    const response = await fetch(new URL(path, location.href), { headers, cache: "no-store" });
    return response.ok ? response : null;
  } catch {
    return null; // The page already shows the state of the connection.
  }
}
