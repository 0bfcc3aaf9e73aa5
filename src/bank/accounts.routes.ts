import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
  IdParams,
  Instant,
  listParameters,
  ListOf,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { accountTypes, bankAccountStatuses } from "../platform/enums.ts";
import { accountCache } from "./accounts.cache.ts";
import { accountPage, openAccount, updateAccount } from "./accounts.ts";
import { ownUserOf } from "./own.ts";

const Currency = t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217", examples: ["NGN"] });
const Minor = (description: string) =>
  t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: `${description}; minor units` });
const BasisPoints = (description: string) =>
  t.Integer({ minimum: 0, maximum: 100_000, description: `${description}; basis points a year` });

const daily = Minor("What may leave it in a day of the business's calendar, fees not counted");
const monthly = Minor("What may leave it in a month, fees not counted");
const overdraft = Minor("How far it may be overdrawn");
const Nickname = Text(100, "What its owner calls it");

const NewAccount = strict({
  customer_id: Uuid,
  type: OneOf(accountTypes),
  currency: Currency,
  nickname: t.Optional(Nickname),
});

const AccountPatch = t.Object(
  {
    nickname: t.Optional(Nullable(Nickname)),
    daily_limit: t.Optional(Nullable(daily)),
    monthly_limit: t.Optional(Nullable(monthly)),
    overdraft_limit: t.Optional(overdraft),
    interest_bps: t.Optional(BasisPoints("Interest on what is in it")),
    overdraft_bps: t.Optional(BasisPoints("Interest on what is overdrawn")),
  },
  { additionalProperties: false, minProperties: 1 },
);

export const Account = t.Object({
  id: Uuid,
  customer_id: Uuid,
  account_number: t.String({
    pattern: "^[0-9]{10}$",
    description: "Ten digits, the last a check digit (ISO 7064 MOD 11,10)",
    examples: ["1000000005"],
  }),
  type: OneOf(accountTypes),
  currency: Currency,
  status: OneOf(bankAccountStatuses),
  nickname: Nullable(t.String()),
  daily_limit: daily,
  monthly_limit: monthly,
  overdraft_limit: overdraft,
  interest_bps: t.Integer(),
  overdraft_bps: t.Integer(),
  frozen_reason: Nullable(t.String({ description: "Why it is frozen; customers are not told" })),
  unfrozen_reason: Nullable(t.String({ description: "Why the last freeze ended; customers are not told" })),
  closed_reason: Nullable(t.String({ description: "Customers are not told" })),
  opened_at: Instant,
  activated_at: Nullable(Instant),
  closed_at: Nullable(Instant),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const AccountFilters = strict({
  ...listParameters,
  customer_id: t.Optional(Uuid),
  status: t.Optional(OneOf(bankAccountStatuses)),
  type: t.Optional(OneOf(accountTypes)),
  currency: t.Optional(Currency),
  sort: t.Optional(OneOf(["-opened_at", "opened_at"])),
});

const exampleCustomer = "0191e7a0-0000-7000-8000-00000000abcd";
const newExample = { customer_id: exampleCustomer, type: "checking", currency: "NGN" };

const listOperation = operation({
  id: "listAccounts",
  cache: "bank.accounts.page",
  permission: "accounts.read",
  tag: "Bank: accounts",
  summary: "List accounts",
  description:
    "Newest first unless `sort` says otherwise. Customers see their own. No balances: ask for each.",
  errors: ["invalid_cursor"],
});

const openOperation = operation({
  id: "openAccount",
  permission: "accounts.write",
  tag: "Bank: accounts",
  idempotency: "optional",
  success: 201,
  summary: "Open an account",
  description:
    "Active at once where the customer has KYC level 1; else `pending`: nothing can be posted to it until they have. Limits " +
    "are those of the level (setting `bank.limits`), in another currency than the business's at the rate of `bank.fx_rates`.",
  errors: ["reference_not_found"],
  examples: { request: newExample },
});

const getOperation = operation({
  id: "getAccount",
  cache: "bank.account",
  permission: "accounts.read",
  tag: "Bank: accounts",
  summary: "One account",
  description: "Without its money. The `ETag` holds the version: send it as `If-Match` with a change.",
  errors: ["not_found"],
});

const updateOperation = operation({
  id: "updateAccount",
  permission: "accounts.write",
  tag: "Bank: accounts",
  if_match: "required",
  summary: "Change an account",
  description:
    "JSON Merge Patch (RFC 7396). Clerks change the nickname. Staff set limits lower than those of the customer's KYC level, " +
    "where they stay when the level changes; null gives the level's back. An overdraft limit counts at once.",
  errors: ["not_found", "account_not_open", "insufficient_funds"],
  examples: { request: { nickname: "Shop till" } },
});

/** Accounts of customers, without their money. */
export const accountRoutes = (deps: Deps) => {
  const cached = accountCache(deps);
  return new Elysia({ name: "bank.accounts", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/accounts",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, accountPage(caller, query)),
      { query: AccountFilters, response: { 200: ListOf(Account) }, detail: listOperation },
    )
    .post("/accounts", async ({ caller, body }) => written(await openAccount(deps, caller, body)), {
      body: NewAccount,
      response: { 201: Account },
      detail: openOperation,
    })
    .get(
      "/accounts/:id",
      ({ caller, scope, params }) => {
        const account_id = params.id.toLowerCase();
        const parts = { business_id: caller.business_id, account_id, own_user_id: ownUserOf(caller) };
        return answered(scope, cached.account, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Account }, detail: getOperation },
    )
    .patch(
      "/accounts/:id",
      async ({ caller, params, body }) => written(await updateAccount(deps, caller, params.id, body)),
      { params: IdParams, body: AccountPatch, response: { 200: Account }, detail: updateOperation },
    );
};
