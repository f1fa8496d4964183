// What changed from release to release: read from the script beside the page, if it is there.
(function (m) {
  "use strict";
  var list = document.getElementById("history"), lately = document.getElementById("lately");
  var SHOWN = 3;
  // Of a page that was kept as a file of its own there is no history beside it.
  var told = null;
  m.changes = function () {
    if (!told) return;
    var line = function (l) {
      var item = m.element("li"), text = m.pick(l.said);
      item.className = "kind-" + l.kind;
      if (l.to && document.getElementById(l.to)) item.appendChild(m.element("a", text, { href: "#" + l.to }));
      else item.textContent = text;
      return item;
    };
    list.textContent = "";
    told.forEach(function (e) {
      var part = m.element("section");
      part.appendChild(m.element("h2", m.pick(e.date)));
      part.appendChild(m.element("p", m.pick(e.title)));
      var lines = m.element("ul");
      e.lines.forEach(function (l) { lines.appendChild(line(l)); });
      part.appendChild(lines);
      part.appendChild(m.element("p", m.say("release", { id: e.release }), { "class": "small" }));
      list.appendChild(part);
    });
    lately.textContent = "";
    var newest = told[0], weight = { status: 0, lost: 1, method: 0, apart: 0, figure: 2, source: 3 };
    var first = newest.lines.map(function (l, k) { return { l: l, k: k }; }).sort(function (a, b) {
      return weight[a.l.kind] - weight[b.l.kind] || a.k - b.k;
    }).slice(0, SHOWN);
    lately.appendChild(m.element("p", m.pick(newest.date) + (newest.lines.length > 1 ? ": " + m.pick(newest.title) : "")));
    var few = m.element("ul");
    first.forEach(function (x) { few.appendChild(line(x.l)); });
    lately.appendChild(few);
  };
  var script = m.element("script");
  // The page of a release by its id lies three folders deep, by way of `current` two, as published one.
  var path = location.pathname, up = "../";
  if (/\/releases\/[^/]+\/report\//.test(path)) up = "../../../";
  else if (/\/current\/report\//.test(path)) up = "../../";
  script.src = up + "history/history.js";
  script.onload = function () {
    var found = window.missiemonitorHistory || [];
    // Of a release that is not the last one: what was known when it was published.
    var mine = found.findIndex(function (e) { return e.release === m.data.release; });
    told = mine < 0 ? found.filter(function (e) { return e.day <= m.data.day; }) : found.slice(mine);
    if (!told.length) told = null;
    m.changes();
  };
  document.body.appendChild(script);
})(window.missie);
