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
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { beneficiaryCache } from "./beneficiaries.cache.ts";
import { beneficiaryPage, createBeneficiary, deleteBeneficiary, updateBeneficiary } from "./beneficiaries.ts";
import { ownUserOf } from "./own.ts";

const tag = "Bank: beneficiaries";
const Bic = t.String({
  pattern: "^[A-Za-z]{6}[A-Za-z0-9]{2}([A-Za-z0-9]{3})?$",
  description: "BIC (ISO 9362): 8 or 11 characters",
  examples: ["COBADEFFXXX"],
});
const Account = t.String({
  pattern: "^[A-Za-z0-9 -]{4,50}$",
  description:
    "IBAN (ISO 13616), whose check digits are looked at, or a plain account number; spaces are taken away",
  examples: ["DE89370400440532013000"],
});
const Country = t.String({
  pattern: "^[A-Za-z]{2}$",
  description: "Country of the bank (ISO 3166-1 alpha-2)",
  examples: ["DE"],
});
const Address = t.Record(t.String({ maxLength: 40 }), t.String({ maxLength: 200 }), {
  maxProperties: 20,
  description: "Lines by name: street, city, …",
});

const required = {
  name: Text(140, "Name of the person or company that is paid"),
  bank_name: Text(140, "Name of their bank"),
  iban_or_account: Account,
  country: Country,
};
const optional = {
  nickname: t.Optional(Nullable(Text(100, "What the customer calls them"))),
  bic: t.Optional(Nullable(Bic)),
  address: t.Optional(Address),
};
const NewBeneficiary = strict({ customer_id: Uuid, ...required, ...optional });
const BeneficiaryPatch = t.Object(
  {
    name: t.Optional(required.name),
    bank_name: t.Optional(required.bank_name),
    iban_or_account: t.Optional(Account),
    country: t.Optional(Country),
    ...optional,
  },
  { additionalProperties: false, minProperties: 1 },
);

const Beneficiary = t.Object({
  id: Uuid,
  customer_id: Uuid,
  name: t.String(),
  nickname: Nullable(t.String()),
  bank_name: t.String(),
  bic: Nullable(t.String()),
  iban_or_account: t.String({ description: "In electronic form: capitals, no spaces" }),
  country: t.String(),
  address: t.Record(t.String(), t.Any()),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const example = {
  customer_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05",
  name: "Blau Maschinenbau GmbH",
  bank_name: "Commerzbank",
  bic: "COBADEFFXXX",
  iban_or_account: "DE89 3704 0044 0532 0130 00",
  country: "DE",
};

const documented = {
  list: operation({
    id: "listBeneficiaries",
    cache: "bank.beneficiaries.page",
    permission: "beneficiaries.read",
    tag,
    summary: "List beneficiaries",
    description: "Newest first. A customer sees their own.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createBeneficiary",
    permission: "beneficiaries.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Create a beneficiary",
    description:
      "Whom a customer's wires go to. A customer has an account at a bank once. What begins as an IBAN must be one.",
    errors: ["already_exists", "reference_not_found"],
    examples: { request: example },
  }),
  get: operation({
    id: "getBeneficiary",
    cache: "bank.beneficiary",
    permission: "beneficiaries.read",
    tag,
    summary: "One beneficiary",
    description: "The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateBeneficiary",
    permission: "beneficiaries.write",
    tag,
    if_match: "required",
    summary: "Change a beneficiary",
    description:
      "JSON Merge Patch (RFC 7396): members that are absent stay, null clears. Wires that were made keep what they were made with.",
    errors: ["not_found", "already_exists"],
    examples: { request: { nickname: "The press" } },
  }),
  remove: operation({
    id: "deleteBeneficiary",
    permission: "beneficiaries.write",
    tag,
    if_match: "optional",
    success: 204,
    summary: "Remove a beneficiary",
    description: "Wires that were made go on.",
    errors: ["not_found"],
  }),
};

/** Beneficiaries: whom the wires of a customer go to. */
export const beneficiaryRoutes = (deps: Deps) => {
  const cached = beneficiaryCache(deps);
  return new Elysia({ name: "bank.beneficiaries", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/beneficiaries",
      async ({ caller, scope, query }) =>
        cached.page.answer(scope, query.cursor, beneficiaryPage(caller, query)),
      {
        query: strict({ ...listParameters, customer_id: t.Optional(Uuid) }),
        response: { 200: ListOf(Beneficiary) },
        detail: documented.list,
      },
    )
    .post(
      "/beneficiaries",
      async ({ caller, body }) => written(await createBeneficiary(deps, caller, body)),
      {
        body: NewBeneficiary,
        response: { 201: Beneficiary },
        detail: documented.create,
      },
    )
    .get(
      "/beneficiaries/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const own_user_id = ownUserOf(caller);
        const parts = { business_id, own_user_id, beneficiary_id: params.id.toLowerCase() };
        return answered(scope, cached.beneficiary, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Beneficiary }, detail: documented.get },
    )
    .patch(
      "/beneficiaries/:id",
      async ({ caller, params, body }) => written(await updateBeneficiary(deps, caller, params.id, body)),
      { params: IdParams, body: BeneficiaryPatch, response: { 200: Beneficiary }, detail: documented.update },
    )
    .delete(
      "/beneficiaries/:id",
      async ({ caller, params }) => written(await deleteBeneficiary(deps, caller, params.id)),
      { params: IdParams, detail: documented.remove },
    );
};
