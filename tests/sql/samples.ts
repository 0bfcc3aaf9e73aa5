import type { Parameter } from "../../src/platform/db/statement.ts";
import type { Populated } from "./populate.ts";
import { ofBudget } from "./samples-budget.ts";
import { ofCodes } from "./samples-codes.ts";
import { ofEvents } from "./samples-events.ts";
import { ofPlatform } from "./samples-platform.ts";
import { ofReports } from "./samples-reports.ts";
import { ofKyc } from "./samples-kyc.ts";
import { ofBankAccounts } from "./samples-bank.ts";
import { ofSavings } from "./samples-savings.ts";
import { ofShopFloor } from "./samples-shop.ts";
import { ofShopMachines } from "./samples-shop-machines.ts";

export type Values = Readonly<Record<string, Parameter>>;

/** Values for a statement: by the parameter's name, and where a name means different things, by statement. */
export type Samples = Readonly<{
  /** By the name of the parameter. */
  names: Values;
  /** Each set of values is explained; they replace or add to `names`. */
  statements: Readonly<Record<string, readonly Values[]>>;
}>;

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const instant = "2026-01-01T00:00:00.000Z";
const hash = new Uint8Array(32).fill(7);
const json = JSON.stringify;
/** Sorts of a list, each with the first page and one further on. */
const pages = (sorts: Readonly<Record<string, readonly [string, string]>>): Values[] =>
  Object.entries(sorts).flatMap(([sort, key]) => [{ sort }, { sort, after: json(key) }]);

/** What the EXPLAIN test runs every statement with. A statement with a parameter of a new name adds it here. */
export function samples(rows: Populated): Samples {
  return {
    names: namesOf(rows),
    statements: {
      ...ofCore(rows),
      ...ofCodes(rows),
      ...ofShop(rows),
      ...ofBank(rows),
      ...ofWires(rows),
      ...ofKyc(rows),
      ...ofBankAccounts(rows),
      ...ofSavings(rows),
      ...ofShopFloor(rows),
      ...ofShopMachines(rows),
      ...ofBudget(rows),
      ...ofEvents(rows),
      ...ofPlatform,
    },
  };
}

function namesOf(rows: Populated): Values {
  const act = {
    business_id: rows.business_id,
    user_id: rows.user_id,
    member_id: rows.owner_member_id,
    session_id: rows.session_id,
    request_id: "sample",
    ip: "192.0.2.1",
    key: "sample-key-1",
    request_hash: "00".repeat(32),
  };
  return {
    ...rows,
    act: json(act),
    invalidation: json({ outbox_id: "7", tags: [`u:${rows.user_id}!session`] }),
    after: null,
    limit_rows: 25,
    sort: "-created_at",
    version: null,
    is_active: null,
    q: null,
    status: null,
    role: null,
    unread: null,
    ip: "192.0.2.1",
    name: "Sample",
    months: 12,
    months_ahead: 1,
    retention_days: 30,
    idle_ttl_s: 3_600,
    absolute_ttl_s: 86_400,
    user_agent: "sample",
    request_id: "sample",
    token_hash: Uint8Array.fromHex(rows.token_hash),
    successor_hash: hash,
    actor_user_id: null,
    entry: json({
      key: "shop.parallel_work",
      default: false,
      description: "Sample",
      schema: { type: "boolean" },
    }),
    key: "grown-key-7",
  };
}

