import type { SQL } from "bun";
import { rollovers } from "../../../src/platform/enums.ts";
import { Random } from "../../../src/seed/random.ts";
import { makeBusiness } from "../fixtures.ts";
import { type BudgetWorld, type MonthFigures, monthOf } from "./months.ts";

const months = 26;
const first_month = "2024-01";

/** A budget in the database, and the same as the model knows it. */
type Made = Readonly<{ id: string; world: BudgetWorld }>;
type Episode = Readonly<{ sql: SQL; business_id: string; owner_id: string; random: Random }>;

/** The month so many after the first, as its first day. */
const dayOf = (month: number): string =>
  `${2024 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}-01`;

/**
 * Compares random budgets, month by month, with the model of months.ts, until so many months were compared: all kinds of rollover,
 * both modes, hidden groups and categories, gaps, debts, refunds, money that is planned twice, holds that a person set.
 *
 * @returns how many months of categories there were of each kind of rollover
 * @throws {Error} with the first month that is another one
 */
export async function compareMonths(
  sql: SQL,
  options: { seed: number; months: number; say?: (line: string) => void },
): Promise<ReadonlyMap<string, number>> {
  const code = `M${String(performance.now()).replace(/\D/g, "").slice(-9)}`;
  const business = await makeBusiness(sql, { code, timezone: "Africa/Lagos", currency: "NGN" });
  const owner_id = business.people.owner.user_id;
  const seen = new Map<string, number>();
  await sql.unsafe("set app.import = 'on'");
  for (let [done, stream] = [0, 0]; done < options.months; stream += 1) {
    const random = new Random(options.seed, stream);
    const episode: Episode = { sql, business_id: business.id, owner_id, random };
    const made = await makeBudget(episode);
    done += await compareBudget(episode, made, `seed ${options.seed}, budget ${stream}`);
    for (const { rollover } of made.world.categories) seen.set(rollover, (seen.get(rollover) ?? 0) + months);
    await sql`select budget.recount(${business.id}, ${made.id})`;
    if (stream % 100 === 99) options.say?.(`${done} months of ${stream + 1} budgets`);
  }
  return seen;
}

async function compareBudget(
  { sql, business_id, random }: Episode,
  { id, world }: Made,
  name: string,
): Promise<number> {
  // Sometimes from the middle on: what was before must not matter to how it is read.
  const from = random.chance(0.3) ? random.below(months) : 0;
  const rows: { body: unknown }[] = await sql`select m.body from budget.month_bodies(${business_id}, ${id},
    ${dayOf(from)}::date, ${dayOf(months - 1)}::date) m order by m.month`;
  for (const [place, { body }] of rows.entries()) {
    const right = monthOf(world, from + place);
    const found = figuresOf(body as MonthFigures);
    if (!Bun.deepEquals(found, right)) {
      throw new Error(
        `${name}, ${dayOf(from + place)}: ${JSON.stringify(found)} is to be ${JSON.stringify(right)}`,
      );
    }
    if (right.proof !== null && right.proof.cash !== right.proof.parts)
      throw new Error(`${name}: the model itself does not add up: ${JSON.stringify(right.proof)}`);
  }
  const [{ drift }] =
    await sql`select count(*)::int as drift from budget.roll_up_drift(${business_id}) where budget_id = ${id}`;
  if (drift !== 0) throw new Error(`${name}: ${drift} months of the roll-up are wrong`);
  return rows.length;
}

/** The figures of an answer, without what it says besides. */
function figuresOf(body: MonthFigures): MonthFigures {
  const {
    income,
    planned,
    activity,
    balance,
    uncategorized,
    held,
    last_month_overspent,
    available_funds,
    to_budget,
    proof,
  } = body;
  const groups = body.groups.map((group) => ({
    id: group.id,
    target_amount: group.target_amount,
    planned: group.planned,
    activity: group.activity,
    spent: group.spent,
    remaining: group.remaining,
    balance: group.balance,
    categories: group.categories.map((category) => ({
      id: category.id,
      planned: category.planned,
      activity: category.activity,
      carry_in: category.carry_in,
      balance: category.balance,
    })),
  }));
  const sums = {
    income,
    planned,
    activity,
    balance,
    uncategorized,
    held,
    last_month_overspent,
    available_funds,
    to_budget,
  };
  return { ...sums, groups, proof };
}

