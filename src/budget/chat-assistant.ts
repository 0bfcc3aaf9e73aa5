import type { Deps } from "../http/deps.ts";
import type { Answerer, ChatQuestion } from "./chat-answerer.ts";
import { type Figures, figuresOf, monthOf, type Scene } from "./chat-figures.ts";
import { type Intent, type Meaning, type Named, understand } from "./chat-intents.ts";
import { createProvider } from "./chat-provider.ts";
import { monthsLater } from "./months.ts";

/** What answers chats on this server: the service of the configuration, or the figures themselves. */
export function createAnswerer(deps: Deps): Answerer {
  const { chat } = deps.config;
  if (chat === null) return createAssistant(deps);
  return createProvider(chat, { prompt: (question) => promptOf(deps, question), log: deps.log });
}

/** What a model is told first. Of figures there are the caller's own and nobody else's. */
async function promptOf(deps: Deps, { caller }: ChatQuestion): Promise<string> {
  const found = await monthOf(deps, caller);
  const rules =
    "You answer one person's questions about their own budget. Amounts are integers in minor units of the currency. Say what " +
    "the figures say and nothing that they do not.";
  if (found === null) return `${rules} This person has no budget yet.`;
  return `${rules} The figures of their month ${found.month}, as JSON:\n${found.body}`;
}

/** Every answer begins with it. */
export const disclosure = "Computed from your figures by SQL, without a language model.";

const abilities = [
  "what is left this month, of everything or of one category",
  "what you spent this month or in another one, on everything or on one category",
  "your largest categories and your largest payees",
  "your income of a month",
  "what is left to budget",
  "how a month changed against the one before",
  "the history of the last months",
];

/**
 * Computes answers from the caller's own figures by SQL. There is no language model in it: a question is understood by fixed
 * words, and each number comes from the statement of the endpoint that the answer names.
 */
export function createAssistant(deps: Deps): Answerer {
  return {
    model: "figures",
    async *answer({ caller, turns }) {
      const lines = await linesOf(figuresOf(deps, caller), turns.at(-1)?.content ?? "");
      yield { text: `${disclosure}\n` };
      for (const line of lines) yield { text: `\n${line}` };
      yield { finish_reason: "stop", usage: { prompt_tokens: 0, completion_tokens: 0 } };
    },
  };
}

async function linesOf(figures: Figures, question: string): Promise<readonly string[]> {
  const scene = await figures.scene();
  if (scene === null) return ["You have no budget here yet. Make one with POST /api/v1/budgets."];
  const meaning = understand(question, scene);
  const { intent, month, unknown } = meaning;
  if (intent === "help") return help();
  if (month < scene.first_month) return [`Your budget begins in ${scene.first_month}.`];
  if (unknown !== null && (intent === "left" || intent === "spent")) return unheardOf(scene, unknown);
  return answers[intent]({ figures, scene, meaning });
}

const help = (): string[] => ["I can tell you:", ...abilities.map((ability) => `- ${ability}`)];

function unheardOf({ categories }: Scene, unknown: string): string[] {
  const names = [...new Set(categories.map(({ name }) => name))].slice(0, 40);
  return [`Your budget has no category called "${unknown}". It has: ${names.join(", ")}.`];
}

type Asked = Readonly<{ figures: Figures; scene: Scene; meaning: Meaning }>;

/** Amounts are said as `NGN 1,234.56`. */
function amountOf({ currency, exponent }: Scene, minor: number): string {
  const digits = String(Math.abs(minor)).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent).replaceAll(/\B(?=(\d{3})+$)/g, ",");
  const fraction = exponent === 0 ? "" : `.${digits.slice(-exponent)}`;
  return `${currency} ${minor < 0 ? "-" : ""}${whole}${fraction}`;
}

const from = (...paths: readonly string[]): string => `From ${paths.join(" and ")}`;

const answers: Readonly<Record<Exclude<Intent, "help">, (asked: Asked) => Promise<readonly string[]>>> = {
  left: leftOf,
  spent: spentOf,
  largest_categories: (asked) => largest(asked, "category"),
  largest_payees: (asked) => largest(asked, "payee"),
  async income({ figures, scene, meaning: { month } }) {
    const [{ income }, path] = await figures.monthly(scene, month);
    return [`Income of ${month}: ${amountOf(scene, income)}.`, from(path)];
  },
  async to_budget({ figures, scene, meaning: { month } }) {
    const [{ to_budget, held }, path] = await figures.monthly(scene, month);
    if (to_budget === null) return ["In tracking mode nothing is to be budgeted.", from(path)];
    return [
      `To budget in ${month}: ${amountOf(scene, to_budget)}. Held for later months: ${amountOf(scene, held)}.`,
      from(path),
    ];
  },
  async change({ figures, scene, meaning: { month } }) {
    const [rows, path] = await figures.history(scene, month, 2);
    const [before, now] = rows;
    if (before === undefined || now === undefined) return help();
    const more = now.spent - before.spent;
    const word = more === 0 ? "the same" : `${amountOf(scene, Math.abs(more))} ${more > 0 ? "more" : "less"}`;
    return [
      `Spent in ${now.month}: ${amountOf(scene, now.spent)}; in ${before.month}: ${amountOf(scene, before.spent)}. ` +
        `That is ${word}.`,
      from(path),
    ];
  },
  async history({ figures, scene, meaning: { month, months } }) {
    const first = monthsLater(month, 1 - months);
    const length = first < scene.first_month ? monthsBetween(scene.first_month, month) + 1 : months;
    const [rows, path] = await figures.history(scene, month, length);
    return [
      ...rows.map(
        (row) =>
          `- ${row.month}: income ${amountOf(scene, row.income)}, planned ${amountOf(scene, row.planned)}, ` +
          `spent ${amountOf(scene, row.spent)}, remaining ${amountOf(scene, row.remaining)}`,
      ),
      from(path),
    ];
  },
};

