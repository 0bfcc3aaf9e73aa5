import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";
import { budgetTables, type BudgetThings, makeBudgetThings } from "./things-budget.ts";
import { type BankThings, bankTables, makeBankThings } from "./things-bank.ts";
import { type ChatThings, chatTables, makeChatThings } from "./things-chat.ts";
import { makeSavingsThings, type SavingsThings, savingsTables } from "./things-savings.ts";
import { makeShopThings, type ShopThings, shopTables } from "./things-shop.ts";

/** One of everything in a business, each with a word in it that nobody else may ever read. */
export type Things = Readonly<{
  customer_id: string;
  machine_id: string;
  bank: BankThings;
  savings: SavingsThings;
  shop: ShopThings;
  budget: BudgetThings;
  chat: ChatThings;
  /** Another customer, who has sent documents to compliance. */
  applicant_id: string;
  canaries: readonly string[];
  /** The id to put into a route's `{id}`; throws for a route that has no thing here yet. */
  idOf(template: string): string;
  /** One row that changes when anything of the business ($1) changes. */
  fingerprintQuery: string;
}>;

/** Makes the things of a business, straight in the database. */
export async function makeThings(sql: SQL, business: Business): Promise<Things> {
  const canary = `canary-${crypto.randomUUID()}`;
  const b = business.id;
  const id = () => Bun.randomUUIDv7();
  const ids = {
    unit: id(),
    customer: id(),
    notification: id(),
    file: id(),
    session: id(),
    applicant: id(),
    document: id(),
    document_file: id(),
  };
  const owner = business.people.owner;
  await sql`insert into core.units (business_id, id, name) values (${b}, ${ids.unit}, ${canary})`;
  await sql`insert into core.customers (business_id, id, name, notes) values (${b}, ${ids.customer}, ${canary}, 'theirs')`;
  await sql`insert into core.notifications (business_id, id, user_id, type, title)
    values (${b}, ${ids.notification}, ${owner.user_id}, 'test', ${canary})`;
  await sql`insert into core.files (business_id, id, owner_user_id, sha256, size_bytes, mime, filename, storage_key)
    values (${b}, ${ids.file}, ${owner.user_id}, sha256('x'), 1, 'text/plain', ${canary}, ${canary})`;
  await sql`insert into core.sessions (id, user_id, active_business_id, user_agent, idle_expires_at, expires_at)
    values (${ids.session}, ${owner.user_id}, ${b}, ${canary}, now() + interval '1 day', now() + interval '1 day')`;
  await sql`insert into core.settings (business_id, key, value) values (${b}, 'shop.job_number', to_jsonb(${canary}::text))`;
  const shop = await makeShopThings(sql, business, { customer_id: ids.customer, canary });
  const bank = await makeBankThings(sql, business, { customer_id: ids.customer, canary });
  const budget = await makeBudgetThings(sql, business, { canary });
  const savings = await makeSavingsThings(sql, business, { customer_id: ids.customer, canary });
  const chat = await makeChatThings(sql, business, { canary });
  await sql`insert into core.customers (business_id, id, name) values (${b}, ${ids.applicant}, ${canary})`;
  await sql`insert into core.files (business_id, id, owner_user_id, sha256, size_bytes, mime, filename, storage_key, readers)
    values (${b}, ${ids.document_file}, null, sha256('d'), 1, 'image/png', ${canary}, ${ids.document_file}, '{compliance}')`;
  await sql`insert into bank.kyc_profiles (business_id, customer_id, status, submitted_at)
    values (${b}, ${ids.applicant}, 'pending', now())`;
  await sql`insert into bank.kyc_documents (business_id, id, customer_id, document_type, file_id)
    values (${b}, ${ids.document}, ${ids.applicant}, 'passport', ${ids.document_file})`;
  const byPath: Readonly<Record<string, string>> = {
    ...bank.byPath,
    ...savings.byPath,
    ...shop.byPath,
    ...budget.byPath,
    ...chat.byPath,
    "/api/v1/customers": ids.customer,
    "/api/v1/units": ids.unit,
    "/api/v1/members": business.people.clerk.member_id,
    "/api/v1/me/sessions": ids.session,
    "/api/v1/notifications": ids.notification,
    "/api/v1/files": ids.file,
    "/api/v1/kyc/documents": ids.document,
  };
  return {
    customer_id: ids.customer,
    machine_id: shop.machine_id,
    bank,
    savings,
    shop,
    budget,
    chat,
    applicant_id: ids.applicant,
    canaries: [canary, "JOB-CANARY"],
    idOf(template) {
      const found = byPath[template.slice(0, template.indexOf("/{id}"))];
      if (found === undefined) throw new Error(`tests/helpers/things.ts has nothing for ${template}`);
      return found;
    },
    fingerprintQuery: `select md5(string_agg(row, '' order by row)) as hash from (
      ${[
        "core.units",
        "core.customers",
        "core.memberships",
        "core.notifications",
        "core.files",
        "core.settings",
        "bank.kyc_profiles",
        "bank.kyc_documents",
        ...bankTables,
        ...savingsTables,
        ...shopTables,
        ...budgetTables,
        ...chatTables,
      ]
        .map((table) => `select to_jsonb(t)::text as row from ${table} t where t.business_id = $1::uuid`)
        .join(" union all ")}) rows`,
  };
}
