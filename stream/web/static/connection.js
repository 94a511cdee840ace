/* The connection to the server: kept for ever, and honest about whether it stands. */

// The server's heart beats each second.
const SILENCE_MS = 3000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30000;
const TOKEN_NEEDED = 4401;

/** What the page's address asks for: sources (all where none is named) and the token, if any. */
export const asked = new URLSearchParams(location.search);

/** The sources it names, each once; a `source=` left empty names none. */
export const askedSources = [...new Set(asked.getAll("source").filter((source) => source !== ""))];

const token = () => asked.get("token") || null;

/**
 * One WebSocket after the other.
 *
 * `state` is one of "connecting", "connected", "reconnecting" and "barred" (the server wants a
 * token, and not the one we have).
 *
 * Calls `onState(state)` when that changes, and `onMessage(message)` with each message of a source.
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
    url.search = new URLSearchParams(askedSources.map((source) => ["source", source]));
    const socket = new WebSocket(url);
    let heard = performance.now();
    let lost = false;

    const lose = (event) => {
      if (lost) {
        return;
      }
      lost = true;
      clearInterval(watch);
      socket.close();
      if (event?.code === TOKEN_NEEDED) {
        this.become("barred"); // It would be the same token again.
        return;
      }
      const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures);
      this.failures += 1;
      this.become("reconnecting");
      // Pages that lost the same server are not to come back all at once.
      setTimeout(() => this.open(), delay * (0.5 + Math.random() / 2));
    };
    // A peer that vanished without a goodbye is told from a quiet one only by its silence. While
    // it is asked for in vain, a socket has no time-out of its own either.
    const watch = setInterval(() => {
      const patience = socket.readyState === WebSocket.CONNECTING ? 4 * SILENCE_MS : SILENCE_MS;
      if (performance.now() - heard > patience) {
        lose();
      }
    }, 500);

    socket.addEventListener("open", () => {
      heard = performance.now();
      // Without a token, too, to be told at once if one is needed.
      socket.send(JSON.stringify({ type: "hello", token: token() ?? undefined }));
      this.become("connected");
    });
    socket.addEventListener("message", (event) => {
      if (lost) {
        return;
      }
      heard = performance.now();
      this.failures = 0;
      const message = JSON.parse(event.data);
      if (message.type === "prediction" || message.type === "source") {
        this.onMessage(message);
      }
    });
    socket.addEventListener("close", lose);
  }

  become(state) {
    if (this.state !== state) {
      this.state = state;
      this.onState(state);
    }
  }
}

/**
 * Asks the server for `path`, showing it the token if there is one.
 *
 * Returns the response, or null where there is none or it is not the one hoped for.
 */
export async function ask(path) {
  const headers = token() === null ? {} : { Authorization: `Bearer ${token()}` };
  try {
    const response = await fetch(new URL(path, location.href), { headers, cache: "no-store" });
    return response.ok ? response : null;
  } catch {
    return null; // The connection says what is wrong.
  }
}
