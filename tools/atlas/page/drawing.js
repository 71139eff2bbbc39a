// One picture: virtual addresses on the left, physical memory on the right, and
// a ribbon for each span. The phases' view has one, the modes' view has one for each mode.

const FEW = 3000; // spans: each has an element of its own; above, a band has more

// What tells bands apart that fall on the same pixels, as one number.
const KINDS = ["", "new", "rights", "moved", "r--", "rw-", "r-x", "rwx"];

// A phase's rows of numbers as objects, made when they are first wanted.
function spansOf(phase) {
  phase.known ??= phase.spans.map((row) => {
    const span = {};
    atlas.columns.forEach((name, i) => span[name] = row[i]);
    span.kind = (KINDS.indexOf(span.rights) * 4
      + KINDS.indexOf(span.change)) * 4 + span.tables;
    return span;
  });
  return phase.known;
}

function isFirmware(span) {
  return atlas.texts[span.owner].startsWith("firmware:");
}

const isPaged = (phase) => phase.tables[0].levels > 0;

// All that the axes have to show, in any of the phases.
function axesOf(phases, height, top) {
  const virtual = [], physical = [];
  const paged = phases.filter(isPaged);
  for (const phase of paged) {
    for (const span of spansOf(phase)) {
      virtual.push([span.page, span.pages]);
      physical.push([span.frame, span.pages]);
    }
  }
  for (const map of new Set(phases.map((phase) => atlas.maps[phase.map])))
    for (const [page, pages, kind] of map.memory)
      if (kind !== "hole")
        physical.push([page, pages]);
  return {virtual: axis(virtual, top, height - 8),
          physical: axis(physical, top, height - 8)};
}

// Spans that fall on the same pixels, as one band, the largest first. Of few
// spans, each is its own. Kept for as long as the axes are.
function bands(phase, axes) {
  if (phase.drawnOn !== axes) {
    phase.drawnOn = axes;
    phase.bands = join(spansOf(phase), axes)
      .sort((a, b) => (b.y1 - b.y0) - (a.y1 - a.y0));
  }
  return phase.bands;
}

function join(spans, axes) {
  const whole = spans.length <= FEW;
  const found = new Map();
  spans.forEach((span, i) => {
    const y1 = axes.virtual.at(span.page);
    const y0 = axes.virtual.at(span.page + span.pages);
    const p1 = axes.physical.at(span.frame);
    const p0 = axes.physical.at(span.frame + span.pages);
    const key = whole ? i : Math.round(y1 / 2) * 256 + span.kind;
    const band = found.get(key);
    if (!band) {
      found.set(key, {y0, y1, p0, p1, spans: [span], first: span});
      return;
    }
    band.spans.push(span);
    band.y0 = Math.min(band.y0, y0);
    band.p0 = Math.min(band.p0, p0);
    band.p1 = Math.max(band.p1, p1);
  });
  return [...found.values()];
}

// Where the columns are. A band is in the left column, the right one, or both.
function placesOf(width, options) {
  const left = options.labels ? Math.min(140, width * .17) : 4;
  const right = options.labels ? Math.min(150, width * .24) : 4;
  const column = Math.max(16, Math.min(62, (width - left - right) * .11));
  const memory = width - right - column;
  return {left, column, memory, second: left + column + 3,
          edge: left + 2 * column + 3, end: memory + column};
}

function boxOf(band, place) {
  const mask = band.first.tables;
  return {x: mask & 1 ? place.left : place.second,
          width: mask === 3 ? place.edge - place.left : place.column};
}

const ribbon = d3.area().x((d) => d[0]).y0((d) => d[1]).y1((d) => d[2])
  .curve(d3.curveBasis);

function ribbonOf(band, place) {
  const box = boxOf(band, place);
  const from = box.x + box.width, third = (place.memory - place.edge) / 3;
  const low = [band.y0, Math.max(band.y1, band.y0 + 1)];
  const high = [band.p0, Math.max(band.p1, band.p0 + 1)];
  return ribbon([[from, ...low], [place.edge, ...low],
    [place.edge + third, ...low], [place.memory - third, ...high],
    [place.memory, ...high]]);
}

function classOf(band, options) {
  const faint = options.firmwareOnly && !isFirmware(band.first);
  return faint ? "faint" : rightsClass(band.first.rights);
}

