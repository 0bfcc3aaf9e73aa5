import { seeded } from "../../cache/chaos/random.ts";
import { connect } from "../../helpers/database.ts";
import { startProgram } from "../../helpers/program.ts";
import { until } from "../../helpers/replicas.ts";
import { percentile } from "../fleet/record.ts";
import { BALANCE, type Bank, startBank, untilWell } from "./bank.ts";
import { breakEverything } from "./faults.ts";
import { judgeAnswers, judgeEffects, judgeLooks, judgePairs, judgeRepeated } from "./judges.ts";
import { effectsIn, lookAtLedger, proveLedger } from "./ledger.ts";
import { Watch } from "./looks.ts";
import { Mover } from "./mover.ts";
import { type Answered, claimsOf, isOpen } from "./movement.ts";
import { OneKey, ways } from "./one-key.ts";
import { PairReader } from "./pairs.ts";
import { settle } from "./settle.ts";

/** How much is done. */
type Form = Readonly<{
  faults_ms: number;
  per_second: number;
  keys: number;
  /** How often an answer is lost in each way. */
  losses: number;
  pairs: number;
  pairs_limit_ms: number;
}>;

/** Before anything breaks. */
const CALM_MS = 1_000;
/** What the first answers of new servers may take on a busy machine. */
const SLOW_MS = 30_000;
const PER_KEY = 200;
const FAULT_WORKERS = 2;
const PAIR_WORKERS = 8;
/** Two accounts each, and two for those who use one key. */
const OWN = 2 * (FAULT_WORKERS + PAIR_WORKERS) + 2;

const short: Form = {
  faults_ms: 5_000,
  per_second: 50,
  keys: 8,
  losses: 1,
  pairs: 300,
  pairs_limit_ms: 20_000,
};

const long = ({ minutes, keys, pairs }: LongForm): Form => ({
  faults_ms: minutes * 60_000,
  per_second: 80,
  keys,
  losses: 5,
  pairs,
  pairs_limit_ms: 900_000,
});

/** How long everything is broken, how many keys are contended for, how many balances are read. */
export type LongForm = Readonly<{ minutes: number; keys: number; pairs: number }>;

export type BankRunOptions = Readonly<{
  seed: number;
  /** Null: the short form. */
  form: LongForm | null;
  replicas?: number;
}>;

type Context = Readonly<{ bank: Bank; form: Form; seed: number; say: (line: string) => void }>;

/**
 * A bank on several replicas behind nginx: money moves while everything breaks at once (R9), one key is used by many and
 * answers are lost between commit and answer (R10), and balances are read on the replicas that did not write.
 *
 * @returns what did not hold
 */
export async function runBankChaos({ seed, form, replicas = 3 }: BankRunOptions): Promise<string[]> {
  const began_ms = performance.now();
  const say = (line: string): void =>
    void process.stdout.write(
      `${((performance.now() - began_ms) / 1_000).toFixed(1).padStart(6)} s ${line}\n`,
    );
  say(`seed ${seed}, ${replicas} replicas, ${form === null ? "short form" : `${form.minutes} minutes`}`);
  const bank = await startBank({ replicas, own: OWN });
  try {
    say(`${bank.accounts} accounts are open`);
    const context = { bank, form: form === null ? short : long(form), seed, say };
    const broken = await whileEverythingBreaks(context);
    const keys = await useOneKey(context);
    const pairs = await readPairs(context);
    for (const line of [...broken.wrong, ...pairs.wrong]) say(`wrong: ${line}`);
    const last = await proveAll(context, {
      answers: [...broken.answers, ...keys.answers, ...pairs.answers],
      keys,
    });
    return [...broken.wrong, ...pairs.wrong, ...last];
  } finally {
    await bank.stop();
  }
}

