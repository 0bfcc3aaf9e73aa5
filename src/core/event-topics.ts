import type { Deps } from "../http/deps.ts";
import type { Principal } from "../http/scope.ts";
import { isUuid } from "../platform/id.ts";

/** A kind of topic, `<kind>:<id>`: each module names its own. */
export type EventTopic = Readonly<{
  kind: string;
  /** Whether the person may listen to the thing with this id. */
  permits(deps: Pick<Deps, "db">, principal: Principal, id: string): Promise<boolean>;
}>;

/** One's own notifications have no id on the wire: there are no others. */
export const notifications = "notifications";

/** A topic as the outbox names it; null for what is no topic, and for what is not the person's. */
export type FindTopic = (principal: Principal, topic: string) => Promise<string | null>;

export function createFindTopic(deps: Pick<Deps, "db">, topics: readonly EventTopic[]): FindTopic {
  const byKind = new Map(topics.map((topic) => [topic.kind, topic]));
  return async (principal, topic) => {
    if (topic === notifications) return `${notifications}:${principal.user_id}`;
    const at = topic.indexOf(":");
    const found = byKind.get(topic.slice(0, at));
    const id = topic.slice(at + 1);
    // Capitals would be another topic to the outbox.
    if (found === undefined || !isUuid(id) || id !== id.toLowerCase()) return null;
    return (await found.permits(deps, principal, id)) ? topic : null;
  };
}
