// Axes on which a page can be seen beside a terabyte.
//
// An axis is cut wherever something begins or ends in any phase, so that a
// span stays in its place while the slider moves. A piece gets height by the
// logarithm of its size; a large hole is a break of a few pixels.

const HOLE = 2 ** 17; // pages from which on a hole is a break: 512 MiB
const BREAK = 15; // pixels

// `intervals`: [first page, pages] of all that is to be seen. Low addresses are
// at the bottom.
function axis(intervals, top, bottom) {
  const edges = new Map();
  const add = (page, by) => edges.set(page, (edges.get(page) || 0) + by);
  for (const [page, pages] of intervals) {
    add(page, 1);
    add(page + pages, -1);
  }
  const cuts = Float64Array.from(edges.keys()).sort();
  const pieces = [];
  let depth = 0;
  for (let i = 0; i + 1 < cuts.length; i++) {
    depth += edges.get(cuts[i]);
    pieces.push(piece(cuts[i], cuts[i + 1] - cuts[i], depth > 0));
  }
  return placed(cuts, pieces, top, bottom);
}

function piece(start, pages, seen) {
  const isBreak = !seen && pages >= HOLE;
  const weight = seen ? 1.5 + Math.log2(1 + pages)
    : isBreak ? 0 : 0.8 + 0.3 * Math.log2(1 + pages);
  return {start, pages, seen, isBreak, weight};
}

function placed(cuts, pieces, top, bottom) {
  const breaks = pieces.filter((p) => p.isBreak);
  const room = bottom - top - BREAK * breaks.length;
  const unit = room / (d3.sum(pieces, (p) => p.weight) || 1);
  const places = new Float64Array(pieces.length + 1);
  places[0] = bottom;
  pieces.forEach((p, i) => places[i + 1] = places[i]
    - (p.isBreak ? BREAK : p.weight * unit));
  const at = between(cuts, places);
  pieces.forEach((p, i) => (p.y = places[i], p.end = places[i + 1]));
  return {at, pieces, breaks, top, bottom,
    clusters: clusters(pieces)};
}

// A scale of d3.scaleLinear()'s kind, for 100,000 pieces: it is asked several
// times for each span, and has no closure for each piece.
function between(cuts, places) {
  return (page) => {
    const i = Math.max(1, Math.min(cuts.length - 1,
      d3.bisectRight(cuts, page)));
    const share = (page - cuts[i - 1]) / (cuts[i] - cuts[i - 1]);
    return places[i - 1] + (places[i] - places[i - 1])
      * Math.max(0, Math.min(1, share));
  };
}

// What lies between two breaks.
function clusters(pieces) {
  const found = [];
  let open = null;
  for (const p of pieces) {
    if (p.isBreak) {
      open = null;
      continue;
    }
    if (!open)
      found.push(open = {start: p.start, y: p.y});
    open.last = p.start + p.pages;
    open.end = p.end;
  }
  return found;
}

// Labels that do not touch: those that come first in the list win.
function spread(labels, distance) {
  const kept = [];
  for (const label of labels)
    if (kept.every((other) => Math.abs(other.y - label.y) >= distance))
      kept.push(label);
  return kept;
}
