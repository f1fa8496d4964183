// Charts: what a series shows, and the drawing of it with Vega.
(function (m) {
  "use strict";
  var data = m.data, shown = {};
  var locale = {
    nl: { decimal: ",", thousands: ".", grouping: [3], currency: ["€\u00a0", ""] },
    en: { decimal: ".", thousands: ",", grouping: [3], currency: ["€", ""] }
  };
  function flagged(flags, name) { return flags.indexOf(name) >= 0; }

  // Observed values as a reader is shown them. A line runs on (`s` stays the same) within a series that
  // did not break and over no more than the publisher's usual distance.
  function points(series) {
    var part = 0, before = null;
    return series.obs.map(function (o) {
      var broken = before !== null && (flagged(o[2], "b") || series.breaks.some(function (b) { return b > before && b <= o[0]; }));
      var gap = before !== null && o[0] - before > series.cadence;
      if (broken || gap) part += 1;
      var notes = o[2].map(function (f) { return m.pick(data.flags[f] || [f, f]); });
      var v = o[1] * series.scale;
      var made = {
        y: o[0], v: v, s: part, after: broken ? before : null, o: flagged(o[2], "p") || flagged(o[2], "e") || o[3] ? 1 : 0,
        tip: o[0] + ": " + m.figure(v) + (notes.length ? " (" + notes.join(", ") + ")" : "")
      };
      before = o[0];
      return made;
    });
  }
  // Two points are no line.
  function lines(made) { return made.length > 2 ? made : []; }

  function targets(series, sets, values) {
    var years = {};
    series.targets.forEach(function (t) {
      t.path.forEach(function (p) { sets.paths.push({ y: p[0], v: p[1] * series.scale, t: t.id, k: t.counts }); values.push(p[1] * series.scale); });
      if (t.year === null || t.value === null) return;
      var v = t.value * series.scale, label = m.fill(m.pick(data.mark[t.strength]), { target: t.year + ": " + m.figure(v, true) });
      values.push(v);
      (years[t.year] = years[t.year] || []).push({ y: t.year, v: v, label: label, tip: label });
    });
    // Of two in one year the higher one has its label above, the other below; equal ones have one mark.
    Object.keys(years).forEach(function (year) {
      years[year].sort(function (a, b) { return b.v - a.v; }).forEach(function (t, k, all) {
        if (k && all[k - 1].v === t.v) return;
        t.up = k === 0 ? 1 : 0;
        if (k > 1) t.label = "";
        sets.targets.push(t);
      });
    });
  }
  function projection(series, sets, values) {
    var low = Math.min.apply(null, values), high = Math.max.apply(null, values), span = high - low || Math.abs(high) || 1;
    series.targets.filter(function (t) { return t.drawn && t.projected.length; }).forEach(function (t) {
      var from = sets.points.filter(function (p) { return p.y < t.projected[0][0]; }).pop();
      if (from) sets.bands.push({ y: from.y, v: from.v, a: from.v, b: from.v, c: from.v, d: from.v, tip: "" });
      t.projected.forEach(function (row) {
        var p = row.map(function (x, k) { return k && x !== null ? x * series.scale : x; });
        var tip = m.say("projected", { year: p[0], value: m.figure(p[1]), low: m.figure(p[2]), high: m.figure(p[3]) });
        sets.bands.push({ y: p[0], v: p[1], a: p[2], b: p[3], c: p[4], d: p[5], tip: tip });
        [1, 2, 3].forEach(function (k) { if (p[k] !== null) values.push(Math.max(low - 0.35 * span, Math.min(high + 0.35 * span, p[k]))); });
      });
    });
  }
  function official(series, sets, values) {
    // Of several editions for one year the newest is drawn; the table has them all.
    var newest = {};
    (series.official || []).forEach(function (o) { if (!newest[o.year] || o.edition > newest[o.year].edition) newest[o.year] = o; });
    Object.keys(newest).forEach(function (year) {
      var o = newest[year], low = o.low * series.scale, high = o.high * series.scale;
      sets.official.push({ y: o.year, low: low, high: high, v: high, tip: o.edition + ", " + year + ": " + m.figure(low) + "\u2013" + m.figure(high) });
      values.push(low, high);
    });
  }
  function peers(series, sets, values) {
    Object.keys(series.peers || {}).forEach(function (geo) {
      var line = series.peers[geo], union = geo.slice(0, 2) === "EU";
      line.forEach(function (p) {
        var v = p[1] * series.scale;
        values.push(v);
        sets.peers.push({ y: p[0], v: v, g: geo, eu: union, tip: m.pick(data.geo[geo] || [geo, geo]) + " " + p[0] + ": " + m.figure(v) });
      });
      var end = line[line.length - 1];
      if (end) sets.names.push({ y: end[0], v: end[1] * series.scale, label: union ? "EU27" : geo.slice(0, 2) });
    });
    // Names of lines that end close together are moved apart, upwards.
    var step = (Math.max.apply(null, values) - Math.min.apply(null, values)) / 20, floor = -Infinity;
    sets.names.sort(function (a, b) { return a.v - b.v; }).forEach(function (n) { n.v = floor = Math.max(n.v, floor + step); });
  }
  // Years at which the axis has a number: each once, as many as there is room for.
  function ticks(from, to, width) {
    var most = Math.max(2, Math.floor(width / 64));
    var step = [1, 2, 5, 10, 20, 50].filter(function (s) { return (to - from) / s <= most; })[0] || 100;
    var found = [];
    for (var y = Math.ceil(from / step) * step; y <= to; y += step) found.push(y);
    return found;
  }
  function chartData(id, width) {
    var series = data.series[id], made = points(series);
    var sets = { points: made, lines: lines(made), paths: [], bands: [], targets: [], breaks: [], peers: [], names: [], official: [] };
    var values = made.map(function (p) { return p.v; });
    targets(series, sets, values);
    projection(series, sets, values);
    official(series, sets, values);
    made.forEach(function (p) { if (p.after !== null) sets.breaks.push({ y: p.after, to: p.y, label: m.say("break") }); });
    if (shown[id]) peers(series, sets, values);
    var years = [].concat(made, sets.paths, sets.bands, sets.targets, sets.official, sets.peers).map(function (p) { return p.y; });
    var from = Math.min.apply(null, years), to = Math.max.apply(null, years);
    if (from === to) { from -= 1; to += 1; }
    return { sets: sets, lo: Math.min.apply(null, values), hi: Math.max.apply(null, values), from: from, to: to, ticks: ticks(from, to, width) };
  }

  // ---- drawing
  function render(element, spec, sets) {
    spec.data.forEach(function (d) { if (sets[d.name]) d.values = sets[d.name]; });
    m.page.vega.formatLocale(locale[m.root.lang]);
    var view = new m.page.vega.View(m.page.vega.parse(spec), { renderer: "svg" });
    if (element.view) element.view.finalize();
    element.view = view.initialize(element);
    view.run();
    // The drawing is one picture with one name, that of its container.
    element.querySelector("svg").setAttribute("aria-hidden", "true");
    element.done = m.root.lang;
  }
  var copy = function (spec) { return JSON.parse(JSON.stringify(spec)); };
  function plot(element) {
    var spec = copy(data.chart), id = element.dataset.chart;
    spec.width = Math.max(180, Math.min(printing ? PRINTED : element.clientWidth || 640, 1008) - 80);
    spec.height = printing ? 150 : spec.width < 380 ? 220 : 270;
    var made = chartData(id, spec.width);
    spec.signals.forEach(function (s) { if (s.name in made) s.value = made[s.name]; });
    render(element, spec, made.sets);
    var domain = element.view.scale("y").domain(), axis = element.parentNode.querySelector(".not-zero");
    if (axis) axis.hidden = domain[0] <= 0 && domain[1] >= 0;
    document.getElementById("a-" + id).textContent = inWords(id);
    m.all(".peer-key", element.parentNode).forEach(function (k) { k.hidden = !shown[id]; });
    m.tips(element, made);
  }
  function spark(element) {
    var series = data.series[element.dataset.spark], made = points(series), spec = copy(data.spark);
    var target = series.targets.filter(function (t) { return t.id === element.dataset.target; })[0];
    render(element, spec, {
      points: lines(made), last: made.length > 2 ? made.slice(-1) : made,
      paths: target ? target.path.map(function (p) { return { y: p[0], v: p[1] * series.scale, s: 0 }; }) : []
    });
  }

  // The chart in words, for who does not see it; the table below it has every figure.
  function inWords(id) {
    var series = data.series[id], first = series.obs[0], last = series.obs[series.obs.length - 1];
    var with_unit = function (value) {
      var unit = m.pick(series.said);
      return m.figure(value * series.scale) + (unit[0] === "%" ? "" : "\u00a0") + unit;
    };
    var said = [m.say("line", { y0: first[0], v0: with_unit(first[1]), y1: last[0], v1: with_unit(last[1]) })];
    series.targets.filter(function (t) { return t.drawn && t.value !== null; }).forEach(function (t) {
      said.push(m.say("target", { v: with_unit(t.value), y: t.year }));
    });
    return said.concat(m.say("table_below")).join(" ");
  }

  // ---- when: what is near the screen, and everything before printing
  var PRINTED = 400, printing = false, wanted = null;
  var drawing = false, drawable = "[data-chart], [data-spark]";
  function one(element) {
    if (!drawing || element.done === m.root.lang || !element.closest(".view.on, body.all .view")) return;
    if (element.dataset.chart) plot(element); else spark(element);
  }
  function unpack(id) {
    var packed = atob(document.getElementById(id).textContent), bytes = new Uint8Array(packed.length);
    for (var k = 0; k < packed.length; k++) bytes[k] = packed.charCodeAt(k);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  var near = new IntersectionObserver(function (entries) {
    entries.forEach(function (e) { if (e.isIntersecting) one(e.target); });
  }, { rootMargin: "400px" });
  m.draw = function (view) { m.all(drawable, view).forEach(function (e) { near.unobserve(e); near.observe(e); }); };
  m.redraw = function () {
    m.all(drawable).forEach(function (e) { e.done = e.done && ""; });
    m.all(".view.on").forEach(m.draw);
  };
  // A browser that cannot unpack the drawing script shows the tables of figures instead.
  if (window.DecompressionStream) Promise.all([unpack("series"), unpack("vega")]).then(function (texts) {
    data.series = JSON.parse(texts[0]);
    (0, eval)(texts[1]);
    drawing = true;
    if (wanted) m.showPeers(wanted);
    m.redraw();
  });
  else m.root.classList.add("no-charts");
  m.drawAll = function () {
    m.all(drawable, document.body.classList.contains("all") ? document : document.querySelector(".view.on")).forEach(one);
  };
  // On paper a chart has half a page's width: drawn for it, its letters keep their size.
  addEventListener("beforeprint", function () {
    printing = true;
    m.all("[data-chart]").forEach(function (e) { e.done = ""; });
    m.drawAll();
  });
  addEventListener("afterprint", function () { printing = false; m.redraw(); });
  var width = innerWidth, waiting;
  addEventListener("resize", function () {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(m.redraw, 200);
  });

  // ---- other countries
  function press(id, on) {
    shown[id] = on;
    m.all('[data-peers="' + CSS.escape(id) + '"]').forEach(function (b) { b.setAttribute("aria-pressed", String(on)); });
    var element = document.querySelector('[data-chart="' + CSS.escape(id) + '"]');
    if (element) { element.done = ""; one(element); }
  }
  m.shownPeers = function (view) {
    if (wanted && !data.series) return wanted;
    return m.all("[data-peers]", view).map(function (b) { return b.dataset.peers; }).filter(function (id) { return shown[id]; });
  };
  m.showPeers = function (ids) {
    if (!data.series) { wanted = ids; return; }
    ids.forEach(function (id) { if ((data.series[id] || {}).peers) press(id, true); });
  };
  m.all("[data-peers]").forEach(function (b) {
    b.addEventListener("click", function () { press(b.dataset.peers, !shown[b.dataset.peers]); m.address(); });
  });
})(window.missie);
