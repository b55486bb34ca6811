// The chat page: what is typed goes out, what is said comes in, nothing twice and nothing lost.

import { Bubbles } from "./bubbles.js";
import { Connection } from "./connection.js";
import { FrontDoor, Refused } from "./front-door.js";
import { Outbox } from "./outbox.js";
import { Transcript, answeredBy } from "./transcript.js";

const TYPING_AFTER = 1000;
const TYPING_UNTIL = 45_000;
const YOUNG = 120_000; // an unsent message younger than this goes out by itself when we are back
const DRAFT = "medassist.draft";

const find = (id) => document.getElementById(id);
const { emergency, lines, longestText } = document.body.dataset;
const limit = Number(longestText);
const log = find("log");
const form = find("form");
const box = find("text");

const door = new FrontDoor();
const outbox = new Outbox();
const transcript = new Transcript();
const bubbles = new Bubbles({ lines: lines.split("|"), emergency, say, sendAgain });
const waiting = new Map(); // message id -> since when no reply has come
let sending = Promise.resolve();
let familiar = false; // whether the page has shown this conversation's history before

// ── what is said ────────────────────────────────────────────────────────────────────────────

function nodeOf(id) {
  return log.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function add(message, live) {
  if (!transcript.append(message)) return false;
  const stay = message.who === "bot" && !isAtEnd();
  log.append(bubbles.make(message, live));
  note(message);
  if (stay && message.custom?.level !== "emergency") find("newest").hidden = false;
  else scrollToNewest();
  return true;
}

/** What a message tells about others: a reply about the message it answers. */
function note(message) {
  if (message.who !== "bot") return;
  const about = answeredBy(message);
  const lost = { unreachable: "unsent", failed: "failed" }[message.custom?.front_door];
  const asked = transcript.get(about);
  if (message.custom?.front_door !== "slow") waiting.delete(about);
  if (asked) setState(asked, lost ?? "sent");
  if (lost !== "unsent") outbox.drop(about);
  else if (asked) outbox.keep(asked);
  showTyping();
}

function setState(message, state) {
  message.state = state;
  const node = nodeOf(message.id);
  if (node) bubbles.show(node, state);
}

function erased(receipt) {
  startOver();
  add({ ...receipt, buttons: [] }, true);
}

function startOver() {
  door.forget();
  outbox.clear();
  clearPage();
  connection.restart();
}

function clearPage() {
  transcript.clear();
  waiting.clear();
  familiar = false;
  log.replaceChildren();
  showTyping();
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────

function say(text) {
  const message = {
    id: newId(),
    who: "person",
    text,
    at: new Date().toISOString(),
    state: "sending",
  };
  outbox.keep(message);
  add(message, true);
  send(message);
}

function sendAgain(id) {
  const message = transcript.get(id);
  if (!message) return;
  // An id is used again only for a message that never arrived: a failed turn is a new one.
  if (message.state === "failed") {
    setState(message, "sent");
    say(message.text);
  } else if (message.state === "unsent") {
    send(message);
  }
}

function send(message) {
  setState(message, "sending");
  sending = sending.then(() => hand(message));
}

async function hand(message) {
  waiting.set(message.id, Date.now());
  setTimeout(showTyping, TYPING_AFTER + 20);
  try {
    await door.begin();
    await door.send(message);
    if (message.state === "sending") setState(message, "sent");
    showProblem("");
    showCutOff(false);
  } catch (error) {
    waiting.delete(message.id);
    if (error instanceof Refused) {
      giveBack(message, error.message);
    } else {
      setState(message, "unsent");
      showCutOff(true);
    }
  }
  showTyping();
  connection.poke();
}

/** A refused message goes back into the box, unless something else is being typed there. */
function giveBack(message, words) {
  showProblem(words);
  outbox.drop(message.id);
  if (box.value.trim()) {
    setState(message, "unsent");
    return;
  }
  nodeOf(message.id)?.remove();
  transcript.remove(message.id);
  box.value = message.text;
  boxChanged();
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // absent on plain http beyond localhost
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ── the connection ──────────────────────────────────────────────────────────────────────────

const connection = new Connection(door, {
  caughtUp(messages) {
    const atEnd = isAtEnd();
    const { added, renamed } = transcript.merge(messages);
    const isNews = ({ item }) => familiar || waiting.has(answeredBy(item));
    const news = added.filter(isNews);
    if (!news.length) log.setAttribute("aria-live", "off"); // old words are not read aloud again
    for (const { from, to } of renamed) nodeOf(from).dataset.id = to;
    for (const { item, before } of added) {
      const live = news.some((one) => one.item === item);
      log.insertBefore(bubbles.make(item, live), before && nodeOf(before.id));
    }
    familiar = true;
    for (const message of messages) {
      if (message.who === "person" && transcript.get(message.id).state !== "sending") {
        outbox.drop(message.id);
        setState(transcript.get(message.id), "sent");
      }
    }
    messages.forEach(note);
    setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
    showProblem("");
    showMissing(messages);
    if (atEnd || news.some(({ item }) => item.custom?.level === "emergency")) scrollToNewest();
  },
  notCaughtUp(words) {
    if (!log.childElementCount) showProblem(words);
  },
  event({ message }) {
    if (message.custom?.erased && !transcript.get(message.id)) erased(message);
    else add(message, true);
  },
  up() {
    showConnection("");
    showCutOff(false);
  },
  down(tries) {
    showConnection("Connection lost. Reconnecting…");
    if (tries >= 2) showCutOff(true);
  },
  hasUnsent: () => outbox.messages.length > 0,
});

/** What we have said and the history does not know has not arrived: send it, or offer to. */
function showMissing(history) {
  const arrived = new Set(history.map((message) => message.id));
  for (const message of transcript.items) {
    if (message.who !== "person" || arrived.has(message.id) || message.state === "sending") continue;
    if (!outbox.has(message.id)) continue;
    if (Date.now() - Date.parse(message.at) < YOUNG) send(message);
    else setState(message, "unsent");
  }
}

// ── what is seen ────────────────────────────────────────────────────────────────────────────

function isAtEnd() {
  const page = document.scrollingElement;
  return page.scrollHeight - page.scrollTop - page.clientHeight < 120;
}

/** To the end, but never past the beginning of what answers the last message. */
function scrollToNewest() {
  find("newest").hidden = true;
  const page = document.scrollingElement;
  const header = document.querySelector(".top").offsetHeight;
  const nodes = [...log.children];
  const asked = nodes.findLastIndex((node) => node.classList.contains("person"));
  const question = nodes[asked];
  const short = question && question.offsetHeight < page.clientHeight / 3;
  const first = short ? question : nodes[asked + 1] ?? question;
  if (!first) return;
  const top = first.getBoundingClientRect().top + page.scrollTop - header - 12;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  page.scrollTo({
    top: Math.min(top, page.scrollHeight - page.clientHeight),
    behavior: calm ? "instant" : "smooth",
  });
}

function showTyping() {
  const now = Date.now();
  const slow = [...waiting.values()].some(
    (since) => now - since >= TYPING_AFTER && now - since < TYPING_UNTIL,
  );
  if (slow === !find("typing").hidden) return;
  const atEnd = isAtEnd();
  find("typing").hidden = !slow;
  if (slow && atEnd) find("typing").scrollIntoView({ block: "nearest" });
  if (slow) setTimeout(showTyping, TYPING_UNTIL);
}

function showConnection(words) {
  find("connection").textContent = words;
}

function showCutOff(yes) {
  const atEnd = isAtEnd();
  find("cut-off").hidden = !yes;
  if (yes && atEnd) find("cut-off").scrollIntoView({ block: "nearest" });
}

function showProblem(words) {
  find("problem").hidden = !words;
  find("problem").textContent = words;
}

function boxChanged() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
  const length = [...box.value.trim()].length;
  const near = length > limit - 500;
  find("count").textContent = near
    ? `${length.toLocaleString("en")} of ${limit.toLocaleString("en")} characters`
    : "";
  find("count").classList.toggle("over", length > limit);
  try {
    sessionStorage.setItem(DRAFT, box.value);
  } catch {
    // a draft is a courtesy
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  const length = [...text].length;
  const danger = `If someone is in danger, call ${emergency} now.`;
  box.focus();
  if (!text) {
    showProblem(`Please type your question first. ${danger}`);
    return;
  }
  if (length > limit) {
    const most = limit.toLocaleString("en");
    showProblem(
      `Your message is too long: I can read up to ${most} characters at once. ` +
        `Please shorten it, or send it in parts. ${danger}`,
    );
    return;
  }
  showProblem("");
  box.value = "";
  boxChanged();
  say(text);
});

box.addEventListener("input", boxChanged);
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

for (const button of document.querySelectorAll("[data-say]")) {
  button.addEventListener("click", () => say(button.dataset.say));
}

find("newest").addEventListener("click", scrollToNewest);
addEventListener("scroll", () => isAtEnd() && (find("newest").hidden = true), { passive: true });

addEventListener("storage", (event) => {
  if (!FrontDoor.isKey(event.key)) return; // another tab began or deleted the conversation
  clearPage();
  connection.restart();
});

// ── begin ───────────────────────────────────────────────────────────────────────────────────

try {
  box.value = sessionStorage.getItem(DRAFT) ?? "";
} catch {
  // a draft is a courtesy
}
boxChanged();
for (const message of outbox.messages) add({ ...message, who: "person", state: "unsent" }, false);
if (matchMedia("(pointer: fine)").matches) box.focus({ preventScroll: true });
connection.run();
