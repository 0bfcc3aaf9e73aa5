import { between, pick } from "../../cache/chaos/random.ts";
import type { Person } from "../fixtures.ts";
import { add, moves, ownAgentOf, type SentVisit, type World } from "./world.ts";

type Collected = { place: number; is_new: boolean; collection_id: string | null; refusal: string | null };

/** Where online payments are made. */
const checkouts = JSON.stringify({ transfer: { provider: "sample", url: "https://pay.example/{id}" } });

/** Sends one visit or a batch of them, some of them again, and remembers what was booked. @returns one outcome a visit */
export async function collect(world: World): Promise<string[]> {
  const { sql, business, random } = world;
  const by = pick(random, world.collectors);
  const visits = Array.from({ length: random() < 0.5 ? 1 : between(random, 2, 8) }, () => visitOf(world, by));
  const items = JSON.stringify(visits.map(({ item }) => item));
  const rows: Collected[] = await sql`select c.place, c.is_new, c.collection_id, c.refusal
    from unnest(savings.collect(${business.id}, ${by.member_id}, null, ${ownAgentOf(by)}::uuid, ${items}::text::jsonb,
      ${checkouts}::text::jsonb)) c
    order by c.place`;
  for (const { place, is_new } of rows) {
    const visit = visits[place - 1];
    if (!is_new || visit === undefined) continue;
    world.sent.push(visit);
    if (visit.item["method"] === "cash") book(world, visit);
  }
  const cash = world.cash.get(by.member_id) ?? 0;
  const took = rows.some(({ is_new, place }) => is_new && visits[place - 1]?.item["method"] === "cash");
  if (took && world.ceiling !== null && cash > world.ceiling)
    throw new Error(`${by.role} took cash and has ${cash} in hand, above ${world.ceiling}`);
  return rows.map(({ is_new, refusal }) => refusal ?? (is_new ? "done" : "known"));
}

function book(world: World, { account_id, amount, by, item }: SentVisit): void {
  const account = world.accounts.get(account_id);
  if (account === undefined) throw new Error(`a visit of account ${account_id}, which nobody opened`);
  account.collected += amount;
  account.markings += (item["count"] as number | undefined) ?? (item["amounts"] as number[]).length;
  if (item["method"] === "cash") add(world.cash, by.member_id, amount);
}

/** A visit that somebody sends: most of them new, some again, some again with other contents, some too late. */
function visitOf(world: World, by: Person): SentVisit {
  const { random } = world;
  const before = world.sent.filter((visit) => visit.by === by);
  if (before.length > 0 && random() < 0.08) {
    const again = pick(random, before.slice(-20));
    const other = random() < 0.3 ? { count: 9, amounts: undefined } : {};
    return { ...again, item: { ...again.item, id: Bun.randomUUIDv7(), ...other } };
  }
  const account_id = pick(random, [...world.accounts.keys()].slice(-14));
  const account = world.accounts.get(account_id);
  const count = random() < 0.7 ? 1 : between(random, 2, 7);
  const amounts =
    account?.flexible === true && random() < 0.6
      ? Array.from({ length: count }, () => between(random, 1, 60) * 5)
      : undefined;
  const is_cash = random() < 0.8;
  const age_days = random() < 0.7 ? 0 : between(random, 0, 7);
  const item = {
    id: Bun.randomUUIDv7(),
    savings_account_id: account_id,
    ...(amounts === undefined ? { count } : { amounts }),
    method: is_cash ? "cash" : "transfer",
    client_ref: crypto.randomUUID(),
    collected_at: new Date(Date.now() - age_days * 86_400_000 - 1_000).toISOString(),
  };
  const amount = amounts?.reduce((sum, one) => sum + one, 0) ?? count * (account?.marking_amount ?? 0);
  return { by, item, account_id, amount };
}

/** The money of an online payment comes: what the provider's event does. */
export async function confirmOnline(world: World): Promise<string[]> {
  const { sql, business, random } = world;
  const recorded: { id: string; amount: number; savings_account_id: string; markings: number }[] =
    await sql`select id, amount::int, savings_account_id, markings::int from savings.collections
      where business_id = ${business.id} and status = 'recorded' order by collected_at, receipt_no limit 20`;
  if (recorded.length === 0) return ["nothing"];
  const { id, amount, savings_account_id, markings } = pick(random, recorded);
  const refusal = await sql.begin(async (tx) => {
    const [row] = await tx`select savings.fill_slots(${business.id}, ${id}) as refusal`;
    if (row.refusal !== null) return row.refusal as string;
    const legs = [
      { account_id: null, side: "debit", amount },
      { account_id: savings_account_id, side: "credit", amount },
    ];
    await tx`select ledger.post(ledger.posting_of(${business.id}, ${id}, 'single', 'savings.collection'),
      jsonb_set(${JSON.stringify(legs)}::text::jsonb, '{0,account_id}',
        to_jsonb(ledger.house_account(${business.id}, 'clearing:sample', 'asset', 'NGN', 16))))`;
    return null;
  });
  const account = world.accounts.get(savings_account_id);
  if (refusal === null && account !== undefined) {
    account.collected += amount;
    account.markings += markings;
  }
  return [refusal ?? "done"];
}

/** Undoes a visit. */
export async function reverse(world: World): Promise<string[]> {
  const { sql, business, random } = world;
  const rows: {
    id: string;
    version: number;
    agent_id: string;
    account_id: string;
    amount: number;
    markings: number;
    is_booked: boolean;
    is_in_hand: boolean;
  }[] =
    await sql`select c.id, c.version, c.agent_id, c.savings_account_id as account_id, c.amount::int, c.markings::int,
      c.status = 'confirmed' as is_booked, coalesce(r.status <> 'confirmed', false) as is_in_hand
    from savings.collections c left join savings.remittances r on r.business_id = c.business_id and r.id = c.remittance_id
    where c.business_id = ${business.id} order by c.created_at desc, c.receipt_no limit 25`;
  if (rows.length === 0) return ["nothing"];
  const row = pick(random, rows);
  const by = pick(random, [...world.staff, ...world.collectors]);
  const [done] = await sql`select (c.c).status from (
      select savings.reverse_collection(${business.id}, ${by.member_id}, ${ownAgentOf(by)}::uuid, ${by.role}, ${row.id},
        ${row.version}, ${moves.collections}::text::jsonb, 'Wrong card', ${Bun.randomUUIDv7()}) as c) c`;
  if (done.status === null) return ["not seen"];
  const account = world.accounts.get(row.account_id);
  if (row.is_booked && account !== undefined) {
    account.collected -= row.amount;
    account.markings -= row.markings;
    if (row.is_in_hand) add(world.cash, row.agent_id, -row.amount);
  }
  return ["done"];
}
