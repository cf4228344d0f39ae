// Paper is white: a page that is shown dark is printed light.
(() => {
  const page = document.documentElement.dataset;
  let shown;
  addEventListener("beforeprint", () => { shown = page.theme; page.theme = "light"; });
  addEventListener("afterprint", () => { page.theme = shown; });
})();
