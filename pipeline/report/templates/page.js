// Language, theme, views, charts, table and downloads. Every text goes in as text, never as HTML.
(function () {
  "use strict";
  var root = document.documentElement;
  var data = JSON.parse(document.getElementById("data").textContent);
  var all = function (selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); };
  var nl = function () { return root.lang !== "en"; };
  var pick = function (pair) { return pair[nl() ? 0 : 1]; };
  // A text of the catalogue, with what its placeholders name.
  var say = function (key, parts) { return pick(data.words[key]).replace(/\{(\w+)\}/g, function (_, name) { return parts[name]; }); };
  function keep(name, value) { try { localStorage.setItem("missiemonitor." + name, value); } catch (e) { /* not kept */ } }

  // ---- language: pairs are hidden by CSS; figures in tables change separators here
  var turned = false;
  function language(lang) {
    root.lang = lang;
    if ((lang === "en") !== turned) {
      turned = !turned;
      all("data.l").forEach(function (e) {
        e.textContent = e.textContent.replace(/[.,]/g, function (c) { return c === "," ? "." : ","; });
      });
    }
    all("[data-nl]").forEach(function (e) { e.textContent = e.dataset[lang]; });
    all("[data-label-nl]").forEach(function (e) { e.setAttribute("aria-label", e.dataset[lang === "nl" ? "labelNl" : "labelEn"]); });
    all("[data-set-lang]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.setLang === lang)); });
    title();
    count();
    redraw();
  }
  all("[data-set-lang]").forEach(function (b) {
    b.addEventListener("click", function () { keep("lang", b.dataset.setLang); language(b.dataset.setLang); });
  });
  document.getElementById("theme").addEventListener("click", function () {
    var dark = root.dataset.theme === "dark" || (root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    keep("theme", root.dataset.theme);
  });

  // ---- views: the address says which one is shown
  var views = all(".view");
  function title() {
    var on = document.querySelector(".view.on h1");
    document.title = (on && on.id !== "overview-title" ? on.innerText.trim() + " – " : "") + "Missiemonitor";
  }
  function go(first) {
    var name = "";
    try { name = decodeURIComponent(location.hash.slice(1)); } catch (e) { /* not ours */ }
    var target = document.getElementById(name);
    var view = target && target.closest(".view");
    if (!view) { target = view = document.getElementById("overview"); }
    views.forEach(function (v) { v.classList.toggle("on", v === view); });
    all(".main-nav a").forEach(function (a) {
      if (a.hash === "#" + view.id || (a.hash === "#overview" && view.id in data.missions)) a.setAttribute("aria-current", "page");
      else a.removeAttribute("aria-current");
    });
    title();
    draw(view);
    if (target.tagName === "DETAILS") target.open = true;
    if (target === view) {
      window.scrollTo(0, 0);
      if (!first) view.querySelector("h1").focus({ preventScroll: true });
    } else {
      target.scrollIntoView();
      var focus = target.querySelector("h2[tabindex], h3[tabindex], summary");
      if (focus) focus.focus({ preventScroll: true });
    }
  }
  addEventListener("hashchange", function () { go(false); });
  document.querySelector(".skip").addEventListener("click", function (e) {
    e.preventDefault();
    document.getElementById("main").focus();
  });

  // ---- charts
  var locale = {
    nl: { decimal: ",", thousands: ".", grouping: [3], currency: ["€\u00a0", ""] },
    en: { decimal: ".", thousands: ",", grouping: [3], currency: ["€", ""] }
  };
  var shownPeers = {};
  function figure(value, exact) {
    var size = Math.abs(value);
    var decimals = size >= 1000 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return value.toLocaleString(nl() ? "nl-NL" : "en-GB", { minimumFractionDigits: exact ? 0 : decimals, maximumFractionDigits: decimals });
  }
  function flagged(flags, name) { return flags.indexOf(name) >= 0; }
  function points(series) {
    var part = 0;
    return series.obs.map(function (o) {
      if (flagged(o[2], "b") || series.breaks.indexOf(o[0]) >= 0) part += 1;
      var notes = o[2].map(function (f) { return pick(data.flags[f] || [f, f]); });
      return {
        y: o[0], v: o[1], s: part, o: flagged(o[2], "p") || flagged(o[2], "e") || o[3] ? 1 : 0,
        tip: o[0] + ": " + figure(o[1]) + (notes.length ? " (" + notes.join(", ") + ")" : "")
      };
    });
  }
  function chartData(id) {
    var series = data.series[id];
    var sets = { points: points(series), paths: [], bands: [], targets: [], breaks: [], peers: [], names: [], official: [] };
    var years = sets.points.map(function (p) { return p.y; });
    var values = sets.points.map(function (p) { return p.v; });
    var seen = {};
    series.targets.forEach(function (t) {
      t.path.forEach(function (p) { sets.paths.push({ y: p[0], v: p[1], t: t.id, k: t.counts }); values.push(p[1]); });
      if (t.year !== null && t.value !== null) {
        values.push(t.value);
        var label = t.year + ": " + figure(t.value, true);
        sets.targets.push({ y: t.year, v: t.value, label: seen[t.year] ? "" : label, tip: say("target", { target: label }) });
        seen[t.year] = true;
      }
    });
    var low = Math.min.apply(null, values), high = Math.max.apply(null, values), span = high - low || Math.abs(high) || 1;
    series.targets.filter(function (t) { return t.drawn && t.projected.length; }).forEach(function (t) {
      var from = sets.points.filter(function (p) { return p.y < t.projected[0][0]; }).pop();
      if (from) sets.bands.push({ y: from.y, v: from.v, a: from.v, b: from.v, c: from.v, d: from.v, tip: from.tip });
      t.projected.forEach(function (p) {
        sets.bands.push({ y: p[0], v: p[1], a: p[2], b: p[3], c: p[4], d: p[5], tip: p[0] + ": " + figure(p[1]) + " (80 %: " + figure(p[2]) + " – " + figure(p[3]) + ")" });
        [1, 2, 3].forEach(function (k) { if (p[k] !== null) values.push(Math.max(low - 0.35 * span, Math.min(high + 0.35 * span, p[k]))); });
      });
    });
    // Of several editions for one year the newest is drawn; the table has them all.
    var newest = {};
    (series.official || []).forEach(function (o) { if (!newest[o.year] || o.edition > newest[o.year].edition) newest[o.year] = o; });
    Object.keys(newest).forEach(function (year) {
      var o = newest[year];
      sets.official.push({ y: o.year, low: o.low, high: o.high, v: o.high, tip: o.edition + ": " + figure(o.low) + " – " + figure(o.high) });
      values.push(o.low, o.high);
    });
    sets.points.forEach(function (p, k) { if (k && p.s !== sets.points[k - 1].s) sets.breaks.push({ y: p.y, label: say("break") }); });
    if (shownPeers[id]) {
      Object.keys(series.peers || {}).forEach(function (geo) {
        var line = series.peers[geo];
        line.forEach(function (p, k) {
          values.push(p[1]);
          sets.peers.push({ y: p[0], v: p[1], g: geo, eu: geo.slice(0, 2) === "EU", tip: pick(data.geo[geo] || [geo, geo]) + " " + p[0] + ": " + figure(p[1]) });
        });
        var end = line[line.length - 1];
        if (end) sets.names.push({ y: end[0], v: end[1], label: geo.slice(0, 2) });
      });
      // Names of lines that end close together are moved apart, upwards.
      var step = (Math.max.apply(null, values) - Math.min.apply(null, values)) / 20, floor = -Infinity;
      sets.names.sort(function (a, b) { return a.v - b.v; }).forEach(function (n) { n.v = floor = Math.max(n.v, floor + step); });
    }
    return { sets: sets, lo: Math.min.apply(null, values), hi: Math.max.apply(null, values) };
  }
  function render(element, spec, sets) {
    spec.data.forEach(function (d) { if (sets[d.name]) d.values = sets[d.name]; });
    vega.formatLocale(locale[root.lang]);
    var view = new vega.View(vega.parse(spec), { renderer: "svg" });
    if (element.view) element.view.finalize();
    element.view = view.initialize(element);
    view.run();
    // The drawing is one picture with one name, that of its container.
    element.querySelector("svg").setAttribute("aria-hidden", "true");
    element.done = root.lang;
  }
  var drawing = false;
  function unpack() {
    var packed = atob(document.getElementById("vega").textContent), bytes = new Uint8Array(packed.length);
    for (var k = 0; k < packed.length; k++) bytes[k] = packed.charCodeAt(k);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  var copy = function (spec) { return JSON.parse(JSON.stringify(spec)); };
  function plot(element) {
    var id = element.dataset.chart, found = chartData(id), spec = copy(data.chart);
    spec.width = Math.max(220, Math.min(element.clientWidth || 640, 1008) - 80);
    spec.height = spec.width < 380 ? 220 : 270;
    spec.signals.forEach(function (s) { if (s.name in found) s.value = found[s.name]; });
    render(element, spec, found.sets);
  }
  function spark(element) {
    var series = data.series[element.dataset.spark], made = points(series), spec = copy(data.spark);
    var target = series.targets.filter(function (t) { return t.id === element.dataset.target; })[0];
    render(element, spec, {
      points: made, last: made.slice(-1),
      paths: target ? target.path.map(function (p) { return { y: p[0], v: p[1], s: 0 }; }) : []
    });
  }
  function one(element) {
    if (!drawing || element.done === root.lang || !element.closest(".view.on, body.all .view")) return;
    if (element.dataset.chart) plot(element); else spark(element);
  }
  var drawable = "[data-chart], [data-spark]";
  var near = new IntersectionObserver(function (entries) {
    entries.forEach(function (e) { if (e.isIntersecting) one(e.target); });
  }, { rootMargin: "400px" });
  // A browser that cannot unpack the drawing script shows the tables of figures instead.
  if (window.DecompressionStream) unpack().then(function (text) { (0, eval)(text); drawing = true; redraw(); });
  else root.classList.add("no-charts");
  function draw(view) { all(drawable, view).forEach(function (e) { near.unobserve(e); near.observe(e); }); }
  function redraw() { all(drawable).forEach(function (e) { e.done = e.done && ""; }); views.filter(function (v) { return v.classList.contains("on"); }).forEach(draw); }
  addEventListener("beforeprint", function () {
    var scope = document.body.classList.contains("all") ? document : document.querySelector(".view.on");
    all(drawable, scope).forEach(one);
  });
  var width = innerWidth, waiting;
  addEventListener("resize", function () {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 200);
  });
  all("[data-peers]").forEach(function (b) {
    b.addEventListener("click", function () {
      var id = b.dataset.peers;
      shownPeers[id] = !shownPeers[id];
      b.setAttribute("aria-pressed", String(!!shownPeers[id]));
      plot(document.querySelector('[data-chart="' + CSS.escape(id) + '"]'));
    });
  });
  document.getElementById("print-all").addEventListener("click", function () {
    document.body.classList.add("all");
    print();
  });
  addEventListener("afterprint", function () { document.body.classList.remove("all"); });

  // ---- downloads
  function quoted(cell) {
    var text = cell === null || cell === undefined ? "" : String(cell);
    // A spreadsheet takes a text that starts like a formula for one.
    if (typeof cell === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function save(name, rows) {
    var text = "\ufeff" + rows.map(function (r) { return r.map(quoted).join(","); }).join("\r\n") + "\r\n";
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }
  all("[data-csv]").forEach(function (b) {
    b.addEventListener("click", function () {
      var id = b.dataset.csv, series = data.series[id];
      var rows = [["indicator_id", "geo", "target_id", "year", "measure", "value", "unit", "flags"]];
      series.obs.forEach(function (o) { rows.push([id, "NL", "", o[0], "actual", o[1], series.unit, o[2].join(" ")]); });
      series.targets.forEach(function (t) {
        t.path.forEach(function (p) { rows.push([id, "NL", t.id, p[0], "required", p[1], series.unit, ""]); });
        t.projected.forEach(function (p) {
          ["projected", "low_80", "high_80", "low_95", "high_95"].forEach(function (m, k) { rows.push([id, "NL", t.id, p[0], m, p[k + 1], series.unit, ""]); });
        });
      });
      Object.keys(series.peers || {}).forEach(function (geo) {
        series.peers[geo].forEach(function (p) { rows.push([id, geo, "", p[0], "actual", p[1], series.unit, ""]); });
      });
      save(id + ".csv", rows);
    });
  });

  // ---- the table
  var table = document.getElementById("all"), body = table.tBodies[0], rows = all("tr", body), form = document.getElementById("filters");
  var plainText = function (e) { return (e.innerText || e.textContent).replace(/\s+/g, " ").trim(); };
  function count() {
    var shown = rows.filter(function (r) { return !r.hidden; }).length;
    document.getElementById("shown").textContent = say("shown", { shown: shown, rows: rows.length });
  }
  function filter() {
    var text = form.elements.text.value.trim().toLowerCase();
    rows.forEach(function (r) {
      var d = r.dataset;
      r.hidden = !((!form.elements.mission.value || d.mission === form.elements.mission.value) &&
        (!form.elements.status.value || d.status === form.elements.status.value) &&
        (!form.elements.role.value || d.role === form.elements.role.value) &&
        (!form.elements.counts.checked || d.counts === "1") &&
        (!text || r.textContent.toLowerCase().indexOf(text) >= 0));
    });
    count();
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.addEventListener("reset", function () { setTimeout(filter); });
  all("thead th", table).forEach(function (th, k) {
    th.querySelector("button").addEventListener("click", function () {
      var up = th.getAttribute("aria-sort") !== "ascending";
      all("thead th", table).forEach(function (x) { x.removeAttribute("aria-sort"); });
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
      var keyed = rows.map(function (r, place) {
        var cell = r.cells[k], sort = cell.dataset.sort;
        return { r: r, place: place, key: sort === undefined ? plainText(cell) : sort === "" ? null : Number(sort) };
      });
      keyed.sort(function (a, b) {
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
        var order = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key : String(a.key).localeCompare(String(b.key), root.lang);
        return (up ? order : -order) || a.place - b.place;
      });
      keyed.forEach(function (x) { body.appendChild(x.r); });
    });
  });
  document.getElementById("table-csv").addEventListener("click", function () {
    var cells = function (r) {
      return Array.prototype.map.call(r.cells, function (cell) {
        var exact = cell.classList.contains("n") && cell.querySelector("data");
        return exact ? Number(exact.value) : cell.tagName === "TH" && cell.dataset.key ? cell.dataset.key : plainText(cell).replace(/^–$/, "");
      });
    };
    save("missiemonitor.csv", [cells(table.tHead.rows[0])].concat(all("tr", body).filter(function (r) { return !r.hidden; }).map(cells)));
  });

  language(root.lang);
  go(true);
})();
