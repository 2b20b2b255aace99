// The socket to the robot: comes back by itself, and knows how old the newest word is.

const PING_MS = 500; // a dead man's switch hears nothing else
const DRIFT = 1e-3; // by which two clocks may drift apart: ms a ms
const RETRY_MS = 500;
const SILENT_MS = 3000; // a socket that says nothing for longer is opened anew
const UNAUTHORIZED = 4401;

export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") ?? "";
}

export function opened(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${path}`);
  socket.addEventListener("open", () => {
    socket.send(JSON.stringify({ do: "hello", token: token() }));
  });
  return socket;
}

export class Link {
  // `hear(kind, content)` is called for each message, `locked()` when a token is asked for.
  constructor(hear, locked) {
    this.heardAt = -Infinity; // by this clock, when the newest word was said
    this.took = null;
    this.pings = new Map(); // unanswered ones, the oldest first
    this.count = 0;
    this.hear = hear;
    this.locked = locked;
    setInterval(() => this.ping(), PING_MS);
    this.open();
  }

  get age() {
    return performance.now() - this.heardAt;
  }

  // What was not answered yet has taken so long at least.
  get roundTrip() {
    const [oldest] = this.pings.values();
    return oldest === undefined ? this.took : Math.max(this.took, performance.now() - oldest);
  }

  // Returns whether there was a socket to send by.
  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  open() {
    clearTimeout(this.retry);
    const socket = (this.socket = opened("/state"));
    this.openedAt = performance.now();
    this.offset = Infinity; // this clock less the station's, and the least that a word took
    this.pings.clear();
    socket.addEventListener("message", (event) => {
      if (socket === this.socket) this.receive(event.data);
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.socket) return;
      if (event.code === UNAUTHORIZED) this.locked();
      else this.retry = setTimeout(() => this.open(), RETRY_MS);
    });
  }

  receive(text) {
    for (const [kind, content] of Object.entries(JSON.parse(text))) {
      if (kind === "state") this.note(content.t_ms);
      if (kind === "pong") this.measure(content);
      this.hear(kind, content);
    }
  }

  ping() {
    const quiet = Math.min(this.age, performance.now() - this.openedAt);
    if (quiet > SILENT_MS && this.socket.readyState < WebSocket.CLOSING) {
      this.socket.close();
      this.open();
      return;
    }
    this.pings.set((this.count += 1), performance.now());
    this.send({ do: "ping", n: this.count });
  }

  // A word that waited on its way is older than its arrival.
  note(saidAt) {
    const now = performance.now();
    this.offset = Math.min(now - saidAt, this.offset + DRIFT * (now - this.heardAt));
    this.heardAt = Math.max(this.heardAt, saidAt + this.offset);
  }

  measure(number) {
    if (!this.pings.has(number)) return;
    this.took = performance.now() - this.pings.get(number);
    for (const earlier of [...this.pings.keys()]) if (earlier <= number) this.pings.delete(earlier);
  }
}
