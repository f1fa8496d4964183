// Before the first paint: what the reader chose last time.
(function () {
  var root = document.documentElement;
  root.classList.add("js");
  try {
    root.lang = localStorage.getItem("missiemonitor.lang") === "en" ? "en" : "nl";
    var theme = localStorage.getItem("missiemonitor.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (e) { /* no storage: Dutch, and light or dark as the system has it */ }
})();
