// A deliberate act: hold a button for 1.5 s, or type four digits.

import { made, show, write } from "./dom.js";

const HOLD_MS = 1500;

export class Confirmation {
  constructor(parent, { hold, digits, act }) {
    this.act = act;
    this.code = "";
    this.button = made("button", { type: "button", className: "hold", textContent: hold });
    this.input = made("input", {
      inputMode: "numeric", maxLength: 4, size: 4, autocomplete: "off", placeholder: "0000",
    });
    this.form = made("form", {}, made("label", {}, `${digits} `, this.input), made("button", { textContent: "Confirm" }));
    this.wrong = made("p", { className: "wrong", hidden: true });
    this.wrong.setAttribute("role", "alert");
    parent.append(this.button, this.form, this.wrong);
    this.button.addEventListener("pointerdown", (event) => this.begin(event));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      this.button.addEventListener(end, () => this.release());
    }
    this.button.addEventListener("contextmenu", (event) => event.preventDefault());
    // Without a pointer there is no holding: type instead.
    this.button.addEventListener("click", (event) => event.detail === 0 && this.input.focus());
    this.form.addEventListener("submit", (event) => this.typed(event));
  }

  enable(possible, code) {
    if (code !== this.code) {
      this.code = code;
      this.input.value = "";
      show(this.wrong, false);
    }
    for (const element of [this.button, this.input, this.form.lastElementChild]) {
      if (element.disabled === possible) element.disabled = !possible;
    }
    if (!possible) this.release();
  }

  begin(event) {
    if (event.button !== 0) return;
    const from = performance.now();
    const step = () => {
      const held = (performance.now() - from) / HOLD_MS;
      this.button.style.setProperty("--held", String(Math.min(held, 1)));
      if (held < 1) this.frame = requestAnimationFrame(step);
      else this.done();
    };
    this.frame = requestAnimationFrame(step);
  }

  release() {
    cancelAnimationFrame(this.frame);
    this.button.style.setProperty("--held", "0");
  }

  typed(event) {
    event.preventDefault();
    const right = this.input.value.trim() === this.code;
    show(this.wrong, !right);
    if (right) this.done();
    else write(this.wrong, `${this.input.value || "Nothing"} is not ${this.code}.`);
  }

  done() {
    this.release();
    this.input.value = "";
    this.act(this.code);
  }
}
