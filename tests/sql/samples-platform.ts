import type { Samples } from "./samples.ts";

const hash = new Uint8Array(32).fill(7);

export const ofPlatform: Samples["statements"] = {
  "platform/await_wal_replay": [{ wal: "0/0", steps_max: 1 }],
  "platform/find_invalid_index": [{ schema_name: "core", index_name: "customers_page_ix" }],
  "platform/get_connection_budget": [{ application_pattern: "countinghouse/%" }],
  "platform/get_server_identity": [{ token: 1 }],
  "platform/get_wal_position": [{ token: 1 }],
  "platform/list_demo_logins": [{ emails: ["owner@demo.test"] }],
  "platform/list_indexes": [{ schemas: ["core", "shop"] }],
  "platform/list_migrations": [{ with_rolled_back: false }],
  "platform/list_table_scans": [{ schemas: ["core", "shop"], min_rows: 1_000 }],
  "platform/ping": [{ token: 1 }],
  "platform/record_migration": [{ sha256: hash, duration_ms: 1 }],
};
