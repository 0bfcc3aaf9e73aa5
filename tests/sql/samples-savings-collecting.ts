import { collectionMoves } from "../../src/savings/collection-moves.ts";
import type { Populated } from "./populate.ts";
import type { Samples, Values } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for the statements of collecting. */
export function ofSavingsCollecting(rows: Populated): Samples["statements"] {
  const { savings_account_id, collection_id, agent_id, user_id } = rows;
  const all: Values = { own_user_id: null, own_agent_id: null };
  const whose: Values[] = [all, { ...all, own_user_id: user_id }, { ...all, own_agent_id: agent_id }];
  const visit = {
    id,
    savings_account_id,
    count: 1,
    method: "cash",
    client_ref: id,
    collected_at: new Date(Date.now() - 60_000).toISOString(),
  };
  const page: Values = {
    ...all,
    agent_id: null,
    unit_id: null,
    savings_account_id: null,
    from: null,
    to: null,
    method: null,
    status: null,
  };
  return {
    "savings/collect_batch": [
      {
        own_agent_id: null,
        visits: json([visit]),
        checkouts: "{}",
        is_atomic: false,
        problems: "{}",
        instance: "/",
      },
    ],
    "savings/collect_markings": [{ ...all, visit: json(visit), checkouts: "{}" }],
    "savings/find_reversed": [{ collection_id }],
    "savings/find_visited": [{ member_id: agent_id, tracking_numbers: ["1000000007"] }],
    "savings/get_collection": whose.map((own) => ({ ...own, collection_id })),
    "savings/get_collection_sheet": [
      { own_agent_id: agent_id, agent_id, date: "2026-01-01" },
      { own_agent_id: null, agent_id: null, date: "2026-01-01" },
    ],
    "savings/list_collections": [
      ...whose.map((own) => ({ ...page, ...own })),
      { ...page, agent_id },
      { ...page, savings_account_id },
      { ...page, own_agent_id: agent_id, savings_account_id },
      { ...page, from: "2026-01-01", to: "2026-01-31" },
      { ...page, method: "cash", status: "confirmed" },
      { ...page, after: json(["2026-01-01", id]) },
    ],
    "savings/reverse_collection": [
      {
        own_agent_id: null,
        role: "owner",
        collection_id,
        moves: json(collectionMoves),
        reason: "Sample",
        reversal_id: id,
      },
    ],
  };
}
