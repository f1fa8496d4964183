// The figures of a chart one by one: by pointer, by touch, and by the arrow keys.
(function (m) {
  "use strict";
  var KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity };

  m.tips = function (element, made) {
    var sets = made.sets, x = element.view.scale("x"), y = element.view.scale("y"), origin = element.view.origin();
    var all = [].concat(sets.points, sets.bands, sets.targets, sets.official, sets.peers).filter(function (p) { return p.tip; });
    // The keys walk through the Dutch figures; the other countries stand in the table below.
    var stops = [].concat(sets.points, sets.bands, sets.targets, sets.official).filter(function (p) { return p.tip; })
      .sort(function (a, b) { return a.y - b.y; });
    element.made = { all: all, stops: stops, x: x, y: y, origin: origin };
    element.setAttribute("role", "slider");
    element.tabIndex = 0;
    element.setAttribute("aria-valuemin", stops[0].y);
    element.setAttribute("aria-valuemax", stops[stops.length - 1].y);
    var last = sets.points[sets.points.length - 1];
    said(element, last || stops[0]);
    hide(element);
    if (element.listens) return;
    element.listens = true;
    element.addEventListener("keydown", function (e) {
      if (e.key === "Escape") { hide(element); return; }
      if (!(e.key in KEYS)) return;
      e.preventDefault();
      var list = element.made.stops, at = list.indexOf(element.at);
      show(element, list[Math.max(0, Math.min(list.length - 1, at + KEYS[e.key]))]);
    });
    element.addEventListener("focus", function () { if (element.matches(":focus-visible")) show(element, element.at); });
    element.addEventListener("blur", function () { hide(element); });
    ["pointermove", "pointerdown"].forEach(function (name) {
      element.addEventListener(name, function (e) { show(element, nearest(element, e)); });
    });
    element.addEventListener("pointerleave", function (e) { if (e.pointerType !== "touch") hide(element); });
  };

  // The place of a figure, in pixels of the element.
  function place(element, p) {
    var k = element.made, svg = element.querySelector("svg").getBoundingClientRect(), box = element.getBoundingClientRect();
    var scale = svg.width / (element.querySelector("svg").viewBox.baseVal.width || svg.width);
    return [svg.left - box.left + (k.origin[0] + k.x(p.y)) * scale, svg.top - box.top + (k.origin[1] + k.y(p.v)) * scale];
  }
  function nearest(element, e) {
    var box = element.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top;
    var far = function (p) { var at = place(element, p); return Math.abs(at[0] - px) * 3 + Math.abs(at[1] - py); };
    return element.made.all.reduce(function (best, p) { return far(p) < far(best) ? p : best; });
  }
  function said(element, p) {
    element.at = p;
    element.setAttribute("aria-valuenow", p.y);
    element.setAttribute("aria-valuetext", p.tip);
  }
  function part(element, name) {
    return element.querySelector("." + name) || element.appendChild(m.element("span", "", { "class": name, "aria-hidden": "true" }));
  }
  function show(element, p) {
    said(element, element.made.stops.indexOf(p) < 0 ? element.at : p);
    var at = place(element, p), dot = part(element, "dot"), tip = part(element, "tip");
    tip.textContent = p.tip;
    dot.hidden = tip.hidden = false;
    dot.style.left = at[0] + "px";
    dot.style.top = at[1] + "px";
    var room = element.clientWidth - tip.offsetWidth;
    tip.style.left = Math.max(0, Math.min(room, at[0] - tip.offsetWidth / 2)) + "px";
    tip.style.top = (at[1] > 44 ? at[1] - tip.offsetHeight - 12 : at[1] + 14) + "px";
  }
  function hide(element) { m.all(".dot, .tip", element).forEach(function (e) { e.hidden = true; }); }
})(window.missie);
