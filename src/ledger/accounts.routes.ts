import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, resource, written } from "../http/respond.ts";
import { IdParams, Instant, ListOf, listParameters, Nullable, OneOf, strict, Uuid } from "../http/schema.ts";
import { accountKinds, ledgerAccountStatuses, sides } from "../platform/enums.ts";
import { createAccount, getAccount, getTrialBalance, listAccounts } from "./accounts.ts";

const Currency = t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" });
const Bound = (minimum: number, description: string) =>
  t.Optional(Nullable(t.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description })));
const Figure = (description: string) => t.Integer({ description: `${description}, minor units` });

/** Codes whose first word is a module's are made by the module. */
const handCode = "^(?!(bank|savings|agent|budget|cash|clearing|fx)(:|$))[a-z0-9_]+(:[a-z0-9_-]+)*$";

const LedgerAccount = t.Object({
  id: Uuid,
  code: t.String(),
  kind: OneOf(accountKinds),
  normal_side: OneOf(sides),
  currency: t.String(),
  status: OneOf(ledgerAccountStatuses),
  owner_type: Nullable(t.String({ description: "Kind of record of a module that it belongs to" })),
  owner_id: Nullable(Uuid),
  posted: Figure("What is posted, in the account's normal sense"),
  pending: Figure("Posted, with all that is held"),
  available: Figure("Posted, less what is held to go out"),
  overdraft_limit: Nullable(Figure("How far below zero it may go; null: any")),
  max_balance: Nullable(Figure("What it may hold; null: any")),
  created_at: Instant,
  updated_at: Instant,
});

const NewLedgerAccount = strict({
  code: t.String({
    pattern: handCode,
    maxLength: 120,
    description: "Unique in the business; words joined by colons, of which the first is no module's",
  }),
  kind: OneOf(accountKinds),
  currency: Currency,
  overdraft_limit: Bound(0, "How far below zero it may go; null: any"),
  max_balance: Bound(1, "What it may hold; null: any"),
});

const AccountFilters = strict({
  ...listParameters,
  code: t.Optional(t.String({ minLength: 1, maxLength: 120, description: "Beginning of the code" })),
  owner_type: t.Optional(t.String({ minLength: 1, maxLength: 64, examples: ["bank.account"] })),
  owner_id: t.Optional(Uuid),
  currency: t.Optional(Currency),
});

const TrialBalance = t.Object({
  as_of: Nullable(Instant),
  currencies: t.Array(
    t.Object({
      currency: t.String(),
      debit: t.Integer(),
      credit: t.Integer(),
      is_balanced: t.Boolean(),
      lines: t.Array(
        t.Object({
          code: Nullable(t.String({ description: "Null: all accounts of this `owner_type` together" })),
          owner_type: Nullable(t.String()),
          kind: OneOf(accountKinds),
          accounts: t.Integer(),
          debit: t.Integer(),
          credit: t.Integer(),
        }),
      ),
    }),
  ),
});

const example = { code: "equity:capital", kind: "equity", currency: "NGN" };

const documented = {
  list: operation({
    id: "listLedgerAccounts",
    cache: { uncached: "balances, for those who look for a mistake" },
    permission: "ledger.read",
    tag: "Ledger",
    summary: "List accounts of the ledger",
    description: "By code, each with its balance.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createLedgerAccount",
    permission: "ledger.write",
    tag: "Ledger",
    idempotency: "optional",
    success: 201,
    summary: "Create an account of the ledger",
    description:
      "For money that no module keeps: capital, suspense, expenses. The side on which it grows follows from its kind.",
    errors: ["already_exists", "reference_not_found"],
    examples: { request: example },
  }),
  get: operation({
    id: "getLedgerAccount",
    cache: { uncached: "a balance, for those who look for a mistake" },
    permission: "ledger.read",
    tag: "Ledger",
    summary: "One account of the ledger",
    description: "With its balance over all its shards.",
    errors: ["not_found"],
  }),
  trialBalance: operation({
    id: "getTrialBalance",
    cache: { uncached: "it proves the books as they are now, for the few who close them" },
    permission: "ledger.read",
    tag: "Ledger",
    limit: "search",
    summary: "The trial balance",
    description:
      "What all accounts have, in each currency, on the side on which it stands; debits and credits are equal. With " +
      "`as_of` what was effective then, else all that is posted, also what will be effective later. Accounts of a " +
      "module's records are one line together.",
    errors: [],
  }),
};

/** Accounts of the ledger, and what all of them have. */
export const ledgerAccountRoutes = (deps: Deps) =>
  new Elysia({ name: "ledger.accounts", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/ledger/accounts",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listAccounts),
      { query: AccountFilters, response: { 200: ListOf(LedgerAccount) }, detail: documented.list },
    )
    .post("/ledger/accounts", async ({ caller, body }) => written(await createAccount(deps, caller, body)), {
      body: NewLedgerAccount,
      response: { 201: LedgerAccount },
      detail: documented.create,
    })
    .get(
      "/ledger/accounts/:id",
      async ({ caller, params }) => resource(await getAccount(deps, caller, params.id)),
      { params: IdParams, response: { 200: LedgerAccount }, detail: documented.get },
    )
    .get(
      "/ledger/trial-balance",
      async ({ caller, query }) => resource(await getTrialBalance(deps, caller, query.as_of ?? null)),
      {
        query: strict({ as_of: t.Optional(Instant) }),
        response: { 200: TrialBalance },
        detail: documented.trialBalance,
      },
    );
