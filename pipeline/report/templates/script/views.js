// Language, theme, and which view is shown: the address says it, and keeps what a reader chose.
(function (m) {
  "use strict";
  var root = m.root, views = m.all(".view"), anchor = "", chosen = /[?&]lang=/.test(location.hash);

  // ---- the address: #anchor?name=value&…
  function read() {
    var said = {}, parts = location.hash.slice(1).split("?"), name = "";
    try { name = decodeURIComponent(parts[0]); } catch (e) { name = parts[0]; }
    new URLSearchParams(parts[1] || "").forEach(function (value, key) { said[key] = value; });
    return { name: name, said: said };
  }
  m.address = function () {
    var view = document.querySelector(".view.on"), said = new URLSearchParams();
    var state = view && view.id === "table" ? m.tableState() : {};
    Object.keys(state).forEach(function (k) { said.set(k, state[k]); });
    if (view) {
      var peers = m.shownPeers(view);
      if (peers.length) said.set("peers", peers.join("."));
    }
    if (chosen) said.set("lang", root.lang);
    var text = said.toString(), hash = (anchor || text ? "#" : "") + anchor + (text ? "?" + text : "");
    if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname);
  };

  // ---- language: pairs with figures in them are hidden by CSS; other texts, and separators in tables, turn here
  var turned = false;
  function attribute(name, key, lang) {
    m.all("[data-" + key + "-en]").forEach(function (e) {
      if (!e.dataset[key]) e.dataset[key] = e.getAttribute(name);
      e.setAttribute(name, lang === "nl" ? e.dataset[key] : e.dataset[key + "En"]);
    });
  }
  function language(lang) {
    root.lang = lang;
    if ((lang === "en") !== turned) {
      turned = !turned;
      m.all("data").forEach(function (e) {
        if (!e.closest(".nl, .en")) e.textContent = e.textContent.replace(/[.,]/g, function (c) { return c === "," ? "." : ","; });
      });
      m.all("[data-en]").forEach(function (e) {
        if (e.dutch === undefined) e.dutch = e.textContent;
        e.textContent = lang === "en" ? e.dataset.en : e.dutch;
      });
    }
    attribute("aria-label", "label", lang);
    attribute("placeholder", "placeholder", lang);
    m.labelFiles();
    m.all("[data-set-lang]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.setLang === lang)); });
    document.querySelector("meta[name=description]").content = m.say("description");
    theme();
    title();
    m.refilter();
    m.changes();
    m.redraw();
  }
  m.all("[data-set-lang]").forEach(function (b) {
    b.addEventListener("click", function () {
      chosen = true;
      m.keep("lang", b.dataset.setLang);
      language(b.dataset.setLang);
      m.address();
    });
  });

  // ---- theme: the other one, then back, then as the system has it
  var button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  function theme() {
    var now = root.dataset.theme;
    button.setAttribute("aria-label", m.pick(m.data.theme[now]));
    button.title = m.pick(m.data.theme[now]);
    button.firstElementChild.textContent = { auto: "\u25d0", light: "\u25cb", dark: "\u25cf" }[now];
  }
  button.addEventListener("click", function () {
    var other = system.matches ? "light" : "dark", same = system.matches ? "dark" : "light";
    root.dataset.theme = { auto: other }[root.dataset.theme] || (root.dataset.theme === other ? same : "auto");
    m.keep("theme", root.dataset.theme);
    theme();
  });

  // ---- views
  function title() {
    var on = document.querySelector(".view.on h1");
    document.title = (on && on.id !== "overview-title" ? on.innerText.trim() + " – " : "") + "Missiemonitor";
  }
  function go(first) {
    var asked = read(), target = document.getElementById(asked.name);
    var view = target && target.closest(".view"), lost = asked.name && !view && asked.name !== "main";
    if (!view) { target = view = document.getElementById("overview"); }
    anchor = target.id === "overview" ? "" : target.id;
    var unknown = document.getElementById("unknown");
    unknown.hidden = !lost;
    if (lost) unknown.querySelector("bdi").textContent = asked.name.slice(0, 80);
    views.forEach(function (v) { v.classList.toggle("on", v === view); });
    m.all(".main-nav a").forEach(function (a) {
      if (a.hash === "#" + view.id || (a.hash === "#overview" && view.dataset.mission)) a.setAttribute("aria-current", "page");
      else a.removeAttribute("aria-current");
    });
    if (asked.said.lang === "nl" || asked.said.lang === "en") {
      chosen = true;
      if (asked.said.lang !== root.lang) language(asked.said.lang);
    }
    var filters = Object.keys(asked.said).some(function (k) { return k !== "lang" && k !== "peers"; });
    if (view.id === "table" && (filters || first)) m.setTable(asked.said);
    if (asked.said.peers) m.showPeers(asked.said.peers.split("."));
    title();
    m.draw(view);
    if (target.tagName === "DETAILS") target.open = true;
    if (target === view) {
      window.scrollTo(0, 0);
      if (!first) view.querySelector("h1").focus({ preventScroll: true });
    } else {
      target.scrollIntoView();
      var focus = target.querySelector("h2[tabindex], h3[tabindex], summary");
      if (focus) focus.focus({ preventScroll: true });
    }
    m.address();
  }
  addEventListener("hashchange", function () { go(false); });
  document.querySelector(".skip").addEventListener("click", function (e) {
    e.preventDefault();
    document.getElementById("main").focus();
  });
  document.getElementById("print-all").addEventListener("click", function () {
    document.body.classList.add("all");
    print();
  });
  addEventListener("afterprint", function () { document.body.classList.remove("all"); });

  language(root.lang);
  go(true);
})(window.missie);
