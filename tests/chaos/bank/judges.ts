import { type Answered, claimsOf, isOpen, type Movement } from "./movement.ts";

/** A transfer as the database has it. `is_in_ledger`: the ledger has moved exactly this. */
export type Effect = Movement & Readonly<{ id: string; is_in_ledger: boolean }>;

/** What one look at the whole ledger has found. Amounts in minor units. */
export type Look = Readonly<{
  /** Which replica was asked, or `sql`. */
  of: string;
  /** What is posted in all accounts that only move money between each other. */
  total: number;
  accounts: number;
  least_available: number;
  /** Debits less credits, all accounts of the business together; null where it was not asked for. */
  unbalanced: number | null;
}>;

/** At most so many of a kind are told. */
const TOLD = 5;

/** `what (×n)` with the first few. */
function told(what: string, wrong: readonly string[]): string[] {
  if (wrong.length === 0) return [];
  return [`${wrong.length} ${what}: ${wrong.slice(0, TOLD).join("; ")}`];
}

/** Every look has found the same total, and no account below zero; and somebody looked, everywhere. */
export function judgeLooks(
  looks: readonly Look[],
  expected: Readonly<{ total: number; accounts: number; of: readonly string[] }>,
): string[] {
  const wrong = looks.flatMap(({ of, total, accounts, least_available, unbalanced }) => [
    ...(accounts === expected.accounts ? [] : [`${of} shows ${accounts} accounts of ${expected.accounts}`]),
    ...(total === expected.total ? [] : [`${of} has a total of ${total}, not ${expected.total}`]),
    ...(least_available >= 0 ? [] : [`${of} has an account with ${least_available} available`]),
    ...(unbalanced === null || unbalanced === 0 ? [] : [`${of} has ${unbalanced} more debit than credit`]),
  ]);
  const unseen = expected.of.filter((name) => !looks.some(({ of }) => of === name));
  return [
    ...told("wrong looks at the ledger", wrong),
    ...unseen.map((name) => `${name} has shown the ledger to nobody`),
  ];
}

/**
 * What answers say is what the database has: acknowledged movements are there as they were asked for, refused ones are not,
 * those nobody knows of are there once or not at all, and there is nothing else.
 */
export function judgeEffects(answers: readonly Answered[], effects: readonly Effect[]): string[] {
  const found = new Map<string, Effect[]>();
  for (const effect of effects) found.set(effect.mark, [...(found.get(effect.mark) ?? []), effect]);
  const wrong: string[] = [];
  let acknowledged = 0;
  for (const answer of answers) {
    const { asked } = answer;
    const claims = claimsOf(answer);
    const here = asked.movements.map(({ mark }) => found.get(mark) ?? []);
    for (const [index, movement] of asked.movements.entries()) {
      const claim = claims?.[index] ?? null;
      acknowledged += claim?.is_posted === true ? 1 : 0;
      wrong.push(...wrongOf(movement, here[index] ?? [], claim));
      found.delete(movement.mark);
    }
    const done = here.filter(({ length }) => length > 0).length;
    if (asked.is_atomic && done > 0 && done < here.length)
      wrong.push(`${asked.key} is all or none, and ${done} of ${here.length} were done`);
  }
  for (const [mark, [effect]] of found) wrong.push(`${mark} was asked by nobody, transfer ${effect?.id}`);
  return [
    ...told("movements are not what was answered", wrong),
    ...(acknowledged > 0 ? [] : ["no movement was acknowledged: nothing is proven of their effects"]),
  ];
}

function wrongOf(
  movement: Movement,
  effects: readonly Effect[],
  claim: Readonly<{ is_posted: boolean; id: string | null }> | null,
): string[] {
  const { mark } = movement;
  const [effect] = effects;
  if (effects.length > 1) return [`${mark} was done ${effects.length} times`];
  if (effect === undefined)
    return claim?.is_posted === true ? [`${mark} was acknowledged and is not there`] : [];
  if (claim?.is_posted === false) return [`${mark} was refused and is there`];
  if (claim !== null && claim.id !== effect.id)
    return [`${mark} was acknowledged as ${claim.id} and is ${effect.id}`];
  const { kind, from, to, amount } = movement;
  if (effect.kind !== kind || effect.from !== from || effect.to !== to || effect.amount !== amount)
    return [`${mark} is not what was asked for`];
  return effect.is_in_ledger ? [] : [`${mark} is not in the ledger as it is in the bank`];
}

/** Answers are successes, refusals of movements, or leave open what became of it; nothing else. */
export function judgeAnswers(answers: readonly Answered[]): string[] {
  const odd = answers.filter((answer) => claimsOf(answer) === null && !isOpen(answer.fate));
  return told(
    "answers are neither success nor refusal",
    odd.map(({ asked, fate }) => `${asked.path} ${fate.status} ${fate.body.slice(0, 200)}`),
  );
}

/** What was told under each key when it was asked again. */
export type Repeated = Readonly<{
  key: string;
  /** Null: nothing definite at first, which binds nobody. */
  first: string | null;
  /** Null: nothing definite, however often it was asked. */
  again: string | null;
}>;

/** Everything was answered definitely, and what was answered before was answered again, byte by byte. */
export function judgeRepeated(repeated: readonly Repeated[]): string[] {
  return [
    ...told(
      "keys have no definite answer",
      repeated.filter(({ again }) => again === null).map(({ key }) => key),
    ),
    ...told(
      "keys were answered otherwise when they were asked again",
      repeated
        .filter(({ first, again }) => first !== null && again !== null && first !== again)
        .map(({ key, first, again }) => `${key} ${first} | ${again}`),
    ),
  ];
}

/** One key that many have used at once: each definite answer, and how often it was done. */
export type Contended = Readonly<{
  key: string;
  answers: readonly (string | null)[];
  effects: number;
  /** 0 for what must be refused. */
  effects_due: number;
}>;

/** Each key has exactly its effect, and all who used it were told the same, byte by byte. */
export function judgeContended(keys: readonly Contended[]): string[] {
  if (keys.length === 0) return ["no key was contended for"];
  return told(
    "contended keys are wrong",
    keys.flatMap(({ key, answers, effects, effects_due }) => {
      const different = new Set(answers);
      return [
        ...(effects === effects_due ? [] : [`${key} has ${effects} effects, not ${effects_due}`]),
        ...(answers.length === 0 || different.has(null) ? [`${key} was not answered definitely`] : []),
        ...(different.size > 1 ? [`${key} was answered in ${different.size} ways`] : []),
      ];
    }),
  );
}

/** What reads after acknowledged transfers have shown. */
export type Pairs = Readonly<{ right: number; old: readonly string[]; unanswered: number }>;

/** None was old, and there were as many as wanted. */
export function judgePairs({ right, old }: Pairs, wanted: number): string[] {
  return [
    ...told("balances were not what the transfer before had left", old),
    ...(right + old.length >= wanted
      ? []
      : [`only ${right + old.length} balances were read, ${wanted} are wanted`]),
  ];
}