function ofCore(rows: Populated): Samples["statements"] {
  const byCreation = { "-created_at": [instant, id], created_at: [instant, id] } as const;
  const byName = { name: ["M", id], "-name": ["M", id] } as const;
  const own = { user_id: id, session_id: id, member_id: id };
  const file = json({
    sha256: "00".repeat(32),
    size_bytes: 1,
    mime: "image/png",
    filename: "a",
    storage_key: "sample",
  });
  return {
    "core/change_password": [{ old_hash: "hash", new_hash: "other" }],
    "core/create_customer": [{ customer_id: id, customer: json({ name: "Sample" }) }],
    "core/create_file": [{ file_id: id, file }],
    "core/create_picture": [{ file_id: id, file }],
    "core/create_member": [
      {
        ...own,
        member: json({ username: "sample", full_name: "Sample", role: "clerk" }),
        password_hash: "hash",
      },
    ],
    "core/create_unit": [{ unit_id: id, unit: json({ name: "Sample" }) }],
    "core/delete_file": [{ own_user_id: null }, { own_user_id: id }],
    "core/find_login": [
      { phone: null, email: null },
      { username: null, phone: null },
      { username: null, email: null },
    ],
    "core/import_customers": [
      { customers: json([{ line: 2, id, name: "Sample", code: "S1", phone: "+981000007" }]), dry_run: false },
    ],
    "core/invite_member": [
      { member_id: id, member: json({ username: "grown9", full_name: "Sample", role: "clerk" }) },
    ],
    "core/list_audit_logs": [
      { entity_type: null, entity_id: null, action: null, from_at: null, to_at: null },
      { entity_type: "customer", entity_id: id, action: null, from_at: null, to_at: null },
      {
        entity_type: null,
        entity_id: null,
        actor_user_id: rows.user_id,
        action: null,
        from_at: instant,
        to_at: null,
      },
      {
        entity_type: null,
        entity_id: null,
        action: null,
        from_at: null,
        to_at: null,
        after: json([instant, "7"]),
      },
    ],
    "core/list_customers": [
      ...pages({ ...byCreation, ...byName }),
      { is_active: true },
      { is_active: false },
    ],
    "core/list_members": [
      ...pages(byCreation),
      { role: "owner" },
      { status: "suspended" },
      { q: "Person 777" },
    ],
    "core/list_notifications": [{}, { unread: true }, { after: json([instant, id]) }],
    "core/list_sessions": [{}, { after: json([instant, id]) }],
    "core/list_settings": [{ catalogue: json([]) }],
    "core/list_units": pages(byName),
    "core/list_unknown_storage_keys": [{ storage_keys: ["key1", "nothing"] }],
    "core/notify_members": [
      {
        member_ids: [rows.member_id],
        roles: ["owner"],
        notification: json({ type: "sample", title: "Sample" }),
      },
    ],
    "core/put_setting": [{ value: "true", any_version: false }],
    "core/revoke_session": [{ reason: "logout" }],
    "core/search_customers": [
      { q: "abc", phone: null },
      { q: "ab", phone: null },
      { q: "981000", phone: "+981000" },
      ...pages({ ...byCreation, ...byName }).map((page) => ({ q: "abc", phone: null, ...page })),
    ],
    "core/set_customer_active": [{ is_active: false }],
    "core/update_business": [{ patch: json({ name: "Sample" }) }],
    "core/update_customer": [{ patch: json({ name: "Sample" }) }],
    "core/update_me": [{ patch: json({ full_name: "Sample" }) }],
    "core/update_member": [{ patch: json({ role: "manager" }) }],
    "core/update_unit": [{ patch: json({ name: "Sample" }) }],
    "core/verify_audit": [{ subject: "audit" }],
  };
}

function ofShop(rows: Populated): Samples["statements"] {
  const filters: Values = {
    statuses: null,
    priorities: null,
    customer_id: null,
    assigned_to: null,
    machine_id: null,
    overdue: null,
    due_from: null,
    due_to: null,
    created_from: null,
    created_to: null,
    numbers_only: false,
  };
  const sorted = pages({
    "-created_at": [instant, id],
    created_at: [instant, id],
    due_on: ["2026-01-01", id],
    "-due_on": ["2026-01-01", id],
    job_number: ["JOB-2025", id],
    "-job_number": ["JOB-2025", id],
  });
  const filtered: Values[] = [
    { statuses: ["active"] },
    { statuses: ["active", "on_hold"] },
    { priorities: ["urgent"] },
    { customer_id: rows.customer_id },
    { assigned_to: rows.owner_member_id },
    { machine_id: rows.machine_id },
    { overdue: true },
    { due_from: "2026-01-01", due_to: "2026-01-31" },
    { created_from: "2026-01-01", created_to: "2026-01-31" },
    { q: "JOB-2025-0001" },
    { q: "JOB-2025-0001", numbers_only: true },
    { q: "steel" },
  ];
  return {
    "platform/delete_cache_outbox": [{ ids: ["1"], cells: [0], servers: ["server"] }],
    "platform/pass_cache_relay": [
      { holder: "replica", tenure: "tenure", servers: ["server"], renewed: [""], row_limit: 10 },
    ],
    "platform/release_cache_relay": [{ holder: "replica" }],
    "ledger/create_account": [
      { account_id: id, account: json({ code: "sample", kind: "equity", currency: "NGN" }) },
    ],
    "ledger/get_account": [{ account_id: id }],
    "ledger/get_transaction": [{ transaction_id: id }],
    "ledger/get_trial_balance": [{ as_of: null }, { as_of: instant }],
    "ledger/list_accounts": [
      { code: null, owner_type: null, owner_id: null, currency: null },
      { code: "bank:", owner_type: null, owner_id: null, currency: "NGN", after: json(["bank:account"]) },
      { code: null, owner_type: "bank.account", owner_id: id, currency: null },
    ],
    "ledger/list_transactions": [
      { reference: null, source_type: null, source_id: null },
      { reference: "sample", source_type: null, source_id: null },
      { reference: null, source_type: "sample", source_id: id },
      { reference: null, source_type: null, source_id: null, after: json([id]) },
    ],
    "ledger/post_transaction": [{ item: json({ id, lines: [] }) }],
    "ledger/post_transactions": [
      {
        items: json([{ id, lines: [] }]),
        is_atomic: false,
        dry_run: true,
        place: "",
        instance: "/",
        problems: "{}",
      },
    ],
    "ledger/resolve_transaction": [{ resolution_id: id, transaction_id: id, phase: "void", amount: null }],
    "ledger/reverse_transaction": [{ reversal_id: id, transaction_id: id, description: null }],
    "ledger/expire_holds": [{ since: null }, { since: instant }],
    "ledger/keep_snapshots": [
      { day: null, accounts: 100, entries_least: 1, entries_most: 1_000 },
      { day: null, accounts: 100, entries_least: 1, entries_most: 1_000, after: json([id, id]) },
    ],
    "shop/find_job_number": [{ beginning: "JOB-2025" }],
    "shop/list_jobs": [...sorted, ...filtered].map((values) => ({ ...filters, ...values })),
  };
}

