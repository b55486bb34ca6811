// Keeps a page of the console up to date, and sounds the alarm for a new emergency.
//
// The server says only that something has changed; the page is then fetched again and its live
// parts are exchanged. They come as a parsed document, so no text ever becomes markup here.

const AGAIN = 20_000; // "4 minutes ago" and what is overdue change by themselves
const CLOSEST = 400; // between two fetches
const LOST_AFTER = 4_000;
const SOUND = "medassist.staff.sound";
const KNOWN = "medassist.staff.alarms";

const find = (id) => document.getElementById(id);
const { livePage, liveEvents } = document.querySelector("[data-live-page]").dataset;
const inserted = new Map(); // id of a live part -> its markup as the server sent it
let fetching = false;
let wanted = false;
let signedOut = false;

// ── sound ───────────────────────────────────────────────────────────────────────────────────

const memory = {
  get(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // then it is asked again on the next page
    }
  },
};

const button = find("sound");
let audio = null;

function isOn() {
  return memory.get(SOUND) === "on";
}

function showSound() {
  button.hidden = false;
  button.setAttribute("aria-pressed", String(isOn()));
  let state = "off";
  if (isOn()) {
    state = audio?.state === "running" ? "on" : "on after your next click here";
    if ("Notification" in window && Notification.permission === "denied") {
      state += " (the browser blocks notifications)";
    }
  }
  button.textContent = `Sound and notifications: ${state}`;
}

async function wake() {
  if (!isOn()) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") {
    await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 300))]);
  }
  showSound();
}

/** Two tones, three times: not to be taken for anything else. */
function ring() {
  if (!isOn() || audio?.state !== "running") return;
  for (let beep = 0; beep < 6; beep += 1) {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    const start = audio.currentTime + beep * 0.22;
    tone.frequency.value = beep % 2 ? 660 : 880;
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(0.35, start + 0.02);
    loudness.gain.linearRampToValueAtTime(0, start + 0.2);
    tone.connect(loudness).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.22);
  }
  document.body.dataset.rang = String(Number(document.body.dataset.rang ?? 0) + 1);
}

/** No word of a patient: a notification may be seen by anyone near the screen. */
function notify(title, body, path) {
  if (!isOn() || !("Notification" in window) || Notification.permission !== "granted") return;
  const note = new Notification(title, { body, tag: path, icon: "/static/icon.svg" });
  note.addEventListener("click", () => {
    window.focus();
    location.assign(path);
  });
}

button.addEventListener("click", async () => {
  if (isOn()) {
    memory.set(SOUND, "off");
  } else {
    memory.set(SOUND, "on");
    if ("Notification" in window && Notification.permission === "default") {
      await Notification.requestPermission();
    }
    await wake();
    ring(); // so that one hears what it will sound like
  }
  showSound();
});
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake);

// ── alarms ──────────────────────────────────────────────────────────────────────────────────

function announce(words) {
  find("announce").textContent = words;
}

/** Ring once for each emergency that nobody has seen and no page of this browser has rung for. */
function alarm() {
  const rows = [...document.querySelectorAll("[data-alarm]")];
  const known = new Set(JSON.parse(memory.get(KNOWN) ?? "[]"));
  const fresh = rows.filter((row) => !known.has(row.dataset.alarm));
  document.title = document.title.replace(/^\(\d+\) /, "");
  if (rows.length) document.title = `(${rows.length}) ${document.title}`;
  if (!fresh.length) return;
  const keys = [...known, ...fresh.map((row) => row.dataset.alarm)];
  memory.set(KNOWN, JSON.stringify(keys.slice(-200)));
  ring();
  for (const { dataset } of fresh) {
    const overdue = dataset.alarm.endsWith(" overdue");
    const title = `${overdue ? "Overdue emergency" : "Emergency"}: case ${dataset.case}`;
    announce(`${title}, ${dataset.kind}. Nobody has seen it yet.`);
    notify(title, `${dataset.kind}. Nobody has seen it yet.`, `/staff/cases/${dataset.case}`);
  }
}

