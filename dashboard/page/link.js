// The socket to the robot: comes back by itself, and knows how old the newest word is.

const PING_MS = 1000;
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
    this.heardAt = -Infinity;
    this.roundTrip = null;
    this.pings = new Map();
    this.count = 0;
    this.hear = hear;
    this.locked = locked;
    setInterval(() => this.ping(), PING_MS);
    this.open();
  }

  get age() {
    return performance.now() - this.heardAt;
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
      if (kind === "state") this.heardAt = performance.now();
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
    this.pings.clear();
    this.pings.set((this.count += 1), performance.now());
    this.send({ do: "ping", n: this.count });
  }

  measure(number) {
    if (this.pings.has(number)) this.roundTrip = performance.now() - this.pings.get(number);
  }
}
