// Search from every view: missions and indicators by the names that are shown.
(function (m) {
  "use strict";
  var form = document.getElementById("search"), box = form.elements.q, found = document.getElementById("found");
  var MOST = 12, said = document.getElementById("found-said");
  var places = m.all(".view[data-mission] > h1, .indicator h3").map(function (head) {
    return { head: head, to: head.closest(".indicator, .view").id };
  });
  function name(place) {
    var copy = place.head.cloneNode(true);
    m.all(m.nl() ? ".en" : ".nl", copy).forEach(function (e) { e.remove(); });
    return copy.textContent.replace(/\s+/g, " ").trim();
  }
  function look() {
    var words = m.folded(box.value.trim()).split(/\s+/).filter(Boolean);
    found.textContent = "";
    found.hidden = !words.length;
    said.textContent = "";
    if (!words.length) return;
    var hits = places.map(function (p) { return { to: p.to, name: name(p) }; }).filter(function (p) {
      var text = m.folded(p.name);
      return words.every(function (w) { return text.indexOf(w) >= 0; });
    });
    hits.slice(0, MOST).forEach(function (p) {
      var item = m.element("li");
      item.appendChild(m.element("a", p.name, { href: "#" + p.to }));
      found.appendChild(item);
    });
    said.textContent = hits.length ? m.say("found", { n: hits.length }) : m.say("nothing", { text: box.value.trim() });
    if (!hits.length) found.appendChild(m.element("li", said.textContent));
  }
  function close() { found.hidden = true; }
  box.addEventListener("input", look);
  box.addEventListener("focus", look);
  form.addEventListener("submit", function (e) {
    e.preventDefault();
    var first = found.querySelector("a");
    if (first) first.click();
  });
  found.addEventListener("click", function (e) { if (e.target.closest("a")) { box.value = ""; close(); m.openSearch(false); } });
  form.addEventListener("keydown", function (e) {
    if (e.key === "Escape") { close(); m.openSearch(false); }
  });
  document.addEventListener("pointerdown", function (e) { if (!form.contains(e.target)) close(); });
  form.addEventListener("focusout", function (e) { if (e.relatedTarget && !form.contains(e.relatedTarget)) close(); });
  // On a narrow screen the field takes room only when it is asked for.
  var opener = document.getElementById("open-search");
  m.openSearch = function (open) {
    form.classList.toggle("open", open);
    opener.setAttribute("aria-expanded", String(open));
  };
  opener.addEventListener("click", function () {
    m.openSearch(!form.classList.contains("open"));
    if (form.classList.contains("open")) box.focus();
  });
})(window.missie);
