import { afterAll, beforeAll, expect, test } from "bun:test";
import { bankJobs } from "../../src/bank/background-jobs.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer, openAccount } from "../helpers/bank.ts";
import { kycOf } from "../helpers/kyc.ts";
import { until } from "../helpers/replicas.ts";

let api: TestApp;
let kyc: ReturnType<typeof kycOf>;
let compliance: string;

beforeAll(async () => {
  api = await startTestApp();
  kyc = kycOf(api);
  compliance = await api.token(api.alpha.people.compliance);
});
afterAll(() => api.stop());

const yesterday = () => api.sql`(now() at time zone 'Africa/Lagos')::date - 1`;

/** Runs the job as a server does, until nothing is left. */
async function runJob(): Promise<void> {
  const job = bankJobs(api.deps).find(({ name }) => name === "expire KYC");
  if (job === undefined) throw new Error("there is no such job");
  while (await job.run());
}

/** A customer of alpha, approved on these documents; and those by type. */
async function makeApproved(types: readonly string[], user_id: string | null = null) {
  const customer_id = await makeCustomer(api.sql, api.alpha, { user_id });
  const ids: Record<string, string> = {};
  for (const type of types) {
    const { id } = await kyc.sent(compliance, type, { customer_id });
    await kyc.approved(compliance, id);
    ids[type] = id;
  }
  await kyc.decided(compliance, { customer_id, decision: "approved", expires_on: "2099-12-31" });
  return { customer_id, ids };
}

const expireDocument = (id: string | undefined) =>
  api.sql`update bank.kyc_documents set expires_on = ${yesterday()} where id = ${id}`;

test("a document past its last day takes its level with it, at once also where it is cached", async () => {
  const { customer_id, ids } = await makeApproved(["passport", "utility_bill"]);
  const { account_id } = await openAccount(api.sql, api.alpha, { customer_id });
  const limit = async () =>
    Number((await api.sql`select daily_limit from bank.accounts where id = ${account_id}`)[0].daily_limit);
  const level = async () => (await kyc.status(compliance, customer_id)).level;
  const before = await limit();
  expect(await level()).toBe(2);
  await expireDocument(ids["utility_bill"]);
  await runJob();
  await until("the level is seen", async () => (await level()) === 1);
  expect(await limit()).toBeLessThan(before);
  const documents = await kyc.documents(compliance, customer_id);
  expect(documents.map(({ status, is_evidence }) => [status, is_evidence])).toEqual([
    ["expired", false],
    ["approved", true],
  ]);
  await expireDocument(ids["passport"]);
  await runJob();
  await until("nothing is left", async () => (await level()) === 0);
  expect((await kyc.status(compliance, customer_id)).status).toBe("expired");
});

test("another document of the level keeps it, and so does one that is superseded, to its own last day", async () => {
  const { customer_id, ids } = await makeApproved(["passport", "national_id", "utility_bill"]);
  await expireDocument(ids["national_id"]);
  await kyc.sent(compliance, "passport", { customer_id });
  await runJob();
  expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "approved", level: 2 });
  await expireDocument(ids["passport"]);
  await runJob();
  await api.forget();
  // What was sent meanwhile is the next review.
  expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "pending", level: 0 });
  const [passport] = await api.sql`select status::text, is_evidence from bank.kyc_documents
    where id = ${ids["passport"] ?? ""}`;
  expect(passport).toEqual({ status: "superseded", is_evidence: false });
});

test("an approval ends after its last day, the person is told once, and sends anew", async () => {
  const { user_id } = api.alpha.people.customer;
  const { customer_id } = await makeApproved(["passport", "utility_bill"], user_id);
  await api.sql`update bank.kyc_profiles set expires_on = ${yesterday()} where customer_id = ${customer_id}`;
  const [level] = await api.sql`select bank.kyc_level(${api.alpha.id}, ${customer_id})::int as level`;
  // Decisions do not wait for the job.
  expect(level).toEqual({ level: 0 });
  await Promise.all([runJob(), runJob(), runJob()]);
  await runJob();
  await api.forget();
  expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "expired", level: 0 });
  const told: { type: string }[] = await api.sql`select type from core.notifications
    where user_id = ${user_id} and type like 'kyc.e%'`;
  expect(told.map(({ type }) => type)).toEqual(["kyc.expired"]);
  await kyc.sent(compliance, "utility_bill", { customer_id });
  expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "pending" });
});

test("the day is that of the business, wherever the server is", async () => {
  const [days] = await api.sql`select (now() at time zone 'Pacific/Pago_Pago')::date::text as here`;
  const left: string[] = [];
  for (const [business, timezone] of [
    [api.alpha, "Pacific/Kiritimati"],
    [api.bravo, "Pacific/Pago_Pago"],
  ] as const) {
    await api.sql`update core.businesses set timezone = ${timezone} where id = ${business.id}`;
    const customer_id = await makeCustomer(api.sql, business);
    await api.sql`insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on)
      values (${business.id}, ${customer_id}, 'approved', 1, ${days.here}::date)`;
    left.push(customer_id);
  }
  await runJob();
  const rows: { status: string }[] = await api.sql`select status::text from bank.kyc_profiles
    where customer_id in (${left[0]}, ${left[1]}) order by status`;
  expect(rows.map(({ status }) => status)).toEqual(["approved", "expired"]);
});

test("a run takes a part, and says whether more of it waits", async () => {
  const { id } = api.bravo;
  for (let n = 0; n < 3; n += 1) {
    const customer_id = await makeCustomer(api.sql, api.bravo);
    await api.sql`insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on)
      values (${id}, ${customer_id}, 'approved', 1, '2001-01-01')`;
  }
  const part = async () => (await api.sql`select bank.expire_kyc(2) as n`)[0].n as number;
  expect([await part(), await part(), await part()]).toEqual([2, 1, 0]);
});
