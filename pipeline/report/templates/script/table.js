// The table with everything: filters, order, download.
(function (m) {
  "use strict";
  var table = document.getElementById("all"), body = table.tBodies[0], rows = m.all("tr", body);
  var form = document.getElementById("filters"), heads = m.all("thead th", table);
  var plain = function (e) { return (e.innerText || e.textContent).replace(/\s+/g, " ").trim(); };
  // Words of a row in the language that is shown.
  var words = function (row) {
    var hidden = m.nl() ? ".en" : ".nl", copy = row.cloneNode(true);
    m.all(hidden, copy).forEach(function (e) { e.remove(); });
    return m.folded(copy.textContent);
  };
  var order = "";

  m.count = function () {
    var shown = rows.filter(function (r) { return !r.hidden; }).length;
    document.getElementById("shown").textContent = shown
      ? m.say("shown", { shown: shown, rows: rows.length }) : m.say("nothing", { text: form.elements.text.value.trim() });
  };
  function filter() {
    var text = m.folded(form.elements.text.value.trim()), f = form.elements;
    rows.forEach(function (r) {
      var d = r.dataset;
      r.hidden = !((!f.mission.value || d.mission === f.mission.value) && (!f.status.value || d.status === f.status.value) &&
        (!f.role.value || d.role === f.role.value) && (!f.counts.checked || d.counts === "1") &&
        (!text || words(r).indexOf(text) >= 0));
    });
    m.count();
  }
  // Values of one unit can be put in order; between units there is none: then by unit first.
  function sorted(name, up) {
    var k = heads.findIndex(function (th) { return th.dataset.key === name; });
    if (k < 0) return;
    heads.forEach(function (x) { x.removeAttribute("aria-sort"); });
    heads[k].setAttribute("aria-sort", up ? "ascending" : "descending");
    order = name + (up ? ".up" : ".down");
    var keyed = rows.map(function (r, place) {
      var cell = r.cells[k], figure = cell.querySelector("data"), sort = cell.dataset.sort;
      if (cell.classList.contains("n")) sort = figure ? figure.value : "";
      return { r: r, place: place, unit: cell.dataset.unit || "", key: sort === undefined ? plain(cell) : sort === "" ? null : Number(sort) };
    });
    keyed.sort(function (a, b) {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
      if (a.unit !== b.unit) return a.unit.localeCompare(b.unit);
      var way = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key : String(a.key).localeCompare(String(b.key), m.root.lang);
      return (up ? way : -way) || a.place - b.place;
    });
    keyed.forEach(function (x) { body.appendChild(x.r); });
    document.getElementById("by-unit").hidden = !heads[k].dataset.units;
  }
  heads.forEach(function (th) {
    th.querySelector("button").addEventListener("click", function () {
      sorted(th.dataset.key, th.getAttribute("aria-sort") !== "ascending");
      m.address();
    });
  });
  form.addEventListener("input", function () { filter(); m.address(); });
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.addEventListener("reset", function () { setTimeout(function () { filter(); m.address(); }); });
  m.refilter = filter;

  // What the address says of the table, and what it is to say.
  m.tableState = function () {
    var f = form.elements, said = { mission: f.mission.value, status: f.status.value, role: f.role.value, counts: f.counts.checked ? "1" : "", text: f.text.value.trim(), sort: order };
    Object.keys(said).forEach(function (k) { if (!said[k]) delete said[k]; });
    return said;
  };
  m.setTable = function (said) {
    ["mission", "status", "role", "text"].forEach(function (k) { form.elements[k].value = said[k] || ""; });
    form.elements.counts.checked = said.counts === "1";
    if (said.sort) sorted(said.sort.split(".")[0], said.sort.split(".")[1] !== "down");
    filter();
  };
  m.tableRows = function () {
    var names = heads.map(function (th) { return th.dataset.key; });
    var head = ["mission_id", "indicator_id", "target_id", "status_id", "reason_id", "unit"].concat(names);
      var cells = function (r) {
        var d = r.dataset;
        return [d.id, d.indicator, d.target, d.status, d.reason, d.unit].concat(Array.prototype.map.call(r.cells, function (cell) {
          var exact = cell.classList.contains("n") && cell.querySelector("data");
          if (exact) return Number(exact.value);
          var copy = cell.cloneNode(true);
          m.all((m.nl() ? ".en" : ".nl") + ", [aria-hidden=true], .none", copy).forEach(function (e) { e.remove(); });
          return copy.textContent.replace(/\s+/g, " ").trim();
        }));
      };
      var shown = m.all("tr", body).filter(function (r) { return !r.hidden; });
    return [head].concat(shown.map(cells));
  };
})(window.missie);
