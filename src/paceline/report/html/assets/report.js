"use strict";
(() => {
const root = document.documentElement;
const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const make = (tag, text, kind) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; if (kind) made.className = kind; return made; };
root.classList.add("js");

// Numbers as the tables have them.
const significant = (value) => { const text = value.toPrecision(3); return String(Number(text)); };
const inMs = (ms) => {
  if (ms == null || !isFinite(ms)) return "–";
  if (ms === 0) return "0 ns";
  for (const [unit, per] of [["ns", 1e6], ["us", 1e3], ["ms", 1]]) if (Math.abs(ms) * per < 999.5) return significant(ms * per) + " " + unit;
  return significant(ms / 1e3) + " s";
};
const plain = (value) => value == null ? "–" : Math.abs(value) >= 1e6 ? significant(value / 1e6) + " M" : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-GB") : significant(value);
const inUnit = (value, unit) => value == null ? "–" : value === 0 ? "0" : unit === "ms" ? inMs(value) : plain(value) + (unit === "/s" ? unit : unit ? " " + unit : "");

// Data stand beside what they belong to, and are read when that is looked at.
const read = new Map();
const data = (section) => { if (!read.has(section)) read.set(section, JSON.parse(one(":scope > script.data", section).textContent)); return read.get(section); };

// Colours are the style sheet's; a canvas has to be told.
const probe = make("i"); probe.hidden = true; document.body.append(probe);
const ink = (name) => { probe.style.color = "var(" + name + ")"; return getComputedStyle(probe).color; };
const LINES = ["--c1", "--c2", "--c3", "--c4", "--c5"];

// Axes. Logarithmic ones are drawn over the logarithm, with round numbers as their marks.
const logMarks = (low, high) => {
  const span = high - low, steps = span > 4 ? [1] : span > 1.6 ? [1, 3] : span > .7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const marks = [];
  for (let power = Math.floor(low) - 1; power <= high; power++) for (const step of steps) { const at = power + Math.log10(step); if (at >= low && at <= high) marks.push(at); }
  if (marks.length > 2) return marks;
  const from = 10 ** low, to = 10 ** high, rough = (to - from) / 6, unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * unit).find((each) => each >= rough);
  for (let at = Math.ceil(from / step) * step, even = []; ; at += step) { if (at > to) return even; even.push(Math.log10(at)); }
};
const axis = (more) => ({ stroke: () => ink("--dim"), grid: { stroke: () => ink("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif", gap: 5, ...more });
const logAxis = (more) => axis({ splits: (u, which, low, high) => logMarks(low, high), values: (u, marks) => marks.map((at) => inMs(10 ** at)), ...more });
const padded = (share, floor) => (u, low, high) => { if (low == null) return [0, 1]; const room = (high - low) * share || .1; return [floor === 0 ? 0 : low - room, high + room]; };
const logs = (values) => values.map((value) => value > 0 ? Math.log10(value) : null);
const shape = (name, index, more) => ({ label: name, stroke: () => ink(LINES[index % 5]), width: 1.6, dash: index > 2 ? [6, 3] : undefined, points: { size: 5 }, ...more });

// Words in a plot stand on a halo, each below the last where they would touch; `x` may depend on how wide they are.
const word = (u, text, x, y, colour, used, step = 13) => {
  const ratio = devicePixelRatio, { ctx, bbox } = u;
  ctx.font = 11 * ratio + "px system-ui, sans-serif"; ctx.textAlign = "left"; ctx.textBaseline = "middle"; ctx.setLineDash([]);
  const wide = ctx.measureText(text).width;
  if (typeof x === "function") x = x(wide);
  if (x + wide > bbox.left + bbox.width) x = Math.max(bbox.left + bbox.width - wide - 2 * ratio, bbox.left);
  y = Math.max(y, bbox.top + 7 * ratio);
  while (used.some(([left, right, at]) => Math.abs(at - y) < 13 * ratio && left < x + wide && x < right)) y += step * ratio;
  used.push([x, x + wide, y]);
  ctx.lineWidth = 4 * ratio; ctx.lineJoin = "round"; ctx.strokeStyle = ink("--panel"); ctx.strokeText(text, x, y);
  ctx.fillStyle = colour; ctx.fillText(text, x, y);
};
// Limits as lines across, each with its words; the highest first.
const limitLines = (u, limits, endOf, told) => {
  const ratio = devicePixelRatio, { left, top, width, height } = u.bbox, used = [], words = [];
  u.ctx.save();
  for (const limit of [...limits].sort((a, b) => b.ms - a.ms)) {
    const y = u.valToPos(Math.log10(limit.ms), "y", true), colour = limitInk(limit);
    if (y < top || y > top + height) continue;
    u.ctx.strokeStyle = colour; u.ctx.lineWidth = 1.5 * ratio; u.ctx.setLineDash([5 * ratio, 3 * ratio]);
    u.ctx.beginPath(); u.ctx.moveTo(left, y); u.ctx.lineTo(Math.min(endOf(limit), left + width), y); u.ctx.stroke();
    words.push([told(limit), left + 4 * ratio, y - 8 * ratio, colour]);
  }
  for (const each of words) word(u, ...each, used, 16); // above its line, else below it
  u.ctx.restore();
};
const limitsOf = (test) => (test.limits || []).filter((each) => each.percentile > 0 && each.percentile < 100 && each.ms > 0);
const limitText = (limit) => "p" + limit.percentile + " " + limit.sign + " " + inMs(limit.ms) + (limit.broken ? " broken" : "");
const limitInk = (limit) => ink(limit.broken ? "--bad" : "--dim");

const draw = {
  distribution(test) {
    const { log10_ms: start, step, counts } = test.distribution, x = counts.map((_, n) => start + (n + .5) * step), end = start + counts.length * step;
    const marks = [["median", test.median_ms], ["p95", test.p95_ms], ["p99", test.p99_ms]].filter(([, ms]) => ms > 0);
    return [{
      legend: { show: true },
      scales: { x: { time: false, range: () => [start - step, end + step] }, y: { range: (u, low, high) => [0, high * 1.22 || 1] } },
      axes: [logAxis({ size: 26, space: 55 }), axis({ size: 52, values: (u, marks) => marks.map(plain) })],
      series: [{ label: "latency", value: (u, at) => at == null ? "–" : inMs(10 ** at) }, { label: "attempts", fill: () => ink("--c1"), stroke: () => ink("--c1"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [1, 200], gap: 0 }), value: (u, n) => plain(n) }],
      hooks: { draw: [(u) => {
        const ratio = devicePixelRatio, { top, height } = u.bbox, used = [], places = marks.map(([, ms]) => u.valToPos(Math.log10(ms), "x", true));
        u.ctx.save(); u.ctx.lineWidth = ratio; u.ctx.strokeStyle = ink("--ink");
        for (const at of places) { u.ctx.beginPath(); u.ctx.moveTo(at, top); u.ctx.lineTo(at, top + height); u.ctx.stroke(); }
        // To the right of its line, unless it would run into the next one and there is room to the left.
        marks.forEach(([name, ms], n) => word(u, name + " " + inMs(ms), (wide) => {
          const isTight = places[n] + wide + 6 * ratio > (places[n + 1] ?? Infinity), left = places[n] - wide - 4 * ratio;
          return isTight && left > (places[n - 1] ?? u.bbox.left) + 4 * ratio ? left : places[n] + 4 * ratio;
        }, top + (7 + 13 * n) * ratio, ink("--ink"), used));
        u.ctx.restore();
      }] },
    }, [x, counts]];
  },
  percentiles(test) {
    const { nines_step: step, ms } = test.percentiles, x = ms.map((_, n) => n * step), last = x[x.length - 1];
    const nines = [0, 1 - Math.log10(5), 1, 1 - Math.log10(.5), 2, 3, 4], names = ["min", "p50", "p90", "p95", "p99", "p99.9", "p99.99"];
    nines[1] = -Math.log10(.5);
    return [{
      scales: { x: { time: false, range: () => [0, Math.max(last, .5)] }, y: { range: (u, low, high) => { for (const limit of limitsOf(test)) high = Math.max(high, Math.log10(limit.ms)); return padded(.14)(u, low, high); } } },
      axes: [axis({ size: 26, splits: (u) => { const room = 36 * Math.max(last, .5) * devicePixelRatio / u.bbox.width; let left = -1; return nines.filter((at) => at <= last + .01 && at - left >= room && (left = at, true)); }, values: (u, marks) => marks.map((at) => names[nines.indexOf(at)] ?? ""), space: 1 }), logAxis({ size: 58, space: 25 })],
      series: [{ label: "percentile", value: (u, at) => at == null ? "–" : "p" + Number((100 * (1 - 10 ** -at)).toFixed(at > 2 ? 3 : 1)) }, shape("latency", 0, { width: 2, points: { show: false }, value: (u, at) => at == null ? "–" : inMs(10 ** at) })],
      hooks: { draw: [(u) => limitLines(u, limitsOf(test), (limit) => u.valToPos(-Math.log10(1 - limit.percentile / 100), "x", true), limitText)] },
    }, [x, logs(ms)]];
  },
  "sweep-throughput"(sweep) {
    const told = (at) => plain(at) + "/s", rates = axis({ size: 58, values: (u, marks) => marks.map(plain) }), { law } = sweep;
    if (!law) return [workers(sweep, rates, [["throughput", told]], 0), [logs(sweep.workers), sweep.throughput]];
    const drawn = workers(sweep, rates, [["throughput", told], ["by the law", told]], 0);
    Object.assign(drawn.series[1], { width: 0, paths: () => null, points: { show: true, size: 7, fill: () => ink(LINES[0]) } });
    drawn.series[2].points = { show: false };
    if (law.peak) drawn.hooks = { draw: [(u) => {
      const [at, low, high] = law.peak.map((each) => u.valToPos(Math.log10(each), "x", true)), { left, top, width, height } = u.bbox, ratio = devicePixelRatio;
      u.ctx.save(); u.ctx.strokeStyle = ink("--c2"); u.ctx.globalAlpha = .12; u.ctx.fillStyle = ink("--c2"); u.ctx.fillRect(Math.max(low, left), top, Math.min(high, left + width) - Math.max(low, left), height);
      u.ctx.globalAlpha = 1; u.ctx.lineWidth = 1.5 * ratio; u.ctx.setLineDash([5 * ratio, 3 * ratio]);
      u.ctx.beginPath(); u.ctx.moveTo(at, top); u.ctx.lineTo(at, top + height); u.ctx.stroke();
      word(u, "peak", at + 4 * ratio, top + 7 * ratio, ink("--c2"), []); u.ctx.restore();
    }] };
    return [drawn, [logs(law.workers), law.workers.map((each) => { const at = sweep.workers.indexOf(each); return at < 0 ? null : sweep.throughput[at]; }), law.throughput]];
  },
  "sweep-latency"(sweep) {
    const told = (at) => inMs(10 ** at);
    return [workers(sweep, logAxis({ size: 58, space: 25 }), [["median", told], ["p95", told], ["p99", told]]), [logs(sweep.workers), logs(sweep.median_ms), logs(sweep.p95_ms), logs(sweep.p99_ms)]];
  },
  trend(trend) {
    const x = trend.values.map((_, n) => n), near = new Map(trend.changes.map((each) => [each.at, each]));
    return [{
      scales: { x: { time: false, range: () => [-.5, x.length - .5] }, y: { range: padded(.12) } },
      axes: [axis({ size: 26, incrs: [1, 2, 5, 10, 20, 50, 100], space: 110, values: (u, marks) => marks.map((n) => (trend.started[n] || "").slice(0, 10)) }), axis({ size: 62, values: (u, marks) => marks.map((value) => inUnit(value, trend.unit)) })],
      series: [{ label: "session", value: (u, n) => n == null ? "–" : trend.started[n] }, shape(trend.label, 0, { points: { show: true, size: 5 }, value: (u, value) => inUnit(value, trend.unit) })],
      hooks: { draw: [(u) => near.forEach((change, n) => {
        const at = u.valToPos(n - .5, "x", true), { top, height } = u.bbox, ratio = devicePixelRatio;
        u.ctx.save(); u.ctx.strokeStyle = u.ctx.fillStyle = ink(change.worse ? "--bad" : "--good"); u.ctx.lineWidth = 1.5 * ratio; u.ctx.setLineDash([5 * ratio, 3 * ratio]);
        u.ctx.beginPath(); u.ctx.moveTo(at, top); u.ctx.lineTo(at, top + height); u.ctx.stroke();
        word(u, change.worse ? "worse" : "better", at + 4 * ratio, top + 7 * ratio, u.ctx.fillStyle, []); u.ctx.restore();
      })] },
    }, [x, trend.values]];
  },
};
const workers = (sweep, y, lines, floor) => ({
  scales: { x: { time: false, range: (u, low, high) => [low - .08, high + .08] }, y: { range: padded(.1, floor) } },
  axes: [axis({ size: 26, splits: () => logs(sweep.workers), values: (u, marks) => marks.map((at) => String(Math.round(10 ** at))), space: 1 }), y],
  series: [{ label: "workers", value: (u, at) => at == null ? "–" : String(Math.round(10 ** at)) }, ...lines.map(([name, told], n) => shape(name, n, { width: 2, points: { show: true, size: 6 }, value: (u, at) => at == null ? "–" : told(at) }))],
});

// One panel below the other over the same seconds; a cursor in one is a cursor in all, and so is a zoom.
const panel = (test, time, n, last, key) => {
  const { title, unit, lines } = time.panels[n], names = Object.keys(lines), isLatency = title === "Latency";
  const x = Array.from({ length: time.intervals }, (_, at) => (at + .5) * time.interval_s), end = time.intervals * time.interval_s;
  const values = names.map((name) => isLatency ? logs(lines[name]) : lines[name]);
  const bars = title === "Errors" || title === "Garbage collections";
  const limits = isLatency ? limitsOf(test).filter((each) => names.includes(each.percentile === 50 ? "median" : "p" + each.percentile)) : [];
  const colour = title === "Errors" ? "--bad" : null;
  return [{
    height: (isLatency ? 156 : 88) + (last ? 22 : 0), padding: [8, 18, last ? 0 : 7, 0],
    cursor: { sync: { key }, drag: { x: true, y: false } },
    scales: { x: { time: false, range: (u, low, high) => low == null || low === x[0] && high === x[x.length - 1] ? [0, end] : [low, high] }, y: { range: isLatency ? (u, low, high) => {
      // A limit that is not far away is within the picture, and so are its words above it.
      const most = limits.reduce((most, limit) => Math.log10(limit.ms) - high < 1 ? Math.max(most, Math.log10(limit.ms)) : most, high), [bottom, top] = padded(.1)(u, low, most);
      return [bottom, most > high ? top + (top - bottom) * .1 : top];
    } : (u, low, high) => title === "Memory" ? [low - (high - low) * .2 - .5, high + (high - low) * .2 + .5] : [0, high * 1.12 || 1] } },
    axes: [axis({ size: last ? 26 : 0, values: (u, marks) => marks.map((at) => last ? significant(at) + " s" : "") }), (isLatency ? logAxis : axis)({ size: 70, space: 24, ...(isLatency ? {} : { values: (u, marks) => marks.map((value) => inUnit(value, unit)) }) })],
    series: [{ label: "at", value: (u, at) => at == null ? "–" : significant(at) + " s" }, ...names.map((name, index) => shape(name, index, {
      ...(colour ? { stroke: () => ink(colour), fill: () => ink(colour) } : bars ? { fill: () => ink("--c1") } : {}), ...(bars ? { paths: uPlot.paths.bars({ size: [.7, 40] }), width: 0, points: { show: false } } : { width: index ? 1.4 : 1.8, points: { show: false }, spanGaps: title !== "Latency" && title !== "Throughput" }),
      value: (u, value) => value == null ? "–" : isLatency ? inMs(10 ** value) : inUnit(value, unit),
    }))],
    hooks: { draw: [(u) => limitLines(u, limits, () => Infinity, limitText)] },
  }, [x, ...values]];
};

const charts = new Map();
// A legend has figures under the cursor only; else it is a key.
const underCursor = ({ value, ...line }) => value ? { ...line, value: (u, figure, index, at) => at == null ? "" : value(u, figure) } : line;
const put = (figure, options, values, height, width = figure.clientWidth) => {
  options.series = options.series.map(underCursor);
  const place = figure.appendChild(make("div"));
  const plot = new uPlot({ width: Math.max(width, 220), height, cursor: { drag: { x: false, y: false } }, padding: [8, 22, 0, 0], ...options }, values, place);
  plot.ctx.canvas.setAttribute("role", "img");
  return plot;
};
let keys = 0;
const drawn = (figure) => {
  if (charts.has(figure)) return;
  const owner = figure.closest("details.test, section"), source = data(owner), kind = figure.dataset.chart;
  const named = (plot, text) => plot.ctx.canvas.setAttribute("aria-label", text + " of " + (source.name || source.label) + "; a table with the figures follows");
  if (kind === "time") {
    const key = "time" + keys++, time = source.time, width = figure.clientWidth;
    charts.set(figure, time.panels.map((each, n) => {
      const place = figure.appendChild(make("div", undefined, "panel")); place.append(make("div", each.title, "panel-title"));
      const [options, values] = panel(source, time, n, n === time.panels.length - 1, key), plot = put(place, options, values, options.height, width);
      named(plot, each.title + " over time"); return plot;
    }));
  } else {
    const [options, values] = draw[kind](source), plot = put(figure, options, values, 215);
    named(plot, one("figcaption", figure).textContent); charts.set(figure, [plot]);
  }
  figure.dataset.drawn = "";
  widths.observe(figure);
};
const widths = new ResizeObserver((entries) => { for (const { target } of entries) for (const plot of charts.get(target) || []) if (target.clientWidth && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: plot.height }); });
// Drawn when looked at, and gone when far away: of a thousand tests that are all open, the canvases would take gigabytes.
const gone = (figure) => {
  if (!charts.has(figure)) return;
  figure.style.minHeight = figure.offsetHeight + "px";
  widths.unobserve(figure); charts.get(figure).forEach((plot) => plot.destroy()); charts.delete(figure);
  all(":scope > div", figure).forEach((place) => place.remove());
  delete figure.dataset.drawn;
};
// One at a time, when nothing else is to be done, and none that has been scrolled past: a wheel turned fast is followed at once.
const waiting = new Set(), later = window.requestIdleCallback || ((work) => setTimeout(work, 1));
const work = () => { const [figure] = waiting; if (!figure) return; waiting.delete(figure); drawn(figure); if (waiting.size) later(work); };
const figuresOf = (place) => place.matches("figure") ? [place] : all("figure.chart", place);
const near = new IntersectionObserver((entries) => { for (const { isIntersecting, target } of entries) for (const figure of figuresOf(target)) { if (!isIntersecting) waiting.delete(figure); else if (waiting.add(figure).size === 1) later(work); } }, { rootMargin: "300px" });
const far = new IntersectionObserver((entries) => { for (const { isIntersecting, target } of entries) if (!isIntersecting) figuresOf(target).forEach(gone); }, { rootMargin: "4000px" });
// Of closed tests nothing is looked at, so nothing is watched, and of open ones only the whole: each place that is costs time in every frame.
const watch = (test) => { const body = one(":scope > .body", test); if (!test.open || "watched" in test.dataset || !one("figure.chart", body)) return; test.dataset.watched = ""; near.observe(body); far.observe(body); };
all("section > figure.chart, section > .grid2 > figure.chart").forEach((figure) => near.observe(figure));
all("details.test[open]").forEach(watch);
// Many that are open are laid out a lot at a time; of closed ones that would cost more than it saves (decision 048).
const testByTest = one("#details"), opened = new Set(all("details.test[open]")), MANY = 40;
const lots = (count) => { if (testByTest) testByTest.classList.toggle("many", count > MANY); };
const redraw = () => charts.forEach((plots) => plots.forEach((plot) => {
  plot.redraw(false, true);
  all(".u-series", plot.root).forEach((line, n) => { const marker = one(".u-marker", line); if (n && marker) marker.style.borderColor = marker.style.background = plot.series[n].stroke(plot, n); });
}));