async function makeBudget({ sql, business_id, owner_id, random }: Episode): Promise<Made> {
  const id = Bun.randomUUIDv7();
  const world = randomWorld(random);
  await sql`insert into budget.budgets (business_id, id, owner_id, name, mode, currency, timezone, first_month)
    values (${business_id}, ${id}, ${owner_id}, 'Random', ${world.mode}, 'NGN', 'UTC', ${`${first_month}-01`})`;
  const insert = (table: string, columns: string, rows: readonly object[]) =>
    sql.unsafe(
      `insert into budget.${table} (business_id, budget_id, ${columns})
      select $1::uuid, $2::uuid, ${columns} from json_populate_recordset(null::budget.${table}, $3::text::json)`,
      [business_id, id, JSON.stringify(rows)],
    );
  await insert(
    "category_groups",
    "id, name, is_income, hidden, target_bps, sort",
    world.groups.map((group, sort) => ({ ...group, name: `G${sort}`, sort })),
  );
  await insert(
    "categories",
    "id, group_id, name, rollover, hidden, sort",
    world.categories.map((category, sort) => ({ ...category, name: `C${sort}`, sort })),
  );
  await insert(
    "allocations",
    "category_id, month, planned",
    world.plans.map((plan) => ({ ...plan, month: dayOf(plan.month) })),
  );
  await insert(
    "transactions",
    "id, category_id, amount, occurred_on, deleted_at",
    world.transactions.map(({ category_id, amount, month, deleted }) => ({
      id: Bun.randomUUIDv7(),
      category_id,
      amount,
      occurred_on: dayOf(month),
      deleted_at: deleted ? "2026-01-01" : null,
    })),
  );
  for (const [month, held] of world.holds)
    await sql`insert into budget.month_holds (business_id, budget_id, month, held) values (${business_id}, ${id}, ${dayOf(month)}, ${held})`;
  return { id, world };
}

function randomWorld(random: Random): BudgetWorld {
  const chance = (of: number): boolean => random.chance(of);
  const between = (least: number, most: number): number => random.between(least, most);
  const groups = Array.from({ length: between(2, 5) }, (_, place) => ({
    id: Bun.randomUUIDv7(),
    is_income: place === 0 || (place > 1 && chance(0.15)),
    hidden: chance(0.15),
    target_bps: 0,
  })).map((group) => (group.is_income || chance(0.2) ? group : { ...group, target_bps: between(1, 4_000) }));
  const categories = groups.flatMap(({ id: group_id }) =>
    Array.from({ length: between(0, 4) }, () => ({
      id: Bun.randomUUIDv7(),
      group_id,
      rollover: random.pick(rollovers),
      hidden: chance(0.15),
    })),
  );
  const ofIncome = new Set(groups.filter(({ is_income }) => is_income).map(({ id }) => id));
  const busy = between(1, 9) / 10;
  const plans: BudgetWorld["plans"][number][] = [];
  const transactions: BudgetWorld["transactions"][number][] = [];
  const pay = (category_id: string | null, month: number, amount: number) => {
    if (amount !== 0) transactions.push({ category_id, month, amount, deleted: chance(0.05) });
  };
  for (let month = 0; month < months + 3; month += 1) {
    for (const { id, group_id } of categories) {
      const is_income = ofIncome.has(group_id);
      if (!is_income && chance(busy))
        plans.push({ category_id: id, month, planned: chance(0.1) ? -between(1, 500) : between(0, 900) });
      for (let n = between(0, 2); n > 0; n -= 1)
        if (chance(busy)) pay(id, month, is_income ? between(-200, 3_000) : between(-900, 250));
    }
    if (chance(0.2)) pay(null, month, between(-400, 400));
  }
  const holds = new Map(
    Array.from({ length: between(0, 4) }, () => [random.below(months), between(0, 2_000)] as const),
  );
  return { mode: chance(0.15) ? "tracking" : "envelope", groups, categories, plans, transactions, holds };
}
