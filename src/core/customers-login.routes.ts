import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict, Uuid } from "../http/schema.ts";
import { clearLogin, setLogin } from "./customers-login.ts";
import { Customer } from "./customers.routes.ts";

const setOperation = operation({
  id: "putCustomerLogin",
  permission: "customers.login",
  tag: "Customers",
  if_match: "optional",
  summary: "Say which member a customer logs in as",
  description:
    "The member must be active and have the role `customer`; from then on the person sees the customer's accounts as " +
    "their own. One person may be several customers. Replaces the login that the customer had.",
  errors: ["not_found", "reference_not_found"],
  examples: { request: { member_id: "0191e7a0-0000-7000-8000-00000000abcd" } },
});

const clearOperation = operation({
  id: "deleteCustomerLogin",
  permission: "customers.login",
  tag: "Customers",
  if_match: "optional",
  summary: "Take a customer's login away",
  description: "The person stays a member, and sees nothing of this customer any more.",
  errors: ["not_found"],
});

/** Who a customer is when they log in. */
export const customerLoginRoutes = (deps: Deps) =>
  new Elysia({ name: "core.customer-login", prefix: "/api/v1", normalize: false })
    .use(edge)
    .put(
      "/customers/:id/login",
      async ({ caller, params, body }) => written(await setLogin(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: strict({ member_id: Uuid }),
        response: { 200: Customer },
        detail: setOperation,
      },
    )
    .delete(
      "/customers/:id/login",
      async ({ caller, params }) => written(await clearLogin(deps, caller, params.id)),
      { params: IdParams, response: { 200: Customer }, detail: clearOperation },
    );
