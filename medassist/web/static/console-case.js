// The forms of a case: nothing typed is lost, a reply goes out without leaving the page, once.

const find = (id) => document.getElementById(id);
const DRAFT = "medassist.staff.draft.";
const SENT = "medassist.staff.sent"; // the draft of a form that was sent with the page before

const drafts = {
  get(name) {
    try {
      return JSON.parse(sessionStorage.getItem(DRAFT + name)) ?? {};
    } catch {
      return {};
    }
  },
  set(name, fields) {
    try {
      const empty = Object.values(fields).every((value) => !value);
      if (empty) sessionStorage.removeItem(DRAFT + name);
      else sessionStorage.setItem(DRAFT + name, JSON.stringify(fields));
    } catch {
      // a draft is a courtesy
    }
  },
};

// A page that answers a form says so, or shows what was read: then its draft has done its work.
const arrived = document.querySelector(".flash, #reading-heading") !== null;
try {
  const sent = sessionStorage.getItem(SENT);
  if (sent && arrived) drafts.set(sent, {});
  sessionStorage.removeItem(SENT);
} catch {
  // as above
}

for (const form of document.querySelectorAll("form[data-draft]")) {
  const name = form.dataset.draft;
  const boxes = [...form.querySelectorAll("textarea")];
  const kept = drafts.get(name);
  for (const box of boxes) if (!box.value && kept[box.name]) box.value = kept[box.name];
  const keep = () => drafts.set(name, Object.fromEntries(boxes.map((box) => [box.name, box.value])));
  form.addEventListener("input", keep);
  form.addEventListener("submit", () => {
    keep();
    try {
      sessionStorage.setItem(SENT, name);
    } catch {
      // as above
    }
  });
}

// ── writing to the patient ──────────────────────────────────────────────────────────────────

const reply = find("reply");
if (reply) {
  const box = find("reply-text");
  const problem = find("reply-problem");
  const button = find("send");
  let sending = false;

  const say = (words) => {
    problem.textContent = words;
    problem.hidden = !words;
  };

  reply.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    button.disabled = true;
    box.readOnly = true;
    say("");
    try {
      const response = await fetch(reply.action, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(new FormData(reply)),
      });
      const answer = await response.json();
      if (response.ok) {
        reply.elements.id.value = answer.next;
        box.value = "";
        drafts.set(reply.dataset.draft, {});
        dispatchEvent(new CustomEvent("medassist:changed"));
      } else {
        say(answer.error);
        dispatchEvent(new CustomEvent("medassist:changed"));
      }
    } catch {
      say(
        "The server cannot be reached, so nobody knows if this went out. Your text is still here: " +
          "look at the chat when the page is live again, then send it again. Nothing is sent twice.",
      );
    }
    sending = false;
    button.disabled = false;
    box.readOnly = false;
    box.focus();
  });

  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) reply.requestSubmit();
  });

  for (const one of document.querySelectorAll("[data-canned]")) {
    one.addEventListener("click", () => {
      box.value = [box.value.trim(), one.dataset.canned].filter(Boolean).join("\n\n");
      box.dispatchEvent(new Event("input", { bubbles: true }));
      box.focus();
    });
  }
}

// ── the sheet ───────────────────────────────────────────────────────────────────────────────

const print = find("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
