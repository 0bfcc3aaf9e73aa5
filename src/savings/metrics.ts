import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import type { CustomerScope, MetricsScope } from "./metrics.cache.ts";
import { type Own, ownOf } from "./own.ts";

/** What a caller asks for: nothing, or one of the three. */
export type Asked = Readonly<{
  unit_id?: string | undefined;
  agent_id?: string | undefined;
  customer_id?: string | undefined;
}>;

/** Whose figures are meant. */
export type Figures =
  Readonly<{ of: "business"; scope: MetricsScope }> | Readonly<{ of: "customer"; scope: CustomerScope }>;

/**
 * Whose figures a request means: a customer's own, an agent's own with their sub-agents', those that are named, else those
 * of the business. What is named is no proof: the statements look for themselves who may see it.
 *
 * @throws {Problem} `validation` where more than one is named, `forbidden` for who asks beyond their own kind
 */
export function figuresOf(caller: Caller, asked: Asked): Figures {
  const { unit_id = null, agent_id = null, customer_id = null } = asked;
  if ([unit_id, agent_id, customer_id].filter((id) => id !== null).length > 1) {
    const detail = "name one of unit_id, agent_id and customer_id";
    throw new Problem("validation", { errors: [{ pointer: "", detail }] });
  }
  const own: Own = ownOf(caller);
  if (own.own_user_id !== null || customer_id !== null) {
    if (unit_id !== null || agent_id !== null) throw new Problem("forbidden");
    return { of: "customer", scope: { ...own, customer_id: small(customer_id) } };
  }
  const { own_agent_id } = own;
  if (own_agent_id !== null && unit_id !== null) throw new Problem("forbidden");
  const agent = small(agent_id) ?? own_agent_id;
  return { of: "business", scope: { agent_id: agent, unit_id: small(unit_id), own_agent_id } };
}

/** One answer for one id, however it is spelled. */
const small = (id: string | null): string | null => id?.toLowerCase() ?? null;
