// The second view: all modes at one phase, on one scale.

const PANEL = {height: 620, top: 8};

function startModes() {
  const moments = new Map();
  for (const run of atlas.runs)
    for (const phase of run.phases)
      if (phase.compare)
        moments.set(phase.id, `generation ${phase.gen}: ${phase.title}`);
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
  const panels = d3.select("#panels").html("").selectAll("figure")
    .data(shown).join("figure");
  panels.append("figcaption").text((d) => d.run.mode)
    .append("small").text((d) => summary(d.phase));
  panels.classed("bad", (d) => !d.phase || refused(d.phase));
  panels.append("div").each(function (d) {
    if (d.phase)
      drawPanel(this, d, axes);
  });
  details($("modes-details"), phases[0], null);
  d3.select("#modes-details").html("").append("p").attr("class", "hint")
    .text("Point at one of the firmware's pages, or tap it.");
}

function drawPanel(container, {run, phase}, axes) {
  const picture = draw(container, phase, axes, {
    ...PANEL, width: Math.max(120, container.clientWidth), labels: false,
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
    return "the firmware is refused";
  const mine = spansOf(phase).filter((span) => isFirmware(span)
    && span.page !== span.frame);
  if (!mine.length)
    return "VA = PA, on a table of its own";
  return `from ${hex(mine[0].page)}`;
}
