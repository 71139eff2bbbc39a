// The second view: all modes at one phase, on one scale.

const PANEL = {height: 620, top: 8};
const ABREAST_LEAST = 7; // a single panel is no wider than one of so many

function startModes() {
  const moments = new Map(atlas.runs.flatMap((run) => run.phases)
    .filter((phase) => phase.compare)
    .map((phase) => [phase.id, `generation ${phase.gen}: ${phase.title}`]));
  d3.select("#moment").selectAll("option").data([...moments].sort())
    .join("option").attr("value", (d) => d[0]).text((d) => d[1]);
  $("moment").addEventListener("change", () => {
    drawModes();
    remember();
  });
}

function drawModes() {
  const id = $("moment").value;
  const shown = atlas.runs.map((run) => ({run,
    phase: run.phases.find((phase) => phase.id === id)}));
  const phases = shown.map((d) => d.phase).filter(Boolean);
  const axes = axesOf(phases, PANEL.height, PANEL.top);
  d3.select("#panels").html("")
    .style("--modes", Math.max(ABREAST_LEAST, shown.length));
  drawRuler(axes.virtual);
  const panels = d3.select("#panels").selectAll(".panel")
    .data(shown).join("figure").attr("class", "panel");
  panels.append("figcaption").text((d) => d.run.mode)
    .append("small").text((d) => summary(d.phase));
  panels.classed("bad", (d) => !d.phase || refused(d.phase));
  panels.append("div").each(function (d) {
    if (d.phase)
      drawPanel(this, d, axes);
  });
  d3.select("#modes-details").html("").append("p").attr("class", "hint")
    .text("Point at one of the firmware's pages, or tap it.");
}

// What part of the address space is at which height, left of the panels.
function drawRuler(scale) {
  const ruler = d3.select("#panels").append("figure")
    .attr("class", "ruler");
  ruler.append("figcaption").text("efi=");
  const svg = ruler.append("svg").attr("height", PANEL.height)
    .attr("viewBox", `0 0 112 ${PANEL.height}`);
  svg.selectAll("text").data(spread(areaLabels(scale), 10)).join("text")
    .attr("class", "area").attr("x", 110).attr("text-anchor", "end")
    .attr("y", (label) => label.y).text((label) => label.text);
}

function drawPanel(container, {run, phase}, axes) {
  const picture = draw(container, phase, axes, {
    ...PANEL, width: Math.max(100, container.clientWidth), labels: false,
    firmwareOnly: true, title: `${run.mode}: ${summary(phase)}`});
  const follow = (event) => {
    const band = bandAt(picture, event);
    picture.light(band);
    if (band)
      details($("modes-details"), phase, band);
  };
  container.addEventListener("pointermove", follow);
  container.addEventListener("click", follow);
  container.addEventListener("pointerleave", () => picture.light(null));
}

const refused = (phase) => phase.kind === "adopted" && BigInt(phase.status) !== 0n;

function summary(phase) {
  if (!phase)
    return "did not come to this phase";
  if (refused(phase))
    return "firmware refused";
  const mine = spansOf(phase).filter((span) => isFirmware(span)
    && span.page !== span.frame);
  if (!mine.length)
    return "VA = PA, its own table";
  return hex(mine[0].page);
}