/** In an open chat: say that the patient wrote, and ring if it is dangerous. */
function newLines(before) {
  const lines = [...document.querySelectorAll("#chat > [data-who]")];
  if (before === null || lines.length <= before) return;
  const fresh = lines.slice(before).filter((line) => line.dataset.who === "patient");
  if (!fresh.length) return;
  const grave = fresh.some((line) => line.dataset.level === "emergency");
  announce(grave ? "A new message from the patient: emergency" : "A new message from the patient");
  if (grave) ring();
}

// ── live parts ──────────────────────────────────────────────────────────────────────────────

/** The page as it is now. A response of type "document" is parsed, and runs nothing. */
function fetchPage() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", livePage);
    request.responseType = "document";
    request.timeout = 15_000;
    request.addEventListener("load", () => resolve(request));
    for (const kind of ["error", "timeout", "abort"]) {
      request.addEventListener(kind, () => reject(new Error(kind)));
    }
    request.send();
  });
}

function exchange(fetched) {
  const chat = find("chat-scroll");
  const atEnd = chat && chat.scrollHeight - chat.scrollTop - chat.clientHeight < 60;
  const lines = chat ? chat.querySelectorAll("[data-who]").length : null;
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = fetched.getElementById(part.id);
    if (!fresh || fresh.outerHTML === inserted.get(part.id)) continue;
    inserted.set(part.id, fresh.outerHTML);
    const opened = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const node = document.importNode(fresh, true);
    part.replaceWith(node);
    for (const id of opened) find(id)?.setAttribute("open", "");
    if (focused) (find(focused) ?? node.querySelector("a, button"))?.focus({ preventScroll: true });
  }
  if (chat && atEnd) chat.scrollTop = chat.scrollHeight;
  newLines(lines);
  alarm();
}

async function refresh() {
  if (fetching) {
    wanted = true;
    return;
  }
  fetching = true;
  wanted = false;
  try {
    const { status, responseXML } = await fetchPage();
    if (status === 401 || status === 403) {
      signedOut = true;
      stream?.close();
      find("signed-out").hidden = false;
      showState("lost", "Not live: you are signed out");
    } else if (status === 200 && responseXML) {
      exchange(responseXML);
      lookedAt = Date.now();
    }
  } catch {
    // the stream tells when the server is back
  }
  setTimeout(() => {
    fetching = false;
    if (wanted && !signedOut) refresh();
  }, CLOSEST);
}

// ── the stream ──────────────────────────────────────────────────────────────────────────────

let stream = null;
let lost = null;
let lookedAt = Date.now();

function showState(state, words) {
  const line = find("live-state");
  if (line.dataset.state === state && line.textContent === words) return;
  line.dataset.state = state;
  line.textContent = words;
}

function listen() {
  if (signedOut) return;
  stream?.close();
  stream = new EventSource(liveEvents);
  stream.addEventListener("open", () => {
    clearTimeout(lost);
    lost = null;
    showState("live", "Live");
  });
  stream.addEventListener("change", refresh);
  stream.addEventListener("error", () => {
    lost ??= setTimeout(() => {
      const at = new Date(lookedAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      if (!signedOut) showState("lost", `Not live: connection lost. As of ${at}`);
    }, LOST_AFTER);
    // A browser comes back by itself after a loss, but not after a refusal.
    if (stream.readyState === EventSource.CLOSED) {
      refresh();
      setTimeout(listen, 3_000);
    }
  });
}

setInterval(() => !signedOut && refresh(), AGAIN);
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => event.persisted && listen());

const chat = find("chat-scroll");
if (chat) chat.scrollTop = chat.scrollHeight;
showSound();
wake();
alarm();
listen();
addEventListener("medassist:changed", refresh);
