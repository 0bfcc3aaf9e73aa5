// Liveness and readiness: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/

/** Where a replica is in its life; `serve` moves it, `/readyz` tells it. */
export type Lifecycle = {
  state: "starting" | "ready" | "draining";
  /** Why the database schema does not serve yet, null when it does. Asked at most once a second. */
  schemaProblem: () => Promise<string | null>;
};

/** Why no traffic may be sent here; null when it may. */
export async function unreadiness({ state, schemaProblem }: Lifecycle): Promise<string | null> {
  return state === "ready" ? schemaProblem() : state;
}
