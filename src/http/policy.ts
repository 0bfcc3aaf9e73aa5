import { type MemberRole, memberRoles } from "../platform/enums.ts";

export type Role = MemberRole;

const everyone = memberRoles;
const team = ["owner", "admin", "manager", "agent", "sub_agent", "operator", "clerk", "compliance"] as const;
const staff = ["owner", "admin", "manager"] as const;
/** Staff for everybody, customers for themselves. */
const own = ["owner", "admin", "manager", "customer"] as const;
const counter = ["owner", "admin", "manager", "clerk"] as const;
const agents = ["owner", "admin", "manager", "agent", "sub_agent"] as const;
/** Agents and staff for their customers, customers for themselves. */
const savers = [...agents, "customer"] as const;
const shop = ["owner", "admin", "manager", "operator", "clerk"] as const;
const operators = ["owner", "admin", "manager", "operator"] as const;

/**
 * The whole policy: who may do what. A route names one of these permissions; `public` is anyone, `self` is any
 * member for what is their own. A route without a permission fails the tests, and so does a permission without a route.
 */
export const permissions = {
  "business.read": everyone,
  "business.update": ["owner", "admin"],
  "units.read": team,
  "units.write": ["owner", "admin"],
  "members.read": ["owner", "admin", "manager", "compliance"],
  "members.write": ["owner", "admin"],
  "customers.read": team,
  "customers.write": ["owner", "admin", "manager", "agent", "clerk"],
  "customers.import": staff,
  "customers.login": staff,
  "settings.read": team,
  "settings.write": ["owner", "admin"],
  "files.read": everyone,
  "files.write": everyone,
  "audit.read": ["owner", "admin", "compliance"],
  "operations.read": ["owner", "admin"],
  "operations.clear": ["owner", "admin"],
  "accounts.read": [...counter, "compliance", "customer"],
  "accounts.write": counter,
  "accounts.manage": staff,
  "accounts.freeze": [...staff, "compliance"],
  "balances.read": [...counter, "customer"],
  "transactions.read": [...staff, "customer"],
  "deposits.write": counter,
  "transfers.read": ["owner", "admin", "manager", "customer"],
  "transfers.write": ["owner", "admin", "manager", "clerk", "customer"],
  "transfers.file": ["owner", "admin", "manager", "customer"],
  "transfers.reverse": staff,
  "ledger.read": staff,
  "ledger.write": staff,
  "bank_overview.read": ["owner", "admin", "manager", "compliance", "customer"],
  "statements.read": ["owner", "admin", "manager", "customer"],
  "statements.write": ["owner", "admin", "manager", "customer"],
  "budgets.own": everyone,
  "shop.read": shop,
  "jobs.write": counter,
  "jobs.manage": staff,
  "jobs.import": counter,
  "job_files.write": shop,
  "job_steps.plan": counter,
  // Who may assign steps of a process, the business says.
  "job_steps.assign": shop,
  "job_steps.work": operators,
  "job_steps.manage": staff,
  "queue.read": operators,
  "performance.read": operators,
  "machines.write": staff,
  "machines.downtime": operators,
  "processes.write": staff,
  "routings.write": staff,
  "process_permissions.manage": ["owner", "admin"],
  "beneficiaries.read": own,
  "beneficiaries.write": own,
  watchlist: ["compliance"],
  "wires.read": [...own, "compliance"],
  "wires.quote": own,
  "wires.write": own,
  "wires.approve": [...staff, "compliance"],
  "wires.review": ["compliance"],
  "wires.settle": staff,
  "kyc.read": [...staff, "compliance", "customer"],
  "kyc.documents": ["compliance", "customer"],
  "kyc.review": ["compliance"],
  "savings_products.read": everyone,
  "savings_products.write": ["owner", "admin"],
  "savings.read": savers,
  "savings.write": savers,
  "savings.update": staff,
  "savings.import": staff,
  "savings.close": savers,
  "savings.extend": agents,
  "savings.mark": savers,
  "savings.sheet": agents,
  "collections.read": savers,
  "collections.batch": agents,
  "collections.reverse": agents,
  "remittances.read": agents,
  "remittances.submit": agents,
  "remittances.decide": staff,
  "payment_requests.read": savers,
  "payment_requests.write": savers,
  "payment_requests.decide": staff,
  "payment_destinations.read": own,
  "payment_destinations.write": own,
  "commissions.read": agents,
  "commissions.settle": staff,
  "expenses.read": agents,
  "expenses.write": agents,
  "expenses.decide": staff,
  "chat.own": everyone,
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof permissions | "public" | "self";

/** Whether a role may use a permission. `public` and `self` are open to every role. */
export function allows(permission: Permission, role: Role): boolean {
  if (permission === "public" || permission === "self") return true;
  return (permissions[permission] as readonly Role[]).includes(role);
}
