// The cameras' pictures, on a socket of their own, open only while somebody can see them.

import { at, made, write } from "./dom.js";
import { opened } from "./link.js";

const RETRY_MS = 1000;
const OLD_MS = 1000;

export class Cameras {
  constructor() {
    this.views = [];
    this.visible = false;
    new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      this.decide();
    }).observe(at("cameras"));
    document.addEventListener("visibilitychange", () => this.decide());
    setInterval(() => this.tellAges(), 250);
  }

  about({ cameras }) {
    if (this.views.length === cameras.length) return;
    this.views = cameras.map((name) => {
      const canvas = made("canvas", { width: 320, height: 240 });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", name);
      const told = made("span", { textContent: "no picture" });
      const view = made("figure", {}, canvas, made("figcaption", {}, made("b", { textContent: name }), " ", told));
      return { canvas, told, view, at: -Infinity, age: 0, times: [] };
    });
    at("views").replaceChildren(...this.views.map(({ view }) => view));
    this.decide();
  }

  decide() {
    const wanted = this.visible && !document.hidden && this.views.length > 0;
    if (wanted && !this.socket) this.open();
    if (!wanted && this.socket) {
      const { socket } = this;
      this.socket = null;
      socket.close();
    }
  }

  open() {
    const socket = (this.socket = opened("/cameras"));
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", (event) => this.receive(event.data));
    socket.addEventListener("close", () => {
      if (socket !== this.socket) return;
      this.socket = null;
      setTimeout(() => this.decide(), RETRY_MS);
    });
  }

  async receive(data) {
    const header = new DataView(data, 0, 5);
    const view = this.views[header.getUint8(0)];
    if (!view) return;
    const now = performance.now();
    view.at = now;
    view.age = header.getUint32(1);
    view.times = [...view.times.slice(-9), now];
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, 5)], { type: "image/jpeg" }));
    if (view.canvas.height !== bitmap.height) view.canvas.height = bitmap.height;
    view.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  tellAges() {
    const now = performance.now();
    for (const view of this.views) {
      const age = now - view.at + view.age;
      view.view.classList.toggle("old", age > OLD_MS);
      if (view.at === -Infinity) continue;
      const spent = view.times[view.times.length - 1] - view.times[0];
      const rate = spent > 0 ? ((view.times.length - 1) / spent) * 1000 : 0;
      write(view.told, age > OLD_MS ? `OLD, ${(age / 1000).toFixed(0)} s` : `${view.age} ms, ${rate.toFixed(0)}/s`);
    }
  }
}
