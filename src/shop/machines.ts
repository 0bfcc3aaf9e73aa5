import { type Keyset, pageParameters } from "../http/pagination.ts";
import type { Caller } from "../http/scope.ts";
import type { MachineStatus } from "../platform/enums.ts";
import type { MachinePageParts, ProcessPageParts } from "./machines.cache.ts";

/** A page of machines in use, by code. */
export const machinePage = (
  { business_id }: Caller,
  query: Readonly<{ status?: MachineStatus; process_id?: string; limit?: number }>,
  after: Keyset | null = null,
): MachinePageParts => ({
  business_id,
  status: query.status ?? null,
  process_id: query.process_id?.toLowerCase() ?? null,
  ...pageParameters(query.limit, after),
});

/** A page of processes in the order the business gave them. */
export const processPage = (
  { business_id }: Caller,
  query: Readonly<{ is_active?: boolean; limit?: number }>,
  after: Keyset | null = null,
): ProcessPageParts => ({
  business_id,
  is_active: query.is_active ?? null,
  ...pageParameters(query.limit, after),
});