// Draws a phase into an empty element; gives what the views need to follow the
// pointer: the bands, and a way to light one up.
function draw(container, phase, axes, options) {
  const width = options.width, height = options.height;
  const place = placesOf(width, options);
  const svg = d3.select(container).html("").append("svg")
    .attr("viewBox", `0 0 ${width} ${height}`).attr("height", height)
    .attr("role", "img").attr("aria-label", options.title);
  hatch(svg);
  const all = bands(phase, axes);
  drawMemory(svg, phase, axes, place, options);
  columns(svg, phase, place, options);
  drawAxis(svg, axes.virtual, place, options);
  const shape = (layer, tag, name) => svg.append("g").attr("class", layer)
    .selectAll(tag).data(all).join(tag)
    .attr("class", (d) => `${name} ${classOf(d, options)} ${d.first.change}`
      + (d.y1 - d.y0 > 40 ? " wide" : ""))
    .attr("data-spans", (d) => d.spans.length);
  const ribbons = shape("ribbons", "path", "ribbon")
    .attr("d", (d) => ribbonOf(d, place));
  const boxes = shape("boxes", "rect", "box")
    .attr("x", (d) => boxOf(d, place).x)
    .attr("width", (d) => boxOf(d, place).width)
    .attr("y", (d) => d.y0)
    .attr("height", (d) => Math.max(all.length > FEW ? 1 : 1.6,
      d.y1 - d.y0));
  if (!options.firmwareOnly) {
    letters(svg, all, place);
    marks(svg, phase, all, axes, place);
  }
  const light = (band) => {
    svg.classed("busy", Boolean(band));
    for (const shapes of [ribbons, boxes])
      shapes.classed("lit", (d) => d === band);
  };
  return {svg: svg.node(), bands: all, place, light, width, height};
}

// Stripes for what is writable and executable: seen without any colour.
function hatch(svg) {
  const pattern = svg.append("defs").append("pattern")
    .attr("id", "hatch").attr("width", 7).attr("height", 7)
    .attr("patternUnits", "userSpaceOnUse")
    .attr("patternTransform", "rotate(45)");
  pattern.append("rect").attr("width", 7).attr("height", 7)
    .attr("style", "fill: var(--rwx)");
  pattern.append("rect").attr("width", 3).attr("height", 7)
    .attr("style", "fill: var(--rwx-ink)");
}

// What each column is: a light ground, and a bar on top of the table in use.
function columns(svg, phase, place, options) {
  const starts = [place.left, place.second];
  const layer = svg.append("g");
  phase.tables.forEach((table, i) => {
    layer.append("rect").attr("class", "ground").attr("x", starts[i])
      .attr("width", place.column).attr("y", options.top)
      .attr("height", options.height - options.top - 6);
    if (table.active && isPaged(phase))
      layer.append("rect").attr("class", "tables").attr("x", starts[i])
        .attr("width", place.column).attr("y", options.top - 5)
        .attr("height", 4);
    if (options.labels)
      layer.append("text").attr("class", "title").attr("x", starts[i])
        .attr("y", options.top - 8 - 14 * (phase.tables.length - 1 - i))
        .text(headOf(phase, table));
  });
  if (options.labels)
    titleOfMemory(layer, place).attr("y", options.top - 8);
}

// On a phone the titles of the tables reach as far as the column of memory.
function titleOfMemory(layer, place) {
  const title = layer.append("text").attr("class", "title");
  return place.left > 100
    ? title.attr("x", place.end).attr("text-anchor", "end")
      .text("physical memory")
    : title.attr("x", place.memory).text("memory");
}

function headOf(phase, table) {
  return table.name.replace("the ", "")
    + (table.active && isPaged(phase) ? " (CR3)" : "");
}

function drawAxis(svg, scale, place, options) {
  const layer = svg.append("g");
  for (const gap of scale.breaks) {
    const y = (gap.y + gap.end) / 2;
    layer.append("line").attr("class", "gap").attr("x1", place.left)
      .attr("x2", place.edge).attr("y1", y).attr("y2", y);
    if (options.labels && place.edge - place.left > 100)
      layer.append("text").attr("x", (place.left + place.edge) / 2)
        .attr("y", y + 3).attr("text-anchor", "middle").attr("class", "hole")
        .text(emptiness(gap));
  }
  if (!options.labels)
    return;
  const isWide = place.left > 125;
  const addresses = scale.clusters.map((cluster) => ({y: cluster.y - 1,
    text: isWide ? hex(cluster.start) : ""}));
  const wanted = [...areaLabels(scale), ...addresses];
  for (const label of spread(wanted, 10.5).filter((label) => label.text))
    layer.append("text").attr("x", place.left - 6).attr("y", label.y)
      .attr("text-anchor", "end").attr("class", label.area ? "area" : "")
      .text(isWide ? label.text : label.text.split(/\W/)[0]);
}

// The name of each area, where its highest span is.
function areaLabels(scale) {
  const tops = scale.clusters.filter((cluster, i, all) => !all[i + 1]
    || areaOf(all[i + 1].start) !== areaOf(cluster.start));
  return tops.map((cluster) => ({y: cluster.end + 9, area: true,
    text: areaOf(cluster.start)}));
}

function emptiness(gap) {
  const isHole = gap.start < 2 ** 35 && gap.start + gap.pages > 2 ** 36;
  return isHole ? "not canonical" : `${size(gap.pages)} empty`;
}

function areaOf(page) {
  return atlas.areas.filter(([start]) => start <= page).pop()[1];
}

