// The keys of the whole console, on a page that only the server renders. PAGES and JUMP are set before this.
let isAfterG = false;
addEventListener("keydown", event => {
  const field = ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
  const control = event.ctrlKey || event.metaKey;
  const letter = !field && !control && !event.altKey;
  if ((event.key === "k" && control) || (event.key === "/" && letter)) {
    event.preventDefault();
    location.href = "/" + JUMP;
  } else if (letter && isAfterG && event.key in PAGES) {
    location.href = PAGES[event.key];
  }
  isAfterG = letter && event.key === "g";
});