// Colours: the reader's system, unless the reader says otherwise.
const THEMES = { auto: "Auto", light: "Light", dark: "Dark" };
const keep = (value) => { try { if (value === undefined) return localStorage.getItem("paceline-theme"); localStorage.setItem("paceline-theme", value); } catch { /* a browser that keeps nothing for files */ } };
const theme = one("#theme");
const setTheme = (name) => { if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name; theme.textContent = THEMES[name]; theme.dataset.now = name; theme.setAttribute("aria-label", "Colours: " + THEMES[name]); redraw(); };
setTheme(keep() in THEMES ? keep() : "auto");
theme.addEventListener("click", () => { const names = Object.keys(THEMES), next = names[(names.indexOf(theme.dataset.now) + 1) % 3]; keep(next); setTheme(next); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// On paper everything is open and drawn.
let closed = [];
addEventListener("beforeprint", () => { closed = all("details.test:not([open])"); if (closed.length < 60) closed.forEach((each) => { each.open = true; }); else closed = []; all("details.test[open] figure.chart, section > figure.chart, section > .grid2 > figure.chart").slice(0, 200).forEach(drawn); redraw(); });
addEventListener("afterprint", () => { closed.forEach((each) => { each.open = false; }); redraw(); });
matchMedia("print").addEventListener("change", redraw);

// An address with a test's anchor opens it.
const openAnchor = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches("details")) { target.hidden = false; target.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", openAnchor);
document.addEventListener("click", (event) => { const link = event.target.closest && event.target.closest('a[href^="#"]'); if (link && link.hash === location.hash) openAnchor(); });
openAnchor();

// The table behind a time axis has all of its intervals once it is opened; in the file it has some, or none where there are many tests.
const numeral = (value) => value == null ? "–" : Number(value.toPrecision(3)).toLocaleString("en-GB");
document.addEventListener("toggle", ({ target }) => {
  if (target.matches(".test")) { watch(target); if (target.open) opened.add(target); else opened.delete(target); lots(opened.size); }
  if (!target.open || target.dataset.table !== "time" || "filled" in target.dataset) return;
  target.dataset.filled = "";
  const { interval_s: each, intervals, panels } = data(target.closest("details.test")).time, made = make("table", undefined, "data"), place = make("div", undefined, "scroll");
  const lines = panels.flatMap(({ title, unit, lines }) => Object.entries(lines).map(([name, values]) => [(title === "CPU" ? title : title.split(" ")[0].toLowerCase()) + " " + name + (unit && ", " + unit), values]));
  const caption = made.createCaption().textContent = "Over time, in intervals of " + significant(each) + " s";
  made.createTHead().insertRow().append(...["from", ...lines.map(([name]) => name)].map((text) => make("th", text)));
  const body = made.createTBody();
  for (let at = 0; at < intervals; at++) body.insertRow().append(make("th", significant(at * each) + " s"), ...lines.map(([, values]) => make("td", numeral(values[at]))));
  place.tabIndex = 0; place.setAttribute("role", "region"); place.setAttribute("aria-label", caption); place.append(made);
  [...target.children].slice(1).forEach((old) => old.remove()); target.append(place);
}, true);
const openAll = one("#open-all");
if (openAll) openAll.addEventListener("click", () => {
  const shown = all("details.test:not([hidden])"), open = shown.some((each) => !each.open);
  if (open) lots(shown.length);
  (open ? shown : all("details.test")).forEach((each) => { each.open = open; });
  openAll.textContent = open ? "Close all" : "Open all";
});

// Filter, search, sort.
const table = one("#all");
if (table) {
  const body = table.tBodies[0], rows = [...body.rows], search = one("#search"), filters = all(".filter"), shown = one("#shown");
  const link = (row) => one("th a", row), details = new Map(rows.map((row) => [row, document.getElementById(link(row).hash.slice(1))]));
  const names = new Map(rows.map((row) => [row, link(row).textContent.toLowerCase()]));
  const values = new Map(rows.map((row) => [row, row.dataset.v.split(",").map((text) => text === "" ? null : Number(text))]));
  const apply = () => {
    const wanted = new Set(filters.filter((each) => each.getAttribute("aria-pressed") === "true").map((each) => each.dataset.status)), words = search.value.toLowerCase();
    let count = 0;
    for (const row of rows) { const fits = wanted.has(row.dataset.status) && names.get(row).includes(words); row.hidden = !fits; details.get(row).hidden = !fits; count += fits; }
    shown.textContent = count === rows.length ? "" : count + " of " + rows.length + " tests are shown.";
  };
  one("#filters").addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", apply);
  filters.forEach((each) => each.addEventListener("click", () => { each.setAttribute("aria-pressed", String(each.getAttribute("aria-pressed") !== "true")); apply(); }));
  document.addEventListener("keydown", (event) => { if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); search.focus(); } });
  const order = { failed: 0, warning: 1, passed: 2 };
  all("th[data-sort]", table).forEach((head) => {
    const by = head.dataset.sort, button = make("button", head.textContent); button.type = "button"; head.replaceChildren(button);
    const key = (row) => by === "status" ? order[row.dataset.status] : by === "name" ? names.get(row) : values.get(row)[Number(by)];
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" || (by > "" && by < "9" && head.getAttribute("aria-sort") !== "descending");
      all("th[aria-sort]", table).forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((a, b) => { const x = key(a), y = key(b); if (x === null || y === null) return (x === null) - (y === null); return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
      body.append(...rows);
    });
  });
}

