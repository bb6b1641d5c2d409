"use strict";
// Keeps the parts of a page marked data-live fresh; without it the page loads itself again.
for (const place of document.querySelectorAll("[data-live]")) {
  const status = document.querySelector(place.dataset.liveStatus);
  const problem = document.querySelector(place.dataset.liveProblem);
  const look = async () => {
    try {
      const answer = await fetch(place.dataset.live, { credentials: "same-origin", cache: "no-store" });
      if (answer.redirected || answer.status === 403 || answer.status === 404) {
        window.location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      place.innerHTML = await answer.text();
      problem.hidden = true;
      const said = place.querySelector("[data-said]");
      if (said && status.textContent !== said.textContent) status.textContent = said.textContent;
      if (place.querySelector("[data-over]")) {
        window.location.reload();
        return;
      }
    } catch {
      problem.hidden = false;
    }
    window.setTimeout(look, 2000);
  };
  window.setTimeout(look, 2000);
}