/** R9. */
async function whileEverythingBreaks({
  bank,
  form,
  seed,
  say,
}: Context): Promise<{ answers: Answered[]; wrong: string[] }> {
  const mover = new Mover(bank, { per_second: form.per_second, random: seeded(seed) });
  const watch = new Watch(bank);
  const pairs = new PairReader(bank, { workers: FAULT_WORKERS, balance: BALANCE, random: seeded(seed + 1) });
  for (const each of [mover, watch, pairs]) each.start();
  await Bun.sleep(CALM_MS);
  await until("money has moved", () => mover.answers.some(({ fate }) => fate.status === 201), SLOW_MS);
  const randoms = [2, 3, 4].map((more) => seeded(seed + more));
  // The last fault may take longer, and nothing but its end is waited for then.
  const [happened] = await Promise.all([
    breakEverything(bank, { duration_ms: form.faults_ms, randoms }),
    Bun.sleep(form.faults_ms).then(() => mover.stop()),
  ]);
  await untilWell(bank);
  await Promise.all([watch.stop(), pairs.stop()]);
  say(`R9 ${[...happened].map(([name, count]) => `${name} ×${count}`).join(", ")}`);
  say(`R9 ${describe(mover.answers)}; pairs meanwhile: ${describePairs(pairs)}`);
  await using sql = connect(bank.fleet.database_url);
  watch.looks.push(await lookAtLedger(sql, bank));
  say(`R9 ${watch.looks.length} looks at the whole ledger, ${watch.unanswered} not answered`);
  const before = [...mover.answers, ...pairs.answers];
  const unknown = judgeEffects(before, await effectsIn(sql, bank.business_id));
  const { repeated, settled } = await settle(bank, mover.answers);
  const open = repeated.filter(({ first }) => first === null).length;
  say(`R9 ${open} unknown outcomes asked for again, ${repeated.length - open} answers compared`);
  const expected = { total: bank.closed_total, accounts: bank.accounts, of: ["sql", ...bank.replicas] };
  return {
    answers: [...settled, ...pairs.answers],
    wrong: [
      ...judgeAnswers(before),
      ...judgeLooks(watch.looks, expected),
      ...unknown,
      ...judgeRepeated(repeated),
      ...judgePairs(pairs.pairs, 0),
    ].map((line) => `R9: ${line}`),
  };
}

/** R10. */
async function useOneKey({ bank, form, seed, say }: Context): Promise<OneKey> {
  const one_key = new OneKey(bank);
  const began_ms = performance.now();
  await one_key.contend({ keys: form.keys, per_key: PER_KEY });
  const per_second = (form.keys * PER_KEY) / ((performance.now() - began_ms) / 1_000);
  say(`R10 ${form.keys} keys, ${PER_KEY} at once each, ${per_second.toFixed(0)} answers/s`);
  const random = seeded(seed + 5);
  for (let round = 0; round < form.losses; round += 1)
    for (const way of ways) await one_key.lose(way, random);
  say(`R10 answers lost ${form.losses} times in each way: ${ways.join(", ")}`);
  return one_key;
}

async function readPairs({
  bank,
  form,
  seed,
  say,
}: Context): Promise<{ answers: Answered[]; wrong: string[] }> {
  const pairs = new PairReader(bank, { workers: PAIR_WORKERS, balance: BALANCE, random: seeded(seed + 6) });
  await pairs.read(form.pairs, form.pairs_limit_ms);
  say(`balances ${describePairs(pairs)}`);
  return {
    answers: pairs.answers,
    wrong: judgePairs(pairs.pairs, form.pairs).map((line) => `balances: ${line}`),
  };
}

/** Everything that was done, the balances, the entries, and what `verify` says of it all. */
async function proveAll(
  { bank, say }: Context,
  { answers, keys }: Readonly<{ answers: readonly Answered[]; keys: OneKey }>,
): Promise<string[]> {
  await using sql = connect(bank.fleet.database_url);
  const effects = await effectsIn(sql, bank.business_id);
  const look = await lookAtLedger(sql, bank);
  const expected = { total: bank.closed_total, accounts: bank.accounts, of: ["sql"] };
  const ledger = await proveLedger(sql, bank.business_id);
  say(`${effects.length} transfers in the bank, for ${answers.length} requests`);
  const verify = startProgram([process.execPath, "src/main.ts", "verify"], {
    DATABASE_URL: bank.fleet.database_url,
    JWT_SECRET: "a-secret-for-chaos-tests-of-at-least-32-bytes",
  });
  const code = await verify.exited;
  for (const line of verify.output().trim().split("\n")) say(`verify: ${line}`);
  return [
    ...keys.judge(effects).map((line) => `R10: ${line}`),
    ...judgeEffects(answers, effects),
    ...judgeLooks([look], expected),
    ...ledger,
    ...(code === 0 ? [] : ["verify does not pass"]),
  ].map((line) => `at the end: ${line}`);
}

function describe(answers: readonly Answered[]): string {
  const open = answers.filter(({ fate }) => isOpen(fate));
  const counts = new Map<string, number>();
  for (const { fate } of open) {
    const code = /"code":"(\w+)"/.exec(fate.body)?.[1] ?? "";
    const what = fate.failure ?? `${fate.status} ${code}`.trim();
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const refused = answers.filter((answer) => claimsOf(answer)?.every(({ is_posted }) => !is_posted)).length;
  const times = answers.flatMap((answer) => (claimsOf(answer) === null ? [] : [answer.fate.answered_ms]));
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(times, share).toFixed(0));
  const unknown = [...counts].map(([what, count]) => `${what} ×${count}`).join(", ");
  return (
    `${answers.length} requests: ${answers.length - open.length - refused} acknowledged, ${refused} refused ` +
    `(p50 ${p50}, p99 ${p99} ms), ` +
    `${open.length} unknown (${unknown})`
  );
}

const describePairs = ({ pairs: { right, old, unanswered } }: PairReader): string =>
  `${right} read as left by the transfer before, ${old.length} not, ${unanswered} not answered`;
