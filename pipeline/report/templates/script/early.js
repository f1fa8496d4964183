// Before the first paint: language and theme, of the address, of the last visit, or of the browser.
(function () {
  var root = document.documentElement, kept = {};
  root.classList.add("js");
  try {
    kept = { lang: localStorage.getItem("missiemonitor.lang"), theme: localStorage.getItem("missiemonitor.theme") };
  } catch (e) { /* no storage */ }
  var asked = (/[?&]lang=(nl|en)\b/.exec(location.hash) || [])[1];
  var known = (navigator.languages || [navigator.language || ""]).map(function (l) { return l.slice(0, 2).toLowerCase(); })
    .filter(function (l) { return l === "nl" || l === "en"; })[0];
  root.lang = asked || (/^(nl|en)$/.test(kept.lang) ? kept.lang : known || "nl");
  if (kept.theme === "light" || kept.theme === "dark") root.dataset.theme = kept.theme;
})();