function monthsBetween(first: string, last: string): number {
  const [from_year = 0, from_month = 0] = first.split("-").map(Number);
  const [to_year = 0, to_month = 0] = last.split("-").map(Number);
  return (to_year - from_year) * 12 + to_month - from_month;
}

/** The name of a category; with its group where several have it. */
function titleOf({ groups }: Scene, thing: Named, all: readonly Named[]): string {
  const group = groups.find(({ id }) => id === thing.group_id);
  return all.length > 1 && group !== undefined ? `${thing.name} (${group.name})` : thing.name;
}

async function leftOf({ figures, scene, meaning }: Asked): Promise<readonly string[]> {
  const { month, categories, groups } = meaning;
  if (categories.length > 0) {
    const [body, path] = await figures.month(scene, month);
    const all = body.groups.flatMap((group) => group.categories);
    const lines = categories.map((category) => {
      const row = all.find(({ id }) => id === category.id);
      const { planned = 0, activity = 0, carry_in = 0, balance = 0 } = row ?? {};
      return (
        `Left in ${titleOf(scene, category, categories)} in ${month}: ${amountOf(scene, balance)} ` +
        `(planned ${amountOf(scene, planned)}, carried in ${amountOf(scene, carry_in)}, activity ${amountOf(scene, activity)}).`
      );
    });
    return [...lines, from(path)];
  }
  if (groups.length > 0) {
    const [{ allocations }, path] = await figures.allocations(scene, month);
    const lines = groups.map(({ id, name }) => {
      const {
        remaining = 0,
        planned = 0,
        spent = 0,
      } = allocations.find(({ group_id }) => group_id === id) ?? {};
      return (
        `Remaining of ${name} in ${month}: ${amountOf(scene, remaining)} ` +
        `(planned ${amountOf(scene, planned)}, spent ${amountOf(scene, spent)}).`
      );
    });
    return [...lines, from(path)];
  }
  const [{ remaining, planned, spent }, path] = await figures.summary(scene, month);
  return [
    `Remaining of all that is planned in ${month}: ${amountOf(scene, remaining)} ` +
      `(planned ${amountOf(scene, planned)}, spent ${amountOf(scene, spent)}).`,
    from(path),
  ];
}

async function spentOf({ figures, scene, meaning }: Asked): Promise<readonly string[]> {
  const { month, categories, groups } = meaning;
  if (categories.length > 0) {
    const [rows, path] = await figures.spending(scene, month, "category");
    const lines = categories.map((category) => {
      const spent = rows.find(({ category_id }) => category_id === category.id)?.spent ?? 0;
      return `Spent on ${titleOf(scene, category, categories)} in ${month}: ${amountOf(scene, spent)}.`;
    });
    return [...lines, from(path)];
  }
  if (groups.length > 0) {
    const [{ allocations }, path] = await figures.allocations(scene, month);
    const lines = groups.map(({ id, name }) => {
      const spent = allocations.find(({ group_id }) => group_id === id)?.spent ?? 0;
      return `Spent on ${name} in ${month}: ${amountOf(scene, spent)}.`;
    });
    return [...lines, from(path)];
  }
  const [{ spent }, path] = await figures.summary(scene, month);
  return [`Spent in ${month}: ${amountOf(scene, spent)}.`, from(path)];
}

const shown = 5;

async function largest(
  { figures, scene, meaning: { month } }: Asked,
  by: "category" | "payee",
): Promise<readonly string[]> {
  const [rows, path] = await figures.spending(scene, month, by);
  const spent = rows.filter((row) => row.spent > 0).slice(0, shown);
  if (spent.length === 0) return [`Nothing was spent in ${month}.`, from(path)];
  return [
    `Most was spent in ${month} ${by === "payee" ? "with" : "on"}:`,
    ...spent.map((row) => `- ${row.name ?? row.payee ?? "no payee"}: ${amountOf(scene, row.spent)}`),
    from(path),
  ];
}
