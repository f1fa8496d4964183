// What a reader takes along from a chart: its figures as CSV, its picture as SVG or PNG.
(function (m) {
  "use strict";
  var TOP = 58, LINE = 18, SVG = "http://www.w3.org/2000/svg";

  function figures(id) {
    var series = m.data.series[id], unit = series.unit;
    var rows = [["indicator_id", "geo", "target_id", "year", "measure", "value", "unit", "flags"]];
    series.obs.forEach(function (o) { rows.push([id, "NL", "", o[0], "actual", o[1], unit, o[2].join(" ")]); });
    series.targets.forEach(function (t) {
      t.path.forEach(function (p) { rows.push([id, "NL", t.id, p[0], "required", p[1], unit, ""]); });
      t.projected.forEach(function (p) {
        ["projected", "low_80", "high_80", "low_95", "high_95"].forEach(function (name, k) { rows.push([id, "NL", t.id, p[0], name, p[k + 1], unit, ""]); });
      });
      if (t.value !== null) rows.push([id, "NL", t.id, t.year, "target", t.value, unit, ""]);
    });
    Object.keys(series.peers || {}).forEach(function (geo) {
      series.peers[geo].forEach(function (p) { rows.push([id, geo, "", p[0], "actual", p[1], unit, ""]); });
    });
    return rows;
  }

  // ---- pictures: the drawing with its name, unit, key and source, in colours instead of names of colours
  function coloured(node) {
    var style = getComputedStyle(m.root);
    ["fill", "stroke"].forEach(function (name) {
      var said = /var\((--[\w-]+)\)/.exec(node.getAttribute(name) || "");
      if (said) node.setAttribute(name, style.getPropertyValue(said[1]).trim());
    });
    Array.prototype.forEach.call(node.children, coloured);
    return node;
  }
  function shape(name, attributes, text) {
    var made = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (k) { made.setAttribute(k, attributes[k]); });
    if (text) made.textContent = text;
    return made;
  }
  function visible(element) { return element ? element.innerText.replace(/\s+/g, " ").trim() : ""; }
  function key(picture, figure, y) {
    var x = 8;
    m.all(".key > span", figure).filter(function (e) { return e.offsetParent; }).forEach(function (e) {
      var mark = getComputedStyle(e.querySelector(".k")), text = visible(e);
      var dashed = mark.borderTopStyle === "dashed";
      var colour = mark.backgroundColor !== "rgba(0, 0, 0, 0)" ? mark.backgroundColor : mark.borderTopColor;
      if (x + 36 + 6.2 * text.length > picture.width && x > 8) { x = 8; y += LINE; }
      picture.svg.appendChild(shape("line", { x1: x, x2: x + 22, y1: y - 4, y2: y - 4, stroke: colour, "stroke-width": 4, "stroke-dasharray": dashed ? "6 4" : "none" }));
      picture.svg.appendChild(shape("text", { x: x + 28, y: y, "font-size": 12, fill: "var(--ink)" }, text));
      x += 44 + 6.2 * text.length;
    });
    return y;
  }
  function picture(id) {
    var plot = document.querySelector('[data-chart="' + CSS.escape(id) + '"]'), figure = plot.closest("figure");
    var drawing = plot.querySelector("svg"), indicator = plot.closest(".indicator");
    var width = Number(drawing.getAttribute("width")), height = Number(drawing.getAttribute("height"));
    var made = { svg: shape("svg", { xmlns: SVG, "font-family": "sans-serif" }), width: width };
    made.svg.appendChild(shape("rect", { width: "100%", height: "100%", fill: "var(--paper)" }));
    made.svg.appendChild(shape("text", { x: 8, y: 22, "font-size": 16, "font-weight": 600, fill: "var(--ink)" }, visible(indicator.querySelector("h3"))));
    made.svg.appendChild(shape("text", { x: 8, y: 42, "font-size": 12, fill: "var(--muted)" }, visible(figure.querySelector(".axis"))));
    var inner = drawing.cloneNode(true);
    inner.setAttribute("y", TOP);
    inner.removeAttribute("aria-hidden");
    made.svg.appendChild(inner);
    var y = key(made, figure, TOP + height + LINE) + LINE;
    made.svg.appendChild(shape("text", { x: 8, y: y, "font-size": 11, fill: "var(--muted)" }, m.pick(m.data.series[id].source)));
    made.height = y + 10;
    made.svg.setAttribute("width", width);
    made.svg.setAttribute("height", made.height);
    made.svg.setAttribute("viewBox", "0 0 " + width + " " + made.height);
    made.text = new XMLSerializer().serializeToString(coloured(made.svg));
    return made;
  }
  function saveImage(id, kind) {
    var made = picture(id);
    if (kind === "svg") { m.save(id + ".svg", made.text, "image/svg+xml"); return; }
    var image = new Image();
    image.onload = function () {
      var canvas = m.element("canvas");
      canvas.width = 2 * made.width;
      canvas.height = 2 * made.height;
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(function (blob) { m.save(id + ".png", blob, "image/png"); });
    };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(made.text);
  }
  // What can be saved of each chart, and of the table (which has no picture).
  m.all("[data-files]").forEach(function (place) {
    var id = place.dataset.files;
    place.appendChild(m.element("span", "", { "data-word": "save" }));
    (id ? ["csv", "excel", "svg", "png"] : ["csv", "excel"]).forEach(function (kind) {
      var button = place.appendChild(m.element("button", "", { type: "button", "class": "link", "data-save": kind, "data-of": id }));
      button.addEventListener("click", function () {
        if (kind === "svg" || kind === "png") saveImage(id, kind);
        else if (id) m.saveRows(id, figures(id), kind === "excel");
        else m.saveRows("missiemonitor", m.tableRows(), kind === "excel");
      });
    });
  });
  m.labelFiles = function () {
    m.all("[data-word=save]").forEach(function (e) { e.textContent = m.say("save"); });
    m.all("[data-save]").forEach(function (b) { b.textContent = m.pick(m.data.file[b.dataset.save]); });
  };
})(window.missie);