function drawMemory(svg, phase, axes, place, options) {
  const layer = svg.append("g");
  const scale = axes.physical, map = atlas.maps[phase.map];
  const ranges = map.memory.filter(([, , kind]) => kind !== "hole");
  layer.selectAll("rect").data(ranges).join("rect")
    .attr("class", ([, , kind]) => `memory ${kind}`)
    .attr("x", place.memory).attr("width", place.column)
    .attr("y", ([page, pages]) => scale.at(page + pages))
    .attr("height", ([page, pages]) =>
      Math.max(.5, scale.at(page) - scale.at(page + pages)))
    .append("title").text(([page, pages, kind]) =>
      `${hex(page)} to ${lastByte(page + pages)}: ${kind}, ${size(pages)}`);
  layer.append("rect").attr("class", "frame").attr("x", place.memory - .5)
    .attr("width", place.column + 1).attr("y", options.top - 2)
    .attr("height", options.height - options.top - 4);
  layer.selectAll(".tables").data(phase.frames).join("rect")
    .attr("class", "tables").attr("x", place.end + 1).attr("width", 4)
    .attr("y", ([page, pages]) => scale.at(page + pages))
    .attr("height", ([page, pages]) =>
      Math.max(1, scale.at(page) - scale.at(page + pages)))
    .append("title").text("page tables");
  if (!options.labels)
    return;
  for (const gap of scale.breaks)
    layer.append("line").attr("class", "gap").attr("x1", place.memory)
      .attr("x2", place.end + 20).attr("y1", (gap.y + gap.end) / 2)
      .attr("y2", (gap.y + gap.end) / 2);
  const middle = (page, pages) =>
    (scale.at(page) + scale.at(page + pages)) / 2 + 3;
  const labels = [
    {y: middle(...phase.image), text: "this kernel", strong: true},
    ...map.regions.map(([page, pages, , type]) => ({
      y: middle(page, pages), text: nameOf(type),
      strong: true})),
    ...[...ranges].sort((a, b) => height(b) - height(a)).map((range) => ({
      y: middle(range[0], range[1]), text: range[2]})),
    ...scale.clusters.map((c) => ({y: c.y - 1, text: hex(c.start)})),
  ];
  for (const label of spread(labels, 10.5))
    layer.append("text").attr("x", place.end + 8).attr("y", label.y)
      .attr("class", label.strong ? "area" : "").text(label.text);

  function height([page, pages]) {
    return scale.at(page) - scale.at(page + pages);
  }
}

function nameOf(type) {
  return type.replace("RuntimeServices", "Runtime").replace("Mmio", "MMIO");
}

// The rights as letters, in each box that has room for them.
function letters(svg, all, place) {
  svg.append("g").selectAll("text")
    .data(all.filter((d) => d.y1 - d.y0 >= 10 && d.first.rights !== "rwx"))
    .join("text")
    .attr("class", (d) => `code ${rightsClass(d.first.rights)}`)
    .attr("x", (d) => boxOf(d, place).x + boxOf(d, place).width / 2)
    .attr("y", (d) => (d.y0 + d.y1) / 2 + 3.5)
    .text((d) => d.first.rights + (d.first.cached ? "" : " uc"));
}

// A bar and a sign beside what changed since the last phase, and where
// something is gone.
function marks(svg, phase, all, axes, place) {
  const layer = svg.append("g");
  const changed = all.filter((d) => d.first.change)
    .map((d) => ({kind: d.first.change, y0: d.y0, y1: d.y1}));
  const gone = phase.gone.map(([, page, pages]) => ({
    kind: "gone", y0: axes.virtual.at(page + pages),
    y1: axes.virtual.at(page)}));
  const bars = [...changed, ...gone];
  layer.selectAll("rect").data(bars).join("rect")
    .attr("class", (d) => `mark ${d.kind}`)
    .attr("x", place.edge + 2).attr("width", 3)
    .attr("y", (d) => d.y0)
    .attr("height", (d) => Math.max(1, d.y1 - d.y0));
  const signs = bars.map((d) => ({...d, y: (d.y0 + d.y1) / 2}))
    .sort((a, b) => (b.y1 - b.y0) - (a.y1 - a.y0)).slice(0, 400);
  layer.selectAll("text").data(spread(signs, 9)).join("text")
    .attr("class", (d) => `sign ${d.kind}`).attr("x", place.edge + 11)
    .attr("y", (d) => d.y + 4).text((d) => SIGNS[d.kind]);
}

// The band at a point of the picture: in the columns the nearest one.
function bandAt(picture, event) {
  const target = event.target.__data__;
  if (event.target.classList.contains("ribbon"))
    return target;
  const bounds = picture.svg.getBoundingClientRect();
  const x = (event.clientX - bounds.left) / bounds.width * picture.width;
  const y = (event.clientY - bounds.top) / bounds.height * picture.height;
  let best = null, least = 4;
  for (const band of picture.bands) {
    const box = boxOf(band, picture.place);
    const away = Math.max(band.y0 - y, y - Math.max(band.y1, band.y0 + 1), 0);
    if (x >= box.x && x <= box.x + box.width && away < least)
      best = band, least = away;
  }
  return best;
}
