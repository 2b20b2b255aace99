/** Where a video shows a frame: its middle, so that rounding never shows a neighbour. */
function videoTime(at) {
  return (at + 0.5) / episode.fps;
}

function seek(video, seconds) {
  if (video.seeking) video.dataset.wanted = seconds;
  else video.currentTime = seconds;
}

/** A value for people: nothing where the dataset has none. */
function told(value) {
  return value === null ? "-" : value.toFixed(3);
}

function show(at) {
  frame = Math.max(0, Math.min(last, Math.round(at)));
  const kind = episode.sources[episode.source[frame]];
  document.getElementById("clock").value =
    (frame / episode.fps).toFixed(2) + " s of " + (episode.length / episode.fps).toFixed(2) + " s · frame " + frame + " of " + last;
  const on = episode.marks.filter((mark) => mark.on[frame]).map((mark) => mark.name);
  document.getElementById("said").value = [kind.title, ...on].join(" · ");
  const share = (frame + 0.5) / episode.length;
  const width = band.clientWidth;
  band.querySelector(".needle").style.left = LEFT + (width - LEFT) * share + "px";
  band.setAttribute("aria-valuenow", frame);
  band.setAttribute("aria-valuetext", (frame / episode.fps).toFixed(2) + " seconds, " + kind.title);
  for (const plot of plots) {
    plot.needle.style.left = 100 * share + "%";
    plot.values.value = "is " + told(episode.state[frame][plot.column]) + ", told " + told(episode.action[frame][plot.column]);
  }
}

function moveTo(at) {
  show(at);
  clockS = frame / episode.fps;
  for (const video of videos) seek(video, videoTime(frame));
}

function tick(nowMs) {
  if (!playing) return;
  clockS += (nowMs - heardMs) / 1000;
  heardMs = nowMs;
  for (const video of videos) {
    if (Math.abs(video.currentTime - clockS) > DRIFT_S && !video.seeking) video.currentTime = clockS;
  }
  show(Math.floor(clockS * episode.fps));
  if (frame >= last) pause();
  else requestAnimationFrame(tick);
}

function play() {
  if (frame >= last) moveTo(0);
  playing = true;
  heardMs = performance.now();
  document.getElementById("play").textContent = "Pause";
  for (const video of videos) video.play().catch(() => {}); // one that cannot be shown holds nobody up
  requestAnimationFrame(tick);
}

function pause() {
  playing = false;
  document.getElementById("play").textContent = "Play";
  for (const video of videos) video.pause();
  moveTo(frame);
}

function scrubbed(element, inset) {
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return ((event.clientX - box.left - inset) / (box.width - inset)) * episode.length - 0.5;
  };
  element.addEventListener("pointerdown", (event) => {
    if (playing) pause();
    element.setPointerCapture(event.pointerId);
    moveTo(at(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) moveTo(at(event));
  });
}

function nextChange(direction) {
  const starts = runs.map((run) => run.from);
  const found = direction > 0 ? starts.find((at) => at > frame) : starts.findLast((at) => at < frame);
  return found === undefined ? (direction > 0 ? last : 0) : found;
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.shiftKey ? Math.round(episode.fps) : 1;
  const wanted = {
    ArrowLeft: () => frame - step, ArrowRight: () => frame + step, Home: () => 0, End: () => last,
    "[": () => nextChange(-1), "]": () => nextChange(1),
  }[event.key];
  if (event.key === " ") (playing ? pause : play)();
  else if (wanted) {
    const to = wanted();
    if (playing) pause();
    moveTo(to);
  } else return;
  event.preventDefault();
}

function drawAll() {
  drawBand();
  plots.forEach(drawPlot);
  show(frame);
}

band.setAttribute("aria-valuemin", 0);
band.setAttribute("aria-valuemax", last);
placePlots();
drawLegend();
drawAll();
scrubbed(band, LEFT);
for (const plot of plots) scrubbed(plot.area, 0);
for (const video of videos) {
  video.addEventListener("seeked", () => {
    const wanted = video.dataset.wanted;
    delete video.dataset.wanted;
    if (wanted !== undefined) video.currentTime = Number(wanted);
  });
}
document.getElementById("play").addEventListener("click", (event) => {
  event.currentTarget.blur(); // or Space would press it a second time
  (playing ? pause : play)();
});
for (const button of document.querySelectorAll("[data-frame]")) {
  button.addEventListener("click", () => {
    if (playing) pause();
    moveTo(Number(button.dataset.frame));
  });
}
addEventListener("keydown", pressed);
addEventListener("resize", drawAll);
moveTo(0);
