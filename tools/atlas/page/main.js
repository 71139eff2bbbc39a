// Views, keys, and the address of the page, which says what is shown:
// #view=phases&mode=fixed&phase=g0-wx&at=0xfffffffeff9ec000

const atlas = JSON.parse($("data").textContent);
const VIEWS = ["phases", "modes", "services"];
let view = "phases";
let isReading = false; // what the address says: nothing is written to it

function remember() {
  if (isReading)
    return;
  const words = new URLSearchParams({view, mode: phasesView.run.mode,
    phase: phaseNow().id});
  if (phasesView.pinned)
    words.set("at", hex(phasesView.page));
  if (view === "modes")
    words.set("moment", $("moment").value);
  history.replaceState(null, "", `#${words}`);
}

function showView(name, isStale = true) {
  view = VIEWS.includes(name) ? name : "phases";
  for (const other of VIEWS) {
    $(other).hidden = other !== view;
    $(`tab-${other}`).setAttribute("aria-selected", other === view);
  }
  if (isStale || view !== "phases")
    redraw();
  remember();
}

function redraw() {
  if (view === "modes")
    drawModes();
  else if (view === "services")
    drawServices(phasesView.run);
  else {
    const kept = phasesView.pinned && hex(phasesView.page);
    measure();
    goTo(phasesView.index);
    pinAt(kept);
  }
}

// The span with an address, in words, as the one that is kept; if there is one.
function pinAt(address) {
  const page = pageOf(address || "");
  const band = phasesView.picture.bands.find((one) =>
    one.spans.some((span) => holds(span, page)));
  if (band)
    pin(band, page);
  return Boolean(band);
}

function readAddress() {
  isReading = true;
  const words = new URLSearchParams(location.hash.slice(1));
  const mode = words.get("mode") || atlas.about.mode;
  const run = atlas.runs.find((one) => one.mode === mode) || atlas.runs[0];
  $("mode").value = run.mode;
  if (words.get("moment"))
    $("moment").value = words.get("moment");
  $("phases").hidden = false; // to be measured
  openRun(run, words.get("phase"));
  showView(words.get("view"), false);
  if (view === "phases")
    pinAt(words.get("at"));
  isReading = false;
}

const KEYS = {
  ArrowLeft: () => goTo(phasesView.index - 1),
  ArrowRight: () => goTo(phasesView.index + 1),
  Home: () => goTo(0),
  End: () => goTo(phasesView.run.phases.length - 1),
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
  Escape: () => pin(null),
};

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey
      || event.target.matches("select, input:not(#slider)"))
    return;
  if (["1", "2", "3"].includes(event.key))
    showView(VIEWS[event.key - 1]);
  else if (view === "phases" && KEYS[event.key]) {
    event.preventDefault(); // the slider would move by itself, too
    KEYS[event.key]();
  }
}

function start() {
  d3.select("#mode").selectAll("option").data(atlas.runs).join("option")
    .attr("value", (run) => run.mode).text((run) => run.mode);
  $("mode").addEventListener("change", () => {
    openRun(atlas.runs.find((run) => run.mode === $("mode").value),
      phaseNow().id);
    showView(view, false);
  });
  for (const name of VIEWS)
    $(`tab-${name}`).addEventListener("click", () => showView(name));
  document.addEventListener("keydown", onKey);
  window.addEventListener("hashchange", readAddress);
  let late = 0;
  window.addEventListener("resize", () => {
    clearTimeout(late);
    late = setTimeout(redraw, 100);
  });
  const {about} = atlas;
  $("about").textContent = `Baton ${about.kernel}, firmware ${about.firmware} `
    + `(${about.code}), ${about.ram_mib} MiB. Read from outside the machine: `
    + "page tables from CR3, structures by the debug information.";
  startPhases();
  startModes();
  readAddress();
}

start();
