// What is known of a span, in words.

// `page`: one of it, to which the walk leads.
function details(container, phase, band, page) {
  const box = d3.select(container).html("");
  if (!band) {
    overview(box, phase);
    return;
  }
  const span = band.spans.find((one) => holds(one, page)) || band.first;
  box.append("h3").text(`${hex(span.page)} … ${lastByte(span.page + span.pages)}`);
  const list = box.append("dl");
  const row = (name, text) => {
    list.append("dt").text(name);
    return list.append("dd").text(text);
  };
  const chip = row("rights", "");
  chip.append("span").attr("class", `chip ${rightsClass(span.rights)}`)
    .text(span.rights);
  chip.append("span").text(` ${RIGHTS[span.rights]}`
    + (span.cached ? "" : ", uncached"));
  row("owner", atlas.texts[span.owner]);
  row("physical", `${hex(span.frame)} … ${lastByte(span.frame + span.pages)}`);
  row("size", isPaged(phase)
    ? `${size(span.pages)}: ${count(leavesOf(span), `page`)} of ${LEAF_NAMES[span.level]}`
    : size(span.pages));
  row("in", tablesOf(phase, span));
  if (isPaged(phase))
    row("marks", `${marked(span, 1)} accessed, ${marked(span, 2)} dirty`);
  for (const text of memoryOf(phase, span))
    row("memory", text);
  if (span.change)
    row("changed", CHANGES[span.change]);
  sources(box, span);
  if (span.entry && container === $("details"))
    walkTo(box, phase, span, holds(span, page) ? page : span.page);
  else if (span.entry) {
    box.append("h4").text("The walk, to the first page");
    writeWalk(box.append("pre"), phase, span, span.page);
  }
  if (band.spans.length > 1)
    box.append("p").attr("class", "hint").text(
      `One of ${number(band.spans.length)} spans that are drawn as one here.`);
}

function writeWalk(container, phase, span, page) {
  container.selectAll("span").data(walk(phase, span, page)).join("span")
    .text((text) => `${text}\n`);
}

// The walk to any page: by its address, or by a slider. An address in another
// span leads there.
function walkTo(box, phase, span, page) {
  const line = box.append("h4").attr("class", "walk").text("The walk to ");
  const address = line.append("input").attr("id", "to").attr("size", 18)
    .attr("aria-label", "the address").attr("spellcheck", "false").node();
  const slider = leavesOf(span) > 1 && box.append("input").attr("id", "leaf")
    .attr("type", "range").attr("max", leavesOf(span) - 1)
    .attr("aria-label", "which page of this span").node();
  const lines = box.append("pre");
  const go = (to) => {
    address.value = hex(to);
    address.removeAttribute("aria-invalid");
    if (slider)
      slider.value = Math.floor((to - span.page) / 512 ** (span.level - 1));
    writeWalk(lines, phase, span, to);
    phasesView.page = to;
  };
  address.addEventListener("change", () => {
    const to = pageOf(address.value);
    if (holds(span, to))
      go(to);
    else if (!pinAt(address.value))
      address.setAttribute("aria-invalid", "true");
    remember();
  });
  if (slider)
    slider.addEventListener("input", () => {
      go(span.page + slider.value * 512 ** (span.level - 1));
      remember();
    });
  go(page);
}

function tablesOf(phase, span) {
  return phase.tables.filter((table, i) => span.tables >> i & 1)
    .map((table) => table.name).join(" and ");
}

// The kernel's and the firmware's own account of that memory.
function memoryOf(phase, span) {
  const map = atlas.maps[phase.map];
  const meets = ([page, pages]) =>
    page < span.frame + span.pages && span.frame < page + pages;
  const kinds = new Set(map.memory.filter(meets).map(([, , kind]) => kind));
  const told = map.descriptors.filter(meets);
  const texts = kinds.size ? [[...kinds].join(", ")] : [];
  if (told.length > 3)
    texts.push(`${told.length} EFI descriptors`);
  else
    for (const [page, pages, type, attribute] of told)
      texts.push(`EFI descriptor: ${type}, ${hex(page)}, `
        + `${count(pages, "page")}, ${attributes(attribute)}`);
  const rows = map.attributes.filter(meets);
  for (const [page, pages, attribute] of rows.slice(0, 2))
    texts.push(`Memory Attributes Table: ${hex(page)}, `
      + `${count(pages, "page")}, ${attributes(attribute)}`);
  if (rows.length > 2)
    texts.push(`and ${rows.length - 2} more of its rows`);
  return texts;
}

function sources(box, span) {
  for (const [name, lines] of [["Mapped by", span.mapped],
                               ["Rights set by", span.protected]]) {
    if (!lines.length)
      continue;
    box.append("h4").text(name);
    for (const line of lines.slice(0, 3))
      box.append("pre").text(atlas.texts[line].replaceAll(" ← ", "\n← "));
    if (lines.length > 3)
      box.append("p").attr("class", "hint")
        .text(`and ${lines.length - 3} more calls`);
  }
}

// Without a span: what this phase is about.
function overview(box, phase) {
  box.append("h3").text("Point at a span, or tap it");
  box.append("p").attr("class", "hint").text(
    "Arrow keys: left and right change the phase, up and down the span. "
    + "A click keeps a span, Escape lets it go.");
  box.append("h4").text("Tables");
  for (const table of phase.tables)
    box.append("p").html("").text(isPaged(phase)
      ? `${table.name}: root ${table.root}, ${table.levels} levels, `
        + `${count(table.spans, "span")} of ${count(table.leaves, "page")}`
        + (table.active ? "; CR3 points to it" : "")
      : "Paging is off.");
  const spans = spansOf(phase);
  box.append("h4").text("Changed since the last phase");
  const list = box.append("ul");
  for (const change of ["new", "rights", "moved"]) {
    const hits = spans.filter((span) => span.change === change);
    if (hits.length)
      list.append("li").text(`${SIGNS[change]} ${count(hits.length, "span")} `
        + `${change === "rights" ? "with other rights" : change}, `
        + size(d3.sum(hits, (span) => span.pages)));
  }
  if (phase.gone.length)
    list.append("li").text(`${SIGNS.gone} ${size(d3.sum(phase.gone,
      (row) => row[2]))} in ${count(phase.gone.length, "place")} not mapped any more`);
  if (!list.selectAll("li").size())
    list.append("li").text(phasesView.index ? "nothing"
      : "this is the first phase");
}
