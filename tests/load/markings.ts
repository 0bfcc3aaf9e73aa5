import { makeProduct, openSavings } from "../helpers/savings.ts";
import { type Bench, median, startBench } from "./bench.ts";
import { saturate } from "./closed-loop.ts";
import { postRequest, requireOnly } from "./requests.ts";

const accounts = 500;
const clients = 6;
const batch_items = 500;
const rounds = 3;
/** What the issue of savings asks for. */
const floor = 5;

/**
 * Markings that single calls book in a second beside those that batches of 500 do, of one agent, over HTTP with everything
 * on, in turns; and what the database takes for one batch.
 *
 * @returns whether the floor holds
 */
export async function measureMarkings({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const bench = await startBench(started, { DB_WRITE_MAX: "4" });
    const ids = await openAccounts(bench);
    print(`${accounts} accounts of one agent, ${clients} connections`);
    await book(bench, () => single(bench, ids), { seconds: 2, status: "201", markings: 1 });
    const ratios: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const ones = await book(bench, () => single(bench, ids), { seconds, status: "201", markings: 1 });
      const many = await book(bench, () => batch(bench, ids), {
        seconds,
        status: "200",
        markings: batch_items,
      });
      ratios.push(many.per_second / ones.per_second);
      print(`round ${round}: single ${ones.text}; batches ${many.text}; ratio ${ratios.at(-1)?.toFixed(2)}`);
    }
    await requireBooked(bench);
    const ratio = median(ratios);
    print(`markings in batches of ${batch_items} vs single ones: ${ratio.toFixed(2)} (floor ${floor})`);
    return ratio >= floor;
  } finally {
    await started.disposeAsync();
  }
}

async function openAccounts({ sql, business }: Bench): Promise<string[]> {
  const agent_id = business.people.owner.member_id;
  // So many slots that a run does not fill them.
  const product_id = await makeProduct(sql, business, { cycle_markings: 366 });
  const ids: string[] = [];
  for (let n = 0; n < accounts; n += 1) {
    const opened = await openSavings(sql, business, {
      product_id,
      agent_id,
      cycles: 10,
      marking_amount: 100,
    });
    ids.push(opened.savings_account_id);
  }
  await sql.unsafe("vacuum analyze");
  return ids;
}

const visit = () => ({
  count: 1,
  method: "cash",
  client_ref: crypto.randomUUID(),
  collected_at: new Date(Date.now() - 1_000).toISOString(),
});

const single = ({ token }: Bench, ids: readonly string[]): string =>
  postRequest(`/api/v1/savings/${ids[Math.floor(Math.random() * ids.length)]}/markings`, token, visit());

const batch = ({ token }: Bench, ids: readonly string[]): string =>
  postRequest("/api/v1/collections/batch", token, {
    atomic: false,
    items: ids.map((savings_account_id) => ({ savings_account_id, ...visit() })),
  });

type Load = Readonly<{ seconds: number; status: string; markings: number }>;

/** `per_second`: markings. */
async function book({ api }: Bench, request: () => string, { seconds, status, markings }: Load) {
  const result = await saturate({
    hostname: "127.0.0.1",
    port: api.port,
    requests: request,
    connections: clients,
    warmup_ms: 500,
    duration_ms: seconds * 1_000,
  });
  requireOnly(status, result);
  const per_second = result.per_second * markings;
  const { p50_ms, p99_ms } = result;
  return {
    per_second,
    text: `${per_second.toFixed(0)}/s (p50 ${p50_ms.toFixed(1)}, p99 ${p99_ms.toFixed(1)} ms)`,
  };
}

/** Whatever was booked is in the accounts, the slots, the ledger and the agent's hands. */
async function requireBooked({ sql, business_id }: Bench): Promise<void> {
  const [row] =
    await sql`select (select sum(amount) from savings.markings where business_id = ${business_id}) as slots,
      (select sum(amount) from savings.collections where business_id = ${business_id}) as visits,
      (select sum(collected) from savings.accounts where business_id = ${business_id}) as accounts,
      (select sum(posted) from ledger.account_balances where business_id = ${business_id} and code like 'agent:%:cash') as cash`;
  const sums = Object.values(row as Record<string, unknown>).map(String);
  if (new Set(sums).size !== 1) throw new Error(`what was booked differs: ${JSON.stringify(row)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
