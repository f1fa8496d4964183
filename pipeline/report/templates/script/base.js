// What the other scripts share: data, texts, figures, files to save. A text goes in as text, never as HTML.
window.missie = (function () {
  "use strict";
  var root = document.documentElement;
  var data = JSON.parse(document.getElementById("data").textContent);
  var m = { root: root, data: data, page: window };
  m.all = function (selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); };
  m.nl = function () { return root.lang !== "en"; };
  m.pick = function (pair) { return pair[m.nl() ? 0 : 1]; };
  // A text of the catalogue, with what its placeholders name.
  m.fill = function (text, parts) {
    return text.replace(/\{(\w+)\}/g, function (_, name) { return parts[name]; });
  };
  m.say = function (key, parts) { return m.fill(m.pick(data.words[key]), parts || {}); };
  m.keep = function (name, value) {
    try { localStorage.setItem("missiemonitor." + name, value); } catch (e) { /* not kept */ }
  };
  m.element = function (name, text, attributes) {
    var made = document.createElement(name);
    if (text) made.textContent = text;
    Object.keys(attributes || {}).forEach(function (k) { made.setAttribute(k, attributes[k]); });
    return made;
  };
  // Letters without accents and signs below the line: CO2 finds CO₂.
  m.folded = function (text) { return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase(); };
  // A value without the noise of binary fractions: 102555, not 102554.99999999999.
  m.clean = function (value) { return Number(value.toPrecision(15)); };
  m.figure = function (value, exact) {
    var size = Math.abs(value);
    var decimals = size >= 1000 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : Math.min(2 - Math.floor(Math.log10(size)), 8);
    return m.clean(value).toLocaleString(m.nl() ? "nl-NL" : "en-GB", {
      minimumFractionDigits: exact && Number.isInteger(m.clean(value)) ? 0 : decimals, maximumFractionDigits: decimals
    }).replace("-", "\u2212");
  };
  m.save = function (name, content, type) {
    var link = m.element("a");
    link.href = URL.createObjectURL(new Blob([content], { type: type }));
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  };
  // Rows as CSV: as the world writes it, or as a Dutch Excel opens it by a double click.
  m.saveRows = function (name, rows, excel) {
    var apart = excel ? ";" : ",";
    var cell = function (value) {
      var text = value === null || value === undefined ? "" : String(typeof value === "number" ? m.clean(value) : value);
      if (typeof value === "number") return excel ? text.replace(".", ",") : text;
      // A spreadsheet takes a text that starts like a formula for one.
      if (/^[=+\-@\t\r]/.test(text)) text = "'" + text;
      return /[";,\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
    };
    var text = rows.map(function (r) { return r.map(cell).join(apart); }).join("\r\n") + "\r\n";
    m.save(name + ".csv", "\ufeff" + text, "text/csv;charset=utf-8");
  };
  return m;
})();