function ofWires(rows: Populated): Samples["statements"] {
  const all: Values = { own_user_id: null, customer_id: null };
  const own: Values = { own_user_id: rows.user_id, customer_id: null };
  const lists = [all, { ...all, after: json([id]) }, own, { own_user_id: null }];
  const wire = {
    account_id: rows.account_id,
    beneficiary_id: rows.beneficiary_id,
    amount: 5,
    currency: "NGN",
  };
  const moves = [{ action: "approve", from: "pending_approval", to: "compliance_review", roles: ["owner"] }];
  const beneficiary = {
    customer_id: rows.customer_id,
    name: "Sample",
    bank_name: "Bank",
    iban_or_account: "12345678",
    country: "NG",
  };
  return {
    "bank/create_beneficiary": [{ ...all, beneficiary_id: id, beneficiary: json(beneficiary) }],
    "bank/update_beneficiary": [
      { own_user_id: null, patch: json({ nickname: "Sample" }) },
      { ...own, patch: json({}) },
    ],
    "bank/delete_beneficiary": [all, own],
    "bank/get_beneficiary": [all, own],
    "bank/list_beneficiaries": lists,
    "bank/list_watchlist": [{}, { after: json([id]) }],
    "bank/create_watchlist_entry": [{ watchlist_id: id, source: "sample" }],
    "bank/quote_wire": [all, own].map((whose) => ({ ...whose, amount: "5", currency: "NGN" })),
    "bank/create_wire": [{ ...all, wire_transfer_id: id, wire: json(wire) }],
    "bank/move_wire": [
      { ...all, role: "owner", action: "approve", moves: json(moves), given: "{}", next_id: id },
    ],
    "bank/find_wire_account": [all, own],
    "bank/get_wire": [all, own],
    "bank/list_wires": [
      ...lists,
      { ...all, sort: "created_at" },
      { ...all, statuses: ["pending_approval", "on_hold"] },
    ].map((values) => ({ statuses: null, ...values })),
    "bank/get_wire_stats": [all, own, { own_user_id: null }],
  };
}

function ofBank(rows: Populated): Samples["statements"] {
  const movements = json([
    {
      business_id: rows.business_id,
      id,
      kind: "internal",
      from_account_id: rows.account_id,
      to_account_id: rows.other_account_id,
      amount: 5,
      currency: "NGN",
      member_id: rows.member_id,
      key: "sample-key-2",
      request_hash: "00".repeat(32),
    },
  ]);
  const transfers: Values = {
    own_user_id: null,
    account_id: null,
    kinds: null,
    statuses: null,
    from: null,
    to: null,
    min: null,
    max: null,
    category: null,
  };
  const of: Values = { transfer_id: rows.transfer_id, own_user_id: null };
  return {
    "bank/answer_movements": [{ movements, problems: "{}" }],
    "bank/get_transfer": [of, { ...of, own_user_id: rows.user_id }],
    "bank/list_transfers": [
      {},
      { after: json([id]) },
      { account_id: rows.account_id },
      { account_id: rows.account_id, after: json([id]) },
      { own_user_id: rows.user_id },
      { from: "2026-01-01", to: "2026-01-31" },
      { kinds: ["deposit"], statuses: ["posted"], min: 1, max: 1_000_000 },
    ].map((filters) => ({ ...transfers, ...filters })),
    ...ofReports(rows),
    "bank/move_batch": [{ movements, is_atomic: true, problems: "{}" }],
    "bank/reverse_transfer": [{ ...of, reversal_id: id, reason: "Sample" }],
    "bank/update_transfer": [{ ...of, patch: json({ memo: "Sample" }) }],
  };
}
