/** What the assistant can be asked. */
export const intents = [
  "left",
  "spent",
  "largest_categories",
  "largest_payees",
  "income",
  "to_budget",
  "change",
  "history",
  "help",
] as const;
export type Intent = (typeof intents)[number];

/** What is called by a name: a category, or a group of them. */
export type Named = Readonly<{ id: string; name: string; label?: string | null; group_id?: string }>;

/** What a question means. */
export type Meaning = Readonly<{
  intent: Intent;
  /** YYYY-MM */
  month: string;
  /** Categories, or else groups, that it names. */
  categories: readonly Named[];
  groups: readonly Named[];
  /** What it asks for by a name that nothing has. */
  unknown: string | null;
  /** How far history goes back. */
  months: number;
}>;

/** The first that fits counts: what says more comes before what says less. */
const grammar: readonly (readonly [intent: Intent, pattern: RegExp])[] = [
  ["change", /\b(chang\w*|compar\w*|difference|versus|vs|(more|less) than)\b/],
  ["history", /\b(history|trend|over time|month by month|(each|every) month|(last|past) \d+ months)\b/],
  ["to_budget", /\b(to (budget|assign|plan)|unassigned|not (yet )?(budgeted|assigned|planned))\b/],
  ["income", /\b(income|earn\w*|salary|(came|come|comes|coming) in|received?)\b/],
  ["largest_payees", /\b(payees?|shops?|merchants?|stores?|(to|with) whom|who (did|do) i pay)\b/],
  ["largest_categories", /\b(largest|biggest|top|most|highest|where (did|does|is) (all )?(my|the) money)\b/],
  ["left", /\b(left|remain\w*|balances?|(can|may) i (still )?(spend|afford))\b/],
  ["spent", /\b(spen[dt]\w*|expen\w*|cost\w*|paid|pay)\b/],
];

const monthNames = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
/** "may i" and "march" as verbs are no months: a short word is one only after "in", "of" or "for", or before a year. */
const monthPattern = new RegExp(
  `\\b(?:(?:in|of|for|during|since) )?(${monthNames.map((name) => `${name}|${name.slice(0, 3)}`).join("|")})(?: (\\d{4}))?\\b`,
  "g",
);
const ambiguous: ReadonlySet<string> = new Set(["may", "mar", "march", "jan", "dec", "sep"]);

/** Words that say nothing about what is asked for. */
const fillers =
  /\b(this|last|next|past|previous|current|month|months|week|today|now|yet|so far|already|my|the|a|all|total|whole|everything|budget|money|me|i|we|us|it|please|category|categories|group|groups|in|on|for|of|to|at|from|with|and|altogether|overall|spending|\d+)\b/g;

/**
 * Understands a question by fixed words of English. `now` is the month that it is, and what a question means that names none.
 */
export function understand(
  question: string,
  scene: Readonly<{ now: string; groups: readonly Named[]; categories: readonly Named[] }>,
): Meaning {
  const text = plain(question);
  const categories = mentioned(text, scene.categories);
  const groups = categories.length > 0 ? [] : mentioned(text, scene.groups);
  const isNamed = categories.length + groups.length > 0;
  const found = grammar.find(([, pattern]) => pattern.test(text))?.[0];
  const months = Number(/\b(?:last|past) (\d{1,2}) months\b/.exec(text)?.[1] ?? 6);
  return {
    intent: found ?? (isNamed ? "left" : "help"),
    month: monthOf(text, scene.now),
    categories,
    groups,
    unknown: isNamed ? null : askedFor(text),
    months: Math.min(Math.max(months, 1), 36),
  };
}

/** Lower case, words between single blanks. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}-]+/gu, " ")
    .trim();

/** Those whose name, or label, is said with the most words. */
function mentioned(text: string, things: readonly Named[]): Named[] {
  let longest = 0;
  let found: Named[] = [];
  for (const thing of things) {
    const length = Math.max(...[thing.name, thing.label ?? ""].map((name) => saidLength(text, plain(name))));
    if (length === 0 || length < longest) continue;
    if (length > longest) found = [];
    longest = length;
    found.push(thing);
  }
  return found;
}

/** A name that is a word of the grammar, too, is one only where something is asked for: "spent on spending". */
function saidLength(text: string, name: string): number {
  if (name === "") return 0;
  const isWord = grammar.some(([, pattern]) => pattern.test(name));
  const befores = isWord ? ["on ", "for ", "in ", "of "].flatMap((word) => [word, `${word}my `]) : [""];
  return befores.some((before) => ` ${text} `.includes(` ${before}${name} `)) ? name.length : 0;
}

/** The month that is named; one without a year is the latest that has begun. */
function monthOf(text: string, now: string): string {
  const written = /\b(\d{4})-(0[1-9]|1[0-2])\b/.exec(text);
  if (written !== null) return written[0];
  const [year = 0, of_year = 1] = now.split("-").map(Number);
  for (const [all, name = "", said_year] of text.matchAll(monthPattern)) {
    if (ambiguous.has(name) && all === name) continue;
    const place = monthNames.findIndex((month) => month.startsWith(name)) + 1;
    const of = said_year === undefined ? (place > of_year ? year - 1 : year) : Number(said_year);
    return `${of}-${String(place).padStart(2, "0")}`;
  }
  const later = /\b(last|previous) month\b/.test(text) ? -1 : /\bnext month\b/.test(text) ? 1 : 0;
  // Of a change, last month is what the month is held against.
  return /\b(chang\w*|compar\w*|than|versus|vs|difference)\b/.test(text)
    ? now
    : monthsAfter(year, of_year, later);
}

function monthsAfter(year: number, of_year: number, months: number): string {
  const at = year * 12 + of_year - 1 + months;
  return `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, "0")}`;
}

/** What stands behind "on", "for" or "in" and is neither a month nor a filler; null where nothing does. */
function askedFor(text: string): string | null {
  const [, tail] = /\b(?:on|for|in|from) (.+)$/.exec(text) ?? [];
  if (tail === undefined) return null;
  const rest = `in ${tail}`
    .replaceAll(monthPattern, " ")
    .replaceAll(/\b\d{4}(-\d{2})?\b/g, " ")
    .replaceAll(fillers, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  const isWord = grammar.some(([, pattern]) => pattern.test(rest));
  return rest === "" || isWord ? null : rest.slice(0, 60);
}
