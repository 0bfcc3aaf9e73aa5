import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
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
  OneOf,
} from "../http/schema.ts";
import { customerColumns, customerRecords } from "./customers-csv.ts";
import { customerCache } from "./customers.cache.ts";
import {
  addressLinesMax,
  createCustomer,
  customerPage,
  exportCustomers,
  updateCustomer,
} from "./customers.ts";

const Phone = t.String({
  pattern: "^\\+[1-9][0-9]{6,14}$",
  description: "E.164",
  examples: ["+2348012345678"],
});
const Address = t.Record(t.String({ maxLength: 40 }), t.String({ maxLength: 200 }), {
  maxProperties: addressLinesMax,
  description: "Lines by name: street, city, …",
});

const writable = {
  code: t.Optional(Nullable(Text(64, "Your own number for the customer, unique in the business"))),
  phone: t.Optional(Nullable(Phone)),
  email: t.Optional(Nullable(t.String({ format: "email", maxLength: 254 }))),
  tax_no: t.Optional(Nullable(Text(64, "Tax number"))),
  address: t.Optional(Address),
  unit_id: t.Optional(Nullable(Uuid)),
  notes: t.Optional(Nullable(t.String({ maxLength: 2_000 }))),
};
const Name = Text(200, "Name of the person or company");
const NewCustomer = strict({ name: Name, ...writable });
const CustomerPatch = t.Object(
  { name: t.Optional(Name), ...writable },
  { additionalProperties: false, minProperties: 1 },
);

export const Customer = t.Object({
  id: Uuid,
  code: Nullable(t.String()),
  name: t.String(),
  phone: Nullable(t.String()),
  email: Nullable(t.String()),
  tax_no: Nullable(t.String()),
  address: t.Record(t.String(), t.Any()),
  unit_id: Nullable(Uuid),
  user_id: Nullable(Uuid),
  notes: Nullable(t.String()),
  is_active: t.Boolean(),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const example = { name: "Adaeze Okafor", phone: "+2348012345678", address: { city: "Lagos" } };

const CustomerFilters = strict({
  ...listParameters,
  q: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 100,
      pattern: "\\S",
      description:
        "Part of the name (one or two characters: the beginning of a word in it), or the beginning of a phone number",
    }),
  ),
  is_active: t.Optional(t.Boolean()),
  sort: t.Optional(OneOf(["-created_at", "created_at", "name", "-name"])),
});

const listOperation = operation({
  id: "listCustomers",
  cache: "core.customers.page",
  permission: "customers.read",
  tag: "Customers",
  limit: "search",
  produces: ["application/json", "text/csv"],
  summary: "List or search customers",
  description:
    "Newest first unless `sort` says otherwise. Archived customers are listed too; filter by `is_active`. " +
    "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
  errors: ["invalid_cursor"],
});

const createOperation = operation({
  id: "createCustomer",
  permission: "customers.write",
  tag: "Customers",
  idempotency: "optional",
  success: 201,
  summary: "Create a customer",
  description: "A customer needs no login. `code` is your own number for them and unique where given.",
  errors: ["already_exists", "reference_not_found"],
  examples: { request: example },
});

const updateOperation = operation({
  id: "updateCustomer",
  permission: "customers.write",
  tag: "Customers",
  if_match: "required",
  summary: "Change a customer",
  description: "JSON Merge Patch (RFC 7396): members that are absent stay, null clears.",
  errors: ["not_found", "already_exists", "reference_not_found"],
  examples: { request: { phone: "+2348098765432" } },
});

/** Customers: people and companies that a business deals with. */
export const customerRoutes = (deps: Deps) => {
  const cached = customerCache(deps);
  return new Elysia({ name: "core.customers", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/customers",
      async ({ caller, scope, query }) => {
        if (!wantsCsv(scope.request.headers.get("accept"))) {
          return cached.page.answer(scope, query.cursor, customerPage(caller, query));
        }
        const rows = customerRecords(exportCustomers(deps, caller, query));
        return csvResponse(customerColumns, rows, { filename: "customers.csv", signal: scope.signal });
      },
      { query: CustomerFilters, response: { 200: ListOf(Customer) }, detail: listOperation },
    )
    .post("/customers", async ({ caller, body }) => written(await createCustomer(deps, caller, body)), {
      body: NewCustomer,
      response: { 201: Customer },
      detail: createOperation,
    })
    .get(
      "/customers/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, customer_id: params.id.toLowerCase() };
        return answered(scope, cached.customer, parts, cachedBytes);
      },
      {
        params: IdParams,
        response: { 200: Customer },
        detail: operation({
          id: "getCustomer",
          cache: "core.customer",
          permission: "customers.read",
          tag: "Customers",
          summary: "One customer",
          description: "The `ETag` holds the version: send it as `If-Match` with a change.",
          errors: ["not_found"],
        }),
      },
    )
    .patch(
      "/customers/:id",
      async ({ caller, params, body }) => written(await updateCustomer(deps, caller, params.id, body)),
      { params: IdParams, body: CustomerPatch, response: { 200: Customer }, detail: updateOperation },
    );
};
