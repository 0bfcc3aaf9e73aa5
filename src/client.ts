import { treaty } from "@elysiajs/eden";
import type { Api } from "./app.ts";

/** Every call of the API with the types of its parameters and answers. */
export type Client = ReturnType<typeof treaty<Api>>;

/**
 * A typed client (Eden). `url` is the origin of a server; `token` gives the access token of each request, so that a
 * refreshed one is used at once.
 *
 * @example
 * const api = createClient("http://localhost:3000", () => token);
 * const { data, error } = await api.api.v1.jobs.get({ query: { status: ["active"], limit: 20 } });
 */
export function createClient(url: string, token: () => string | null = () => null): Client {
  return treaty<Api>(url, {
    headers: () => {
      const current = token();
      return current === null ? {} : { authorization: `Bearer ${current}` };
    },
    // Instants and dates stay what they are on the wire: text.
    parseDate: false,
  });
}
