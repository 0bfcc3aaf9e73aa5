import { between, pick } from "../../cache/chaos/random.ts";
import type { RemittanceAction } from "../../../src/savings/remittance-moves.ts";
import { add, moves, ownAgentOf, setCeiling, type World } from "./world.ts";

const categories = JSON.stringify(["transport", "airtime"]);

/** Moves a remittance by whoever comes along. */
export async function moveRemittance(world: World, action: RemittanceAction): Promise<string[]> {
  const { sql, business, random } = world;
  const rows: { id: string; version: number; agent_id: string; expected: number }[] =
    await sql`select id, version, agent_id, expected::int from savings.remittances
      where business_id = ${business.id} and (status <> 'confirmed' or ${random() < 0.05})
      order by created_at, no limit 30`;
  if (rows.length === 0) return ["nothing"];
  const { id, version, agent_id, expected } = pick(random, rows);
  const maker = [...world.collectors].find(({ member_id }) => member_id === agent_id);
  const by = action === "submit" && maker !== undefined && random() < 0.9 ? maker : pick(random, world.staff);
  const counted = random() < 0.6 ? expected : Math.max(0, expected + between(random, -50, 50));
  const given = action === "submit" ? { declared: expected } : { counted, note: "Counted" };
  const [done] = await sql`select r.status from savings.move_remittance(${business.id}, ${by.member_id},
    ${ownAgentOf(by)}::uuid, ${by.role}, ${id}, ${version}, ${action}, ${moves.remittances}::text::jsonb,
    ${JSON.stringify(given)}::text::jsonb, ${Bun.randomUUIDv7()}) r`;
  if (done === undefined) return ["not seen"];
  if (action === "confirm") add(world.cash, agent_id, -expected);
  return ["done"];
}

/** Records an expense of somebody. */
export async function recordExpense({ sql, business, random, collectors }: World): Promise<string[]> {
  const by = pick(random, collectors);
  const expense = {
    category: random() < 0.95 ? "transport" : "fines",
    amount: between(random, 1, 90),
    paid_from: random() < 0.7 ? "agent_cash" : "vault",
  };
  await sql`select savings.record_expense(${business.id}, ${by.user_id}, ${by.member_id}, ${Bun.randomUUIDv7()},
    ${JSON.stringify(expense)}::text::jsonb, ${categories}::text::jsonb)`;
  return ["done"];
}

/** Approves or rejects an expense, or tries to. */
export async function decideExpense(world: World): Promise<string[]> {
  const { sql, business, random } = world;
  const rows: { id: string; version: number; member_id: string; amount: number; paid_from: string }[] =
    await sql`select id, version, member_id, amount::int, paid_from::text from savings.expenses
      where business_id = ${business.id} and (status = 'recorded' or ${random() < 0.05}) order by created_at limit 20`;
  if (rows.length === 0) return ["nothing"];
  const { id, version, member_id, amount, paid_from } = pick(random, rows);
  const by = pick(random, world.staff);
  const action = random() < 0.8 ? "approve" : "reject";
  await sql`select savings.move_expense(${business.id}, ${by.user_id}, ${by.member_id}, null, ${by.role}, ${id}, ${version},
    ${action}, ${moves.expenses}::text::jsonb, '{"reason": "Decided"}'::jsonb, ${categories}::text::jsonb,
    ${Bun.randomUUIDv7()})`;
  if (action === "approve" && paid_from === "agent_cash") add(world.cash, member_id, -amount);
  return ["done"];
}

/** Pays an agent what they have earned. */
export async function settleCommissions({
  sql,
  business,
  random,
  staff,
  collectors,
}: World): Promise<string[]> {
  await sql`select savings.settle_commissions(${business.id}, ${pick(random, staff).member_id}, ${Bun.randomUUIDv7()},
    ${pick(random, collectors).member_id}, core.business_today(${business.id}))`;
  return ["done"];
}

/** More or less cash may be held from now on. */
export async function changeCeiling(world: World): Promise<string[]> {
  await setCeiling(world, between(world.random, 5, 60) * 100);
  return ["done"];
}
