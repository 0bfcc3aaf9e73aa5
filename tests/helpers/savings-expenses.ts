import type { MemberRole } from "../../src/platform/enums.ts";
import { type Desk, type Expense, rowOf, send } from "./savings-cash.ts";

/** An expense that nothing is to be said against, minor units. */
export const plainExpense = { category: "transport", amount: 1_500 };

/** What members do with expenses at a desk. */
export const spending = (desk: Desk) => {
  const post = (by: MemberRole, body: object = plainExpense): Promise<Response> =>
    send(desk, "/expenses", { by, body });
  const change = (id: string, by: MemberRole, body: object): Promise<Response> =>
    desk.api.send("PATCH", `/api/v1/expenses/${id}`, {
      token: desk.token[by],
      body,
      headers: { "if-match": "*" },
    });
  const approve = (id: string, by: MemberRole = "owner"): Promise<Response> =>
    send(desk, `/expenses/${id}/approve`, { by });
  const reject = (id: string, by: MemberRole = "owner"): Promise<Response> =>
    send(desk, `/expenses/${id}/reject`, { by, body: { reason: "No receipt" } });
  return {
    post,
    change,
    approve,
    reject,
    record: (by: MemberRole, body: object = plainExpense): Promise<Expense> =>
      rowOf<Expense>(post(by, body), 201),
    /** An action of the table of moves. */
    move: (id: string, action: string, by: MemberRole): Promise<Response> => {
      if (action === "change") return change(id, by, { amount: 1_600 });
      return action === "approve" ? approve(id, by) : reject(id, by);
    },
  };
};
