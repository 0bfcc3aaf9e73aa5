import type { SQL } from "bun";
import { pick, seeded } from "../../cache/chaos/random.ts";
import * as accounts from "./accounts.ts";
import * as cash from "./cash.ts";
import * as visits from "./visits.ts";
import { makeWorld, refusalIn, type World } from "./world.ts";

/** How far a run goes, and how closely it looks. */
export type SavingsRun = Readonly<{
  seed: number;
  /** Actions altogether. */
  steps: number;
  /** Actions in one business. */
  per_episode: number;
  /** All that must hold is proven after so many actions. */
  verify_every: number;
  say?: (line: string) => void;
}>;

/** What a run met: how often each outcome, by `action: outcome`. */
export type Met = Map<string, number>;

type Action = readonly [name: string, weight: number, act: (world: World) => Promise<string[]>];

const actions: readonly Action[] = [
  ["open", 9, accounts.open],
  ["collect", 34, visits.collect],
  ["confirm online", 5, visits.confirmOnline],
  ["reverse", 9, visits.reverse],
  ["submit", 6, (world) => cash.moveRemittance(world, "submit")],
  ["dispute", 2, (world) => cash.moveRemittance(world, "dispute")],
  ["confirm", 8, (world) => cash.moveRemittance(world, "confirm")],
  ["record expense", 4, cash.recordExpense],
  ["decide expense", 5, cash.decideExpense],
  ["settle", 2, cash.settleCommissions],
  ["change ceiling", 1, cash.changeCeiling],
  ["request", 7, accounts.request],
  ["approve", 7, (world) => accounts.moveRequest(world, "approve")],
  ["reject", 2, (world) => accounts.moveRequest(world, "reject")],
  ["cancel", 2, (world) => accounts.moveRequest(world, "cancel")],
  ["pay", 8, (world) => accounts.moveRequest(world, "pay")],
  ["fail", 2, (world) => accounts.moveRequest(world, "fail")],
  ["close", 2, (world) => accounts.move(world, "close")],
  ["extend", 2, (world) => accounts.move(world, "extend")],
  ["renew", 5, accounts.renew],
  ["reassign", 2, accounts.reassign],
];
const drawn: readonly Action[] = actions.flatMap((action) => Array.from({ length: action[1] }, () => action));

/**
 * Does random things to the savings of one business after the other, as everybody who may and may not: what is done is what
 * the model says, what is refused leaves nothing behind, and after it all that must hold holds.
 *
 * @throws Error that names the seed, the episode and the action
 */
export async function runSavings(sql: SQL, { seed, steps, say, ...rest }: SavingsRun): Promise<Met> {
  const met: Met = new Map();
  let done = 0;
  for (let episode = 0; done < steps; episode += 1) {
    const of = Math.min(rest.per_episode, steps - done);
    await runEpisode(sql, seeded(seed + episode), met, { steps: of, verify_every: rest.verify_every }).catch(
      (error: unknown) => {
        throw new Error(`seed ${seed}, episode ${episode}: ${String(error)}`, { cause: error });
      },
    );
    done += of;
    if (episode % 10 === 9) say?.(`${done} actions`);
  }
  return met;
}

async function runEpisode(
  sql: SQL,
  random: () => number,
  met: Met,
  { steps, verify_every }: { steps: number; verify_every: number },
): Promise<void> {
  const world = await makeWorld(sql, random);
  for (let opened = 0; opened < 6; opened += 1) await accounts.open(world).catch(refusalIn);
  let before = "";
  for (let step = 1; step <= steps; step += 1) {
    const [name, , act] = pick(random, drawn);
    before = await fingerprint(world);
    const outcomes = await act(world).catch((error: unknown) => [refusalIn(error)]);
    for (const outcome of outcomes) met.set(`${name}: ${outcome}`, (met.get(`${name}: ${outcome}`) ?? 0) + 1);
    if (!outcomes.includes("done") && (await fingerprint(world)) !== before)
      throw new Error(`step ${step}: ${name} was ${outcomes.join(", ")}, and left something behind`);
    if (step % verify_every === 0 || step === steps) {
      const wrong = await wrongIn(world);
      if (wrong.length > 0) throw new Error(`step ${step}, after ${name}: ${wrong.join("; ")}`);
    }
  }
}

/** Everything of the business that an action might leave behind, in a few words. */
async function fingerprint({ sql, business: { id } }: World): Promise<string> {
  const [row] = await sql`select concat_ws('/',
    (select concat(count(*), '+', sum(version), '+', sum(collected)) from savings.accounts where business_id = ${id}),
    (select concat(count(*), '+', sum(version)) from savings.collections where business_id = ${id}),
    (select concat(count(*), '+', count(reversed_at)) from savings.markings where business_id = ${id}),
    (select concat(count(*), '+', sum(version), '+', sum(expected)) from savings.remittances where business_id = ${id}),
    (select concat(count(*), '+', sum(version)) from savings.payment_requests where business_id = ${id}),
    (select concat(count(*), '+', sum(version)) from savings.expenses where business_id = ${id}),
    (select concat(count(*), '+', count(agent_settlement_id)) from savings.commissions where business_id = ${id}),
    (select sum(receipts) from savings.agents where business_id = ${id}),
    (select count(*) from core.notifications where business_id = ${id}),
    (select concat(count(*), '+', sum(version)) from ledger.balances where business_id = ${id}),
    (select count(*) from ledger.transactions where business_id = ${id})) as all`;
  return row.all as string;
}

/** What does not hold: the proofs of savings and of the ledger, the counters, and the model. */
async function wrongIn({ sql, business: { id }, accounts: known, cash: inHand }: World): Promise<string[]> {
  const proven: { part: string; broken: string }[] = await sql`
    select part, broken from savings.verify(${id}) union all select part, broken from ledger.verify(${id})
    union all select 'counters', concat_ws(' ', name, array_to_string(dimension, ','), kept, counted)
      from core.counter_drift(${id})`;
  const rows: { id: string; collected: number; markings: number }[] =
    await sql`select id, collected::int, markings_paid::int as markings from savings.accounts where business_id = ${id}`;
  const held: { id: string; cash: number }[] =
    await sql`select g.id, (b.posted_debit - b.posted_credit)::int as cash
    from savings.agents g join ledger.balances b on b.business_id = g.business_id and b.account_id = g.cash_id
    where g.business_id = ${id}`;
  return [
    ...proven.map(({ part, broken }) => `${part}: ${broken}`),
    ...(rows.length === known.size ? [] : [`${rows.length} accounts, the model has ${known.size}`]),
    ...rows.flatMap((row) => {
      const { collected, markings } = known.get(row.id) ?? {};
      return collected === row.collected && markings === row.markings
        ? []
        : [
            `account ${row.id} has ${row.markings} of ${row.collected}, the model ${markings} of ${collected}`,
          ];
    }),
    ...held.flatMap((row) => {
      const cash = inHand.get(row.id) ?? 0;
      return cash === row.cash ? [] : [`agent ${row.id} has ${row.cash} in hand, the model says ${cash}`];
    }),
  ];
}
