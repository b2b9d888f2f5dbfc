// The theme puts each module's link inside the button that unfolds it, where a screen reader cannot reach it: the link moves beside the button.
(() => {
  const tree = document.getElementById("tsd-nav-container");
  if (!tree) return;
  const untangle = () => {
    for (const link of tree.querySelectorAll("summary a")) {
      const summary = link.closest("summary");
      summary.setAttribute("aria-label", `Contents of ${link.textContent}`);
      link.classList.add("beside-summary");
      summary.parentElement.before(link);
    }
  };
  new MutationObserver(untangle).observe(tree, { childList: true, subtree: true });
  untangle();
})();