// To take away: Markdown, and the data themselves.
const said = one("#said");
const code = (text) => { const line = text.replace(/\s+/g, " "), ticks = "`".repeat(1 + Math.max(0, ...(line.match(/`+/g) || []).map((run) => run.length))), pad = /^`|`$/.test(line) ? " " : ""; return (ticks + pad + line + pad + ticks).replace(/\|/g, "\\|"); };
const row = (test) => "| " + [test.status, code(test.name), inMs(test.median_ms), inMs(test.p95_ms), inMs(test.p99_ms), plain(test.throughput_per_s), test.error_rate == null ? "–" : significant(100 * test.error_rate) + " %"].join(" | ") + " |";
const HEAD = "| status | test | median | p95 | p99 | ops/s | errors |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |";
const why = (test) => (test.reasons || []).map((text) => "- " + code(test.name) + ": " + code(text));
const markdown = (tests) => [HEAD, ...tests.map(row), ...(tests.some((test) => test.reasons.length) ? ["", ...tests.flatMap(why)] : [])].join("\n") + "\n";
const tableText = (table) => all("tr", table).map((line, n) => { const cells = [...line.cells].filter((cell) => !cell.classList.contains("plot")).map((cell) => n ? code(cell.textContent.trim() || "–") : cell.textContent.trim()); return "| " + cells.join(" | ") + " |" + (n ? "" : "\n|" + " --- |".repeat(cells.length)); }).join("\n") + "\n";
const copy = async (text, button) => {
  let done = true;
  try { await navigator.clipboard.writeText(text); }
  catch { const area = make("textarea", text); document.body.append(area); area.select(); done = document.execCommand("copy"); area.remove(); }
  const before = button.dataset.text = button.dataset.text || button.textContent;
  button.textContent = said.textContent = done ? "Copied" : "Not copied: this browser does not allow it";
  setTimeout(() => { button.textContent = before; said.textContent = ""; }, 1500);
};
const tests = () => all("details.test").filter((each) => one(":scope > script.data", each)).map(data);
one("#copy").addEventListener("click", (event) => {
  const results = tests().filter((_, n) => !all("details.test").filter((each) => one(":scope > script.data", each))[n].hidden);
  copy("## " + one("#verdict").textContent.trim() + "\n\n" + (results.length ? markdown(results) : all("table.changes").slice(0, 1).map(tableText).join("\n")), event.currentTarget);
});
document.addEventListener("click", (event) => { if (event.target.matches && event.target.matches(".copy-one")) copy(markdown([data(event.target.closest("details.test"))]), event.target); });
one("#download").addEventListener("click", () => {
  const extra = (kind) => all("section > script.data").map((each) => data(each.parentElement)).filter(kind);
  const whole = { ...JSON.parse(one("#head").textContent), results: tests(), sweeps: extra((each) => each.workers), trends: extra((each) => each.started) };
  const link = make("a"); link.href = URL.createObjectURL(new Blob([JSON.stringify(whole)], { type: "application/json" })); link.download = "paceline-report.json";
  document.body.append(link); link.click(); link.remove(); setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
performance.mark("paceline-ready");
})();
