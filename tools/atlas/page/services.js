// The third view: a lane for each service, the firmware's pages from left to
// right.

const USES = [["r", "read"], ["x", "executed"], ["w", "written"]];
const LANE = {height: 22, gap: 6, left: 190, right: 150, top: 48, width: 1200};

function drawServices(run) {
  const box = d3.select("#strips").html("");
  if (!run.services.length) {
    box.append("p").text(`No calls were watched in efi=${run.mode}: `
      + "make atlas MODE=" + run.mode);
    return;
  }
  const regions = atlas.maps[run.phases.find((p) => p.compare).map].regions;
  const scale = regionScale(regions);
  const height = LANE.top + run.services.length * (LANE.height + LANE.gap) + 34;
  const svg = box.append("svg").attr("viewBox", `0 0 ${LANE.width} ${height}`)
    .attr("role", "img").attr("aria-label", "Pages that each service touched");
  regionHeads(svg, regions, scale, height);
  run.services.forEach((service, i) => lane(svg, service, scale,
    LANE.top + i * (LANE.height + LANE.gap)));
  useLegend(svg, height);
}

// Each region has width by the root of its size.
function regionScale(regions) {
  const weights = regions.map(([, pages]) => Math.sqrt(pages));
  const room = LANE.width - LANE.left - LANE.right - 10 * (regions.length - 1);
  const unit = room / d3.sum(weights);
  let x = LANE.left;
  const domain = [], range = [];
  regions.forEach(([page, pages], i) => {
    domain.push(page, page + pages);
    range.push(x, x + weights[i] * unit);
    x += weights[i] * unit + 10;
  });
  // Regions may touch: the scale is asked for a place within one of them.
  return (page, pages) => {
    const i = regions.findIndex(([start, length]) =>
      page >= start && page < start + length) * 2;
    const at = d3.scaleLinear().domain(domain.slice(i, i + 2))
      .range(range.slice(i, i + 2));
    return [at(page), at(page + pages)];
  };
}

function regionHeads(svg, regions, scale, height) {
  for (const [page, pages, , type] of regions) {
    const [start, end] = scale(page, pages);
    svg.append("rect").attr("class", "lane").attr("x", start)
      .attr("width", end - start).attr("y", LANE.top - 4)
      .attr("height", height - LANE.top - 30);
    svg.append("text").attr("class", "area").attr("x", start)
      .attr("y", 16).text(nameOf(type));
    svg.append("text").attr("x", start).attr("y", 30).text(hex(page));
    svg.append("text").attr("x", start).attr("y", 41)
      .text(size(pages));
  }
}

function lane(svg, service, scale, y) {
  svg.append("text").attr("class", "area").attr("x", LANE.left - 8)
    .attr("text-anchor", "end").attr("y", y + 11).text(service.service);
  svg.append("text").attr("x", LANE.left - 8).attr("text-anchor", "end")
    .attr("y", y + 21).text(count(service.calls, "call"));
  const runs = USES.flatMap(([use, word]) => service[use]
    .map(([page, pages]) => ({use, word, page, pages})));
  svg.append("g").selectAll("rect").data(runs).join("rect")
    .attr("class", (d) => d.use)
    .attr("x", (d) => scale(d.page, d.pages)[0])
    .attr("width", (d) => {
      const [start, end] = scale(d.page, d.pages);
      return Math.max(1.6, end - start);
    })
    // Not by colour alone: what is written is tall, what is read is low.
    .attr("y", (d) => y + {w: 0, x: 5, r: 11}[d.use])
    .attr("height", (d) => LANE.height - {w: 0, x: 5, r: 11}[d.use])
    .each(function (d) {
      this.addEventListener("pointerenter", () => {
        $("strip-note").textContent = `${service.service}: `
          + `${count(d.pages, "page")} ${d.word}, from ${hex(d.page)} `
          + `to ${lastByte(d.page + d.pages)}`;
        this.classList.add("lit");
      });
      this.addEventListener("pointerleave", () =>
        this.classList.remove("lit"));
    });
  const total = (use) => d3.sum(service[use], (row) => row[1]);
  svg.append("text").attr("x", LANE.width - LANE.right + 10).attr("y", y + 15)
    .text(USES.map(([use]) => `${total(use)} ${use}`).join("  "));
}

function useLegend(svg, height) {
  USES.forEach(([use, word], i) => {
    const x = LANE.left + i * 110;
    const low = {w: 0, x: 3, r: 7}[use];
    svg.append("rect").attr("class", use).attr("x", x).attr("width", 16)
      .attr("y", height - 20 + low).attr("height", 14 - low);
    svg.append("text").attr("x", x + 22).attr("y", height - 9).text(word);
  });
}
