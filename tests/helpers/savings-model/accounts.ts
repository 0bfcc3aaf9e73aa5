import { between, pick } from "../../cache/chaos/random.ts";
import type { PaymentRequestAction } from "../../../src/savings/payment-request-moves.ts";
import { moves, ownAgentOf, type World } from "./world.ts";

type Picked = { id: string; version: number };
type PickedAccount = Picked & { customer_id: string };

/** Opens an account of a customer, which is refused where one of the product is active. */
export async function open(world: World): Promise<string[]> {
  const { sql, business, random } = world;
  const { id: product_id, flexible } = pick(random, world.products);
  const id = Bun.randomUUIDv7();
  const marking_amount = between(random, 1, 20) * 10;
  await sql`select savings.open_account(${business.id}, ${id}, ${product_id}, ${pick(random, world.customers)},
    ${pick(random, world.collectors).member_id}, ${marking_amount}::bigint, ${between(random, 1, 2)},
    core.business_today(${business.id}) - ${between(random, 0, 20)}::int)`;
  world.accounts.set(id, { marking_amount, flexible, collected: 0, markings: 0 });
  return ["done"];
}

async function pickAccount({ sql, business, random }: World): Promise<PickedAccount | undefined> {
  const rows: PickedAccount[] =
    await sql`select id, version, customer_id from savings.accounts where business_id = ${business.id}
    order by created_at desc, id desc limit 14`;
  return rows.length === 0 ? undefined : pick(random, rows);
}

/** Closes or extends an account. */
export async function move(world: World, action: "close" | "extend"): Promise<string[]> {
  const account = await pickAccount(world);
  if (account === undefined) return ["nothing"];
  const by = pick(world.random, world.collectors);
  const [done] = await world.sql`select (a.a).id from (
      select savings.move_account(${world.business.id}, ${account.id}, null, ${ownAgentOf(by)}::uuid, ${account.version},
        ${moves.accounts}::text::jsonb, ${action}, 'Asked for', 1) as a) a`;
  return [done.id === null ? "not seen" : "done"];
}

/** Opens the next run of an account. */
export async function renew(world: World): Promise<string[]> {
  const account = await pickAccount(world);
  if (account === undefined) return ["nothing"];
  const [row] = await world.sql`select (a.a).id, (a.a).marking_amount::int, (a.a).flexible_amount from (
      select savings.renew_account(${world.business.id}, ${account.id}, null, null, ${account.version},
        ${moves.accounts}::text::jsonb, ${Bun.randomUUIDv7()}, '{}') as a) a`;
  const { id, marking_amount, flexible_amount: flexible } = row;
  world.accounts.set(id, { marking_amount, flexible, collected: 0, markings: 0 });
  return ["done"];
}

/** Gives an account another agent. */
export async function reassign(world: World): Promise<string[]> {
  const account = await pickAccount(world);
  if (account === undefined) return ["nothing"];
  const patch = JSON.stringify({ agent_id: pick(world.random, world.collectors).member_id });
  await world.sql`select savings.update_account(${world.business.id}, ${account.id}, ${patch}::text::jsonb,
    ${account.version})`;
  return ["done"];
}

/** Asks for what an account has saved. */
export async function request(world: World): Promise<string[]> {
  const account = await pickAccount(world);
  if (account === undefined) return ["nothing"];
  const by = pick(world.random, world.collectors);
  const how =
    world.random() < 0.6 ? { method: "cash" } : { method: "bank", destination_id: account.customer_id };
  const given = JSON.stringify({ savings_account_id: account.id, ...how });
  await world.sql`select savings.request_payment(${world.business.id}, ${by.user_id}, null, ${ownAgentOf(by)}::uuid,
    ${Bun.randomUUIDv7()}, ${given}::text::jsonb)`;
  return ["done"];
}

/** Moves a payment request. Those that have ended are tried now and then. */
export async function moveRequest(world: World, action: PaymentRequestAction): Promise<string[]> {
  const { sql, business, random } = world;
  const rows: (Picked & { requested_by: string })[] =
    await sql`select id, version, requested_by from savings.payment_requests
    where business_id = ${business.id} and (status in ('pending', 'approved', 'paying', 'failed') or ${random() < 0.05})
    order by created_at, id limit 20`;
  if (rows.length === 0) return ["nothing"];
  const { id, version, requested_by } = pick(random, rows);
  const asker = world.collectors.find(({ user_id }) => user_id === requested_by);
  const by = action === "cancel" && asker !== undefined ? asker : pick(random, world.staff);
  const given = JSON.stringify({
    ...(action === "fail" ? { failure_code: "closed" } : { reason: "Decided" }),
    ...(action === "pay" && random() < 0.5 ? { provider_ref: `P-${id.slice(-12)}` } : {}),
  });
  const [done] =
    await sql`select m.version from savings.move_payment_request(${business.id}, ${by.user_id}, null,
    ${ownAgentOf(by)}::uuid, ${by.role}, ${id}, ${version}, ${action}, ${moves.payment_requests}::text::jsonb,
    ${given}::text::jsonb, ${Bun.randomUUIDv7()}) m`;
  return [done === undefined ? "not seen" : "done"];
}
