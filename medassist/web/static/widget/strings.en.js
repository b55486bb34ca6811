// Every word of the widget, in English. For another language copy this file to strings.<code>.js and
// put it into other words; <medassist-chat lang="<code>"> then shows it. What a button sends must stay
// something the bot understands.

export default {
  lang: "en",
  locale: "en-GB", // how dates are written
  heading: "Medicine questions",
  headingOf: (clinic) => `${clinic}: medicine questions`,
  robot: "A robot, not a doctor",
  inDanger: "In danger?",
  call: (number) => `Call ${number}`,
  callNow: (number) => `Call ${number} now`,
  danger: (number) => `If someone is in danger, call ${number} now.`,

  launcher: "Ask about your medicine",
  news: (count) => (count === 1 ? "1 new reply" : `${count} new replies`),
  close: "Close the chat",

  introHeading: "Ask me about your medicine",
  intro: "I am a robot. I answer questions about medicines from checked sources, baclofen first.",
  introPoints: [
    "I am not a doctor, nurse or pharmacist, and I do not replace them.",
    "I ask before I answer: this chat is kept so that staff can follow up. You can delete it below.",
  ],
  starters: [
    "What is baclofen used for?",
    "I missed a dose of baclofen",
    "Can I drink alcohol with baclofen?",
  ],
  startersLabel: "Questions to start with",

  conversation: "Conversation",
  you: "You",
  bot: "medassist",
  botIs: "medassist (robot)",
  staffIs: (name) => `${name} (clinic staff)`,
  fromClinic: "from the clinic",
  someone: "Someone",
  here: (name) => `${name} from the clinic is here.`,
  back: "The robot is back.",
  asked: "You asked for a person. If one answers, you will see it here. You can go on asking me.",
  typing: "medassist is looking for the answer",
  suggested: "Suggested replies",
  unsent: "Not sent",
  unanswered: "Not answered",
  sendAgain: "Send again",
  newest: "New reply",

  sources: (count) => (count === 1 ? "1 source" : `${count} sources`),
  checked: (day) => `checked ${day}`,
  review: (words) => `Review: ${words}`,
  newTab: " (opens a new tab)",

  helpful: "Did this help?",
  yes: "Yes, this helped",
  no: "No, this did not help",
  why: "Tell us why, if you like",
  whyHint: "Please leave out names and addresses.",
  sendWhy: "Send",
  skipWhy: "No, thanks",
  thanks: "Thank you. You can change this any time.",
  notKept: "That could not be saved. Please try again.",

  cutOffHeading: "I can’t reach the chat right now",
  cutOff: "Your words are kept here. If it can’t wait, call:",
  lost: "Connection lost. Reconnecting…",

  question: "Your question",
  placeholder: "Type your question",
  send: "Send",
  empty: "Please type your question first.",
  tooLong: (most) =>
    `Your message is too long: I can read up to ${most} characters at once. ` +
    "Please shorten it, or send it in parts.",
  count: (length, most) => `${length} of ${most} characters`,

  person: "Talk to a person",
  save: "Save chat",
  erase: "Delete my data",
  receipt: "Receipt: this chat is deleted",
  saveReceipt: "Save this receipt",

  chatFile: "medicine-chat.txt",
  receiptFile: "deletion-receipt.txt",
  fileHeading: (clinic) => `Chat about medicines${clinic ? ` with ${clinic}` : ""}`,
  saved: (moment) => `Saved ${moment}`,
  notAdvice: "A robot wrote the answers. It is not a doctor and can be wrong.",
};
