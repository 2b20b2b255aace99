// Who commands, how the episode goes, and what is kept of it; labels with one key each.

import { at, fixed, listed, made, mark, show, write } from "./dom.js";

const SILENT_MS = 100; // a person's device: then the arms hold
const WHO = {
  policy: ["Policy", "commands"],
  human: ["Person", "commands"],
  hold: ["Nobody", "commands: the arms hold"],
  home: ["Station", "brings the arms home"],
  rest: ["Station", "brings the arms to rest"],
};
const OUTCOMES = ["success", "failure", "timeout", "aborted"];
const KINDS = ["demo", "auto", "intervention"];

// In a few words, for the banner.
export function commanderOf(state) {
  const commander = state?.control?.commander;
  return commander === "human" ? "person" : commander;
}

export class Collect {
  constructor(operate) {
    this.operate = operate;
    this.engaged = false;
    addEventListener("keydown", (event) => this.key(event));
    at("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const reason = at("note").value.trim();
      if (reason) operate.ask("note", { reason }, at("collect-answer"));
      at("note").value = "";
    });
  }

  about({ device, records }) {
    for (const part of document.querySelectorAll("[data-for=device]")) show(part, Boolean(device));
    for (const part of document.querySelectorAll("[data-for=recorder]")) show(part, records);
  }

  // The stop's keys never come here: they are taken before.
  key(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input:not([type=range])")) return;
    const button = [...document.querySelectorAll(`#collect [data-key="${CSS.escape(event.key)}"]`)]
      .find((each) => !each.disabled && each.offsetParent);
    if (!button) return;
    event.preventDefault();
    button.click();
  }

  // Whether a button makes sense now, apart from who may press it.
  makesSense(what) {
    return what === "takeover" ? !this.engaged : what === "hand_back" ? this.engaged : true;
  }

  draw(state, now) {
    this.engaged = Boolean(state.human?.engaged);
    this.drawCommander(state, now);
    this.drawEpisode(state.episode);
    drawTally(state.tally);
    drawRecorder(at("recorder"), "Recorder", state.recorder);
    drawRecorder(at("finisher"), "Dataset", state.finisher);
  }

  drawCommander({ control, human }, now) {
    const runs = now === "running" && control;
    const [who, does] = runs ? (WHO[control.commander] ?? [control.commander, "commands"]) : ["Nobody", "may command"];
    const commands = runs && control.commander === "human";
    const silent = human && human.age_ms > SILENT_MS;
    mark(at("commanding"), "who", commands ? "human" : runs ? control.commander : "nobody");
    write(at("who"), who);
    const arms = commands && human ? ` ${human.arms.join(" and ")} arm${human.arms.length > 1 ? "s" : ""}` : "";
    const backing = commands && human?.doing === "rewind" ? ", backing up" : "";
    write(at("who-does"), does + arms + backing);
    write(at("device-said"), silent ? "The person’s device is silent." : this.engaged && !commands ? "The person wants to command." : "");
  }

  drawEpisode(episode) {
    if (!episode) return void write(at("episode-now"), "No episode yet");
    const { number, phase, kind, lasts_s: lasts, outcome, judge } = episode;
    write(at("episode-now"), `Episode ${number}: ${phase === "running" ? `runs, ${fixed(lasts, 0)} s` : outcome}`);
    write(at("episode-more"), phase === "running" ? kind : `${kind}, ${fixed(lasts, 1)} s, by ${judge}`);
  }
}

function drawTally(tally) {
  const counts = new Map(tally.map(([kind, outcome, count]) => [`${kind} ${outcome}`, count]));
  const cells = () => made("tr", {}, made("th", { scope: "row" }), ...OUTCOMES.map(() => made("td")));
  listed(at("tally-rows"), KINDS, cells, (row, kind) => {
    write(row.firstElementChild, kind);
    OUTCOMES.forEach((outcome, place) => {
      write(row.children[place + 1], String(counts.get(`${kind} ${outcome}`) ?? "–"));
    });
  });
}

function drawRecorder(place, name, said) {
  if (!said) return;
  const { silent, troubles, work, free_gb: free } = said;
  const bad = silent || troubles.length > 0;
  mark(place, "mood", bad ? "bad" : work ? "ok" : "none");
  const disk = free == null ? "" : `; ${fixed(free, 1)} GB of disk left`;
  const does = silent ? "silent: nothing is recorded for sure" : bad ? troubles.join("; ") : work || "waits";
  write(place, `${bad ? "■" : work ? "●" : "○"} ${name}: ${does}${disk}`);
}
