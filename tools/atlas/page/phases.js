// The first view: a slider over the phases of one run.

const TOP = 44; // pixels above the drawing, for its headings
const phasesView = {run: null, index: 0, picture: null, pinned: null};

function $(id) {
  return document.getElementById(id);
}

const phaseNow = () => phasesView.run.phases[phasesView.index];

function openRun(run, id) {
  phasesView.run = run;
  const at = run.phases.findIndex((phase) => phase.id === id);
  $("slider").max = run.phases.length - 1;
  d3.select("#ticks").html("").selectAll("li").data(run.phases).join("li")
    .classed("first", (phase, i) => i && phase.gen !== run.phases[i - 1].gen)
    .style("left", (phase, i) => `${100 * i / (run.phases.length - 1)}%`)
    .attr("title", (phase) => `generation ${phase.gen}: ${phase.title}`)
    .text((phase) => phase.short)
    .each(function (phase, i) {
      this.addEventListener("click", () => goTo(i));
    });
  measure();
  goTo(at < 0 ? 0 : at);
}

// The axes are the run's: they stay while the slider moves.
function measure() {
  const width = Math.max(320, $("drawing").clientWidth);
  const height = Math.max(560, Math.min(1000, window.innerHeight - 265));
  phasesView.size = {width, height, top: TOP, labels: true};
  phasesView.axes = axesOf(phasesView.run.phases, height, TOP);
}

function goTo(index) {
  const {run} = phasesView;
  phasesView.index = Math.max(0, Math.min(run.phases.length - 1, index));
  phasesView.pinned = null;
  $("slider").value = phasesView.index;
  const phase = phaseNow();
  $("slider").setAttribute("aria-valuetext",
    `generation ${phase.gen}: ${phase.title}`);
  ticks();
  $("title").textContent = `Generation ${phase.gen}: ${phase.title}`;
  $("says").textContent = phase.says;
  facts(phase);
  alarm(phase);
  legend();
  drawPhase();
  remember();
  const near = [run.phases[phasesView.index + 1],
    run.phases[phasesView.index - 1]];
  setTimeout(() => near.filter(Boolean)
    .forEach((other) => bands(other, phasesView.axes)));
}

// The names under the slider: the present one, and those that have room.
function ticks() {
  const all = d3.selectAll("#ticks li")
    .classed("now", (d, i) => i === phasesView.index).nodes();
  const boxes = all.map((one) => one.getBoundingClientRect());
  const order = d3.range(all.length).sort((a, b) =>
    (b === phasesView.index) - (a === phasesView.index) || a - b);
  const kept = [];
  for (const i of order) {
    const isFree = kept.every((j) => boxes[j].right + 3 < boxes[i].left
      || boxes[i].right + 3 < boxes[j].left);
    all[i].style.visibility = isFree ? "" : "hidden";
    if (isFree)
      kept.push(i);
  }
}

function facts(phase) {
  const shown = [[`${isPaged(phase) ? "" : "32-bit code, "}stopped at`, phase.where || phase.rip],
    ["CR3", isPaged(phase) ? phase.cr3 : "off"],
    ["kernel at", hex(phase.image[0])],
    ["spans", number(phase.spans.length)]];
  const line = d3.select("#facts").html("");
  shown.forEach(([name, text], i) => {
    line.append("span").text(`${i ? " · " : ""}${name} `);
    line.append("b").append("code").text(text);
  });
}

function alarm(phase) {
  const bad = spansOf(phase).filter((span) => span.rights === "rwx");
  const box = d3.select("#alarm").html("").classed("bad", bad.length > 0);
  if (!bad.length) {
    box.text("✓ No page is writable and executable at once.");
    return;
  }
  box.text(`⚠ ${size(d3.sum(bad, (span) => span.pages))} in `
    + `${count(bad.length, "span")}: writable and executable at once.`);
  const next = box.append("button").text("show").node();
  let at = 0;
  next.addEventListener("click", () => {
    const span = bad[at++ % bad.length];
    pin(phasesView.picture.bands.find((band) => band.spans.includes(span)));
  });
}

function drawPhase() {
  const phase = phaseNow();
  phasesView.picture = draw($("drawing"), phase, phasesView.axes, {
    ...phasesView.size,
    title: `${phase.title}: ${count(phase.spans.length, "span")}`});
  details($("details"), phase, null);
}

function show(band, page) {
  phasesView.picture.light(band);
  details($("details"), phaseNow(), band, page);
}

function pin(band, page) {
  phasesView.pinned = band;
  phasesView.page = page ?? band?.first.page;
  show(band, phasesView.page);
  remember();
}

// Up and down: spans in the order of their addresses.
function step(by) {
  const bands = [...phasesView.picture.bands]
    .sort((a, b) => b.first.page - a.first.page);
  const at = bands.indexOf(phasesView.pinned);
  pin(bands[at < 0 ? by > 0 ? 0 : bands.length - 1
    : Math.max(0, Math.min(bands.length - 1, at + by))]);
}

function legend() {
  const rows = [["r", "read only"], ["rw", "writable"], ["rx", "executable"],
    ["rwx", "writable and executable"]];
  const box = d3.select("#legend").html("");
  for (const [name, text] of rows) {
    const item = box.append("span");
    item.append("svg").append("rect").attr("class", `box ${name}`)
      .attr("width", 22).attr("height", 12);
    item.append("span").text(`${text}`);
  }
  box.append("span").text("+ new   ~ other rights   → moved   − gone");
  box.append("span").text("uc: uncached");
  box.append("span").text("a box across both columns: in both tables");
}

function startPhases() {
  const slider = $("slider"), drawing = $("drawing");
  slider.addEventListener("input", () => goTo(Number(slider.value)));
  $("back").addEventListener("click", () => goTo(phasesView.index - 1));
  $("on").addEventListener("click", () => goTo(phasesView.index + 1));
  drawing.addEventListener("pointermove", (event) => {
    if (!phasesView.pinned && event.pointerType !== "touch")
      show(bandAt(phasesView.picture, event));
  });
  drawing.addEventListener("pointerleave", () => {
    if (!phasesView.pinned)
      show(null);
  });
  drawing.addEventListener("click", (event) => {
    const band = bandAt(phasesView.picture, event);
    pin(band === phasesView.pinned ? null : band);
  });
}
