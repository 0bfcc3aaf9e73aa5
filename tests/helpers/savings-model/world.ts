import type { SQL } from "bun";
import { collectionMoves } from "../../../src/savings/collection-moves.ts";
import { expenseMoves } from "../../../src/savings/expense-moves.ts";
import { accountMoves } from "../../../src/savings/accounts-moves.ts";
import { paymentRequestMoves } from "../../../src/savings/payment-request-moves.ts";
import { remittanceMoves } from "../../../src/savings/remittance-moves.ts";
import { refusals } from "../../../src/http/refusals.ts";
import { makeCustomer } from "../bank.ts";
import { type Business, makeBusiness, type Person } from "../fixtures.ts";
import { makeProduct } from "../savings.ts";

/** The moves as the application hands them to the database. */
export const moves = {
  accounts: JSON.stringify(accountMoves),
  collections: JSON.stringify(collectionMoves),
  expenses: JSON.stringify(expenseMoves),
  payment_requests: JSON.stringify(paymentRequestMoves),
  remittances: JSON.stringify(remittanceMoves),
} as const;

/** What the model believes of an account: what was collected on it and stands, minor units. */
export type ModelAccount = { marking_amount: number; flexible: boolean; collected: number; markings: number };

/** A visit as it was sent, to be sent again. */
export type SentVisit = Readonly<{
  by: Person;
  item: Record<string, unknown>;
  account_id: string;
  amount: number;
}>;

/**
 * A business whose savings are moved at random, and a plain model of it: sums in maps, changed by what was answered, never
 * read from the tables that it is held against. Amounts in minor units.
 */
export type World = {
  readonly sql: SQL;
  readonly business: Business;
  readonly random: () => number;
  readonly products: readonly { id: string; flexible: boolean }[];
  readonly customers: readonly string[];
  readonly staff: readonly Person[];
  readonly collectors: readonly Person[];
  readonly accounts: Map<string, ModelAccount>;
  /** Cash in each member's hand. */
  readonly cash: Map<string, number>;
  readonly sent: SentVisit[];
  ceiling: number | null;
};

/** A random code of a business, so that a database holds many. */
const codeOf = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => "ABCDEFGHIJKLMNOP"[byte % 16]).join("");

/** Makes a business with a product of every rule, four customers, and a ceiling on cash. */
export async function makeWorld(sql: SQL, random: () => number): Promise<World> {
  const business = await makeBusiness(sql, { code: codeOf(), timezone: "Africa/Lagos", currency: "NGN" });
  const terms = [
    { cycle_markings: 4, parent_share_bps: 2_500, agent_share_bps: 6_000 },
    { cycle_markings: 3, auto_renew: true, commission_rule: "percent", commission_bps: 333 },
    { cycle_markings: 5, flexible_amount: true, commission_rule: "average_marking", min_marking_amount: 5 },
    {
      cycle_markings: 6,
      commission_rule: "flat_per_cycle",
      commission_flat: 7,
      early_fee_bps: 300,
      early_fee_months: 2,
    },
  ];
  const products = await Promise.all(
    terms.map(async (term) => ({
      id: await makeProduct(sql, business, { backdate_days: 5, ...term }),
      flexible: term.flexible_amount === true,
    })),
  );
  const customers = await Promise.all([1, 2, 3, 4].map(() => makeCustomer(sql, business)));
  // Where they are paid by a bank has the customer's id, so that nobody has to remember another.
  await sql`insert into savings.payment_destinations (business_id, id, customer_id, bank_name, account_number, account_name)
    select business_id, id, id, 'Bank', 'A' || upper(right(id::text, 12)), name from core.customers where business_id = ${business.id}`;
  const { owner, admin, manager, agent, sub_agent } = business.people;
  const world: World = {
    sql,
    business,
    random,
    products,
    customers,
    staff: [owner, admin, manager],
    collectors: [agent, agent, agent, sub_agent, manager],
    accounts: new Map(),
    cash: new Map(),
    sent: [],
    ceiling: null,
  };
  await setCeiling(world, 2_500);
  // Made when they are needed for the first time, which is nothing that a refusal leaves behind.
  for (const { member_id } of [owner, admin, manager, agent, sub_agent])
    await sql`select savings.agent(${business.id}, ${member_id})`;
  return world;
}

/** Says how much cash an agent may hold. */
export async function setCeiling(world: World, ceiling: number): Promise<void> {
  const { sql, business } = world;
  await sql`delete from core.settings where business_id = ${business.id} and key = 'savings.agent_cash_ceiling'`;
  await sql`insert into core.settings (business_id, key, value)
    values (${business.id}, 'savings.agent_cash_ceiling', ${String(ceiling)}::text::jsonb)`;
  world.ceiling = ceiling;
}

/** Whose rows a member sees, as `own_agent_id` of statements. */
export const ownAgentOf = ({ role, member_id }: Person): string | null =>
  role === "agent" || role === "sub_agent" ? member_id : null;

/** The name of what refused a statement; every name is one that the application has words for. */
export function refusalIn(error: unknown): string {
  const name =
    typeof error === "object" && error !== null && "constraint" in error ? String(error.constraint) : "";
  if (name in refusals) return name;
  throw error;
}

/** Adds to a figure of a map. */
export const add = (figures: Map<string, number>, key: string, amount: number): void =>
  void figures.set(key, (figures.get(key) ?? 0) + amount);
