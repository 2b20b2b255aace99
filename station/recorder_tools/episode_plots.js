const plots = episode.joints.map((joint, column) => {
  const box = document.createElement("div");
  box.className = "plot";
  const title = document.createElement("b");
  title.textContent = joint.replaceAll("_", " ");
  const values = document.createElement("output");
  const header = document.createElement("header");
  header.append(title, values);
  const area = document.createElement("div");
  area.className = "area";
  const canvas = document.createElement("canvas");
  const needle = document.createElement("div");
  needle.className = "needle";
  area.append(canvas, needle);
  box.append(header, area);
  return { box, area, canvas, needle, values, column };
});

/** Lay the arms side by side, joint by joint. */
function placePlots() {
  const half = Math.ceil(plots.length / 2);
  for (let row = 0; row < half; row += 1) {
    for (const plot of [plots[row], plots[row + half]]) {
      if (plot) document.getElementById("joints").append(plot.box);
    }
  }
}

function drawPlot(plot) {
  const { canvas, column } = plot;
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const lines = [
    [episode.proposed, "--proposed", []], [episode.action, "--command", [5, 3]], [episode.state, "--measured", []],
  ].map(([values, colour, dashes]) => [values.map((row) => row[column]), colour, dashes]);
  const all = lines.flatMap(([values]) => values).filter((value) => value !== null);
  const low = Math.min(...all), high = Math.max(...all);
  const spread = Math.max(high - low, 0.05), middle = (low + high) / 2;
  const across = (at) => (width * (at + 0.5)) / episode.length;
  const up = (value) => height / 2 - ((value - middle) / spread) * (height - 10);
  for (const run of runs) {
    pen.fillStyle = episode.sources[run.value].colour + "33";
    pen.fillRect((width * run.from) / episode.length, 0, (width * (run.to - run.from)) / episode.length, height);
    if (run.from) {
      pen.fillStyle = "#94a3b8";
      pen.fillRect((width * run.from) / episode.length, 0, 1, height);
    }
  }
  const style = getComputedStyle(document.documentElement);
  for (const [values, colour, dashes] of lines) {
    pen.beginPath();
    let down = false;
    values.forEach((value, at) => {
      if (value === null) down = false;
      else if (down) pen.lineTo(across(at), up(value));
      else { pen.moveTo(across(at), up(value)); down = true; }
    });
    pen.setLineDash(dashes);
    pen.lineWidth = 1.5;
    pen.strokeStyle = style.getPropertyValue(colour);
    pen.stroke();
  }
}
